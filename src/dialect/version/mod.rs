//! Versions and constraints in the registry's dialect (contract, "Versions and constraints").
//!
//! The semver crate does not fit: loose versions, OR-groups, missing parts and the pre-release rule differ. Knows nothing
//! of packages.

pub mod constraint;
mod grammar;
#[cfg(test)]
mod laws;
mod read;
mod term;
#[cfg(test)]
mod tests;

pub use constraint::Constraint;
pub use grammar::ConstraintError;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// A semantic version that remembers its spelling.
///
/// `Ord` compares by precedence, then by text, so it is total. By [`Version::precedence`] (contract, "Order of
/// versions") alone, versions that differ only in build metadata are equal.
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

/// The reason why a text is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// No text at all.
    #[error("version string empty")]
    Empty,
    /// Not three numbers, or not numbers.
    #[error("invalid semantic version")]
    Invalid,
    /// A character other than a digit in a number.
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
    /// More than 256 bytes, in either reading.
    #[error("version string is too long (max 256 bytes)")]
    TooLong,
    /// A number beyond 64 bits.
    #[error("error parsing version segment: value out of range")]
    Overflow,
}

impl Version {
    /// Reads `MAJOR.MINOR.PATCH[-PRE][+META]` exactly (contract, "Strict version").
    ///
    /// # Errors
    /// Any [`VersionError`]; of several faults the one in META is reported first, then PRE, then the numbers.
    pub fn strict(text: &str) -> Result<Self, VersionError> {
        read::strict(text)
    }

    /// Reads `[v]N[.N[.N]][-PRE][+META]` (contract, "Loose version") and keeps the text as given. A strict version
    /// reads the same both ways.
    ///
    /// # Errors
    /// [`VersionError::Invalid`] for any other shape (the empty text included), [`VersionError::Overflow`],
    /// [`VersionError::LeadingZero`] for a number in PRE such as `01`, [`VersionError::TooLong`].
    pub fn loose(text: &str) -> Result<Self, VersionError> {
        read::loose(text)
    }

    /// The release version with these numbers, spelled canonically.
    pub fn release(numbers: [u64; 3]) -> Self {
        let [major, minor, patch] = numbers;
        Self { major, minor, patch, pre: Vec::new(), text: format!("{major}.{minor}.{patch}") }
    }

    /// Major, minor and patch, as an array that orders like the version.
    pub fn numbers(&self) -> [u64; 3] {
        [self.major, self.minor, self.patch]
    }

    /// The text that the version was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns true if the version has a pre-release part.
    pub fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }

    /// The registry's order (contract, "Order of versions"), in which build metadata never counts.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.numbers().cmp(&other.numbers()).then_with(|| compare_prereleases(&self.pre, &other.pre))
    }
}

/// Order of two PRE parts (contract, "Order of versions"); empty means a release, which is higher than any pre-release.
fn compare_prereleases(left: &[String], right: &[String]) -> Ordering {
    match (left.is_empty(), right.is_empty()) {
        (false, false) => {}
        (left_is_release, right_is_release) => return left_is_release.cmp(&right_is_release),
    }
    left.iter()
        .zip(right)
        .map(|(left, right)| compare_parts(left, right))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| left.len().cmp(&right.len()))
}

/// Order of two dot-separated parts of PRE. Digits beyond 64 bits do not parse and so count as text.
fn compare_parts(left: &str, right: &str) -> Ordering {
    match (left.parse::<u64>(), right.parse::<u64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => left.cmp(right),
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
