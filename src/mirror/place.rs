//! Puts a version into its place in the layer: the signature first, then the zip, each by a rename. A build that reads the
//! layer in between sees the version with its signature, or not at all. Nothing is ever overwritten.

use super::facts::Key;
use crate::base::fs;
use anyhow::{Context, Result, bail};
use rustix::fs::{CWD, RenameFlags};
use std::path::{Path, PathBuf};

/// Where a version lies below its layer's folder.
pub(super) fn usual((name, version): &Key) -> PathBuf {
    Path::new(name).join(format!("{name}-{version}.zip"))
}

/// The signature beside a zip.
pub(super) fn signature_of(zip: &Path) -> PathBuf {
    let mut name = zip.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// Puts files into place that lie on the same file system, and whose content is on the disk. The signature may lie there
/// already, from a run that was killed. The layer's folder and that of the place are for the caller to flush.
pub(super) fn put(root: &Path, zip: &Path, signature: Option<&Path>, place: &Path) -> Result<()> {
    let target = root.join(place);
    let folder = target.parent().context("a place has a folder")?;
    check_way(root, place)?;
    fs::make_folders(folder)?;
    let beside = signature_of(&target);
    for path in [&target, &beside] {
        if fs::link_metadata(path).is_ok_and(|found| !found.is_file()) {
            bail!("{} is in the way: it is no file\nhint: move it away", path.display());
        }
    }
    if fs::link_metadata(&target).is_ok() {
        bail!("{} is there already, and nothing is overwritten\nhint: move it away", target.display());
    }
    match signature {
        Some(signature) => fs::rename(signature, &beside)?,
        // Whatever lies there is no signature of this zip.
        None => fs::remove_file_if_there(&beside)?,
    }
    rename_to_free(zip, &target)
}

/// Puts a signature beside a zip that has none.
pub(super) fn put_signature(root: &Path, signature: &Path, place: &Path) -> Result<()> {
    check_way(root, place)?;
    let beside = signature_of(&root.join(place));
    rename_to_free(signature, &beside)
}

/// Fails if anything on the way from the layer's folder to a place is no folder; a link could lead out of the layer.
pub(super) fn check_way(root: &Path, place: &Path) -> Result<()> {
    let folders = place.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty());
    for folder in folders.map(|folder| root.join(folder)) {
        if fs::link_metadata(&folder).is_ok_and(|found| !found.is_dir()) {
            bail!("{} is in the way: it is no folder\nhint: move it away", folder.display());
        }
    }
    Ok(())
}

/// Renames to a name that is free; it may have been taken a moment ago.
fn rename_to_free(from: &Path, to: &Path) -> Result<()> {
    let renamed = match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // File systems without this flag; that the name was free was seen a moment ago.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if fs::link_metadata(to).is_err() => {
            rustix::fs::rename(from, to)
        }
        renamed => renamed,
    };
    renamed.with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::version::Version;

    /// Versions of one name come into place at the same time, also the first ones.
    #[test]
    fn many_come_into_one_folder_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["a", "b", "c", "d"] {
            std::thread::scope(|scope| {
                for version in 0..8 {
                    scope.spawn(move || {
                        let zip = root.join(format!("{name}{version}.new"));
                        std::fs::write(&zip, "zip").unwrap();
                        let version = Version::strict(&format!("1.{version}.0")).unwrap();
                        put(root, &zip, None, &usual(&(name.to_owned(), version))).unwrap();
                    });
                }
            });
            assert_eq!(std::fs::read_dir(root.join(name)).unwrap().count(), 8);
        }
    }

    #[test]
    fn nothing_is_overwritten_and_what_is_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let place = usual(&("a".to_owned(), Version::strict("1.0.0").unwrap()));
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let (zip, signature) = (write("new.zip", "zip"), write("new.sig", "sig"));
        put(root, &zip, Some(&signature), &place).unwrap();
        assert_eq!(std::fs::read(root.join("a/a-1.0.0.zip")).unwrap(), b"zip");
        assert_eq!(std::fs::read(root.join("a/a-1.0.0.zip.sig")).unwrap(), b"sig");
        let other = write("other.zip", "other");
        let error = put(root, &other, None, &place).unwrap_err().to_string();
        assert!(error.contains("is there already"), "{error}");
        assert_eq!(std::fs::read(root.join("a/a-1.0.0.zip.sig")).unwrap(), b"sig");
        // A folder, a file or a link where something else belongs.
        write("b", "a file");
        std::fs::create_dir_all(root.join("c/c-1.0.0.zip.sig")).unwrap();
        std::os::unix::fs::symlink("/nowhere", root.join("d")).unwrap();
        for name in ["b", "c", "d"] {
            let place = usual(&(name.to_owned(), Version::strict("1.0.0").unwrap()));
            let error = put(root, &other, None, &place).unwrap_err().to_string();
            assert!(error.contains("is in the way"), "{error}");
        }
        assert!(other.exists());
    }
}
