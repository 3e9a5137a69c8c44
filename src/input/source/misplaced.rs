//! Folders that are meant to be packages and lie where none are searched: sources, which have no version in their path, and
//! version folders one level too high.
//!
//! A layer in which nothing else lies was pointed at the wrong folder. Looks at one field of manifests, see `strays`.

use super::disk::Listed;
use super::names::shown;
use super::strays::is_manifest;
use crate::base::words::first;
use crate::dialect::version::Version;
use crate::input::door::{self, Spot};
use crate::input::git::{Kind, Repository, TreeEntry};
use anyhow::bail;
use rustix::fs::{Dir, FileType};
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A folder with this file is meant to be a package.
pub(super) const MANIFEST: &[u8] = b"manifest.yml";
/// Most bytes of a manifest that are looked at.
const MANIFEST_BYTES: u64 = 1 << 16;
/// Most names that a message lists.
const MOST_NAMES: usize = 3;

/// Returns true if a folder has the manifest of a package. One that cannot be read counts as none.
pub(super) fn holds_package(folder: &Dir, names: &[Listed], spot: &Spot) -> bool {
    let look = || {
        let listed = names.iter().find(|listed| listed.name.to_bytes() == MANIFEST)?;
        let found = door::look(folder.fd().ok()?, &listed.name).ok()?;
        let is_file = found.kind == FileType::RegularFile;
        let file = is_file.then(|| spot.join(OsStr::from_bytes(MANIFEST)).open_found(&found.stat))?;
        let mut text = Vec::new();
        file.ok()?.take(MANIFEST_BYTES).read_to_end(&mut text).ok()?;
        Some(is_manifest(&text))
    };
    look().unwrap_or(false)
}

/// The same for a tree of a repository.
pub(super) fn tree_holds_package(repository: &Repository, entries: &[TreeEntry]) -> anyhow::Result<bool> {
    let Some(entry) = entries.iter().find(|entry| entry.name == MANIFEST && entry.kind == Kind::File) else {
        return Ok(false);
    };
    let size = repository.sizes(std::slice::from_ref(&entry.id))?.first().copied().unwrap_or_default();
    let mut text = Vec::new();
    repository.with_blob(&entry.id, size, |content| content.take(MANIFEST_BYTES).read_to_end(&mut text))?;
    Ok(is_manifest(&text))
}

/// The error for a layer path that holds packages, but only where none are searched.
pub(super) fn refuse_misplaced(path: &Path, misplaced: &[String]) -> anyhow::Result<()> {
    let shown_path = shown(path.as_os_str().as_bytes());
    let name = |text: &String| text.rsplit('/').next().is_some_and(|name| Version::strict(name).is_ok());
    if misplaced.iter().all(name) {
        bail!(
            "`{shown_path}` is the folder of one package, not of packages: it holds {}\nhint: name the folder above it; \
             version folders lie in a folder, as in `acme/1.0.0`",
            few(misplaced)
        );
    }
    let what = match misplaced {
        [root] if root.is_empty() => "is a package itself, not a folder of packages".to_owned(),
        _ => format!("holds sources of packages and no package: {}", few(misplaced)),
    };
    bail!(
        "`{shown_path}` {what}\nhint: build the sources first (`elastic-package build`) and name the folder with the zips; \
         the files of a package itself lie in `<name>/<version>`, as in `acme/1.0.0`"
    );
}

/// The first names of a list, and how many more there are.
pub(super) fn few(names: &[String]) -> String {
    first(&names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>(), MOST_NAMES)
}
