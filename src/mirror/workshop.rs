//! The layer that is mirrored into: where it lies, what it holds, its lock, and what a killed run left.

use super::facts::{self, Key};
use super::holdings::{HeldZip, Holdings};
use super::place;
use super::record::{self, Entry, Journal, Record, State};
use super::unwanted;
use crate::base::digest::Digest;
use crate::base::fs::{self, Lock};
use crate::config::layer::{LayerPlan, LayerSource};
use crate::config::location::is_git;
use crate::edit::end_taking_out;
use crate::edit::journal::{self as log, Action, LayerChange};
use crate::input::carried;
use crate::input::changes;
use crate::input::door::{FileStat, Spot};
use crate::input::source;
use crate::package::PackageKind;
use anyhow::{Context, Result, bail};
use rustix::fs::FileType;
use std::path::{Path, PathBuf};

/// A layer that is mirrored into.
pub(super) struct Workshop {
    /// Name of the layer.
    pub(super) layer: String,
    /// Its folder.
    pub(super) root: PathBuf,
    /// The folder of its records.
    pub(super) folder: PathBuf,
    source: LayerSource,
    lock: Option<Lock>,
}

impl Workshop {
    /// Finds the layer's folder, and with `writes` makes and locks it.
    pub(super) fn open(plan: &LayerPlan, writes: bool) -> Result<Self> {
        let layer = plan.source.name.clone();
        let is_folder = |path: &&PathBuf| !is_git(path) && (path.is_dir() || !path.exists());
        let Some(root) = plan.source.paths.iter().find(is_folder) else {
            bail!("layer `{layer}` has no folder to mirror into\nhint: give it a folder as the first of its `paths`");
        };
        if writes {
            fs::make_folders(root)?;
        }
        let root = if root.exists() { fs::canonical(root)? } else { root.clone() };
        let mut source = plan.source.clone();
        source.paths.retain(|path| is_git(path) || path.exists());
        for path in source.paths.iter_mut().filter(|path| !is_git(path)) {
            *path = fs::canonical(path)?;
        }
        let home = log::Journal::of(&root);
        let folder = home.path().to_owned();
        let mut lock = None;
        if writes {
            home.make()?;
            lock = Some(Lock::take_as(&folder, "command", &root)?);
            end_taking_out(&root)?;
            if home.has_pending() {
                bail!(
                    "a command that changed layer `{layer}` was interrupted\n\
                     hint: run it again, or any other of add, promote and remove; it finishes or undoes what was begun"
                );
            }
        }
        let workshop = Self { layer, root, folder, source, lock };
        workshop.check_own_files()?;
        Ok(workshop)
    }

    /// Fails if what runs write and read beside the layer is of another kind: whoever may write into the layer must neither
    /// lead this user's writing elsewhere nor let a run wait for ever.
    fn check_own_files(&self) -> Result<()> {
        for folder in [self.partial(), self.changed()] {
            match fs::link_metadata(&folder) {
                Ok(found) if !found.is_dir() => {
                    bail!("{} is in the way: it is no folder\nhint: move it away", folder.display())
                }
                Ok(_) => fs::list(&folder)?.iter().try_for_each(|entry| check_file(&entry.path))?,
                Err(_) => {}
            }
        }
        own_files().try_for_each(|name| check_file(&self.folder.join(name)))
    }

    /// The folder of unfinished downloads.
    pub(super) fn partial(&self) -> PathBuf {
        self.folder.join("partial")
    }

    /// The folder of what upstreams give now for versions that are held with other bytes.
    pub(super) fn changed(&self) -> PathBuf {
        self.folder.join("changed")
    }

    /// What the layer holds.
    pub(super) fn holdings(&self) -> Result<Holdings> {
        let mut holdings = Holdings::default();
        if self.source.paths.is_empty() {
            return Ok(holdings);
        }
        let (candidates, _) = source::discover(&self.source)?;
        for candidate in candidates {
            let name = candidate.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match candidate.kind {
                PackageKind::Folder => {
                    let parent = candidate.path.parent().and_then(Path::file_name).unwrap_or_default();
                    let id = format!("{}-{name}", parent.to_string_lossy());
                    holdings.folders.insert(id.clone());
                    holdings.folder_candidates.entry(id).or_insert(candidate);
                }
                PackageKind::Zip => {
                    let Some(stem) = name.strip_suffix(".zip") else { continue };
                    // Zips in other folders of the layer count, though they are not of the mirror's making.
                    let path = candidate.path.strip_prefix(&self.root).unwrap_or(&candidate.path).to_owned();
                    let file = regular(&candidate.spot);
                    let held = HeldZip {
                        path,
                        size: file.map(|file| file.size),
                        is_signed: candidate.signature.is_some(),
                        state: file.map(|file| state(&file, candidate.signature.as_ref().and_then(regular).as_ref())),
                        exchanged: None,
                    };
                    holdings.zips.entry(stem.to_owned()).or_insert(held);
                }
            }
        }
        holdings.taken_out = changes::taken_out(&self.source)?;
        holdings.pruned = changes::pruned(&self.source);
        let lies = |id: &String| holdings.zips.contains_key(id) || holdings.folders.contains(id);
        holdings.removed = changes::removed(&self.source).into_iter().filter(|id| !lies(id)).collect();
        Ok(holdings)
    }

    /// Reads the record, and takes up what a killed run left: what came into place is recorded, and signatures whose zips did
    /// not are removed.
    pub(super) fn recover(&self) -> Result<Record> {
        let mut record = Record::read(&self.folder)?;
        let left = Journal::of(&self.folder).left()?;
        if self.lock.is_none() || left.is_empty() {
            return Ok(record);
        }
        let mut placed = Vec::new();
        for (key, entry) in left {
            if entry.state == State::Refused {
                record.versions.insert(key, entry);
                continue;
            }
            let place = entry.path.clone().unwrap_or_else(|| place::usual(&key));
            place::check_way(&self.root, &place)?;
            let zip = self.root.join(place);
            if is_there(&zip, entry.sha256)? {
                let signature = place::signature_of(&zip);
                if entry.signature_sha256.is_none() || is_there(&signature, entry.signature_sha256)? {
                    placed.push(self.change(&key, &entry));
                    record.versions.insert(key, entry);
                }
            } else if fs::link_metadata(&zip).is_err() && entry.signature_sha256.is_some() {
                let signature = place::signature_of(&zip);
                if is_there(&signature, entry.signature_sha256)? {
                    fs::remove_file_if_there(&signature)?;
                }
            }
        }
        // What is to be found out is not known yet, and a run that was killed has not ended well.
        record.head.settled = false;
        self.log(&placed)?;
        record.write(&self.folder)?;
        Ok(record)
    }

    /// A line of the layer's log.
    pub(super) fn change(&self, key: &Key, entry: &Entry) -> LayerChange {
        LayerChange {
            time: entry.first_seen.clone(),
            action: Action::Mirrored,
            package: key.0.clone(),
            version: key.1.to_string(),
            from: None,
            to: Some(self.layer.clone()),
            content: entry.sha256.map(|digest| digest.to_string()).unwrap_or_default(),
            signature: entry.signature_sha256.map(|digest| digest.to_string()),
            allowed: Vec::new(),
            reason: entry.upstream.as_ref().map(|upstream| format!("from upstream {upstream}")),
        }
    }

    /// Writes lines into the layer's log.
    pub(super) fn log(&self, changes: &[LayerChange]) -> Result<()> {
        log::Journal::of(&self.root).log_all(changes)
    }

    /// The state of the files of a version that lies where the record says; nothing if it does not.
    pub(super) fn state_of(&self, key: &Key, entry: &Entry) -> Option<Digest> {
        let zip = Spot::new(&self.root, entry.path.clone().unwrap_or_else(|| place::usual(key)));
        Some(state(&regular(&zip)?, regular(&zip.signature()).as_ref()))
    }

    /// Returns true if this run may change the layer.
    pub(super) fn writes(&self) -> bool {
        self.lock.is_some()
    }
}

/// The state of a regular file.
fn regular(spot: &Spot) -> Option<FileStat> {
    spot.look().ok().filter(|found| found.kind == FileType::RegularFile).map(|found| found.stat)
}

/// Digest of the states of a zip and its signature. The number of a device may change when a machine starts anew.
fn state(zip: &FileStat, signature: Option<&FileStat>) -> Digest {
    let one = |stat: &FileStat| (stat.size, stat.modified_ns, stat.changed_ns, stat.inode);
    Digest::of_value(&(one(zip), signature.map(one)))
}

/// What is known of the files of versions on this disk.
pub(super) const FINGERPRINTS: &str = "fingerprints";
/// That another content of a version is about to take the place of the one that is held.
pub(super) const ACCEPTING: &str = "accepting.json";

/// Names of the files that runs keep in the folder of records.
fn own_files() -> impl Iterator<Item = &'static str> {
    [record::RECORD, record::JOURNAL, facts::FILE, unwanted::FILE, carried::FILE, FINGERPRINTS, ACCEPTING].into_iter()
}

fn check_file(path: &Path) -> Result<()> {
    match fs::link_metadata(path) {
        Ok(found) if !found.is_file() => bail!("{} is no regular file\nhint: move it away", path.display()),
        _ => Ok(()),
    }
}

/// Returns true if a file has this content.
fn is_there(path: &Path, digest: Option<Digest>) -> Result<bool> {
    if !fs::link_metadata(path).is_ok_and(|found| found.is_file()) {
        return Ok(false);
    }
    let (found, _) = fs::digest_of_file(path).with_context(|| "what a killed run left".to_owned())?;
    Ok(digest == Some(found))
}
