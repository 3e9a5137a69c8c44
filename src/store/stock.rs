//! Taking stock: which blobs are whole.
//!
//! A blob that an earlier run had flushed to the disk is on a list with its size and inode. One that still has both, and the
//! time of its digest, is believed. Every other one is read before it is: what a run wrote that lost its power has its time
//! and maybe no content. The files of trees are further names of blobs, so their inodes, which the listing of a folder gives
//! for nothing, tell what is in them.

use super::Store;
use super::list::{List, Whole};
use crate::base::digest::{Digest, Hasher};
use crate::base::fs::File;
use rayon::prelude::*;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Mutex, PoisonError};

/// All blobs that were whole when stock was taken.
#[derive(Debug, Default)]
pub(super) struct Stock {
    blobs: HashMap<[u8; 16], Whole>,
    inodes: HashMap<u64, Digest>,
    /// True if every blob of the list was found as it is listed.
    pub(super) is_as_listed: bool,
    /// Those that turned out to be damaged since.
    damaged: Mutex<HashSet<[u8; 16]>>,
}

impl Stock {
    /// Looks at all blobs, and reads those that no list knows. A folder that cannot be read counts as empty.
    pub(super) fn take(store: &Store, list: Option<&List>) -> Self {
        let shards: Vec<Vec<(Digest, Whole)>> =
            (0..=255_u8).into_par_iter().map(|shard| look_at(store, shard, list).unwrap_or_default()).collect();
        let count = shards.iter().map(Vec::len).sum();
        let mut stock =
            Self { blobs: HashMap::with_capacity(count), inodes: HashMap::with_capacity(count), ..Self::default() };
        for (digest, whole) in shards.into_iter().flatten() {
            stock.blobs.insert(digest.half(), whole);
            stock.inodes.insert(whole.inode, digest);
        }
        stock.is_as_listed =
            list.is_some_and(|list| list.blobs.iter().all(|(half, whole)| stock.blobs.get(half) == Some(whole)));
        stock
    }

    /// The blob, if it is whole and was not found damaged since.
    pub(super) fn blob(&self, digest: &Digest) -> Option<Whole> {
        self.blobs.get(&digest.half()).copied().filter(|_| !self.is_damaged(digest))
    }

    /// The blob that has this inode.
    pub(super) fn at(&self, inode: u64) -> Option<Digest> {
        self.inodes.get(&inode).copied().filter(|digest| !self.is_damaged(digest))
    }

    /// All that were whole, those aside that were found damaged since.
    pub(super) fn all(&self) -> impl Iterator<Item = ([u8; 16], Whole)> {
        let damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.blobs.iter().map(|(half, whole)| (*half, *whole)).filter(move |(half, _)| !damaged.contains(half))
    }

    /// Notes that a blob is damaged.
    pub(super) fn forget(&self, digest: &Digest) {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).insert(digest.half());
    }

    fn is_damaged(&self, digest: &Digest) -> bool {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest.half())
    }
}

fn look_at(store: &Store, shard: u8, list: Option<&List>) -> rustix::io::Result<Vec<(Digest, Whole)>> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let path = format!("blobs/{shard:02x}");
    let mut folder = Dir::new(rustix::fs::openat(&store.folder, &path, flags, Mode::empty())?)?;
    let mut found = Vec::new();
    while let Some(entry) = folder.next() {
        let entry = entry?;
        let name = entry.file_name();
        let Ok(digest) = format!("{shard:02x}{}", name.to_str().unwrap_or_default()).parse::<Digest>() else {
            continue;
        };
        let stat = rustix::fs::statat(folder.fd()?, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let whole = Whole::of(&stat);
        let is_listed = list.is_some_and(|list| list.blobs.get(&digest.half()) == Some(&whole));
        if has_time(&stat, &digest) && (is_listed || read(folder.fd()?, name).is_ok_and(|read| read == digest)) {
            found.push((digest, whole));
        }
    }
    Ok(found)
}

/// Returns true if this is a file and has the time of what it should hold.
pub(super) fn has_time(stat: &Stat, digest: &Digest) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
        && stat.st_mtime == digest.modified()
        && stat.st_mtime_nsec == 0
}

/// The digest of a file in an open folder.
pub(super) fn read(folder: impl rustix::fd::AsFd, name: &std::ffi::CStr) -> io::Result<Digest> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(folder, name, flags, Mode::empty())?);
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match io::Read::read(&mut file, &mut buffer) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(filled) => hasher.update(&buffer[..filled]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
