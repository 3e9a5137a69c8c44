//! `epr-build check`.

mod answer;
mod findings;
mod github;
mod sarif;

use super::common::Exit;
use super::common::options::{ExceptionOptions, JobsOption, LayerOptions, LossOption};
use super::common::print::{print, print_exact, print_json};
use super::common::settings::Choice;
use super::common::summary;
use super::common::talk;
use crate::base::progress::{Progress, Timings};
use crate::build;
use crate::compare::holdings::Base;
use crate::config::settings::Settings;
use crate::input::excerpt::Excerpts;
use crate::site::report::Report;
use anyhow::Result;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  epr-build check --dist production
  epr-build check --all-dists --strict --quiet    for pull requests: silent when all is well
  epr-build check --dist staging --against ../main/packages    also apply the policies to what changed
  epr-build check --all-dists --format sarif > epr.sarif    for code scanning; docs/guides/ci.md has recipes

Exit codes:
  0  all well
  1  packages would be quarantined, or --against refuses a change (with --strict: or there are conflicts or warnings)
  2  could not check: wrong usage or configuration, or the machine failed";

/// Report problems and conflicts, and write nothing
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Distribution to check; may be repeated [default: the one of the configuration, if it has one alone]
    #[arg(long = "dist", value_name = "NAME")]
    dists: Vec<String>,
    /// Check every distribution: the built-in ones and those in the configuration
    #[arg(long, conflicts_with = "dists")]
    all_dists: bool,
    #[command(flatten)]
    layers: LayerOptions,
    /// Quarantine packages that fail validation, and exit with 1 on conflicts between layers or warnings
    #[arg(long)]
    strict: bool,
    /// Compare with an earlier state, and refuse changes that a layer's policy forbids: a generation, an output folder, a
    /// folder of layers, or git+file:CLONE#REF, with :FOLDER if the layers lie in one
    #[arg(long, value_name = "BASE")]
    against: Option<PathBuf>,
    #[command(flatten)]
    exceptions: ExceptionOptions,
    #[command(flatten)]
    loss: LossOption,
    /// Format of the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    jobs: JobsOption,
}

/// Formats of the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for people
    Text,
    /// JSON for programs
    Json,
    /// Annotations of files in GitHub Actions
    Github,
    /// SARIF 2.1.0 for code scanning
    Sarif,
}

/// Checks.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    arguments.jobs.start_threads()?;
    let choice = Choice::new(&arguments.dists, arguments.all_dists);
    let resolved = arguments.layers.resolve(choice, arguments.strict)?;
    let (exceptions, accept_loss) = (arguments.exceptions.exceptions(), arguments.loss.accept_loss);
    let settings = Settings { exceptions, accept_loss, ..resolved };
    let progress = Progress::new(talk::quiet());
    let base = arguments.against.as_deref().map(|path| Base::open(path, &settings, &progress)).transpose()?;
    let (reports, timings) = build::check::check(&settings, base.as_ref(), &progress)?;
    progress.finish();
    summary::tell_unneeded(&settings, &reports)?;
    let exit = summary::exit(&reports, settings.strict);
    let excerpts = Excerpts::new(&settings.layers, settings.config.limits);
    let findings = || findings::findings(&reports, !talk::quiet(), &excerpts);
    match arguments.format {
        Format::Text => print_text(&reports, &timings, &excerpts)?,
        Format::Json => print_json(&answer::answer(&reports, exit == Exit::Clean, &excerpts))?,
        Format::Github => print_exact(&github::render(&findings()))?,
        Format::Sarif => print_json(&sarif::log(&findings(), exit == Exit::Clean))?,
    }
    Ok(exit)
}

fn print_text(reports: &[Report], timings: &Timings, excerpts: &Excerpts<'_>) -> Result<()> {
    talk::say(&summary::render_problems(reports, usize::MAX, !talk::quiet(), Path::new(""), excerpts))?;
    if !talk::quiet() {
        let summaries: String = reports.iter().map(summary::render_summary).collect();
        print(&format!("{summaries}nothing written; time: {timings}\n"))?;
    }
    Ok(())
}
