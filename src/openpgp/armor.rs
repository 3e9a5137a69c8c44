//! Armor: OpenPGP packets as text.
//!
//! Readers of armor differ in what they forgive: text inside of lines, headers without a colon, a checksum that is wrong.
//! Here passes only what all of them read the same. [RFC 9580, 6.2](https://www.rfc-editor.org/rfc/rfc9580#section-6.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Digits of base64 in a line that is written.
const LINE: usize = 64;

/// The kind of a signature's block, as its first line names it.
pub(super) const SIGNATURE: &str = "PGP SIGNATURE";
/// The kind of a block of public keys.
pub(super) const PUBLIC_KEY: &str = "PGP PUBLIC KEY BLOCK";
/// The kind of a block of secret keys.
pub(super) const PRIVATE_KEY: &str = "PGP PRIVATE KEY BLOCK";

/// One armored block.
pub(super) struct Block<'a> {
    /// What its first line says it holds.
    pub(super) kind: &'a str,
    pub(super) packets: Vec<u8>,
}

/// Returns true if bytes look like packets rather than text: the first bit of a packet is set.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|byte| byte & 0x80 != 0)
}

/// Reads the first block of a text, and what follows it. Text in front of a block is a comment. Nothing if there is none.
///
/// # Errors
/// What is wrong with the block, in words that finish "the file ...".
pub(super) fn first_block(text: &str) -> Result<Option<(Block<'_>, &str)>, &'static str> {
    let mut lines = Lines { rest: text };
    let kind = loop {
        let Some(line) = lines.next() else { return Ok(None) };
        if let Some(inner) = line.strip_prefix("-----").and_then(|line| line.strip_suffix("-----")) {
            break inner.strip_prefix("BEGIN ").ok_or("has an end of an armored block before its begin")?;
        }
    };
    loop {
        match lines.next().ok_or("was cut short in its armor")? {
            "" => break,
            header if is_header(header) => {}
            _ => return Err("has no empty line between the begin of its armor and what is in it"),
        }
    }
    let (mut digits, mut checksum) = (String::new(), None);
    loop {
        let line = lines.next().ok_or("was cut short in its armor")?;
        if let Some(end) = line.strip_prefix("-----END ") {
            if end.strip_suffix("-----") != Some(kind) {
                return Err("ends its armor as something else than it began");
            }
            break;
        }
        if checksum.is_some() {
            return Err("has something behind the checksum of its armor");
        }
        match line.strip_prefix('=') {
            Some(sum) if sum.len() == 4 => checksum = Some(sum),
            _ => digits.push_str(line),
        }
    }
    let packets = STANDARD.decode(&digits).map_err(|_| "has something in its armor that is not base64")?;
    if let Some(checksum) = checksum
        && STANDARD.decode(checksum).ok().as_deref() != Some(&crc24(&packets))
    {
        return Err("has armor with a wrong checksum, so it was damaged");
    }
    Ok(Some((Block { kind, packets }, lines.rest)))
}

/// Writes packets as an armored block of some kind.
pub(super) fn write(kind: &str, packets: &[u8]) -> String {
    let digits = STANDARD.encode(packets);
    let lines = digits.as_bytes().chunks(LINE).map(|line| String::from_utf8_lossy(line) + "\n");
    let body: String = lines.collect();
    format!("-----BEGIN {kind}-----\n\n{body}={}\n-----END {kind}-----\n", STANDARD.encode(crc24(packets)))
}

/// Lines without their ends and the blanks before those.
struct Lines<'a> {
    rest: &'a str,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        Some(line.trim_end_matches([' ', '\t', '\r']))
    }
}

/// A line such as `Version: GnuPG v2`.
fn is_header(line: &str) -> bool {
    let is_key = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    line.split_once(": ").is_some_and(|(key, value)| is_key(key) && !value.is_empty())
}

/// The checksum of armor.
fn crc24(bytes: &[u8]) -> [u8; 3] {
    let mut crc: u32 = 0x00B7_04CE;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4CFB;
            }
        }
    }
    let [_, high, middle, low] = crc.to_be_bytes();
    [high, middle, low]
}
