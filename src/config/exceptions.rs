//! What policies of layers forbid, and what they are told to allow all the same.

use super::layer::Layer;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A published version has other content.
pub const CHANGED: &str = "changed-version";
/// A published version is gone, or was moved to a layer further down.
pub const REMOVED: &str = "removed-version";
/// A layer further down holds the version with other content.
pub const DIFFERS_BELOW: &str = "differs-below";

/// One version is allowed to break one rule: `changed-version=nginx@1.2.3`.
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

/// Exceptions, and why.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    /// What is allowed.
    pub allowed: Vec<Exception>,
    /// Why.
    pub reason: String,
}

/// The layers of a distribution, the first on top, with their rules.
pub struct Stack<'a> {
    /// Name and rules of each.
    pub layers: Vec<(&'a str, &'a Layer)>,
    /// Whether the built-in defaults refuse, too, and do not only warn.
    pub is_strict: bool,
}

impl Stack<'_> {
    /// How far down a layer lies; one that is no longer in the stack lies at no depth that could be moved from.
    pub fn position(&self, layer: &str) -> usize {
        self.layers.iter().position(|(name, _)| *name == layer).unwrap_or(usize::MAX)
    }
}

/// A policy that was told to allow something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptException {
    /// The exception, as it was written: `changed-version=nginx@1.2.3`.
    pub allowed: String,
    /// Why.
    pub reason: String,
    /// The generation that was in use until then.
    pub since: Option<String>,
}
