//! Finding and opening the file of a decision. Everything here blocks.

use super::body::{CHUNK, Permit, ResponseBody};
use super::headers::{Part, Version, part};
use super::site::Site;
use crate::answers::route::request::{File, Kind};
use crate::base::{fs, media};
use hyper::HeaderMap;
use std::borrow::Cow;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// An opened file, ready to be sent.
pub(super) struct Opened {
    /// The part to send, decided by the request's headers.
    pub(super) part: Part,
    /// Version of the bytes on disk, compressed or not.
    pub(super) version: Version,
    pub(super) media: Cow<'static, str>,
    /// True if the content is the gzip copy.
    pub(super) is_gzip: bool,
    /// True if there is a gzip copy, so that answers depend on what clients accept.
    pub(super) varies: bool,
    pub(super) content: ResponseBody,
}

/// Opens the file for a response; `None` when the site has no such file.
///
/// # Errors
/// When it cannot be read, for example because there are no file handles left: that must not look like absence.
pub(super) fn open(
    site: &Site,
    file: &File,
    headers: &HeaderMap,
    takes_gzip: bool,
    permit: Permit,
) -> io::Result<Option<Opened>> {
    let is_packaged = matches!(file.kind, Kind::Packaged(_));
    if is_packaged && site.notes.is_copy(&file.path) {
        return Ok(None);
    }
    let path = site.file(&file.path);
    let Some((mut handle, mut version)) = regular(&path)? else { return Ok(None) };
    let media = media_type(file, &mut handle)?;
    // Clients take the length of an archive for that of its content, so there is never another encoding of one.
    let may_vary = match file.kind {
        Kind::Archive | Kind::Signature | Kind::Icon => false,
        Kind::Packaged(_) => site.notes.may_have_copy(&file.path),
        Kind::Answer | Kind::Document | Kind::Index | Kind::Versions | Kind::Page => true,
    };
    let copy = if may_vary { regular(&with_gz(&path))? } else { None };
    let varies = copy.is_some();
    let copy = copy.filter(|_| takes_gzip);
    let is_gzip = copy.is_some();
    if let Some(copy) = copy {
        (handle, version) = copy;
    }
    let part = part(headers, version);
    let content = match part {
        Part::Whole => content(handle, 0, version.length, permit)?,
        Part::Range(first, count) => content(handle, first, count, permit)?,
        Part::Unchanged | Part::Changed | Part::OutOfRange => ResponseBody::empty(),
    };
    Ok(Some(Opened { part, version, media, is_gzip, varies, content }))
}

/// Returns true if the site has this file.
pub(super) fn exists(site: &Site, path: &str) -> bool {
    site.file(path).is_file()
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

/// A stretch of a file: short ones are read here and now, which saves a change of threads.
fn content(mut handle: fs::File, first: u64, count: u64, permit: Permit) -> io::Result<ResponseBody> {
    handle.seek(SeekFrom::Start(first))?;
    if count > CHUNK {
        return Ok(ResponseBody::File { file: tokio::fs::File::from_std(handle), left: count, _permit: permit });
    }
    let mut bytes = Vec::new();
    handle.take(count).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < count {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(ResponseBody::Bytes(bytes.into()))
}
