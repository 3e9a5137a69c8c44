//! What `add`, `promote` and `remove` have in common: their options, and what they say in the end.

use super::{Exit, settings};
use crate::cli::args::InputArgs;
use crate::compare::policy::Refused;
use crate::config::exceptions::{Exception, Exceptions};
use crate::config::settings::Settings;
use crate::edit::journal::{Action, LayerChange};
use crate::edit::{Done, Editor};
use anyhow::Result;
use clap::Args;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

/// Below the examples of each.
macro_rules! exit_codes {
    () => {
        "
Exit codes:
  0  done, or nothing to do
  1  refused: the package would be quarantined, a policy forbids it, or layers contradict each other; nothing was changed
  2  could not: wrong usage or configuration, another command at work, or the machine failed"
    };
}
pub(super) use exit_codes;

/// Options of all three.
#[derive(Args, Debug)]
pub struct EditArgs {
    /// Folder that holds one folder per layer; or git+file:CLONE, with a branch per layer
    #[arg(long, value_name = "DIR", default_value = "packages")]
    pub packages: PathBuf,
    /// Configuration file; without it epr-build.yml is read when it is there
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Commit what is changed, one commit a layer, in the git work tree that the layers are in
    #[arg(long)]
    pub commit: bool,
    /// Allow one version to break one policy; may be repeated. It is recorded
    #[arg(long, value_name = "RULE=PACKAGE@VERSION", requires = "reason")]
    pub allow_policy: Vec<Exception>,
    /// Why, for the log of the layer
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
    /// Print problems and failures only
    #[arg(long, short)]
    pub quiet: bool,
}

/// Runs one of them.
pub(super) fn run(arguments: &EditArgs, work: impl FnOnce(&Editor<'_>) -> Result<Done>) -> Result<Exit> {
    let input = InputArgs {
        dists: Vec::new(),
        all_dists: true,
        packages: arguments.packages.clone(),
        config: arguments.config.clone(),
        strict: false,
        jobs: None,
        quiet: arguments.quiet,
    };
    let reason = arguments.reason.clone();
    let exceptions = Exceptions { allowed: arguments.allow_policy.clone(), reason: reason.clone().unwrap_or_default() };
    let settings = Settings { exceptions, ..settings::resolve(&input)? };
    let editor =
        Editor { settings: &settings, reason, dry_run: arguments.dry_run, commit: arguments.commit, now: now() };
    match work(&editor) {
        Ok(done) => {
            if !arguments.quiet {
                io::stdout().write_all(told(&done, arguments.dry_run).as_bytes())?;
            }
            Ok(Exit::Clean)
        }
        Err(error) => {
            let refused = error.downcast::<Refused>()?;
            writeln!(io::stderr(), "{refused}\nnothing was changed")?;
            Ok(Exit::Problems)
        }
    }
}

/// What was done, a line each.
fn told(done: &Done, dry_run: bool) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    for words in &done.finished {
        let _ = writeln!(text, "finished what was interrupted: {words}");
    }
    for change in &done.changes {
        let _ = writeln!(text, "{}", line(change, dry_run));
    }
    for words in &done.already {
        let _ = writeln!(text, "nothing to do: {words}");
    }
    text
}

fn line(change: &LayerChange, dry_run: bool) -> String {
    let LayerChange { package, version, from, to, .. } = change;
    let (from, to) = (from.as_deref().unwrap_or_default(), to.as_deref().unwrap_or_default());
    let (done, would) = match change.action {
        Action::Added => ("added", "would add"),
        Action::Replaced => ("replaced", "would replace"),
        Action::Promoted => ("promoted", "would promote"),
        Action::Removed => ("removed", "would remove"),
    };
    let word = if dry_run { would } else { done };
    match change.action {
        Action::Added => format!("{word} {package}-{version} to {to}"),
        Action::Replaced => format!("{word} {package}-{version} in {to}"),
        Action::Promoted => format!("{word} {package}-{version} from {from} to {to}"),
        Action::Removed => format!("{word} {package}-{version} from {from}"),
    }
}

/// Seconds since 1970 for the log, `SOURCE_DATE_EPOCH` where it is set.
fn now() -> u64 {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    #[expect(clippy::disallowed_methods, reason = "a log of deeds tells times; nothing is built from it")]
    let clock = || std::time::SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    given.unwrap_or_else(clock)
}
