//! Packages that were taken in, their outcomes, and the outcome of a layer.

use super::overlay::{Overlay, Overlays, Told};
use crate::base::compress;
use crate::base::digest::Digest;
use crate::base::file_notes::FileNotes;
use crate::base::problem::Problem;
use crate::config::settings::DistributionPlan;
use crate::input::carried::CarriedTable;
use crate::openpgp::{KeyRing, Verdict};
use crate::package::{Facts, InfoDocument, PackageKind, SearchItem};
use crate::store::Store;
use crate::store::content::{Blob, StoredFile, are_whole};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A package version in the store, with everything that later stages need.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Facts that filters and the selection of the latest version need.
    pub facts: Facts,
    /// Element of `/search` answers.
    pub item: SearchItem,
    /// Digest of that element.
    pub item_digest: Digest,
    /// Document, without deprecation.
    pub document: Blob,
    /// Gzip copy of the document.
    pub document_gzip: Option<Blob>,
    /// Position in the document at which a deprecation is inserted, in bytes.
    pub document_cut: usize,
    /// Folder or zip.
    pub kind: PackageKind,
    /// The folder that is served.
    pub tree: Digest,
    /// The archive that is served.
    pub archive: Blob,
    /// The signature of the archive.
    pub signature: Option<Blob>,
    /// The list of its files with their digests.
    pub listing: Listing,
    /// Notes for servers about single files, by path below the package's root.
    pub notes: FileNotes,
    /// Number of files.
    pub files: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// The list of a package's files.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Listing {
    /// As JSON in the store, compressed: nobody but this program reads it.
    Stored(Blob),
    /// In memory, if there is no store.
    Held(BTreeMap<String, StoredFile>),
}

/// Outcome of one candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The stored package, unless it is quarantined.
    pub record: Option<Arc<Record>>,
    /// Problems of the package.
    pub problems: Vec<Problem>,
}

/// A candidate and its outcome.
#[derive(Clone, Debug)]
pub struct Intake {
    /// Path of the package in its layer.
    pub package: String,
    /// Outcome of the candidate.
    pub outcome: Outcome,
    /// What the signature that is published with it is worth.
    pub verdict: Verdict,
    /// The package, if it is left out because the layer holds its version already.
    pub repeats: Option<Arc<Record>>,
}

/// Outcome of one layer.
#[derive(Clone, Debug)]
pub struct LayerIntake {
    /// Name of the layer.
    pub name: String,
    /// True if the versions never change.
    pub immutable: bool,
    /// The keys by which its signatures were judged.
    pub keys: Arc<KeyRing>,
    /// Digest of everything found, by which the next build sees whether anything changed; see `survey::layer_digest`.
    pub digest: Option<Digest>,
    /// Packages in order of precedence.
    pub packages: Vec<Intake>,
    /// Problems of the layer itself.
    pub problems: Vec<Problem>,
    /// What overrides change of its versions.
    pub overlays: Overlays,
    /// Notices of deprecation that its mirror carries along.
    pub carried: CarriedTable,
}

/// The JSON of a list of files in the store.
///
/// # Errors
/// When the disk fails or the list is damaged.
pub fn listing_text(listing: &Blob, store: &Store) -> Result<Vec<u8>> {
    compress::gunzip(&store.read_blob(&listing.digest)?).context("cannot unpack a list of files")
}

impl Outcome {
    /// Returns true if the same files have the same outcome again, which is not so when reading them failed.
    pub fn is_lasting(&self) -> bool {
        !self.problems.iter().any(|problem| problem.rule.is_passing())
    }
}

impl Record {
    /// Returns true if everything the record points to is complete in the store.
    pub(crate) fn is_whole(&self, store: &Store) -> bool {
        let Listing::Stored(listing) = &self.listing else { return false };
        let blobs = [Some(&self.document), self.document_gzip.as_ref(), Some(&self.archive), self.signature.as_ref()];
        store.has_tree(&self.tree) && are_whole(store, blobs.into_iter().flatten().chain([listing]))
    }

    /// Returns the document, in the pieces it was rendered from.
    pub fn info(&self, store: &Store) -> Result<InfoDocument> {
        let mut before = String::from_utf8(store.read_blob(&self.document.digest)?).context("a document is text")?;
        let after = before.split_off(self.document_cut);
        Ok(InfoDocument { before_deprecated: before, after_deprecated: after })
    }

    /// Returns a key that no other package has: the archive holds files, name and version, and the signature lies beside.
    pub fn content_key(&self) -> Digest {
        let signature = self.signature.map(|blob| blob.digest.to_string()).unwrap_or_default();
        Digest::of(format!("archive {} {signature}", self.archive.digest).as_bytes())
    }

    /// The package as the registry tells it, with what overrides change of it.
    #[must_use]
    pub fn told(self: &Arc<Self>, overlay: &Overlay) -> Arc<Self> {
        if overlay.kibana.is_none() && overlay.deprecated.is_none() {
            return Arc::clone(self);
        }
        let mut told = Self::clone(self);
        if let Some(Told { is, .. }) = &overlay.kibana {
            told.facts.kibana = Some(is.clone());
            told.item = told.item.with_kibana(is);
            told.item_digest = Digest::of_value(&told.item);
        }
        if let Some(Told { is, .. }) = &overlay.deprecated {
            told.facts.deprecated = Some(is.clone());
        }
        Arc::new(told)
    }

    /// `<name>-<version>`.
    pub fn id(&self) -> String {
        format!("{}-{}", self.facts.name, self.facts.version)
    }
}

/// Returns the layers of a distribution, in order.
pub fn stack<'a>(plan: &DistributionPlan, layers: &'a [LayerIntake]) -> Vec<&'a LayerIntake> {
    plan.layers.iter().map(|&position| &layers[position]).collect()
}

impl LayerIntake {
    /// Returns what overrides change of a version.
    pub fn overlay(&self, facts: &Facts) -> Option<&Overlay> {
        if self.overlays.is_empty() {
            return None;
        }
        self.overlays.get(&facts.key())
    }

    /// Returns all problems, those of the layer first.
    pub fn all_problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().chain(self.packages.iter().flat_map(|intake| &intake.outcome.problems))
    }

    /// Returns the number of quarantined packages, including those that could not even be opened.
    pub fn quarantined(&self) -> usize {
        let is_out = |intake: &&Intake| intake.outcome.problems.iter().any(Problem::is_quarantine);
        self.packages.iter().filter(is_out).count() + self.unopened()
    }

    /// Returns the number of candidates that could not be opened, so that they are not among the packages.
    pub fn unopened(&self) -> usize {
        self.problems.iter().filter(|problem| problem.is_quarantine()).count()
    }
}
