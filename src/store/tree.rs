//! Folders of the store.

use super::Store;
use crate::base::digest::{Digest, Hasher};
use crate::base::fs::{FOLDER_MODE, LINK_TIME, remove_folder, times};
use anyhow::{Context, Result};
use rayon::prelude::*;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::collections::BTreeMap;

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

impl Store {
    /// Returns true if the folder is there, whole, with all below it.
    pub fn has_tree(&self, digest: &Digest) -> bool {
        self.has_whole_tree(&digest.short(32))
    }

    /// Returns true if the tree of this name (half a digest in hexadecimal digits) is complete; see [`Store::has_tree`].
    pub(crate) fn has_whole_tree(&self, name: &str) -> bool {
        let Some(digest) = half(name) else { return false };
        let key = digest.half();
        // Nothing is locked while the folder is looked through: the folders below it have locks, too.
        if self.trees.shard_of(&key).contains(&key) {
            return true;
        }
        let whole = match self.look_into(name, &digest) {
            Ok(Some((stat, below))) if below.par_iter().all(|name| self.has_whole_tree(name)) => Some(stat),
            _ => None,
        };
        if let Some(stat) = &whole {
            self.seen.insert(&digest, stat);
            self.trees.shard_of(&key).insert(key);
        }
        whole.is_some()
    }

    /// Looks at every entry: what was written to since it was stored has lost its time. An entry that is one of the blobs on
    /// the listed blobs was looked at there. Of a folder that is whole so far it gives the names of those below it.
    fn look_into(&self, name: &str, digest: &Digest) -> rustix::io::Result<Option<(Stat, Vec<String>)>> {
        let path = format!("trees/{}/{}", &name[..2], &name[2..]);
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut folder = Dir::new(rustix::fs::openat(&self.folder, &path, flags, Mode::empty())?)?;
        let stat = folder.stat()?;
        if stat.st_mtime as i64 != digest.modified() {
            return Ok(None);
        }
        let mut below = Vec::new();
        while let Some(entry) = folder.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    FileType::from_raw_mode(rustix::fs::statat(folder.fd()?, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
                }
                kind => kind,
            };
            if kind == FileType::Symlink {
                let target = rustix::fs::readlinkat(folder.fd()?, name, Vec::new())?.into_string().unwrap_or_default();
                below.push(target.trim_start_matches("../").replace('/', ""));
                continue;
            }
            if self.listing.get().is_some_and(|listing| listing.has_inode(entry.ino())) {
                continue;
            }
            self.seen.give_up();
            let stat = rustix::fs::statat(folder.fd()?, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if !Digest::may_be_modified(stat.st_mtime as i64, stat.st_mtime_nsec as i64) {
                return Ok(None);
            }
        }
        Ok(Some((stat, below)))
    }

    /// Stores a folder whose blobs and sub-folders are stored already.
    pub fn put_tree(&self, tree: &Tree) -> Result<Digest> {
        let digest = tree.digest();
        let mut known = self.trees.shard(&digest);
        if !known.contains(&digest.half()) {
            let path = Self::tree_path(&digest);
            // Those below were stored before, and have locks of their own.
            match self.look_into(&digest.short(32), &digest) {
                Ok(Some((stat, _))) => self.seen.insert(&digest, &stat),
                _ => self
                    .make_tree(tree, &digest, &path)
                    .with_context(|| format!("cannot write {}", self.root.join(&path).display()))?,
            }
            known.insert(digest.half());
        }
        Ok(digest)
    }

    /// Makes the folder in its place; the right time, set last, says that it is whole.
    fn make_tree(&self, tree: &Tree, digest: &Digest, path: &str) -> Result<()> {
        match rustix::fs::mkdirat(&self.folder, path, FOLDER_MODE) {
            Err(Errno::EXIST) => {
                remove_folder(&self.root.join(path))?;
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

/// A digest of which only the first half is known, as far as a tree's name tells.
pub(super) fn half(name: &str) -> Option<Digest> {
    format!("{name}{}", "0".repeat(32)).parse().ok()
}
