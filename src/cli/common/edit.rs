//! What `add`, `promote` and `remove` share: their options, and how they run and report.

use super::Exit;
use super::clock::unix_time;
use super::located::{Located, locate};
use super::options::{Format, FormatOption, JobsOption, LayerOptions};
use super::print::{print, print_json};
use super::talk;
use super::unneeded;
use crate::compare::policy::Refused;
use crate::config::exceptions::{Exception, Exceptions};
use crate::config::settings::Settings;
use crate::edit::journal::{Action, LayerChange};
use crate::edit::{Done, Editor};
use crate::input::excerpt::Excerpts;
use anyhow::Result;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

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
    #[command(flatten)]
    format: FormatOption,
}

/// What one of them did, or would do.
#[derive(Serialize)]
struct Answer {
    dry_run: bool,
    /// True if nothing was changed because of the problems.
    refused: bool,
    /// The changes, in order, as the log of the layer has them.
    changes: Vec<LayerChange>,
    /// Interrupted steps of an earlier command that were finished, in words.
    finished: Vec<String>,
    /// What was asked for and was so already, in words.
    already: Vec<String>,
    problems: Vec<Located>,
}

/// Runs one of them on some layers, and reports what it did. `named` are packages outside of all layers.
pub(in crate::cli) fn run(
    options: &EditOptions,
    layers: &[&String],
    named: &[PathBuf],
    work: impl FnOnce(&Editor<'_>) -> Result<Done>,
) -> Result<Exit> {
    let format = options.format.format()?;
    options.jobs.start_threads()?;
    let (reason, dry_run) = (options.reason.clone(), options.dry_run);
    let exceptions = Exceptions { allowed: options.allow_policy.clone(), reason: reason.clone().unwrap_or_default() };
    let settings = Settings { exceptions, ..options.layers.resolve_for(layers)? };
    let editor = Editor { settings: &settings, reason, dry_run, commit: options.commit, now: now() };
    let (done, refused) = match work(&editor) {
        Ok(done) => (done, None),
        Err(error) => (Done::default(), Some(error.downcast::<Refused>()?)),
    };
    if refused.is_none() {
        let is_needed =
            |exception: &Exception| done.changes.iter().any(|change| change.allowed.contains(&exception.to_string()));
        unneeded::tell(&options.allow_policy, is_needed, (false, false))?;
    }
    let exit = if refused.is_some() || !done.unsigned.is_empty() { Exit::Problems } else { Exit::Clean };
    match (format, &refused) {
        (Format::Json, _) => {
            let excerpts = Excerpts::new(&settings.layers, settings.config.limits);
            let Done { finished, changes, mut warnings, unsigned, already } = done;
            warnings.extend(unsigned);
            let problems = refused.as_ref().map_or(&warnings, |Refused(problems)| problems);
            let problems = locate(problems, &excerpts, named);
            let refused = refused.is_some();
            print_json(&Answer { dry_run, refused, changes, finished, already, problems })?;
        }
        (Format::Text, Some(Refused(problems))) => {
            // With the line of the package that a problem points to, as builds show it.
            let excerpts = Excerpts::new(&settings.layers, settings.config.limits);
            let texts: String = problems.iter().map(|problem| excerpts.render(problem) + "\n").collect();
            talk::say(&format!("{texts}nothing was changed\n"))?;
        }
        (Format::Text, None) => {
            for warning in &done.warnings {
                talk::say(&format!("{warning}\n"))?;
            }
            if !talk::quiet() {
                print(&render_done(&done, dry_run))?;
            }
            for problem in &done.unsigned {
                talk::say(&format!("{problem}\n"))?;
            }
            if !done.unsigned.is_empty() {
                let packages: BTreeSet<_> =
                    done.unsigned.iter().map(|problem| problem.place.package.as_str()).collect();
                let packages: Vec<_> = packages.into_iter().collect();
                talk::say(&format!("error: these stay without a good signature: {}\n", packages.join(", ")))?;
            }
        }
    }
    Ok(exit)
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
        Action::Pruned => ("pruned", "would prune"),
        Action::Mirrored => ("mirrored", "would mirror"),
        Action::Signed => ("signed", "would sign"),
    };
    let word = if dry_run { would } else { done };
    match change.action {
        Action::Added | Action::Mirrored => format!("{word} {package}-{version} to {to}"),
        Action::Replaced => format!("{word} {package}-{version} in {to}"),
        Action::Promoted => format!("{word} {package}-{version} from {from} to {to}"),
        Action::Removed | Action::Pruned => format!("{word} {package}-{version} from {from}"),
        Action::Signed => format!("{word} {package}-{version} in {to}"),
    }
}

/// The time for the log: `SOURCE_DATE_EPOCH` if it is set, otherwise the present time.
pub(in crate::cli) fn now() -> u64 {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(unix_time)
}
