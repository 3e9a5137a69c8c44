//! Names of keys: fingerprints, and the shorter key ids that old signatures have instead.

use pgp::types;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The fingerprint of a key, written in upper-case hexadecimal digits without blanks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fingerprint {
    /// Of a key of version 4: 40 digits.
    V4([u8; 20]),
    /// Of a key of version 6: 64 digits.
    V6([u8; 32]),
}

/// The short name of a key: 16 hexadecimal digits. Two keys may share one, if someone works for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

/// What a signature says of the key that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Issuer {
    /// Its fingerprint.
    Fingerprint(Fingerprint),
    /// Its key id alone.
    KeyId(KeyId),
}

/// A text that is no name of a key.
#[derive(Debug, thiserror::Error)]
#[error("not a fingerprint of 40 or 64 hexadecimal digits, and not a key id of 16")]
pub struct NameError;

impl Fingerprint {
    /// The key id that belongs to it.
    pub fn key_id(&self) -> KeyId {
        let bytes = match self {
            Self::V4(bytes) => &bytes[12..],
            Self::V6(bytes) => &bytes[..8],
        };
        KeyId(bytes.try_into().expect("a part of eight bytes"))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::V4(bytes) => bytes,
            Self::V6(bytes) => bytes,
        }
    }

    /// That of the library; nothing for keys of other versions, which nobody trusts.
    pub(super) fn of(fingerprint: &types::Fingerprint) -> Option<Self> {
        match fingerprint {
            types::Fingerprint::V4(bytes) => Some(Self::V4(*bytes)),
            types::Fingerprint::V6(bytes) => Some(Self::V6(*bytes)),
            _ => None,
        }
    }
}

impl KeyId {
    pub(super) fn of(id: &types::KeyId) -> Option<Self> {
        id.as_ref().try_into().ok().map(Self)
    }
}

impl Issuer {
    /// The key id, which a fingerprint implies.
    pub fn key_id(&self) -> KeyId {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.key_id(),
            Self::KeyId(id) => *id,
        }
    }

    /// Returns true if this names the key with that fingerprint.
    pub fn names(&self, key: &Fingerprint) -> bool {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint == key,
            Self::KeyId(id) => *id == key.key_id(),
        }
    }
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
}

/// The bytes of an even number of hexadecimal digits.
fn read_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: &u8| char::from(*c).to_digit(16);
    let digits: Option<Vec<_>> = text.as_bytes().iter().map(digit).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.bytes(), f)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
            Self::KeyId(id) => id.fmt(f),
        }
    }
}

impl FromStr for Issuer {
    type Err = NameError;

    /// Reads either kind of name, in upper or lower case.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let bytes = read_hex(text).ok_or(NameError)?;
        if let Ok(bytes) = bytes.as_slice().try_into() {
            return Ok(Self::KeyId(KeyId(bytes)));
        }
        let fingerprint = bytes.as_slice().try_into().map(Fingerprint::V4);
        let fingerprint = fingerprint.or_else(|_| bytes.as_slice().try_into().map(Fingerprint::V6));
        fingerprint.map(Self::Fingerprint).map_err(|_| NameError)
    }
}

impl FromStr for Fingerprint {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.parse()? {
            Issuer::Fingerprint(fingerprint) => Ok(fingerprint),
            Issuer::KeyId(_) => Err(NameError),
        }
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for KeyId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
