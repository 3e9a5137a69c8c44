//! Saved container images as upstreams: an image answers as a registry of our own does, with a listing, an index with digests,
//! zips and signatures, so that everything else of a run is the same. No container engine is asked.
//!
//! ```text
//! read ─► catalogue, kept in the layer by the image's digest ─► answers
//!                                                        └─► bring: what is wanted, out of the layers of the image
//! ```
//!
//! An image is read from end to end once. What lies in it is remembered under the digest of its configuration, which names
//! the digests of all its layers; a run with nothing new reads nothing but that digest. What is wanted is taken out in one
//! more go, and nothing else is unpacked. Version folders of older images become the zips that a build would make of them.

mod answers;
mod bring;
mod catalogue;
mod read;
#[cfg(test)]
mod tests;

use super::listing::Refused;
use super::plan::Fetch;
use super::transport::Transport;
use super::workshop::Workshop;
use crate::base::digest::Digest;
use crate::base::format::FORMAT;
use crate::base::fs;
use crate::base::progress::Progress;
use crate::config::limits::Limits;
use crate::input::image::{SavedImage, Seen};
use anyhow::{Context, Result, ensure};
use catalogue::Catalogue;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The folder of catalogues, among the records of a layer.
const FOLDER: &str = "images";
/// The ending of their names.
const ENDING: &str = "jsonl.zst";
/// The ending of notes on which image a packed file is.
const SEEN: &str = "seen.json";

/// An image that is an upstream of a layer.
pub(super) struct Saved {
    /// The file or folder that holds it.
    pub(super) path: PathBuf,
    /// Name of the upstream.
    name: String,
    /// Digest of the image's configuration.
    id: Digest,
    /// Digest of all that decides what the catalogue says.
    etag: Digest,
    limits: Limits,
    /// The image, once it was opened.
    image: Mutex<Option<Arc<SavedImage>>>,
    /// Where the catalogue lies, or shall lie.
    file: PathBuf,
    /// The catalogue, once it was read.
    catalogue: Mutex<Option<Arc<Catalogue>>>,
}

/// Opens the images among the upstreams of a layer, and reads those that are not known. With `writes` they are remembered.
///
/// # Errors
/// When one is no image, holds several or is damaged, or this machine fails.
pub(super) fn open(
    transports: &mut [Transport],
    workshop: &Workshop,
    limits: &Limits,
    writes: bool,
    progress: &Progress,
) -> Result<()> {
    let folder = workshop.folder.join(FOLDER);
    let mut used = BTreeSet::new();
    for transport in transports {
        let Some(path) = transport.upstream().image.clone() else { continue };
        let context = || format!("cannot read the image {}", path.display());
        let saved = Saved::open(&transport.name, &path, &folder, *limits, writes, progress).with_context(context)?;
        used.insert(saved.file.clone());
        used.insert(saved.note());
        transport.saved = Some(Arc::new(saved));
    }
    if writes {
        // What other images held that were here before.
        for entry in fs::list_if_there(&folder)?.unwrap_or_default() {
            if !used.contains(&entry.path) {
                fs::remove_any(&entry.path)?;
            }
        }
        let _ = fs::remove_empty_folder(&folder);
    }
    Ok(())
}

impl Saved {
    fn open(
        name: &str,
        path: &Path,
        folder: &Path,
        limits: Limits,
        writes: bool,
        progress: &Progress,
    ) -> Result<Self> {
        let hint = "hint: `image` of the upstream names the file; is the disk there on which it lies?";
        ensure!(path.exists(), "there is no such file\n{hint}");
        if let Ok(found) = fs::link_metadata(folder) {
            ensure!(found.is_dir(), "{} is in the way: it is no folder\nhint: move it away", folder.display());
        }
        let place = std::path::absolute(path).with_context(|| format!("cannot find {}", path.display()))?;
        let note = folder.join(format!("{}.{SEEN}", Digest::of(place.as_os_str().as_encoded_bytes())));
        let before = fs::read_if_there(&note).unwrap_or_default();
        let before = before.and_then(|text| serde_json::from_slice::<Seen>(&text).ok());
        let (mut id, mut image) = (before.and_then(|before| before.id_of(path)), None);
        let stat = if id.is_none() { Seen::stat(path)? } else { None };
        if id.is_none() {
            let opened = SavedImage::open(path)?;
            id = Some(opened.id());
            image = Some(Arc::new(opened));
        }
        let id = id.context("an image has a digest")?;
        let etag = Digest::of_value(&(id, &limits, FORMAT, env!("CARGO_PKG_VERSION")));
        let file = folder.join(format!("{id}.{ENDING}"));
        let saved = Self {
            path: path.to_owned(),
            name: name.to_owned(),
            id,
            etag,
            limits,
            image: Mutex::new(image),
            file,
            catalogue: Mutex::new(None),
        };
        if !Catalogue::is_at(&saved.file, etag)? {
            let image = saved.image()?;
            let catalogue = read::read(&image, &limits, progress)?;
            if writes {
                fs::make_folders(folder)?;
                catalogue.write(&saved.file, etag)?;
            }
            *lock(&saved.catalogue) = Some(Arc::new(catalogue));
        }
        if let Some(stat) = stat.filter(|_| writes) {
            fs::make_folders(folder)?;
            let text = serde_json::to_vec(&Seen { stat, id }).context("cannot write a note")?;
            fs::write_over_for_good(&note, &text)?;
        }
        Ok(saved)
    }

    /// The note on which image the file is, if it is packed as a whole.
    fn note(&self) -> PathBuf {
        let place = std::path::absolute(&self.path).unwrap_or_else(|_| self.path.clone());
        self.file.with_file_name(format!("{}.{SEEN}", Digest::of(place.as_os_str().as_encoded_bytes())))
    }

    /// The image. It is opened when it is needed.
    fn image(&self) -> Result<Arc<SavedImage>> {
        let mut image = lock(&self.image);
        if let Some(image) = &*image {
            return Ok(Arc::clone(image));
        }
        let opened = SavedImage::open(&self.path)?;
        ensure!(opened.id() == self.id, "{} was exchanged while it was read", self.path.display());
        Ok(Arc::clone(image.insert(Arc::new(opened))))
    }

    /// What lies in the image.
    fn catalogue(&self) -> Result<Arc<Catalogue>> {
        let mut catalogue = lock(&self.catalogue);
        if let Some(catalogue) = &*catalogue {
            return Ok(Arc::clone(catalogue));
        }
        Ok(Arc::clone(catalogue.insert(Arc::new(Catalogue::read(&self.file, self.etag)?))))
    }

    /// What lies in the image and is no version that anybody could be given.
    ///
    /// # Errors
    /// When this machine fails.
    pub(super) fn refused(&self) -> Result<Vec<Refused>> {
        Ok(self.catalogue()?.refused.clone())
    }

    /// Takes what is planned out of the image, into the files of unfinished downloads, which are then finished.
    ///
    /// # Errors
    /// When the image is damaged, or this machine fails.
    pub(super) fn bring(&self, fetches: &[Fetch], partial: &Path, progress: &Progress) -> Result<()> {
        let brought = bring::bring(self, fetches, partial, progress);
        brought.with_context(|| format!("cannot read the image {}", self.path.display()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
