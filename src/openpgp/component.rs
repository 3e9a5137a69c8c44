//! One key that may sign: the primary of a trusted key, or one of its subkeys; what it is, and when it may be believed.

use super::critical;
use super::name::Fingerprint;
use super::verdict::Verdict;
use crate::base::time::rfc3339;
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::public_key::PublicKeyAlgorithm;
use pgp::packet::{PublicKey, PublicSubkey, RevocationCode, Signature};
use pgp::ser::Serialize as _;
use pgp::types::{EcdsaPublicParams, EddsaLegacyPublicParams, KeyDetails, PublicParams};
use serde::{Serialize, Serializer};
use std::io::{self, Read};

/// Bits of the shortest RSA key that Kibana accepts.
const FEWEST_RSA_BITS: u32 = 2048;

/// Facts of a subkey that signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SigningKeyFacts {
    /// Of the subkey itself.
    pub fingerprint: Fingerprint,
    /// Name of the algorithm, with bits or curve: `RSA 2048`, `Ed25519`.
    pub algorithm: String,
    /// Seconds since 1970; as JSON in words.
    #[serde(serialize_with = "as_date")]
    pub created: u64,
    /// Seconds since 1970, as JSON in words; nothing if never.
    #[serde(serialize_with = "as_date_if_any")]
    pub expires: Option<u64>,
    /// Whether it, or its primary key, was taken back.
    pub revoked: Option<Revocation>,
}

/// That a key was taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Revocation {
    /// Others may know the secret key, or no reason was given: nothing it ever signed counts. Otherwise it was retired or
    /// superseded, and what it had signed before stays good.
    pub is_hard: bool,
    /// Seconds since 1970; as JSON in words.
    #[serde(serialize_with = "as_date")]
    pub time: u64,
}

/// Writes a time as [`rfc3339`] does.
pub(super) fn as_date<S: Serializer>(time: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

/// The same of a time that may be absent.
pub(super) fn as_date_if_any<S: Serializer>(time: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(rfc3339).serialize(serializer)
}

impl Revocation {
    /// That which a revoking signature speaks of.
    pub(super) fn of(signature: &Signature) -> Self {
        let is_soft = matches!(
            signature.revocation_reason_code(),
            Some(RevocationCode::KeySuperseded | RevocationCode::KeyRetired)
        );
        Self { is_hard: !is_soft, time: made(signature).unwrap_or_default() }
    }

    /// The one of two that takes more: a hard one, then the earlier.
    pub(super) fn graver(self, other: Self) -> Self {
        let rank = |revocation: Self| (!revocation.is_hard, revocation.time);
        if rank(self) <= rank(other) { self } else { other }
    }
}

/// The time in a signature, in seconds since 1970.
pub(super) fn made(signature: &Signature) -> Option<u64> {
    signature.created().map(|time| u64::from(time.as_secs()))
}

/// Returns true for signatures that may bind keys and subkeys together, as Kibana sees it: it knows their critical parts and
/// accepts their hash. SHA-1 still does, since that says nothing about data.
pub(super) fn may_certify(signature: &Signature) -> bool {
    signature.config().is_some_and(|config| critical::fault(config).is_none())
        && !matches!(
            signature.hash_alg(),
            None | Some(HashAlgorithm::None | HashAlgorithm::Md5 | HashAlgorithm::Ripemd160 | HashAlgorithm::Other(_))
        )
}

/// The key of the library.
#[derive(Clone, Debug)]
pub(super) enum Material {
    Primary(PublicKey),
    Subkey(PublicSubkey),
}

/// A key of a trusted key, with what its self-signatures say.
#[derive(Clone, Debug)]
pub(super) struct Component {
    pub(super) facts: SigningKeyFacts,
    /// The primary of the same trusted key.
    pub(super) primary: Fingerprint,
    pub(super) material: Material,
    /// Why nothing it signs counts, whenever: in words that finish "the signature ...".
    pub(super) unfit: Option<&'static str>,
}

impl Component {
    fn details(&self) -> &dyn KeyDetails {
        match &self.material {
            Material::Primary(key) => key,
            Material::Subkey(key) => key,
        }
    }

    pub(super) fn algorithm(&self) -> PublicKeyAlgorithm {
        self.details().algorithm()
    }

    /// What keeps its cryptography from being accepted, if anything does.
    pub(super) fn weakness(&self) -> Option<Verdict> {
        let refused = |what: &str| Some(Verdict::bad(format!("is by a key of a kind that Kibana refuses: {what}")));
        match self.details().public_params() {
            PublicParams::RSA(_) => {
                let bits = rsa_bits(self.details().public_params());
                (bits < FEWEST_RSA_BITS).then(|| Verdict::weak(format!("RSA{bits}")))
            }
            PublicParams::DSA(_) => Some(Verdict::weak("DSA")),
            PublicParams::Ed25519(_) | PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. }) => None,
            PublicParams::ECDSA(
                EcdsaPublicParams::P256 { .. } | EcdsaPublicParams::P384 { .. } | EcdsaPublicParams::P521 { .. },
            ) => None,
            params => refused(&algorithm_name(params)),
        }
    }

    /// Why a signature made at that time does not count, if it does not: in words that finish "the signature ...".
    pub(super) fn fault_at(&self, time: u64) -> Option<&'static str> {
        let SigningKeyFacts { created, expires, revoked, .. } = &self.facts;
        if let Some(fault) = self.unfit {
            Some(fault)
        } else if time < *created {
            Some("is older than its key")
        } else if revoked.is_some_and(|revoked| revoked.is_hard) {
            Some("is by a key that was revoked as compromised, or without a reason")
        } else if revoked.is_some_and(|revoked| revoked.time <= time) {
            Some("was made after its key had been revoked")
        } else if expires.is_some_and(|expires| expires <= time) {
            Some("was made after its key had expired")
        } else {
            None
        }
    }

    /// Returns true if it made a signature over some data.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub(super) fn has_made(&self, signature: &Signature, data: impl Read) -> io::Result<bool> {
        let mut data = Watched { data, failure: None };
        let verified = match &self.material {
            Material::Primary(key) => signature.verify(key, &mut data),
            Material::Subkey(key) => signature.verify(key, &mut data),
        };
        data.failure.map_or(Ok(verified.is_ok()), Err)
    }
}

/// Keeps the failure to read, which the library mixes with its own.
struct Watched<R> {
    data: R,
    failure: Option<io::Error>,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.data.read(buffer).map_err(|error| match error.kind() {
            // The library asks again.
            io::ErrorKind::Interrupted => error,
            kind => {
                self.failure = Some(error);
                kind.into()
            }
        })
    }
}

/// The name of an algorithm for people, with bits or curve.
pub(super) fn algorithm_name(params: &PublicParams) -> String {
    match params {
        PublicParams::RSA(_) => format!("RSA {}", rsa_bits(params)),
        PublicParams::DSA(_) => "DSA".to_owned(),
        PublicParams::ECDSA(params) => format!("ECDSA {}", params.curve().name()),
        PublicParams::EdDSALegacy(EddsaLegacyPublicParams::Ed25519 { .. }) | PublicParams::Ed25519(_) => {
            "Ed25519".to_owned()
        }
        PublicParams::EdDSALegacy(_) => "EdDSA on an unknown curve".to_owned(),
        PublicParams::Ed448(_) => "Ed448".to_owned(),
        PublicParams::Elgamal(_) => "Elgamal".to_owned(),
        PublicParams::ECDH(_) | PublicParams::X25519(_) | PublicParams::X448(_) => "for encryption".to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// Bits of the modulus: the number in front of it, where the key is written down.
fn rsa_bits(params: &PublicParams) -> u32 {
    let bytes = params.to_bytes().unwrap_or_default();
    bytes.first_chunk().map_or(0, |length| u32::from(u16::from_be_bytes(*length)))
}
