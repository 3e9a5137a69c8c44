//! Folders of the document root, stored as soon as they are complete.
//!
//! The paths of one folder come together, so that only the folders on the way to the last path are in memory. Knows
//! nothing of the content.

use crate::base::digest::Digest;
use crate::store::{Store, Tree, TreeEntry};
use anyhow::Result;

/// A tree of folders on its way into the store.
pub(super) struct Folders<'a> {
    store: &'a Store,
    root: Tree,
    /// The folders that lead to the last path, each in the one before.
    open: Vec<(String, Tree)>,
}

impl<'a> Folders<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Self { store, root: Tree::default(), open: Vec::new() }
    }

    /// Puts a stored thing at a path (with a leading slash). A folder that was left must not be entered again.
    pub(super) fn insert(&mut self, path: &str, entry: TreeEntry) -> Result<()> {
        let (folder, name) = path.rsplit_once('/').unwrap_or_default();
        let names = || folder.split('/').filter(|name| !name.is_empty());
        let common = self.open.iter().zip(names()).take_while(|((own, _), name)| own == name).count();
        self.close(common)?;
        self.open.extend(names().skip(common).map(|name| (name.to_owned(), Tree::default())));
        self.place(name.to_owned(), entry);
        Ok(())
    }

    /// The digest of the root, when everything is there.
    pub(super) fn finish(mut self) -> Result<Digest> {
        self.close(0)?;
        self.store.put_tree(&self.root)
    }

    /// Stores the folders below this level.
    fn close(&mut self, level: usize) -> Result<()> {
        while self.open.len() > level {
            let Some((name, tree)) = self.open.pop() else { break };
            let digest = self.store.put_tree(&tree)?;
            self.place(name, TreeEntry::Tree(digest));
        }
        Ok(())
    }

    fn place(&mut self, name: String, entry: TreeEntry) {
        let folder = self.open.last_mut().map_or(&mut self.root, |(_, tree)| tree);
        let earlier = folder.0.insert(name, entry);
        assert!(earlier.is_none(), "every path of a site is its own, and paths come in order");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Folder;

    #[test]
    fn folders_are_the_same_in_parts_as_at_once() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(&home.path().join("store")).unwrap();
        let paths = ["/a/b/1", "/a/b/2", "/a/b-c", "/a/c/d/e", "/a/c/f", "/b", "/c/1"];
        let (mut folders, mut plain) = (Folders::new(&store), Folder::default());
        for path in paths {
            let entry = TreeEntry::Blob(store.put(path.as_bytes()).unwrap());
            folders.insert(path, entry).unwrap();
            plain.insert(&path[1..], entry);
        }
        let digest = folders.finish().unwrap();
        assert_eq!(digest, plain.digest());
        assert!(store.has_tree(&digest));
    }
}
