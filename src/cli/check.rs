//! `epr-build check`.

use super::common::Exit;
use super::common::options::{ExceptionOptions, JobsOption, LayerOptions};
use super::common::settings::Choice;
use super::common::summary;
use super::common::talk;
use crate::base::progress::Progress;
use crate::build;
use crate::compare::holdings::Base;
use crate::config::settings::Settings;
use crate::input::excerpt::Excerpts;
use anyhow::Result;
use clap::Args;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  epr-build check --dist production
  epr-build check --all-dists --strict --quiet    for pull requests: silent when all is well
  epr-build check --dist staging --against ../main/packages    also apply the policies to what changed

Exit codes:
  0  all well
  1  packages would be quarantined, or --against refuses a change (with --strict: or there are conflicts or warnings)
  2  could not check: wrong usage or configuration, or the machine failed";

/// Report problems and conflicts, and write nothing
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Distribution to check; may be repeated
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
    jobs: JobsOption,
}

/// Checks.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    arguments.jobs.start_threads()?;
    let choice = Choice::new(&arguments.dists, arguments.all_dists);
    let resolved = arguments.layers.resolve(choice, arguments.strict)?;
    let settings = Settings { exceptions: arguments.exceptions.exceptions(), ..resolved };
    let progress = Progress::new(talk::quiet());
    let base = arguments.against.as_deref().map(|path| Base::open(path, &settings, &progress)).transpose()?;
    let (reports, timings) = build::check::check(&settings, base.as_ref(), &progress)?;
    progress.finish();
    let excerpts = Excerpts::new(&settings.layers, settings.config.limits);
    talk::say(&summary::render_problems(&reports, usize::MAX, !talk::quiet(), Path::new(""), &excerpts))?;
    if !talk::quiet() {
        let mut out = io::stdout().lock();
        for report in &reports {
            out.write_all(summary::render_summary(report).as_bytes())?;
        }
        writeln!(out, "nothing written; time: {timings}")?;
    }
    Ok(summary::exit(&reports, settings.strict))
}
