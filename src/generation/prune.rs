//! Forgetting: generations beyond those to keep, and what only they needed.
//!
//! A tree of the store is needed when a generation that is kept leads to it; a blob is needed when a file in a needed tree
//! is a link to it, or when the cache or a kept generation names it. Everything else goes. Readers of a generation that is
//! kept never notice.

use crate::base::digest::Digest;
use crate::base::fs::{self, make_folders, write_over};
use crate::catalog::cache::Cache;
use crate::catalog::record::Listing;
use crate::generation::distribution::Distribution;
use crate::store::Store;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Number of things that were removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Generations.
    pub generations: usize,
    /// Folders of the store.
    pub trees: usize,
    /// Files of the store.
    pub blobs: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Looking through the whole store costs more than a small build: it waits until so many generations are gone.
const SWEEP_AFTER: usize = 10;
/// Number of generations removed since the last sweep.
const COUNT: &str = "cache/dropped";

/// Removes old generations of all distributions, and now and then what only they needed.
///
/// # Errors
/// When the disk fails.
pub fn tidy(out: &Path, keep: usize, store: &Store, cache: &Cache) -> Result<()> {
    let mut dropped = 0;
    clear_unfinished(out)?;
    for distribution in Distribution::all(out)? {
        distribution.clear_unfinished()?;
        dropped += drop_generations(&distribution, keep)?;
    }
    if dropped == 0 {
        return Ok(());
    }
    let before: usize = fs::read_text(&out.join(COUNT)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let mut count = before + dropped;
    if count >= SWEEP_AFTER {
        sweep(out, store, cache)?;
        count = 0;
    }
    make_folders(&out.join("cache"))?;
    write_over(&out.join(COUNT), format!("{count}\n").as_bytes())
}

/// Removes files that an earlier run was writing beside what they were to replace when it ended.
fn clear_unfinished(out: &Path) -> Result<()> {
    for entry in fs::list_if_there(&out.join("cache"))?.unwrap_or_default() {
        if entry.path.extension().is_some_and(|extension| extension == "new") {
            fs::remove_file(&entry.path)?;
        }
    }
    Ok(())
}

/// Removes the oldest generations of a distribution; the one in use, the `keep - 1` newest others and those of releases stay.
///
/// # Errors
/// When the disk fails.
pub fn drop_generations(distribution: &Distribution, keep: usize) -> Result<usize> {
    let current = distribution.current();
    let pinned = distribution.pinned()?;
    let others = distribution.generations()?.into_iter();
    let others: Vec<_> = others.filter(|id| Some(id) != current.as_ref() && !pinned.contains(id)).collect();
    let mut dropped = 0;
    for id in others.iter().skip(keep.saturating_sub(1)) {
        distribution.remove(id)?;
        dropped += 1;
    }
    Ok(dropped)
}

/// Removes from the store what no generation below `out` and no line of the cache needs.
///
/// # Errors
/// When the disk fails.
pub fn sweep(out: &Path, store: &Store, cache: &Cache) -> Result<Pruned> {
    // Paths are compared below, so all must be spelt alike.
    let root = fs::canonical(store.root())?;
    let mut needed = BTreeSet::new();
    for distribution in Distribution::all(out)? {
        for id in distribution.generations()? {
            let site = fs::canonical(&distribution.generation(&id).join("site"))
                .with_context(|| format!("generation {id} has lost its site"))?;
            mark(site, &mut needed)?;
        }
    }
    let mut named = BTreeSet::new();
    for outcome in cache.packages.values() {
        let Some(record) = &outcome.record else { continue };
        mark(root.join(Store::tree_path(&record.tree)), &mut needed)?;
        let blobs = [Some(record.document), record.document_gzip, Some(record.archive), record.signature];
        named.extend(blobs.into_iter().flatten().map(|blob| blob.digest));
        if let Listing::Stored(listing) = &record.listing {
            named.insert(listing.digest);
        }
    }
    for (blob, gzip) in cache.answers.values() {
        named.extend([Some(blob), gzip].into_iter().flatten().map(|blob| blob.digest));
    }
    for page in cache.pages.values().into_iter().flat_map(|pages| pages.pages) {
        named.extend([Some(page.blob), page.gzip].into_iter().flatten().map(|blob| blob.digest));
    }
    let mut pruned = Pruned::default();
    for path in stored(&root.join("trees"))? {
        if !needed.contains(&path) {
            store.remove_tree(&path)?;
            pruned.trees += 1;
        }
    }
    let named: BTreeSet<PathBuf> = named.iter().map(|digest: &Digest| root.join(Store::blob_path(digest))).collect();
    for path in stored(&root.join("blobs"))? {
        let stat = fs::link_metadata(&path)?;
        if stat.nlink() == 1 && !named.contains(&path) {
            fs::remove_file(&path)?;
            pruned.blobs += 1;
            pruned.bytes += stat.size();
        }
    }
    Ok(pruned)
}

/// Marks a tree and those below it. What is gone needs nothing.
fn mark(tree: PathBuf, needed: &mut BTreeSet<PathBuf>) -> Result<()> {
    let mut open = vec![tree];
    while let Some(tree) = open.pop() {
        if needed.contains(&tree) {
            continue;
        }
        let Some(entries) = fs::list_if_there(&tree)? else { continue };
        for entry in entries.iter().filter(|entry| entry.kind.is_symlink()) {
            // Links between trees are `../../<first two digits>/<rest>`.
            let target = fs::read_link(&entry.path)?;
            let trees = tree.parent().and_then(Path::parent).unwrap_or(&tree);
            open.push(trees.join(target.strip_prefix("../..").unwrap_or(&target)));
        }
        needed.insert(tree);
    }
    Ok(())
}

/// Lists everything in the 256 folders of a part of the store, sorted.
fn stored(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for shard in fs::list(folder)? {
        all.extend(fs::list(&shard.path)?.into_iter().map(|entry| entry.path));
    }
    Ok(all)
}
