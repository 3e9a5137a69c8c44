//! What a new bundle would take the place of: a slip of the keyboard must not cost a file.

use super::parts::{all_of, signature_path};
use super::{MANIFEST, WINDOW};
use crate::base::fs;
use anyhow::{Context, Result};
use std::io::Read;
use std::path::{Path, PathBuf};

/// How whatever zstd compressed begins.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// How a signature begins.
const SIGNATURE: &[u8] = b"untrusted comment:";

/// The first file that a bundle of this name would take the place of although it is no bundle, no part of one and no
/// signature. An empty file has nothing to lose.
///
/// # Errors
/// When a file that is there cannot be read.
pub fn other_file(target: &Path) -> Result<Option<PathBuf>> {
    if fs::link_metadata(target).is_ok() && !is_bundle(target)? {
        return Ok(Some(target.to_owned()));
    }
    // Only the first of several parts begins as a bundle, and it may be too short to be unpacked.
    if let Some(first) = all_of(target).into_iter().next() {
        let mut head = Vec::new();
        let read = fs::open(&first)?.take(ZSTD.len() as u64).read_to_end(&mut head);
        read.with_context(|| format!("cannot read {}", first.display()))?;
        if !head.is_empty() && head != ZSTD {
            return Ok(Some(first));
        }
    }
    let signature = signature_path(target);
    let is_other = fs::read_if_there(&signature)?.is_some_and(|text| !text.is_empty() && !text.starts_with(SIGNATURE));
    Ok(is_other.then_some(signature))
}

/// Returns true if a file begins as a bundle does: zstd, and in it a tar whose first member is the manifest.
fn is_bundle(file: &Path) -> Result<bool> {
    let stat = fs::metadata(file)?;
    if !stat.is_file() || stat.len() == 0 {
        return Ok(stat.is_file());
    }
    let Ok(mut decoder) = zstd::stream::read::Decoder::new(fs::open(file)?) else { return Ok(false) };
    decoder.window_log_max(WINDOW).with_context(|| format!("cannot read {}", file.display()))?;
    let mut head = Vec::new();
    // What cannot be unpacked is no bundle.
    let _ = decoder.take(MANIFEST.len() as u64 + 1).read_to_end(&mut head);
    Ok(head.strip_prefix(MANIFEST.as_bytes()).is_some_and(|rest| rest == [0]))
}
