//! Version constraints: `^7.16.0 || ^8.0.0` (contract, sections 10.3 and 10.4).

use super::Version;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A constraint that remembers its spelling.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Constraint {
    text: String,
}

/// Why a text is not a constraint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("improper constraint: \"{0}\"")]
pub struct ConstraintError(pub String);

impl Constraint {
    /// Reads a constraint.
    pub fn parse(_text: &str) -> Result<Self, ConstraintError> {
        unimplemented!("the version module is being written")
    }

    /// The spelling it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the version satisfies it, pre-release rule included.
    pub fn matches(&self, _version: &Version) -> bool {
        unimplemented!("the version module is being written")
    }

    /// Whether any term names a pre-release, so that pre-release versions may match.
    pub fn names_prerelease(&self) -> bool {
        unimplemented!("the version module is being written")
    }

    /// The release versions at which the answer of [`Constraint::matches`] may change: between two neighbours of the
    /// sorted list, and before the first and after the last, every release version gets the same answer, that of the
    /// lower neighbour (`0.0.0` stands before the first). Sorted, without repeats.
    pub fn boundaries(&self) -> Vec<[u64; 3]> {
        unimplemented!("the version module is being written")
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Constraint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Constraint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}
