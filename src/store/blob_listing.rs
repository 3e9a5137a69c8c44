//! The blobs of the store, listed folder by folder.
//!
//! The files of trees are further names of blobs. So whether they are as they were written is seen by looking at each blob
//! once and comparing inode numbers, which the listing of a folder gives for nothing. What is not found here (a file whose
//! blob was replaced since, a file system that numbers otherwise) has to be looked at by itself.

use super::Store;
use crate::base::digest::Digest;
use rayon::prelude::*;
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use std::collections::{HashMap, HashSet};

/// All blobs that have the time of their digest.
#[derive(Debug, Default)]
pub(super) struct BlobListing {
    sizes: HashMap<[u8; 16], u64>,
    inodes: HashSet<u64>,
}

/// Half a digest, size and inode.
type Found = ([u8; 16], u64, u64);

impl BlobListing {
    /// Looks at all blobs. A folder that cannot be read counts as empty.
    pub(super) fn of(store: &Store) -> Self {
        let listing: Vec<Vec<Found>> =
            (0..=255_u8).into_par_iter().map(|shard| look_at(store, shard).unwrap_or_default()).collect();
        let count = listing.iter().map(Vec::len).sum();
        let mut all = Self { sizes: HashMap::with_capacity(count), inodes: HashSet::with_capacity(count) };
        for (half, size, inode) in listing.into_iter().flatten() {
            all.sizes.insert(half, size);
            all.inodes.insert(inode);
        }
        all
    }

    /// Returns true if this is the inode of a blob that is whole.
    pub(super) fn has_inode(&self, inode: u64) -> bool {
        self.inodes.contains(&inode)
    }

    /// The inodes of all blobs that are whole.
    pub(super) fn inodes(&self) -> impl Iterator<Item = u64> {
        self.inodes.iter().copied()
    }

    /// Returns true if the blob was there when the folders were listed.
    pub(super) fn has_blob(&self, digest: &Digest, size: u64) -> bool {
        self.sizes.get(&digest.half()) == Some(&size)
    }
}

fn look_at(store: &Store, shard: u8) -> rustix::io::Result<Vec<Found>> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let path = format!("blobs/{shard:02x}");
    let mut folder = Dir::new(rustix::fs::openat(&store.folder, &path, flags, Mode::empty())?)?;
    let mut found = Vec::new();
    while let Some(entry) = folder.next() {
        let entry = entry?;
        let name = entry.file_name().to_str().unwrap_or_default();
        let Ok(digest) = format!("{shard:02x}{name}").parse::<Digest>() else { continue };
        let stat = rustix::fs::statat(folder.fd()?, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
        if (stat.st_mtime as i64, stat.st_mtime_nsec as i64) == (digest.modified(), 0) {
            found.push((digest.half(), u64::try_from(stat.st_size).unwrap_or(0), stat.st_ino as u64));
        }
    }
    Ok(found)
}
