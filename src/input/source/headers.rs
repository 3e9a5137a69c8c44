//! The headers of a member of a zip: one in the central directory, one before its content.
//!
//! Both have the same fields in other places, and extra fields of which two matter here: wide sizes (zip64) and a second name.

use super::names::shown;
use crate::base::problem::Problem;
use crate::base::rule::Rule;

pub(super) const CENTRAL: &[u8] = b"PK\x01\x02";
pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
/// Bytes of a header of the directory before the name.
const CENTRAL_BYTES: usize = 46;
/// Bytes of a local header before the name.
const LOCAL_BYTES: usize = 30;

/// Extra field with sizes that do not fit into the header.
const WIDE: u64 = 0x0001;
/// Extra field of Info-ZIP with the name in UTF-8.
const UNICODE_NAME: u64 = 0x7075;
/// A size that does not fit into the header.
const BEYOND: u64 = u32::MAX as u64;

/// Bit of encrypted members.
const ENCRYPTED: u64 = 1;
/// Bit of members whose sizes were not known when their header was written.
const STREAMED: u64 = 1 << 3;
/// Bit of names in UTF-8.
const UTF8: u64 = 1 << 11;
/// Bits that say how hard deflate tried.
const EFFORT: u64 = 1 << 1 | 1 << 2;
/// What a reader must be able to do at least, in tenths: zip64. Deflate and folders need less.
const MOST_VERSION: u64 = 45;

/// Attributes of DOS: the label of a disk, and a folder.
const DOS_LABEL: u64 = 0x08;
const DOS_FOLDER: u64 = 0x10;

/// What a header says of its member.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) flags: u64,
    pub(super) method: u64,
    pub(super) crc: u64,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    /// Where the local header begins; zero in a local header.
    pub(super) offset: u64,
    /// Those of DOS, and above them a Unix mode; zero in a local header.
    attributes: u64,
    /// The version of the format that a reader must know, in tenths.
    version: u64,
    has_unicode_name: bool,
}

impl Header {
    /// Reads a header of the directory; returns what follows it.
    pub(super) fn central(text: &[u8]) -> Result<(Self, &[u8]), Box<Problem>> {
        let short = || damaged("the directory ends within a member, or counts too many");
        if !text.starts_with(CENTRAL) || text.len() < CENTRAL_BYTES {
            return Err(short());
        }
        let [name, extra, comment] = [28, 30, 32].map(|place| number(text, place, 2) as usize);
        let bytes = CENTRAL_BYTES + name + extra + comment;
        let after = text.get(bytes..).ok_or_else(short)?;
        let (name, rest) = text[CENTRAL_BYTES..].split_at(name);
        let mut header = Self::new(text, 8, name);
        header.attributes = number(text, 38, 4);
        header.offset = number(text, 42, 4);
        if number(text, 34, 2) != 0 {
            return Err(damaged("a member lies in another part of the zip"));
        }
        header.extras(&rest[..extra], true)?;
        Ok((header, after))
    }

    /// The length of a local header.
    pub(super) fn local_bytes(text: &[u8]) -> Option<usize> {
        let is_whole = text.len() >= LOCAL_BYTES;
        is_whole.then(|| LOCAL_BYTES + number(text, 26, 2) as usize + number(text, 28, 2) as usize)
    }

    /// Reads a local header, given whole.
    pub(super) fn local(text: &[u8]) -> Result<Self, Box<Problem>> {
        let (name, extra) = text[LOCAL_BYTES..].split_at(number(text, 26, 2) as usize);
        let mut header = Self::new(text, 6, name);
        header.extras(extra, false)?;
        Ok(header)
    }

    /// The fields that both kinds have in the same order, from `place`.
    fn new(text: &[u8], place: usize, name: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            flags: number(text, place, 2),
            method: number(text, place + 2, 2),
            crc: number(text, place + 8, 4),
            packed: number(text, place + 12, 4),
            unpacked: number(text, place + 16, 4),
            offset: 0,
            attributes: 0,
            version: number(text, place - 2, 1),
            has_unicode_name: false,
        }
    }

    /// Returns true if sizes and checksum stand after the content.
    pub(super) fn is_streamed(&self) -> bool {
        self.flags & STREAMED != 0
    }

    /// The Unix mode, zero if there is none. Which system the member is said to come from does not matter: some readers
    /// take the mode from every system, others only from Unix.
    pub(super) fn mode(&self) -> u64 {
        self.attributes >> 16
    }

    /// Returns true if DOS would see a folder. Not every program says so of its folders.
    pub(super) fn is_folder_of_dos(&self) -> bool {
        self.attributes & DOS_FOLDER != 0
    }

    /// Returns true if DOS would see the label of a disk, which some readers pass over.
    pub(super) fn is_label(&self) -> bool {
        self.attributes & DOS_LABEL != 0
    }

    /// What makes some readers refuse the member that others unpack.
    pub(super) fn unusual_need(&self) -> Option<&'static str> {
        if self.flags & !(ENCRYPTED | EFFORT | STREAMED | UTF8) != 0 {
            Some("it has flags that not every program knows")
        } else if self.version > MOST_VERSION {
            Some("it needs a later version of the format than 4.5, which not every program knows")
        } else {
            None
        }
    }

    /// Returns true if it is neither packed nor encrypted and yet has two sizes.
    pub(super) fn has_two_sizes(&self) -> bool {
        self.method == 0 && self.flags & ENCRYPTED == 0 && self.packed != self.unpacked
    }

    /// Returns true if readers must guess how the name is encoded. Info-ZIP writes such names.
    pub(super) fn has_unmarked_name(&self) -> bool {
        !self.name.is_ascii() && self.flags & UTF8 == 0 && !self.has_unicode_name
    }

    /// Reads the extra fields. Up to three bytes may be left over, which every reader passes over.
    fn extras(&mut self, mut text: &[u8], is_central: bool) -> Result<(), Box<Problem>> {
        let mut wide = None;
        while text.len() >= 4 {
            let (kind, bytes) = (number(text, 0, 2), number(text, 2, 2) as usize);
            let Some(value) = text.get(4..4 + bytes) else {
                return Err(ambiguous(&self.name, "an extra field is longer than all of them together"));
            };
            text = &text[4 + bytes..];
            match kind {
                WIDE if wide.replace(value).is_some() => {
                    return Err(ambiguous(&self.name, "it has the extra field of zip64 twice"));
                }
                // A version, a checksum of the other name, and the name.
                UNICODE_NAME if value.get(5..) != Some(&self.name) => {
                    return Err(ambiguous(&self.name, "it has two different names"));
                }
                // Readers pass over it if they do not know the version, or the checksum is that of another name.
                UNICODE_NAME => {
                    let is_usable = value[0] == 1 && number(value, 1, 4) == u64::from(crc32fast::hash(&self.name));
                    self.has_unicode_name |= is_usable;
                }
                _ => {}
            }
        }
        self.widen(wide, is_central)
    }

    /// Takes the sizes that do not fit from the field of zip64. Some programs write all of them there, needed or not.
    fn widen(&mut self, field: Option<&[u8]>, is_central: bool) -> Result<(), Box<Problem>> {
        let refuse = |name: &[u8]| Err(ambiguous(name, "its extra field of zip64 contradicts its header"));
        let is_streamed = self.is_streamed();
        let Self { unpacked, packed, offset, .. } = self;
        let mut numbers = if is_central { vec![unpacked, packed, offset] } else { vec![unpacked, packed] };
        let mut rest = field.unwrap_or_default();
        for wanted in numbers.iter_mut().filter(|wanted| ***wanted == BEYOND) {
            let Some((value, after)) = rest.split_at_checked(8) else { return refuse(&self.name) };
            **wanted = number(value, 0, 8);
            rest = after;
        }
        if rest.is_empty() {
            return Ok(());
        }
        let field = field.unwrap_or_default();
        let told = field.chunks_exact(8).map(|value| number(value, 0, 8));
        let agrees = |(told, number): (u64, &&mut u64)| told == **number || (is_streamed && !is_central && told == 0);
        // What may follow is the number of the part that the member lies in.
        let part = field.chunks_exact(8).remainder();
        let is_part = part.is_empty() || (is_central && field.len() == 28 && part == [0; 4]);
        if is_part && field.len() / 8 <= numbers.len() && told.zip(&numbers).all(agrees) {
            return Ok(());
        }
        refuse(&self.name)
    }
}

/// A little-endian number; bytes that are not there count as zero.
pub(super) fn number(text: &[u8], place: usize, width: usize) -> u64 {
    let bytes = text.iter().skip(place).take(width);
    bytes.rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The quarantine for a zip that contradicts itself.
pub(super) fn damaged(reason: impl Into<String>) -> Box<Problem> {
    Problem::new(Rule::ZipDamaged, reason).into()
}

/// The quarantine for a member that readers understand differently.
pub(super) fn ambiguous(name: &[u8], reason: &str) -> Box<Problem> {
    Problem::new(Rule::ZipAmbiguousMember, reason).file(shown(name)).into()
}
