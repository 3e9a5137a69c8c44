//! The maturity of a package or data stream (contract, section 3.1, row 4, and condition A12).

use super::facts::Release;
use super::reader::Fields;
use crate::base::rule::Rule;
use crate::dialect::version::Version;

impl Release {
    /// The word of manifests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Experimental => "experimental",
            Self::Beta => "beta",
            Self::Ga => "ga",
        }
    }

    /// What a version says about a package whose manifest says nothing.
    pub fn of_version(version: &Version) -> Self {
        if version.is_prerelease() || version.major == 0 { Self::Beta } else { Self::Ga }
    }

    /// The field `release`; `None` when it is empty, or wrong, which is then reported.
    pub(super) fn read(fields: &Fields<'_>) -> Option<Self> {
        let word = fields.text("release");
        let release = [Self::Experimental, Self::Beta, Self::Ga].into_iter().find(|release| release.as_str() == word);
        if release.is_none() && !word.is_empty() {
            fields.report("release", Rule::InvalidRelease, format!("invalid release: \"{word}\""));
        }
        release
    }
}
