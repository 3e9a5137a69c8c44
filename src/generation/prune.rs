//! Forgetting: generations beyond those to keep, and what only they needed.
//!
//! A tree of the store is needed when a generation that is kept leads to it; a blob is needed when a file in a needed tree
//! is a link to it, or when the cache or a kept generation names it. Everything else goes. Readers of a generation that is
//! kept never notice.

use crate::base::digest::Digest;
use crate::base::fs::{self, make_folders, write_dated};
use crate::base::time;
use crate::catalog::cache::Cache;
use crate::catalog::record::Listing;
use crate::generation::distribution::Distribution;
use crate::generation::uses::Use;
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
    write_dated(&out.join(COUNT), format!("{count}\n").as_bytes())
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

/// A generation that was in use for so long has proved good, in seconds.
const PROVEN_AFTER: u64 = 24 * 60 * 60;

/// Removes the oldest generations of a distribution. The one in use, the `keep - 1` newest others, those of releases and those
/// that web servers include stay; so does one that a server holds, and the last that was in use for a day, if none of those that stay was.
///
/// # Errors
/// When the disk fails.
pub fn drop_generations(distribution: &Distribution, keep: usize) -> Result<usize> {
    let current = distribution.current();
    let needed = &distribution.pinned()? | &distribution.included()?;
    let others = distribution.generations()?.into_iter();
    let others: Vec<_> = others.filter(|id| Some(id) != current.as_ref() && !needed.contains(id)).collect();
    let (stay, go) = others.split_at(others.len().min(keep.saturating_sub(1)));
    let proven = proven(&distribution.uses(), time::now());
    let last_proven = proven.iter().rev().find(|id| others.contains(id) || Some(*id) == current.as_ref());
    let has_proven = current.iter().chain(stay).any(|id| proven.contains(id));
    let spared = last_proven.filter(|_| !has_proven);
    let mut dropped = 0;
    for id in go {
        if spared != Some(id) && !distribution.is_held(id) {
            distribution.remove(id)?;
            dropped += 1;
        }
    }
    Ok(dropped)
}

/// The generations that were in use for a day without a break, the last one at the end. One that was in use when the
/// log began to have dates counts too: nobody knows better.
fn proven(uses: &[Use], now: u64) -> Vec<String> {
    let ends = uses.iter().skip(1).map(|next| next.since).chain([Some(now)]);
    let is_proven = |(one, end): &(&Use, Option<u64>)| match (one.since, end) {
        (Some(since), Some(end)) => end.saturating_sub(since) >= PROVEN_AFTER,
        (None, Some(_)) => true,
        (_, None) => false,
    };
    uses.iter().zip(ends).filter(is_proven).map(|(one, _)| one.id.clone()).collect()
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
        if (stat.nlink() == 1 || !stat.is_file()) && !named.contains(&path) {
            store.remove_blob(&path)?;
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
        // What has the place of a folder and is none needs nothing either.
        let is_folder = fs::link_metadata(&tree).is_ok_and(|stat| stat.is_dir());
        let Some(entries) = is_folder.then(|| fs::list_if_there(&tree)).transpose()?.flatten() else { continue };
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

#[cfg(test)]
mod tests {
    use super::proven;
    use crate::generation::uses::{Switch, Use};

    #[test]
    fn a_day_without_a_break_proves_a_generation() {
        let day = 24 * 60 * 60;
        let dates = |list: &[(&str, Option<u64>)]| -> Vec<Use> {
            let entry = |(id, since): &(&str, Option<u64>)| Use {
                id: (*id).to_owned(),
                since: *since,
                program: None,
                number: 0,
                by: Switch::Build,
            };
            list.iter().map(entry).collect()
        };
        for (list, now, expected) in [
            (&[][..], 0, &[][..]),
            (&[("a", Some(5))], 5 + day, &["a"]),
            (&[("a", Some(5))], 4 + day, &[]),
            (&[("a", Some(0)), ("b", Some(day)), ("c", Some(day + 60))], day + 120, &["a"]),
            // Two times half a day are no day.
            (&[("a", Some(0)), ("b", Some(day / 2)), ("a", Some(day / 2 + 1))], day, &[]),
            (&[("a", Some(0)), ("b", Some(day)), ("a", Some(2 * day))], 2 * day, &["a", "b"]),
            // Lines without dates.
            (&[("a", None), ("b", None), ("c", Some(7))], 8, &["b"]),
            (&[("a", None)], 8, &["a"]),
            // A clock that was put back.
            (&[("a", Some(9 * day)), ("b", Some(5))], 6, &[]),
        ] {
            assert_eq!(proven(&dates(list), now), expected, "{list:?} at {now}");
        }
    }
}
