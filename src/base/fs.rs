//! The file system, with paths in its errors and with modes and times that no umask and no clock decides.

use super::digest::{Digest, Hasher};
use anyhow::{Context, Result};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Timespec, Timestamps};
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Published files are readable by every server, whatever the umask of the build.
pub const FILE_MODE: Mode = Mode::from_raw_mode(0o644);
/// As [`FILE_MODE`], for folders.
pub const FOLDER_MODE: Mode = Mode::from_raw_mode(0o755);
/// Modification time of links and of folders outside the store, which have no content of their own.
pub const LINK_TIME: i64 = 1_000_000_000;

/// Adds a line to a file.
pub fn append(path: &Path, line: &str) -> Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::CLOEXEC;
    let write = || -> std::io::Result<()> {
        fs::File::from(rustix::fs::openat(CWD, path, flags, FILE_MODE)?).write_all(format!("{line}\n").as_bytes())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Gives a file, folder or link its time: what is published has no other time than its content's.
pub fn set_time(path: &Path, seconds: i64) -> Result<()> {
    rustix::fs::utimensat(CWD, path, &times(seconds), AtFlags::SYMLINK_NOFOLLOW)
        .with_context(|| format!("cannot set the time of {}", path.display()))
}

/// Makes a folder and those above it, readable by all.
pub fn make_folders(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_folders(parent)?;
    }
    rustix::fs::mkdirat(CWD, path, FOLDER_MODE).with_context(|| format!("cannot create {}", path.display()))
}

/// Replaces a file by one rename.
pub fn write_over(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    write_file(&temporary, bytes)?;
    fs::rename(&temporary, path).with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a file part by part and returns its digest.
pub fn stream_file(path: &Path, write: &dyn Fn(&mut dyn Write) -> Result<()>) -> Result<Digest> {
    write_file(path, b"")?;
    let file = fs::OpenOptions::new().append(true).open(path);
    let file = file.with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = Hashed { out: file, hasher: Hasher::default() };
    let mut buffered = BufWriter::with_capacity(1 << 16, &mut out);
    write(&mut buffered)?;
    buffered.flush().with_context(|| format!("cannot write {}", path.display()))?;
    drop(buffered);
    Ok(out.hasher.finish())
}

/// The digest of what would be written.
///
/// # Errors
/// Those of `write`.
pub fn digest_of(write: impl Fn(&mut dyn Write) -> Result<()>) -> Result<Digest> {
    let mut out = BufWriter::new(Hashed { out: io::sink(), hasher: Hasher::default() });
    write(&mut out)?;
    Ok(out.into_inner().map_err(io::IntoInnerError::into_error)?.hasher.finish())
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

/// Writes a new file and the folders above it, readable by all.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(parent) = path.parent() {
        make_folders(parent)?;
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let write =
        || -> std::io::Result<()> { fs::File::from(rustix::fs::openat(CWD, path, flags, FILE_MODE)?).write_all(bytes) };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The lock of an output folder: one build at a time. The kernel lets go of it when the process ends, however it ends.
pub struct Lock {
    path: PathBuf,
    _file: fs::File,
}

impl Lock {
    /// Takes the lock, or says which process has it.
    pub fn take(out: &Path) -> Result<Self> {
        Self::take_as(out, "build", out)
    }

    /// The same for something else than a build, which writes to `what`.
    ///
    /// # Errors
    /// When another process has it, or the disk fails.
    pub fn take_as(out: &Path, who: &str, what: &Path) -> Result<Self> {
        make_folders(out)?;
        let path = out.join(".lock");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let mut file: fs::File = rustix::fs::openat(CWD, &path, flags, Mode::from_raw_mode(0o644))
            .with_context(|| format!("cannot open {}", path.display()))?
            .into();
        if rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_err() {
            let holder = fs::read_to_string(&path).unwrap_or_default();
            anyhow::bail!("another {who} writes to {} (process {})", what.display(), holder.trim());
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, _file: file })
    }

    /// The file that is locked, written a moment before this was made.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Both times of a file, in seconds since 1970.
pub fn times(seconds: i64) -> Timestamps {
    let time = Timespec { tv_sec: seconds, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}
