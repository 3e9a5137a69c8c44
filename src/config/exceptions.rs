//! Rules about published versions that layers have policies for, and exceptions from them.

use super::layer::Layer;
use crate::base::rule::Rule;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A rule about published versions that layers have policies for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyRule {
    /// A published version has other content.
    Changed,
    /// A published version is gone, or comes from a layer further down.
    Removed,
    /// A layer further down holds the version with other content.
    DiffersBelow,
}

/// When a policy is asked about a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The change is only planned.
    Before,
    /// The layers are changed already.
    After,
    /// The layer has the version still, and it is quarantined.
    LeftOut,
}

impl PolicyRule {
    /// The rule of its problems.
    pub fn rule(self) -> Rule {
        match self {
            Self::Changed => Rule::ChangedVersion,
            Self::Removed => Rule::RemovedVersion,
            Self::DiffersBelow => Rule::DiffersBelow,
        }
    }

    /// Remedy other than allowing the change; `None` if it is not to make it.
    pub fn remedy(self, moment: Moment) -> Option<&'static str> {
        match (self, moment) {
            (Self::Changed, Moment::After | Moment::LeftOut) => Some("undo the change and publish it as a new version"),
            (Self::Changed, Moment::Before) => Some("publish it as a new version"),
            (Self::Removed, Moment::LeftOut) => Some("correct what it is quarantined for"),
            (Self::Removed, Moment::After) => Some("put it back"),
            (Self::Removed, Moment::Before) => None,
            (Self::DiffersBelow, _) => Some("remove one of the two, or give the changed package a new version"),
        }
    }
}

impl fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule().name())
    }
}

impl std::str::FromStr for PolicyRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let [changed, removed, below] = [Self::Changed, Self::Removed, Self::DiffersBelow];
        let known = [changed, removed, below].into_iter().find(|rule| rule.rule().name() == text);
        known.ok_or_else(|| format!("unknown rule `{text}`; known are {changed}, {removed} and {below}"))
    }
}

/// Permission for one version to break one rule: `changed-version=nginx@1.2.3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The rule.
    pub rule: PolicyRule,
    /// Name of the package.
    pub name: String,
    /// The version.
    pub version: String,
}

impl std::str::FromStr for Exception {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(rule, id)| Some((rule, id.split_once('@')?)));
        let Some((rule, (name, version))) = parts else {
            let example = PolicyRule::Changed;
            return Err(format!("write RULE=PACKAGE@VERSION, for example `{example}=nginx@1.2.3`"));
        };
        Ok(Self { rule: rule.parse()?, name: name.to_owned(), version: version.to_owned() })
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}@{}", self.rule, self.name, self.version)
    }
}

/// The exceptions of a run.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    /// The exceptions.
    pub allowed: Vec<Exception>,
    /// Reason, as a person wrote it.
    pub reason: String,
}

/// The layers of a distribution with their rules, the top one first.
pub struct Stack<'a> {
    /// Name and rules of each.
    pub layers: Vec<(&'a str, &'a Layer)>,
    /// True if built-in policies refuse as well; otherwise they warn.
    pub is_strict: bool,
}

impl Stack<'_> {
    /// Returns the depth of a layer, 0 on top; a layer that is not in the stack lies below all others.
    pub fn position(&self, layer: &str) -> usize {
        self.layers.iter().position(|(name, _)| *name == layer).unwrap_or(usize::MAX)
    }
}

/// An exception that a build needed, as it is recorded beside the generations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptException {
    /// The exception, as it was written: `changed-version=nginx@1.2.3`.
    pub allowed: String,
    /// Reason, as a person wrote it.
    pub reason: String,
    /// Generation that was in use when the exception was needed.
    pub since: Option<String>,
}
