//! What the commands are given and what they did.

use super::journal::LayerChange;
use crate::base::problem::Problem;
use crate::config::settings::Settings;
use crate::dialect::version::Version;

/// Settings and options that all commands share.
pub struct Editor<'a> {
    /// All layers and distributions, and what policies do not forbid this time.
    pub settings: &'a Settings,
    /// Why, in words for the log.
    pub reason: Option<String>,
    /// Nothing is changed.
    pub dry_run: bool,
    /// Commits changes of folders in the work tree that they are in.
    pub commit: bool,
    /// Seconds since 1970, for the log.
    pub now: u64,
}

/// A package, and which version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageSelector {
    /// Name of the package.
    pub name: String,
    /// Which version; absent for those that are newer than what the target holds.
    pub version: Option<Version>,
}

impl std::str::FromStr for PackageSelector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
        let version = version.map(Version::strict).transpose();
        let version = version.map_err(|error| format!("{error}; write NAME@VERSION, for example `nginx@1.2.3`"))?;
        if name.is_empty() || name.contains(['/', '\\']) {
            return Err("write NAME@VERSION, for example `nginx@1.2.3`".to_owned());
        }
        Ok(Self { name: name.to_owned(), version })
    }
}

/// The outcome of a command, or what a dry run would do.
#[derive(Debug, Default)]
pub struct Done {
    /// Descriptions of interrupted steps that were finished.
    pub finished: Vec<String>,
    /// The changes, in order.
    pub changes: Vec<LayerChange>,
    /// What is wrong with the packages that were added or promoted, and keeps none of them out.
    pub warnings: Vec<Problem>,
    /// Problems of packages that stay without the signature that was asked for.
    pub unsigned: Vec<Problem>,
    /// Descriptions of what was asked for and was so already.
    pub already: Vec<String>,
}
