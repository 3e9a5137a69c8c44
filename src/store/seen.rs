//! The list of blobs and trees that a run found or made whole and had flushed, so that the next one need not read or list
//! them again.
//!
//! A folder that has kept its inode and the time of its last change has kept its entries: file systems set that time
//! themselves and let nobody choose it. Its files are further names of blobs, each of which is looked at in any case. So a
//! list of folders with these two figures says that the folders are whole for as long as the blobs beside them are as they
//! are listed. Anything else, and any doubt, means looking into every folder as if there were no list.

use super::Store;
use super::list::{List, MAGIC, Mark, Whole, half, mark};
use super::stock::Stock;
use crate::base::digest::Digest;
use crate::base::fs::{flush_all, list, make_folders, remove_any, write_dated};
use anyhow::Result;
use rayon::prelude::*;
use rustix::fs::{AtFlags, Stat};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Folders that were made or found complete.
#[derive(Default)]
pub(super) struct Seen(Mutex<Folders>);

#[derive(Default)]
struct Folders {
    marks: BTreeMap<Digest, Mark>,
    /// True if the list on disk differs or there is none.
    is_changed: bool,
    /// True if a folder may hold a file that a look at the blobs does not see: then no folder is listed.
    is_unsure: bool,
}

impl Seen {
    pub(super) fn insert(&self, digest: &Digest, stat: &Stat) {
        let mut folders = self.lock();
        folders.marks.insert(*digest, mark(stat));
        folders.is_changed = true;
    }

    fn remove(&self, half: &[u8; 16]) {
        let mut folders = self.lock();
        folders.marks.retain(|digest, _| digest.half() != *half);
        folders.is_changed = true;
    }

    /// Notes that the list on disk is no longer true.
    pub(super) fn change(&self) {
        self.lock().is_changed = true;
    }

    pub(super) fn give_up(&self) {
        let mut folders = self.lock();
        (folders.is_unsure, folders.is_changed) = (true, true);
    }

    fn lock(&self) -> MutexGuard<'_, Folders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Finds out what is whole. What the list of an earlier run holds is believed as far as a look confirms it, all else
    /// is read; without a list everything is.
    ///
    /// Not to be called from a parallel stage: its threads would wait for each other.
    pub fn take_stock(&self, list: Option<&Path>) {
        let list = list.and_then(List::read);
        let stock = self.stock.get_or_init(|| Stock::take(self, list.as_ref()));
        let Some(list) = list else { return self.seen.change() };
        if !stock.is_as_listed {
            return self.seen.change();
        }
        if stock.all().count() != list.blobs.len() {
            self.seen.change();
        }
        // A folder stands for all below it, so that one that changed makes those above it doubtful.
        if !list.folders.par_iter().all(|(digest, mark)| self.is_as_seen(digest, mark)) {
            return self.seen.change();
        }
        for (digest, mark) in list.folders {
            self.trees.shard(&digest).insert(digest.half(), digest);
            self.seen.lock().marks.insert(digest, mark);
        }
    }

    /// Returns true if stock was taken, and every blob of the list was as it is listed.
    pub fn is_as_listed(&self) -> bool {
        self.stock.get().is_some_and(|stock| stock.is_as_listed)
    }

    /// Writes the list of what is whole if it changed, once all of it is on the disk.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write_stock(&self, path: &Path) -> Result<()> {
        let folders = self.seen.lock();
        let (Some(stock), true) = (self.stock.get(), folders.is_changed) else { return Ok(()) };
        let mut blobs: BTreeMap<[u8; 16], Whole> = stock.all().collect();
        blobs.extend(self.blobs.all());
        let mut list = MAGIC.to_vec();
        list.extend((blobs.len() as u64).to_le_bytes());
        for (half, Whole { size, inode }) in &blobs {
            list.extend(half.iter().chain(&size.to_le_bytes()).chain(&inode.to_le_bytes()));
        }
        if !folders.is_unsure {
            folders.marks.iter().for_each(|(digest, mark)| list.extend(digest.bytes().iter().chain(mark)));
        }
        list.extend(Digest::of(&list).bytes());
        flush_all(&self.root)?;
        path.parent().map_or(Ok(()), make_folders)?;
        write_dated(path, &list)
    }

    fn is_as_seen(&self, digest: &Digest, seen: &Mark) -> bool {
        let stat = rustix::fs::statat(&self.folder, Self::tree_path(digest), AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| mark(&stat) == *seen)
    }

    /// Removes a folder that nothing needs, given the path that ends in `<first two digits>/<rest>`.
    pub(crate) fn remove_tree(&self, path: &Path) -> Result<()> {
        remove_any(path)?;
        if let Some(digest) = half(&digits(path)) {
            self.seen.remove(&digest.half());
        }
        Ok(())
    }

    /// Removes a blob that nothing needs, given the path that ends in `<first two digits>/<rest>`.
    pub(crate) fn remove_blob(&self, path: &Path) -> Result<()> {
        remove_any(path)?;
        if let Ok(digest) = digits(path).parse::<Digest>() {
            self.drop_blob(&digest);
        }
        Ok(())
    }

    /// Removes blobs that are not whole, once everything that can be made again was.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn drop_damaged(&self) -> Result<()> {
        for shard in list(&self.root.join("blobs"))? {
            for entry in list(&shard.path)? {
                if digits(&entry.path).parse().is_ok_and(|digest| !self.holds(&digest)) {
                    remove_any(&entry.path)?;
                }
            }
        }
        Ok(())
    }

    /// No longer believes that a blob is whole, nor any folder, which may have it.
    pub fn forget(&self, digest: &Digest) {
        self.drop_blob(digest);
        self.trees.clear();
        self.seen.lock().marks.clear();
    }

    fn drop_blob(&self, digest: &Digest) {
        self.blobs.shard(digest).remove(&digest.half());
        if let Some(stock) = self.stock.get() {
            stock.forget(digest);
        }
        self.seen.change();
    }
}

/// The digits that a path in the store ends in.
fn digits(path: &Path) -> String {
    let names: Vec<_> = path.iter().rev().take(2).filter_map(|name| name.to_str()).collect();
    names.into_iter().rev().collect()
}
