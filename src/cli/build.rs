//! `epr-build build`, the default command.

use super::common::Exit;
use super::common::failures::{render, with_output_hint};
use super::common::options::{DEFAULT_OUT, ExceptionOptions, JobsOption, KeepOption, LayerOptions, LossOption};
use super::common::print::print;
use super::common::settings::Choice;
use super::common::summary;
use super::common::talk;
use crate::base::progress::{Progress, Timings};
use crate::build;
use crate::config::settings::Settings;
use crate::generation::distribution::Distribution;
use crate::generation::history_page;
use crate::input::excerpt::Excerpts;
use crate::site::report::Report;
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Below the options, also in the help of the program.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build --dist staging              packages/production and packages/staging -> out/staging
  epr-build --dist staging --dist snapshot
  epr-build --all-dists --packages /srv/packages --out /srv/epr
  epr-build check --dist production     report problems and conflicts, write nothing
  epr-build serve --dist staging        serve the build on http://127.0.0.1:8080
  epr-build generate bash > /usr/share/bash-completion/completions/epr-build

Exit codes:
  0  all well
  1  built, but packages were quarantined (with --strict: or there are conflicts or warnings)
  2  could not build: wrong usage or configuration, a policy refused the change, or the machine failed (disk, lock, network)";

/// How many problems are printed, unless more is to be said. All of them are in the report, or in the advice.
const MAX_PROBLEMS: usize = 20;
/// The shortest pause between two looks at the layers with `--watch`.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// The pause between two looks, as a multiple of the time that a look takes.
const WATCH_SHARE: u32 = 10;

/// Build distributions (the default command)
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Distribution to build; may be repeated [default: the one of the configuration, if it has one alone]
    #[arg(long = "dist", value_name = "NAME")]
    dists: Vec<String>,
    /// Build every distribution: the built-in ones and those in the configuration
    #[arg(long, conflicts_with = "dists")]
    all_dists: bool,
    #[command(flatten)]
    layers: LayerOptions,
    /// Quarantine packages that fail validation, and exit with 1 on conflicts between layers or warnings
    #[arg(long)]
    strict: bool,
    /// Output folder to write the distributions to
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    out: PathBuf,
    #[command(flatten)]
    keep: KeepOption,
    /// Ignore what earlier builds found out, and read every package again
    #[arg(long)]
    no_cache: bool,
    /// Build a second time from nothing, and compare every byte, mode and time
    #[arg(long)]
    verify_clean: bool,
    /// Keep running, and build again whenever a package or the configuration changes
    #[arg(long, conflicts_with = "verify_clean")]
    watch: bool,
    #[command(flatten)]
    exceptions: ExceptionOptions,
    #[command(flatten)]
    loss: LossOption,
    #[command(flatten)]
    jobs: JobsOption,
}

impl Arguments {
    fn settings(&self) -> Result<Settings> {
        let resolved = self.layers.resolve(Choice::new(&self.dists, self.all_dists), self.strict)?;
        Ok(Settings {
            use_cache: !self.no_cache,
            keep: self.keep.generations(),
            exceptions: self.exceptions.exceptions(),
            accept_loss: self.loss.accept_loss,
            ..resolved
        })
    }
}

/// Builds.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    arguments.jobs.start_threads()?;
    if arguments.watch {
        return watch(arguments);
    }
    let (settings, out, quiet) = (arguments.settings()?, &arguments.out, talk::quiet());
    let progress = Progress::new(quiet);
    let (reports, timings) = build::build(&settings, out, &progress).map_err(|error| with_output_hint(error, out))?;
    if arguments.verify_clean {
        build::verify::equals_clean_build(&settings, out, &progress).context("the build differs from a clean build")?;
    }
    progress.finish();
    print_results(arguments, &settings, &reports, &timings)?;
    if arguments.verify_clean && !quiet {
        print("verified: a clean build gives the same\n")?;
    }
    Ok(summary::exit(&reports, settings.strict))
}

/// Builds whenever something changed, until the process is ended. A failure is printed, and the build is tried again.
///
/// It looks for changes again and again instead of waiting for them: that works on every file system, and a look is cheap.
fn watch(arguments: &Arguments) -> Result<Exit> {
    let mut last = String::new();
    loop {
        let begin = Instant::now();
        let outcome = match watched_build(arguments) {
            Ok((settings, reports, timings)) => {
                let outcome = reports.iter().map(Report::to_json).collect();
                if outcome != last {
                    print_results(arguments, &settings, &reports, &timings)?;
                }
                outcome
            }
            Err(error) => {
                let outcome = render(&error);
                if outcome != last {
                    talk::say(&outcome)?;
                }
                outcome
            }
        };
        last = outcome;
        std::thread::sleep((begin.elapsed() * WATCH_SHARE).max(WATCH_INTERVAL));
    }
}

fn watched_build(arguments: &Arguments) -> Result<(Settings, Vec<Report>, Timings)> {
    let settings = arguments.settings()?;
    let (reports, timings) = build::build(&settings, &arguments.out, &Progress::new(true))?;
    Ok((settings, reports, timings))
}

/// Warns of what the build met beside the generations of a distribution.
fn warn_of_place(distribution: &Distribution) -> Result<()> {
    for folder in distribution.set_aside() {
        let path = folder.display();
        talk::say(&format!(
            "warning: `{path}` is a folder that was in the place of the link `current`\nhint: remove it when nothing in it is needed\n"
        ))?;
    }
    if !history_page::is_intact(distribution) {
        let folder = distribution.folder().display();
        talk::say(&format!(
            "warning: the history of `{folder}` could not be written\nhint: the next build writes it\n"
        ))?;
    }
    Ok(())
}

/// Prints problems, and a summary of each distribution.
fn print_results(arguments: &Arguments, settings: &Settings, reports: &[Report], timings: &Timings) -> Result<()> {
    let excerpts = Excerpts::new(&settings.layers, settings.config.limits);
    let limit = if talk::verbose() { usize::MAX } else { MAX_PROBLEMS };
    talk::say(&summary::render_problems(reports, limit, !talk::quiet(), &arguments.out, &excerpts))?;
    talk::say(arguments.keep.warning())?;
    for report in reports {
        warn_of_place(&Distribution::new(&arguments.out, &report.distribution))?;
    }
    summary::tell_unneeded(settings, reports)?;
    if !talk::quiet() {
        let mut text = String::new();
        for (report, plan) in reports.iter().zip(&settings.distributions) {
            text += &summary::render_summary(report);
            text += &summary::render_how_to_serve(report, plan, &arguments.out);
        }
        print(&format!("{text}time: {timings}\n"))?;
    }
    Ok(())
}
