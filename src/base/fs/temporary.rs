//! A folder for what is needed for a while.

use super::{make_private_folder, remove_folder};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// A folder among the temporary ones that only this user may look into. It goes when it is dropped.
#[derive(Debug)]
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Makes a folder of a free name.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn new() -> Result<Self> {
        let parent = std::env::temp_dir();
        for number in 0_u32.. {
            let folder = parent.join(format!("epr-build-{}-{number}", std::process::id()));
            if make_private_folder(&folder)? {
                return Ok(Self(folder));
            }
        }
        bail!("cannot find a free name in {}", parent.display())
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // A failure leaves the folder to whatever clears temporary folders.
        let _ = remove_folder(&self.0);
    }
}
