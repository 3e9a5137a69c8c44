//! The manifest of a bundle: its contents, folders, recipes and generation files.
//!
//! A manifest has exactly one spelling: what is read must be what would be written, so a name that stands twice, an
//! unknown field or another order of keys is refused without a rule of its own. Everything that can be wrong with it
//! is found by [`BundleManifest::parse`]; whoever holds a [`BundleManifest`] need not look again. Touches no disk.

use super::Refusal;
use crate::base::digest::Digest;
use crate::generation::uses::is_id;
use crate::store::{Tree, TreeEntry};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Changes when a reader could misunderstand a bundle.
pub const SCHEMA: &str = "epr-build/bundle/2";
/// Bundles of this format have no number, and are read.
const UNNUMBERED: &str = "epr-build/bundle/1";
/// Changes when the recipes give other bytes: with the level or library of compression, or the layout of archives.
pub const RECIPES: u32 = 1;
/// Bytes of the longest manifest that is read, and the most values in it: 30,000 versions of packages need four fifths of
/// that. A manifest is held in memory, where a short value takes many times its bytes: at most half a gigabyte in all.
pub const MAX_MANIFEST: u64 = 128 << 20;
const MAX_VALUES: usize = 4_000_000;
/// The highest number of a switch.
const MAX_NUMBER: u64 = 1 << 53;
/// Bytes of all files of a generation beside its document root.
const MAX_FILES: u64 = 16 << 30;
/// Folders within folders.
const MAX_DEPTH: u32 = 64;

/// The first member of every bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleManifest {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of the program that wrote the bundle.
    pub tool: String,
    /// [`RECIPES`].
    pub recipes: u32,
    /// The distribution it belongs to.
    pub distribution: String,
    /// The generation it brings.
    pub generation: String,
    /// Number of the switch that took the generation into use where the bundle was made: higher than that of every bundle
    /// that was made there before the switch. Absent in bundles of older programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// The generation that has to be there already; absent when the bundle brings everything.
    pub base: Option<String>,
    /// The program itself, if it is in the bundle.
    pub program: Option<Sized>,
    /// The files of the generation beside its document root.
    pub files: Vec<File>,
    /// Every content, those of the streams first, in the order in which they come.
    pub contents: Vec<BundledContent>,
    /// Every folder, those inside before those around them.
    pub folders: Vec<Folder>,
    /// Contents and folders of the base that this generation does not need any more.
    pub gone: Gone,
}

/// A digest and a number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sized {
    /// SHA-256.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
}

/// A file of a generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Path below the generation's folder.
    pub path: String,
    /// SHA-256.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    /// Absent when the file is in the bundle as it is.
    pub patch: Option<Patch>,
}

/// How a file comes from the file of the same path in the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Bytes of the patch: what the file is, compressed with the base's file as prefix.
    pub size: u64,
    /// The base's file.
    pub of: Sized,
}

/// A content of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundledContent {
    /// SHA-256.
    pub sha256: Digest,
    /// Bytes.
    pub size: u64,
    /// Source of the content.
    pub from: Origin,
}

/// Source of a content. Numbers are positions in [`BundleManifest::contents`] and [`BundleManifest::folders`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The stream of what compresses well.
    Text,
    /// The stream of what is compressed already.
    Media,
    /// The base has it.
    Base,
    /// Unpacked from an archive.
    Member {
        /// The archive.
        archive: usize,
        /// Position in the archive's directory.
        number: usize,
    },
    /// The gzip copy of another content.
    Gzip(usize),
    /// The archive of a package.
    Zip {
        /// Files of the package.
        folder: usize,
        /// The folder that all members lie in.
        root: String,
    },
}

/// A folder of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// [`Tree::digest`].
    pub digest: Digest,
    /// Absent when the base has it.
    pub entries: Option<BTreeMap<String, FolderEntry>>,
}

/// An entry of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FolderEntry {
    /// A content, by its position.
    File(usize),
    /// A folder, by its position.
    Folder(usize),
}

/// Contents and folders that are not needed any more, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gone {
    /// Contents.
    pub contents: Vec<Digest>,
    /// Folders.
    pub folders: Vec<Digest>,
}

/// The fields that decide if the rest can be understood.
#[derive(Deserialize)]
struct Head {
    schema: String,
    tool: String,
    recipes: u32,
}

impl BundleManifest {
    /// The document root: the outermost folder is the last one.
    pub fn site(&self) -> usize {
        self.folders.len() - 1
    }

    /// The text of the bundle's first member.
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("a manifest has text keys only");
        text.push(b'\n');
        text
    }

    /// Returns true if a text is the one that would be written, which is never whole in memory.
    fn is_spelled(&self, text: &[u8]) -> bool {
        let mut rest = Rest(text);
        serde_json::to_writer(&mut rest, self).is_ok() && rest.0 == b"\n"
    }

    /// Reads and checks everything that can be checked without the bundle's other members.
    ///
    /// # Errors
    /// What is wrong, with the position inside the manifest.
    pub fn parse(text: &[u8]) -> Result<Self, Refusal> {
        let garbled = |error: serde_json::Error| {
            let hint = "the bundle is damaged, or was not made by `epr-build bundle`";
            Refusal::new(format!("the manifest cannot be read: {error}"), hint)
        };
        if text.iter().filter(|byte| **byte == b',').count() > MAX_VALUES {
            return Err(invalid("it has too many values"));
        }
        let head: Head = serde_json::from_slice(text).map_err(garbled)?;
        let is_known = [SCHEMA, UNNUMBERED].contains(&head.schema.as_str());
        if !is_known || head.recipes != RECIPES {
            let tool = head.tool.escape_default();
            return Err(Refusal::new(
                format!("the bundle has the format `{}`, recipes {}", head.schema.escape_default(), head.recipes),
                format!(
                    "this program reads `{SCHEMA}`, recipes {RECIPES}; take version {tool} of epr-build, which wrote it"
                ),
            ));
        }
        let manifest: Self = serde_json::from_slice(text).map_err(garbled)?;
        if !manifest.is_spelled(text) || manifest.number.is_some() != (manifest.schema == SCHEMA) {
            return Err(invalid("it is not in its canonical spelling"));
        }
        manifest.check_names()?;
        manifest.check_contents()?;
        manifest.check_folders()?;
        manifest.check_zips()?;
        if !manifest.gone.contents.is_sorted() || !manifest.gone.folders.is_sorted() {
            return Err(invalid("what is gone is out of order"));
        }
        Ok(manifest)
    }

    /// Bytes that the streams bring.
    pub fn streamed(&self) -> u64 {
        let is_streamed = |content: &&BundledContent| matches!(content.from, Origin::Text | Origin::Media);
        self.contents.iter().filter(is_streamed).map(|content| content.size).sum()
    }

    /// Bytes that will be new on disk, if nothing is there.
    pub fn unpacked(&self) -> u64 {
        let is_new = |content: &&BundledContent| content.from != Origin::Base;
        let contents: u64 = self.contents.iter().filter(is_new).map(|content| content.size).sum();
        contents.saturating_add(self.files.iter().map(|file| file.size).sum())
    }

    /// True for each folder that has an archive made by recipe in it or below it.
    pub fn holds_recipes(&self) -> Vec<bool> {
        let mut holds: Vec<bool> = Vec::with_capacity(self.folders.len());
        for folder in &self.folders {
            let found = folder.entries.iter().flat_map(BTreeMap::values).any(|target| match *target {
                FolderEntry::File(content) => matches!(self.contents[content].from, Origin::Zip { .. }),
                FolderEntry::Folder(inner) => holds[inner],
            });
            holds.push(found);
        }
        holds
    }

    /// The tree of the store that a folder is; `None` when the base has it.
    pub fn tree(&self, folder: &Folder) -> Option<Tree> {
        let entries = folder.entries.as_ref()?;
        Some(Tree(entries.iter().map(|(name, target)| (name.clone(), self.entry(*target))).collect()))
    }

    fn entry(&self, target: FolderEntry) -> TreeEntry {
        match target {
            FolderEntry::File(content) => TreeEntry::Blob(self.contents[content].sha256),
            FolderEntry::Folder(inner) => TreeEntry::Tree(self.folders[inner].digest),
        }
    }

    fn check_names(&self) -> Result<(), Refusal> {
        if !crate::config::file::is_folder_name(&self.distribution) {
            return Err(invalid(format!("`{}` cannot be a distribution", self.distribution.escape_default())));
        }
        for id in std::iter::once(&self.generation).chain(&self.base) {
            if !is_id(id) {
                return Err(invalid(format!("`{}` cannot be a generation", id.escape_default())));
            }
        }
        // Whatever counts one further must not run out of numbers.
        if self.number.is_some_and(|number| number > MAX_NUMBER) {
            return Err(invalid("its number is too high"));
        }
        if self.base.as_ref() == Some(&self.generation) {
            return Err(invalid("it builds on itself"));
        }
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut total = 0_u64;
        for file in &self.files {
            let safe = file.path.len() <= 512 && file.path.split('/').all(is_safe_name);
            if !safe || matches!(file.path.split('/').next(), Some("site")) {
                return Err(invalid(format!("`{}` cannot be a file of a generation", file.path.escape_default())));
            }
            let stands_above = |path: &str| seen.contains(path);
            let clashes = file.path.match_indices('/').any(|(end, _)| stands_above(&file.path[..end]));
            if clashes || seen.last().is_some_and(|last| *last >= file.path.as_str()) {
                return Err(invalid(format!("the file `{}` is out of order", file.path)));
            }
            if file.patch.is_some() && self.base.is_none() {
                return Err(invalid(format!("`{}` is a patch of nothing", file.path)));
            }
            total = total.saturating_add(file.size);
            seen.insert(&file.path);
        }
        if total > MAX_FILES {
            return Err(invalid(format!("the files of the generation have {total} bytes")));
        }
        Ok(())
    }

    fn check_contents(&self) -> Result<(), Refusal> {
        let mut seen = BTreeSet::new();
        let mut total = 0_u64;
        let mut phase = 0;
        for (position, content) in self.contents.iter().enumerate() {
            let wrong = |what: &str| Err(invalid(format!("content {position} {what}")));
            if !seen.insert(content.sha256) {
                return wrong("stands twice");
            }
            total = match total.checked_add(content.size) {
                Some(total) if total <= i64::MAX as u64 => total,
                _ => return wrong("is too large"),
            };
            let is_plain = |position: usize, kinds: fn(&Origin) -> bool| {
                self.contents.get(position).is_some_and(|content| kinds(&content.from))
            };
            let own_phase = match &content.from {
                Origin::Text => 0,
                Origin::Media => 1,
                Origin::Base if self.base.is_none() => return wrong("is of a base that there is not"),
                Origin::Member { archive, .. }
                    if !is_plain(*archive, |from| matches!(from, Origin::Text | Origin::Media | Origin::Base)) =>
                {
                    return wrong("is unpacked from something that is no archive of the streams");
                }
                Origin::Gzip(of) if !is_plain(*of, |from| !matches!(from, Origin::Gzip(_) | Origin::Zip { .. })) => {
                    return wrong("is the gzip copy of something that is made later");
                }
                Origin::Zip { folder, root } if *folder >= self.folders.len() || !is_safe_name(root) => {
                    return wrong("is made from no folder of the bundle");
                }
                _ => 2,
            };
            if own_phase < phase {
                return wrong("is out of order");
            }
            phase = own_phase;
        }
        Ok(())
    }

    fn check_folders(&self) -> Result<(), Refusal> {
        let mut seen = BTreeSet::new();
        let mut depths: Vec<u32> = Vec::with_capacity(self.folders.len());
        for (position, folder) in self.folders.iter().enumerate() {
            let wrong = |what: &str| Err(invalid(format!("folder {position} {what}")));
            // Folders lie in the store under half their digest.
            if !seen.insert(folder.digest.half()) {
                return wrong("stands twice");
            }
            let Some(entries) = &folder.entries else {
                if self.base.is_none() {
                    return wrong("is of a base that there is not");
                }
                depths.push(1);
                continue;
            };
            let mut depth = 1;
            for (name, target) in entries {
                if !is_safe_name(name) {
                    return wrong(&format!("has an entry `{}`", name.escape_default()));
                }
                match *target {
                    FolderEntry::File(content) if content < self.contents.len() => {}
                    FolderEntry::Folder(inner) if inner < position => depth = depth.max(depths[inner] + 1),
                    _ => return wrong(&format!("has an entry `{name}` that leads nowhere")),
                }
            }
            if depth > MAX_DEPTH {
                return wrong("is too deep");
            }
            depths.push(depth);
            let entries = entries.iter().map(|(name, target)| (name.as_str(), self.entry(*target)));
            if Tree::digest_of(entries) != folder.digest {
                return wrong("does not have its digest");
            }
        }
        if self.folders.is_empty() {
            return Err(invalid("there is no document root"));
        }
        Ok(())
    }

    /// An archive is made from a folder that is complete before any archive is made.
    fn check_zips(&self) -> Result<(), Refusal> {
        let holds = self.holds_recipes();
        let circular = self.contents.iter().position(|content| match content.from {
            Origin::Zip { folder, .. } => holds[folder],
            _ => false,
        });
        circular.map_or(Ok(()), |position| Err(invalid(format!("content {position} is made from itself"))))
    }
}

/// Compares what is written with what is left of a text.
struct Rest<'a>(&'a [u8]);

impl io::Write for Rest<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.strip_prefix(bytes).ok_or_else(|| io::Error::other("another spelling"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns true if a name can stand in a folder and mean nothing else.
fn is_safe_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= 255
        && !name.contains(|c: char| c.is_control() || "/\\".contains(c))
}

fn invalid(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(
        format!("the manifest is invalid: {what}"),
        "the bundle is damaged, or was not made by `epr-build bundle`",
    )
}
