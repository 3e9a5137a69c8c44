//! A layer: where it lies, how strictly its packages are read, and what may happen to its versions.

use std::path::PathBuf;

/// What follows from the conditions that the registry checks only under validation (contract, "Why a package is
/// refused").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    /// They are reported.
    #[default]
    Warn,
    /// They quarantine the package.
    Require,
}

/// What follows from a dash in the name of a folder (contract, "The dash rule").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DashedFolders {
    /// It quarantines the package, as the reference does.
    #[default]
    Refuse,
    /// It is reported.
    Warn,
}

/// Whether a package without a signature file is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signatures {
    /// It is.
    #[default]
    Optional,
    /// It is quarantined (contract, "Signature missing").
    Require,
}

/// Whether something may happen to a published version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It may.
    #[default]
    Allow,
    /// It is refused, unless it is allowed for this one version with a reason.
    Refuse,
}

/// One layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// Where it is searched, in order; empty means `<packages>/<name>`.
    pub paths: Vec<PathBuf>,
    /// See [`Validation`].
    pub validation: Validation,
    /// See [`DashedFolders`].
    pub dashed_folders: DashedFolders,
    /// See [`Signatures`].
    pub signatures: Signatures,
    /// Whether a published version never changes, so that clients may keep its files for ever. Only who runs the layer
    /// can promise this, so it is off unless they do; the rule of package-storage for published versions is such a promise.
    pub immutable: bool,
    /// Whether a published version may get other content; that of package-storage for layers of its names when absent.
    pub overwrite: Option<Policy>,
    /// Whether a published version may go; as for `overwrite`.
    pub removal: Option<Policy>,
}

impl Layer {
    /// Its policies for overwriting and removal. What package-storage had are the defaults: in production a fix is always
    /// a new version, in staging versions are overwritten but not taken back, and snapshot is free.
    pub fn policies(&self, name: &str) -> (Policy, Policy) {
        let (overwrite, removal) = match name {
            "production" => (Policy::Refuse, Policy::Refuse),
            "staging" => (Policy::Allow, Policy::Refuse),
            _ => (Policy::Allow, Policy::Allow),
        };
        (self.overwrite.unwrap_or(overwrite), self.removal.unwrap_or(removal))
    }
}

/// One layer of the distribution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSource {
    /// Its name in reports.
    pub name: String,
    /// Folders, or single zips, in the order in which they are searched.
    pub paths: Vec<PathBuf>,
}

/// A layer, ready to be searched.
#[derive(Clone, Debug)]
pub struct LayerPlan {
    /// Name and paths.
    pub source: LayerSource,
    /// How strictly its packages are read.
    pub rules: Layer,
}
