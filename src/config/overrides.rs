//! Overrides of a layer: what the registry says of versions in place of what their packages say.
//!
//! Pure values. Which versions a rule meets is worked out when the layer was read; no package is read for it.

use crate::dialect::version::{Constraint, Version};
use crate::package::Deprecated;
use serde::{Serialize, Serializer};
use std::fmt;

/// A rule: which versions it is about, what the registry says of them, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Override {
    /// Names of packages; never empty.
    pub packages: Vec<NamePattern>,
    /// The versions; every one if absent. As everywhere, a constraint means a pre-release only if it names one.
    pub versions: Option<Constraint>,
    /// True if the versions are offered to nobody any more.
    pub hide: bool,
    /// The condition on Kibana in place of the package's own.
    pub kibana: Option<Constraint>,
    /// The notice in place of the package's own.
    pub deprecated: Option<Deprecated>,
    /// Why, as a person wrote it; never empty.
    pub reason: String,
}

/// The name of a package, in which each `*` stands for any letters or none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamePattern(String);

impl Override {
    /// Returns true if the rule is about this version.
    pub fn meets(&self, name: &str, version: &Version) -> bool {
        self.names(name) && self.takes(version)
    }

    /// Returns true if the rule is about some version of this name, as far as the name alone decides.
    pub fn names(&self, name: &str) -> bool {
        self.packages.iter().any(|pattern| pattern.matches(name))
    }

    /// Returns true if the version is among those of the rule. A version means itself, however it is spelled.
    pub fn takes(&self, version: &Version) -> bool {
        let is_in = |constraint: &Constraint| constraint.as_str() == version.as_str() || constraint.matches(version);
        self.versions.as_ref().is_none_or(is_in)
    }
}

/// The names and versions, as they are written: `nginx 1.2.0`.
impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.packages.iter().map(NamePattern::as_str).collect();
        f.write_str(&names.join(", "))?;
        self.versions.as_ref().map_or(Ok(()), |versions| write!(f, " {versions}"))
    }
}

impl NamePattern {
    /// A pattern of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if it can mean several names.
    pub fn is_open(&self) -> bool {
        self.0.contains('*')
    }

    /// Returns true if the whole name is as the pattern says.
    pub fn matches(&self, name: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == name };
        let Some(mut left) = name.strip_prefix(first) else { return false };
        // Pieces between stars are taken as early as possible, so that those after them find the most room.
        let mut pieces: Vec<&str> = rest.split('*').collect();
        let last = pieces.pop().unwrap_or_default();
        for piece in pieces {
            let Some(at) = left.find(piece) else { return false };
            left = &left[at + piece.len()..];
        }
        left.ends_with(last)
    }
}

impl Serialize for NamePattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{NamePattern, Override};
    use crate::dialect::version::{Constraint, Version};

    #[test]
    fn patterns_mean_whole_names() {
        for (pattern, name, expected) in [
            ("nginx", "nginx", true),
            ("nginx", "nginx_otel", false),
            ("ti_*", "ti_abusech", true),
            ("ti_*", "ti_", true),
            ("ti_*", "anti_x", false),
            ("*_otel", "nginx_otel", true),
            ("*_otel", "nginx_otel_input", false),
            ("*", "", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "axbxxc", true),
            ("a*b*c", "acb", false),
            ("a*ab", "aab", true),
            ("a*ab", "ab", false),
            ("aa*aa", "aaa", false),
            ("**", "x", true),
            ("a*bc*bc", "abcbc", true),
            ("a*bc*bc", "abc", false),
        ] {
            assert_eq!(NamePattern::new(pattern).matches(name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn rules_meet_versions_by_the_registrys_constraints() {
        for (versions, version, expected) in [
            (None, "1.2.0-beta1", true),
            (Some("1.2.0"), "1.2.0", true),
            (Some("1.2.0"), "1.2.0-beta1", false),
            (Some("1.2.0-beta1"), "1.2.0-beta1", true),
            (Some("1.2"), "1.2.7", true),
            (Some("<1.2.0"), "1.1.9", true),
            (Some("<1.2.0"), "1.2.0-beta1", false),
            (Some("<1.2.0-0"), "1.2.0-0", false),
            (Some("1.2.0 || 1.3.0"), "1.3.0", true),
            (Some("^1.2.0"), "2.0.0", false),
        ] {
            let rule = Override {
                packages: vec![NamePattern::new("a"), NamePattern::new("b_*")],
                versions: versions.map(|text| Constraint::parse(text).unwrap()),
                hide: true,
                kibana: None,
                deprecated: None,
                reason: "x".to_owned(),
            };
            let version = Version::strict(version).unwrap();
            assert_eq!(rule.meets("a", &version), expected, "{versions:?} {version}");
            assert_eq!(rule.meets("b_1", &version), expected, "{versions:?} {version}");
            assert!(!rule.meets("b", &version));
        }
    }
}
