//! Which file of a generation goes into which layer.

use super::options::{HOME, PROGRAM};
use crate::base::digest::Digest;
use crate::base::fs::{self, LINK_TIME};
use crate::carry::program::Program;
use crate::generation::distribution::Distribution;
use crate::hosts::HOSTING;
use crate::site::facts;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Layers that packages are spread over by name: few enough for engines, which stop at some 120 layers, and so many that
/// a changed package moves little besides itself.
const SHELVES: u8 = 64;

/// Files that name the user and its group.
const ACCOUNTS: [(&str, &str); 2] = [
    ("etc/passwd", "root:x:0:0:root:/:/sbin/nologin\nepr:x:65532:65532:epr:/:/sbin/nologin\n"),
    ("etc/group", "root:x:0:\nepr:x:65532:\n"),
];

/// Something in a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A folder.
    Folder {
        /// Seconds since 1970.
        time: u64,
    },
    /// A file, copied.
    File {
        /// Path on this machine.
        source: PathBuf,
        /// Bytes.
        size: u64,
        /// Permission bits.
        mode: u32,
        /// Seconds since 1970.
        time: u64,
    },
    /// A file with this text.
    Text(&'static str),
    /// Another name of a file of this layer that sorts before it.
    Same(String),
    /// A symbolic link.
    Link {
        /// Target of the link.
        target: String,
        /// Seconds since 1970.
        time: u64,
    },
}

/// Entries by their path, which has no slash in front.
pub(super) type Layer = BTreeMap<String, Entry>;

/// All layers, the lowest first; none is empty.
pub(super) fn layers(out: &Path, name: &str, generation: &str, program: &Program) -> Result<Vec<Layer>> {
    let mut layers = vec![base(program)];
    let mut reading = Reading { out, trees: BTreeMap::new() };
    let site = fs::read_link(&Distribution::new(out, name).generation(generation).join("site"))?;
    let root = tree_name(&site).context("the document root is elsewhere")?;
    let shelves = reading.shelves(&root)?;
    let mut shared = BTreeMap::<String, BTreeSet<Option<u8>>>::new();
    for (shelf, trees) in &shelves {
        for tree in trees {
            shared.entry(tree.clone()).or_default().insert(*shelf);
        }
    }
    let mut by_layer = BTreeMap::<usize, BTreeSet<String>>::new();
    for (tree, users) in shared {
        // What the site itself holds goes on top, what several shelves hold at the bottom.
        let place = match (users.len(), users.iter().next()) {
            (1, Some(Some(shelf))) => 1 + usize::from(*shelf),
            (1, _) => usize::from(SHELVES) + 1,
            _ => 0,
        };
        by_layer.entry(place).or_default().insert(tree);
    }
    let top = by_layer.remove(&(usize::from(SHELVES) + 1)).unwrap_or_default();
    for trees in by_layer.values() {
        layers.push(reading.layer(trees)?);
    }
    let mut top = reading.layer(&top)?;
    add_generation(&mut top, out, name, generation)?;
    layers.push(top);
    layers.iter_mut().for_each(finish);
    Ok(layers)
}

/// The layer that changes with the program only.
fn base(program: &Program) -> Layer {
    let file = Entry::File { source: program.path.clone(), size: program.size, mode: 0o755, time: LINK_TIME as u64 };
    let mut layer = Layer::from([(PROGRAM.to_owned(), file)]);
    layer.extend(ACCOUNTS.map(|(path, text)| (path.to_owned(), Entry::Text(text))));
    layer
}

/// The files beside the document root that a server needs.
fn add_generation(layer: &mut Layer, out: &Path, name: &str, generation: &str) -> Result<()> {
    let folder = Distribution::new(out, name).generation(generation);
    let place = format!("{HOME}/{name}/generations/{generation}");
    let time = LINK_TIME as u64;
    for file in ["files.json", HOSTING, facts::FILE, "manifest.json", "report.json", "routes.json"] {
        layer.insert(format!("{place}/{file}"), entry(&folder.join(file))?);
    }
    layer.insert(format!("{place}/site"), entry(&folder.join("site"))?);
    let target = format!("generations/{generation}");
    layer.insert(format!("{HOME}/{name}/current"), Entry::Link { target, time });
    Ok(())
}

/// One thing on this machine.
fn entry(path: &Path) -> Result<Entry> {
    let metadata = fs::link_metadata(path)?;
    let time = u64::try_from(metadata.mtime()).unwrap_or_default();
    if metadata.is_symlink() {
        let target = fs::read_link(path)?;
        let target = target.to_str().with_context(|| format!("{} is not text", path.display()))?.to_owned();
        return Ok(Entry::Link { target, time });
    }
    Ok(Entry::File { source: path.to_owned(), size: metadata.len(), mode: 0o644, time })
}

/// Adds the folders above everything.
fn finish(layer: &mut Layer) {
    let mut folders = BTreeSet::new();
    for path in layer.keys() {
        folders.extend(path.match_indices('/').map(|(end, _)| path[..end].to_owned()));
    }
    for folder in folders {
        layer.entry(folder).or_insert(Entry::Folder { time: LINK_TIME as u64 });
    }
}

/// The name of the tree that a link leads to: its last two components.
fn tree_name(target: &Path) -> Option<String> {
    let mut names = target.iter().rev().map(|name| name.to_str());
    let (rest, shelf) = (names.next()??, names.next()??);
    (shelf.len() == 2).then(|| format!("{shelf}/{rest}"))
}

/// A file or link in a folder of the store.
struct Found {
    name: String,
    entry: Entry,
    /// Device and inode of a file.
    identity: Option<(u64, u64)>,
}

/// A folder of the store, read once.
struct TreeFolder {
    time: u64,
    entries: Vec<Found>,
    /// Folders that it links to: name and tree.
    inner: Vec<(String, String)>,
}

struct Reading<'a> {
    out: &'a Path,
    trees: BTreeMap<String, TreeFolder>,
}

impl Reading<'_> {
    /// Reads a folder, unless it has been read.
    fn tree(&mut self, name: &str) -> Result<&TreeFolder> {
        if !self.trees.contains_key(name) {
            let folder = self.out.join("store/trees").join(name);
            let read = read_tree(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
            self.trees.insert(name.to_owned(), read);
        }
        Ok(&self.trees[name])
    }

    /// The trees that each shelf of packages needs, and under `None` those of the site itself.
    fn shelves(&mut self, root: &str) -> Result<BTreeMap<Option<u8>, BTreeSet<String>>> {
        let mut shelves = BTreeMap::<Option<u8>, BTreeSet<String>>::new();
        let mut own = BTreeSet::from([root.to_owned()]);
        for (name, tree) in self.tree(root)?.inner.clone() {
            if name != "package" && name != "epr" {
                self.below(&tree, &mut own)?;
                continue;
            }
            own.insert(tree.clone());
            for (package, tree) in self.tree(&tree)?.inner.clone() {
                let shelf = Digest::of(package.as_bytes()).bytes()[0] % SHELVES;
                self.below(&tree, shelves.entry(Some(shelf)).or_default())?;
            }
        }
        shelves.insert(None, own);
        Ok(shelves)
    }

    /// Collects a tree and all below it.
    fn below(&mut self, name: &str, found: &mut BTreeSet<String>) -> Result<()> {
        let mut waiting = vec![name.to_owned()];
        while let Some(name) = waiting.pop() {
            if found.insert(name.clone()) {
                waiting.extend(self.tree(&name)?.inner.iter().map(|(_, tree)| tree.clone()));
            }
        }
        Ok(())
    }

    /// A layer of trees. Equal files are one file with several names.
    fn layer(&mut self, trees: &BTreeSet<String>) -> Result<Layer> {
        let mut layer = Layer::new();
        let mut names = BTreeMap::new();
        for tree in trees {
            let place = format!("{HOME}/store/trees/{tree}");
            let folder = self.tree(tree)?;
            for Found { name, entry, identity } in &folder.entries {
                let path = format!("{place}/{name}");
                let known = identity.and_then(|identity| names.get(&identity).cloned());
                if let (Some(identity), None) = (identity, &known) {
                    names.insert(*identity, path.clone());
                }
                layer.insert(path, known.map_or_else(|| entry.clone(), Entry::Same));
            }
            layer.insert(place, Entry::Folder { time: folder.time });
        }
        Ok(layer)
    }
}

fn read_tree(folder: &Path) -> Result<TreeFolder> {
    let time = u64::try_from(fs::metadata(folder)?.mtime()).unwrap_or_default();
    let mut tree = TreeFolder { time, entries: Vec::new(), inner: Vec::new() };
    for found in fs::list(folder)? {
        let name = found.name().context("a name is not UTF-8")?.to_owned();
        let entry = entry(&found.path)?;
        let mut identity = None;
        if let Entry::Link { target, .. } = &entry {
            tree.inner.push((name.clone(), tree_name(Path::new(target)).context("a link leads out of the store")?));
        } else {
            let metadata = fs::link_metadata(&found.path)?;
            identity = Some((metadata.dev(), metadata.ino()));
        }
        tree.entries.push(Found { name, entry, identity });
    }
    tree.entries.sort_by(|a, b| a.name.cmp(&b.name));
    tree.inner.sort();
    Ok(tree)
}
