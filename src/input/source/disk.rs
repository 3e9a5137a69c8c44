//! The few system calls that reading a tree of packages needs.
//!
//! Everything is relative to an open folder, no symbolic link is ever followed unasked, and nothing but a regular file
//! is ever opened for reading, so neither a link swapped in between nor a fifo can lead astray. Knows nothing of packages.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, fstat, openat, stat, statat};
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// State of a file, by which a change is detected without reading it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileStat {
    /// Bytes.
    pub size: u64,
    /// When the content changed, nanoseconds since 1970.
    pub modified_ns: i64,
    /// When content, name or permissions changed, nanoseconds since 1970.
    pub changed_ns: i64,
    /// Number of the file on its device.
    pub inode: u64,
    /// Number of the device.
    pub device: u64,
}

impl FileStat {
    pub(super) fn new(stat: &Stat) -> Self {
        let nanoseconds = |seconds: i128, rest: i128| {
            let total = seconds * 1_000_000_000 + rest;
            i64::try_from(total).unwrap_or(if total < 0 { i64::MIN } else { i64::MAX })
        };
        // The widths of these fields differ between platforms.
        let number = |value: i128| u64::try_from(value).unwrap_or(0);
        Self {
            size: number(stat.st_size.into()),
            modified_ns: nanoseconds(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
            changed_ns: nanoseconds(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
            inode: number(stat.st_ino.into()),
            device: number(stat.st_dev.into()),
        }
    }

    /// Returns true if both are the same file with the same content. The time of change does not count, because a new hard
    /// link moves it.
    fn same_content(&self, other: &Self) -> bool {
        (self.device, self.inode, self.size, self.modified_ns)
            == (other.device, other.inode, other.size, other.modified_ns)
    }
}

/// Kind and state of a file or folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) kind: FileType,
    pub(super) stat: FileStat,
}

impl Found {
    fn new(stat: &Stat) -> Self {
        Self { kind: FileType::from_raw_mode(stat.st_mode), stat: FileStat::new(stat) }
    }
}

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

/// Looks at one name without following a link.
pub(super) fn look(parent: impl AsFd, name: impl rustix::path::Arg) -> io::Result<Found> {
    Ok(Found::new(&statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?))
}

/// Looks at what is open.
pub(super) fn look_at(file: impl AsFd) -> io::Result<Found> {
    Ok(Found::new(&fstat(file)?))
}

/// Looks at a path, through links.
pub(super) fn look_through(path: &Path) -> io::Result<Found> {
    Ok(Found::new(&stat(path)?))
}

/// Opens a regular file that was looked at before, and fails if it is no longer the same.
///
/// The path may have been swapped since. Nothing is read unless the open file is the one that was found.
pub(super) fn open_found(path: &Path, expected: &FileStat, follow: bool) -> io::Result<File> {
    // Without NONBLOCK the opening of a fifo would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let flags = if follow { flags } else { flags | OFlags::NOFOLLOW };
    let file = File::from(openat(rustix::fs::CWD, path, flags, Mode::empty())?);
    check_unchanged(&file, expected)?;
    Ok(file)
}

/// Fails if the open file is not the regular file that was looked at, or has changed since.
pub(super) fn check_unchanged(file: &File, expected: &FileStat) -> io::Result<()> {
    let now = Found::new(&fstat(file)?);
    if now.kind == FileType::RegularFile && now.stat.same_content(expected) {
        Ok(())
    } else {
        Err(io::Error::other("the file changed while the package was being read"))
    }
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
