//! One package version: what its manifest says, checked, and the two documents it answers with.
//!
//! [`read()`] takes the list of files and a way to read them, and gives a [`Package`] or the reasons why there is none.
//! It knows nothing of layers, disks or output folders.

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
mod key;
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
mod validate;
mod variable;

#[cfg(test)]
mod tests;

pub use document::{InfoDocument, SearchItem};
pub use facts::{Deprecated, Facts, Release, ReplacedBy, Spec, TemplateFacts};
pub use findings::Findings;
pub use read::read;

use crate::base::digest::Digest;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::Arc;

/// What an entry of a package is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryKind {
    /// Content.
    File,
    /// A folder; zips may lack entries for theirs.
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

/// What a package was found as; some rules differ (contract, sections 1.6 and 4).
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
    /// Its bytes.
    pub bytes: Arc<Vec<u8>>,
    /// Their digest.
    pub digest: Digest,
}

impl Content {
    /// Some bytes with their digest.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), bytes: Arc::new(bytes) }
    }
}

/// The files of one package, wherever they lie.
pub trait PackageFiles {
    /// Folder or zip.
    fn kind(&self) -> PackageKind;
    /// All entries. Folder: depth first, entries of a folder in order of their raw name bytes, a folder before its
    /// content. Zip: order of the central directory, below the root folder.
    fn entries(&self) -> &[Entry];
    /// The content of one file.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
    /// The content of one file with its digest: for callers that may keep both.
    fn content(&self, path: &str) -> io::Result<Content> {
        self.read(path).map(Content::new)
    }
}

/// What surrounds a package and decides how strictly it is read.
#[derive(Clone, Debug)]
pub struct ReadContext<'a> {
    /// Name of the version folder, which must agree with the manifest; `None` for zips.
    pub folder_version: Option<&'a str>,
    /// Whether a signature file lies beside the package.
    pub signed: bool,
    /// Whether the contract's validation-only conditions (V1 to V9) quarantine instead of warn.
    pub require_validation: bool,
    /// Whether a folder name with a dash (A16) only warns.
    pub allow_dashed_folders: bool,
    /// What was found in files of other packages, so that equal ones need no second look.
    pub findings: Option<&'a Findings>,
}

/// One package version, ready for the catalog.
#[derive(Clone, Debug)]
pub struct Package {
    /// What filters and latest selection need.
    pub facts: Facts,
    /// The element it contributes to `/search` answers.
    pub item: SearchItem,
    /// The answer of `/package/<name>/<version>/`.
    pub info: InfoDocument,
}
