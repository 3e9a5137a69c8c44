//! The form of the list of what is whole, and what it says of blobs and folders.

use crate::base::digest::Digest;
use crate::base::fs::read;
use rustix::fs::Stat;
use std::collections::HashMap;
use std::path::Path;

/// Says what a list is, and of which form.
pub(super) const MAGIC: &[u8; 8] = b"eprseen2";
/// Bytes of a digest.
const DIGEST: usize = 32;
/// Bytes of a blob in the list: half its digest, its size, its inode.
const BLOB: usize = 16 + 2 * 8;
/// Bytes of a folder in the list: its digest, its inode, the seconds and nanoseconds of its last change.
const FOLDER: usize = DIGEST + MARK;
const MARK: usize = 3 * 8;

/// Inode and time of the last change of a folder: equal as long as the folder is the one that was seen.
pub(super) type Mark = [u8; MARK];

/// What an earlier run wrote down.
#[derive(Default)]
pub(super) struct List {
    pub(super) blobs: HashMap<[u8; 16], Whole>,
    pub(super) folders: Vec<(Digest, Mark)>,
}

impl List {
    /// Reads a list; one of another form, or damaged, is none.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let text = read(path).ok()?;
        let (rest, sum) = text.split_at_checked(text.len().checked_sub(DIGEST)?)?;
        if Digest::of(rest).bytes() != sum {
            return None;
        }
        let (count, rest) = rest.strip_prefix(MAGIC)?.split_first_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(*count)).ok()?.checked_mul(BLOB)?;
        let (blobs, folders) = rest.split_at_checked(length)?;
        let number = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
        let blob = |line: &[u8]| {
            Some((line[..16].try_into().ok()?, Whole { size: number(&line[16..24])?, inode: number(&line[24..])? }))
        };
        let folder = |line: &[u8]| {
            let (digest, mark) = line.split_first_chunk()?;
            Some((Digest::from_bytes(*digest), mark.try_into().ok()?))
        };
        Some(Self {
            blobs: blobs.chunks_exact(BLOB).map(blob).collect::<Option<_>>()?,
            folders: folders.chunks_exact(FOLDER).map(folder).collect::<Option<_>>()?,
        })
    }
}

/// What is known of a blob that is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) size: u64,
    pub(super) inode: u64,
}

impl Whole {
    pub(super) fn of(stat: &Stat) -> Self {
        Self { size: u64::try_from(stat.st_size).unwrap_or(0), inode: stat.st_ino }
    }
}

/// What the list says of a folder.
pub(super) fn mark(stat: &Stat) -> Mark {
    let figures = [stat.st_ino, stat.st_ctime.cast_unsigned(), stat.st_ctime_nsec];
    let mut mark = Mark::default();
    mark.chunks_exact_mut(8).zip(figures).for_each(|(place, figure)| place.copy_from_slice(&figure.to_le_bytes()));
    mark
}

/// A digest of which only the first half is known, as far as a tree's name tells.
pub(super) fn half(name: &str) -> Option<Digest> {
    format!("{name}{}", "0".repeat(32)).parse().ok()
}
