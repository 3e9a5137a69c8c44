//! Signatures of packages, judged as Kibana judges them.
//!
//! A leaf over rPGP (`pgp`), which knows packets and cryptography and has no policy. The policy is here: which signature
//! of a file counts, what is weak, whose it is, and what that key was allowed when the signature was made. A verdict
//! looks at no clock, so that a build gives the same bytes on every day; what a clock has to add, [`Judgement::notes`]
//! says. Whatever stands in a signature file, judging it ends with a verdict and reads the data at most once, as a stream.

mod armor;
mod component;
mod critical;
mod judge;
mod key;
mod name;
mod packets;
mod ring;
mod sign;
mod verdict;

#[cfg(test)]
mod tests;

pub use component::{Revocation, SigningKeyFacts};
pub use judge::{Judgement, Note, judge};
pub use key::KeyFacts;
pub use name::{Fingerprint, Issuer, KeyId};
pub use ring::{KeyError, KeyRing, MOST_KEY_BYTES};
pub use sign::{SecretKey, SignError, sign};
pub use verdict::Verdict;

/// Bytes of the longest signature file that is read. Real ones have some hundred.
pub const MOST_SIGNATURE_BYTES: u64 = 1 << 16;
