//! What an upstream gives now for a version that is recorded with other bytes: it is laid aside beside the layer, and told
//! until somebody decides.

use super::facts::Key;
use super::fetch::{Fetched, Partial};
use super::leftovers;
use super::place;
use super::plan::id;
use crate::base::fs;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Where the bytes lie that an upstream gives now, in the folder of what changed.
pub(super) fn path(changed: &Path, key: &Key, digest: &str) -> PathBuf {
    changed.join(format!("{}.{digest}.zip", id(key)))
}

/// Lays aside what came, unless much lies there already and nobody named the version: then its digest is told, and whoever
/// wants the bytes names it.
pub(super) fn lay(
    changed: &Path,
    key: &Key,
    (partial, fetched): (&Partial, &Fetched),
    signature: Option<&[u8]>,
    is_named: bool,
) -> Result<()> {
    if !is_named && leftovers::changed_bytes(changed)? + fetched.size > leftovers::MOST_CHANGED_BYTES {
        return partial.discard();
    }
    let aside = path(changed, key, &fetched.sha256.to_string());
    fs::make_folders(changed)?;
    if let Some(text) = signature {
        fs::write_over_for_good(&place::signature_of(&aside), text)?;
    }
    fs::flush(&partial.content)?;
    fs::rename_for_good(&partial.content, &aside)?;
    partial.discard()
}
