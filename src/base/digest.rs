//! SHA-256 digests: the names of everything the store holds.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

/// A SHA-256 digest, written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// The earliest time of a published thing, see [`Digest::modified`].
const FIRST_TIME: i64 = 1_000_000_000;

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("not a SHA-256 digest")]
pub struct DigestError;

impl Digest {
    /// Returns the digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Returns the digest of a value as JSON; see [`Hasher::value`].
    pub fn of_value(value: &impl Serialize) -> Self {
        let mut hasher = Hasher::default();
        hasher.value(value);
        hasher.finish()
    }

    /// The digest of these 32 bytes of one.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the first 16 bytes, which are enough to distinguish contents in memory.
    pub fn half(&self) -> [u8; 16] {
        self.0[..16].try_into().expect("a digest has 32 bytes")
    }

    /// Returns true if a modification time, in seconds and nanoseconds, can be that of a published file.
    pub fn may_be_modified(seconds: i64, nanoseconds: i64) -> bool {
        (FIRST_TIME..FIRST_TIME + (1 << 28)).contains(&seconds) && nanoseconds == 0
    }

    /// Returns the first `digits` hexadecimal digits, at most 64.
    pub fn short(&self, digits: usize) -> String {
        let mut text = self.to_string();
        text.truncate(digits);
        text
    }

    /// Returns the modification time, in seconds since 1970, of a published file with this digest.
    ///
    /// Web servers make validators of time and size: the time must change with the content and with nothing else, so
    /// it is a fixed base plus the first 28 bits of the digest (between 2001 and 2010).
    pub fn modified(&self) -> i64 {
        let [a, b, c, d, ..] = self.0;
        FIRST_TIME + i64::from(u32::from_be_bytes([a, b, c, d]) >> 4)
    }
}

/// A digest in the making.
#[derive(Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes.as_ref());
    }

    /// Adds a text with its length, so that neighbouring texts cannot run into each other.
    pub fn text(&mut self, text: impl AsRef<[u8]>) {
        let bytes = text.as_ref();
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Adds a number.
    pub fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    /// Adds a value as JSON, by the names of its fields: a key of the cache is what settings and facts say of themselves.
    pub fn value(&mut self, value: &impl Serialize) {
        self.text(serde_json::to_vec(value).expect("plain values always serialise"));
    }

    /// Returns the digest of everything that was added.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        f.write_str(std::str::from_utf8(&text).expect("digits are ASCII"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(DigestError);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or(DigestError);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A reader whose bytes are hashed as they pass.
pub struct Hashed<R> {
    inner: R,
    hasher: Hasher,
}

impl<R> Hashed<R> {
    /// Hashes what is read from now on.
    pub fn new(inner: R) -> Self {
        Self { inner, hasher: Hasher::default() }
    }

    /// The hasher, which has everything that was read.
    pub fn into_hasher(self) -> Hasher {
        self.hasher
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let filled = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..filled]);
        Ok(filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_goes_both_ways() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse::<Digest>().expect("own spelling"), digest);
        assert_eq!(digest.short(4), "ba78");
        assert_eq!(digest.modified(), 1_000_000_000 + 0x0ba7_816b);
        assert!("ba78".parse::<Digest>().is_err());
        assert!("x".repeat(64).parse::<Digest>().is_err());
    }
}
