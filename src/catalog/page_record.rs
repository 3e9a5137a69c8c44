//! The pages of a package as they are remembered, and what pages over several packages say of it.

use crate::base::media;
use crate::store::content::Blob;
use serde::{Deserialize, Serialize};

/// The pages of a package, and what pages over several packages say of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackagePages {
    /// Pages of the name.
    pub pages: Vec<Page>,
    /// Facts that the overview and the feed show of the name.
    pub tile: Tile,
}

/// A package in the overview, in the matrix and in the feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tile {
    /// Name of the package.
    pub name: String,
    /// Title, as the manifest has it.
    pub title: String,
    /// Description, as the manifest has it.
    pub description: String,
    /// The version that is shown: the newest release, or the newest pre-release where there is none.
    pub version: String,
    /// A pre-release that is newer.
    pub next: Option<String>,
    /// `integration`, `input` or `content`.
    pub kind: String,
    /// From the root of the registry.
    pub icon: Option<String>,
    /// True if the icon is too large to stand among a hundred others.
    pub is_icon_heavy: bool,
    /// With the parents of those it names.
    pub categories: Vec<String>,
    /// Layers that any of its versions comes from.
    pub layers: Vec<String>,
    /// The layer of the version that is shown.
    pub layer: String,
    /// Owner, as in `elastic/integrations`.
    pub owner: String,
    /// Subscription that the package needs, or nothing.
    pub subscription: String,
    /// True if the version that is shown is a pre-release.
    pub is_prerelease: bool,
    /// True if the package is deprecated.
    pub is_deprecated: bool,
    /// True if overrides hide all versions, so that no Kibana sees the package.
    #[serde(default)]
    pub is_hidden: bool,
    /// True if the version that is shown has a signature.
    pub is_signed: bool,
    /// Number of versions.
    pub versions: usize,
    /// More to be found by.
    pub words: String,
    /// Ranges of Kibana and the version that each gets.
    pub runs: Vec<Run>,
    /// Ranges for a Kibana that asks for pre-releases.
    pub prerelease_runs: Vec<Run>,
    /// Of the newest version, pre-releases included.
    pub news: News,
}

/// The newest version of a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// The version.
    pub version: String,
    /// Digest of its archive.
    pub archive: String,
    /// Bytes of its archive.
    pub size: u64,
    /// When its signature was made, in seconds since 1970.
    pub signed_at: Option<u64>,
    /// First lines of the changelog.
    pub changes: Vec<String>,
}

/// From this Kibana on, until the next run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// First Kibana.
    pub from: [u64; 3],
    /// The version it gets, if any.
    pub version: Option<String>,
}

/// A file below `/ui/`, stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Path below the document root, with a leading slash.
    pub path: String,
    /// Content.
    pub blob: Blob,
    /// Gzip copy, where one is worth it.
    pub gzip: Option<Blob>,
}

impl Page {
    /// Returns the content type.
    pub fn media_type(&self) -> &'static str {
        media::by_extension(&self.path).unwrap_or(media::TEXT)
    }
}
