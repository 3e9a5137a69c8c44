//! `own-files.json`: the files of a generation or release beside its document root, with size and digest, and its links.
//!
//! ```json
//! { "schema": "epr-build/own-files/1", "links": { "site": "../../../store/trees/…" },
//!   "files": { "routes.json": { "size": 512, "sha256": "…" }, … } }
//! ```
//!
//! With it damage and loss of each of them are seen: by a look at name, size and time, or by reading. Every file has the
//! time that is made from its content, the list too. Knows nothing of what is in the files.

use crate::base::digest::Digest;
use crate::base::fs::{self, FILE_MODE, FOLDER_MODE, LINK_TIME, Scrutiny, has_time, set_time, write_dated};
use crate::generation::lost::Lost;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Name of the list.
pub const FILE: &str = "own-files.json";
/// Schema of the list.
const SCHEMA: &str = "epr-build/own-files/1";

/// The list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnFiles {
    schema: String,
    links: BTreeMap<String, String>,
    files: BTreeMap<String, OwnFile>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct OwnFile {
    size: u64,
    sha256: Digest,
}

impl OwnFiles {
    /// Reads everything in a folder.
    ///
    /// # Errors
    /// When something in it is no file, folder or link, or the disk fails.
    pub fn of(folder: &Path) -> Result<Self> {
        let mut own = Self { schema: SCHEMA.to_owned(), links: BTreeMap::new(), files: BTreeMap::new() };
        own.take_in(folder, "")?;
        own.files.remove(FILE);
        Ok(own)
    }

    fn take_in(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        for entry in fs::list(folder)? {
            let Some(name) = entry.name() else { bail!("{} is not text", entry.path.display()) };
            let path = format!("{prefix}{name}");
            if entry.kind.is_dir() {
                self.take_in(&entry.path, &format!("{path}/"))?;
            } else if entry.kind.is_symlink() {
                self.links.insert(path, fs::read_link(&entry.path)?.to_string_lossy().into_owned());
            } else {
                let (sha256, size) = fs::digest_of_file(&entry.path)?;
                self.files.insert(path, OwnFile { size, sha256 });
            }
        }
        Ok(())
    }

    /// Writes the list of a folder into it.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub fn write(folder: &Path) -> Result<()> {
        let text = serde_json::to_vec(&Self::of(folder)?).context("cannot write the list of files")?;
        write_dated(&folder.join(FILE), &text)
    }

    /// Returns true if a file in the folder has the content that the list says.
    pub fn has(&self, folder: &Path, path: &str) -> bool {
        let found = fs::digest_of_file(&folder.join(path)).ok();
        self.files.get(path).is_some_and(|file| found == Some((file.sha256, file.size)))
    }

    /// Reads the list in a folder; `None` if it is lost or damaged.
    pub fn read(folder: &Path) -> Option<Self> {
        let path = folder.join(FILE);
        let text = fs::read(&path).ok()?;
        let own: Self = serde_json::from_slice(&text).ok()?;
        (has_time(&fs::link_metadata(&path).ok()?, &Digest::of(&text)) && own.schema == SCHEMA).then_some(own)
    }
}

/// What is damaged or lost in a folder that has a list, what does not belong there, and which folders have wrong modes, one
/// line each. A folder that is lost with all that is in it is one line, too.
pub fn faults(folder: &Path, scrutiny: Scrutiny) -> Vec<String> {
    match OwnFiles::read(folder) {
        Some(own) => [own.damage(folder, scrutiny), own.strangers(folder), wrong_modes(folder)].concat(),
        None => vec![unlisted(folder)],
    }
}

/// What is damaged or lost in a folder that has a list, one line each. What does not belong there spoils nothing.
pub fn damage(folder: &Path, scrutiny: Scrutiny) -> Vec<String> {
    OwnFiles::read(folder).map_or_else(|| vec![unlisted(folder)], |own| own.damage(folder, scrutiny))
}

fn unlisted(folder: &Path) -> String {
    format!("{} is damaged or lost", folder.join(FILE).display())
}

impl OwnFiles {
    fn damage(&self, folder: &Path, scrutiny: Scrutiny) -> Vec<String> {
        let mut faults = Vec::new();
        for (path, target) in &self.links {
            let path = folder.join(path);
            if fs::read_link(&path).ok().is_none_or(|found| found.as_os_str() != target.as_str()) {
                faults.push(format!("{} does not lead to `{target}`", path.display()));
            }
        }
        let mut lost = Lost::below(folder);
        for (path, file) in &self.files {
            let path = folder.join(path);
            match fault(&path, file, scrutiny) {
                Some(fault) if !lost.took(&path) => faults.push(format!("{} {fault}", path.display())),
                _ => {}
            }
        }
        faults.extend(lost.lines());
        faults
    }

    fn strangers(&self, folder: &Path) -> Vec<String> {
        let mut found = BTreeSet::new();
        names(folder, "", &mut found);
        let is_listed = |path: &String| path == FILE || self.files.contains_key(path) || self.links.contains_key(path);
        let strangers = found.iter().filter(|path| !is_listed(path));
        strangers.map(|path| format!("{} does not belong there", folder.join(path).display())).collect()
    }
}

fn fault(path: &Path, file: &OwnFile, scrutiny: Scrutiny) -> Option<String> {
    let Ok(stat) = fs::link_metadata(path) else { return Some("is lost".to_owned()) };
    if !stat.is_file() {
        return Some("is damaged: it is no file".to_owned());
    }
    if stat.size() != file.size {
        return Some("is damaged: it has another size".to_owned());
    }
    if !has_time(&stat, &file.sha256) {
        return Some("is damaged: its content does not fit its time".to_owned());
    }
    let mode = stat.mode() & 0o7777;
    if mode != FILE_MODE.as_raw_mode() {
        return Some(format!("has the mode {mode:04o}, not {:04o}", FILE_MODE.as_raw_mode()));
    }
    let is_read = scrutiny == Scrutiny::Read;
    let is_other = is_read && fs::digest_of_file(path).ok().is_none_or(|(found, _)| found != file.sha256);
    is_other.then(|| "is damaged: it has another content".to_owned())
}

/// The folders of a folder, and itself, that not everybody may read.
fn wrong_modes(folder: &Path) -> Vec<String> {
    let stat = fs::link_metadata(folder).ok().filter(fs::Metadata::is_dir);
    let Some(mode) = stat.map(|stat| stat.mode() & 0o7777) else { return Vec::new() };
    let expected = FOLDER_MODE.as_raw_mode();
    let own = (mode != expected).then(|| format!("{} has the mode {mode:04o}, not {expected:04o}", folder.display()));
    let entries = fs::list(folder).unwrap_or_default();
    let inner = entries.iter().filter(|entry| entry.kind.is_dir()).flat_map(|entry| wrong_modes(&entry.path));
    own.into_iter().chain(inner).collect()
}

/// Files and links below a folder; what cannot be read is not there.
fn names(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
    for entry in fs::list(folder).unwrap_or_default() {
        let path = format!("{prefix}{}", entry.path.file_name().unwrap_or_default().to_string_lossy());
        if entry.kind.is_dir() {
            names(&entry.path, &format!("{path}/"), found);
        } else {
            found.insert(path);
        }
    }
}

/// Puts what differs in a folder into place, one rename each, from a good one beside it, which is removed.
///
/// # Errors
/// When the disk fails.
pub fn mend(good: &Path, place: &Path) -> Result<()> {
    let own = OwnFiles::of(good)?;
    fs::make_room(place, place)?;
    let mut there = BTreeSet::new();
    names(place, "", &mut there);
    let wanted: BTreeSet<&str> = own.files.keys().chain(own.links.keys()).map(String::as_str).chain([FILE]).collect();
    for stranger in there.iter().filter(|path| !wanted.contains(path.as_str())) {
        fs::remove_file_if_there(&place.join(stranger))?;
    }
    let (list, _) = fs::digest_of_file(&good.join(FILE))?;
    let list = OwnFile { size: fs::metadata(&good.join(FILE))?.size(), sha256: list };
    let files = own.files.iter().map(|(path, file)| (path.as_str(), *file)).chain([(FILE, list)]);
    let is_bad = |(path, file): &(&str, OwnFile)| fault(&place.join(path), file, Scrutiny::Read).is_some();
    let bad_files: Vec<&str> = files.filter(is_bad).map(|(path, _)| path).collect();
    let is_lost = |path: &str| fs::read_link(&place.join(path)).ok() != fs::read_link(&good.join(path)).ok();
    let bad_links = own.links.keys().map(String::as_str).filter(|path| is_lost(path));
    let bad: Vec<&str> = bad_files.into_iter().chain(bad_links).collect();
    for path in bad {
        let path = Path::new(path);
        let (from, to) = (good.join(path), place.join(path));
        to.parent().map_or(Ok(()), |folder| fs::make_room(place, folder))?;
        fs::take_place(&from, &to)?;
    }
    fs::remove_folder(good)?;
    fs::set_modes(place);
    let parents = wanted.iter().flat_map(|path| Path::new(path).ancestors().skip(1));
    let folders: BTreeSet<&Path> = parents.collect();
    // From the leaves up: making an entry moves the time of its folder.
    folders.iter().rev().try_for_each(|folder| set_time(&place.join(folder), LINK_TIME))?;
    fs::flush_all(place)
}
