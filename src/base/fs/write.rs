//! Writing, linking, moving and removing.
//!
//! Content is written by [`write_file`], [`create`], [`open_to_append`], [`open_to_continue`] and [`stream_file`] alone, and
//! taken into use by [`rename`] and [`write_over`]. Whatever must outlive a loss of power is flushed first, see [`flush_all`](super::flush_all).

use super::{FILE_MODE, FOLDER_MODE, if_there, named, open_as, open_regular, open_unlinked};
use crate::base::digest::{Digest, Hasher};
use anyhow::{Context, Result};
use rayon::prelude::*;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps};
use rustix::io::Errno;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Writes a new file and the folders above it, readable by all.
///
/// # Errors
/// When the file is there already, or the disk fails.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        make_folders(parent)?;
    }
    named("write", path, create_new(path).and_then(|mut file| file.write_all(bytes)))
}

fn create_new(path: &Path) -> io::Result<File> {
    open_as(path, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)
}

/// Creates a file, or empties the one that is there, and opens it for writing.
///
/// # Errors
/// When it cannot be written.
pub fn create(path: &Path) -> Result<File> {
    named("write", path, open_as(path, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC))
}

/// Writes a file, in place of the content it had. The path may be a device, such as `/dev/stdout`.
///
/// # Errors
/// When it cannot be written.
pub fn write_in_place(path: &Path, bytes: &[u8]) -> Result<()> {
    named("write", path, create(path)?.write_all(bytes))
}

/// Makes a file that is gone when it is closed, however the program ends; `path` is its name for a moment.
///
/// # Errors
/// When the name is taken, or the disk fails.
pub fn scratch_file(path: &Path) -> Result<File> {
    let file = named("create", path, open_as(path, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL))?;
    remove_file(path)?;
    Ok(file)
}

/// Replaces a file by one rename.
///
/// # Errors
/// When the disk fails.
pub fn write_over(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    remove_file_if_there(&temporary)?;
    write_file(&temporary, bytes)?;
    rename(&temporary, path)
}

/// Replaces a file by one rename, and gives it the time that is made from its content, by which damage to it is seen.
///
/// # Errors
/// When the disk fails.
pub fn write_dated(path: &Path, bytes: &[u8]) -> Result<()> {
    stream_dated(path, &|out| Ok(out.write_all(bytes)?))
}

/// Replaces a file as [`write_dated`] does, with content that is written part by part.
///
/// # Errors
/// When the disk fails, or `write` does.
pub fn stream_dated(path: &Path, write: &dyn Fn(&mut dyn Write) -> Result<()>) -> Result<()> {
    let temporary = path.with_extension("new");
    remove_file_if_there(&temporary)?;
    let digest = stream_file(&temporary, write)?;
    set_time(&temporary, digest.modified())?;
    take_place(&temporary, path)
}

/// Opens a file to add to its end, and creates it where it is absent.
///
/// # Errors
/// When it cannot be written.
pub fn open_to_append(path: &Path) -> Result<File> {
    named("write", path, open_as(path, OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND))
}

/// Opens a regular file to add to its end, and creates it where it is absent. Where others may write, a link or a fifo may
/// lie in its place: the one is not followed, and nobody waits for the other.
///
/// # Errors
/// When it is anything else, or cannot be written.
pub fn open_to_continue(path: &Path) -> Result<File> {
    named("write", path, open_unlinked(path, OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND))
}

/// Adds a line to a regular file, which is opened as by [`open_to_continue`].
///
/// # Errors
/// When it is anything else, or cannot be written.
pub fn append(path: &Path, line: &str) -> Result<()> {
    named("write", path, open_to_continue(path)?.write_all(format!("{line}\n").as_bytes()))
}

/// Writes a new file part by part and returns the digest of its content.
///
/// # Errors
/// When the disk fails, or `write` does.
pub fn stream_file(path: &Path, write: &dyn Fn(&mut dyn Write) -> Result<()>) -> Result<Digest> {
    if let Some(parent) = path.parent() {
        make_folders(parent)?;
    }
    let mut out = Hashed { out: named("write", path, create_new(path))?, hasher: Hasher::default() };
    let mut buffered = BufWriter::with_capacity(1 << 16, &mut out);
    write(&mut buffered)?;
    named("write", path, buffered.flush())?;
    drop(buffered);
    Ok(out.hasher.finish())
}

/// Returns the digest of what would be written.
///
/// # Errors
/// When `write` fails.
pub fn digest_of(write: impl Fn(&mut dyn Write) -> Result<()>) -> Result<Digest> {
    let mut out = BufWriter::new(Hashed { out: io::sink(), hasher: Hasher::default() });
    write(&mut out)?;
    Ok(out.into_inner().map_err(io::IntoInnerError::into_error)?.hasher.finish())
}

/// Digest and size of a file.
///
/// # Errors
/// When it cannot be read, or is a folder, a fifo or a device.
pub fn digest_of_file(path: &Path) -> Result<(Digest, u64)> {
    let mut out = Hashed { out: io::sink(), hasher: Hasher::default() };
    let size = named("read", path, open_regular(path).and_then(|mut file| io::copy(&mut file, &mut out)))?;
    Ok((out.hasher.finish(), size))
}

/// Hashes what passes through.
struct Hashed<W> {
    out: W,
    hasher: Hasher,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Makes a folder and those above it, readable by all.
///
/// # Errors
/// When the disk fails.
pub fn make_folders(path: &Path) -> Result<()> {
    // No path at all is the present folder, above a name that stands alone.
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folders(parent)?;
    }
    match rustix::fs::mkdirat(CWD, path, FOLDER_MODE) {
        // Another thread was quicker.
        Err(Errno::EXIST) if path.is_dir() => Ok(()),
        made => named("create", path, made.map_err(io::Error::from)),
    }
}

/// Makes a folder and those above it up to a root; whatever has the place of one of them and is no folder is removed.
///
/// # Errors
/// When the disk fails.
pub fn make_room(root: &Path, folder: &Path) -> Result<()> {
    let mut above: Vec<&Path> = folder.ancestors().take_while(|above| above.starts_with(root)).collect();
    above.reverse();
    for folder in above {
        if !fs::symlink_metadata(folder).is_ok_and(|stat| stat.is_dir()) {
            remove_any(folder)?;
            make_folders(folder)?;
        }
    }
    Ok(())
}

/// Makes a folder that only this user may look into; returns false if the name is taken.
///
/// # Errors
/// When the disk fails.
pub fn make_private_folder(path: &Path) -> Result<bool> {
    match rustix::fs::mkdirat(CWD, path, Mode::RWXU) {
        Err(Errno::EXIST) => Ok(false),
        made => named("create", path, made.map_err(io::Error::from)).map(|()| true),
    }
}

/// Renames a file, folder or link, over the file or link that bears the new name.
///
/// # Errors
/// When the disk fails.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
}

/// Renames a file, folder or link to the place of whatever bears the new name, of whatever kind that is.
///
/// # Errors
/// When the disk fails.
pub fn take_place(from: &Path, to: &Path) -> Result<()> {
    let is_folder = |path: &Path| fs::symlink_metadata(path).is_ok_and(|stat| stat.is_dir());
    // Nothing but a folder can be renamed over a folder, and a folder over nothing else.
    if is_folder(to) || is_folder(from) {
        remove_any(to)?;
    }
    rename(from, to)
}

/// Renames a file, folder or link, if it is there.
///
/// # Errors
/// When the disk fails.
pub fn rename_if_there(from: &Path, to: &Path) -> Result<()> {
    let renamed = if_there(fs::rename(from, to));
    renamed.with_context(|| format!("cannot rename {} to {}", from.display(), to.display())).map(drop)
}

/// Gives a file a second name.
///
/// # Errors
/// When the name is taken, or the disk fails.
pub fn hard_link(file: &Path, name: &Path) -> Result<()> {
    fs::hard_link(file, name).with_context(|| format!("cannot link {} to {}", name.display(), file.display()))
}

/// Makes a symbolic link.
///
/// # Errors
/// When the name is taken, or the disk fails.
pub fn symlink(target: impl AsRef<Path>, link: &Path) -> Result<()> {
    named("link", link, rustix::fs::symlinkat(target.as_ref(), CWD, link).map_err(io::Error::from))
}

/// Copies the content of an open file, of at most so many bytes, and its mode.
///
/// # Errors
/// When the disk fails.
pub fn copy_open(from: &File, most: u64, to: &Path) -> Result<()> {
    let mut copy = create(to)?;
    let copied = io::copy(&mut from.take(most), &mut copy).and_then(|_| {
        let mode = rustix::fs::fstat(from)?.st_mode;
        Ok(rustix::fs::fchmod(&copy, Mode::from_raw_mode(mode & 0o777))?)
    });
    named("write", to, copied)
}

/// Removes a file or a link.
///
/// # Errors
/// When it is not there, or the disk fails.
pub fn remove_file(path: &Path) -> Result<()> {
    named("remove", path, fs::remove_file(path))
}

/// Removes a file or a link, if it is there.
///
/// # Errors
/// When the disk fails.
pub fn remove_file_if_there(path: &Path) -> Result<()> {
    named("remove", path, if_there(fs::remove_file(path))).map(drop)
}

/// Removes a folder with all that is in it.
///
/// # Errors
/// When it is not there, or the disk fails.
pub fn remove_folder(path: &Path) -> Result<()> {
    named("remove", path, fs::remove_dir_all(path))
}

/// Removes a folder with all that is in it, if it is there.
///
/// # Errors
/// When the disk fails.
pub fn remove_folder_if_there(path: &Path) -> Result<()> {
    named("remove", path, if_there(fs::remove_dir_all(path))).map(drop)
}

/// Removes what has a name, of whatever kind it is, if it is there.
///
/// # Errors
/// When the disk fails.
pub fn remove_any(path: &Path) -> Result<()> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|stat| stat.is_dir());
    if is_folder { remove_folder_if_there(path) } else { remove_file_if_there(path) }
}

/// Gives folders and files below a folder, and itself, the modes of what is published. What cannot be set stays as it is.
pub fn set_modes(folder: &Path) {
    set_mode(folder, FOLDER_MODE);
    super::list(folder).unwrap_or_default().par_iter().for_each(|entry| {
        if entry.kind.is_dir() {
            set_modes(&entry.path);
        } else if entry.kind.is_file() {
            set_mode(&entry.path, FILE_MODE);
        }
    });
}

fn set_mode(path: &Path, mode: Mode) {
    let is_other = fs::symlink_metadata(path).is_ok_and(|stat| stat.mode() & 0o7777 != mode.as_raw_mode());
    if is_other {
        // Somebody else's file is told by who verifies.
        let _ = rustix::fs::chmod(path, mode);
    }
}

/// Removes a folder if nothing is in it.
///
/// # Errors
/// When it is not empty or not there, or the disk fails.
pub fn remove_empty_folder(path: &Path) -> Result<()> {
    named("remove", path, fs::remove_dir(path))
}

/// Gives a file, folder or link its time: what is published has no other time than its content's.
///
/// # Errors
/// When the disk fails.
pub fn set_time(path: &Path, seconds: i64) -> Result<()> {
    rustix::fs::utimensat(CWD, path, &times(seconds), AtFlags::SYMLINK_NOFOLLOW)
        .with_context(|| format!("cannot set the time of {}", path.display()))
}

/// Returns both times of a file, of last access and of last change, in seconds since 1970.
pub fn times(seconds: i64) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}
