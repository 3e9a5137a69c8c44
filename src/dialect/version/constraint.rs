//! Version constraints such as `^7.16.0 || ^8.0.0` (contract, "Constraint grammar" and "Kibana and agent versions").
//!
//! Combines OR-groups and applies the pre-release rule to each. `grammar` knows how constraints are written, `term`
//! what a term means.

use super::Version;
use super::grammar::{self, ConstraintError};
use super::term::Term;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// A constraint that remembers its spelling. Cloning is cheap: the parsed form is shared.
#[derive(Clone, Debug)]
pub struct Constraint {
    text: Arc<str>,
    /// One group must hold; a group holds if all its terms do.
    groups: Arc<[Vec<Term>]>,
}

impl Constraint {
    /// Reads a constraint (contract, "Constraint grammar").
    ///
    /// # Errors
    /// See [`ConstraintError`]; of several faults the leftmost is reported.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        let groups = grammar::groups(text)?;
        Ok(Self { text: text.into(), groups: groups.into() })
    }

    /// The text that the constraint was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns true if the version satisfies the constraint. A pre-release satisfies only groups in which some term
    /// names a pre-release.
    pub fn matches(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| {
            (!version.is_prerelease() || group_names_prerelease(group))
                && group.iter().all(|term| term.matches(version))
        })
    }

    /// Returns true if any term names a pre-release, so that pre-release versions may match.
    pub fn names_prerelease(&self) -> bool {
        self.groups.iter().any(|group| group_names_prerelease(group))
    }

    /// The release versions at which the answer of [`Constraint::matches`] changes, sorted, without repeats.
    ///
    /// From one of them up to the next, every release version gets the same answer; before the first, that of `0.0.0`.
    /// A version at which only the answers of single terms change is not in the list.
    pub fn boundaries(&self) -> Vec<[u64; 3]> {
        let mut candidates: Vec<_> = self.groups.iter().flatten().flat_map(Term::boundaries).collect();
        candidates.sort_unstable();
        let mut answer = self.matches(&Version::release([0, 0, 0]));
        candidates.retain(|candidate| {
            let before = answer;
            answer = self.matches(&Version::release(*candidate));
            answer != before
        });
        candidates
    }
}

fn group_names_prerelease(group: &[Term]) -> bool {
    group.iter().any(|term| term.value.is_prerelease())
}

/// Compares the texts alone, since the groups follow from them.
impl PartialEq for Constraint {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Constraint {}

impl Hash for Constraint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
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
