//! The merged catalog of one distribution: which version comes from which layer, and which others hold it too.
//!
//! Layers are laid over each other in the order of the configuration; the first one that holds a version wins. What the
//! others hold is compared with it: the same content is a harmless copy, other content is a conflict. Knows nothing of
//! disks beyond reading lists of files from the store.

use super::deprecation;
use crate::catalog::record::{LayerIntake, Listing, Record, listing_text};
use crate::openpgp::{Fingerprint, Verdict};
use crate::package::{Deprecated, Facts};
use crate::store::Store;
use crate::store::content::StoredFile;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A version in the catalog.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The stored package.
    pub record: Arc<Record>,
    /// The layer it comes from.
    pub layer: String,
    /// Path in that layer.
    pub package: String,
    /// True if that layer promises never to change the version.
    pub immutable: bool,
    /// Other layers that hold the same version, in order.
    pub also_in: Vec<Copy>,
    /// What its signature is worth.
    pub verdict: Verdict,
    /// Deprecation of the name: it counts for all versions.
    pub deprecated: Option<Deprecated>,
}

/// The same version in a layer further down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Copy {
    /// The layer.
    pub layer: String,
    /// Path in that layer.
    pub package: String,
    /// Paths of files that are not the same; empty for a true copy.
    pub differing_files: Vec<String>,
}

/// All versions of one distribution.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// By name in byte order, then version.
    pub entries: Vec<Entry>,
    /// The keys by which signatures are good, armored.
    pub keys: BTreeMap<Fingerprint, String>,
    /// What a selection has left out, if one was applied.
    pub selected: Option<Selected>,
}

/// What a selection did to a catalog.
#[derive(Clone, Debug, Default)]
pub struct Selected {
    /// Name of the selection.
    pub name: String,
    /// The versions that it leaves out, in the order of the catalog.
    pub left_out: Vec<LeftOut>,
    /// What is odd about it, in words; a hint may follow in a line of its own.
    pub warnings: Vec<String>,
    /// What Kibanas of the selection get less because it says so, in words.
    pub losses: Vec<String>,
}

/// A version that layers hold and that is not published.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// The version.
    pub entry: Entry,
    /// Kind of the reason, in a word.
    pub kind: &'static str,
    /// The reason, in one line.
    pub reason: String,
}

/// So much smaller are elements in compressed answers, measured with real packages (13) and with synthetic ones (10).
const SHRINKS_BY: usize = 11;

impl Catalog {
    /// Lays the layers over each other, the first of them on top.
    pub fn merge(layers: &[&LayerIntake], store: Option<&Store>) -> Result<Self> {
        let mut found: BTreeMap<(&str, &crate::dialect::version::Version), Entry> = BTreeMap::new();
        let mut keys = BTreeMap::new();
        for layer in layers {
            for intake in &layer.packages {
                let Some(record) = &intake.outcome.record else { continue };
                let key = (record.facts.name.as_str(), &record.facts.version);
                if let Some(winner) = found.get_mut(&key) {
                    let differing_files = differing(&winner.record, record, store)?;
                    let copy = Copy { layer: layer.name.clone(), package: intake.package.clone(), differing_files };
                    winner.also_in.push(copy);
                } else {
                    if let Some(key) = intake.verdict.good_key() {
                        keys.entry(key).or_insert_with(|| layer.keys.armored(&key).unwrap_or_default());
                    }
                    let entry = Entry {
                        record: Arc::clone(record),
                        layer: layer.name.clone(),
                        package: intake.package.clone(),
                        immutable: layer.immutable,
                        also_in: Vec::new(),
                        verdict: intake.verdict.clone(),
                        deprecated: None,
                    };
                    found.insert(key, entry);
                }
            }
        }
        let mut catalog = Self { entries: found.into_values().collect(), keys, selected: None };
        let deprecated = deprecation::propagated(&catalog.facts());
        for (entry, deprecated) in catalog.entries.iter_mut().zip(deprecated) {
            entry.deprecated = deprecated;
        }
        Ok(catalog)
    }

    /// Returns the facts that search needs, in the same order.
    pub fn facts(&self) -> Vec<&Facts> {
        self.entries.iter().map(|entry| &entry.record.facts).collect()
    }

    /// Returns how many bytes each version adds to a compressed answer, more or less, in the same order.
    pub fn compressed_sizes(&self) -> Vec<u32> {
        let size = |entry: &Entry| u32::try_from(entry.record.item.bytes() / SHRINKS_BY).unwrap_or(u32::MAX);
        self.entries.iter().map(size).collect()
    }

    /// Returns what the manifest says of each version besides its content: the layer, whether it may change, and the verdict
    /// on its signature.
    pub fn provenance(&self) -> Vec<u8> {
        let line = |entry: &Entry| {
            format!("{} {} {} {}\n", entry.record.id(), entry.layer, entry.immutable, entry.verdict.text())
        };
        self.entries.iter().map(line).collect::<String>().into_bytes()
    }

    /// Versions that another layer holds with other content.
    pub fn conflicts(&self) -> impl Iterator<Item = (&Entry, &Copy)> {
        let pairs = self.entries.iter().flat_map(|entry| entry.also_in.iter().map(move |copy| (entry, copy)));
        pairs.filter(|(_, copy)| !copy.differing_files.is_empty())
    }
}

/// Paths of files that one of the packages lacks or holds with other content.
///
/// # Errors
/// When a list cannot be read.
pub(crate) fn differing(winner: &Record, other: &Record, store: Option<&Store>) -> Result<Vec<String>> {
    if winner.tree == other.tree {
        return Ok(Vec::new());
    }
    let (ours, theirs) = (listing(&winner.listing, store)?, listing(&other.listing, store)?);
    let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let content = |files: &BTreeMap<String, StoredFile>, path: &str| files.get(path).map(|file| file.blob.digest);
    Ok(paths.into_iter().filter(|path| content(&ours, path) != content(&theirs, path)).cloned().collect())
}

/// The list of a package's files.
fn listing<'a>(listing: &'a Listing, store: Option<&Store>) -> Result<Cow<'a, BTreeMap<String, StoredFile>>> {
    match (listing, store) {
        (Listing::Held(files), _) => Ok(Cow::Borrowed(files)),
        (Listing::Stored(blob), Some(store)) => serde_json::from_slice(&listing_text(blob, store)?)
            .map(Cow::Owned)
            .context("cannot read a list of files from the store"),
        (Listing::Stored(_), None) => bail!("a list of files is in a store that is not open"),
    }
}
