//! Key rings: the public keys that somebody trusts.

use super::armor::{self, is_binary};
use super::component::Component;
use super::key::{KeyCopy, KeyFacts, TrustedKey};
use super::name::{Fingerprint, Issuer};
use super::packets;
use crate::base::digest::{Digest, Hasher};
use pgp::types::Tag;
use std::collections::BTreeMap;

/// Bytes of the largest file of keys that is read. Real ones have some thousand.
pub const MOST_KEY_BYTES: u64 = 1 << 20;
/// The most keys of a file.
const MOST_KEYS: usize = 256;
/// Elastic's key, as Kibana has it built in.
const ELASTIC: &[u8] = include_bytes!("../../assets/GPG-KEY-elasticsearch");

/// A file that holds no public keys, or some that cannot be used. Words that finish "the file ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(pub(super) String);

/// A set of trusted public keys. Their order says nothing, nor does it matter from which files they came.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    keys: BTreeMap<Fingerprint, Entry>,
}

/// One key, with the copies that it was read from.
#[derive(Clone, Debug)]
struct Entry {
    /// By their packets as they came, so that their order is that of nothing else.
    copies: BTreeMap<Vec<u8>, KeyCopy>,
    trusted: TrustedKey,
}

impl KeyRing {
    /// A ring with Elastic's key, which is built in.
    pub fn elastic() -> Self {
        let mut ring = Self::default();
        ring.add(ELASTIC).expect("the key that is built in can be read");
        ring
    }

    /// Adds every key of a file, armored or not, and returns their fingerprints in order. A key that is there already
    /// gains what the file says of it.
    ///
    /// # Errors
    /// When the file is too large, damaged, or holds anything that is no public key. Then nothing is added.
    pub fn add(&mut self, file: &[u8]) -> Result<Vec<Fingerprint>, KeyError> {
        let mut added = Vec::new();
        for packets in key_packets(file)? {
            added.push(Self::read(&packets)?);
        }
        if added.is_empty() {
            return Err(KeyError("holds no key".to_owned()));
        }
        let fingerprints = added.iter().map(|entry| entry.trusted.facts.fingerprint).collect();
        added.into_iter().for_each(|entry| self.take(entry));
        Ok(fingerprints)
    }

    /// Reads the packets of one key.
    fn read(packets: &[u8]) -> Result<Entry, KeyError> {
        let unusable = || KeyError("holds a key that is damaged, or of a kind that Kibana does not know".to_owned());
        let key = KeyCopy::read(packets).ok_or_else(unusable)?;
        let trusted = TrustedKey::of(&[&key]).ok_or_else(unusable)?;
        Ok(Entry { copies: BTreeMap::from([(packets.to_owned(), key)]), trusted })
    }

    fn take(&mut self, entry: Entry) {
        let Some(known) = self.keys.get_mut(&entry.trusted.facts.fingerprint) else {
            self.keys.insert(entry.trusted.facts.fingerprint, entry);
            return;
        };
        known.copies.extend(entry.copies);
        if let Some(trusted) = TrustedKey::of(&known.copies.values().collect::<Vec<_>>()) {
            known.trusted = trusted;
        }
    }

    /// Adds all keys of another ring.
    pub fn join(&mut self, other: &Self) {
        other.keys.values().for_each(|entry| self.take(entry.clone()));
    }

    /// Returns true if it has no keys.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Facts of the keys, in the order of their fingerprints.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &KeyFacts> {
        self.keys.values().map(|entry| &entry.trusted.facts)
    }

    /// The identity of the set: equal for rings that judge equally, in whatever order keys were added.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::default();
        for entry in self.keys.values() {
            hasher.number(entry.copies.len() as u64);
            entry.copies.keys().for_each(|packets| hasher.text(packets));
        }
        hasher.finish()
    }

    /// One key as an armored block, exactly as it came; of several copies of it the one that was certified last. Nothing
    /// if the ring does not have it.
    pub fn armored(&self, key: &Fingerprint) -> Option<String> {
        let entry = self.keys.get(key)?;
        let (packets, _) = entry.copies.iter().max_by_key(|(_, copy)| copy.last_certified())?;
        Some(armor::write(armor::PUBLIC_KEY, packets))
    }

    /// The keys that may have made a signature.
    pub(super) fn named_by(&self, issuer: Issuer) -> impl Iterator<Item = &Component> {
        self.components().filter(move |component| issuer.names(&component.facts.fingerprint))
    }

    /// Every key of the ring that may sign, or says so.
    pub(super) fn components(&self) -> impl Iterator<Item = &Component> {
        self.keys.values().flat_map(|entry| &entry.trusted.components)
    }
}

/// The packets of each key of a file.
fn key_packets(file: &[u8]) -> Result<Vec<Vec<u8>>, KeyError> {
    let fault = |fault: &str| KeyError(fault.to_owned());
    if file.len() as u64 > MOST_KEY_BYTES {
        return Err(KeyError(format!("has more than {MOST_KEY_BYTES} bytes")));
    }
    if is_binary(file) {
        return keys_of(file);
    }
    let text = std::str::from_utf8(file).map_err(|_| fault("is neither a key nor text"))?;
    let (mut keys, mut rest) = (Vec::new(), text);
    while let Some((block, after)) = armor::first_block(rest).map_err(fault)? {
        match block.kind {
            armor::PUBLIC_KEY => keys.extend(keys_of(&block.packets)?),
            armor::PRIVATE_KEY => return Err(fault(SECRET)),
            kind => return Err(KeyError(format!("holds a block of `{kind}` and not of public keys"))),
        }
        rest = after;
    }
    Ok(keys)
}

const SECRET: &str = "holds a secret key, which has no place here; export the public one: `gpg --armor --export KEY`";

/// Cuts packets at the begin of each key.
fn keys_of(bytes: &[u8]) -> Result<Vec<Vec<u8>>, KeyError> {
    let fault = |fault: &str| KeyError(fault.to_owned());
    let mut keys: Vec<Vec<u8>> = Vec::new();
    for packet in packets::split(bytes).map_err(fault)? {
        match packet.tag() {
            Tag::SecretKey | Tag::SecretSubkey => return Err(fault(SECRET)),
            Tag::PublicKey => keys.push(Vec::new()),
            _ => {}
        }
        keys.last_mut().ok_or_else(|| fault("begins with something else than a public key"))?.extend(packet.whole);
    }
    if keys.len() > MOST_KEYS { Err(KeyError(format!("holds more than {MOST_KEYS} keys"))) } else { Ok(keys) }
}
