//! One package on its way into the store: file by file, each content compressed at most once.

use super::{
    Blob, Contents, Kept, Place, Sink, StoreError, StoredFile, archive_error, changed, is_worth_a_gzip_copy,
    may_be_worth_a_gzip_copy, pour, unreadable,
};
use crate::base::archive::{Member, Method, ZipWriter};
use crate::base::digest::Digest;
use crate::base::{compress, media};
use crate::input::source::OpenPackage;
use crate::package::{Entry, EntryKind, PackageFiles};
use crate::store::Incoming;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Files up to this size are handled in memory, one a thread.
const IN_MEMORY: u64 = 32 * 1024 * 1024;
/// Deflated forms up to this size are kept while their package is stored.
const KEPT_FORM: usize = 4096;

/// A content of the package at hand.
pub(super) struct Compressed {
    pub(super) crc: u32,
    /// True if the deflated form is smaller than the content.
    is_smaller: bool,
    /// Begin and length in the archive at hand.
    pub(super) place: Option<(u64, u64)>,
    /// The deflated form, if it is small enough to be kept: packages repeat small files in every data stream.
    bytes: Option<Arc<Vec<u8>>>,
    pub(super) gzip_copy: Option<Blob>,
}

impl Compressed {
    fn new(crc: u32, is_smaller: bool, gzip_copy: Option<Blob>) -> Self {
        Self { crc, is_smaller, place: None, bytes: None, gzip_copy }
    }
}

/// One package on its way into the store.
pub(super) struct Pass<'a> {
    pub(super) contents: &'a Contents<'a>,
    pub(super) kept: Kept,
    pub(super) root: &'a str,
    pub(super) archive: Option<ZipWriter<Incoming<'a>>>,
    pub(super) compressed: BTreeMap<[u8; 16], Compressed>,
    /// The archive copied from last: neighbours in the catalog mostly copy from the same one.
    pub(super) source: Option<(Digest, File)>,
}

impl Pass<'_> {
    pub(super) fn files(&mut self, files: &OpenPackage) -> Result<BTreeMap<String, StoredFile>, StoreError> {
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
            let gzip_name_is_free = !names.contains(format!("{}.gz", entry.path).as_str());
            let file = if let Some(kept) = self.kept.remove(&entry.path) {
                self.small(&name, entry, &kept.bytes, kept.digest, gzip_name_is_free)?
            } else if entry.size <= IN_MEMORY {
                buffer.clear();
                files
                    .with_file(&entry.path, |stream| stream.read_to_end(&mut buffer))
                    .map_err(|error| unreadable(&entry.path, &error))?;
                if buffer.len() as u64 != entry.size {
                    return Err(changed(entry));
                }
                self.small(&name, entry, &buffer, Digest::of(&buffer), gzip_name_is_free)?
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
        digest: Digest,
        may_have_gzip_copy: bool,
    ) -> Result<StoredFile, StoreError> {
        let blob = Blob { digest, size: bytes.len() as u64 };
        self.contents.put_as(&blob, bytes)?;
        let media_type = media::content_type(&entry.path, bytes).into_owned();
        if self.contents.store.is_none() {
            return Ok(StoredFile { blob, media_type, gzip: None });
        }
        let wants_gzip_copy = may_have_gzip_copy
            && may_be_worth_a_gzip_copy(blob.size)
            && media::is_text(&media_type)
            && is_fetched_alone(&entry.path);
        if media::is_compressed(&entry.path) {
            self.member(name, &blob, crc32fast::hash(bytes), Method::Stored, bytes)?;
            return Ok(StoredFile { blob, media_type, gzip: None });
        }
        let deflated = self.deflated(&blob, bytes, wants_gzip_copy)?;
        let Compressed { crc, gzip_copy, .. } = self.compressed[&digest.half()];
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
        Ok(StoredFile { blob, media_type, gzip: gzip_copy.filter(|_| wants_gzip_copy) })
    }

    /// Deflated form, made or copied from an earlier archive or taken from memory; `None` when it is not smaller. What is
    /// needed besides is in `compressed` afterwards.
    fn deflated(
        &mut self,
        blob: &Blob,
        bytes: &[u8],
        wants_gzip_copy: bool,
    ) -> Result<Option<Arc<Vec<u8>>>, StoreError> {
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
                    (Compressed::new(known.crc, known.place.is_some(), known.gzip_copy), copied.map(Arc::new))
                }
                None => {
                    let deflated = compress::deflate(bytes);
                    let smaller = (deflated.len() < bytes.len()).then(|| Arc::new(deflated));
                    (Compressed::new(crc32fast::hash(bytes), smaller.is_some(), None), smaller)
                }
            },
        };
        if let (true, None, Some(deflated)) = (wants_gzip_copy, found.gzip_copy, &deflated)
            && is_worth_a_gzip_copy(blob.size, compress::gzip_size(deflated.len() as u64))
        {
            found.gzip_copy = Some(self.contents.put(&compress::gzip_around(deflated, found.crc, blob.size))?);
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

/// Returns true if clients ask for this file of a package by itself: Kibana shows readme, images, changelog and licences of packages
/// that are not installed (for an installed one it has the archive). Everything else travels in the archive, where it is
/// compressed already.
fn is_fetched_alone(path: &str) -> bool {
    match path.split_once('/') {
        None => true,
        Some((folder, _)) => matches!(folder, "docs" | "img"),
    }
}
