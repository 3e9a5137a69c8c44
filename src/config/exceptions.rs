//! Exceptions from the policies of layers: single versions that may break a rule, with a reason.

use super::layer::Layer;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A published version has other content.
pub const CHANGED: &str = "changed-version";
/// A published version is gone, or was moved to a layer further down.
pub const REMOVED: &str = "removed-version";
/// A layer further down holds the version with other content.
pub const DIFFERS_BELOW: &str = "differs-below";

/// Permission for one version to break one rule: `changed-version=nginx@1.2.3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The rule.
    pub rule: String,
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
            return Err(format!("write RULE=PACKAGE@VERSION, for example `{CHANGED}=nginx@1.2.3`"));
        };
        if ![CHANGED, REMOVED, DIFFERS_BELOW].contains(&rule) {
            return Err(format!("unknown rule `{rule}`; known are {CHANGED}, {REMOVED} and {DIFFERS_BELOW}"));
        }
        Ok(Self { rule: rule.to_owned(), name: name.to_owned(), version: version.to_owned() })
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
