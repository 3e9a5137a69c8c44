//! Deflate and gzip, the same bytes on every machine.
//!
//! libdeflate works on whole buffers and gives the same stream whatever the processor; what is too large to hold goes
//! through miniz_oxide, which streams and has that property too. Libraries that pick their hash function by processor
//! features are not used for anything that is published.

mod blocks;

use libdeflater::{CompressionLvl, Compressor, Decompressor};
use std::cell::RefCell;
use std::io::{self, Read, Write};

/// Balance of time and size; the level is part of the output format.
const LEVEL: i32 = 6;

thread_local! {
    static COMPRESSOR: RefCell<Compressor> =
        RefCell::new(Compressor::new(CompressionLvl::new(LEVEL).expect("a level that libdeflate has")));
}

/// The deflate stream of some bytes.
pub fn deflate(bytes: &[u8]) -> Vec<u8> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let mut out = vec![0; compressor.deflate_compress_bound(bytes.len())];
        let size = compressor.deflate_compress(bytes, &mut out).expect("the bound was allocated");
        out.truncate(size);
        out.shrink_to_fit();
        out
    })
}

/// The bytes of a gzip file around a deflate stream of so many bytes.
pub fn gzip_size(deflated: u64) -> u64 {
    deflated + 18
}

/// A piece of a deflate stream, ending on a byte, that refers to nothing before it: pieces may be put after each other in
/// any order, as long as the last one is a [`stored_piece`] that says so.
pub fn deflate_piece(bytes: &[u8]) -> Vec<u8> {
    let mut piece = deflate(bytes);
    let (begin, end) = blocks::last_block(&piece).expect("libdeflate writes whole streams");
    // No longer the last block, and after it an empty stored one, which begins on any bit and ends on a byte.
    piece[begin / 8] &= !(1 << (begin % 8));
    piece.resize((end + 3).div_ceil(8), 0);
    piece.extend([0, 0, 0xff, 0xff]);
    piece
}

/// A piece that is not compressed, of at most 65,535 bytes; `is_last` ends the stream.
pub fn stored_piece(bytes: &[u8], is_last: bool) -> Vec<u8> {
    let size = u16::try_from(bytes.len()).expect("a stored piece is short");
    let mut piece = vec![u8::from(is_last)];
    piece.extend(size.to_le_bytes());
    piece.extend((!size).to_le_bytes());
    piece.extend(bytes);
    piece
}

/// The beginning of every gzip file: no name, no time.
pub const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The end of a gzip file.
pub fn gzip_trailer(crc: u32, size: u64) -> [u8; 8] {
    let ([a, b, c, d], [e, f, g, h]) = (crc.to_le_bytes(), (size as u32).to_le_bytes());
    [a, b, c, d, e, f, g, h]
}

/// A gzip file around a deflate stream of `size` bytes with the given CRC-32.
pub fn gzip_around(deflated: &[u8], crc: u32, size: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(gzip_size(deflated.len() as u64) as usize);
    out.extend(GZIP_HEADER);
    out.extend(deflated);
    out.extend(gzip_trailer(crc, size));
    out
}

/// Some bytes as a gzip file.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    gzip_around(&deflate(bytes), crc32fast::hash(bytes), bytes.len() as u64)
}

/// The bytes in a gzip file that [`gzip`] made.
///
/// # Errors
/// When it is damaged.
pub fn gunzip(file: &[u8]) -> io::Result<Vec<u8>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "a gzip file is damaged");
    let size = file.last_chunk().map(|bytes| u32::from_le_bytes(*bytes) as usize).ok_or_else(damaged)?;
    // Deflate reaches 1032; beyond it the size cannot be true, and nothing is allocated for it.
    if size / 1032 > file.len() {
        return Err(damaged());
    }
    let mut out = vec![0; size];
    let written = Decompressor::new().gzip_decompress(file, &mut out).map_err(|_| damaged())?;
    if written == size { Ok(out) } else { Err(damaged()) }
}

/// Deflates a stream of any length in a fixed amount of memory; returns the bytes written.
pub fn deflate_stream(mut from: impl Read, mut to: impl Write) -> io::Result<u64> {
    use miniz_oxide::deflate::core::{
        CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
    };
    let mut compressor = CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL, -15, 0));
    let (mut input, mut output) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut written = 0;
    loop {
        let filled = from.read(&mut input)?;
        let flush = if filled == 0 { TDEFLFlush::Finish } else { TDEFLFlush::None };
        let mut taken = 0;
        loop {
            let (status, consumed, produced) = compress(&mut compressor, &input[taken..filled], &mut output, flush);
            taken += consumed;
            to.write_all(&output[..produced])?;
            written += produced as u64;
            match status {
                TDEFLStatus::Done => return Ok(written),
                TDEFLStatus::Okay if taken == filled && produced < output.len() && filled > 0 => break,
                TDEFLStatus::Okay => {}
                _ => return Err(io::Error::other("deflate failed")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn inflate(deflated: &[u8]) -> Vec<u8> {
        miniz_oxide::inflate::decompress_to_vec(deflated).expect("a deflate stream")
    }

    #[test]
    fn both_ways_of_deflating_can_be_undone() {
        let mut content = Vec::new();
        for number in 0..200_000_u32 {
            content.extend((number.wrapping_mul(2_654_435_761) >> 20).to_le_bytes());
        }
        for size in [0, 1, 65_536, content.len()] {
            assert_eq!(inflate(&deflate(&content[..size])), &content[..size]);
            let mut streamed = Vec::new();
            let written = deflate_stream(&content[..size], &mut streamed).unwrap();
            assert_eq!(written, streamed.len() as u64);
            assert_eq!(inflate(&streamed), &content[..size]);
        }
    }

    #[test]
    fn pieces_make_a_stream_in_any_order() {
        let long = (0..90_000_u32).map(|number| (number % 251 + number / 9000) as u8).collect::<Vec<_>>();
        let pieces = [b"abc abc abc".as_slice(), b"", &long, b"abc", &long[..70_000]];
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 2, 0, 0, 2]] {
            let (mut stream, mut content) = (Vec::new(), Vec::new());
            for position in order {
                stream.extend(stored_piece(b",", false));
                stream.extend(deflate_piece(pieces[position]));
                content.extend([b",", pieces[position]].concat());
            }
            stream.extend(stored_piece(b"end", true));
            content.extend(b"end");
            assert_eq!(inflate(&stream), content);
        }
        assert!(deflate_piece(&long).len() < long.len() / 10);
    }

    proptest! {
        // Streams of one block and of many, of short and long codes, stored, with and without repeats.
        #[test]
        fn every_piece_can_be_followed(
            letters in 1_u8..=255,
            size in prop_oneof![0_usize..300, 0_usize..200_000],
            seed: u64,
            repeats: bool,
        ) {
            let mut state = seed;
            let mut content: Vec<u8> = Vec::with_capacity(size);
            while content.len() < size {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (letter, back) = ((state >> 40) as u8, (state >> 33) as usize % 40_000 + 1);
                match content.len().checked_sub(back).filter(|_| repeats && letter < 16) {
                    Some(from) => content.extend_from_within(from..(from + 9 * usize::from(letter)).min(from + back)),
                    None => content.push(letter % letters),
                }
            }
            let piece = deflate_piece(&content);
            let stream = [&*piece, &*stored_piece(b",", false), &*piece, &*stored_piece(b"", true)].concat();
            prop_assert!(inflate(&stream) == [&*content, b",", &*content].concat());
        }
    }

    // What is no whole stream has no last block, and none of it is a reason to stop.
    #[test]
    fn no_input_stops_the_walk() {
        let stream = deflate(&b"some text that is text, some more text".repeat(40));
        for size in 0..stream.len() {
            assert_eq!(blocks::last_block(&stream[..size]), None);
            let mut damaged = stream.clone();
            (0..=255_u8).for_each(|byte| {
                damaged[size] = byte;
                let _ = blocks::last_block(&damaged);
            });
        }
    }

    #[test]
    fn gzip_says_size_and_checksum() {
        let file = gzip(b"content");
        assert_eq!(file[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
        assert_eq!(inflate(&file[10..file.len() - 8]), b"content");
        assert_eq!(file[file.len() - 4..], 7_u32.to_le_bytes());
        assert_eq!(gunzip(&file).unwrap(), b"content");
        for end in 0..file.len() {
            assert!(gunzip(&file[..end]).is_err());
        }
    }
}
