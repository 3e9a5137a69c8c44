//! A layer as a tar file, the same bytes for the same entries, and its digest.

use super::plan::{Entry, Layer};
use crate::base::digest::{Digest, Hasher};
use crate::base::fs;
use anyhow::{Context, Result};
use std::io::{self, Read, Write};
use tar::{Builder, EntryType, Header};

/// The digest and size of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blob {
    /// SHA-256 in hexadecimal digits.
    pub(super) digest: String,
    /// Bytes.
    pub(super) size: u64,
}

impl Blob {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { digest: Digest::of(bytes).to_string(), size: bytes.len() as u64 }
    }

    /// Path in an image layout.
    pub(super) fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }
}

/// A header without owner, path and sum.
pub(super) fn header(kind: EntryType, mode: u32, size: u64, time: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(time);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Digest and size of a layer, which is not kept.
pub(super) fn digest(layer: &Layer) -> Result<Blob> {
    write(layer, &mut io::sink())
}

/// Writes a layer, and says what was written.
pub(super) fn write(layer: &Layer, out: &mut dyn Write) -> Result<Blob> {
    let mut counted = Counted { out, hasher: Hasher::default(), size: 0 };
    let mut tar = Builder::new(&mut counted);
    for (path, entry) in layer {
        append(&mut tar, path, entry).with_context(|| format!("cannot add `{path}`"))?;
    }
    tar.finish()?;
    drop(tar);
    Ok(Blob { digest: counted.hasher.finish().to_string(), size: counted.size })
}

fn append(tar: &mut Builder<impl Write>, path: &str, entry: &Entry) -> Result<()> {
    match entry {
        Entry::Folder { time } => {
            tar.append_data(&mut header(EntryType::Directory, 0o755, 0, *time), path, io::empty())?;
        }
        Entry::File { source, size, mode, time } => {
            let file = fs::open(source)?;
            // A file that shrinks ends early, and the digest of the second reading differs from the first.
            tar.append_data(&mut header(EntryType::Regular, *mode, *size, *time), path, file.take(*size))?;
        }
        Entry::Text(text) => {
            tar.append_data(&mut header(EntryType::Regular, 0o644, text.len() as u64, 0), path, text.as_bytes())?;
        }
        Entry::Same(target) => tar.append_link(&mut header(EntryType::Link, 0o644, 0, 0), path, target)?,
        Entry::Link { target, time } => {
            tar.append_link(&mut header(EntryType::Symlink, 0o777, 0, *time), path, target)?;
        }
    }
    Ok(())
}

/// Hashes and counts what goes through.
struct Counted<'a> {
    out: &'a mut dyn Write,
    hasher: Hasher,
    size: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
