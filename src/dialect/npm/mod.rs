//! Ranges of versions as npm reads them, which is how `requires` of packages are written and how Kibana compares them.
//!
//! They look like constraints of the registry ([`super::version::Constraint`]) and differ in much: what a missing part means,
//! which pre-releases fit, blanks. The readings are those of node-semver 7 without options, so pre-releases count only beside
//! a comparator with one of the same numbers. Knows nothing of packages.

mod comparator;
mod rewrite;
#[cfg(test)]
mod tests;

pub use comparator::RangeError;

use super::version::Version;
use comparator::{Comparator, LONGEST, allow, full};
use serde::{Serialize, Serializer};
use std::fmt;

/// A range of versions, such as `^0.3.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// As it was written.
    text: String,
    /// It allows what one of these allows.
    alternatives: Vec<Vec<Comparator>>,
}

impl Range {
    /// Reads a range.
    ///
    /// # Errors
    /// Any [`RangeError`].
    pub fn parse(text: &str) -> Result<Self, RangeError> {
        if text.len() > LONGEST {
            return Err(RangeError::TooLong);
        }
        let spaced = rewrite::single_blanks(text);
        let alternatives = spaced.split("||").map(|part| rewrite::comparators(part.trim_matches(' ')));
        let mut alternatives = alternatives.collect::<Result<Vec<_>, _>>()?;
        // An alternative without bounds stands for all, although another one may name a pre-release.
        if let Some(place) = alternatives.iter().position(|one| matches!(&one[..], [one] if one.bound.is_none())) {
            alternatives = vec![alternatives.swap_remove(place)];
        }
        Ok(Self { text: text.to_owned(), alternatives })
    }

    /// The text that the range was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns true if a version lies in the range. One that npm does not read, such as `1.2`, lies in none.
    pub fn allows(&self, version: &Version) -> bool {
        let Some(version) = full(version.as_str()) else { return false };
        self.alternatives.iter().any(|comparators| allow(comparators, &version))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
