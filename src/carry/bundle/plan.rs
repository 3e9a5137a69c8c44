//! Makes the manifest of a bundle from the contents of a generation, the base and the recipes that work.
//!
//! Pure functions. The order of contents decides how small a bundle gets: similar contents stand side by side, so successive
//! versions of a file are neighbours, and the compressor finds one in the other.

use super::delta::BaseContents;
use super::manifest::{BundleManifest, BundledContent, File, Folder, FolderEntry, Origin, RECIPES, SCHEMA, Sized};
use super::scan::Scan;
use crate::base::digest::Digest;
use crate::base::media;
use crate::dialect::version::Version;
use crate::store::TreeEntry;
use std::collections::{BTreeMap, BTreeSet};

/// The recipes that were found to work, by the content they make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipes {
    /// The content that a gzip copy is made from.
    pub gzip_copies: BTreeMap<Digest, Digest>,
    /// The folder an archive is made from, and the name of its root.
    pub zips: BTreeMap<Digest, (Digest, String)>,
    /// The archive a content lies in, and its number there.
    pub members: BTreeMap<Digest, (Digest, usize)>,
}

impl Recipes {
    /// Drops recipes that need what other recipes make: gzip copies of gzip copies or of archives, and archives with such
    /// archives in them. They are rare, and without them everything is made in three steps.
    pub fn drop_circles(&mut self, scan: &Scan) {
        let mut holding: BTreeSet<Digest> = BTreeSet::new();
        for digest in &scan.order {
            let holds = scan.trees[digest].0.values().any(|entry| match entry {
                TreeEntry::Blob(content) => self.zips.contains_key(content),
                TreeEntry::Tree(inner) => holding.contains(inner),
            });
            if holds {
                holding.insert(*digest);
            }
        }
        self.zips.retain(|_, (folder, _)| !holding.contains(folder));
        let gzip_copies = self.gzip_copies.clone();
        self.gzip_copies.retain(|gzip_copy, original| {
            !self.zips.contains_key(gzip_copy)
                && !self.zips.contains_key(original)
                && !gzip_copies.contains_key(original)
        });
    }
}

/// The fields of a manifest besides contents and folders.
#[derive(Clone, Debug)]
pub struct Title {
    /// The distribution.
    pub distribution: String,
    /// The generation.
    pub generation: String,
    /// Number of the switch that took it into use.
    pub number: u64,
    /// Name of the base.
    pub base: Option<String>,
    /// The program.
    pub program: Option<Sized>,
    /// The files of the generation, by path.
    pub files: Vec<File>,
}

/// The contents that a bundle has to bring somehow.
pub fn new_contents(scan: &Scan, base: &BaseContents) -> BTreeSet<Digest> {
    scan.contents.keys().filter(|digest| !base.contents.contains(digest)).copied().collect()
}

/// The manifest of a bundle.
pub fn manifest(scan: &Scan, base: &BaseContents, recipes: &Recipes, title: Title) -> BundleManifest {
    let new = new_contents(scan, base);
    let is_new_folder = |digest: &Digest| !base.folders.contains(digest);
    // What is not new is listed where something new refers to it.
    let mut old = BTreeSet::new();
    let mut old_folders = BTreeSet::new();
    for digest in scan.order.iter().filter(|digest| is_new_folder(digest)) {
        for entry in scan.trees[digest].0.values() {
            match entry {
                TreeEntry::Blob(content) => drop(old.insert(*content)),
                TreeEntry::Tree(inner) => drop(old_folders.insert(*inner)),
            }
        }
    }
    old.extend(recipes.gzip_copies.values().chain(recipes.members.values().map(|(archive, _)| archive)).copied());
    old_folders.extend(recipes.zips.values().map(|(folder, _)| *folder));
    old_folders.extend(scan.order.last().copied());
    old.retain(|content| !new.contains(content));

    let mut sorted: Vec<_> =
        new.iter().chain(&old).map(|digest| (Key::new(scan, recipes, &new, digest), *digest)).collect();
    sorted.sort();
    let positions: BTreeMap<Digest, usize> =
        sorted.iter().enumerate().map(|(position, (_, digest))| (*digest, position)).collect();
    let folders: Vec<Digest> =
        scan.order.iter().filter(|digest| is_new_folder(digest) || old_folders.contains(digest)).copied().collect();
    let places: BTreeMap<Digest, usize> = folders.iter().enumerate().map(|(place, digest)| (*digest, place)).collect();

    let content = |(key, digest): &(Key, Digest)| {
        let from = match key.stage {
            Stage::Text => Origin::Text,
            Stage::Media => Origin::Media,
            Stage::Base => Origin::Base,
            Stage::Member => {
                let (archive, number) = &recipes.members[digest];
                Origin::Member { archive: positions[archive], number: *number }
            }
            Stage::Gzip => Origin::Gzip(positions[&recipes.gzip_copies[digest]]),
            Stage::Zip => {
                let (folder, root) = &recipes.zips[digest];
                Origin::Zip { folder: places[folder], root: root.clone() }
            }
        };
        BundledContent { sha256: *digest, size: scan.contents[digest].size, from }
    };
    let folder = |digest: &Digest| {
        let target = |(name, entry): (&String, &TreeEntry)| {
            let target = match entry {
                TreeEntry::Blob(content) => FolderEntry::File(positions[content]),
                TreeEntry::Tree(inner) => FolderEntry::Folder(places[inner]),
            };
            (name.clone(), target)
        };
        let entries = is_new_folder(digest).then(|| scan.trees[digest].0.iter().map(target).collect());
        Folder { digest: *digest, entries }
    };
    BundleManifest {
        schema: SCHEMA.to_owned(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        recipes: RECIPES,
        distribution: title.distribution,
        generation: title.generation,
        number: Some(title.number),
        base: title.base,
        program: title.program,
        files: title.files,
        contents: sorted.iter().map(content).collect(),
        folders: folders.iter().map(folder).collect(),
        gone: base.gone(&BaseContents::of_scan(scan)),
    }
}

/// Sources of contents, in the order of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Text,
    Media,
    Member,
    Gzip,
    Zip,
    Base,
}

/// The place of a content among the others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    stage: Stage,
    /// Answers, documents, files of packages by extension, archives: each kind has words of its own.
    kind: String,
    name: String,
    inner: String,
    version: Option<Version>,
    path: String,
}

impl Key {
    fn new(scan: &Scan, recipes: &Recipes, new: &BTreeSet<Digest>, digest: &Digest) -> Self {
        let path = scan.contents.get(digest).map(|found| found.path.clone()).unwrap_or_default();
        let stage = if !new.contains(digest) {
            Stage::Base
        } else if recipes.zips.contains_key(digest) {
            Stage::Zip
        } else if recipes.gzip_copies.contains_key(digest) {
            Stage::Gzip
        } else if recipes.members.contains_key(digest) {
            Stage::Member
        } else if media::is_compressed(&path) {
            Stage::Media
        } else {
            Stage::Text
        };
        let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension).to_owned();
        let mut parts = path.splitn(4, '/');
        let (top, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (version, inner) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (kind, version, inner) = match top {
            "package" => (format!("package {extension}"), version, inner),
            // `<version>.json`, `<name>-<version>.zip`
            "documents" => (top.to_owned(), version.trim_end_matches(".json"), ""),
            "epr" => {
                let version = version.trim_start_matches(name).trim_start_matches('-');
                (format!("epr {extension}"), version.trim_end_matches(".sig").trim_end_matches(".zip"), "")
            }
            _ => (top.to_owned(), "", ""),
        };
        let (name, inner) = (name.to_owned(), inner.to_owned());
        Self { stage, kind, name, inner, version: Version::loose(version).ok(), path: path.clone() }
    }
}
