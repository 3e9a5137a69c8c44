//! Finding, opening and reading the file of a decision. Everything here blocks, but for [`may_vary`].

use super::body::ResponseBody;
use super::head::{Head, Traits};
use super::headers::Version;
use super::kept::KeptFile;
use super::site::Site;
use super::stretch::{Blocks, Permit, Source, Stretch};
use crate::answers::route::request::{File, Kind};
use crate::base::digest::Digest;
use crate::base::{fs, media};
use std::borrow::Cow;
use std::io::{self, Read, Seek};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// A file that was found.
pub(super) enum Found {
    /// In memory.
    Kept(Arc<KeptFile>),
    /// Open, to be read while it is sent.
    Open(Head, Arc<Source>),
}

/// Returns true if answers may depend on whether clients take gzip.
pub(super) fn may_vary(site: &Site, file: &File) -> bool {
    match file.kind {
        // Clients take the length of an archive for that of its content, so there is never another encoding of one.
        Kind::Archive | Kind::Signature | Kind::Icon => false,
        Kind::Packaged(_) => site.notes.may_have_copy(&file.path),
        Kind::Answer | Kind::Document | Kind::Index | Kind::Versions | Kind::Page => true,
    }
}

/// Finds the file for a response; `None` when the site has no such file. `takes_gzip` is false where answers do not vary.
///
/// What is small enough is read, and kept for others if it is as it should be.
///
/// # Errors
/// When it cannot be read, for example because there are no file handles left: that must not look like absence.
pub(super) fn find(site: &Site, file: &File, takes_gzip: bool, permit: Permit) -> io::Result<Option<Found>> {
    let Some((traits, handle)) = open(site, file, takes_gzip)? else { return Ok(None) };
    let head = Head::new(file, &traits, site.notes.immutable, site.debug_header);
    let read = |bytes: &mut [u8]| handle.read_exact_at(bytes, 0);
    let Some(content) = site.shelf.hold(traits.version.length, read)? else {
        return Ok(Some(Found::Open(head, Source::new(handle, permit))));
    };
    let is_right = site.never_changes(&file.path) && is_dated(&handle.metadata()?, &content);
    let kept = Arc::new(KeptFile::new(head, content));
    if is_right {
        site.shelf.put(&file.path, takes_gzip, kept.clone());
    }
    Ok(Some(Found::Kept(kept)))
}

impl Found {
    /// The body that sends a stretch of it, given its first byte and how many.
    pub(super) fn stretch(&self, first: u64, count: u64, blocks: &Arc<Blocks>) -> ResponseBody {
        match self {
            Self::Kept(file) => ResponseBody::Bytes(file.stretch(first, count)),
            Self::Open(_, source) => ResponseBody::File(Stretch::new(source.clone(), first, count, blocks.clone())),
        }
    }

    /// What is said of it.
    pub(super) fn head(&self) -> &Head {
        match self {
            Self::Kept(file) => &file.head,
            Self::Open(head, _) => head,
        }
    }
}

/// Returns true if the site has this file.
pub(super) fn exists(site: &Site, path: &str) -> bool {
    site.file(path).is_file()
}

/// Opens the file, or its compressed copy.
fn open(site: &Site, file: &File, takes_gzip: bool) -> io::Result<Option<(Traits, fs::File)>> {
    let is_packaged = matches!(file.kind, Kind::Packaged(_));
    if is_packaged && site.notes.is_copy(&file.path) {
        return Ok(None);
    }
    let path = site.file(&file.path);
    let Some((mut handle, mut version)) = regular(&path)? else { return Ok(None) };
    let media = media_type(file, &mut handle)?;
    let copy = if may_vary(site, file) { regular(&with_gz(&path))? } else { None };
    let varies = copy.is_some();
    let copy = copy.filter(|_| takes_gzip);
    let is_gzip = copy.is_some();
    if let Some(copy) = copy {
        (handle, version) = copy;
    }
    Ok(Some((Traits { version, media, is_gzip, varies }, handle)))
}

/// Returns true if a file has the time of its content, as all that a generation holds.
fn is_dated(found: &fs::Metadata, content: &[u8]) -> bool {
    Digest::may_be_modified(found.mtime(), found.mtime_nsec()) && fs::has_time(found, &Digest::of(content))
}

/// Opens a path if it leads to a file.
fn regular(path: &Path) -> io::Result<Option<(fs::File, Version)>> {
    let Some(handle) = fs::open_if_there(path).map_err(fs::io_error)? else { return Ok(None) };
    let metadata = handle.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    Ok(Some((handle, Version { modified, length: metadata.len() })))
}

fn with_gz(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    name.into()
}

/// The content type; reads the beginning of a package file without a listed extension.
fn media_type(file: &File, handle: &mut fs::File) -> io::Result<Cow<'static, str>> {
    Ok(Cow::Borrowed(match file.kind {
        Kind::Answer | Kind::Document | Kind::Index | Kind::Versions => media::JSON,
        Kind::Page => media::by_extension(&file.path).unwrap_or(media::TEXT),
        Kind::Icon => media::ICON,
        Kind::Archive => media::ZIP,
        Kind::Signature => media::TEXT,
        Kind::Packaged(_) => {
            if let Some(media) = media::by_extension(&file.path) {
                return Ok(Cow::Borrowed(media));
            }
            let mut first = Vec::with_capacity(media::SNIFFED_BYTES);
            handle.take(media::SNIFFED_BYTES as u64).read_to_end(&mut first)?;
            handle.rewind()?;
            return Ok(media::content_type(&file.path, &first));
        }
    }))
}
