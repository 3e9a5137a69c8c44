//! Packages that lie in a container image: `docker save` wrote it, or another tool in the layout of OCI.
//!
//! No container engine is asked and nothing of the image is run. What may be a package is unpacked once, into a folder that
//! bears the digest of the image's configuration; from then on it is a folder of a layer like any other. The configuration
//! names the digest of each layer of the image, and only layers that have it count, so that a damaged image is told and not
//! built from.
//!
//! `outer` opens the file or folder, `layout` finds configuration and layers, `members` reads one layer, `pile` lays them
//! over each other, `unpack` writes what comes out of that into a folder, and `saved` is for who wants only some of it.
//! *Everything in an image is hostile: names, links, sizes, digests.*

mod layout;
mod members;
mod outer;
mod pile;
mod saved;
#[cfg(test)]
mod tests;
mod unpack;
mod unpacked;

pub use pile::{Sink, placed};
pub use saved::{SavedImage, Seen};
pub use unpack::IntoFolder;
pub use unpacked::{UnpackedImage, forget, unpacked};

use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::progress::Progress;
use crate::config::layer::LayerPlan;
use anyhow::{Context, Result, ensure};
use outer::Outer;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The folder of an output folder in which images are unpacked.
const FOLDER: &str = ".images";
/// The file that says of which path a folder of that one is.
const SOURCE: &str = "source";
/// The file that says which image a packed file is, so that it is not read from end to end to find out.
const SEEN: &str = "seen";

/// Returns true if a layer has a path that is an image.
pub fn is_among(layers: &[LayerPlan]) -> bool {
    layers.iter().flat_map(|layer| &layer.source.paths).any(|path| Outer::is_at(path))
}

/// Returns true if a path of a layer is an image.
pub fn is_image(path: &Path) -> bool {
    Outer::is_at(path)
}

/// The layers with the folder of its packages in the place of each image, and whether one was unpacked just now, which with
/// `anew` all are. What an earlier image at the same path left is forgotten, and what is left of paths where nothing is now.
///
/// # Errors
/// When one is no image, holds several, is damaged, or the disk fails.
pub fn laid_open(layers: &[LayerPlan], out: &Path, anew: bool, progress: &Progress) -> Result<(Vec<LayerPlan>, bool)> {
    let mut layers = layers.to_vec();
    let (home, mut is_fresh) = (out.join(FOLDER), false);
    if is_among(&layers) {
        fs::make_folders(&home)?;
        ensure!(!fs::link_metadata(&home)?.is_symlink(), "{} is a symbolic link", home.display());
    }
    for layer in &mut layers {
        for path in layer.source.paths.iter_mut().filter(|path| Outer::is_at(path)) {
            let context = format!("cannot read the image {}", path.display());
            let place = std::path::absolute(&*path)?;
            let own = home.join(Digest::of(place.as_os_str().as_encoded_bytes()).to_string());
            let (folder, unpacked) = lay_open(path, &own, anew, progress).context(context)?;
            fs::write_over(&own.join(SOURCE), place.as_os_str().as_encoded_bytes())?;
            *path = folder;
            is_fresh |= unpacked;
        }
        if !layer.rules.paths.is_empty() {
            layer.rules.paths.clone_from(&layer.source.paths);
        }
    }
    let is_there = fs::link_metadata(&home).is_ok_and(|found| found.is_dir());
    for entry in if is_there { fs::list(&home)? } else { Vec::new() } {
        let source = fs::read_if_there(&entry.path.join(SOURCE)).unwrap_or_default();
        if !source.is_some_and(|path| Path::new(OsStr::from_bytes(&path)).exists()) {
            fs::remove_any(&entry.path)?;
        }
    }
    Ok((layers, is_fresh))
}

/// Unpacks the packages of an image into a folder below `home`, unless they were unpacked before; returns that folder, and
/// whether it is new.
///
/// # Errors
/// When it is no image, holds several, is damaged, or the disk fails.
fn lay_open(path: &Path, home: &Path, anew: bool, progress: &Progress) -> Result<(PathBuf, bool)> {
    let seen = home.join(SEEN);
    let before = fs::read_if_there(&seen)?.and_then(|text| serde_json::from_slice::<Seen>(&text).ok());
    if let Some(id) = before.and_then(|before| before.id_of(path)).filter(|_| !anew) {
        let folder = home.join(id.to_string());
        if folder.is_dir() {
            return Ok((folder, false));
        }
    }
    let now = Seen::stat(path)?;
    let outer = Outer::open(path)?;
    let image = layout::read(&outer)?;
    let folder = home.join(image.id.to_string());
    if folder.is_dir() && !anew {
        note(&seen, now, image.id)?;
        return Ok((folder, false));
    }
    fs::make_folders(home)?;
    let fresh = home.join(format!(".{}-{}", image.id, std::process::id()));
    fs::remove_folder_if_there(&fresh)?;
    let unpacked = unpack::unpack(&outer, &image, &fresh, progress);
    let placed = unpacked.and_then(|count| {
        let hint = "the packages of an image lie below `/packages`, or it was made by `epr-build image`";
        ensure!(count > 0, "it holds no packages\nhint: {hint}");
        fs::flush_all(&fresh)?;
        if anew {
            fs::remove_folder_if_there(&folder)?;
        }
        // Another run may have been faster.
        if folder.is_dir() { fs::remove_folder(&fresh) } else { fs::rename_for_good(&fresh, &folder) }
    });
    placed.inspect_err(|_| drop(fs::remove_folder_if_there(&fresh)))?;
    note(&seen, now, image.id)?;
    // What is gone or was begun and not finished.
    let is_other = |path: &Path| path != folder && !path.ends_with(SOURCE) && !path.ends_with(SEEN);
    for entry in fs::list(home)?.into_iter().filter(|entry| is_other(&entry.path)) {
        fs::remove_any(&entry.path)?;
    }
    Ok((folder, true))
}

/// Notes which image a packed file is; of others that is quickly seen.
fn note(place: &Path, stat: Option<String>, id: Digest) -> Result<()> {
    match stat {
        Some(stat) => fs::write_over(place, &serde_json::to_vec(&Seen { stat, id })?),
        None => fs::remove_file_if_there(place),
    }
}
