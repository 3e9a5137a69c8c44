//! The list of trees that a build found complete, so that the next one need not look into them again.
//!
//! A folder that has kept its inode and the time of its last change has kept its entries: file systems set that time
//! themselves and let nobody choose it. Its files are further names of blobs, each of which is looked at in any case. So a
//! list of folders with these two figures, and with a digest of the inodes of all blobs, says that the folders are whole
//! for as long as all of it holds. Anything else, and any doubt, means looking into every folder as if there were no list.

use super::Store;
use super::tree::half;
use crate::base::digest::{Digest, Hasher};
use crate::base::fs::{read, remove_file_if_there, remove_folder, write_over};
use anyhow::{Context, Result};
use rayon::prelude::*;
use rustix::fs::{AtFlags, Dir, Mode, OFlags, Stat};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Says what a list is, and of which form.
const MAGIC: &[u8; 8] = b"eprseen1";
/// Bytes of a digest.
const DIGEST: usize = 32;
/// Bytes of a folder in the list: half its digest, its inode, the seconds and nanoseconds of its last change.
const LINE: usize = 16 + 3 * 8;

/// Inode and time of the last change of a folder: equal as long as the folder is the one that was seen.
type Mark = [u8; LINE - 16];

/// Folders that were made or found complete.
#[derive(Default)]
pub(super) struct Seen(Mutex<Folders>);

#[derive(Default)]
struct Folders {
    marks: BTreeMap<[u8; 16], Mark>,
    /// True if the list on disk differs or there is none.
    is_changed: bool,
    /// True if a folder may hold a file that a listing of the blobs does not see: then there is no list.
    is_unsure: bool,
}

impl Seen {
    pub(super) fn insert(&self, digest: &Digest, stat: &Stat) {
        let mut folders = self.lock();
        folders.marks.insert(digest.half(), mark(stat));
        folders.is_changed = true;
    }

    fn remove(&self, digest: &Digest) {
        let mut folders = self.lock();
        folders.marks.remove(&digest.half());
        folders.is_changed = true;
    }

    pub(super) fn give_up(&self) {
        self.lock().is_unsure = true;
    }

    fn lock(&self) -> MutexGuard<'_, Folders> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn mark(stat: &Stat) -> Mark {
    let figures = [stat.st_ino, stat.st_ctime.cast_unsigned(), stat.st_ctime_nsec];
    let mut mark = Mark::default();
    mark.chunks_exact_mut(8).zip(figures).for_each(|(place, figure)| place.copy_from_slice(&figure.to_le_bytes()));
    mark
}

impl Store {
    /// Writes the list if it changed, or removes it if it could not be relied on.
    ///
    /// # Errors
    /// When the store cannot be listed, or the disk fails.
    pub fn write_seen(&self, path: &Path) -> Result<()> {
        let folders = self.seen.lock();
        if folders.is_unsure {
            return remove_file_if_there(path);
        }
        if !folders.is_changed {
            return Ok(());
        }
        let inodes = self.listed_inodes().with_context(|| format!("cannot list {}", self.root.display()))?;
        let mut list = MAGIC.to_vec();
        list.extend(digest_of(inodes).bytes());
        folders.marks.iter().for_each(|(half, mark)| list.extend(half.iter().chain(mark)));
        list.extend(Digest::of(&list).bytes());
        write_over(path, &list)
    }

    /// Takes the folders of a list for complete, if all of the list holds. The blobs must have been listed before.
    pub fn read_seen(&self, path: &Path) {
        let Ok(list) = read(path) else { return };
        let Some(folders) = self.believed(&list) else { return };
        for line in folders.chunks_exact(LINE) {
            let (half, mark) = line.split_at(16);
            let (Ok(half), Ok(mark)) = (half.try_into(), mark.try_into()) else { return };
            self.trees.shard_of(&half).insert(half);
            self.seen.lock().marks.insert(half, mark);
        }
    }

    /// The folders of a list in which everything holds.
    fn believed<'a>(&self, list: &'a [u8]) -> Option<&'a [u8]> {
        let (rest, sum) = list.split_at_checked(list.len().checked_sub(DIGEST)?)?;
        let (inodes, folders) = rest.strip_prefix(MAGIC)?.split_at_checked(DIGEST)?;
        let is_ours = Digest::of(rest).bytes() == sum && folders.len() % LINE == 0;
        let blobs = self.listing.get()?.inodes().collect();
        (is_ours
            && digest_of(blobs).bytes() == inodes
            && folders.par_chunks_exact(LINE).all(|line| self.is_as_seen(line)))
        .then_some(folders)
    }

    fn is_as_seen(&self, line: &[u8]) -> bool {
        let (half, seen) = line.split_at(16);
        let name: String = half.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = format!("trees/{}/{}", &name[..2], &name[2..]);
        let stat = rustix::fs::statat(&self.folder, path, AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| mark(&stat) == *seen)
    }

    /// Removes a folder that nothing needs, given the path that ends in `<first two digits>/<rest>`.
    pub(crate) fn remove_tree(&self, path: &Path) -> Result<()> {
        remove_folder(path)?;
        let names: Vec<_> = path.iter().rev().take(2).filter_map(|name| name.to_str()).collect();
        if let [rest, shard] = names[..] {
            half(&format!("{shard}{rest}")).inspect(|digest| self.seen.remove(digest));
        }
        Ok(())
    }

    /// The inodes of everything in the folders of blobs, which a listing tells.
    fn listed_inodes(&self) -> rustix::io::Result<Vec<u64>> {
        let list = |shard: u8| {
            let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let folder = rustix::fs::openat(&self.folder, format!("blobs/{shard:02x}"), flags, Mode::empty())?;
            let entries = Dir::new(folder)?.filter(|entry| {
                entry.as_ref().map_or(true, |entry| !matches!(entry.file_name().to_bytes(), b"." | b".."))
            });
            entries.map(|entry| Ok(entry?.ino())).collect::<rustix::io::Result<Vec<_>>>()
        };
        let listing = (0..=255_u8).into_par_iter().map(list).collect::<rustix::io::Result<Vec<_>>>()?;
        Ok(listing.into_iter().flatten().collect())
    }
}

/// A digest of numbers in whatever order.
fn digest_of(mut numbers: Vec<u64>) -> Digest {
    numbers.sort_unstable();
    let mut hasher = Hasher::default();
    numbers.into_iter().for_each(|number| hasher.number(number));
    hasher.finish()
}
