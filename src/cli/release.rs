//! `epr-build release`: pins a generation under the version of a stack, lists and removes such releases.

use super::Exit;
use super::args::DistributionArgs;
use super::settings::read_config;
use super::upkeep::existing;
use crate::base::fs::Lock;
use crate::base::progress::Progress;
use crate::build::compatible;
use crate::dialect::version::Version;
use crate::generation::distribution::Distribution;
use crate::generation::history_page;
use crate::generation::release::{Pinned, Release, check_name};
use anyhow::{Result, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use std::io::{self, Write};
use std::path::PathBuf;

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build release 8.5.0 --dist production
  epr-build release 8.5.0 --dist production --generation 0123456789abcdef
  epr-build release --kibana 8.5.0 --only-compatible --dist production
  epr-build release --list --dist production
  epr-build release --remove 8.5.0 --dist production --reason \"the stack is gone\"

A release never changes, is never forgotten, and lies below /release/8.5.0/ of its distribution on every server: set \
registryUrl to that. nginx, Apache and Caddy want a reload.

Exit codes:
  0  released, or it was released before with the same content
  2  refused: the name stands for another content; or wrong usage, or the machine failed";

/// Arguments of `release`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Version of the stack, such as 8.5.0; that of --kibana when absent
    #[arg(value_name = "VERSION", required_unless_present_any = ["list", "remove", "kibana"])]
    pub name: Option<String>,
    /// Of which distribution.
    #[command(flatten)]
    pub distribution: DistributionArgs,
    /// Generation to pin, or another release of it; the one in use when absent
    #[arg(long, value_name = "ID")]
    pub generation: Option<String>,
    /// Version of the Kibana that the release is restricted to
    #[arg(long, value_name = "VERSION", requires = "only_compatible", value_parser = kibana)]
    pub kibana: Option<Version>,
    /// Leave out what this Kibana can not get and does not need for upgrades
    #[arg(long, requires = "kibana")]
    pub only_compatible: bool,
    /// Configuration file, whose budget and clients count for --only-compatible; without it epr-build.yml is read when it
    /// is there
    #[arg(long, value_name = "FILE", requires = "kibana")]
    pub config: Option<PathBuf>,
    /// List the releases
    #[arg(long, conflicts_with_all = ["name", "generation", "kibana", "remove"])]
    pub list: bool,
    /// Remove a release; builds may then forget its generation
    #[arg(long, value_name = "VERSION", requires = "reason", conflicts_with_all = ["name", "generation", "kibana"])]
    pub remove: Option<String>,
    /// Why it is removed
    #[arg(long, value_name = "TEXT", requires = "remove", value_parser = NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
}

/// A version of Kibana, three numbers.
fn kibana(text: &str) -> Result<Version, String> {
    let version = Version::loose(text).map_err(|error| format!("{error}; write it as 8.17.3"))?;
    check_name(text).map_err(|_| "write it as 8.17.3".to_owned())?;
    Ok(version)
}

/// Does one of the three.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let DistributionArgs { dist, out } = &arguments.distribution;
    let distribution = existing(out, dist)?;
    if arguments.list {
        let mut text = io::stdout().lock();
        for release in distribution.releases()? {
            writeln!(text, "{}", line(&distribution, &release))?;
        }
        return Ok(Exit::Clean);
    }
    let _lock = Lock::take(out)?;
    if let Some(name) = &arguments.remove {
        let release = distribution.unpin(name, arguments.reason.as_deref().unwrap_or_default())?;
        history_page::write(&distribution)?;
        let id = release.generation;
        let others = distribution.releases()?.into_iter().filter(|other| other.generation == id).count();
        let fate = if distribution.current().as_ref() == Some(&id) || others > 0 {
            "stays in use"
        } else {
            "is kept no longer than others"
        };
        writeln!(io::stdout(), "{dist}: release {name} is removed; generation {id} {fate}")?;
        return Ok(Exit::Clean);
    }
    pin(arguments, &distribution)
}

fn pin(arguments: &Arguments, distribution: &Distribution) -> Result<Exit> {
    let dist = distribution.name();
    let Some(name) = arguments.name.clone().or_else(|| arguments.kibana.as_ref().map(ToString::to_string)) else {
        bail!("no version is named\nhint: write `epr-build release 8.5.0 --dist {dist}`")
    };
    check_name(&name)?;
    let from = match &arguments.generation {
        Some(id) => distribution.resolve(id)?,
        None => distribution.current().unwrap_or_default(),
    };
    let mut kept = String::new();
    let generation = match &arguments.kibana {
        None => from,
        Some(kibana) => {
            let config = read_config(arguments.config.as_deref())?;
            let progress = Progress::new(false);
            let made =
                compatible::generation(&arguments.distribution.out, distribution, &from, kibana, &config, &progress)?;
            progress.finish();
            kept = format!("\n  {:<18} {} of {} versions of generation {from}", "holds", made.kept, made.all);
            made.generation
        }
    };
    let kibana = arguments.kibana.as_ref().map(ToString::to_string);
    let pinned = distribution.pin(&name, &generation, kibana.as_deref())?;
    let mut out = io::stdout().lock();
    match pinned {
        Pinned::New => writeln!(out, "{dist}: release {name} is generation {generation}{kept}")?,
        Pinned::Before => writeln!(out, "{dist}: release {name} is there already, as generation {generation}{kept}")?,
    }
    if pinned == Pinned::New {
        history_page::write(distribution)?;
        let path =
            distribution.releases()?.into_iter().find(|release| release.name == name).map(|release| release.path);
        writeln!(
            out,
            "  {:<18} {}/ of its distribution; reload nginx, Apache and Caddy",
            "lies below",
            path.unwrap_or_default()
        )?;
    }
    Ok(Exit::Clean)
}

fn line(distribution: &Distribution, release: &Release) -> String {
    let size = match distribution.report(&release.generation) {
        Some(report) => format!("{} versions of {} packages", report.versions, report.packages),
        None => "without a report".to_owned(),
    };
    let only = release.kibana.as_ref().map(|kibana| format!("  only for Kibana {kibana}")).unwrap_or_default();
    format!("{:<12} {}  {size}{only}", release.name, release.generation)
}
