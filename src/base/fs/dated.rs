//! Files that have the time that is made from their content, by which damage to them is seen.

use super::{Metadata, digest_of_file, link_metadata};
use crate::base::digest::Digest;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// How closely things are compared with what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrutiny {
    /// Names, sizes and times.
    Look,
    /// Contents, too.
    Read,
}

/// Returns true if this is a file and has the time of what it should hold.
pub fn has_time(stat: &Metadata, digest: &Digest) -> bool {
    stat.is_file() && (stat.mtime(), stat.mtime_nsec()) == (digest.modified(), 0)
}

/// Returns true if a file has the time of what it holds; after a look alone, if it has one that a content can give.
pub fn is_dated(path: &Path, scrutiny: Scrutiny) -> bool {
    let Ok(stat) = link_metadata(path) else { return false };
    match scrutiny {
        Scrutiny::Look => stat.is_file() && Digest::may_be_modified(stat.mtime(), stat.mtime_nsec()),
        Scrutiny::Read => digest_of_file(path).is_ok_and(|(digest, _)| has_time(&stat, &digest)),
    }
}
