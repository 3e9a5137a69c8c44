//! What lets the disk have things before something leads to them.
//!
//! A system that loses its power keeps names and times that it wrote last, and often not the contents: files are there, and
//! empty. So whoever takes something into use first flushes all that it leads to ([`flush_all`], or [`flush`] where there
//! are few files), and then moves the link, pointer or note by [`rename_for_good`].

use super::{named, open_as, read_if_there, remove_file_if_there, rename, write_file};
use anyhow::Result;
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::panic::resume_unwind;
use std::path::Path;

/// Files and folders that are flushed at the same time.
const MOST_AT_A_TIME: usize = 16;
/// As many go one after the other before another thread is begun.
const LEAST_IN_A_LANE: usize = 2;

/// Lets the disk have everything that was written to the file system in which a file or folder lies.
///
/// # Errors
/// When the disk fails, also for what was written before.
pub fn flush_all(path: &Path) -> Result<()> {
    let flushed = open_as(path, OFlags::RDONLY).and_then(|file| possible(sync_file_system(&file)));
    named("flush", path, flushed)
}

/// Lets the disk have the content of a file, or the names in a folder.
///
/// # Errors
/// When the disk fails.
pub fn flush(path: &Path) -> Result<()> {
    let flushed = open_as(path, OFlags::RDONLY).and_then(|file| possible(rustix::fs::fsync(&file)));
    named("flush", path, flushed)
}

/// Lets the disk have the contents of several files, or the names in several folders, as [`flush`] does for one. Some are
/// flushed at the same time, so that the file system writes its own journal once for many of them.
///
/// # Errors
/// When the disk fails.
pub fn flush_each(paths: &[&Path]) -> Result<()> {
    let lane = |paths: &[&Path]| paths.iter().try_for_each(|path| flush(path));
    // To begin a thread costs more than to flush a little file whose neighbour has just made the journal written.
    let lanes = paths.len().div_ceil(LEAST_IN_A_LANE).clamp(1, MOST_AT_A_TIME);
    let mut parts = paths.chunks(paths.len().div_ceil(lanes).max(1));
    let own = parts.next().unwrap_or_default();
    std::thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || lane(part))).collect();
        let own = lane(own);
        let others = others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        others.fold(own, Result::and)
    })
}

/// Lets the file system begin to write a content to the disk, and waits for nothing: a flush that comes later has less to wait
/// for. What is on the disk by then may be read from there again. That this cannot be done is no failure.
pub fn begin_flush(file: &File) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = file;
}

/// Renames a file, folder or link, and returns when the disk has both names. What it leads to must be there before.
///
/// # Errors
/// When the disk fails.
pub fn rename_for_good(from: &Path, to: &Path) -> Result<()> {
    rename(from, to)?;
    flush(to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// Replaces a file by one rename, and returns when the disk has it. Beside it lies a file with `.new` added to its name while
/// that goes on.
///
/// # Errors
/// When the disk fails.
pub fn write_over_for_good(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let temporary = Path::new(&name);
    remove_file_if_there(temporary)?;
    write_file(temporary, bytes)?;
    flush(temporary)?;
    rename_for_good(temporary, path)
}

/// The same, if the file has another content or is not there.
///
/// # Errors
/// When the disk fails.
pub fn renew_for_good(path: &Path, bytes: &[u8]) -> Result<()> {
    if read_if_there(path)?.is_some_and(|before| before == bytes) {
        return Ok(());
    }
    write_over_for_good(path, bytes)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn sync_file_system(file: &File) -> rustix::io::Result<()> {
    rustix::fs::syncfs(file)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn sync_file_system(file: &File) -> rustix::io::Result<()> {
    rustix::fs::sync();
    rustix::fs::fsync(file)
}

/// Not every file system can flush; then there is nothing to wait for.
fn possible(flushed: rustix::io::Result<()>) -> io::Result<()> {
    match flushed {
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::ROFS) => Ok(()),
        flushed => Ok(flushed?),
    }
}
