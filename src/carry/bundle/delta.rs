//! Computes what is new and what is gone, as pure functions over a base and a generation.

use super::manifest::{BundleManifest, Gone, Origin};
use super::scan::Scan;
use crate::base::digest::Digest;
use std::collections::BTreeSet;

/// The contents and folders of a generation, on which a later one can build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseContents {
    /// Contents.
    pub contents: BTreeSet<Digest>,
    /// Folders.
    pub folders: BTreeSet<Digest>,
}

impl BaseContents {
    /// Reads a generation in the store.
    pub fn of_scan(scan: &Scan) -> Self {
        Self { contents: scan.contents.keys().copied().collect(), folders: scan.trees.keys().copied().collect() }
    }

    /// The contents after a bundle has been unpacked on top of these. For a bundle that brings everything,
    /// these do not matter.
    #[must_use]
    pub fn after(self, manifest: &BundleManifest) -> Self {
        let mut base = if manifest.base.is_some() { self } else { Self::default() };
        base.contents.extend(manifest.contents.iter().map(|content| content.sha256));
        base.folders.extend(manifest.folders.iter().map(|folder| folder.digest));
        let gone = &manifest.gone;
        base.contents.retain(|content| gone.contents.binary_search(content).is_err());
        base.folders.retain(|folder| gone.folders.binary_search(folder).is_err());
        base
    }

    /// The contents and folders that a later generation does not have.
    pub fn gone(&self, later: &Self) -> Gone {
        Gone {
            contents: self.contents.difference(&later.contents).copied().collect(),
            folders: self.folders.difference(&later.folders).copied().collect(),
        }
    }
}

/// Numbers that say what a bundle does: what is new, what it takes from its base, what is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Contents that the bundle holds.
    pub carried: usize,
    /// Contents that are made from others.
    pub made: usize,
    /// Bytes of these contents.
    pub made_bytes: u64,
    /// Contents and folders that nothing needs any more.
    pub gone: usize,
}

impl Tally {
    /// Reads a manifest.
    pub fn new(manifest: &BundleManifest) -> Self {
        let mut tally = Self { gone: manifest.gone.contents.len() + manifest.gone.folders.len(), ..Self::default() };
        for content in &manifest.contents {
            match content.from {
                Origin::Base => {}
                Origin::Text | Origin::Media => tally.carried += 1,
                Origin::Member { .. } | Origin::Gzip(_) | Origin::Zip { .. } => {
                    tally.made += 1;
                    tally.made_bytes += content.size;
                }
            }
        }
        tally
    }
}
