//! The words of keep files: why a version is in one, where Kibana had it from, and what begins lines and fields.

use serde::Serialize;
use std::fmt;

/// The first line of every keep file; who does not know its number reads nothing.
pub(super) const FIRST: &str = "# epr-build keep 1";
/// Begins a line that says what is missing.
pub(super) const NOTE: &str = "# note: ";
/// The fields of the second line; the last one may be absent.
pub(super) const FIELDS: [&str; 5] = ["kibana", "prerelease", "taken", "complete", "key"];
/// Says that a value is not known.
pub(super) const UNKNOWN: &str = "unknown";
/// The word for a version that a later Kibana may no longer need.
pub(super) const OPTIONAL: &str = "optional";
/// Bytes of the longest name of a package.
const MOST_NAME_BYTES: usize = 100;

/// A reason to keep a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It is installed; Kibana downloads it again at upgrades, after failures and to repair.
    Installed,
    /// It is being installed, and Kibana goes on with that after a restart.
    Installing,
    /// A rollback would install it.
    Rollback,
    /// A rollback of another package would install it.
    RollbackDependency,
    /// A policy was made with it; Kibana reads its document when the policy is edited or upgraded.
    Policy,
    /// Another installed package requires it.
    Dependency,
    /// An upgrade to it waits for somebody to accept it.
    Review,
}

/// Where Kibana had a version from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A registry.
    Registry,
    /// Kibana's own files.
    Bundled,
    /// Somebody uploaded it.
    Upload,
    /// Somebody made it in Kibana.
    Custom,
}

/// The words for reasons.
pub(super) const WHYS: [(&str, Why); 7] = [
    ("installed", Why::Installed),
    ("installing", Why::Installing),
    ("rollback", Why::Rollback),
    ("rollback-dependency", Why::RollbackDependency),
    ("policy", Why::Policy),
    ("dependency", Why::Dependency),
    ("review", Why::Review),
];

/// The words for sources.
pub(super) const SOURCES: [(&str, Source); 4] = [
    ("registry", Source::Registry),
    ("bundled", Source::Bundled),
    ("upload", Source::Upload),
    ("custom", Source::Custom),
];

/// Reasons in a sentence.
pub(in crate::select) fn in_words(reasons: &[Why]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(WHYS.iter().find(|(_, why)| why == self).map_or("", |(word, _)| word))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SOURCES.iter().find(|(_, source)| source == self).map_or("", |(word, _)| word))
    }
}

impl Source {
    /// The source of this name, as Kibana and keep files spell it.
    pub fn named(word: &str) -> Option<Self> {
        SOURCES.iter().find(|(known, _)| *known == word).map(|(_, source)| *source)
    }

    /// Returns true if a registry may have to give the version again.
    pub fn may_be_asked_for(self) -> bool {
        matches!(self, Self::Registry | Self::Bundled)
    }
}

/// Returns true for what can be the name of a package. Those of registries have lower-case letters, digits and `_` alone;
/// what was uploaded or made in Kibana may have more.
pub fn is_name(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=MOST_NAME_BYTES).contains(&name.len()) && name.bytes().all(is_fit) && !name.starts_with(['-', '.'])
}
