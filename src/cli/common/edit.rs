//! What `add`, `promote` and `remove` share: their options, and how they run and report.

use super::Exit;
use super::clock::unix_time;
use super::options::{JobsOption, LayerOptions};
use super::print::print;
use super::talk;
use crate::compare::policy::Refused;
use crate::config::exceptions::{Exception, Exceptions};
use crate::config::settings::Settings;
use crate::edit::journal::{Action, LayerChange};
use crate::edit::{Done, Editor};
use anyhow::Result;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;

/// Below the examples of each.
pub(in crate::cli) const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing to do
  1  refused: the package would be quarantined, a policy forbids the change, or layers contradict each other; nothing was changed
  2  could not: wrong usage or configuration, another command is at work, or the machine failed";

/// Options of all three.
#[derive(Args, Debug)]
pub(in crate::cli) struct EditOptions {
    #[command(flatten)]
    layers: LayerOptions,
    /// Print what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Commit the changes in the git work tree that holds the layers, with one commit for each layer
    #[arg(long)]
    commit: bool,
    /// Allow one version to break one policy; may be repeated. The layer's log records it
    #[arg(long, value_name = "RULE=PACKAGE@VERSION", requires = "reason")]
    allow_policy: Vec<Exception>,
    /// Reason for the change, which the layer's log records
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: Option<String>,
    #[command(flatten)]
    jobs: JobsOption,
}

/// Runs one of them on some layers, and reports what it did.
pub(in crate::cli) fn run(
    options: &EditOptions,
    layers: &[&String],
    work: impl FnOnce(&Editor<'_>) -> Result<Done>,
) -> Result<Exit> {
    options.jobs.start_threads()?;
    let reason = options.reason.clone();
    let exceptions = Exceptions { allowed: options.allow_policy.clone(), reason: reason.clone().unwrap_or_default() };
    let settings = Settings { exceptions, ..options.layers.resolve_for(layers)? };
    let editor = Editor { settings: &settings, reason, dry_run: options.dry_run, commit: options.commit, now: now() };
    match work(&editor) {
        Ok(done) => {
            for warning in &done.warnings {
                talk::say(&format!("{warning}\n"))?;
            }
            if !talk::quiet() {
                print(&render_done(&done, options.dry_run))?;
            }
            Ok(Exit::Clean)
        }
        Err(error) => {
            let refused = error.downcast::<Refused>()?;
            talk::say(&format!("{refused}\nnothing was changed\n"))?;
            Ok(Exit::Problems)
        }
    }
}

/// What was done, one line for each change.
fn render_done(done: &Done, dry_run: bool) -> String {
    let finished = done.finished.iter().map(|words| format!("finished an interrupted command: {words}\n"));
    let changes = done.changes.iter().map(|change| render_change(change, dry_run) + "\n");
    let already = done.already.iter().map(|words| format!("nothing to do: {words}\n"));
    finished.chain(changes).chain(already).collect()
}

fn render_change(change: &LayerChange, dry_run: bool) -> String {
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

/// The time for the log: `SOURCE_DATE_EPOCH` if it is set, otherwise the present time.
fn now() -> u64 {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(unix_time)
}
