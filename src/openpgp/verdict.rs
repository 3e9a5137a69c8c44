//! Verdicts on signatures, and their words.

use super::name::{Fingerprint, Issuer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// What a signature file is worth to whoever trusts certain keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A trusted key made it over these bytes, and Kibana with that key accepts it.
    Good {
        /// The primary key, also where one of its subkeys has signed.
        key: Fingerprint,
    },
    /// It says to be by a trusted key, or nothing of value, and is not right.
    Bad {
        /// The reason, in words that finish "the signature ...".
        reason: String,
    },
    /// A signature of good form by a key that is not trusted here.
    OtherKey {
        /// What it says of that key.
        key: Issuer,
    },
    /// It rests on cryptography that Kibana does not accept.
    Weak {
        /// The hash or key: `SHA1`, `RSA1024`, `DSA`.
        what: String,
    },
    /// No signature could be read from the file.
    Unreadable {
        /// The reason, in words that finish "the signature ...".
        reason: String,
    },
    /// There is no signature file.
    Missing,
}

/// A text that is no verdict.
#[derive(Debug, thiserror::Error)]
#[error("not a verdict on a signature")]
pub struct VerdictError;

impl Verdict {
    /// The key by which it is good.
    pub fn good_key(&self) -> Option<Fingerprint> {
        match self {
            Self::Good { key } => Some(*key),
            _ => None,
        }
    }

    /// Why it is bad or unreadable.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Bad { reason } | Self::Unreadable { reason } => Some(reason),
            _ => None,
        }
    }

    /// The verdict with its reason, in a form that [`FromStr`] reads: `bad: is in text mode`.
    pub fn text(&self) -> String {
        self.reason().map_or_else(|| self.to_string(), |reason| format!("{self}: {reason}"))
    }

    pub(super) fn bad(reason: impl Into<String>) -> Self {
        Self::Bad { reason: reason.into() }
    }

    pub(super) fn unreadable(reason: impl Into<String>) -> Self {
        Self::Unreadable { reason: reason.into() }
    }

    pub(super) fn weak(what: impl Into<String>) -> Self {
        Self::Weak { what: what.into() }
    }
}

/// The word of a verdict, with what belongs in it but without a reason.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good { key } => write!(f, "good({key})"),
            Self::Bad { .. } => f.write_str("bad"),
            Self::OtherKey { key } => write!(f, "other-key({key})"),
            Self::Weak { what } => write!(f, "weak({what})"),
            Self::Unreadable { .. } => f.write_str("unreadable"),
            Self::Missing => f.write_str("missing"),
        }
    }
}

impl FromStr for Verdict {
    type Err = VerdictError;

    fn from_str(text: &str) -> Result<Self, VerdictError> {
        let (word, reason) = text.split_once(": ").unwrap_or((text, ""));
        match word {
            "bad" => return Ok(Self::bad(reason)),
            "unreadable" => return Ok(Self::unreadable(reason)),
            "missing" if text == word => return Ok(Self::Missing),
            _ => {}
        }
        let (word, inner) = text.strip_suffix(')').and_then(|text| text.split_once('(')).ok_or(VerdictError)?;
        match word {
            "good" => Ok(Self::Good { key: inner.parse().map_err(|_| VerdictError)? }),
            "other-key" => Ok(Self::OtherKey { key: inner.parse().map_err(|_| VerdictError)? }),
            "weak" if !inner.is_empty() => Ok(Self::weak(inner)),
            _ => Err(VerdictError),
        }
    }
}

/// As [`Verdict::text`].
impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Verdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
