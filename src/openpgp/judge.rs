//! The verdict on a signature file over some data.
//!
//! Form is judged first, then whose it is, then what that key was allowed at the time; the data is read last, and only if
//! all else is right.

use super::armor::{self, is_binary};
use super::component::{self, Component};
use super::critical;
use super::name::{Fingerprint, Issuer, KeyId};
use super::ring::KeyRing;
use super::verdict::Verdict;
use super::{MOST_SIGNATURE_BYTES, packets};
use crate::base::time::rfc3339;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureConfig, SignatureType, SignatureVersion, SubpacketData};
use pgp::types::Tag;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Read};

/// Seconds that clocks may differ: what is this much in the future is not told.
const CLOCKS_DIFFER: u64 = 24 * 60 * 60;

/// A verdict, and the times that belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    /// What the signature is worth.
    pub verdict: Verdict,
    /// When the signature says it was made, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub made: Option<u64>,
    /// When the signature says it expires, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires: Option<u64>,
    /// When the key of a good signature expires, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key_expires: Option<u64>,
    /// When the key of a good signature was revoked, later than it signed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key_revoked: Option<u64>,
}

/// What a clock, or what befell the key since, adds to a judgement. Times are in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The signature says that it was made more than a day from now.
    FromTheFuture(u64),
    /// The signature has expired.
    Expired(u64),
    /// The key has expired since it made the signature.
    KeyExpired(u64),
    /// The key was retired or superseded since it made the signature.
    KeyRevoked(u64),
}

impl Judgement {
    /// The judgement where there is no signature file.
    pub fn missing() -> Self {
        Self::of(Verdict::Missing)
    }

    fn of(verdict: Verdict) -> Self {
        Self { verdict, made: None, expires: None, key_expires: None, key_revoked: None }
    }

    /// What there is to say at a time, in seconds since 1970. It changes no verdict and belongs in no generation.
    pub fn notes(&self, now: u64) -> Vec<Note> {
        let future = self.made.filter(|made| *made > now.saturating_add(CLOCKS_DIFFER)).map(Note::FromTheFuture);
        let expired = self.expires.filter(|expires| *expires <= now).map(Note::Expired);
        let key_expired = self.key_expires.filter(|expires| *expires <= now).map(Note::KeyExpired);
        let key_revoked = self.key_revoked.map(Note::KeyRevoked);
        [future, expired, key_expired, key_revoked].into_iter().flatten().collect()
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromTheFuture(time) => {
                write!(f, "the signature says it was made in the future, at {}", rfc3339(*time))
            }
            Self::Expired(time) => write!(f, "the signature expired at {}", rfc3339(*time)),
            Self::KeyExpired(time) => write!(f, "the key has expired since it signed, at {}", rfc3339(*time)),
            Self::KeyRevoked(time) => write!(
                f,
                "the key was retired or superseded after it signed, at {}: some versions of Kibana then refuse it",
                rfc3339(*time)
            ),
        }
    }
}

/// Judges a signature file over some data, which is read once, as a stream, and only if its content decides.
///
/// # Errors
/// When the data cannot be read.
pub fn judge(ring: &KeyRing, signature: &[u8], data: impl Read) -> io::Result<Judgement> {
    let signature = match read(signature) {
        Ok(signature) => signature,
        Err(reason) => return Ok(Judgement::of(Verdict::unreadable(reason))),
    };
    let made = component::made(&signature);
    let lifetime = signature.signature_expiration_time().map(|lifetime| u64::from(lifetime.as_secs()));
    let expires = made.zip(lifetime.filter(|lifetime| *lifetime > 0)).map(|(made, lifetime)| made + lifetime);
    let judgement = |verdict| Judgement { verdict, made, expires, key_expires: None, key_revoked: None };
    let component = match signer(ring, &signature) {
        Ok(component) => component,
        Err(verdict) => return Ok(judgement(verdict)),
    };
    if component.has_made(&signature, data)? {
        let good = judgement(Verdict::Good { key: component.primary });
        let key_revoked = component.facts.revoked.map(|revoked| revoked.time);
        return Ok(Judgement { key_expires: component.facts.expires, key_revoked, ..good });
    }
    Ok(judgement(Verdict::bad("does not fit the file: one of them is another's, or was changed")))
}

/// The first signature of a file, which is the only one that Kibana looks at; the others must be readable, too.
fn read(file: &[u8]) -> Result<Signature, String> {
    if file.len() as u64 > MOST_SIGNATURE_BYTES {
        return Err(format!("has more than {MOST_SIGNATURE_BYTES} bytes"));
    }
    let text = match std::str::from_utf8(file) {
        _ if is_binary(file) => return Err("is not armored, and Kibana reads only armor".to_owned()),
        Ok(text) if text.trim().is_empty() => return Err("is empty".to_owned()),
        Ok(text) if text.trim_start().starts_with('<') => return Err("is a page of HTML or XML".to_owned()),
        Ok(text) if !text.contains('\0') => text,
        _ => return Err("is not text".to_owned()),
    };
    let block = armor::first_block(text)?.map(|(block, _)| block);
    let block = block.ok_or("has no line `-----BEGIN PGP SIGNATURE-----`")?;
    if block.kind != armor::SIGNATURE {
        return Err("is armor of something else than a signature".to_owned());
    }
    let mut first = None;
    for packet in packets::split(&block.packets)? {
        if packet.tag() != Tag::Signature {
            return Err("holds something else than signatures".to_owned());
        }
        let mut body = packet.body;
        let signature = Signature::try_from_reader(packet.header, &mut body).ok().filter(|_| body.is_empty());
        first.get_or_insert(signature.ok_or("is damaged")?);
    }
    first.ok_or_else(|| "holds nothing in its armor".to_owned())
}

/// The trusted key that a signature says it is by, if nothing speaks against it.
fn signer<'a>(ring: &'a KeyRing, signature: &Signature) -> Result<&'a Component, Verdict> {
    let config = form(signature)?;
    let made = component::made(signature).ok_or_else(|| Verdict::bad("does not say when it was made"))?;
    let issuer = issuer(config)?;
    let named: Vec<_> = ring.named_by(issuer).collect();
    let first = named.first().ok_or(Verdict::OtherKey { key: issuer })?;
    if named.iter().any(|other| other.facts.fingerprint != first.facts.fingerprint) {
        return Err(Verdict::bad("names its key by an id that two trusted keys share"));
    }
    // A subkey may belong to several trusted keys.
    let judged = named.into_iter().map(|component| fit(component, config, made).map(|()| component));
    let (mut fit, mut unfit): (Vec<_>, Vec<_>) = judged.partition(Result::is_ok);
    fit.append(&mut unfit);
    fit.swap_remove(0)
}

/// What can be said of a signature without any key.
fn form(signature: &Signature) -> Result<&SignatureConfig, Verdict> {
    let bad = |reason: &str| Err(Verdict::bad(reason));
    let Some(config) = signature.config() else { return bad("has a version that Kibana does not know") };
    match config.version() {
        SignatureVersion::V4 | SignatureVersion::V6 => {}
        _ => return bad("has an old version that Kibana does not know"),
    }
    match config.typ() {
        SignatureType::Binary => {}
        SignatureType::Text => return bad("is in text mode, which changes the bytes of a zip"),
        _ => return bad("is a signature of something else than a file"),
    }
    if let Some(fault) = critical::fault(config) {
        return bad(fault);
    }
    let count = |is_it: fn(&SubpacketData) -> bool| config.hashed_subpackets().filter(|part| is_it(&part.data)).count();
    if count(|data| matches!(data, SubpacketData::SignatureCreationTime(_))) > 1
        || count(|data| matches!(data, SubpacketData::SignatureExpirationTime(_))) > 1
    {
        return bad("has one of its times twice");
    }
    match config.hash_alg {
        HashAlgorithm::Sha256 | HashAlgorithm::Sha384 | HashAlgorithm::Sha512 => Ok(config),
        HashAlgorithm::Md5 => Err(Verdict::weak("MD5")),
        HashAlgorithm::Sha1 => Err(Verdict::weak("SHA1")),
        HashAlgorithm::Ripemd160 => Err(Verdict::weak("RIPEMD160")),
        hash => Err(Verdict::bad(format!("has a hash that not every Kibana accepts: {hash}"))),
    }
}

/// The one key that a signature names.
fn issuer(config: &SignatureConfig) -> Result<Issuer, Verdict> {
    let unknown = || Verdict::bad("names its key in a way that Kibana does not know");
    let fingerprints = config.issuer_fingerprint().into_iter().map(|name| Fingerprint::of(name).ok_or_else(unknown));
    let ids = config.issuer_key_id().into_iter().map(|name| KeyId::of(name).ok_or_else(unknown));
    let names = fingerprints.map(|name| name.map(Issuer::Fingerprint)).chain(ids.map(|name| name.map(Issuer::KeyId)));
    let names = names.collect::<Result<Vec<_>, _>>()?;
    let first = names.first().ok_or_else(|| Verdict::bad("does not name its key"))?;
    let agrees = |other: &Issuer| match other {
        Issuer::Fingerprint(_) => other == first,
        Issuer::KeyId(id) => *id == first.key_id(),
    };
    if names.iter().all(agrees) { Ok(*first) } else { Err(Verdict::bad("names two keys")) }
}

/// Whether a key may have made a signature of that form at that time.
fn fit(component: &Component, config: &SignatureConfig, made: u64) -> Result<(), Verdict> {
    if let Some(weakness) = component.weakness() {
        return Err(weakness);
    }
    let is_of = |key: Fingerprint| matches!(key, Fingerprint::V6(_)) == (config.version() == SignatureVersion::V6);
    if config.pub_alg != component.algorithm() || !is_of(component.facts.fingerprint) {
        return Err(Verdict::bad("is of another kind than its key"));
    }
    component.fault_at(made).map_or(Ok(()), |fault| Err(Verdict::bad(fault)))
}
