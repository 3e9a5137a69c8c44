//! Listing folders, and reading files to their ends.
//!
//! Everything is relative to an open folder, and no symbolic link is ever followed unasked. Files are opened by
//! [`crate::input::door`]. Knows nothing of packages.

use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
use std::ffi::CString;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// One name in a folder.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: CString,
    /// Kind according to the folder; `Unknown` on file systems that do not say.
    pub(super) kind: FileType,
}

/// Opens a folder below another; a link in its place is an error.
pub(super) fn open_folder(parent: impl AsFd, name: impl rustix::path::Arg) -> io::Result<Dir> {
    Ok(Dir::new(open_folder_handle(parent, name, OFlags::NOFOLLOW)?)?)
}

/// Opens a folder that a person named, through links if there are any.
pub(super) fn open_named_folder(path: &Path) -> io::Result<Dir> {
    Ok(Dir::new(open_folder_handle(rustix::fs::CWD, path, OFlags::empty())?)?)
}

fn open_folder_handle(parent: impl AsFd, name: impl rustix::path::Arg, more: OFlags) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | more;
    Ok(openat(parent, name, flags, Mode::empty())?)
}

/// The names in a folder in ascending order of their bytes, without `.` and `..`; at most `limit` and one more.
pub(super) fn list(folder: &mut Dir, limit: usize) -> io::Result<Vec<Listed>> {
    let mut names = Vec::new();
    while let Some(entry) = folder.read() {
        let entry = entry?;
        if matches!(entry.file_name().to_bytes(), b"." | b"..") {
            continue;
        }
        names.push(Listed { name: entry.file_name().to_owned(), kind: entry.file_type() });
        if names.len() > limit {
            break;
        }
    }
    names.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(names)
}

/// Reads exactly `size` bytes of content; more or fewer are an error.
#[derive(Debug)]
pub(super) struct Exactly<R> {
    inner: R,
    left: u64,
}

impl<R> Exactly<R> {
    pub(super) fn new(inner: R, size: u64) -> Self {
        Self { inner, left: size }
    }
}

impl<R: Read> Exactly<R> {
    /// Checks the end if the reader came there without asking for more.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.left == 0 { self.read(&mut [0]).map(|_| ()) } else { Ok(()) }
    }
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            // Also lets a decompressor reach its end, where it compares checksums.
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the content is longer than its listed size")),
            };
        }
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.inner.read(&mut buffer[..wanted])?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the content is shorter than its listed size"));
        }
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

/// Reads everything. [`Exactly`] bounds it; `size` is a claim, used only to reserve memory.
pub(super) fn read_all(content: &mut dyn Read, size: u64) -> io::Result<Vec<u8>> {
    const MOST_EXPECTED: usize = 1 << 20;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(usize::MAX).min(MOST_EXPECTED));
    content.read_to_end(&mut bytes)?;
    Ok(bytes)
}
