//! A blob whose digest is known only when it has been written: archives, and contents too large for memory.

use super::Store;
use super::list::Whole;
use crate::base::digest::{Digest, Hasher};
use crate::base::fs::{FILE_MODE, File, remove_any, times};
use anyhow::{Context, Result};
use rustix::fs::{AtFlags, OFlags};
use rustix::io::Errno;
use std::collections::hash_map::Entry;
use std::io::{self, Seek, SeekFrom, Write};

/// Bytes gathered before they are hashed and written.
const BUFFER: usize = 256 * 1024;

/// A file on its way into the store. Dropped without [`Incoming::finish`], it leaves nothing behind.
pub struct Incoming<'a> {
    store: &'a Store,
    name: String,
    file: File,
    hasher: Hasher,
    buffer: Vec<u8>,
    written: u64,
    settled: bool,
}

impl Store {
    /// Begins a blob.
    pub fn incoming(&self) -> Result<Incoming<'_>> {
        let name = self.temporary();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.folder, &name, flags, FILE_MODE)
            .with_context(|| format!("cannot create {}", self.root.join(&name).display()))?;
        Ok(Incoming {
            store: self,
            name,
            file: file.into(),
            hasher: Hasher::default(),
            buffer: Vec::with_capacity(BUFFER),
            written: 0,
            settled: false,
        })
    }
}

impl Incoming<'_> {
    /// Bytes taken so far.
    pub fn position(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// Copies what was written, for a file that was only a place to gather bytes.
    pub fn copy_to(mut self, out: &mut dyn Write) -> io::Result<()> {
        self.spill()?;
        self.file.seek(SeekFrom::Start(0))?;
        io::copy(&mut self.file, out).map(drop)
    }

    /// Puts the blob in its place; returns its digest and size.
    pub fn finish(mut self) -> Result<(Digest, u64)> {
        self.spill().with_context(|| self.trouble())?;
        let digest = std::mem::take(&mut self.hasher).finish();
        let (store, size) = (self.store, self.written);
        let mut known = store.blobs.shard(&digest);
        if let Entry::Vacant(place) = known.entry(digest.half()) {
            place.insert(match store.is_whole(&digest, size) {
                Some(whole) => whole,
                None => self.settle(&digest)?,
            });
        }
        Ok((digest, size))
    }

    /// Takes the place of the blob `digest`, whatever stands there.
    pub(super) fn settle(mut self, digest: &Digest) -> Result<Whole> {
        self.spill().with_context(|| self.trouble())?;
        rustix::fs::futimens(&self.file, &times(digest.modified())).with_context(|| self.trouble())?;
        let path = Store::blob_path(digest);
        let rename = || rustix::fs::renameat(&self.store.folder, &self.name, &self.store.folder, &path);
        let place = self.store.root.join(&path);
        let renamed = match rename() {
            Err(Errno::ISDIR) => {
                // A folder that has the place of a blob is nothing of ours, and nothing can be in it that is.
                remove_any(&place)?;
                rename()
            }
            renamed => renamed,
        };
        renamed.with_context(|| format!("cannot write {}", place.display()))?;
        self.settled = true;
        self.store.seen.change();
        Ok(Whole::of(&rustix::fs::fstat(&self.file).with_context(|| self.trouble())?))
    }

    fn trouble(&self) -> String {
        format!("cannot write {}", self.store.root.join(&self.name).display())
    }

    fn spill(&mut self) -> io::Result<()> {
        self.hasher.update(&self.buffer);
        self.file.write_all(&self.buffer)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl Write for Incoming<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.spill()?;
        }
        if bytes.len() < BUFFER {
            self.buffer.extend_from_slice(bytes);
        } else {
            self.hasher.update(bytes);
            self.file.write_all(bytes)?;
            self.written += bytes.len() as u64;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        if !self.settled {
            // Nothing to do about a failure: the next run clears the folder of temporary files.
            let _ = rustix::fs::unlinkat(&self.store.folder, &self.name, AtFlags::empty());
        }
    }
}
