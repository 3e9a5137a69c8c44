//! Bundles: one distribution as one file (or parts of one) to be carried over an air gap.
//!
//! A bundle is a tar archive in zstd, so any machine can look into it:
//!
//! ```text
//! bundle.json          the manifest: every content with SHA-256 and size, every folder, recipes, what is gone
//! epr-build            the program itself, if it is statically linked
//! generation/…         the files of the generation beside its document root; in a delta as patches (`….patch`)
//! contents/text        contents that compress, one after the other, alike ones side by side
//! contents/media       contents that are compressed already
//! ```
//!
//! Most of what lies in a store is made from something else there, always in the same way, so a recipe stands for it:
//! archives of folder packages, gzip copies, and contents that lie in an archive. Behind the last frame follows the
//! *seal*, a frame that unpackers skip: the SHA-256 of everything before it ([`parts`]). A signature is a file beside the
//! bundle, as `minisign` makes it, over every byte of all parts.
//!
//! A *delta* leaves out what a base generation has. It is taken in only where that generation is.
//!
//! Knows the store and generations; nothing of packages, routing or HTTP.

pub mod check;
pub mod delta;
mod listed;
mod make;
pub mod manifest;
pub mod parts;
pub mod plan;
pub mod read;
mod recipe;
pub mod replaced;
pub mod scan;
pub mod sign;
pub mod unpack;
pub mod write;

pub use manifest::BundleManifest;

use crate::base::shown::printable;
use std::fmt;

/// Name of the first member.
const MANIFEST: &str = "bundle.json";
/// Name of the program's member, as it is called when it is unpacked.
const PROGRAM: &str = "epr-build";
/// Prefix of the names of the generation's files.
const GENERATION: &str = "generation/";
/// Suffix of the name of a file that is there as a patch.
const PATCH: &str = ".patch";
/// The two streams of contents.
const TEXT: &str = "contents/text";
const MEDIA: &str = "contents/media";
/// Window of the compression, as a power of two: 128 MiB, the most that `zstd -d` accepts by default.
const WINDOW: u32 = 27;

/// Characters of a refusal that are shown: what is quoted from a bundle may be of any length.
const MAX_SHOWN: usize = 600;

/// Why a bundle is refused: it is damaged, hostile, for another base, or not signed as demanded. The machine is well.
#[derive(Debug, PartialEq, Eq, thiserror::Error, serde::Serialize)]
pub struct Refusal {
    #[serde(rename = "message")]
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<String>,
    hint: String,
}

impl Refusal {
    /// A reason, and what to do about it.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), place: None, hint: hint.into() }
    }

    /// Adds the place, unless there is one.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place.get_or_insert_with(|| place.to_string());
        self
    }

    /// The refusal of whatever is not as it was written.
    fn damaged(what: impl Into<String>) -> Self {
        Self::new(what, "the bundle is damaged: copy it again, and compare its SHA-256 with that of the original")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.what, MAX_SHOWN))?;
        if let Some(place) = &self.place {
            write!(f, "\n  --> {}", printable(place, MAX_SHOWN))?;
        }
        write!(f, "\nhint: {}", self.hint)
    }
}

/// Bytes of zeros that end a tar archive.
const TAR_END: usize = 1024;

/// Number of zeros that follow a member of this size.
fn padding(size: u64) -> usize {
    (512 - (size % 512) as usize) % 512
}

/// The one header that a member of this name and size has.
fn header(name: &str, size: u64, mode: u32) -> std::io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(1_000_000_000);
    header.set_cksum();
    Ok(header)
}

#[cfg(test)]
mod tests;
