//! The lock of an output folder.

use super::{make_folders, open_as, read_text};
use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, OFlags, flock};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The lock of an output folder: one build at a time. The kernel lets go of it when the process ends, however it ends.
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock, or says which process has it.
    ///
    /// # Errors
    /// When another process has it, or the disk fails.
    pub fn take(out: &Path) -> Result<Self> {
        Self::take_as(out, "build", out)
    }

    /// Takes the lock for another work than a build; `who` writes to `what`.
    ///
    /// # Errors
    /// When another process has it, or the disk fails.
    pub fn take_as(out: &Path, who: &str, what: &Path) -> Result<Self> {
        make_folders(out)?;
        let path = out.join(".lock");
        let file = open_as(&path, OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK);
        let mut file = file.with_context(|| format!("cannot open {}", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let holder = read_text(&path).unwrap_or_default();
            anyhow::bail!("another {who} writes to {} (process {})", what.display(), holder.trim());
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path, _file: file })
    }

    /// Returns the path of the locked file, which was written a moment ago.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A hold on a folder, which the kernel lets go when the process ends. Those who read what is in it share it; who wants to
/// remove the folder holds it alone. Some file systems know no holds; there nobody is kept from anything.
#[derive(Debug)]
pub struct Hold {
    _file: Option<File>,
}

impl Hold {
    /// Holds a folder together with others; `None` while somebody holds it alone.
    pub fn shared(folder: &Path) -> Option<Self> {
        Self::take(folder, FlockOperation::NonBlockingLockShared)
    }

    /// Holds a folder alone; `None` while anybody else holds it.
    pub fn alone(folder: &Path) -> Option<Self> {
        Self::take(folder, FlockOperation::NonBlockingLockExclusive)
    }

    fn take(folder: &Path, operation: FlockOperation) -> Option<Self> {
        let Ok(file) = open_as(folder, OFlags::RDONLY | OFlags::DIRECTORY) else { return Some(Self { _file: None }) };
        match flock(&file, operation) {
            Err(rustix::io::Errno::WOULDBLOCK) => None,
            Err(_) => Some(Self { _file: None }),
            Ok(()) => Some(Self { _file: Some(file) }),
        }
    }
}
