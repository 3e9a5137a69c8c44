//! Overrides of a layer: what the registry says of versions in place of what their packages say.
//!
//! Pure values. Which versions a rule meets is worked out when the layer was read; no package is read for it.

use super::glob::Glob;
use crate::dialect::version::{Constraint, Version};
use crate::package::Deprecated;
use serde::Serialize;
use std::fmt;

/// A rule: which versions it is about, what the registry says of them, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Override {
    /// Names of packages; never empty.
    pub packages: Vec<Glob>,
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
        let names: Vec<_> = self.packages.iter().map(|pattern| pattern.0.as_str()).collect();
        f.write_str(&names.join(", "))?;
        self.versions.as_ref().map_or(Ok(()), |versions| write!(f, " {versions}"))
    }
}

#[cfg(test)]
mod tests {
    use super::{Glob, Override};
    use crate::dialect::version::{Constraint, Version};

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
                packages: vec![Glob("a".to_owned()), Glob("b_*".to_owned())],
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
