//! The names in a package at its last walk, so that the next scan need not open and list folders.
//!
//! A folder holds the same names as long as its times are the same. So looking at each known name, the folders and the
//! root included, finds every change. The caller must compare the states; an inventory does not hold them. A package with
//! links has no inventory, because the target of a link may change unseen.

use super::{Candidate, OpenPackage};
use crate::input::door::{self, FileStat};
use crate::package::{EntryKind, PackageFiles, PackageKind};
use rustix::fs::FileType;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::sync::Arc;

/// Paths and kinds of all that lies in one package, in its order.
///
/// Each entry is the number of bytes that its path has in common with the one before, `:`, the rest of the path, and a
/// slash if it is a folder; a tab ends it. No path of a package holds control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inventory(Arc<str>);

impl Inventory {
    /// The inventory of an open package; `None` if it has links, or lies in a repository.
    pub fn of(files: &OpenPackage) -> Option<Self> {
        match files {
            OpenPackage::Folder(folder) if folder.has_links() => return None,
            OpenPackage::Tree(_) => return None,
            _ => {}
        }
        let (mut text, mut before) = (String::new(), "");
        for entry in files.entries() {
            let path = entry.path.as_str();
            let mut common = before.bytes().zip(path.bytes()).take_while(|(a, b)| a == b).count();
            while !path.is_char_boundary(common) {
                common -= 1;
            }
            let slash = if entry.kind == EntryKind::Folder { "/" } else { "" };
            write!(text, "{common}:{}{slash}\t", &path[common..]).expect("a string takes everything");
            before = path;
        }
        Some(Self(text.into()))
    }

    /// Calls `take` with path and kind of each entry. `None` when the text is no inventory, or `take` gives up.
    fn each(&self, mut take: impl FnMut(&str, EntryKind) -> Option<()>) -> Option<()> {
        let mut path = String::new();
        for token in self.0.split_terminator('\t') {
            let (common, rest) = token.split_once(':')?;
            let common = common.parse().ok().filter(|common| path.is_char_boundary(*common))?;
            path.truncate(common);
            let (rest, kind) = match rest.strip_suffix('/') {
                Some(rest) => (rest, EntryKind::Folder),
                None => (rest, EntryKind::File),
            };
            path.push_str(rest);
            take(&path, kind)?;
        }
        Some(())
    }

    /// Looks at everything again, without opening or listing: `take` gets each entry with its state, and with an empty path
    /// the folder or zip itself. `None` when anything is not there or of another kind.
    pub fn look(&self, candidate: &Candidate, mut take: impl FnMut(&str, EntryKind, Option<&FileStat>)) -> Option<()> {
        if candidate.kind == PackageKind::Zip {
            let found = candidate.spot.look().ok()?;
            take("", EntryKind::File, Some(&found.stat));
            return self.each(|path, kind| {
                take(path, kind, None);
                Some(())
            });
        }
        let root = candidate.spot.open_folder().ok()?;
        let root = root.fd().ok()?;
        take("", EntryKind::Folder, Some(&door::look_at(root).ok()?.stat));
        self.each(|path, kind| {
            let found = door::look(root, path).ok()?;
            let expected = match kind {
                EntryKind::File => FileType::RegularFile,
                EntryKind::Folder => FileType::Directory,
            };
            (found.kind == expected).then(|| take(path, kind, Some(&found.stat)))
        })
    }
}

/// Calls `take` as [`Inventory::look`] does, with what is known of an open package.
pub fn each_of(files: &OpenPackage, mut take: impl FnMut(&str, EntryKind, Option<&FileStat>)) {
    match files {
        OpenPackage::Zip(zip) => {
            take("", EntryKind::File, Some(zip.stat()));
            zip.entries().iter().for_each(|entry| take(&entry.path, entry.kind, None));
        }
        OpenPackage::Folder(folder) => {
            take("", EntryKind::Folder, Some(folder.root()));
            let entries = folder.entries().iter().zip(folder.stats());
            entries.for_each(|(entry, stat)| take(&entry.path, entry.kind, Some(stat)));
        }
        OpenPackage::Tree(tree) => tree.entries().iter().for_each(|entry| take(&entry.path, entry.kind, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::limits::Limits;
    use std::fs;
    use std::path::Path;

    fn candidate(path: &Path) -> Candidate {
        Candidate {
            layer: "layer".to_owned(),
            package: "a/1.0.0".to_owned(),
            path: path.to_owned(),
            spot: crate::input::door::Spot::named(path),
            kind: PackageKind::Folder,
            folder_version: Some("1.0.0".to_owned()),
            signature: None,
            has_linked_signature: false,
            order: super::super::WalkOrder::new(PackageKind::Folder, 0),
            origin: None,
        }
    }

    type Seen = Vec<(String, bool, Option<FileStat>)>;

    fn seen(inventory: &Inventory, candidate: &Candidate) -> Option<Seen> {
        let mut seen = Vec::new();
        inventory.look(candidate, |path, kind, stat| {
            seen.push((path.to_owned(), kind == EntryKind::Folder, stat.copied()));
        })?;
        Some(seen)
    }

    /// A second look by name sees what the walk saw, and every change of names or content.
    #[test]
    fn a_second_look_sees_what_a_walk_sees() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for path in ["docs/README.md", "docs/é/x.md", "docs/è.md", "manifest.yml", "empty"] {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), path).unwrap();
        }
        let candidate = candidate(root);
        let walk = || {
            let files = OpenPackage::open(&candidate, &Limits::default()).unwrap();
            let mut seen: Seen = Vec::new();
            each_of(&files, |path, kind, stat| {
                seen.push((path.to_owned(), kind == EntryKind::Folder, stat.copied()));
            });
            (Inventory::of(&files), seen)
        };
        let (inventory, before) = walk();
        let inventory = inventory.unwrap();
        assert_eq!(before.len(), 8);
        assert_eq!(seen(&inventory, &candidate).unwrap(), before);
        let changes: [&dyn Fn(); 5] = [
            &|| fs::write(root.join("empty"), "no longer").unwrap(),
            &|| fs::write(root.join("new"), "").unwrap(),
            &|| fs::create_dir(root.join("docs/é/new")).unwrap(),
            &|| fs::remove_file(root.join("docs/é/x.md")).unwrap(),
            &|| {
                fs::remove_file(root.join("manifest.yml")).unwrap();
                fs::create_dir(root.join("manifest.yml")).unwrap();
            },
        ];
        for (number, change) in changes.iter().enumerate() {
            let (inventory, before) = walk();
            std::thread::sleep(std::time::Duration::from_millis(20));
            change();
            assert_ne!(seen(&inventory.unwrap(), &candidate), Some(before), "change {number}");
        }
        std::os::unix::fs::symlink("empty", root.join("link")).unwrap();
        assert_eq!(walk().0, None, "what a link points to may change unseen");
    }

    /// A text that is no inventory is as good as none.
    #[test]
    fn damaged_texts() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("é"), "").unwrap();
        for text in ["x", "0", ":é\t", "9:é\t", "0:é\t1:x\t", "-1:é\t"] {
            assert_eq!(seen(&Inventory(text.into()), &candidate(folder.path())), None, "{text}");
        }
        assert_eq!(seen(&Inventory("0:é\t".into()), &candidate(folder.path())).unwrap().len(), 2);
    }
}
