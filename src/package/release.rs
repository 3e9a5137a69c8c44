//! The maturity of a package or data stream (contract, "Search item" and "Release unknown").

use super::facts::Release;
use super::reader::Fields;
use crate::base::rule::Rule;
use crate::dialect::version::Version;

impl Release {
    /// The spelling in manifests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Experimental => "experimental",
            Self::Beta => "beta",
            Self::Ga => "ga",
        }
    }

    /// The release of a package whose manifest names none, derived from its version.
    pub fn of_version(version: &Version) -> Self {
        if version.is_prerelease() || version.major == 0 { Self::Beta } else { Self::Ga }
    }

    /// Reads the field `release`; `None` if it is empty, or after reporting that it is wrong.
    pub(super) fn read(fields: &Fields<'_>) -> Option<Self> {
        let word = fields.text("release");
        let release = [Self::Experimental, Self::Beta, Self::Ga].into_iter().find(|release| release.as_str() == word);
        if release.is_none() && !word.is_empty() {
            fields.report("release", Rule::InvalidRelease, format!("invalid release: \"{word}\""));
        }
        release
    }
}
