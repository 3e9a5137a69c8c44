//! The file system. Errors name the path; no umask and no clock decides modes and times.
//!
//! This is the one place that calls `std::fs`, which the linter sees to; layers and packages, whose names are hostile,
//! are walked by `input::source` with folder handles. Functions that end in `_if_there` take absence for an answer.
#![expect(clippy::disallowed_methods, reason = "here paths are added to errors, and modes are fixed")]

mod dated;
mod flush;
mod lock;
mod temporary;
mod write;

pub use dated::{Scrutiny, has_time, is_dated};
pub use flush::{begin_flush, flush, flush_all, flush_each, rename_for_good, renew_for_good, write_over_for_good};
pub use lock::{Hold, Lock};
pub use std::fs::{File, Metadata};
pub use temporary::TemporaryFolder;
pub use write::{
    append, copy_open, create, digest_of, digest_of_file, hard_link, make_folders, make_private_folder, make_room,
    open_to_append, open_to_continue, remove_any, remove_empty_folder, remove_file, remove_file_if_there,
    remove_folder, remove_folder_if_there, rename, rename_if_there, scratch_file, set_modes, set_time, stream_dated,
    stream_file, symlink, take_place, times, write_dated, write_file, write_in_place, write_over,
};

use anyhow::{Context, Result};
use rustix::fs::{CWD, Mode, OFlags};
use serde::de::DeserializeOwned;
use std::fs::{self, FileType};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Published files are readable by every server, whatever the umask of the build.
pub const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
/// Published folders are, too.
pub const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);
/// Modification time of links and of folders outside the store, which have no content of their own.
pub const LINK_TIME: i64 = 1_000_000_000;

/// Says in the error what could not be done, and to which path.
fn named<T>(verb: &str, path: &Path, result: io::Result<T>) -> Result<T> {
    result.with_context(|| format!("cannot {verb} {}", path.display()))
}

/// Returns the error of the system without the path, for callers that look at its kind.
pub fn io_error(error: anyhow::Error) -> io::Error {
    error.downcast().unwrap_or_else(io::Error::other)
}

/// Takes absence for an answer.
fn if_there<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Opens a file; whether links are followed is decided here, by the flags.
fn open_as(path: &Path, flags: OFlags) -> io::Result<File> {
    Ok(rustix::fs::openat(CWD, path, flags | OFlags::CLOEXEC, FILE_MODE)?.into())
}

/// Opens a file for reading.
///
/// # Errors
/// When it cannot be read.
pub fn open(path: &Path) -> Result<File> {
    named("read", path, open_as(path, OFlags::RDONLY))
}

/// Opens a file for reading, if it is there. A path that no file can have (too long, with a zero byte, below a file) leads
/// to none.
///
/// # Errors
/// When it is there and cannot be read.
pub fn open_if_there(path: &Path) -> Result<Option<File>> {
    match open_as(path, OFlags::RDONLY) {
        Err(error) if matches!(error.kind(), ErrorKind::NotADirectory | ErrorKind::InvalidFilename) => Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(None),
        opened => named("read", path, if_there(opened)),
    }
}

/// Opens a file for reading, if it is one: nobody waits for the other end of a fifo that lies in its place.
fn open_regular(path: &Path) -> io::Result<File> {
    let file = open_as(path, OFlags::RDONLY | OFlags::NONBLOCK)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file")) }
}

/// Opens a regular file and nothing else: no link is followed, and nobody waits for the other end of a fifo.
fn open_unlinked(path: &Path, flags: OFlags) -> io::Result<File> {
    let file = match open_as(path, flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(io::Error::other("it is a symbolic link, which is not followed"));
        }
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            return Err(io::Error::other("it is not a regular file"));
        }
        opened => opened?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Opens a regular file for reading, if it is there. Links are not followed.
///
/// # Errors
/// When it is anything else, or cannot be read.
pub fn open_unlinked_if_there(path: &Path) -> Result<Option<File>> {
    named("read", path, if_there(open_unlinked(path, OFlags::RDONLY)))
}

fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a file.
///
/// # Errors
/// When it cannot be read, or is a folder, a fifo or a device.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    named("read", path, read_regular(path))
}

/// Reads a file of at most so many bytes; returns nothing if it has more.
///
/// # Errors
/// When it cannot be read, or is a folder, a fifo or a device.
pub fn read_at_most(path: &Path, most: u64) -> Result<Option<Vec<u8>>> {
    let read = || {
        let mut bytes = Vec::new();
        open_regular(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= most).then_some(bytes))
    };
    named("read", path, read())
}

/// Reads a file, if it is there.
///
/// # Errors
/// When it is there and cannot be read.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    named("read", path, if_there(read_regular(path)))
}

/// Reads a file of UTF-8.
///
/// # Errors
/// When it cannot be read or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let text = |bytes| String::from_utf8(bytes).map_err(io::Error::other);
    named("read", path, read_regular(path).and_then(text))
}

/// Reads a file of JSON.
///
/// # Errors
/// When it cannot be read or holds something else.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    parse_json(path, &read(path)?)
}

/// Reads a file of JSON, if it is there.
///
/// # Errors
/// When it is there and cannot be read or holds something else.
pub fn read_json_if_there<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    read_if_there(path)?.map(|text| parse_json(path, &text)).transpose()
}

fn parse_json<T: DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T> {
    serde_json::from_slice(text).with_context(|| format!("cannot understand {}", path.display()))
}

/// An entry of a folder.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The path of the folder with the name.
    pub path: PathBuf,
    /// Kind of the entry; links are not followed.
    pub kind: FileType,
}

impl Entry {
    /// Returns the name, unless it is not UTF-8.
    pub fn name(&self) -> Option<&str> {
        self.path.file_name()?.to_str()
    }

    /// Returns true if the name begins so.
    pub fn begins_with(&self, prefix: &str) -> bool {
        self.name().is_some_and(|name| name.starts_with(prefix))
    }
}

/// Lists a folder, sorted by name.
///
/// # Errors
/// When it cannot be read.
pub fn list(folder: &Path) -> Result<Vec<Entry>> {
    named("read", folder, entries(folder))
}

/// Lists a folder, sorted by name, if it is there.
///
/// # Errors
/// When it is there and cannot be read.
pub fn list_if_there(folder: &Path) -> Result<Option<Vec<Entry>>> {
    named("read", folder, if_there(entries(folder)))
}

fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        Ok(Entry { kind: entry.file_type()?, path: entry.path() })
    };
    let mut entries = fs::read_dir(folder)?.map(entry).collect::<io::Result<Vec<_>>>()?;
    entries.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// Returns what a link points to.
///
/// # Errors
/// When it is no link, or cannot be read.
pub fn read_link(path: &Path) -> Result<PathBuf> {
    named("read the link", path, fs::read_link(path))
}

/// Looks at a file or folder, through links.
///
/// # Errors
/// When it is not there, or may not be looked at.
pub fn metadata(path: &Path) -> Result<Metadata> {
    named("look at", path, fs::metadata(path))
}

/// Looks at a file, folder or link.
///
/// # Errors
/// When it is not there, or may not be looked at.
pub fn link_metadata(path: &Path) -> Result<Metadata> {
    named("look at", path, fs::symlink_metadata(path))
}

/// Returns the path without links and `..`.
///
/// # Errors
/// When a part of it is not there.
pub fn canonical(path: &Path) -> Result<PathBuf> {
    named("find", path, fs::canonicalize(path))
}

/// Bytes that this user may still write to the file system of a path.
///
/// # Errors
/// When nothing is there, or it cannot be asked.
pub fn free_bytes(path: &Path) -> Result<u64> {
    let free = rustix::fs::statvfs(path).map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    named("look at", path, free.map_err(io::Error::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_is_an_answer_and_other_failures_name_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let (file, absent) = (folder.path().join("a/file"), folder.path().join("absent"));
        write_file(&file, b"{}").unwrap();
        assert_eq!(read_json_if_there::<serde_json::Value>(&file).unwrap(), Some(serde_json::json!({})));
        assert!(read_if_there(&absent).unwrap().is_none());
        assert!(list_if_there(&absent).unwrap().is_none());
        assert!(open_if_there(&file.join("below")).unwrap().is_none());
        remove_file_if_there(&absent).unwrap();
        remove_folder_if_there(&absent).unwrap();
        rename_if_there(&absent, &file).unwrap();
        let errors = [
            read(&absent).unwrap_err(),
            read_json::<serde_json::Value>(&absent).unwrap_err(),
            rename(&absent, &file).unwrap_err(),
            remove_file(&absent).unwrap_err(),
            remove_folder_if_there(&file).unwrap_err(),
            write_file(&file, b"").unwrap_err(),
        ];
        for error in errors {
            assert!(error.to_string().contains(folder.path().to_str().unwrap()), "{error}");
        }
        assert_eq!(io_error(read(&absent).unwrap_err()).kind(), ErrorKind::NotFound);
    }

    /// Where others may write, nothing leads elsewhere and nothing waits.
    #[test]
    fn links_and_fifos_are_refused_where_a_file_is_continued() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        write_file(&path("victim"), b"as it was").unwrap();
        symlink("victim", &path("link")).unwrap();
        rustix::fs::mknodat(CWD, path("fifo"), rustix::fs::FileType::Fifo, FILE_MODE, 0).unwrap();
        make_folders(&path("folder")).unwrap();
        for name in ["link", "fifo", "folder"] {
            assert!(append(&path(name), "more").is_err(), "{name}");
            assert!(open_to_continue(&path(name)).is_err(), "{name}");
            assert!(open_unlinked_if_there(&path(name)).is_err(), "{name}");
        }
        assert_eq!(read_text(&path("victim")).unwrap(), "as it was");
        append(&path("new"), "one").unwrap();
        append(&path("new"), "two").unwrap();
        assert_eq!(read_text(&path("new")).unwrap(), "one\ntwo\n");
        assert!(open_unlinked_if_there(&path("absent")).unwrap().is_none());
        assert!(open_unlinked_if_there(&path("new")).unwrap().is_some());
    }

    #[test]
    fn folders_are_listed_by_name_and_links_are_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b", "a", "c"] {
            write_file(&folder.path().join(name), b"").unwrap();
        }
        symlink("a", &folder.path().join("link")).unwrap();
        let entries = list(folder.path()).unwrap();
        let names: Vec<_> = entries.iter().filter_map(Entry::name).collect();
        assert_eq!(names, ["a", "b", "c", "link"]);
        assert!(entries[3].kind.is_symlink());
        write_over(&folder.path().join("a"), b"new").unwrap();
        assert_eq!(read_text(&folder.path().join("link")).unwrap(), "new");
    }
}
