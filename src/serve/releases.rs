//! The releases beside the generation that is served: each a site of its own, below a path of its own.
//!
//! The folder that holds them is looked at now and then. A release never changes, so one that is still the same folder is
//! not read again. Knows nothing of how releases are made.

use super::kept::Kept;
use super::options::ServeOptions;
use super::site::Site;
use crate::base::fs;
use crate::generation::release::FOLDER;
use anyhow::Error;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Identity of a folder: path, device, inode and time of change. It differs for a folder that takes its place.
type Identity = (PathBuf, [u64; 2], [i64; 2]);

/// All releases; those that could not be opened are not tried again.
#[derive(Clone, Default)]
pub(super) struct Releases(BTreeMap<Identity, Option<Arc<Site>>>);

impl Releases {
    /// Reads the folder again. `None` if nothing changed; else the releases of now, and errors for those that could not be opened.
    pub(super) fn look(&self, options: &ServeOptions, kept: &Arc<Kept>) -> Option<(Self, Vec<Error>)> {
        let folders = folders(options);
        if self.0.keys().eq(&folders) {
            return None;
        }
        let mut failed = Vec::new();
        let open = |identity: Identity| {
            let known = self.0.get(&identity).cloned();
            let site = known.unwrap_or_else(|| {
                let options = ServeOptions { generation: identity.0.clone(), ..options.clone() };
                Site::open(&options, kept).map_err(|error| failed.push(error)).ok().map(Arc::new)
            });
            (identity, site)
        };
        let releases = folders.into_iter().map(open).collect();
        Some((Self(releases), failed))
    }

    /// Returns true if none is served.
    pub(super) fn is_empty(&self) -> bool {
        self.sites().next().is_none()
    }

    /// The releases that are served, in order of their folders.
    pub(super) fn sites(&self) -> impl Iterator<Item = &Arc<Site>> {
        self.0.values().flatten()
    }
}

/// The folders of the releases, in order; without those that cannot be read.
fn folders(options: &ServeOptions) -> Vec<Identity> {
    let entries = options.generation.parent().map(|folder| fs::list(&folder.join(FOLDER)));
    let identity = |entry: fs::Entry| {
        let stat = fs::link_metadata(&entry.path).ok().filter(fs::Metadata::is_dir)?;
        Some((entry.path, [stat.dev(), stat.ino()], [stat.ctime(), stat.ctime_nsec()]))
    };
    let entries = entries.into_iter().flatten().flatten();
    let mut folders: Vec<Identity> = entries.filter_map(identity).collect();
    folders.sort();
    folders
}
