//! A trusted key: one or several copies of it, read together.
//!
//! Only what the key itself has signed is believed of it. Its copies may differ: one may have a later revocation, or a
//! self-signature with another hash. The dates of self-signatures choose among them, and are compared with nothing else:
//! Elastic certified its key anew in 2023, and what it had signed before is as good as it was.

use super::component::{self, Component, Material, Revocation, SigningKeyFacts, algorithm_name, may_certify};
use super::name::Fingerprint;
use super::packets;
use pgp::composed::{Deserializable, SignedPublicKey, SignedPublicSubKey};
use pgp::packet::{PublicKey, Signature, SignatureType, SubpacketData};
use pgp::types::{KeyDetails, KeyVersion, SignedUser, Tag};
use serde::Serialize;

const NOT_CERTIFIED: &str = "is by a key that has no valid signature of its own";
const MAY_NOT_SIGN: &str = "is by a key that may not sign data";
const NOT_BOUND: &str = "is by a subkey that its primary key has not bound";
const NO_BACK_SIGNATURE: &str = "is by a subkey that has not confirmed its primary key";

/// Facts of a trusted key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyFacts {
    /// Of the primary key.
    pub fingerprint: Fingerprint,
    /// User ids that the key has certified, as written in it.
    pub user_ids: Vec<String>,
    /// Name of the algorithm, with bits or curve: `RSA 2048`, `Ed25519`.
    pub algorithm: String,
    /// Seconds since 1970; as JSON in words.
    #[serde(serialize_with = "component::as_date")]
    pub created: u64,
    /// Seconds since 1970, as JSON in words; nothing if never.
    #[serde(serialize_with = "component::as_date_if_any")]
    pub expires: Option<u64>,
    /// Whether it was taken back.
    pub revoked: Option<Revocation>,
    /// Why no signature by the primary key is good, in words that finish "the signature ...".
    pub unfit: Option<String>,
    /// Subkeys whose signatures count.
    pub signing_subkeys: Vec<SigningKeyFacts>,
}

/// A key as it was read from one file.
#[derive(Clone, Debug)]
pub(super) struct KeyCopy {
    key: SignedPublicKey,
    /// Signatures that revoke it, wherever they stand among its packets: a revocation that was put behind them counts, too.
    revocations: Vec<Signature>,
}

impl KeyCopy {
    /// Reads the packets of one key.
    pub(super) fn read(packets: &[u8]) -> Option<Self> {
        let key = SignedPublicKey::from_bytes(packets).ok()?;
        let signatures = packets::split(packets).ok()?.into_iter().filter(|packet| packet.tag() == Tag::Signature);
        let signatures = signatures.filter_map(|packet| Signature::try_from_reader(packet.header, packet.body).ok());
        let revocations =
            signatures.filter(|signature| signature.typ() == Some(SignatureType::KeyRevocation)).collect();
        Some(Self { key, revocations })
    }

    /// When it was last certified by itself, in seconds since 1970.
    pub(super) fn last_certified(&self) -> Option<u64> {
        let made = |ruling: Ruling<'_>| ruling.made;
        by_user_ids(&self.key.primary_key, &[self]).chain(direct(&self.key.primary_key, &[self])).map(made).max()
    }
}

/// A trusted key.
#[derive(Clone, Debug)]
pub(super) struct TrustedKey {
    pub(super) facts: KeyFacts,
    /// The primary key first.
    pub(super) components: Vec<Component>,
}

/// A self-signature that decides: whether its key may sign, and until when it lives.
struct Ruling<'a> {
    signature: &'a Signature,
    made: u64,
}

impl<'a> Ruling<'a> {
    fn of(signature: &'a Signature) -> Option<Self> {
        let made = component::made(signature)?;
        may_certify(signature).then_some(Self { signature, made })
    }

    /// The latest of them; of those of one second the last.
    fn latest(rulings: impl Iterator<Item = Self>) -> Option<Self> {
        rulings.max_by_key(|ruling| ruling.made)
    }

    /// When a key of that age expires.
    fn expires(&self, created: u64) -> Option<u64> {
        let lifetime = self.signature.key_expiration_time().map(|lifetime| u64::from(lifetime.as_secs()));
        lifetime.filter(|lifetime| *lifetime > 0).map(|lifetime| created + lifetime)
    }

    /// Whether its key may sign data; nothing where it leaves that open.
    fn may_sign(&self) -> Option<bool> {
        let config = self.signature.config()?;
        config.hashed_subpackets().find_map(|subpacket| match &subpacket.data {
            SubpacketData::KeyFlags(flags) => Some(flags.sign()),
            _ => None,
        })
    }
}

impl TrustedKey {
    /// Reads copies of one key. Nothing for keys of versions that nobody signs packages with.
    pub(super) fn of(copies: &[&KeyCopy]) -> Option<Self> {
        let key = &copies.first()?.key.primary_key;
        if !matches!(key.version(), KeyVersion::V4 | KeyVersion::V6) {
            return None;
        }
        let primary = primary(key, copies)?;
        let mut components = vec![primary];
        for subkey in copies.iter().flat_map(|copy| &copy.key.public_subkeys) {
            let Some(fingerprint) = Fingerprint::of(&subkey.fingerprint()) else { continue };
            let is_known = |component: &Component| component.facts.fingerprint == fingerprint;
            if !components.iter().any(is_known) {
                let same =
                    copies.iter().flat_map(|copy| &copy.key.public_subkeys).filter(|other| other.key == subkey.key);
                components.push(bound(
                    key,
                    fingerprint,
                    subkey,
                    same.flat_map(|other| &other.signatures),
                    &components[0],
                ));
            }
        }
        let SigningKeyFacts { fingerprint, algorithm, created, expires, revoked } = components[0].facts.clone();
        let subkeys = components.iter().skip(1).filter(|subkey| subkey.unfit.is_none());
        let facts = KeyFacts {
            fingerprint,
            user_ids: user_ids(key, copies),
            algorithm,
            created,
            expires,
            revoked,
            unfit: components[0].unfit.map(str::to_owned),
            signing_subkeys: subkeys.map(|subkey| subkey.facts.clone()).collect(),
        };
        Some(Self { facts, components })
    }
}

/// For each user id the certification that decides, if the key has not taken it back.
fn by_user_ids<'a>(key: &'a PublicKey, copies: &'a [&KeyCopy]) -> impl Iterator<Item = Ruling<'a>> {
    copies.iter().flat_map(|copy| &copy.key.details.users).filter_map(|user| certification(key, user, copies))
}

/// The certification of a user id that decides, over all copies of the key.
fn certification<'a>(key: &PublicKey, user: &SignedUser, copies: &'a [&KeyCopy]) -> Option<Ruling<'a>> {
    let users = copies.iter().flat_map(|copy| &copy.key.details.users).filter(|other| other.id == user.id);
    let own = users.flat_map(|user| {
        user.signatures.iter().filter(|signature| signature.verify_certification(key, Tag::UserId, &user.id).is_ok())
    });
    let (revoking, certifying): (Vec<_>, Vec<_>) =
        own.partition(|signature| signature.typ() == Some(SignatureType::CertRevocation));
    let ruling = Ruling::latest(certifying.into_iter().filter_map(Ruling::of))?;
    let revoked = revoking.into_iter().filter_map(component::made).max();
    revoked.is_none_or(|revoked| revoked < ruling.made).then_some(ruling)
}

/// Signatures of the primary key over itself alone.
fn direct<'a>(key: &'a PublicKey, copies: &'a [&KeyCopy]) -> impl Iterator<Item = Ruling<'a>> {
    let signatures = copies.iter().flat_map(|copy| &copy.key.details.direct_signatures);
    let signatures = signatures.filter(|signature| signature.typ() == Some(SignatureType::Key));
    signatures.filter(|signature| signature.verify_key(key).is_ok()).filter_map(Ruling::of)
}

fn user_ids(key: &PublicKey, copies: &[&KeyCopy]) -> Vec<String> {
    let mut names = Vec::new();
    for user in copies.iter().flat_map(|copy| &copy.key.details.users) {
        let name = String::from_utf8_lossy(user.id.id()).into_owned();
        if !names.contains(&name) && certification(key, user, copies).is_some() {
            names.push(name);
        }
    }
    names
}

fn primary(key: &PublicKey, copies: &[&KeyCopy]) -> Option<Component> {
    let fingerprint = Fingerprint::of(&key.fingerprint())?;
    let created = u64::from(key.created_at().as_secs());
    // Either kind may forbid: the latest of one must not hide what the other says.
    let rulings = [Ruling::latest(by_user_ids(key, copies)), Ruling::latest(direct(key, copies))];
    let rulings: Vec<_> = rulings.into_iter().flatten().collect();
    let revocations = copies.iter().flat_map(|copy| &copy.revocations);
    let revocations = revocations.filter(|signature| signature.verify_key(key).is_ok());
    let unfit = if rulings.is_empty() {
        Some(NOT_CERTIFIED)
    } else {
        rulings.iter().any(|ruling| ruling.may_sign() == Some(false)).then_some(MAY_NOT_SIGN)
    };
    let facts = SigningKeyFacts {
        fingerprint,
        algorithm: algorithm_name(key.public_params()),
        created,
        expires: rulings.iter().filter_map(|ruling| ruling.expires(created)).min(),
        revoked: revocations.map(Revocation::of).reduce(Revocation::graver),
    };
    Some(Component { facts, primary: fingerprint, material: Material::Primary(key.clone()), unfit })
}

/// A subkey with what its primary key says of it. It lives no longer than that one.
fn bound<'a>(
    key: &PublicKey,
    fingerprint: Fingerprint,
    subkey: &SignedPublicSubKey,
    signatures: impl Iterator<Item = &'a Signature>,
    primary: &Component,
) -> Component {
    let created = u64::from(subkey.created_at().as_secs());
    let holds = |signature: &&Signature| signature.verify_subkey_binding(key, &subkey.key).is_ok();
    let (revoking, binding): (Vec<_>, Vec<_>) =
        signatures.filter(holds).partition(|signature| signature.typ() == Some(SignatureType::SubkeyRevocation));
    let ruling = Ruling::latest(binding.into_iter().filter_map(Ruling::of));
    let unfit = match &ruling {
        _ if primary.unfit == Some(NOT_CERTIFIED) => Some(NOT_CERTIFIED),
        None => Some(NOT_BOUND),
        Some(ruling) if ruling.may_sign() != Some(true) => Some(MAY_NOT_SIGN),
        Some(ruling) => (!has_back_signature(ruling.signature, key, subkey)).then_some(NO_BACK_SIGNATURE),
    };
    let own = ruling.and_then(|ruling| ruling.expires(created));
    let revocations = revoking.into_iter().map(Revocation::of).chain(primary.facts.revoked);
    let facts = SigningKeyFacts {
        fingerprint,
        algorithm: algorithm_name(subkey.public_params()),
        created,
        expires: own.into_iter().chain(primary.facts.expires).min(),
        revoked: revocations.reduce(Revocation::graver),
    };
    let material = Material::Subkey(subkey.key.clone());
    Component { facts, primary: primary.primary, material, unfit }
}

/// Returns true if the subkey says that it belongs to the primary key. Else anyone could call another's key his own.
fn has_back_signature(binding: &Signature, key: &PublicKey, subkey: &SignedPublicSubKey) -> bool {
    binding.embedded_signature().is_some_and(|signature| {
        may_certify(signature) && signature.verify_primary_key_binding(&subkey.key, key).is_ok()
    })
}
