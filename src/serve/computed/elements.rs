//! The elements of all versions, in the file of the list that holds them all; and their compressed forms.

use super::super::headers::Version;
use crate::base::compress;
use crate::base::fs;
use crate::package::document::element_places;
use anyhow::{Context, Result, anyhow};
use std::io::BufReader;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

/// The compressed form of an element, which may stand between others.
pub(super) struct Packed {
    pub(super) bytes: Box<[u8]>,
    /// Of the plain text.
    crc: u32,
    plain_size: u64,
}

/// The elements of one generation. The texts stay in the file; the compressed forms are kept once they were needed.
pub(in crate::serve) struct Elements {
    file: fs::File,
    version: Version,
    places: Box<[(u64, u64)]>,
    packed: Box<[OnceLock<Packed>]>,
}

impl Packed {
    pub(super) fn new(text: &[u8]) -> Self {
        let (bytes, crc) = (compress::deflate_piece(text).into_boxed_slice(), crc32fast::hash(text));
        Self { bytes, crc, plain_size: text.len() as u64 }
    }

    /// Its checksum, in a form that can be joined to others.
    pub(super) fn checksum(&self) -> crc32fast::Hasher {
        crc32fast::Hasher::new_with_initial_len(self.crc, self.plain_size)
    }
}

impl Elements {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = fs::open_if_there(path)?.context("it is lost")?;
        let metadata = file.metadata()?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let places = element_places(BufReader::with_capacity(1 << 16, &file))?.into_boxed_slice();
        let packed = places.iter().map(|_| OnceLock::new()).collect();
        Ok(Self { file, version: Version { modified, length: metadata.len() }, places, packed })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The version of the file.
    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Bytes of an element.
    pub(super) fn size(&self, position: usize) -> u64 {
        self.places[position].1
    }

    /// Adds the text of an element.
    pub(super) fn push(&self, position: usize, out: &mut Vec<u8>) -> std::io::Result<()> {
        let (at, size) = self.places[position];
        let begin = out.len();
        out.resize(begin + size as usize, 0);
        self.file.read_exact_at(&mut out[begin..], at)
    }

    /// The text of an element.
    pub(super) fn text(&self, position: usize) -> Result<String> {
        let mut bytes = Vec::new();
        self.push(position, &mut bytes)?;
        String::from_utf8(bytes).map_err(|_| anyhow!("an element is damaged"))
    }

    /// The compressed form of an element.
    pub(super) fn packed(&self, position: usize) -> std::io::Result<&Packed> {
        let place = &self.packed[position];
        if let Some(packed) = place.get() {
            return Ok(packed);
        }
        let mut text = Vec::new();
        self.push(position, &mut text)?;
        Ok(place.get_or_init(|| Packed::new(&text)))
    }
}
