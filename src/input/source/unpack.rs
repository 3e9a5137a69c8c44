//! The content of one member of a zip.
//!
//! A deflated content says by itself where it ends. One reader stops there, another goes on to the end that the headers
//! declare, and what lies between is a content that only some of them see. So the end of the stream must be the declared one,
//! which the crate `zip` does not tell.

use super::headers::Header;
use crate::base::problem::Misread;
use crate::base::rule::Rule;
use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::Decompressor;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Take};
use std::os::unix::fs::FileExt;

/// Bytes that are read at once.
const BUFFER_BYTES: u64 = 1 << 15;
/// Bytes that are unpacked at once where nobody wants them.
const CHECKED_BYTES: usize = 1 << 16;
/// Contents of no more bytes, packed and unpacked, are unpacked at once.
const AT_ONCE_BYTES: u64 = 1 << 20;
/// What a file of gzip begins with, if it says nothing of its content.
const GZIP_HEAD: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\xff";

/// Where the content of a member lies, and what its headers say of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    begin: u64,
    packed: u64,
    /// Bytes of the content.
    pub(super) size: u64,
    crc: u32,
    is_deflated: bool,
}

impl Place {
    /// The place of a member whose content begins here. It is stored or deflated, and not encrypted.
    pub(super) fn new(header: &Header, begin: u64) -> Self {
        Self {
            begin,
            packed: header.packed,
            size: header.unpacked,
            // Four bytes of either header.
            crc: header.crc as u32,
            is_deflated: header.method != 0,
        }
    }

    /// Where the content begins in the zip.
    pub(super) fn begin(&self) -> u64 {
        self.begin
    }

    /// Returns true if there is nothing to unpack.
    pub(super) fn is_empty(&self) -> bool {
        self.packed == 0 && self.size == 0 && self.crc == 0
    }
}

/// The content of a member, for reading. Its end is reached without an error only if it is where the headers say, and if size
/// and checksum are right.
pub(super) struct Content<'a> {
    bytes: Bytes<'a>,
    place: Place,
    sum: crc32fast::Hasher,
    unpacked: u64,
}

enum Bytes<'a> {
    Stored(Take<&'a File>),
    Deflated { packed: BufReader<Take<&'a File>>, stream: Box<Decompress>, has_ended: bool },
}

impl<'a> Content<'a> {
    pub(super) fn new(zip: &'a File, place: Place) -> io::Result<Self> {
        Self::with(zip, place, || Box::new(Decompress::new(false)))
    }

    /// The content, unpacked by a stream that is at its beginning; it is asked for only where one is needed.
    fn with(mut zip: &'a File, place: Place, stream: impl FnOnce() -> Box<Decompress>) -> io::Result<Self> {
        zip.seek(SeekFrom::Start(place.begin))?;
        let packed = zip.take(place.packed);
        let bytes = if place.is_deflated {
            let room = place.packed.clamp(1, BUFFER_BYTES) as usize;
            Bytes::Deflated { packed: BufReader::with_capacity(room, packed), stream: stream(), has_ended: false }
        } else {
            Bytes::Stored(packed)
        };
        Ok(Self { bytes, place, sum: crc32fast::Hasher::new(), unpacked: 0 })
    }

    /// The stream, for the next content.
    fn into_stream(self) -> Option<Box<Decompress>> {
        match self.bytes {
            Bytes::Stored(_) => None,
            Bytes::Deflated { stream, .. } => Some(stream),
        }
    }

    fn check_end(&self) -> io::Result<()> {
        if let Bytes::Deflated { stream, .. } = &self.bytes
            && let Some(more @ 1..) = self.place.packed.checked_sub(stream.total_in())
        {
            let what = if more == 1 { "1 byte lies".to_owned() } else { format!("{more} bytes lie") };
            let message = format!("{what} behind the end of the compressed content and belong to nothing");
            return Err(Misread::new(Rule::ZipStrayBytes, message).into());
        }
        if self.unpacked != self.place.size {
            return Err(damaged("the content is shorter than its headers say"));
        }
        if self.sum.clone().finalize() != self.place.crc {
            return Err(damaged("the content has another checksum than its headers say"));
        }
        Ok(())
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.bytes {
            Bytes::Stored(bytes) => bytes.read(buffer)?,
            Bytes::Deflated { packed, stream, has_ended } => inflate(packed, stream, has_ended, buffer)?,
        };
        self.sum.update(&buffer[..count]);
        self.unpacked += count as u64;
        if self.unpacked > self.place.size {
            return Err(damaged("the content is longer than its headers say"));
        }
        if count == 0 && !buffer.is_empty() {
            self.check_end()?;
        }
        Ok(count)
    }
}

/// Fills a buffer as far as the stream goes; nothing is read beyond its end.
fn inflate(
    packed: &mut impl BufRead,
    stream: &mut Decompress,
    has_ended: &mut bool,
    buffer: &mut [u8],
) -> io::Result<usize> {
    while !*has_ended && !buffer.is_empty() {
        let input = packed.fill_buf()?;
        let is_all = input.is_empty();
        let [taken, given] = [stream.total_in(), stream.total_out()];
        let status = stream.decompress(input, buffer, FlushDecompress::None);
        let status = status.map_err(|error| damaged(&format!("the compressed content is damaged: {error}")))?;
        packed.consume((stream.total_in() - taken) as usize);
        *has_ended = status == Status::StreamEnd;
        let count = (stream.total_out() - given) as usize;
        if count > 0 {
            return Ok(count);
        }
        if is_all && !*has_ended {
            return Err(damaged("the compressed content breaks off"));
        }
    }
    Ok(0)
}

/// Unpacks contents only to see whether they are whole, one after the other with the same memory: most are small, and a stream
/// of its own for each would cost more than the content.
pub(super) struct Checker {
    at_once: Decompressor,
    /// A content as a file of gzip, which has checksum and size directly after the end of the stream.
    packed: Vec<u8>,
    stream: Option<Box<Decompress>>,
    buffer: Vec<u8>,
}

impl Checker {
    pub(super) fn new() -> Self {
        Self { at_once: Decompressor::new(), packed: Vec::new(), stream: None, buffer: vec![0; CHECKED_BYTES] }
    }

    /// Fails if the content of a member is not what its headers say.
    pub(super) fn check(&mut self, zip: &File, place: Place) -> io::Result<()> {
        if place.is_deflated
            && place.packed <= AT_ONCE_BYTES
            && place.size <= AT_ONCE_BYTES
            && self.is_whole(zip, place)?
        {
            return Ok(());
        }
        let mut content = Content::with(zip, place, || {
            let mut stream = self.stream.take().unwrap_or_else(|| Box::new(Decompress::new(false)));
            stream.reset(false);
            stream
        })?;
        // The end is where the sums are compared.
        while content.read(&mut self.buffer)? > 0 {}
        if let Some(stream) = content.into_stream() {
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Unpacks a small content at once, which takes half the time. That it is whole is certain if this says so: size and checksum
    /// are found where the stream ends, and they stand nowhere but behind the declared end. Why one is not, or may not be, the
    /// other way finds out.
    fn is_whole(&mut self, zip: &File, place: Place) -> io::Result<bool> {
        let (head, packed) = (GZIP_HEAD.len(), place.packed as usize);
        let sums = (u64::from(place.crc) | place.size << 32).to_le_bytes();
        self.packed.clear();
        self.packed.extend_from_slice(GZIP_HEAD);
        self.packed.resize(head + packed, 0);
        zip.read_exact_at(&mut self.packed[head..], place.begin)?;
        self.packed.extend_from_slice(&sums);
        if self.packed[head..head + packed + sums.len() - 1].windows(sums.len()).any(|eight| eight == sums) {
            return Ok(false);
        }
        let size = place.size as usize;
        self.buffer.resize(size.max(CHECKED_BYTES), 0);
        Ok(self.at_once.gzip_decompress(&self.packed, &mut self.buffer[..size]) == Ok(size))
    }
}

fn damaged(reason: &str) -> io::Error {
    Misread::new(Rule::ZipDamaged, reason).into()
}
