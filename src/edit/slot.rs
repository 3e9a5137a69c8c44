//! Places of packages in layers, and what is done at them: copy, put, take away. Each step can be repeated.

use crate::base::digest::Digest;
use crate::base::fs::{self, make_folders};
use crate::config::location::{Location, below};
use crate::input::door::Spot;
use crate::input::git::is_there;
use crate::input::source::{Candidate, JOURNAL_FOLDER};
use crate::openpgp::MOST_SIGNATURE_BYTES;
use crate::package::PackageKind;
use anyhow::{Context, Result, bail};
use rustix::fs::{CWD, FileType, RenameFlags};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A place in a layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Slot {
    /// The layer's folder, absolute.
    pub(super) root: PathBuf,
    /// The package below it.
    pub(super) package: PathBuf,
}

impl Slot {
    pub(super) fn path(&self) -> PathBuf {
        self.root.join(&self.package)
    }

    /// The path below the layer, for messages.
    pub(super) fn shown(&self) -> String {
        self.package.display().to_string()
    }

    /// Returns true if anything lies there.
    pub(super) fn is_taken(&self) -> bool {
        match Location::of(&below(&self.root, &self.shown())) {
            Some(place) => is_there(&place),
            None => fs::link_metadata(&self.path()).is_ok(),
        }
    }

    /// Puts what was prepared into place, its signature first: a signature alone is nothing. What it replaces changes places
    /// with it in one step, so that there is always one of the two.
    pub(super) fn put(&self, prepared: &Path, replaces: bool) -> Result<()> {
        let path = self.path();
        let parent = path.parent().unwrap_or(&self.root);
        make_folders(parent)?;
        let (from, to) = (signature(prepared), signature(&path));
        if from.exists() {
            fs::rename(&from, &to)?;
        } else if replaces {
            fs::remove_file_if_there(&to)?;
        }
        let flags = if replaces { RenameFlags::EXCHANGE } else { RenameFlags::NOREPLACE };
        let put = match rustix::fs::renameat_with(CWD, prepared, CWD, &path, flags) {
            // File systems without these flags; the place was free or is a file that a rename replaces.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !replaces || path.is_file() => {
                rustix::fs::rename(prepared, &path)
            }
            put => put,
        };
        put.with_context(|| format!("cannot rename {} to {}", prepared.display(), path.display()))?;
        self.flush_up(parent)
    }

    /// Puts a signature that was prepared beside the package.
    pub(super) fn put_signature(&self, prepared: &Path) -> Result<()> {
        fs::rename_for_good(prepared, &signature(&self.path()))
    }

    /// Returns true if the signature beside the package is the one with this digest.
    pub(super) fn has_signature(&self, digest: &str) -> Result<bool> {
        let text = Spot::named(&signature(&self.path())).read(MOST_SIGNATURE_BYTES);
        match text {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            text => Ok(text?.is_some_and(|text| Digest::of(&text).to_string() == digest)),
        }
    }

    /// Lets the disk have the names of a folder and of those above it, up to the layer's: they may be new.
    fn flush_up(&self, folder: &Path) -> Result<()> {
        folder.ancestors().take_while(|above| above.starts_with(&self.root)).try_for_each(fs::flush)
    }

    /// Takes the package and its signature out of sight, then deletes them.
    pub(super) fn take_away(&self) -> Result<()> {
        let leaving = self.root.join(JOURNAL_FOLDER).join("leaving");
        fs::remove_folder_if_there(&leaving)?;
        make_folders(&leaving)?;
        for (number, path) in [self.path(), signature(&self.path())].into_iter().enumerate() {
            fs::rename_if_there(&path, &leaving.join(number.to_string()))?;
        }
        // Before anything is deleted: a package is there as a whole or not at all.
        let path = self.path();
        path.parent().filter(|parent| parent.exists()).map_or(Ok(()), fs::flush)?;
        self.leave_no_empty_folder();
        fs::remove_folder_if_there(&leaving)
    }

    /// Removes the folder of the package's name if nothing is left in it; others are the layer's layout.
    pub(super) fn leave_no_empty_folder(&self) {
        if self.package.components().count() > 1
            && let Some(parent) = self.path().parent()
        {
            // That it is not empty is the usual case.
            let _ = fs::remove_empty_folder(parent);
        }
    }
}

/// The path of a package of this kind in a layer without a layout of its own.
pub(super) fn usual_place(name: &str, version: &str, kind: PackageKind) -> PathBuf {
    match kind {
        PackageKind::Folder => Path::new(name).join(version),
        PackageKind::Zip => format!("{name}-{version}.zip").into(),
    }
}

/// The signature beside a package.
pub(super) fn signature(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Copies a package and its signature, and lets the disk have them before it returns: what is removed elsewhere must not be
/// lost with the power. Links inside the package stay links; one that stands for a zip, and was followed when the layer was
/// read, becomes the zip.
pub(super) fn copy(candidate: &Candidate, to: &Path) -> Result<()> {
    copy_entry(&candidate.spot, to)?;
    if let Some(signed) = &candidate.signature {
        copy_file(signed, &signature(to))?;
    }
    Ok(())
}

fn copy_entry(from: &Spot, to: &Path) -> Result<()> {
    let path = from.path();
    let found = from.look().with_context(|| format!("cannot look at {}", path.display()))?;
    match found.kind {
        FileType::Symlink => return fs::symlink(fs::read_link(&path)?, to),
        FileType::RegularFile => return copy_file(from, to),
        FileType::Directory => {}
        _ => bail!("{} is neither a file nor a folder", path.display()),
    }
    make_folders(to)?;
    for entry in fs::list(&path)? {
        let name = entry.path.file_name().unwrap_or_default();
        copy_entry(&from.join(name), &to.join(name))?;
    }
    fs::flush(to)
}

fn copy_file(from: &Spot, to: &Path) -> Result<()> {
    let (file, stat) = from.open().with_context(|| format!("cannot read {}", from.path().display()))?;
    fs::copy_open(&file, stat.size, to)?;
    fs::flush(to)
}
