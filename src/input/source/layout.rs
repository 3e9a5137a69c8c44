//! Whether every reader of a zip sees the same members.
//!
//! Some readers begin with the end record and follow the central directory, others read the local headers one after the
//! other. A zip is published byte for byte, so both ways must lead to the same: local headers, directory and end record agree,
//! and together with the contents they fill the file, without a byte that belongs to none of them. Headers are read, and no
//! content ([`super::unpack`] sees whether it ends where they say). (The crate `zip` reads a directory generously, which is its duty; this module is why it may.)

use super::Limits;
use super::headers::{CENTRAL, Header, LOCAL, ambiguous, damaged, number};
use super::names::shown;
use crate::base::problem::{Problem, reading_rule};
use crate::base::rule::Rule;
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes of the end record without its comment.
const END_BYTES: usize = 22;
/// Bytes of the locator of zip64, which lies before the end record.
const LOCATOR_BYTES: usize = 20;
/// Bytes of the end record of zip64.
const WIDE_END_BYTES: usize = 56;
/// Longest comment of a zip.
const MOST_COMMENT_BYTES: usize = u16::MAX as usize;
/// Longest data descriptor: signature, checksum and two wide sizes.
const MOST_DESCRIPTOR_BYTES: u64 = 24;
/// Bytes of a local header that are read at once; names and extra fields are seldom longer.
const USUAL_HEADER_BYTES: u64 = 512;

const END: &[u8] = b"PK\x05\x06";
const WIDE_END: &[u8] = b"PK\x06\x06";
const LOCATOR: &[u8] = b"PK\x06\x07";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";

/// What the central directory of a zip says.
#[derive(Debug)]
pub(super) struct Layout {
    /// Members in the order of the directory.
    pub(super) members: Vec<Header>,
    /// Where the directory begins.
    start: u64,
}

/// What the end record says.
#[derive(Debug)]
struct End {
    members: u64,
    start: u64,
    size: u64,
    /// Where the first of the end records begins.
    begin: u64,
}

type Checked<T> = Result<T, Box<Problem>>;

impl Layout {
    /// Reads the end record and the directory of a zip of `size` bytes.
    pub(super) fn read(zip: &File, size: u64, limits: &Limits) -> Checked<Self> {
        let end = find_end(zip, size)?;
        if end.start.checked_add(end.size) != Some(end.begin) {
            return Err(damaged("the directory does not lie where its end record says"));
        }
        if end.size > directory_limit(limits) {
            return Err(Problem::new(Rule::TooManyEntries, "the directory of the zip is too large").into());
        }
        let mut text = vec![0; usize::try_from(end.size).unwrap_or(usize::MAX)];
        read_at(zip, &mut text, end.start)?;
        let mut rest = text.as_slice();
        let mut members = Vec::new();
        for _ in 0..end.members {
            let (header, after) = Header::central(rest)?;
            members.push(header);
            rest = after;
        }
        if rest.starts_with(CENTRAL) {
            let (header, _) = Header::central(rest)?;
            return Err(ambiguous(&header.name, "the member is not counted as one"));
        }
        if !rest.is_empty() {
            return Err(stray(rest.len() as u64, "after the directory"));
        }
        let mut seen = BTreeSet::new();
        if let Some(header) = members.iter().find(|header| !seen.insert(&header.name)) {
            let reason = "two members have the same name";
            return Err(Problem::new(Rule::ZipDuplicateMember, reason).file(shown(&header.name)).into());
        }
        Ok(Self { members, start: end.start })
    }

    /// Compares the local header of each member with the directory, and sees that nothing lies between members. Returns where
    /// the content of each begins.
    pub(super) fn check_members(&self, zip: &File) -> Checked<Vec<u64>> {
        let mut order: Vec<_> = self.members.iter().enumerate().collect();
        order.sort_by_key(|(_, member)| member.offset);
        let mut begins = vec![0; order.len()];
        let mut begin = 0;
        for (position, (index, member)) in order.iter().enumerate() {
            let next = order.get(position + 1).map_or(self.start, |(_, next)| next.offset);
            if member.offset > begin {
                return Err(stray(member.offset - begin, "before the first member"));
            }
            begins[*index] = check_member(zip, member, next)?;
            begin = next;
        }
        if begin < self.start {
            return Err(stray(self.start - begin, "before the directory"));
        }
        Ok(begins)
    }
}

/// No directory of more bytes is read.
pub(super) fn directory_limit(limits: &Limits) -> u64 {
    (1 << 20) + 256 * limits.max_entries as u64
}

/// Compares one local header, and what follows the content up to the next member. Returns where the content begins.
fn check_member(zip: &File, member: &Header, next: u64) -> Checked<u64> {
    let refuse = |reason: &str| Err(ambiguous(&member.name, reason));
    if member.has_two_sizes() {
        return refuse("it is stored as it is, with two different sizes");
    }
    let Some(room) = next.checked_sub(member.offset).filter(|_| member.offset < next) else {
        return Err(overlapping());
    };
    let mut text = vec![0; room.min(USUAL_HEADER_BYTES) as usize];
    read_at(zip, &mut text, member.offset)?;
    if !text.starts_with(LOCAL) {
        return Err(damaged("a member has no local header").file_of(&member.name));
    }
    let Some(bytes) = Header::local_bytes(&text).filter(|bytes| *bytes as u64 <= room) else {
        return Err(overlapping());
    };
    if text.len() < bytes {
        text = vec![0; bytes];
        read_at(zip, &mut text, member.offset)?;
    }
    let local = Header::local(&text[..bytes])?;
    if local.name != member.name {
        return refuse("its two headers have different names");
    }
    if let Some(reason) = local.unusual_need() {
        return refuse(reason);
    }
    if (local.flags, local.method) != (member.flags, member.method) {
        return refuse("its two headers have different flags or methods");
    }
    let sums = [(local.crc, member.crc), (local.packed, member.packed), (local.unpacked, member.unpacked)];
    let is_equal = |(local, central): &(u64, u64)| local == central || (member.is_streamed() && *local == 0);
    if !sums.iter().all(is_equal) {
        return refuse("its two headers have different sizes or checksums");
    }
    let Some(after) = member.packed.checked_add(bytes as u64).and_then(|used| room.checked_sub(used)) else {
        return Err(overlapping());
    };
    let begin = member.offset + bytes as u64;
    match (member.is_streamed(), after) {
        (false, 0) => Ok(begin),
        (true, 12..=MOST_DESCRIPTOR_BYTES) => check_descriptor(zip, member, next - after, after).map(|()| begin),
        (true, 0..12) => refuse("its sizes should stand after its content, and do not"),
        _ => Err(stray(after, "after the member").file_of(&member.name)),
    }
}

/// Sizes and checksum after a content that was written before they were known: with or without signature, narrow or wide.
fn check_descriptor(zip: &File, member: &Header, place: u64, bytes: u64) -> Checked<()> {
    let mut text = vec![0; bytes as usize];
    read_at(zip, &mut text, place)?;
    let (is_signed, width) = match bytes {
        12 => (false, 4),
        16 => (true, 4),
        20 => (false, 8),
        MOST_DESCRIPTOR_BYTES => (true, 8),
        _ => return Err(stray(bytes, "after the member").file_of(&member.name)),
    };
    let numbers = text.strip_prefix(DESCRIPTOR).filter(|_| is_signed).unwrap_or(&text);
    let is_whole = numbers.len() == 4 + 2 * width;
    let told = || (number(numbers, 0, 4), number(numbers, 4, width), number(numbers, 4 + width, width));
    if is_whole && told() == (member.crc, member.packed, member.unpacked) {
        Ok(())
    } else {
        Err(ambiguous(&member.name, "the sizes or the checksum after its content differ from those in the directory"))
    }
}

/// Finds the one end record that reaches to the end of the file.
fn find_end(zip: &File, size: u64) -> Checked<End> {
    // Without a comment, which is usual, one read is enough.
    let usual = END_BYTES + LOCATOR_BYTES;
    let mut tail = Vec::new();
    for most in [usual, usual + MOST_COMMENT_BYTES] {
        tail = vec![0; size.min(most as u64) as usize];
        let start = size - tail.len() as u64;
        read_at(zip, &mut tail, start)?;
        // Readers look for it from the end, so the last one counts.
        let Some(place) = tail.windows(END.len()).rposition(|four| four == END) else { continue };
        if place < LOCATOR_BYTES && start > 0 && most == usual {
            continue;
        }
        let record = &tail[place..];
        let is_whole = record.len() >= END_BYTES && record.len() - END_BYTES == number(record, 20, 2) as usize;
        if !is_whole {
            return Err(damaged("something follows the end record, or its comment holds another one"));
        }
        return read_end(zip, record, size - record.len() as u64, &tail[..place]);
    }
    Err(stray(tail.len() as u64, "after the end record"))
}

fn read_end(zip: &File, record: &[u8], begin: u64, before: &[u8]) -> Checked<End> {
    let [disk, first_disk, here, members] = [4, 6, 8, 10].map(|place| number(record, place, 2));
    let (size, start) = (number(record, 12, 4), number(record, 16, 4));
    let locator = before.len().checked_sub(LOCATOR_BYTES).map(|place| &before[place..]);
    let Some(locator) = locator.filter(|locator| locator.starts_with(LOCATOR)) else {
        if (disk, first_disk) != (0, 0) || here != members {
            return Err(damaged("the zip has several parts"));
        }
        return Ok(End { members, start, size, begin });
    };
    let place = number(locator, 8, 8);
    let mut wide = [0; WIDE_END_BYTES];
    let room = (begin - LOCATOR_BYTES as u64).checked_sub(place);
    let Some(room) = room.filter(|room| *room >= WIDE_END_BYTES as u64) else {
        return Err(damaged("the end record of zip64 does not lie where its locator says"));
    };
    read_at(zip, &mut wide, place)?;
    // Its own length, without the twelve bytes that say it. The format allows more in it, and not every program does.
    if !wide.starts_with(WIDE_END) || room != WIDE_END_BYTES as u64 || number(&wide, 4, 8) != room - 12 {
        return Err(damaged("the end record of zip64 is none, or has another length than it says or needs"));
    }
    let [many_here, many, wide_size, wide_start] = [24, 32, 40, 48].map(|place| number(&wide, place, 8));
    let disks = [number(locator, 4, 4), number(&wide, 16, 4), number(&wide, 20, 4)];
    if disks != [0; 3] || number(locator, 16, 4) != 1 || many_here != many {
        return Err(damaged("the zip has several parts"));
    }
    let narrow = [
        (disk, 2, 0),
        (first_disk, 2, 0),
        (here, 2, many),
        (members, 2, many),
        (size, 4, wide_size),
        (start, 4, wide_start),
    ];
    // All bits set: the other record has the number.
    let agrees = |(number, width, wide): &(u64, u32, u64)| number == wide || *number == (1 << (8 * width)) - 1;
    if !narrow.iter().all(agrees) {
        return Err(damaged("the two end records contradict each other"));
    }
    Ok(End { members: many, start: wide_start, size: wide_size, begin: place })
}

fn read_at(zip: &File, buffer: &mut [u8], place: u64) -> Checked<()> {
    zip.read_exact_at(buffer, place).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("a header lies beyond the end of the file"),
        _ => Problem::new(reading_rule(&error), format!("cannot be read: {error}")).into(),
    })
}

fn overlapping() -> Box<Problem> {
    damaged("members overlap each other or the directory")
}

/// The quarantine for bytes that no member accounts for.
fn stray(bytes: u64, place: &str) -> Box<Problem> {
    let what = if bytes == 1 { "1 byte lies".to_owned() } else { format!("{bytes} bytes lie") };
    Problem::new(Rule::ZipStrayBytes, format!("{what} {place} and belong to nothing")).into()
}

/// Adds the member to a problem.
trait OfMember {
    fn file_of(self, name: &[u8]) -> Self;
}

impl OfMember for Box<Problem> {
    fn file_of(self, name: &[u8]) -> Self {
        self.file(shown(name)).into()
    }
}
