//! The rules that problems break, each with a stable code and name.
//!
//! Programs decide by [`Rule`], never by its text. The reference page for people is made from the same table by
//! [`reference()`].

mod reference;
#[cfg(test)]
mod tests;

pub use reference::reference;

use super::severity::Severity;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;

/// A row of the table of rules.
#[derive(Debug)]
pub struct Entry {
    /// Short stable identifier, a letter for the family and a number: `M012`.
    pub code: &'static str,
    /// Stable identifier in words, as `report.json` has it: `invalid-format-version`.
    pub name: &'static str,
    /// Severity of its problems.
    pub level: Level,
    /// Meaning of the rule, one sentence.
    pub summary: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// Remedy: a lower-case fragment, as problems show it.
    pub hint: &'static str,
}

/// Rules about one subject.
#[derive(Debug)]
pub struct Family {
    /// Heading of its part of the reference page.
    pub title: &'static str,
    /// Rules of the family, in order of their codes.
    pub rules: &'static [Rule],
}

/// Severity of the problems of a rule, and what changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// Severity unless the configuration says otherwise.
    pub default: Severity,
    /// Condition under which the level differs, as the reference page words it, and that level.
    pub unless: Option<(&'static str, Severity)>,
}

const REFUSAL: Level = Level { default: Severity::Refusal, unless: None };
const QUARANTINE: Level = Level { default: Severity::Quarantine, unless: None };
const WARNING: Level = Level { default: Severity::Warning, unless: None };
const NOTE: Level = Level { default: Severity::Note, unless: None };
/// A file inside a package is published with it, whatever it is.
const OUTSIDE_PACKAGES: Level =
    Level { default: Severity::Quarantine, unless: Some(("inside another package", Severity::Warning)) };
/// Level of what the registry refuses only if it validates content.
const VALIDATION: Level =
    Level { default: Severity::Warning, unless: Some(("with `validation: require`", Severity::Quarantine)) };
/// What the registry serves and Kibana refuses to install.
const KIBANA: Level = VALIDATION;
const DASHED_FOLDERS: Level =
    Level { default: Severity::Quarantine, unless: Some(("with `dashed_folders: warn`", Severity::Warning)) };
const LOSS: Level = Level {
    default: Severity::Refusal,
    unless: Some(("in `check --against`, if a build would go on", Severity::Note)),
};
const POLICY: Level = Level {
    default: Severity::Warning,
    unless: Some((
        "if the configuration sets the policy, with `--strict`, in `check --against`, and for planned changes",
        Severity::Refusal,
    )),
};

/// Level of what is wrong with a signature.
const SIGNATURE: Level = Level {
    default: Severity::Warning,
    unless: Some(("with `signatures: require` or `verify` and `keys`", Severity::Quarantine)),
};

macro_rules! rules {
    ($($title:literal { $($variant:ident $code:ident $name:literal $level:ident $summary:literal $why:literal $hint:literal;)+ })+) => {
        /// A kind of problem.
        ///
        /// Ordered by name, as reports are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule {
            $($(#[doc = $summary] $variant,)+)+
            /// A rule of a report that another version of this program wrote.
            Unknown,
        }

        /// All rules, by family.
        pub const FAMILIES: &[Family] = &[$(Family { title: $title, rules: &[$(Rule::$variant),+] }),+];

        impl Rule {
            /// The row of the table; only [`Rule::Unknown`] has none.
            pub fn entry(self) -> Option<&'static Entry> {
                Some(match self {
                    $($(Self::$variant => &Entry {
                        code: stringify!($code),
                        name: $name,
                        level: $level,
                        summary: $summary,
                        why: $why,
                        hint: $hint,
                    },)+)+
                    Self::Unknown => return None,
                })
            }
        }
    };
}

mod table;

pub use table::{FAMILIES, Rule};

impl Rule {
    /// All rules, by family.
    pub fn all() -> impl Iterator<Item = Self> {
        FAMILIES.iter().flat_map(|family| family.rules).copied()
    }

    /// The rule of a name.
    pub fn named(name: &str) -> Self {
        Self::all().find(|rule| rule.name() == name).unwrap_or(Self::Unknown)
    }

    /// Stable identifier in words.
    pub fn name(self) -> &'static str {
        self.entry().map_or("unknown", |entry| entry.name)
    }

    /// Severity of its problems, and what changes it.
    pub fn level(self) -> Level {
        self.entry().map_or(WARNING, |entry| entry.level)
    }

    /// Returns true if `validation: require` makes a quarantine of it: the registry checks it only when it validates
    /// content, or Kibana refuses it.
    pub fn is_validation(self) -> bool {
        self.level() == VALIDATION
    }

    /// Returns true if the problem may be gone when the same files are read again.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::Unreadable | Self::ChangedWhileReading)
    }
}

impl Ord for Rule {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

impl PartialOrd for Rule {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::named(&std::borrow::Cow::<str>::deserialize(deserializer)?))
    }
}
