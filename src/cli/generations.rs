//! `epr-build generations`.

use super::common::Exit;
use super::common::failures::wanted_distribution;
use super::common::options::{Format, FormatOption, OutputFolder};
use super::common::print::{print, print_json};
use crate::base::time;
use crate::base::words::counted;
use crate::generation::distribution::Distribution;
use crate::generation::uses::Use;
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  epr-build generations --dist production
  epr-build generations --dist production --format json

Each line has the name, what is in it, when it was last taken into use (UTC), and the version of epr-build that first took it \
into use. Generations of earlier versions of epr-build have no date.";

/// List the generations of a distribution, the newest first
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Distribution whose generations are listed [default: the only one in the output folder]
    #[arg(long, value_name = "NAME")]
    dist: Option<String>,
    #[command(flatten)]
    folder: OutputFolder,
    #[command(flatten)]
    format: FormatOption,
}

/// One generation.
#[derive(Serialize)]
struct Listed {
    generation: String,
    in_use: bool,
    /// Absent without a report.
    versions: Option<usize>,
    packages: Option<usize>,
    /// When it was last taken into use.
    since: Option<String>,
    /// The version of the program that first took it into use.
    program: Option<String>,
    releases: Vec<String>,
    /// Links of web servers that lead to it, see the command `include`.
    included: Vec<PathBuf>,
    /// Whether `serve` answers from it.
    served: bool,
}

/// Lists them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let format = arguments.format.format()?;
    let distribution = wanted_distribution(&arguments.folder.out, arguments.dist.as_deref())?;
    let listed = list(&distribution)?;
    match format {
        Format::Json => print_json(&listed)?,
        Format::Text => print(&listed.iter().map(render).collect::<String>())?,
    }
    Ok(Exit::Clean)
}

fn list(distribution: &Distribution) -> Result<Vec<Listed>> {
    let (current, releases, uses) = (distribution.current(), distribution.releases()?, distribution.uses());
    let includes = distribution.includes()?;
    let listed = distribution.generations()?.into_iter().map(|id| {
        let of_this = || uses.iter().filter(|one: &&Use| one.id == id);
        let report = distribution.report(&id);
        let links = includes.iter().filter(|include| include.generation == id);
        let named = releases.iter().filter(|release| release.generation == id);
        Listed {
            in_use: Some(&id) == current.as_ref(),
            versions: report.as_ref().map(|report| report.versions),
            packages: report.as_ref().map(|report| report.packages),
            since: of_this().filter_map(|one| one.since).next_back().map(time::rfc3339),
            program: of_this().find_map(|one| one.program.clone()),
            releases: named.map(|release| release.name.clone()).collect(),
            included: links.map(|include| include.at.clone()).collect(),
            served: distribution.is_held(&id),
            generation: id,
        }
    });
    Ok(listed.collect())
}

fn render(listed: &Listed) -> String {
    let Listed { generation, in_use, versions, packages, since, program, releases, included, served } = listed;
    let mut line = match (versions, packages) {
        (Some(versions), Some(packages)) => {
            format!("{generation}  {} of {}", counted(*versions, "version"), counted(*packages, "package"))
        }
        _ => format!("{generation}  without a report"),
    };
    since.iter().for_each(|since| line += &format!("  {since}"));
    program.iter().for_each(|program| line += &format!("  epr-build {program}"));
    line += if *in_use { "  in use" } else { "" };
    line += if *served { "  served" } else { "" };
    releases.iter().for_each(|release| line += &format!("  release {release}"));
    included.iter().for_each(|at| line += &format!("  included at {}", at.display()));
    line + "\n"
}
