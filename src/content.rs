//! From the files of one package to blobs, trees and its archive.
//!
//! Each distinct content is hashed, compressed and written once over the whole build: a member that an earlier archive
//! holds is copied from there, compressed as it is. Files come and go one at a time; a large one is streamed.

use crate::archive::{Member, Method, ZipWriter};
use crate::compress;
use crate::digest::{Digest, Hasher};
use crate::media;
use crate::package::{Entry, EntryKind, PackageFiles};
use crate::problem::{Problem, reading_rule};
use crate::source::OpenPackage;
use crate::store::{Folder, Incoming, Store, TreeEntry};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

/// Files up to this size are handled in memory, one a thread.
const IN_MEMORY: u64 = 32 * 1024 * 1024;
/// Deflated forms up to this size are kept while their package is stored.
const KEPT_FORM: usize = 4096;
/// Smaller files fit into a packet or two as they are: a compressed twin would cost more than it saves.
pub const WORTH_A_TWIN: u64 = 2048;

/// A content in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Its SHA-256.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// A file of a package, stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFile {
    /// Its content.
    #[serde(flatten)]
    pub blob: Blob,
    /// Its Content-Type.
    pub media_type: String,
    /// Its gzip twin, where one is worth it.
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

/// Where the compressed form of a content can be copied from.
#[derive(Clone, Copy)]
struct Place {
    archive: Digest,
    begin: u64,
    written: u64,
}

/// What is known of a content that was met before.
#[derive(Clone, Copy)]
struct Known {
    crc: u32,
    /// `None` when compression does not make it smaller.
    place: Option<Place>,
    twin: Option<Blob>,
}

/// Everything that was stored in this build.
///
/// Without a store everything is hashed and nothing is kept: enough to check and compare packages.
pub struct Contents<'a> {
    store: Option<&'a Store>,
    known: Vec<Mutex<HashMap<[u8; 16], Known>>>,
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

    /// Stores a folder package: blobs, trees and a new archive with the root folder `root` (`<name>-<version>`).
    pub fn store_folder(&self, files: &OpenPackage, root: &str) -> Result<StoredPackage, StoreError> {
        let archive = self.store.map(Store::incoming).transpose()?.map(ZipWriter::new);
        let mut pass = Pass { contents: self, root, archive, compressed: BTreeMap::new(), source: None };
        let stored = pass.files(files)?;
        let (digest, size) = match pass.archive.take() {
            Some(archive) => archive.finish().map_err(archive_error)?.finish()?,
            None => (Digest::of(b""), 0),
        };
        for (key, found) in pass.compressed {
            let place = found.place.map(|(begin, written)| Place { archive: digest, begin, written });
            self.remember(key, Known { crc: found.crc, place, twin: found.twin });
        }
        Ok(StoredPackage { tree: self.tree(files.entries(), &stored)?, files: stored, archive: Blob { digest, size } })
    }

    /// Stores a zip package: blobs and trees of its members, and the archive byte for byte.
    pub fn store_zip(&self, files: &OpenPackage) -> Result<StoredPackage, StoreError> {
        let mut pass = Pass { contents: self, root: "", archive: None, compressed: BTreeMap::new(), source: None };
        let stored = pass.files(files)?;
        let archive = self.copy(|use_content| files.with_archive(use_content), "")?;
        Ok(StoredPackage { tree: self.tree(files.entries(), &stored)?, files: stored, archive })
    }

    /// Stores an archive or a signature, which `open` opens for a function that reads it; `name` says in problems which file
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
        written.context("cannot copy an archive or signature into the store")?;
        Ok(incoming.finish()?)
    }

    /// Whether anything is kept.
    pub fn is_kept(&self) -> bool {
        self.store.is_some()
    }

    /// Stores a content that is at hand.
    pub fn put(&self, bytes: &[u8]) -> Result<Blob> {
        let blob = Blob { digest: Digest::of(bytes), size: bytes.len() as u64 };
        self.put_as(&blob, bytes)?;
        Ok(blob)
    }

    /// Stores a text and, where it is worth it, its gzip twin.
    pub fn put_text(&self, text: &str) -> Result<(Blob, Option<Blob>)> {
        let blob = self.put(text.as_bytes())?;
        let wants_twin = self.store.is_some() && blob.size >= WORTH_A_TWIN;
        let twin = wants_twin.then(|| self.put(&compress::gzip(text.as_bytes()))).transpose()?;
        Ok((blob, twin))
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
            if let Some(twin) = file.gzip {
                root.insert(&format!("{path}.gz"), TreeEntry::Blob(twin.digest));
            }
        }
        match self.store {
            Some(store) => root.store(store),
            None => Ok(root.digest()),
        }
    }

    fn recall(&self, key: &[u8; 16]) -> Option<Known> {
        self.known[usize::from(key[0])].lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn remember(&self, key: [u8; 16], known: Known) {
        self.known[usize::from(key[0])].lock().unwrap_or_else(PoisonError::into_inner).insert(key, known);
    }
}

/// What is known of a content of the package at hand.
struct Compressed {
    crc: u32,
    /// Whether its deflated form is worth anything.
    is_smaller: bool,
    /// Begin and length in the archive at hand.
    place: Option<(u64, u64)>,
    /// The deflated form, if it is small enough to be kept: packages repeat small files in every data stream.
    bytes: Option<Arc<Vec<u8>>>,
    twin: Option<Blob>,
}

impl Compressed {
    fn new(crc: u32, is_smaller: bool, twin: Option<Blob>) -> Self {
        Self { crc, is_smaller, place: None, bytes: None, twin }
    }
}

/// One package on its way into the store.
struct Pass<'a> {
    contents: &'a Contents<'a>,
    root: &'a str,
    archive: Option<ZipWriter<Incoming<'a>>>,
    compressed: BTreeMap<[u8; 16], Compressed>,
    /// The archive copied from last: neighbours in the catalog mostly copy from the same one.
    source: Option<(Digest, File)>,
}

impl Pass<'_> {
    fn files(&mut self, files: &OpenPackage) -> Result<BTreeMap<String, StoredFile>, StoreError> {
        let mut stored = BTreeMap::new();
        let names: std::collections::BTreeSet<&str> = files.entries().iter().map(|entry| entry.path.as_str()).collect();
        let mut buffer = Vec::new();
        for entry in files.entries() {
            let name = format!("{}/{}", self.root, entry.path);
            if entry.kind == EntryKind::Folder {
                if let Some(archive) = &mut self.archive {
                    archive.folder(&format!("{name}/")).map_err(archive_error)?;
                }
                continue;
            }
            let twin_name_is_free = !names.contains(format!("{}.gz", entry.path).as_str());
            let file = if entry.size <= IN_MEMORY {
                buffer.clear();
                files
                    .with_file(&entry.path, |stream| stream.read_to_end(&mut buffer))
                    .map_err(|error| unreadable(&entry.path, &error))?;
                if buffer.len() as u64 != entry.size {
                    return Err(changed(entry));
                }
                self.small(&name, entry, &buffer, twin_name_is_free)?
            } else {
                self.large(&name, entry, files)?
            };
            stored.insert(entry.path.clone(), file);
        }
        Ok(stored)
    }

    /// A file whose bytes are at hand.
    fn small(
        &mut self,
        name: &str,
        entry: &Entry,
        bytes: &[u8],
        may_have_twin: bool,
    ) -> Result<StoredFile, StoreError> {
        let digest = Digest::of(bytes);
        let blob = Blob { digest, size: bytes.len() as u64 };
        self.contents.put_as(&blob, bytes)?;
        let media_type = media::content_type(&entry.path, bytes).into_owned();
        if self.contents.store.is_none() {
            return Ok(StoredFile { blob, media_type, gzip: None });
        }
        let wants_twin = may_have_twin && blob.size >= WORTH_A_TWIN && media::is_text(&media_type);
        if media::is_compressed(&entry.path) {
            self.member(name, &blob, crc32fast::hash(bytes), Method::Stored, bytes)?;
            return Ok(StoredFile { blob, media_type, gzip: None });
        }
        let deflated = self.deflated(&blob, bytes, wants_twin)?;
        let Compressed { crc, twin, .. } = self.compressed[&digest.half()];
        match &deflated {
            Some(deflated) => {
                let begin = self.member(name, &blob, crc, Method::Deflated, deflated)?;
                if let (Some(begin), Some(found)) = (begin, self.compressed.get_mut(&digest.half())) {
                    found.place.get_or_insert((begin, deflated.len() as u64));
                }
            }
            None => {
                self.member(name, &blob, crc, Method::Stored, bytes)?;
            }
        }
        Ok(StoredFile { blob, media_type, gzip: twin.filter(|_| wants_twin) })
    }

    /// Deflated form, made or copied from an earlier archive or taken from memory; `None` when it is not smaller. What is
    /// needed besides is in `compressed` afterwards.
    fn deflated(&mut self, blob: &Blob, bytes: &[u8], wants_twin: bool) -> Result<Option<Arc<Vec<u8>>>, StoreError> {
        let key = blob.digest.half();
        let (mut found, deflated) = match self.compressed.remove(&key) {
            Some(mut found) => {
                let kept = found.bytes.take();
                let again = || Arc::new(compress::deflate(bytes));
                let deflated = found.is_smaller.then(|| kept.unwrap_or_else(again));
                (found, deflated)
            }
            None => match self.contents.recall(&key) {
                Some(known) => {
                    let copied = known.place.map(|place| self.copied(&place)).transpose()?;
                    (Compressed::new(known.crc, known.place.is_some(), known.twin), copied.map(Arc::new))
                }
                None => {
                    let deflated = compress::deflate(bytes);
                    let smaller = (deflated.len() < bytes.len()).then(|| Arc::new(deflated));
                    (Compressed::new(crc32fast::hash(bytes), smaller.is_some(), None), smaller)
                }
            },
        };
        if let (true, None, Some(deflated)) = (wants_twin, found.twin, &deflated) {
            let gzip = compress::gzip_around(deflated, found.crc, blob.size);
            found.twin = Some(self.contents.put(&gzip)?);
        }
        if let Some(deflated) = deflated.as_ref().filter(|deflated| deflated.len() <= KEPT_FORM) {
            found.bytes = Some(Arc::clone(deflated));
        }
        self.compressed.insert(key, found);
        Ok(deflated)
    }

    fn copied(&mut self, place: &Place) -> Result<Vec<u8>> {
        if self.source.as_ref().is_none_or(|(digest, _)| *digest != place.archive) {
            let store = self.contents.store.expect("places are remembered only with a store");
            self.source = Some((place.archive, store.open_blob(&place.archive)?));
        }
        let (_, file) = self.source.as_ref().expect("opened above");
        let mut bytes = vec![0; place.written as usize];
        file.read_exact_at(&mut bytes, place.begin).context("cannot copy a member from an earlier archive")?;
        Ok(bytes)
    }

    fn member(
        &mut self,
        name: &str,
        blob: &Blob,
        crc: u32,
        method: Method,
        bytes: &[u8],
    ) -> Result<Option<u64>, StoreError> {
        let Some(archive) = &mut self.archive else { return Ok(None) };
        let member = Member { name, crc, size: blob.size, written: bytes.len() as u64, method };
        Ok(Some(archive.file(&member, bytes).map_err(archive_error)?))
    }

    /// A file that is too large to hold: it is read once into the store, and from there into the archive.
    fn large(&mut self, name: &str, entry: &Entry, files: &OpenPackage) -> Result<StoredFile, StoreError> {
        let (mut crc, mut head) = (crc32fast::Hasher::new(), Vec::new());
        let mut incoming = Sink::new(self.contents.store)?;
        let take = |bytes: &[u8]| {
            if head.is_empty() {
                head.extend_from_slice(&bytes[..bytes.len().min(512)]);
            }
            crc.update(bytes);
            incoming.write_all(bytes)
        };
        files
            .with_file(&entry.path, |stream| pour(stream, take))
            .map_err(|error| unreadable(&entry.path, &error))?
            .context("cannot write a large file into the store")?;
        let blob = incoming.finish()?;
        if blob.size != entry.size {
            return Err(changed(entry));
        }
        let (Blob { digest, size }, crc) = (blob, crc.finalize());
        let media_type = media::content_type(&entry.path, &head).into_owned();
        if let (Some(archive), Some(store)) = (&mut self.archive, self.contents.store) {
            if media::is_compressed(&entry.path) {
                let member = Member { name, crc, size, written: size, method: Method::Stored };
                let mut content = store.open_blob(&digest)?;
                archive.file_from(&member, |out| io::copy(&mut content, out).map(drop)).map_err(archive_error)?;
            } else {
                let mut deflated = store.incoming()?;
                let written = compress::deflate_stream(store.open_blob(&digest)?, &mut deflated)
                    .context("cannot compress a large file")?;
                let member = Member { name, crc, size, written, method: Method::Deflated };
                archive.file_from(&member, |out| deflated.copy_to(out)).map_err(archive_error)?;
            }
        }
        Ok(StoredFile { blob, media_type, gzip: None })
    }
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
    let problem = Problem::quarantine(reading_rule(error), format!("cannot read the file: {error}"));
    let problem = if file.is_empty() { problem } else { problem.file(file) };
    problem.hint("check the permissions of the file and the health of the disk").into()
}

fn changed(entry: &Entry) -> StoreError {
    Problem::quarantine("changed-while-reading", "the file changed while it was read")
        .file(&entry.path)
        .hint("build again when the package is complete")
        .into()
}

fn archive_error(error: io::Error) -> StoreError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        let message = "the package does not fit into a zip archive of 4 GiB and 65,535 members";
        return Problem::quarantine("too-large", message).hint("split the package").into();
    }
    StoreError::Machine(anyhow::Error::from(error).context("cannot write an archive"))
}
