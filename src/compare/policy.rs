//! What may happen to published versions: what was, what is, and the rules of the layers between them.
//!
//! A version that moves to a layer further up is promoted, and nobody loses it. Everything else that changes what clients
//! have seen is compared with the policy of the layer it was published from. What is allowed all the same is kept for ever,
//! beside the generations and not in them, so that equal input gives equal bytes whatever was before.

use crate::base::problem::{Problem, Severity};
use crate::compare::holdings::{Holding, Holdings, Key};
use crate::config::exceptions::{CHANGED, DIFFERS_BELOW, Exception, Exceptions, REMOVED, Stack};
use crate::config::layer::{Layer, Policy};
use crate::generation::distribution::Distribution;
use crate::store::Store;
use anyhow::Result;
use std::fmt;

/// How many changed files are named.
const MAX_FILES: usize = 5;

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What is refused, or only warned of.
    pub problems: Vec<Problem>,
    /// Exceptions that were needed.
    pub used: Vec<Exception>,
}

/// A change that a policy may forbid.
pub(crate) struct Change<'a> {
    /// The rule that it breaks.
    pub(crate) rule: &'a str,
    /// Name and version.
    pub(crate) key: &'a Key,
    /// Name of the layer whose policy counts.
    pub(crate) layer: &'a str,
    /// Path of the package in its layer.
    pub(crate) package: &'a str,
    /// What happened, for people.
    pub(crate) message: String,
}

/// The refusals that stopped a build.
#[derive(Debug)]
pub struct Refused(pub Vec<Problem>);

/// One after the other, in the form people read.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&texts.join("\n"))
    }
}

impl std::error::Error for Refused {}

/// Compares what is with what was.
///
/// # Errors
/// When a list of files cannot be read.
pub fn compare(
    was: &Holdings,
    now: &Holdings,
    stack: &Stack<'_>,
    exceptions: &Exceptions,
    store: Option<&Store>,
) -> Result<Verdict> {
    let mut verdict = Verdict::default();
    for (key, before) in &was.versions {
        match now.versions.get(key) {
            None => {
                let message = format!("{} is published from layer `{}` and is gone", id(key), before.layer);
                verdict.add(stack, exceptions, before.change(REMOVED, key, message));
            }
            Some(after) => {
                if stack.position(&after.layer) > stack.position(&before.layer) {
                    let message = format!(
                        "{} is published from layer `{}` and now comes from `{}` further down",
                        id(key),
                        before.layer,
                        after.layer
                    );
                    verdict.add(stack, exceptions, before.change(REMOVED, key, message));
                }
                let files = before.differing(after, store)?;
                if !files.is_empty() {
                    let what = if after.layer == before.layer {
                        format!("{} is published from layer `{}` with other content", id(key), before.layer)
                    } else {
                        format!(
                            "{} is published from layer `{}` and has other content in `{}`",
                            id(key),
                            before.layer,
                            after.layer
                        )
                    };
                    let message = format!("{what}: {}", few(&files));
                    let package = &after.package;
                    verdict.add(stack, exceptions, Change { package, ..before.change(CHANGED, key, message) });
                }
            }
        }
    }
    for ((key, used, below), files) in &now.conflicts {
        let Some(holding) = now.versions.get(key) else { continue };
        if !was.conflicts.contains_key(&(key.clone(), used.clone(), below.clone())) {
            let message = format!("{} of layer `{used}` differs from the one in `{below}`: {}", id(key), few(files));
            let change = Change { rule: DIFFERS_BELOW, key, layer: used, package: &holding.package, message };
            verdict.add(stack, exceptions, change);
        }
    }
    Ok(verdict)
}

impl Verdict {
    /// The problems that stop a build.
    pub fn refusals(&self) -> Vec<Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Refusal).cloned().collect()
    }

    /// Adds what the policy of the version's layer makes of a change.
    pub(crate) fn add(&mut self, stack: &Stack<'_>, exceptions: &Exceptions, change: Change<'_>) {
        let Change { rule, key, layer, package, message } = change;
        let free = Layer::default();
        let rules = stack.layers.iter().find(|(name, _)| *name == layer).map_or(&free, |(_, rules)| rules);
        let (overwrite, removal) = rules.policies(layer);
        let (policy, is_written) =
            if rule == REMOVED { (removal, rules.removal.is_some()) } else { (overwrite, rules.overwrite.is_some()) };
        if policy == Policy::Allow {
            return;
        }
        let exception = Exception { rule: rule.to_owned(), name: key.0.clone(), version: key.1.to_string() };
        if exceptions.allowed.contains(&exception) {
            self.used.push(exception);
            return;
        }
        let remedy = match rule {
            REMOVED => "put it back",
            CHANGED => "undo the change and publish it as a new version",
            _ => "remove one of the two, or give the changed package a new version",
        };
        let hint = format!("{remedy}, or allow it with `--allow-policy {exception} --reason TEXT`");
        let refuses = is_written || stack.is_strict;
        let problem = if refuses { Problem::refusal(rule, message) } else { Problem::warning(rule, message) };
        self.problems.push(problem.within(layer, package).hint(hint));
    }
}

impl Holding {
    /// A change to this published version.
    fn change<'a>(&'a self, rule: &'a str, key: &'a Key, message: String) -> Change<'a> {
        Change { rule, key, layer: &self.layer, package: &self.package, message }
    }
}

/// `<name>-<version>`.
pub(crate) fn id(key: &Key) -> String {
    format!("{}-{}", key.0, key.1)
}

/// The first files, and how many more there are.
pub(crate) fn few(files: &[String]) -> String {
    let mut text = files.iter().take(MAX_FILES).cloned().collect::<Vec<_>>().join(", ");
    if let Some(more @ 1..) = files.len().checked_sub(MAX_FILES) {
        text += &format!(" and {more} more");
    }
    text
}

/// Compares the generation in use of a distribution with what would take its place, and keeps the exceptions that were
/// needed. Without a generation in use everything is allowed.
///
/// # Errors
/// [`Refused`]; or when lists of files cannot be read or exceptions not be kept.
pub fn guard(
    distribution: &Distribution,
    now: &Holdings,
    stack: &Stack<'_>,
    exceptions: &Exceptions,
    store: &Store,
) -> Result<Verdict> {
    let Some(id) = distribution.current() else { return Ok(Verdict::default()) };
    let was = match Holdings::of_generation(&distribution.generation(&id)) {
        Ok(was) => was,
        Err(error) => {
            // A damaged generation must not keep a good one from taking its place.
            let message = format!("cannot compare with the generation in use: {error:#}");
            return Ok(Verdict { problems: vec![Problem::warning("unknown-base", message)], used: Vec::new() });
        }
    };
    compare(&was, now, stack, exceptions, Some(store))
}
