//! What was unpacked of images in an output folder: of which paths, how large, and whether anybody wants it.

use super::{FOLDER, SOURCE};
use crate::base::fs;
use anyhow::Result;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What was unpacked of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnpackedImage {
    /// The path of the image; absent where it is not known any more.
    pub source: Option<PathBuf>,
    /// Bytes of all files.
    pub bytes: u64,
    place: PathBuf,
}

/// What was unpacked into an output folder, the paths in order.
///
/// # Errors
/// When the disk fails.
pub fn unpacked(out: &Path) -> Result<Vec<UnpackedImage>> {
    let home = out.join(FOLDER);
    if !fs::link_metadata(&home).is_ok_and(|found| found.is_dir()) {
        return Ok(Vec::new());
    }
    let mut images = Vec::new();
    for entry in fs::list(&home)? {
        let source = fs::read_if_there(&entry.path.join(SOURCE)).unwrap_or_default();
        let source = source.map(|path| PathBuf::from(OsStr::from_bytes(&path)));
        images.push(UnpackedImage { source, bytes: bytes_below(&entry.path)?, place: entry.path });
    }
    images.sort_by(|one, other| (&one.source, &one.place).cmp(&(&other.source, &other.place)));
    Ok(images)
}

/// Removes what was unpacked of all images but those at these paths, and returns it.
///
/// # Errors
/// When the disk fails.
pub fn forget(out: &Path, but: &[PathBuf]) -> Result<Vec<UnpackedImage>> {
    let named: BTreeSet<PathBuf> = but.iter().filter_map(|path| std::path::absolute(path).ok()).collect();
    let is_wanted = |image: &UnpackedImage| image.source.as_ref().is_some_and(|path| named.contains(path));
    let mut unwanted = unpacked(out)?;
    unwanted.retain(|image| !is_wanted(image));
    unwanted.iter().try_for_each(|image| fs::remove_any(&image.place))?;
    Ok(unwanted)
}

/// Bytes of all files below a folder; no link is followed.
fn bytes_below(path: &Path) -> Result<u64> {
    let found = fs::link_metadata(path)?;
    if !found.is_dir() {
        return Ok(found.len());
    }
    fs::list(path)?.iter().map(|entry| bytes_below(&entry.path)).sum()
}
