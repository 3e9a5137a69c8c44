//! Folders of the store.

use super::Store;
use super::list::half;
use super::stock::{self, has_time};
use crate::base::digest::{Digest, Hasher};
use crate::base::fs::{FOLDER_MODE, LINK_TIME, remove_any, times};
use anyhow::{Context, Result};
use rayon::prelude::*;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::sync::PoisonError;

/// Folders within folders: a package has at most some thirty. A folder that leads to itself is none.
const MAX_DEPTH: usize = 64;

/// An entry of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeEntry {
    /// A file.
    Blob(Digest),
    /// A folder.
    Tree(Digest),
}

/// A folder to store: names (no slashes) in byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree(pub BTreeMap<String, TreeEntry>);

impl Tree {
    /// The digest of names, kinds and contents.
    pub fn digest(&self) -> Digest {
        Self::digest_of(self.0.iter().map(|(name, entry)| (name.as_str(), *entry)))
    }

    /// The digest of the tree that has these entries, in the order of their names.
    pub fn digest_of<'a>(entries: impl Iterator<Item = (&'a str, TreeEntry)>) -> Digest {
        let mut hasher = Hasher::default();
        hasher.text("tree");
        for (name, entry) in entries {
            let (kind, digest) = match entry {
                TreeEntry::Blob(digest) => (0, digest),
                TreeEntry::Tree(digest) => (1, digest),
            };
            hasher.text(name);
            hasher.number(kind);
            hasher.update(digest.bytes());
        }
        hasher.finish()
    }
}

/// A folder in the making, with its sub-folders.
#[derive(Clone, Debug, Default)]
pub struct Folder {
    entries: Tree,
    folders: BTreeMap<String, Folder>,
}

impl Folder {
    /// The sub-folder at a path, made where it is absent.
    pub fn folder(&mut self, path: &str) -> &mut Self {
        path.split('/').fold(self, |folder, name| folder.folders.entry(name.to_owned()).or_default())
    }

    /// Puts a stored thing at a path, making the folders above it.
    pub fn insert(&mut self, path: &str, entry: TreeEntry) {
        match path.rsplit_once('/') {
            Some((parent, name)) => self.folder(parent).entries.0.insert(name.to_owned(), entry),
            None => self.entries.0.insert(path.to_owned(), entry),
        };
    }

    /// The digest it would be stored under.
    pub fn digest(mut self) -> Digest {
        for (name, folder) in self.folders {
            self.entries.0.insert(name, TreeEntry::Tree(folder.digest()));
        }
        self.entries.digest()
    }

    /// Stores it from the leaves up.
    pub fn store(mut self, store: &Store) -> Result<Digest> {
        for (name, folder) in self.folders {
            self.entries.0.insert(name, TreeEntry::Tree(folder.store(store)?));
        }
        store.put_tree(&self.entries)
    }
}

/// A folder as it lies in the store.
struct FoundTree {
    stat: Stat,
    entries: Vec<(String, FoundEntry)>,
    /// True if a file is no blob any more, so that a look at the blobs does not see what becomes of it.
    has_strays: bool,
}

enum FoundEntry {
    File(Digest),
    /// The name of the folder that it leads to.
    Link(String),
}

impl FoundTree {
    fn has_time_of(&self, digest: &Digest) -> bool {
        self.stat.st_mtime == digest.modified()
    }

    /// Returns true if these are the entries of a folder, as far as their names tell.
    fn is(&self, tree: &Tree) -> bool {
        let is_same = |(name, found): &(String, FoundEntry)| match (tree.0.get(name), found) {
            (Some(TreeEntry::Blob(wanted)), FoundEntry::File(found)) => wanted == found,
            (Some(TreeEntry::Tree(wanted)), FoundEntry::Link(found)) => wanted.short(32) == *found,
            _ => false,
        };
        self.entries.len() == tree.0.len() && self.entries.iter().all(is_same)
    }
}

impl Store {
    /// Returns true if the folder is there, whole, with all below it.
    pub fn has_tree(&self, digest: &Digest) -> bool {
        self.whole_tree(&digest.short(32), 0) == Some(*digest)
    }

    /// Returns true if the tree of this name (half a digest in hexadecimal digits) is complete; see [`Store::has_tree`].
    pub(crate) fn has_whole_tree(&self, name: &str) -> bool {
        self.whole_tree(name, 0).is_some()
    }

    /// The digest of what a folder holds, if that is what its name says.
    fn whole_tree(&self, name: &str, depth: usize) -> Option<Digest> {
        let half = half(name).filter(|_| depth < MAX_DEPTH)?;
        // Nothing is locked while the folder is looked through: the folders below it have locks, too.
        if let Some(known) = self.trees.shard(&half).get(&half.half()) {
            return Some(*known);
        }
        let found = self.look_into(name).ok()??;
        let entries = found.entries.par_iter().map(|(name, entry)| {
            let entry = match entry {
                FoundEntry::File(digest) => TreeEntry::Blob(*digest),
                FoundEntry::Link(below) => TreeEntry::Tree(self.whole_tree(below, depth + 1)?),
            };
            Some((name.clone(), entry))
        });
        let digest = Tree(entries.collect::<Option<_>>()?).digest();
        let is_whole = digest.half() == half.half() && found.has_time_of(&digest);
        if is_whole {
            self.keep(&digest, &found);
            self.trees.shard(&digest).insert(digest.half(), digest);
        }
        is_whole.then_some(digest)
    }

    /// Notes a folder for the list, unless a look at the blobs does not see all of its files: then those above it could not
    /// be believed either, and none is listed.
    fn keep(&self, digest: &Digest, found: &FoundTree) {
        if found.has_strays {
            self.seen.give_up();
        } else {
            self.seen.insert(digest, &found.stat);
        }
    }

    /// Looks at every entry of a folder; `None` if one of them is nothing that was put there.
    fn look_into(&self, name: &str) -> rustix::io::Result<Option<FoundTree>> {
        let path = format!("trees/{}/{}", &name[..2], &name[2..]);
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut folder = Dir::new(rustix::fs::openat(&self.folder, &path, flags, Mode::empty())?)?;
        let mut found = FoundTree { stat: folder.stat()?, entries: Vec::new(), has_strays: false };
        while let Some(entry) = folder.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(text) = name.to_str().map(str::to_owned) else { return Ok(None) };
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    FileType::from_raw_mode(rustix::fs::statat(folder.fd()?, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
                }
                kind => kind,
            };
            let entry = if kind == FileType::Symlink {
                let target = rustix::fs::readlinkat(folder.fd()?, name, Vec::new())?.into_string().unwrap_or_default();
                let Some(below) = target.strip_prefix("../../").map(|rest| rest.replacen('/', "", 1)) else {
                    return Ok(None);
                };
                FoundEntry::Link(below)
            } else if let Some(digest) = self.stock.get().and_then(|stock| stock.at(entry.ino())) {
                FoundEntry::File(digest)
            } else {
                found.has_strays = true;
                let Some(digest) = self.stray(folder.fd()?, name)? else { return Ok(None) };
                FoundEntry::File(digest)
            };
            found.entries.push((text, entry));
        }
        Ok(Some(found))
    }

    /// The digest of a file that is no blob any more, which is read; `None` if it is damaged, or its blob is not there to
    /// take its place.
    fn stray(&self, folder: impl rustix::fd::AsFd + Copy, name: &std::ffi::CStr) -> rustix::io::Result<Option<Digest>> {
        let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mut strays = self.strays.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || stock::read(folder, name).ok().filter(|digest| has_time(&stat, digest));
        let found = *strays.entry(stat.st_ino as u64).or_insert_with(read);
        let is_there = |digest: &Digest| {
            self.blobs.shard(digest).contains_key(&digest.half())
                || self.stock.get().is_none_or(|stock| stock.blob(digest).is_some())
        };
        Ok(found.filter(is_there))
    }

    /// Stores a folder whose blobs and sub-folders are stored already.
    pub fn put_tree(&self, tree: &Tree) -> Result<Digest> {
        let digest = tree.digest();
        let mut known = self.trees.shard(&digest);
        if let Entry::Vacant(place) = known.entry(digest.half()) {
            let path = Self::tree_path(&digest);
            // Those below were stored before, and have locks of their own.
            match self.look_into(&digest.short(32)) {
                Ok(Some(found)) if found.is(tree) && found.has_time_of(&digest) && !found.has_strays => {
                    self.keep(&digest, &found);
                }
                _ => self
                    .make_tree(tree, &digest, &path)
                    .with_context(|| format!("cannot write {}", self.root.join(&path).display()))?,
            }
            place.insert(digest);
        }
        Ok(digest)
    }

    /// Makes the folder in its place; the right time, set last, says that it is whole.
    fn make_tree(&self, tree: &Tree, digest: &Digest, path: &str) -> Result<()> {
        match rustix::fs::mkdirat(&self.folder, path, FOLDER_MODE) {
            Err(Errno::EXIST) => {
                remove_any(&self.root.join(path))?;
                rustix::fs::mkdirat(&self.folder, path, FOLDER_MODE)?;
            }
            made => made?,
        }
        let folder = rustix::fs::openat(&self.folder, path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        for (name, entry) in &tree.0 {
            match entry {
                TreeEntry::Blob(blob) => {
                    self.link_into(blob, &folder, name.as_str()).with_context(|| format!("entry `{name}`"))?;
                }
                TreeEntry::Tree(child) => {
                    let target = format!("../../{}", &Self::tree_path(child)["trees/".len()..]);
                    rustix::fs::symlinkat(&target, &folder, name.as_str())
                        .with_context(|| format!("entry `{name}`"))?;
                    rustix::fs::utimensat(&folder, name.as_str(), &times(LINK_TIME), AtFlags::SYMLINK_NOFOLLOW)?;
                }
            }
        }
        rustix::fs::futimens(&folder, &times(digest.modified()))?;
        self.seen.insert(digest, &rustix::fs::fstat(&folder)?);
        Ok(())
    }
}
