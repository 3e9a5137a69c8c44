//! An image as an upstream of a layer: it is opened, known again by its digest, and asked.

use super::super::facts::Key;
use super::super::fetch::Partial;
use super::super::index::INDEX;
use super::super::listing::Refused;
use super::super::plan::id;
use super::super::stand_in::{Content, StandIn};
use super::super::transport::Transport;
use super::super::workshop::Workshop;
use super::answers::{self, quoted};
use super::bring::{Wanted, take};
use super::catalogue::Catalogue;
use super::read;
use crate::base::digest::Digest;
use crate::base::format::FORMAT;
use crate::base::fs::{self, TemporaryFolder};
use crate::base::progress::Progress;
use crate::config::limits::Limits;
use crate::input::image::{SavedImage, Seen};
use anyhow::{Context, Result, ensure};
use reqwest::Url;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The folder of catalogues, among the records of a layer.
const FOLDER: &str = "images";
/// The ending of their names.
const ENDING: &str = "jsonl.zst";
/// The ending of notes on which image a packed file is.
const SEEN: &str = "seen.json";

/// An image that is an upstream of a layer.
struct Saved {
    /// The file or folder that holds it.
    path: PathBuf,
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
    /// True once it was read for its catalogue, or for zips.
    was_read: AtomicBool,
}

/// Opens the images among the upstreams of a layer, and reads those that are not known. With `writes` they are remembered.
///
/// # Errors
/// When one is no image, holds several or is damaged, or this machine fails.
pub(in crate::mirror) fn open(
    transports: &mut [Transport],
    workshop: &Workshop,
    limits: &Limits,
    writes: bool,
    progress: &Progress,
) -> Result<()> {
    let folder = workshop.folder.join(FOLDER);
    let mut used = BTreeSet::new();
    let mut are_all_here = true;
    for transport in transports {
        let Some(path) = transport.upstream().image.clone() else { continue };
        if !path.exists() {
            transport.absent = Some(absence(&transport.name, &path));
            are_all_here = false;
            continue;
        }
        let context = || format!("cannot read the image {}", path.display());
        let saved = Saved::open(&transport.name, &path, &folder, *limits, writes, progress).with_context(context)?;
        used.insert(saved.file.clone());
        used.insert(saved.note());
        transport.stand_in = Some(Arc::new(saved));
    }
    if writes && are_all_here {
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

/// Why an image that is not there gives nothing, and what to do.
fn absence(name: &str, path: &Path) -> String {
    format!(
        "cannot read the image {}: there is no such file\n\
         hint: is the disk there on which it lies? If it may be gone, take `{name}` out of `from` of the layer; --offline asks nobody",
        path.display()
    )
}

/// Opens an image that is the upstream of no layer, and reads it. Nothing is remembered.
///
/// # Errors
/// Those of [`open`].
pub(in crate::mirror) fn open_alone(transport: &mut Transport, limits: &Limits, progress: &Progress) -> Result<()> {
    let Some(path) = transport.upstream().image.clone() else { return Ok(()) };
    let folder = TemporaryFolder::new()?;
    let context = || format!("cannot read the image {}", path.display());
    let saved = Saved::open(&transport.name, &path, folder.path(), *limits, false, progress).with_context(context)?;
    transport.stand_in = Some(Arc::new(saved));
    Ok(())
}

impl Saved {
    fn open(name: &str, path: &Path, folder: &Path, limits: Limits, writes: bool, progress: &Progress) -> Result<Self> {
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
            was_read: AtomicBool::new(false),
        };
        if !Catalogue::is_at(&saved.file, etag)? {
            saved.was_read.store(true, Ordering::Relaxed);
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

    fn given(&self, path: &str, known: Option<&str>) -> Result<Content> {
        // Of an image that is known as it is, not even what lies in it is looked at.
        let etag = quoted(&self.etag);
        if path == INDEX && known == Some(&etag) {
            return Ok(Content::Same(etag));
        }
        if path.is_empty() {
            let name = self.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Ok(Content::Text(answers::root(&name, &self.id)));
        }
        let catalogue = self.catalogue()?;
        if path == INDEX {
            return Ok(Content::Told(answers::index(&catalogue), etag));
        }
        if path == "search" {
            return Ok(Content::Text(answers::listing(&catalogue)));
        }
        if let Some((key, lying)) = answers::of_document(&catalogue, path) {
            return Ok(Content::Text(answers::document(key, lying)));
        }
        let Some((key, lying)) = answers::of_zip(&catalogue, path.trim_end_matches(".sig")) else {
            return Ok(Content::Absent);
        };
        if path.ends_with(".sig") {
            return Ok(lying.signature.clone().map_or(Content::Absent, Content::Text));
        }
        let etag = quoted(&lying.sha256);
        if known == Some(&etag) {
            return Ok(Content::Same(etag));
        }
        self.was_read.store(true, Ordering::Relaxed);
        let folder = TemporaryFolder::new()?;
        let target = folder.path().join("zip");
        let wanted = Wanted { key, lying, target: target.clone() };
        take(&*self.image()?, &self.limits, &[wanted], &Progress::new(true), &mut |_| Ok(()))?;
        Ok(Content::File(fs::open(&target)?, lying.size, etag))
    }

    /// What an earlier run brought counts.
    fn bring_wanted(&self, keys: &[Key], partial: &Path, progress: &Progress) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let catalogue = self.catalogue()?;
        let (mut wanted, mut partials) = (Vec::new(), BTreeMap::new());
        for (key, lying) in keys.iter().filter_map(|key| catalogue.versions.get_key_value(key)) {
            let place = Partial::new(partial, &format!("{}.zip", id(key)));
            let url = Url::parse(&format!("image://{0}/epr/{1}/{1}-{2}.zip", self.name, key.0, key.1))?;
            if !place.is_whole(&url)? {
                place.discard()?;
                wanted.push(Wanted { key, lying, target: place.content.clone() });
                partials.insert(place.content.clone(), (place, url));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        self.was_read.store(true, Ordering::Relaxed);
        take(&*self.image()?, &self.limits, &wanted, progress, &mut |wanted| match partials.get(&wanted.target) {
            Some((place, url)) => place.completed(url, wanted.lying.size, quoted(&wanted.lying.sha256)),
            None => Ok(()),
        })
    }

    /// A failure with the name of the image.
    fn named<T>(&self, result: Result<T>) -> Result<T> {
        result.with_context(|| format!("cannot read the image {}", self.path.display()))
    }
}

impl StandIn for Saved {
    fn path(&self) -> &Path {
        &self.path
    }

    fn answer(&self, path: &str, known: Option<&str>) -> Result<Content> {
        self.named(self.given(path, known))
    }

    fn was_read(&self) -> bool {
        self.was_read.load(Ordering::Relaxed)
    }

    fn refused(&self) -> Result<Vec<Refused>> {
        Ok(self.catalogue()?.refused.clone())
    }

    fn bring(&self, keys: &[Key], partial: &Path, progress: &Progress) -> Result<()> {
        self.named(self.bring_wanted(keys, partial, progress))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
