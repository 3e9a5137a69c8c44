//! Comparing a build with the generation in use, by the policies of the layers.
//!
//! A version that moves to a layer further up is promoted, and nobody loses it. Every other change of a published version
//! is judged by the policy of the layer that it was published from. Exceptions are recorded permanently beside the
//! generations, not in them, so that equal input gives equal bytes whatever was built before.

use crate::base::problem::{Problem, Severity};
use crate::base::rule::Rule;
use crate::base::words::few;
use crate::compare::holdings::{Holdings, Key};
use crate::config::exceptions::{Exception, Exceptions, Moment, PolicyRule, Stack};
use crate::config::layer::{Layer, Policy};
use crate::generation::distribution::Distribution;
use crate::site::report::Change;
use crate::store::Store;
use anyhow::Result;
use std::fmt;

/// Result of a comparison.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Refusals and warnings.
    pub problems: Vec<Problem>,
    /// Exceptions that were needed.
    pub used: Vec<Exception>,
    /// What the layers lost too much of, with reasons.
    pub losses: Vec<Problem>,
    /// Refusals because a selection leaves out too much of what is in use.
    pub narrowed: Vec<Problem>,
    /// How many versions came and went; absent if nothing was in use.
    pub change: Option<Change>,
    /// True if more was lost than a build takes for well, and that was accepted.
    pub is_loss_accepted: bool,
}

/// A change of a published version that a policy may forbid.
pub(crate) struct Breach<'a> {
    /// The rule that it breaks.
    pub(crate) rule: PolicyRule,
    /// Before or after the change is made.
    pub(crate) moment: Moment,
    /// The version.
    pub(crate) key: &'a Key,
    /// Layer whose policy counts, and path of the package in it.
    pub(crate) place: (&'a str, &'a str),
    /// The reason, as in [`Problem::message`].
    pub(crate) message: String,
}

/// The refusals that stopped a build.
#[derive(Debug)]
pub struct Refused(pub Vec<Problem>);

/// Prints the problems one after the other.
impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&texts.join("\n"))
    }
}

impl std::error::Error for Refused {}

/// Compares two states of a distribution.
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
    let mut add_at = |moment, rule, key, place, message| {
        verdict.add((stack, exceptions), Breach { rule, moment, key, place, message });
    };
    for (key, before) in &was.versions {
        let place = (before.layer.as_str(), before.package.as_str());
        let Some(after) = now.versions.get(key) else {
            let published = format!("{} is published from layer `{}`", id(key), before.layer);
            let (moment, place, what) = match now.left_out(key, before) {
                Some(path) => (Moment::LeftOut, (place.0, path), "is quarantined now"),
                None => (Moment::After, place, "is gone"),
            };
            add_at(moment, PolicyRule::Removed, key, place, format!("{published} and {what}"));
            continue;
        };
        let mut add = |rule, key, place, message| add_at(Moment::After, rule, key, place, message);
        if stack.position(&after.layer) > stack.position(&before.layer) {
            let message = format!(
                "{} is published from layer `{}` and now comes from `{}` further down",
                id(key),
                before.layer,
                after.layer
            );
            add(PolicyRule::Removed, key, place, message);
        }
        let files = before.differing(after, store)?;
        if !files.is_empty() {
            let what = if after.layer == before.layer {
                "with other content".to_owned()
            } else {
                format!("and has other content in `{}`", after.layer)
            };
            let message = format!("{} is published from layer `{}` {what}: {}", id(key), before.layer, few(&files));
            add(PolicyRule::Changed, key, (&before.layer, &after.package), message);
        }
    }
    for ((key, used, below), files) in &now.conflicts {
        let Some(holding) = now.versions.get(key) else { continue };
        if !was.conflicts.contains_key(&(key.clone(), used.clone(), below.clone())) {
            let message = format!("{} of layer `{used}` differs from the one in `{below}`: {}", id(key), few(files));
            add_at(Moment::After, PolicyRule::DiffersBelow, key, (used, &holding.package), message);
        }
    }
    Ok(verdict)
}

impl Verdict {
    /// The changes that policies forbid, which stop a build.
    pub fn refusals(&self) -> Vec<Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Refusal).cloned().collect()
    }

    /// Adds what the policy of the version's layer makes of a change.
    pub(crate) fn add(&mut self, (stack, exceptions): (&Stack<'_>, &Exceptions), breach: Breach<'_>) {
        let Breach { rule, moment, key, place: (layer, package), message } = breach;
        let free = Layer::default();
        let rules = stack.layers.iter().find(|(name, _)| *name == layer).map_or(&free, |(_, rules)| rules);
        let (overwrite, removal) = rules.policies(layer);
        let (policy, is_written) = match rule {
            PolicyRule::Removed => (removal, rules.removal.is_some()),
            PolicyRule::Changed | PolicyRule::DiffersBelow => (overwrite, rules.overwrite.is_some()),
        };
        if policy == Policy::Allow {
            return;
        }
        let exception = Exception { rule, name: key.0.clone(), version: key.1.to_string() };
        if exceptions.allowed.contains(&exception) {
            self.used.push(exception);
            return;
        }
        let remedy = rule.remedy(moment).map(|remedy| format!("{remedy}, or ")).unwrap_or_default();
        let hint = format!("{remedy}allow it with `--allow-policy {exception} --reason TEXT`");
        let severity = if is_written || stack.is_strict { Severity::Refusal } else { Severity::Warning };
        self.problems.push(Problem::new(rule.rule(), message).severity(severity).within(layer, package).hint(hint));
    }
}

/// `<name>-<version>`.
pub(crate) fn id(key: &Key) -> String {
    format!("{}-{}", key.0, key.1)
}

/// What was in use before a change.
pub enum Before {
    /// Nothing was.
    Nothing,
    /// A generation that is damaged. It must not keep a good one from taking its place.
    Unknown(Problem),
    /// These versions.
    Known(Holdings),
}

impl Before {
    /// Reads the generation in use of a distribution.
    pub fn of(distribution: &Distribution) -> Self {
        let Some(id) = distribution.current() else { return Self::Nothing };
        match Holdings::of_generation(&distribution.generation(&id)) {
            Ok(was) => Self::Known(was),
            Err(error) => {
                let message = format!("cannot compare with the generation in use: {error:#}");
                Self::Unknown(Problem::new(Rule::UnknownBase, message))
            }
        }
    }

    /// How the number of versions changes; unknown if what was in use is.
    pub fn change_to(&self, now: &Holdings) -> Option<Change> {
        let nothing = Holdings::default();
        let was = match self {
            Self::Nothing => &nothing,
            Self::Unknown(_) => return None,
            Self::Known(was) => was,
        };
        let gone = was.versions.keys().filter(|key| !now.versions.contains_key(*key)).count();
        let (was, now) = (was.versions.len(), now.versions.len());
        // What is there now either was there before or is new.
        Some(Change { was, now, new: now + gone - was, gone })
    }

    /// The versions, if they are known.
    pub fn holdings(&self) -> Option<&Holdings> {
        if let Self::Known(holdings) = self { Some(holdings) } else { None }
    }
}

/// Compares what was in use with what would take its place. Where nothing was, everything is allowed.
///
/// # Errors
/// When lists of files cannot be read.
pub fn guard(
    before: &Before,
    now: &Holdings,
    stack: &Stack<'_>,
    exceptions: &Exceptions,
    store: &Store,
) -> Result<Verdict> {
    match before {
        Before::Nothing => Ok(Verdict::default()),
        Before::Unknown(problem) => Ok(Verdict { problems: vec![problem.clone()], ..Verdict::default() }),
        Before::Known(was) => compare(was, now, stack, exceptions, Some(store)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Before, Breach, Verdict, guard};
    use crate::base::problem::Severity;
    use crate::base::rule::Rule;
    use crate::compare::holdings::{Holdings, Key};
    use crate::config::exceptions::{Exceptions, Moment, PolicyRule, Stack};
    use crate::config::layer::Layer;
    use crate::dialect::version::Version;
    use crate::generation::distribution::Distribution;
    use crate::generation::uses::Switch;
    use crate::store::Store;
    use std::fs;

    /// What is said of a change of `nginx@1.2.3` in the layer `production`: severity, rule and hint.
    fn said(
        rule: PolicyRule,
        moment: Moment,
        is_strict: bool,
        exceptions: &Exceptions,
    ) -> Vec<(Severity, Rule, String)> {
        let rules = Layer::default();
        let stack = Stack { layers: vec![("production", &rules)], is_strict };
        let key: Key = ("nginx".to_owned(), Version::strict("1.2.3").unwrap());
        let place = ("production", "nginx/1.2.3");
        let mut verdict = Verdict::default();
        let message = "it changes".to_owned();
        verdict.add((&stack, exceptions), Breach { rule, moment, key: &key, place, message });
        verdict.problems.into_iter().map(|problem| (problem.severity, problem.rule, problem.hint.unwrap())).collect()
    }

    #[test]
    fn hints_fit_what_has_happened() {
        use Moment::{After, Before, LeftOut};
        use PolicyRule::{Changed, DiffersBelow, Removed};
        let one_of_two = "remove one of the two, or give the changed package a new version, or ";
        for (rule, moment, expected, remedy) in [
            (Changed, After, Rule::ChangedVersion, "undo the change and publish it as a new version, or "),
            (Changed, Before, Rule::ChangedVersion, "publish it as a new version, or "),
            (Removed, After, Rule::RemovedVersion, "put it back, or "),
            (Removed, Before, Rule::RemovedVersion, ""),
            (Removed, LeftOut, Rule::RemovedVersion, "correct what it is quarantined for, or "),
            (DiffersBelow, After, Rule::DiffersBelow, one_of_two),
            (DiffersBelow, Before, Rule::DiffersBelow, one_of_two),
        ] {
            let exception = format!("{rule}=nginx@1.2.3");
            let hint = format!("{remedy}allow it with `--allow-policy {exception} --reason TEXT`");
            for (is_strict, severity) in [(false, Severity::Warning), (true, Severity::Refusal)] {
                let found = said(rule, moment, is_strict, &Exceptions::default());
                assert_eq!(found, [(severity, expected, hint.clone())]);
            }
            let exceptions = Exceptions { allowed: vec![exception.parse().unwrap()], reason: String::new() };
            assert_eq!(said(rule, moment, true, &exceptions), []);
        }
    }

    /// It must not keep a good one from taking its place.
    #[test]
    fn a_damaged_generation_is_only_warned_of() {
        let out = tempfile::tempdir().unwrap();
        let distribution = Distribution::new(out.path(), "production");
        let folder = distribution.generation("damaged");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("manifest.json"), "{").unwrap();
        distribution.switch("damaged", Switch::Build).unwrap();
        let store = Store::open(&out.path().join("store")).unwrap();
        let now = Holdings::default();
        let stack = Stack { layers: Vec::new(), is_strict: true };
        let verdict = guard(&Before::of(&distribution), &now, &stack, &Exceptions::default(), &store).unwrap();
        let found: Vec<_> = verdict.problems.iter().map(|problem| (problem.severity, problem.rule)).collect();
        assert_eq!(found, [(Severity::Warning, Rule::UnknownBase)]);
    }
}
