//! Folders of the store.

use super::{FOLDER_MODE, LINK_TIME, Store, times};
use crate::digest::{Digest, Hasher};
use anyhow::{Context, Result};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::collections::BTreeMap;

/// What a name in a folder stands for.
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
        let mut hasher = Hasher::default();
        hasher.text("tree");
        for (name, entry) in &self.0 {
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
    /// Whether the folder is there, whole.
    pub fn has_tree(&self, digest: &Digest) -> bool {
        let mut known = self.trees.shard(digest);
        known.contains(&digest.half()) || {
            let whole = self.is_whole(&Self::tree_path(digest), digest, None);
            if whole {
                known.insert(digest.half());
            }
            whole
        }
    }

    /// Stores a folder whose blobs and sub-folders are stored already.
    pub fn put_tree(&self, tree: &Tree) -> Result<Digest> {
        let digest = tree.digest();
        let mut known = self.trees.shard(&digest);
        if !known.contains(&digest.half()) {
            let path = Self::tree_path(&digest);
            if !self.is_whole(&path, &digest, None) {
                self.make_tree(tree, &digest, &path)
                    .with_context(|| format!("cannot write {}", self.root.join(&path).display()))?;
            }
            known.insert(digest.half());
        }
        Ok(digest)
    }

    /// Makes the folder in its place; the right time, set last, says that it is whole.
    fn make_tree(&self, tree: &Tree, digest: &Digest, path: &str) -> Result<()> {
        if rustix::fs::mkdirat(&self.folder, path, FOLDER_MODE) == Err(Errno::EXIST) {
            std::fs::remove_dir_all(self.root.join(path))?;
            rustix::fs::mkdirat(&self.folder, path, FOLDER_MODE)?;
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
        Ok(())
    }
}
