//! Where packages come from: the folders of a layer are searched, and each package found is opened.
//!
//! [`discover()`] finds, cheaply and in the order that decides between duplicates, everything that may be a package
//! (contract, "Package discovery"). [`OpenPackage::open`] then looks at one of them closely; it is meant to be called
//! in parallel. Everything hostile or broken about names, links, kinds of files and zips ends here: what later stages
//! see through [`PackageFiles`] has safe unique paths, bounded sizes and plain content. Knows nothing of manifests, so
//! duplicates by name and version are for the caller to judge.

mod archive;
mod discover;
mod disk;
mod folder;
mod headers;
mod inventory;
mod layout;
mod links;
mod members;
mod misplaced;
mod names;
mod strays;
mod tree;
mod unpack;
#[cfg(test)]
mod tests;

pub use archive::ZipPackage;
pub(crate) use discover::LINK_HINT;
pub use discover::{JOURNAL_FOLDER, discover};
pub use folder::FolderPackage;
pub use inventory::{Inventory, each_of};
pub use strays::is_passed_over;
pub use tree::{Origin, TreePackage};

use crate::base::fs::{canonical, io_error};
use crate::base::problem::Problem;
use crate::config::layer::LayerSource;
use crate::config::limits::Limits;
use crate::config::location::Location;
use crate::dialect::version::Version;
use crate::input::door::{self, FileStat, Spot};
use crate::package::{Entry, PackageFiles, PackageKind};
use rustix::fs::FileType;
use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Something that may be a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Name of the layer.
    pub layer: String,
    /// Path relative to the layer's path, forward slashes; for reports, so unprintable names are escaped.
    pub package: String,
    /// Where it lies.
    pub path: PathBuf,
    /// What is opened: the same place, or what a link leads to that the layer allows.
    pub spot: Spot,
    /// Folder or zip.
    pub kind: PackageKind,
    /// Name of the version folder; `None` for zips.
    pub folder_version: Option<String>,
    /// The detached signature beside it, if there is one: a regular file.
    pub signature: Option<Spot>,
    /// True if a symbolic link lies where its signature should, and is not followed.
    pub has_linked_signature: bool,
    /// Rank in the layer.
    pub order: WalkOrder,
    /// Place in a repository, if it lies in one; `path` and `signature` are then only names.
    pub origin: Option<Arc<Origin>>,
}

impl Candidate {
    /// A package that a person named: a folder whatever its name is, or a zip. The name of a folder counts as its version
    /// only if it is one.
    ///
    /// # Errors
    /// When nothing is there, or it is neither.
    pub fn named(path: &Path, layer: &str) -> io::Result<Self> {
        let found = door::look_through(path)?;
        let kind = match found.kind {
            FileType::RegularFile if path.is_symlink() => {
                return Err(io::Error::other("it is a symbolic link; name the zip that it points to"));
            }
            FileType::Directory => PackageKind::Folder,
            FileType::RegularFile => PackageKind::Zip,
            _ => return Err(io::Error::other("it is neither a folder nor a zip")),
        };
        // Links to a folder are followed: it was asked for.
        let path = canonical(path).map_err(io_error)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_version = kind == PackageKind::Folder && Version::strict(&name).is_ok();
        let spot = Spot::named(&path);
        let signature = spot.signature();
        let beside = signature.look().ok().map(|found| found.kind);
        if beside.is_some_and(|kind| !matches!(kind, FileType::RegularFile | FileType::Symlink)) {
            return Err(io::Error::other("its signature is not a regular file"));
        }
        Ok(Self {
            layer: layer.to_owned(),
            package: names::shown(name.as_bytes()),
            path,
            spot,
            kind,
            folder_version: is_version.then_some(name),
            signature: (beside == Some(FileType::RegularFile)).then_some(signature),
            has_linked_signature: beside == Some(FileType::Symlink),
            order: WalkOrder::new(kind, 0),
            origin: None,
        })
    }

    /// The package that a report names by its path in a layer, if it is still there and no link to a folder leads to it.
    pub fn at(root: &Path, layer: &str, package: &str) -> Option<Self> {
        let parts: Vec<_> = Path::new(package).components().collect();
        if parts.is_empty() || !parts.iter().all(|part| matches!(part, Component::Normal(_))) {
            return None;
        }
        let candidate = |path: PathBuf, spot, kind, origin| Self {
            layer: layer.to_owned(),
            package: package.to_owned(),
            path,
            spot,
            kind,
            folder_version: None,
            signature: None,
            has_linked_signature: false,
            order: WalkOrder::new(kind, 0),
            origin,
        };
        if let Some(location) = Location::of(root) {
            let origin = Origin::at(&location, package)?;
            let spot = Spot::new(root, "");
            return Some(candidate(root.to_owned(), spot, PackageKind::Folder, Some(Arc::new(origin))));
        }
        let is_zip = package.ends_with(".zip");
        if is_zip && root.file_name() == Some(OsStr::new(package)) && root.is_file() {
            let spot = Spot::named(&canonical(root).ok()?);
            return Some(candidate(root.to_owned(), spot, PackageKind::Zip, None));
        }
        let spot = Spot::new(root, package);
        match spot.look().ok()?.kind {
            FileType::RegularFile if is_zip => Some(candidate(spot.path(), spot, PackageKind::Zip, None)),
            FileType::Directory if parts.len() > 1 => Some(candidate(spot.path(), spot, PackageKind::Folder, None)),
            _ => None,
        }
    }
}

/// The rank of a candidate in its layer: of two packages with the same name and version the lesser wins.
///
/// Zips come before folders; within each, the order is that of the layer's paths, then that of the walk. A zip inside
/// a directory package ranks among the zips by the place of that folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WalkOrder {
    is_folder: bool,
    position: usize,
    nested: usize,
}

impl WalkOrder {
    fn new(kind: PackageKind, position: usize) -> Self {
        Self { is_folder: kind == PackageKind::Folder, position, nested: 0 }
    }

    /// Returns true for what lies inside a package.
    fn is_nested(self) -> bool {
        self.nested > 0
    }

    fn nested_zip(self, index: usize) -> Self {
        Self { is_folder: false, position: self.position, nested: index + 1 }
    }
}

/// A package of either kind, opened and checked. Holds no file open, so all packages of a site may be kept.
#[derive(Debug)]
pub enum OpenPackage {
    /// A version folder.
    Folder(FolderPackage),
    /// A zip.
    Zip(ZipPackage),
    /// A tree of a repository.
    Tree(TreePackage),
}

impl OpenPackage {
    /// Opens a candidate. The problem quarantines it, except a file inside a package that is not a zip.
    pub fn open(candidate: &Candidate, limits: &Limits) -> Result<Self, Box<Problem>> {
        if let Some(origin) = &candidate.origin {
            return TreePackage::open(candidate, origin, limits).map(Self::Tree);
        }
        match candidate.kind {
            PackageKind::Folder => FolderPackage::open(candidate, limits).map(Self::Folder),
            PackageKind::Zip => ZipPackage::open(candidate, limits).map(Self::Zip),
        }
    }

    /// Warnings.
    pub fn warnings(&self) -> &[Problem] {
        match self {
            Self::Folder(folder) => folder.warnings(),
            Self::Zip(zip) => zip.warnings(),
            Self::Tree(tree) => tree.warnings(),
        }
    }

    /// States for detecting changes: one for each entry of a folder, one for a zip, none for a tree, which cannot change.
    pub fn stats(&self) -> &[FileStat] {
        match self {
            Self::Folder(folder) => folder.stats(),
            Self::Zip(zip) => std::slice::from_ref(zip.stat()),
            Self::Tree(_) => &[],
        }
    }

    /// Zips inside a directory package, candidates of their own.
    pub fn nested(&self) -> Vec<Candidate> {
        match self {
            Self::Folder(folder) => folder.nested(),
            Self::Zip(_) | Self::Tree(_) => Vec::new(),
        }
    }

    /// Streams the content of one file into `use_content`. Only a reader that reaches the end knows that the content is
    /// whole, because a zip's checksum is compared there.
    ///
    /// No more than the listed size is ever given, and a file is never held whole.
    pub fn with_file<T>(&self, path: &str, use_content: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> io::Result<T> {
        match self {
            Self::Folder(folder) => folder.with_file(path, use_content),
            Self::Zip(zip) => zip.with_file(path, use_content),
            Self::Tree(tree) => tree.with_file(path, use_content),
        }
    }
}

impl OpenPackage {
    /// Streams the zip itself into `use_content`, as it is: it is published byte for byte.
    ///
    /// # Errors
    /// When it is no zip, is not the file that was opened, or changes while it is being read.
    pub fn with_archive<T>(&self, use_content: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> io::Result<T> {
        match self {
            Self::Folder(_) | Self::Tree(_) => Err(io::ErrorKind::IsADirectory.into()),
            Self::Zip(zip) => zip.with_archive(use_content),
        }
    }
}

/// State of a single file, for detecting changes; links are followed.
///
/// # Errors
/// When nothing is there, or it cannot be looked at.
pub fn stat(path: &Path) -> io::Result<FileStat> {
    Ok(door::look_through(path)?.stat)
}

impl PackageFiles for OpenPackage {
    fn kind(&self) -> PackageKind {
        match self {
            Self::Folder(folder) => folder.kind(),
            Self::Zip(zip) => zip.kind(),
            Self::Tree(tree) => tree.kind(),
        }
    }

    fn entries(&self) -> &[Entry] {
        match self {
            Self::Folder(folder) => folder.entries(),
            Self::Zip(zip) => zip.entries(),
            Self::Tree(tree) => tree.entries(),
        }
    }

    fn root(&self) -> Option<&str> {
        match self {
            Self::Folder(_) | Self::Tree(_) => None,
            Self::Zip(zip) => zip.root(),
        }
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        match self {
            Self::Folder(folder) => folder.read(path),
            Self::Zip(zip) => zip.read(path),
            Self::Tree(tree) => tree.read(path),
        }
    }
}
