//! Verifies what lies on disk: an output folder, or a bundle that is still to be taken in.
//!
//! Changes nothing, and needs no lock: what is verified is never written to. In an output folder everything has to be
//! what its name, its time and the generation's manifest say.

use super::listed;
use super::manifest::{BundleManifest, Folder};
use super::parts::Sealed;
use super::read::{Item, Reader};
use super::scan::tree_name;
use crate::base::digest::Digest;
use crate::base::fs::{self, FILE_MODE, FOLDER_MODE, Metadata, Scrutiny};
use crate::base::progress::Progress;
use crate::catalog::cache;
use crate::generation::distribution::Distribution;
use crate::generation::listed::{Listed, MANIFEST};
use crate::generation::lost::Lost;
use crate::generation::own_files;
use crate::store::{Store, Tree, TreeEntry};
use anyhow::Result;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Reads a bundle to its end; everything in it is compared with its digest.
///
/// # Errors
/// A [`super::Refusal`] when it is damaged; others when the disk fails.
pub fn bundle(sealed: &Sealed, progress: &Progress) -> Result<(BundleManifest, Digest)> {
    let mut reader = Reader::new(sealed)?;
    progress.begin("verifying the bundle", reader.manifest().contents.len() as u64);
    let mut text = Vec::new();
    reader.each(|manifest, item, stream| {
        progress.step();
        if let Item::File(index) = item
            && listed::is_whole(&manifest.files[index])
        {
            // A stream that ends too early is told by the reader.
            let _ = stream.read_to_end(&mut text);
        }
        Ok(())
    })?;
    let (manifest, digest) = reader.finish()?;
    if manifest.files.iter().any(listed::is_whole) {
        // What the base has is not at hand.
        let in_base = |_: &Folder, _: &str, _: &Digest| true;
        listed::check(&manifest, &text, &in_base).map_err(|refusal| refusal.at(sealed.name()))?;
    }
    Ok((manifest, digest))
}

/// The findings in an output folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Distributions and how many generations each has.
    pub generations: BTreeMap<String, usize>,
    /// Distinct contents that were read.
    pub contents: usize,
    /// Bytes of these contents.
    pub bytes: u64,
    /// Faults, each with its place.
    pub faults: Vec<String>,
}

/// Reads everything that the generations in an output folder need.
///
/// # Errors
/// When the folder cannot be read at all; what is wrong with single files is a finding.
pub fn folder(out: &Path, progress: &Progress) -> Result<Findings> {
    let store = Store::existing(&out.join("store"))?;
    let mut walk = Walk { store: &store, folders: BTreeMap::new(), files: BTreeMap::new(), faults: Vec::new() };
    let mut findings = Findings::default();
    let mut sites = Vec::new();
    for distribution in Distribution::all(out)? {
        let mut ids = distribution.generations()?;
        ids.sort();
        for id in &ids {
            let folder = distribution.generation(id);
            let site = walk.site(&folder);
            sites.push((folder, site));
        }
        if !ids.is_empty() {
            walk.faults.extend(distribution.record_faults());
        }
        walk.faults.extend(distribution.release_faults(Scrutiny::Read)?);
        findings.generations.insert(distribution.name(), ids.len());
    }
    walk.read_files(progress);
    walk.compare_with_blobs()?;
    walk.faults.extend(cache_faults(out)?);
    for (folder, site) in sites {
        walk.faults.extend(own_files::faults(&folder, Scrutiny::Read));
        if let Some(site) = site {
            walk.compare_with_manifest(&folder, &site);
        }
    }
    findings.contents = walk.files.len();
    findings.bytes = walk.files.values().map(|file| file.size).sum();
    walk.faults.sort();
    walk.faults.dedup();
    findings.faults = walk.faults;
    Ok(findings)
}

/// Reads everything that one generation needs, and returns what is damaged or lost.
///
/// # Errors
/// When the folder cannot be read at all.
pub fn generation(out: &Path, distribution: &Distribution, id: &str, progress: &Progress) -> Result<Vec<String>> {
    let store = Store::existing(&out.join("store"))?;
    let mut walk = Walk { store: &store, folders: BTreeMap::new(), files: BTreeMap::new(), faults: Vec::new() };
    let folder = distribution.generation(id);
    let site = walk.site(&folder);
    walk.read_files(progress);
    walk.faults.extend(own_files::damage(&folder, Scrutiny::Read));
    if let Some(site) = site {
        walk.compare_with_manifest(&folder, &site);
    }
    Ok(walk.faults)
}

/// What is damaged in the cache, which nothing that is served depends on.
fn cache_faults(out: &Path) -> Result<Vec<String>> {
    let damaged = cache::damaged(out, Scrutiny::Read)?.into_iter();
    Ok(damaged.map(|path| format!("{} is damaged, and is not believed", path.display())).collect())
}

/// A file of the store, each inode once.
#[derive(Clone, Debug)]
struct Seen {
    path: PathBuf,
    size: u64,
    modified: (i64, i64),
    /// Present once it was read.
    digest: Option<Digest>,
}

/// An entry of a folder.
#[derive(Clone, Debug)]
enum Entry {
    /// A file, by device and inode.
    File((u64, u64)),
    /// A folder, by its name in the store.
    Folder(String),
}

/// A folder of the store.
type Listing = BTreeMap<String, Entry>;

struct Walk<'a> {
    store: &'a Store,
    folders: BTreeMap<String, Listing>,
    files: BTreeMap<(u64, u64), Seen>,
    faults: Vec<String>,
}

impl Walk<'_> {
    /// Walks through a document root; returns the name of its folder.
    fn site(&mut self, generation: &Path) -> Option<String> {
        let link = generation.join("site");
        let Some(name) = fs::read_link(&link).ok().and_then(|target| tree_name(&target)) else {
            self.faults.push(format!("{} does not lead into the store", link.display()));
            return None;
        };
        let mut open = vec![name.clone()];
        while let Some(name) = open.pop() {
            if self.folders.contains_key(&name) {
                continue;
            }
            match self.list(&name) {
                Ok(listing) => {
                    let inner = listing.values().filter_map(|entry| match entry {
                        Entry::Folder(name) => Some(name.clone()),
                        Entry::File(_) => None,
                    });
                    open.extend(inner);
                    self.folders.insert(name, listing);
                }
                Err(error) => {
                    self.faults.push(format!("{error:#}"));
                    self.folders.insert(name, Listing::new());
                }
            }
        }
        Some(name)
    }

    fn place(&self, name: &str) -> PathBuf {
        self.store.root().join(format!("trees/{}/{}", &name[..2], &name[2..]))
    }

    fn list(&mut self, name: &str) -> Result<Listing> {
        let folder = self.place(name);
        let stat = fs::link_metadata(&folder)?;
        self.check_mode(&folder, &stat, FOLDER_MODE.as_raw_mode());
        let mut listing = Listing::new();
        for entry in fs::list(&folder)? {
            let name = entry.name().map(str::to_owned);
            let path = entry.path;
            let stat = fs::link_metadata(&path)?;
            let Some(name) = name else {
                self.faults.push(format!("{} has a name that is no text", path.display()));
                continue;
            };
            if stat.is_symlink() {
                match fs::read_link(&path).ok().and_then(|target| tree_name(&target)) {
                    Some(inner) => drop(listing.insert(name, Entry::Folder(inner))),
                    None => self.faults.push(format!("{} does not lead to a folder of the store", path.display())),
                }
            } else if stat.is_file() {
                let key = (stat.dev(), stat.ino());
                if !self.files.contains_key(&key) {
                    self.check_mode(&path, &stat, FILE_MODE.as_raw_mode());
                    let modified = (stat.mtime(), stat.mtime_nsec());
                    self.files.insert(key, Seen { path, size: stat.size(), modified, digest: None });
                }
                listing.insert(name, Entry::File(key));
            } else {
                self.faults.push(format!("{} is neither file nor folder", path.display()));
            }
        }
        Ok(listing)
    }

    fn check_mode(&mut self, path: &Path, stat: &Metadata, expected: u32) {
        let mode = stat.mode() & 0o7777;
        if mode != expected {
            self.faults.push(format!("{} has the mode {mode:04o}, not {expected:04o}", path.display()));
        }
    }

    /// Reads all files, then compares folders with their names: digests of folders are made of those of their files.
    fn read_files(&mut self, progress: &Progress) {
        progress.begin("verifying contents", self.files.len() as u64);
        let read = self.files.par_iter().map(|(key, seen)| {
            progress.step();
            (*key, fs::digest_of_file(&seen.path))
        });
        let read: Vec<_> = read.collect();
        for (key, read) in read {
            let Some(seen) = self.files.get_mut(&key) else { continue };
            match read {
                Ok((digest, _)) => seen.digest = Some(digest),
                Err(error) => self.faults.push(format!("{error:#}")),
            }
            if seen.digest.is_some_and(|digest| seen.modified != (digest.modified(), 0)) {
                self.faults.push(format!("{} is damaged: its content does not fit its time", seen.path.display()));
            }
        }
        let mut digests: BTreeMap<String, Option<Digest>> = BTreeMap::new();
        let names: Vec<_> = self.folders.keys().cloned().collect();
        for name in names {
            self.digest_of_folder(&name, &mut digests);
        }
    }

    /// The digest of a folder; what is not what its name says is a finding once, and nothing above it is.
    fn digest_of_folder(&mut self, name: &str, known: &mut BTreeMap<String, Option<Digest>>) -> Option<Digest> {
        if let Some(digest) = known.get(name) {
            return *digest;
        }
        // A folder that leads to itself has no digest.
        known.insert(name.to_owned(), None);
        let listing = self.folders.get(name)?.clone();
        let mut tree = Tree::default();
        for (entry, target) in listing {
            let target = match target {
                Entry::File(key) => TreeEntry::Blob(self.files.get(&key)?.digest?),
                Entry::Folder(inner) => TreeEntry::Tree(self.digest_of_folder(&inner, known)?),
            };
            tree.0.insert(entry, target);
        }
        let (digest, place) = (tree.digest(), self.place(name));
        if digest.short(32) != name {
            self.faults.push(format!("{} is damaged: it does not hold what its name says", place.display()));
            return None;
        }
        let is_timed = fs::metadata(&place).is_ok_and(|stat| stat.mtime() == digest.modified());
        if !is_timed {
            self.faults.push(format!("{} is damaged: it has not its time", place.display()));
        }
        known.insert(name.to_owned(), Some(digest));
        Some(digest)
    }

    /// Checks that each content is a blob too, and that every other blob that seems whole is.
    fn compare_with_blobs(&mut self) -> Result<()> {
        let mut lost: BTreeMap<Digest, PathBuf> = BTreeMap::new();
        for seen in self.files.values() {
            let good = seen.digest.filter(|digest| seen.modified == (digest.modified(), 0));
            lost.extend(good.map(|digest| (digest, self.store.root().join(Store::blob_path(&digest)))));
        }
        let mut others = Vec::new();
        let blobs = self.store.root().join("blobs");
        for shard in fs::list_if_there(&blobs)?.unwrap_or_default() {
            // One that is no folder has lost all that should be in it.
            for entry in fs::list(&shard.path).unwrap_or_default() {
                let name = format!("{}{}", shard.name().unwrap_or_default(), entry.name().unwrap_or_default());
                let (Ok(digest), Ok(stat)) = (name.parse::<Digest>(), fs::link_metadata(&entry.path)) else { continue };
                if !stat.is_file() {
                    self.faults.push(format!("{} is no file", entry.path.display()));
                    continue;
                }
                let known = self.files.get(&(stat.dev(), stat.ino()));
                // One without its time was being written when a run ended, and counts for nothing.
                let seems_whole = fs::has_time(&stat, &digest);
                if known.is_some_and(|known| known.digest == Some(digest)) {
                    lost.remove(&digest);
                } else if known.is_none() && seems_whole {
                    others.push((digest, entry.path));
                }
            }
        }
        let read = others.into_par_iter().map(|(digest, path)| {
            let is_good = fs::digest_of_file(&path).is_ok_and(|(found, _)| found == digest);
            (digest, path, is_good)
        });
        for (digest, path, is_good) in read.collect::<Vec<_>>() {
            if is_good {
                lost.remove(&digest);
            } else {
                self.faults.push(format!("{} is damaged: it does not hold what its name says", path.display()));
            }
        }
        let mut folders = Lost::below(&blobs);
        let single =
            lost.into_values().filter(|path| !folders.took(path)).map(|path| format!("{} is lost", path.display()));
        self.faults.extend(single);
        self.faults.extend(folders.lines());
        Ok(())
    }

    /// Every file that the manifest lists must be there with its digest.
    fn compare_with_manifest(&mut self, generation: &Path, site: &str) {
        let path = generation.join(MANIFEST);
        let listed = match Listed::of(generation) {
            Ok(listed) => listed,
            Err(what) => return self.faults.push(format!("{} {what}", path.display())),
        };
        let root = generation.join("site");
        let mut lost = Lost::below(&root);
        for (path, digest) in listed.files() {
            match self.look_up(site, &path) {
                Ok(found) if found == Some(digest) => {}
                Ok(_) => self.faults.push(format!("{} is not what the manifest lists", root.join(&path).display())),
                Err("") => lost.add(root.clone()),
                Err(folder) => lost.add(root.join(folder)),
            }
        }
        self.faults.extend(lost.lines());
    }

    /// The file at a path of a document root. An error is the folder above it that is not there.
    fn look_up<'p>(&self, site: &str, path: &'p str) -> Result<Option<Digest>, &'p str> {
        let mut listing = self.folders.get(site).filter(|listing| !listing.is_empty()).ok_or("")?;
        let ends = path.match_indices('/').map(|(end, _)| end);
        let mut begin = 0;
        for end in ends {
            let inner = match listing.get(&path[begin..end]) {
                Some(Entry::Folder(inner)) => self.folders.get(inner).filter(|inner| !inner.is_empty()),
                _ => None,
            };
            listing = inner.ok_or(&path[..end])?;
            begin = end + 1;
        }
        Ok(match listing.get(&path[begin..]) {
            Some(Entry::File(key)) => self.files.get(key).and_then(|seen| seen.digest),
            _ => None,
        })
    }
}
