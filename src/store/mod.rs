//! The content store: every distinct content once, every distinct folder once, named by digest.
//!
//! A *blob* is the content of a file. A *tree* is a folder: hard links to blobs and relative symlinks to other trees, so
//! a sub-folder that a hundred package versions share exists once, and a generation of the site is a handful of links
//! to trees. Both are immutable. An entry is complete if its mtime equals the one derived from its digest (and its size is
//! right): the mtime is set *last*, so an entry that was cut off half-way has another one, and is made again. That holds for
//! what ends a process. What ends the machine may leave the time and take the content, so a blob that was not on the disk
//! before is read before it is believed ([`Store::take_stock`]).
//!
//! The store knows nothing of packages, answers or distributions.

pub mod content;
mod incoming;
mod list;
mod seen;
mod stock;
mod tree;

pub use incoming::Incoming;
pub use tree::{Folder, Tree, TreeEntry};

use crate::base::digest::Digest;
use crate::base::fs::{FILE_MODE, File, make_folders, make_room, remove_any, times};
use anyhow::{Context, Result};
use list::Whole;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use seen::Seen;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use stock::{Stock, has_time};

/// The list of what is whole in the store, below the output folder.
pub const STOCK: &str = "cache/stock";

/// What this run knows of blobs or trees that are complete, with one lock for each first byte of their digests.
///
/// The lock of a digest's shard is held while the thing is made: two threads never make the same thing, and with 256
/// shards they seldom wait for each other. Half a digest is as good as the whole in a set of honest size.
struct CompleteDigests<V>(Vec<Mutex<HashMap<[u8; 16], V>>>);

impl<V: Copy> CompleteDigests<V> {
    fn new() -> Self {
        Self((0..256).map(|_| Mutex::default()).collect())
    }

    fn shard(&self, digest: &Digest) -> MutexGuard<'_, HashMap<[u8; 16], V>> {
        self.0[usize::from(digest.bytes()[0])].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clear(&self) {
        self.0.iter().for_each(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).clear());
    }

    fn all(&self) -> Vec<([u8; 16], V)> {
        let shards = self.0.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner));
        shards.flat_map(|shard| shard.iter().map(|(half, known)| (*half, *known)).collect::<Vec<_>>()).collect()
    }
}

/// A content store on disk. It is shared by threads; one process writes at a time, which the lock of the output folder sees to.
pub struct Store {
    root: PathBuf,
    folder: OwnedFd,
    blobs: CompleteDigests<Whole>,
    /// With their whole digests, of which names have half.
    trees: CompleteDigests<Digest>,
    /// The blobs that were whole when stock was taken.
    stock: OnceLock<Stock>,
    /// Files of trees that no blob is, read once, by inode.
    strays: Mutex<HashMap<u64, Option<Digest>>>,
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
        make_folders(root)?;
        for shard in 0..=255_u8 {
            for kind in ["blobs", "trees"] {
                let folder = root.join(format!("{kind}/{shard:02x}"));
                // A link to a folder elsewhere is somebody's choice.
                if !folder.is_dir() {
                    make_room(root, &folder)?;
                }
            }
        }
        let temporary = root.join("tmp");
        remove_any(&temporary)?;
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
            stock: OnceLock::new(),
            strays: Mutex::default(),
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

    /// Returns true if the blob is there and complete.
    pub fn has_blob(&self, digest: &Digest, size: u64) -> bool {
        let mut known = self.blobs.shard(digest);
        match (known.get(&digest.half()), self.stock.get()) {
            (Some(whole), _) => whole.size == size,
            (None, Some(stock)) => stock.blob(digest).is_some_and(|whole| whole.size == size),
            (None, None) => {
                let whole = self.look_at(digest).filter(|whole| whole.size == size);
                whole.is_some_and(|whole| known.insert(digest.half(), whole).is_none())
            }
        }
    }

    /// Returns true if the blob is there and complete, whatever its size.
    pub fn holds(&self, digest: &Digest) -> bool {
        self.blobs.shard(digest).contains_key(&digest.half())
            || match self.stock.get() {
                Some(stock) => stock.blob(digest),
                None => self.look_at(digest),
            }
            .is_some()
    }

    /// A blob that is not among those that this run has made, if it is whole.
    fn is_whole(&self, digest: &Digest, size: u64) -> Option<Whole> {
        let whole = match self.stock.get() {
            Some(stock) => stock.blob(digest),
            None => self.look_at(digest),
        };
        whole.filter(|whole| whole.size == size)
    }

    /// A blob as it lies there, if it has its time: enough for who takes no stock.
    fn look_at(&self, digest: &Digest) -> Option<Whole> {
        let stat = rustix::fs::statat(&self.folder, Self::blob_path(digest), AtFlags::SYMLINK_NOFOLLOW).ok()?;
        has_time(&stat, digest).then(|| Whole::of(&stat))
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
        if known.contains_key(&digest.half()) {
            return Ok(());
        }
        let path = Self::blob_path(digest);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let whole = match rustix::fs::openat(&self.folder, &path, flags, FILE_MODE) {
            Ok(file) => self.fill(File::from(file), digest, bytes),
            Err(Errno::EXIST) => match self.is_whole(digest, bytes.len() as u64) {
                Some(whole) => Ok(whole),
                None => self.replace(digest, bytes),
            },
            Err(error) => Err(error.into()),
        }
        .with_context(|| format!("cannot write {}", self.root.join(&path).display()))?;
        known.insert(digest.half(), whole);
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

    fn fill(&self, mut file: File, digest: &Digest, bytes: &[u8]) -> Result<Whole> {
        file.write_all(bytes)?;
        rustix::fs::futimens(&file, &times(digest.modified()))?;
        self.seen.change();
        Ok(Whole::of(&rustix::fs::fstat(&file)?))
    }

    /// Writes beside and renames over what stands there.
    fn replace(&self, digest: &Digest, bytes: &[u8]) -> Result<Whole> {
        // Folders may keep the file that stood there.
        self.seen.give_up();
        if let Some(stock) = self.stock.get() {
            stock.forget(digest);
        }
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
                anyhow::ensure!(Digest::of(&bytes) == *digest, "{} is damaged", self.root.join(&path).display());
                let whole = self.replace(digest, &bytes)?;
                self.blobs.shard(digest).insert(digest.half(), whole);
                Ok(rustix::fs::linkat(&self.folder, &path, to_folder, to, AtFlags::empty())?)
            }
            linked => Ok(linked?),
        }
    }
}

#[cfg(test)]
mod tests;
