//! Scans a generation: the folders and contents it consists of, read from the store.
//!
//! Only the store counts, not the manifest: names of folders are checked against what they hold. Contents are
//! known by their inode, so that nothing is read; a file that is no link into the store any more is hashed.

use crate::base::digest::{Digest, Hasher};
use crate::base::fs::{self, Metadata};
use crate::generation::distribution::{Distribution, REMEDY};
use crate::store::{Store, Tree, TreeEntry};
use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Folders within folders: a package has at most some thirty.
const MAX_DEPTH: usize = 64;

/// Everything below a document root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The folders, those inside before those around them; the document root is the last one.
    pub order: Vec<Digest>,
    /// Contents by digest.
    pub trees: BTreeMap<Digest, Tree>,
    /// The contents.
    pub contents: BTreeMap<Digest, Found>,
}

/// A content and the first place where it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Bytes.
    pub size: u64,
    /// A path below the document root.
    pub path: String,
}

/// An archive of the document root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The content.
    pub content: Digest,
    /// The files of its package.
    pub folder: Digest,
    /// Name without `.zip`, which is also the name of its own folder if it was made here.
    pub root: String,
}

impl Scan {
    /// Reads a generation.
    ///
    /// # Errors
    /// When the store is not as it was written, or the disk fails.
    pub fn new(distribution: &Distribution, id: &str, store: &Store) -> Result<Self> {
        let site = distribution.generation(id).join("site");
        let target = fs::read_link(&site)?;
        let name = tree_name(&target).with_context(|| format!("{} does not lead into the store", site.display()))?;
        let mut reading = Reading { store, inodes: inodes(store)?, named: BTreeMap::new(), scan: Self::default() };
        let root = reading.folder(&name, 0)?;
        let mut scan = reading.scan;
        let mut seen = BTreeSet::new();
        scan.name_contents(&root, String::new(), &mut seen);
        Ok(scan)
    }

    /// The document root.
    pub fn site(&self) -> &Tree {
        self.order.last().and_then(|root| self.trees.get(root)).unwrap_or(const { &Tree(BTreeMap::new()) })
    }

    /// The folder of this name in a folder.
    fn inner(&self, tree: &Tree, name: &str) -> Option<&Tree> {
        match tree.0.get(name)? {
            TreeEntry::Tree(digest) => self.trees.get(digest),
            TreeEntry::Blob(_) => None,
        }
    }

    /// The archives of packages, by name and then as their folder lists them.
    pub fn archives(&self) -> Vec<Archive> {
        let (Some(shelf), Some(packages)) = (self.inner(self.site(), "epr"), self.inner(self.site(), "package")) else {
            return Vec::new();
        };
        let mut archives = Vec::new();
        for name in shelf.0.keys() {
            let (Some(files), Some(versions)) = (self.inner(shelf, name), self.inner(packages, name)) else { continue };
            for (file, entry) in &files.0 {
                let root = file.strip_suffix(".zip");
                let version = root.and_then(|root| root.strip_prefix(name.as_str())?.strip_prefix('-'));
                let folder = version.and_then(|version| versions.0.get(version));
                if let (Some(root), TreeEntry::Blob(content), Some(TreeEntry::Tree(folder))) = (root, entry, folder) {
                    archives.push(Archive { content: *content, folder: *folder, root: root.to_owned() });
                }
            }
        }
        archives
    }

    /// Every file `x.gz` beside a file `x`: the first content may be made from the second.
    pub fn gzip_copies(&self) -> BTreeMap<Digest, Digest> {
        let mut gzip_copies = BTreeMap::new();
        for tree in self.trees.values() {
            for (name, entry) in &tree.0 {
                let original = name.strip_suffix(".gz").and_then(|name| tree.0.get(name));
                if let (TreeEntry::Blob(gzip_copy), Some(TreeEntry::Blob(original))) = (entry, original) {
                    gzip_copies.entry(*gzip_copy).or_insert(*original);
                }
            }
        }
        gzip_copies
    }

    fn name_contents(&mut self, folder: &Digest, path: String, seen: &mut BTreeSet<Digest>) {
        if !seen.insert(*folder) {
            return;
        }
        let entries: Vec<_> =
            self.trees.get(folder).map(|tree| tree.0.clone().into_iter().collect()).unwrap_or_default();
        for (name, entry) in entries {
            let path = if path.is_empty() { name } else { format!("{path}/{name}") };
            match entry {
                TreeEntry::Tree(inner) => self.name_contents(&inner, path, seen),
                TreeEntry::Blob(content) => {
                    if let Some(found) = self.contents.get_mut(&content).filter(|found| found.path.is_empty()) {
                        found.path = path;
                    }
                }
            }
        }
    }
}

/// A scan in progress.
struct Reading<'a> {
    store: &'a Store,
    inodes: BTreeMap<(u64, u64), (Digest, u64)>,
    /// Full digests of the folders seen so far.
    named: BTreeMap<String, Digest>,
    scan: Scan,
}

impl Reading<'_> {
    /// Reads a folder of the store, given the half of its digest that names it.
    fn folder(&mut self, name: &str, depth: usize) -> Result<Digest> {
        if let Some(known) = self.named.get(name) {
            return Ok(*known);
        }
        let path = self.store.root().join(format!("trees/{}/{}", &name[..2], &name[2..]));
        ensure!(depth < MAX_DEPTH, "{} is too deep", path.display());
        let mut tree = Tree::default();
        for entry in fs::list(&path)? {
            let Some(name) = entry.name().map(str::to_owned) else { bail!("{} is not text", entry.path.display()) };
            let place = entry.path;
            let stat = fs::link_metadata(&place)?;
            let found = if stat.is_symlink() {
                let target = fs::read_link(&place)?;
                let inner = tree_name(&target)
                    .with_context(|| format!("{} does not lead to a folder of the store", place.display()))?;
                TreeEntry::Tree(self.folder(&inner, depth + 1)?)
            } else {
                TreeEntry::Blob(self.content(&place, &stat)?)
            };
            tree.0.insert(name, found);
        }
        let digest = tree.digest();
        ensure!(digest.short(32) == name, "{} does not hold what its name says\nhint: {REMEDY}", path.display());
        self.named.insert(name.to_owned(), digest);
        self.scan.order.push(digest);
        self.scan.trees.insert(digest, tree);
        Ok(digest)
    }

    fn content(&mut self, path: &Path, stat: &Metadata) -> Result<Digest> {
        ensure!(stat.is_file(), "{} is neither file nor folder", path.display());
        let key = (stat.dev(), stat.ino());
        let (digest, size) = match self.inodes.get(&key) {
            Some(known) => *known,
            None => {
                let known = (fs::digest_of_file(path)?.0, stat.size());
                self.inodes.insert(key, known);
                known
            }
        };
        self.scan.contents.entry(digest).or_insert(Found { size, path: String::new() });
        Ok(digest)
    }
}

/// A place to write to that keeps nothing but the digest and the size.
#[derive(Default)]
pub(super) struct HashOnly(pub(super) Hasher, pub(super) u64);

impl io::Write for HashOnly {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        self.1 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The name of the folder that a link in the store or a generation leads to: the last two parts of its target.
pub(super) fn tree_name(target: &Path) -> Option<String> {
    let mut parts = target.iter().rev().filter_map(|part| part.to_str());
    let (rest, shelf) = (parts.next()?, parts.next()?);
    let name = format!("{shelf}{rest}");
    let is_name = shelf.len() == 2 && name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_name.then_some(name)
}

/// Every content of the store by device and inode.
fn inodes(store: &Store) -> Result<BTreeMap<(u64, u64), (Digest, u64)>> {
    let mut inodes = BTreeMap::new();
    for shard in fs::list(&store.root().join("blobs"))? {
        let first = shard.name().unwrap_or_default();
        for entry in fs::list(&shard.path)? {
            let stat = fs::link_metadata(&entry.path)?;
            if let Ok(digest) = format!("{first}{}", entry.name().unwrap_or_default()).parse::<Digest>() {
                inodes.insert((stat.dev(), stat.ino()), (digest, stat.size()));
            }
        }
    }
    Ok(inodes)
}
