//! One package version: its manifest, checked, and its two documents.
//!
//! [`read()`] turns the files of a package into a [`Package`], or into the problems that keep it out. It knows nothing
//! of layers, disks or output folders.

pub mod categories;
mod checked_file;
mod conditions;
mod data_stream;
mod deprecation;
pub mod document;
mod documents;
pub mod facts;
mod fields_files;
mod findings;
mod image;
mod ingestion;
mod kibana;
mod lexical;
mod manifest;
mod numbers;
mod package_files;
mod pipelines;
mod policy_template;
mod privileges;
mod read;
mod reader;
mod release;
mod report;
mod told;
mod validate;
mod variable;

#[cfg(test)]
mod tests;

pub use conditions::{PrintedConditions, PrintedElastic, PrintedRange};
pub use document::{InfoDocument, SearchItem};
pub use facts::{Deprecated, DiscoveryFacts, Facts, Release, ReplacedBy, Spec, TemplateFacts};
pub use findings::Findings;
pub use read::read;

use crate::base::digest::Digest;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;

/// Kind of an entry of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// A file.
    File,
    /// A folder; zips need not have entries for their folders.
    Folder,
}

/// A file or folder of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Path below the package's root, forward slashes, no leading or trailing slash.
    pub path: String,
    /// File or folder.
    pub kind: EntryKind,
    /// Bytes of a file, 0 for a folder.
    pub size: u64,
}

/// Form in which a package was found; some rules differ (contract, "Why a package is refused" and "Files and assets").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    /// `<path>/<anything>/<version>/`.
    Folder,
    /// A `.zip` file.
    Zip,
}

/// The content of a file.
#[derive(Clone, Debug)]
pub struct Content {
    /// Bytes of the file.
    pub bytes: Arc<Vec<u8>>,
    /// Digest of the bytes.
    pub digest: Digest,
}

impl Content {
    /// Computes the digest of the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes: Arc::new(bytes) }
    }
}

/// The files of one package, wherever they lie.
pub trait PackageFiles {
    /// Form in which the package was found.
    fn kind(&self) -> PackageKind;
    /// All entries. In a folder package: depth first, sorted by raw name bytes within each folder, a folder before its
    /// content. In a zip: the entries below the root folder, in the order of the central directory.
    fn entries(&self) -> &[Entry];
    /// Name of the folder in a zip that holds the package.
    fn root(&self) -> Option<&str> {
        None
    }
    /// The content of one file.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
    /// The content of one file with its digest. An implementation may keep both, so that the file is not read again.
    fn content(&self, path: &str) -> io::Result<Content> {
        self.read(path).map(Content::new)
    }
}

/// Facts from outside a package, and how strictly to read it.
#[derive(Clone, Debug)]
pub struct ReadContext<'a> {
    /// Name of the version folder, to be compared with the manifest's version; `None` for zips.
    pub folder_version: Option<&'a str>,
    /// True if a signature file lies beside the package.
    pub signed: bool,
    /// True if the conditions that the registry checks only under validation quarantine instead of warn (contract, "Why
    /// a package is refused"), and what only Kibana refuses.
    pub require_validation: bool,
    /// True if a dash in a folder name only warns (contract, "The dash rule").
    pub allow_dashed_folders: bool,
    /// Findings in files of other packages, so that files with the same content are checked once.
    pub findings: Option<&'a Findings>,
}

/// One package version, ready for the catalog.
#[derive(Clone, Debug)]
pub struct Package {
    /// Facts for filters and for choosing the latest version.
    pub facts: Facts,
    /// The element of `/search` answers.
    pub item: SearchItem,
    /// The answer of `/package/<name>/<version>/`.
    pub info: InfoDocument,
}
