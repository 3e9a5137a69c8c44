//! A layer: where it lies, how strictly its packages are read, and what may happen to its versions.

use super::overrides::Override;
use crate::openpgp::KeyRing;
use serde::{Serialize, Serializer};
use std::path::PathBuf;
use std::sync::Arc;

/// Effect of the conditions that the registry checks only under validation (contract, "Why a package is
/// refused").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Validation {
    /// They are reported.
    #[default]
    Warn,
    /// They quarantine the package.
    Require,
}

/// Effect of a dash in the name of a folder (contract, "The dash rule").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum DashedFolders {
    /// It quarantines the package, as the reference does.
    #[default]
    Refuse,
    /// It is reported.
    Warn,
}

/// Treatment of the signatures beside packages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Signatures {
    /// A package needs a good one (contract, "Signature missing"). Without [`Layer::keys`] it needs one, whatever it says.
    Require,
    /// A package without one is published unsigned; one that is there must be good.
    Verify,
    /// They are published as they are found; a wrong one is reported.
    #[default]
    Pass,
    /// None is published.
    Strip,
    /// Every package has one by a key of the layer, or nothing is built. Builds make none: `epr-build keys sign` does.
    Sign,
}

/// Public keys that make signatures of a layer good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// The key of Elastic that the program has in itself.
    Elastic,
    /// A file of one or several OpenPGP keys, armored or binary.
    File(PathBuf),
}

/// Treatment of a change to a published version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Policy {
    /// The change is made.
    #[default]
    Allow,
    /// The build stops, unless an exception allows the change of this one version.
    Refuse,
}

/// The rules of a layer: where its packages are, how strictly they are read, and what may happen to published versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Layer {
    /// Folders, single zips or places in repositories that are searched, in order; if empty, `<packages>/<name>`.
    #[serde(serialize_with = "as_bytes")]
    pub paths: Vec<PathBuf>,
    /// Treatment of conditions that the reference checks only when packages are validated.
    pub validation: Validation,
    /// Treatment of package folders with a dash in their name.
    pub dashed_folders: DashedFolders,
    /// Treatment of signatures.
    pub signatures: Signatures,
    /// Where the keys are that make a signature good. Not part of the keys of caches: what the files hold counts there,
    /// and not where they lie.
    #[serde(skip)]
    pub keys: Vec<KeySource>,
    /// True if a published version never changes, so that clients may keep its files for ever. Only the operator of the
    /// layer can promise this, so the default is false.
    pub immutable: bool,
    /// Policy for other content under a published version; if absent, see [`Layer::policies`].
    pub overwrite: Option<Policy>,
    /// Policy for the removal of a published version; if absent, see [`Layer::policies`].
    pub removal: Option<Policy>,
    /// True if the layer may be absent although its paths are written down.
    pub optional: bool,
    /// True if all of it is published, whatever the selection of a distribution takes. Not part of the keys by which packages are
    /// remembered; the selection of a distribution has it.
    #[serde(skip)]
    pub whole: bool,
    /// Folders in which the targets of symbolic links may lie that stand for zips and signatures; other links are skipped.
    #[serde(serialize_with = "as_bytes")]
    pub follow_links: Vec<PathBuf>,
    /// The share of its versions that the layer may lose from one generation to the next, in percent; if absent, 50.
    pub shrink: Option<u64>,
    /// Where the layer is mirrored from; absent if people fill it. No build looks at it.
    #[serde(skip)]
    pub mirror: Option<MirrorSource>,
    /// What the registry says of versions in place of their packages, in the order of the file. Not part of the keys by which
    /// packages are remembered, since none is read otherwise; the key of a build has it.
    #[serde(skip)]
    pub overrides: Vec<Override>,
}

/// Where a layer is mirrored from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MirrorSource {
    /// Names of upstreams; the first one that lists a version gives it.
    pub from: Vec<String>,
    /// Name of the selection that says what is wanted; everything that is listed if absent.
    pub select: Option<String>,
    /// Keep files, or patterns of their names, whose versions are wanted in any case.
    pub keep: Vec<PathBuf>,
}

impl Layer {
    /// Returns the policies for overwriting and for removal. The defaults follow package-storage: in `production` a fix is
    /// always a new version; in `staging` versions are overwritten but not removed; any other layer is free.
    pub fn policies(&self, name: &str) -> (Policy, Policy) {
        let (overwrite, removal) = match name {
            "production" => (Policy::Refuse, Policy::Refuse),
            "staging" => (Policy::Allow, Policy::Refuse),
            _ => (Policy::Allow, Policy::Allow),
        };
        (self.overwrite.unwrap_or(overwrite), self.removal.unwrap_or(removal))
    }
}

/// Name and paths of a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LayerSource {
    /// Name of the layer.
    pub name: String,
    /// Folders, or single zips, in the order in which they are searched.
    #[serde(serialize_with = "as_bytes")]
    pub paths: Vec<PathBuf>,
    /// Folders in which the targets of links may lie.
    #[serde(serialize_with = "as_bytes")]
    pub follow_links: Vec<PathBuf>,
}

/// A layer, ready to be searched.
#[derive(Clone, Debug, Serialize)]
pub struct LayerPlan {
    /// Name of the layer and where it is searched.
    pub source: LayerSource,
    /// Rules by which its packages are read.
    pub rules: Layer,
    /// The keys of [`Layer::keys`]; that of Elastic if it names none, so that wrong signatures in its name are noticed.
    #[serde(serialize_with = "as_digest")]
    pub keys: Arc<KeyRing>,
}

impl LayerPlan {
    /// Returns true if a package whose signature is not good is left out.
    pub fn requires_good_signatures(&self) -> bool {
        matches!(self.rules.signatures, Signatures::Require | Signatures::Verify) && !self.rules.keys.is_empty()
    }
}

/// Serialises paths for the keys of the cache; a path need not be UTF-8.
fn as_bytes<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.as_os_str().as_encoded_bytes()))
}

/// Serialises keys for the keys of the cache: equal ones give equal verdicts, wherever they were read.
fn as_digest<S: Serializer>(keys: &KeyRing, serializer: S) -> Result<S::Ok, S::Error> {
    keys.digest().serialize(serializer)
}
