//! The content store: every distinct content once, every distinct folder once, named by digest.
//!
//! A *blob* is the content of a file. A *tree* is a folder: hard links to blobs and relative symlinks to other trees, so
//! a sub-folder that a hundred package versions share exists once, and a generation of the site is a handful of links
//! to trees. Both are immutable. An entry is complete if its mtime equals the one derived from its digest (and its size is
//! right): the mtime is set *last*, so an entry that was cut off half-way has another one, and is made again.
//!
//! The store knows nothing of packages, answers or distributions.

pub mod content;
mod incoming;
mod seen;
mod blob_listing;
mod tree;

pub use incoming::Incoming;
pub use tree::{Folder, Tree, TreeEntry};

use crate::base::digest::Digest;
use crate::base::fs::{FILE_MODE, File, make_folders, remove_folder_if_there, times};
use anyhow::{Context, Result};
use blob_listing::BlobListing;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use seen::Seen;
use std::collections::HashSet;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Digests of blobs or trees that are known to be complete, with one lock for each first byte.
///
/// The lock of a digest's shard is held while the thing is made: two threads never make the same thing, and with 256
/// shards they seldom wait for each other. Half a digest is as good as the whole in a set of honest size.
struct CompleteDigests(Vec<Mutex<HashSet<[u8; 16]>>>);

impl CompleteDigests {
    fn new() -> Self {
        Self((0..256).map(|_| Mutex::default()).collect())
    }

    fn shard(&self, digest: &Digest) -> MutexGuard<'_, HashSet<[u8; 16]>> {
        self.shard_of(&digest.half())
    }

    fn shard_of(&self, half: &[u8; 16]) -> MutexGuard<'_, HashSet<[u8; 16]>> {
        self.0[usize::from(half[0])].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A content store on disk. It is shared by threads; one process writes at a time, which the lock of the output folder sees to.
pub struct Store {
    root: PathBuf,
    folder: OwnedFd,
    blobs: CompleteDigests,
    trees: CompleteDigests,
    /// All complete blobs, once the folders of blobs were listed.
    listing: OnceLock<BlobListing>,
    /// Trees that the next build need not look into.
    seen: Seen,
    next_temporary: AtomicU64,
}

impl Store {
    /// Opens the store at `root`, making it where it is absent, and drops what an earlier run left unfinished.
    ///
    /// Clears the umask of the process: modes of published files must not depend on it.
    pub fn open(root: &Path) -> Result<Self> {
        rustix::process::umask(Mode::empty());
        for shard in 0..=255_u8 {
            for kind in ["blobs", "trees"] {
                make_folders(&root.join(format!("{kind}/{shard:02x}")))?;
            }
        }
        let temporary = root.join("tmp");
        remove_folder_if_there(&temporary)?;
        make_folders(&temporary)?;
        Self::existing(root)
    }

    /// Opens the store at `root` to look at it; changes nothing.
    pub fn existing(root: &Path) -> Result<Self> {
        let folder = rustix::fs::open(root, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .with_context(|| format!("cannot open {}", root.display()))?;
        Ok(Self {
            root: root.to_owned(),
            folder,
            blobs: CompleteDigests::new(),
            trees: CompleteDigests::new(),
            listing: OnceLock::new(),
            seen: Seen::default(),
            next_temporary: AtomicU64::new(0),
        })
    }

    /// The folder it lies in.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Path of a blob below the root.
    pub fn blob_path(digest: &Digest) -> String {
        let name = digest.to_string();
        format!("blobs/{}/{}", &name[..2], &name[2..])
    }

    /// Path of a tree below the root: half the digest, because a symlink of less than 60 bytes lives in its inode and a
    /// longer one costs a block of its own, and there are tens of thousands.
    pub fn tree_path(digest: &Digest) -> String {
        let name = digest.short(32);
        format!("trees/{}/{}", &name[..2], &name[2..])
    }

    /// Looks at all blobs at once, for callers that will ask for most of them and for the trees they are in.
    ///
    /// Not to be called from a parallel stage: its threads would wait for each other.
    pub fn look_at_blobs(&self) {
        self.listing.get_or_init(|| BlobListing::of(self));
    }

    /// Returns true if the blob is there and complete.
    pub fn has_blob(&self, digest: &Digest, size: u64) -> bool {
        let mut known = self.blobs.shard(digest);
        known.contains(&digest.half()) || self.listing.get().is_some_and(|listing| listing.has_blob(digest, size)) || {
            let whole = self.is_whole(&Self::blob_path(digest), digest, Some(size));
            if whole {
                known.insert(digest.half());
            }
            whole
        }
    }

    /// Stores a content and returns its digest.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest> {
        let digest = Digest::of(bytes);
        self.put_as(&digest, bytes)?;
        Ok(digest)
    }

    /// Stores a content whose digest is known.
    pub fn put_as(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let mut known = self.blobs.shard(digest);
        if known.contains(&digest.half()) {
            return Ok(());
        }
        let path = Self::blob_path(digest);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.folder, &path, flags, FILE_MODE) {
            Ok(file) => self.fill(File::from(file), digest, bytes),
            Err(Errno::EXIST) if self.is_whole(&path, digest, Some(bytes.len() as u64)) => Ok(()),
            Err(Errno::EXIST) => self.replace(digest, bytes),
            Err(error) => Err(error.into()),
        }
        .with_context(|| format!("cannot write {}", self.root.join(&path).display()))?;
        known.insert(digest.half());
        Ok(())
    }

    /// Opens a blob for reading.
    pub fn open_blob(&self, digest: &Digest) -> Result<File> {
        let path = Self::blob_path(digest);
        rustix::fs::openat(&self.folder, &path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map(File::from)
            .with_context(|| format!("cannot read {}", self.root.join(&path).display()))
    }

    /// The content of a blob, all of it: for things known to be small.
    pub fn read_blob(&self, digest: &Digest) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let path = self.root.join(Self::blob_path(digest));
        self.open_blob(digest)?.read_to_end(&mut bytes).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(bytes)
    }

    /// Gives a blob a name outside the store, on the same file system.
    pub fn link_blob(&self, digest: &Digest, to: &Path) -> Result<()> {
        self.link_into(digest, rustix::fs::CWD, to)
            .with_context(|| format!("cannot link {} to {}", Self::blob_path(digest), to.display()))
    }

    /// A name below `tmp` that nobody else has.
    fn temporary(&self) -> String {
        format!("tmp/{}", self.next_temporary.fetch_add(1, Ordering::Relaxed))
    }

    fn fill(&self, mut file: File, digest: &Digest, bytes: &[u8]) -> Result<()> {
        file.write_all(bytes)?;
        rustix::fs::futimens(&file, &times(digest.modified()))?;
        Ok(())
    }

    /// Writes beside and renames over what stands there.
    fn replace(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        // Folders may keep the file that stood there.
        self.seen.give_up();
        let mut incoming = self.incoming()?;
        incoming.write_all(bytes)?;
        incoming.settle(digest)
    }

    /// Links a blob; a file system counts the links of a file (ext4 stops at 65,000), so a worn-out one is replaced by
    /// a fresh copy of itself, to which further links go.
    fn link_into(
        &self,
        digest: &Digest,
        to_folder: impl rustix::fd::AsFd + Copy,
        to: impl rustix::path::Arg + Copy,
    ) -> Result<()> {
        let path = Self::blob_path(digest);
        match rustix::fs::linkat(&self.folder, &path, to_folder, to, AtFlags::empty()) {
            Err(Errno::MLINK) => {
                let bytes = self.read_blob(digest)?;
                self.replace(digest, &bytes)?;
                Ok(rustix::fs::linkat(&self.folder, &path, to_folder, to, AtFlags::empty())?)
            }
            linked => Ok(linked?),
        }
    }

    fn is_whole(&self, path: &str, digest: &Digest, size: Option<u64>) -> bool {
        rustix::fs::statat(&self.folder, path, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| {
            (stat.st_mtime, stat.st_mtime_nsec as i64) == (digest.modified(), 0)
                && size.is_none_or(|size| u64::try_from(stat.st_size) == Ok(size))
        })
    }
}

#[cfg(test)]
mod tests;
