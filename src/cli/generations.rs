//! `epr-build generations`.

use super::common::Exit;
use super::common::failures::built_distribution;
use super::common::options::OutputFolder;
use crate::base::words::counted;
use anyhow::Result;
use clap::Args;
use std::io::{self, Write};

/// List the generations of a distribution, the newest first
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Distribution whose generations are listed
    #[arg(long, value_name = "NAME")]
    dist: String,
    #[command(flatten)]
    folder: OutputFolder,
}

/// Lists them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let distribution = built_distribution(&arguments.folder.out, &arguments.dist)?;
    let (current, releases) = (distribution.current(), distribution.releases()?);
    let mut out = io::stdout().lock();
    for id in distribution.generations()? {
        let mut mark = if Some(&id) == current.as_ref() { "  in use".to_owned() } else { String::new() };
        for release in releases.iter().filter(|release| release.generation == id) {
            mark += &format!("  release {}", release.name);
        }
        match distribution.report(&id) {
            Some(report) => {
                let (versions, packages) = (counted(report.versions, "version"), counted(report.packages, "package"));
                writeln!(out, "{id}  {versions} of {packages}{mark}")?;
            }
            None => writeln!(out, "{id}  without a report{mark}")?,
        }
    }
    Ok(Exit::Clean)
}
