//! The merged catalog of one distribution: which version comes from which layer, and which others hold it too.
//!
//! Layers are laid over each other in the order of the configuration; the first one that holds a version wins. What the
//! others hold is compared with it: the same content is a harmless copy, other content is a conflict. Knows nothing of
//! disks beyond reading lists of files from the store.

use super::deprecation::{self, CarriedNotice, Notices, Origin};
use super::overlay::{Overlay, Overridden};
use super::overrides::{Offered, Shadows, of_names, shadowed};
use crate::base::problem::Problem;
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
    /// The stored package as the registry tells it, which is as its files say unless an override changes that.
    pub record: Arc<Record>,
    /// The stored package as its files say.
    pub own: Arc<Record>,
    /// What overrides of its layer change.
    pub overlay: Overlay,
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
    /// Notices of deprecation that count and that no version here has itself, by name.
    pub carried: Vec<CarriedNotice>,
    /// What is odd about the layers together.
    pub problems: Vec<Problem>,
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
        let (mut notices, mut shadows) = (Notices::new(), Shadows::new());
        for layer in layers {
            for (name, carried) in &layer.carried {
                let (name, layer) = (name.clone(), layer.name.clone());
                let (version, deprecated) = (carried.version.clone(), carried.deprecated.clone());
                deprecation::add(&mut notices, CarriedNotice { name, version, layer, deprecated });
            }
            for intake in &layer.packages {
                let Some(record) = &intake.outcome.record else { continue };
                let key = (record.facts.name.as_str(), &record.facts.version);
                let overlay = layer.overlay(&record.facts);
                if let Some(winner) = found.get_mut(&key) {
                    if overlay.is_some_and(|overlay| !overlay.has_effect_of(&winner.overlay)) {
                        let above = layers.iter().find(|above| above.name == winner.layer);
                        let above = above.map_or("", |above| above.name.as_str());
                        shadows.entry((layer.name.as_str(), above)).or_default().push(record.id());
                    }
                    let differing_files = differing(&winner.record, record, store)?;
                    let copy = Copy { layer: layer.name.clone(), package: intake.package.clone(), differing_files };
                    winner.also_in.push(copy);
                } else {
                    if let Some(key) = intake.verdict.good_key() {
                        keys.entry(key).or_insert_with(|| layer.keys.armored(&key).unwrap_or_default());
                    }
                    let overlay = overlay.cloned().unwrap_or_default();
                    let entry = Entry {
                        record: record.told(&overlay),
                        own: Arc::clone(record),
                        overlay,
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
        let entries: Vec<Entry> = found.into_values().collect();
        let mut problems = shadowed(shadows);
        problems.extend(of_names(entries.iter().map(|entry| Offered {
            facts: &entry.record.facts,
            overlay: &entry.overlay,
            layer: &entry.layer,
        })));
        let mut catalog = Self { entries, keys, problems, ..Self::default() };
        catalog.spread(&notices);
        Ok(catalog)
    }

    /// A catalog of versions that are known already, by name in byte order, then version.
    pub fn of(entries: Vec<Entry>, keys: BTreeMap<Fingerprint, String>, carried: Vec<CarriedNotice>) -> Self {
        let notices = carried.into_iter().map(|notice| (notice.name.clone(), notice)).collect();
        let mut catalog = Self { entries, keys, ..Self::default() };
        catalog.spread(&notices);
        catalog
    }

    /// Gives all versions of a name the notice of one of them, or the one that is carried along.
    fn spread(&mut self, notices: &Notices) {
        let same_name = |a: &Entry, b: &Entry| a.record.facts.name == b.record.facts.name;
        for versions in self.entries.chunk_by_mut(same_name) {
            let facts: Vec<&Facts> = versions.iter().map(|entry| &entry.record.facts).collect();
            let origin = deprecation::origin(&facts, notices);
            let deprecated = origin.as_ref().map(|origin| origin.deprecated().clone());
            self.carried.extend(match origin {
                Some(Origin::Carried(notice)) => Some(notice.clone()),
                _ => None,
            });
            versions.iter_mut().for_each(|entry| entry.deprecated.clone_from(&deprecated));
        }
    }

    /// Leaves out versions, given by their positions. What they said of deprecation stays, as a notice that is carried along.
    pub fn keep_only(&mut self, is_kept: impl Fn(usize, &Entry) -> bool) {
        let mut notices: Notices =
            std::mem::take(&mut self.carried).into_iter().map(|notice| (notice.name.clone(), notice)).collect();
        let same_name = |a: &Entry, b: &Entry| a.record.facts.name == b.record.facts.name;
        for versions in self.entries.chunk_by(same_name) {
            let facts: Vec<&Facts> = versions.iter().map(|entry| &entry.record.facts).collect();
            let Some(Origin::Held(at, deprecated)) = deprecation::origin(&facts, &notices) else { continue };
            let (name, version) = (facts[at].name.clone(), facts[at].version.clone());
            let (layer, deprecated) = (versions[at].layer.clone(), deprecated.clone());
            notices.insert(name.clone(), CarriedNotice { name, version, layer, deprecated });
        }
        let mut position = 0;
        self.entries.retain(|entry| {
            position += 1;
            is_kept(position - 1, entry)
        });
        self.spread(&notices);
    }

    /// Returns the versions that answers to `/search` and `/categories` may hold: all that are not hidden.
    pub fn offered(&self) -> Vec<&Entry> {
        self.entries.iter().filter(|entry| !entry.is_hidden()).collect()
    }

    /// Returns the facts that search needs of the versions that are offered, in their order.
    pub fn facts(&self) -> Vec<&Facts> {
        self.offered().into_iter().map(|entry| &entry.record.facts).collect()
    }

    /// Returns how many bytes each version that is offered adds to a compressed answer, more or less, in their order.
    pub fn compressed_sizes(&self) -> Vec<u32> {
        let size = |entry: &Entry| u32::try_from(entry.record.item.bytes() / SHRINKS_BY).unwrap_or(u32::MAX);
        self.offered().into_iter().map(size).collect()
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

impl Entry {
    /// Returns true if an override keeps it out of all answers to `/search` and `/categories`.
    pub fn is_hidden(&self) -> bool {
        self.overlay.hidden.is_some()
    }

    /// What overrides change of it; nothing where none does.
    pub fn overridden(&self) -> Option<Overridden> {
        let overlay = self.overlay.clone();
        let Facts { name, version, .. } = &self.record.facts;
        let (name, version, layer) = (name.clone(), version.to_string(), self.layer.clone());
        (!overlay.is_empty()).then_some(Overridden { name, version, layer, overlay })
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
