//! Versions and constraints in the registry's dialect (contract, section 10).
//!
//! Neither the order nor the constraint grammar is that of the semver crate: loose versions, OR-groups, dirty versions
//! and pre-release rules differ, so both are ours. Knows nothing of packages.

pub mod constraint;

pub use constraint::{Constraint, ConstraintError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// A semantic version that remembers its spelling.
///
/// `Ord` is the contract's order (section 10.5), then the text, so it is total; [`Version::precedence`] is the order
/// alone, in which versions that differ only in build metadata are equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// First number.
    pub major: u64,
    /// Second number.
    pub minor: u64,
    /// Third number.
    pub patch: u64,
    /// Dot-separated pre-release parts, empty for a release.
    pub pre: Vec<String>,
    text: String,
}

/// Why a text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// No text at all.
    #[error("version string empty")]
    Empty,
    /// Not three numbers, or not numbers.
    #[error("invalid semantic version")]
    Invalid,
    /// A character that may not stand there.
    #[error("invalid characters in version")]
    Characters,
    /// `01`.
    #[error("version segment starts with 0")]
    LeadingZero,
    /// A bad part after `-`.
    #[error("invalid prerelease string")]
    Prerelease,
    /// A bad part after `+`.
    #[error("invalid metadata string")]
    Metadata,
    /// More than 256 bytes.
    #[error("version string is too long (max 256 bytes)")]
    TooLong,
    /// A number beyond 64 bits.
    #[error("error parsing version segment: value out of range")]
    Overflow,
}

impl Version {
    /// Reads `MAJOR.MINOR.PATCH[-PRE][+META]` exactly (section 10.1).
    pub fn strict(_text: &str) -> Result<Self, VersionError> {
        unimplemented!("the version module is being written")
    }

    /// Reads `[v]N[.N[.N]][-PRE][+META]` (section 10.2); the text is kept as given.
    pub fn loose(_text: &str) -> Result<Self, VersionError> {
        unimplemented!("the version module is being written")
    }

    /// The spelling it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has a pre-release part.
    pub fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }

    /// Order of section 10.5; build metadata never counts.
    pub fn precedence(&self, _other: &Self) -> Ordering {
        unimplemented!("the version module is being written")
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.precedence(other).then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::loose(&text).map_err(serde::de::Error::custom)
    }
}
