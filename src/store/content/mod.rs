//! From the files of one package to blobs, trees and its archive.
//!
//! Each distinct content is hashed, compressed and written once over the whole build: a member that an earlier archive
//! holds is copied from there, compressed as it is. Files come and go one at a time; a large one is streamed.

mod pass;
mod unkept;

use crate::base::archive::ZipWriter;
use crate::base::compress;
use crate::base::digest::{Digest, Hasher};
use crate::base::problem::{Problem, reading_rule};
use crate::base::rule::Rule;
use crate::input::source::OpenPackage;
use crate::package::{self, Entry, EntryKind, PackageFiles};
use crate::store::{Folder, Incoming, Store, TreeEntry};
use anyhow::{Context, Result};
use pass::Pass;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read, Write};
use std::sync::{Mutex, PoisonError};

pub use unkept::with_made_archive;

/// A gzip copy takes a block of the disk, an inode and a name: it must save a reader at least as many bytes.
const WORTH_A_TWIN: u64 = 4096;

/// The remedy where only the machine can say why a file of a package is not read.
pub const UNREADABLE_HINT: &str = "check the permissions of the file and the health of the disk";

/// A content in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// SHA-256.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// A file of a package, stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Content.
    #[serde(flatten)]
    pub blob: Blob,
    /// Content type.
    pub media_type: String,
    /// Gzip copy, where it saves enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gzip: Option<Blob>,
}

/// A package, stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPackage {
    /// By path below the package's root.
    pub files: BTreeMap<String, StoredFile>,
    /// The folder that is served.
    pub tree: Digest,
    /// The archive that is served.
    pub archive: Blob,
}

/// Files of a package that were read before, by path.
pub type Kept = BTreeMap<String, package::Content>;

/// Where the compressed form of a content can be copied from.
#[derive(Clone, Copy)]
struct Place {
    archive: Digest,
    begin: u64,
    written: u64,
}

/// A content that was met before.
#[derive(Clone, Copy)]
struct KnownContent {
    crc: u32,
    /// `None` when compression does not make it smaller.
    place: Option<Place>,
    gzip_copy: Option<Blob>,
}

/// Everything that was stored in this build.
///
/// Without a store everything is hashed and nothing is kept: enough to check and compare packages.
pub struct Contents<'a> {
    store: Option<&'a Store>,
    known: Vec<Mutex<HashMap<[u8; 16], KnownContent>>>,
}

/// Why a package could not be stored: something is wrong with it, or with the machine.
pub enum StoreError {
    /// The package is quarantined.
    Package(Box<Problem>),
    /// The build stops.
    Machine(anyhow::Error),
}

impl From<Problem> for StoreError {
    fn from(problem: Problem) -> Self {
        Self::Package(Box::new(problem))
    }
}

impl From<anyhow::Error> for StoreError {
    fn from(error: anyhow::Error) -> Self {
        Self::Machine(error)
    }
}

impl<'a> Contents<'a> {
    /// Begins a build, or without a store a check.
    pub fn new(store: Option<&'a Store>) -> Self {
        Self { store, known: (0..256).map(|_| Mutex::default()).collect() }
    }

    /// Stores a folder package: blobs, trees and a new archive with the root folder `root` (`<name>-<version>`). What is in
    /// `kept`, by path, is not read again.
    pub fn store_folder(&self, files: &OpenPackage, kept: Kept, root: &str) -> Result<StoredPackage, StoreError> {
        let archive = self.store.map(Store::incoming).transpose()?.map(ZipWriter::new);
        let mut pass = Pass { contents: self, kept, root, archive, compressed: BTreeMap::new(), source: None };
        let stored = pass.files(files)?;
        let (digest, size) = match pass.archive.take() {
            Some(archive) => archive.finish().map_err(archive_error)?.finish()?,
            None => (Digest::of(b""), 0),
        };
        for (key, found) in pass.compressed {
            let place = found.place.map(|(begin, written)| Place { archive: digest, begin, written });
            self.remember(key, KnownContent { crc: found.crc, place, gzip_copy: found.gzip_copy });
        }
        Ok(StoredPackage { tree: self.tree(files.entries(), &stored)?, files: stored, archive: Blob { digest, size } })
    }

    /// Stores a zip package: blobs and trees of its members, and the archive byte for byte.
    pub fn store_zip(&self, files: &OpenPackage, kept: Kept) -> Result<StoredPackage, StoreError> {
        let mut pass =
            Pass { contents: self, kept, root: "", archive: None, compressed: BTreeMap::new(), source: None };
        let stored = pass.files(files)?;
        let archive = self.copy(|use_content| files.with_archive(use_content), "")?;
        Ok(StoredPackage { tree: self.tree(files.entries(), &stored)?, files: stored, archive })
    }

    /// Stores an archive, which `open` opens for a function that reads it; `name` says in problems which file
    /// it is, empty for the package itself.
    pub fn copy(
        &self,
        open: impl FnOnce(&mut dyn FnMut(&mut dyn Read) -> io::Result<()>) -> io::Result<()>,
        name: &str,
    ) -> Result<Blob, StoreError> {
        let mut incoming = Sink::new(self.store)?;
        let mut written = Ok(());
        open(&mut |stream| {
            written = pour(stream, |bytes| incoming.write_all(bytes))?;
            Ok(())
        })
        .map_err(|error| unreadable(name, &error))?;
        written.context("cannot copy an archive into the store")?;
        Ok(incoming.finish()?)
    }

    /// Returns true if there is a store to keep contents in.
    pub fn is_kept(&self) -> bool {
        self.store.is_some()
    }

    /// Stores a content that is at hand.
    pub fn put(&self, bytes: &[u8]) -> Result<Blob> {
        let blob = Blob { digest: Digest::of(bytes), size: bytes.len() as u64 };
        self.put_as(&blob, bytes)?;
        Ok(blob)
    }

    /// Stores a text and, where it is worth it, its gzip copy.
    pub fn put_text(&self, text: &str) -> Result<(Blob, Option<Blob>)> {
        let blob = self.put(text.as_bytes())?;
        if self.store.is_none() || !may_be_worth_a_gzip_copy(blob.size) {
            return Ok((blob, None));
        }
        let gzip = compress::gzip(text.as_bytes());
        let gzip_copy = is_worth_a_gzip_copy(blob.size, gzip.len() as u64).then(|| self.put(&gzip)).transpose()?;
        Ok((blob, gzip_copy))
    }

    fn put_as(&self, blob: &Blob, bytes: &[u8]) -> Result<()> {
        self.store.map_or(Ok(()), |store| store.put_as(&blob.digest, bytes))
    }

    fn tree(&self, entries: &[Entry], files: &BTreeMap<String, StoredFile>) -> Result<Digest> {
        let mut root = Folder::default();
        for entry in entries.iter().filter(|entry| entry.kind == EntryKind::Folder) {
            root.folder(&entry.path);
        }
        for (path, file) in files {
            root.insert(path, TreeEntry::Blob(file.blob.digest));
            if let Some(gzip_copy) = file.gzip {
                root.insert(&format!("{path}.gz"), TreeEntry::Blob(gzip_copy.digest));
            }
        }
        match self.store {
            Some(store) => root.store(store),
            None => Ok(root.digest()),
        }
    }

    fn recall(&self, key: &[u8; 16]) -> Option<KnownContent> {
        self.known[usize::from(key[0])].lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn remember(&self, key: [u8; 16], known: KnownContent) {
        self.known[usize::from(key[0])].lock().unwrap_or_else(PoisonError::into_inner).insert(key, known);
    }
}

/// Returns true if a gzip copy of a file of this size can save a block.
fn may_be_worth_a_gzip_copy(size: u64) -> bool {
    size > WORTH_A_TWIN
}

/// Returns true if a gzip copy of this size saves a block.
fn is_worth_a_gzip_copy(size: u64, gzip: u64) -> bool {
    size.saturating_sub(gzip) >= WORTH_A_TWIN
}

/// Where a stream goes: into the store, or nowhere but through the hash.
enum Sink<'a> {
    Store(Incoming<'a>),
    Nowhere(Hasher, u64),
}

impl<'a> Sink<'a> {
    fn new(store: Option<&'a Store>) -> Result<Self> {
        Ok(match store {
            Some(store) => Self::Store(store.incoming()?),
            None => Self::Nowhere(Hasher::default(), 0),
        })
    }

    fn finish(self) -> Result<Blob> {
        let (digest, size) = match self {
            Self::Store(incoming) => incoming.finish()?,
            Self::Nowhere(hasher, size) => (hasher.finish(), size),
        };
        Ok(Blob { digest, size })
    }
}

impl Write for Sink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Store(incoming) => incoming.write(bytes),
            Self::Nowhere(hasher, size) => {
                hasher.update(bytes);
                *size += bytes.len() as u64;
                Ok(bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Streams a file of the input. That reading failed is said outside, what `take` failed with inside: the one is a problem
/// of the package, the other one of the machine.
fn pour(from: &mut dyn Read, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<io::Result<()>> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let filled = match from.read(&mut buffer) {
            Ok(0) => return Ok(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            filled => filled?,
        };
        if let Err(error) = take(&buffer[..filled]) {
            return Ok(Err(error));
        }
    }
}

fn unreadable(file: &str, error: &io::Error) -> StoreError {
    let problem = Problem::new(reading_rule(error), format!("cannot read the file: {error}"));
    let problem = if file.is_empty() { problem } else { problem.file(file) };
    let is_unexplained = problem.rule == Rule::Unreadable;
    if is_unexplained { problem.hint(UNREADABLE_HINT).into() } else { problem.into() }
}

fn changed(entry: &Entry) -> StoreError {
    Problem::new(Rule::ChangedWhileReading, "the file changed while it was read").file(&entry.path).into()
}

fn archive_error(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        let message = "the package does not fit into a zip archive of 4 GiB and 65,535 members";
        return Problem::new(Rule::ArchiveTooLarge, message).into();
    }
    StoreError::Machine(anyhow::Error::from(error).context("cannot write an archive"))
}

/// Returns true if all these blobs are in the store and complete.
pub fn are_whole<'a>(store: &Store, blobs: impl IntoIterator<Item = &'a Blob>) -> bool {
    blobs.into_iter().all(|blob| store.has_blob(&blob.digest, blob.size))
}
