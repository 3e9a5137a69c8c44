//! Signing in this process, with the secret key in a file.

use super::armor::{self, is_binary};
use super::component::Component;
use super::name::Fingerprint;
use super::ring::{KeyRing, MOST_KEY_BYTES};
use pgp::composed::{Deserializable, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{PacketTrait, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, Password, SigningKey, Timestamp};
use std::io::{self, Read};

/// A secret key that can sign.
pub struct SecretKey {
    key: SignedSecretKey,
    public: KeyRing,
    /// Of the primary key.
    fingerprint: Fingerprint,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The file with the key holds something else. Words that finish "the file ...".
    #[error("the file {0}")]
    Unreadable(&'static str),
    /// None of the key's parts may sign at that time.
    #[error("the key has no part that may sign: it has expired, was revoked, or is for something else")]
    NoSigner,
    /// The passphrase is wrong, or the file holds only a stand-in for the secret.
    #[error("the secret key cannot be unlocked: the passphrase is wrong, or the file does not hold the secret itself")]
    Locked,
    /// The time cannot be written into a signature.
    #[error("the time of the signature lies after the year 2106")]
    Time,
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] io::Error),
}

impl SecretKey {
    /// Reads a file with one secret key, armored or not. It stays locked.
    ///
    /// # Errors
    /// When the file holds something else.
    pub fn read(file: &[u8]) -> Result<Self, SignError> {
        let none = SignError::Unreadable("holds no secret key; `gpg --armor --export-secret-keys KEY` writes one");
        if file.len() as u64 > MOST_KEY_BYTES {
            return Err(none);
        }
        let packets = if is_binary(file) {
            file.to_owned()
        } else {
            let text = std::str::from_utf8(file).unwrap_or_default();
            let block = armor::first_block(text).map_err(SignError::Unreadable)?.map(|(block, _)| block);
            block.filter(|block| block.kind == armor::PRIVATE_KEY).ok_or(none)?.packets
        };
        let mut keys = SignedSecretKey::from_bytes_many(packets.as_slice()).map_err(|_| damaged())?;
        let key = keys.next().ok_or_else(damaged)?.map_err(|_| damaged())?;
        if keys.next().is_some() {
            return Err(SignError::Unreadable("holds more than one secret key, so it is not clear which shall sign"));
        }
        let mut public = KeyRing::default();
        let bytes = key.to_public_key().to_bytes().map_err(|_| damaged())?;
        let added = public.add(&bytes).map_err(|_| damaged())?;
        let fingerprint = *added.first().ok_or_else(damaged)?;
        if matches!(fingerprint, Fingerprint::V6(_)) {
            return Err(SignError::Unreadable("holds a key of version 6, which Kibana is not known to read"));
        }
        Ok(Self { key, public, fingerprint })
    }

    /// The fingerprint of its primary key.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// A ring with its public part alone.
    pub fn public(&self) -> &KeyRing {
        &self.public
    }

    /// Unlocks it for as long as it is held: unlocking is slow on purpose, and many files may be signed.
    ///
    /// # Errors
    /// When no part of it can be unlocked: the passphrase is wrong.
    pub fn unlock(&mut self, passphrase: &[u8]) -> Result<(), SignError> {
        let passphrase = Password::from(passphrase);
        // A primary key that is kept elsewhere stays locked, and its subkeys sign.
        let mut is_unlocked = self.key.primary_key.remove_password(&passphrase).is_ok();
        for subkey in &mut self.key.secret_subkeys {
            is_unlocked |= subkey.key.remove_password(&passphrase).is_ok();
        }
        if is_unlocked { Ok(()) } else { Err(SignError::Locked) }
    }

    /// The part that signs: the newest subkey that may, else the primary key.
    fn signer(&self, made: u64) -> Option<Signer<'_>> {
        let issuer = |key: &dyn KeyDetails| Fingerprint::of(&key.fingerprint());
        let may_sign = |component: &Component| component.weakness().is_none() && component.fault_at(made).is_none();
        let components: Vec<_> = self.public.components().filter(|component| may_sign(component)).collect();
        let find = |name: Option<Fingerprint>| {
            let name = name?;
            components.iter().find(|component| component.facts.fingerprint == name)
        };
        let subkeys = self.key.secret_subkeys.iter().filter_map(|subkey| Some((find(issuer(&subkey.key))?, subkey)));
        let newest = subkeys.max_by_key(|(component, _)| (component.facts.created, component.facts.fingerprint));
        match newest {
            Some((_, subkey)) => Some(Signer::Subkey(&subkey.key)),
            None => find(issuer(&self.key.primary_key)).map(|_| Signer::Primary(&self.key.primary_key)),
        }
    }
}

fn damaged() -> SignError {
    SignError::Unreadable("holds a secret key that is damaged, or of a kind that Kibana does not know")
}

/// The part of a key that signs.
enum Signer<'a> {
    Primary(&'a pgp::packet::SecretKey),
    Subkey(&'a pgp::packet::SecretSubkey),
}

/// Signs data and returns the armored signature: of version 4, over the bytes as they are, with SHA-512, and with the
/// fingerprint of its key. `made` is the time that it names, in seconds since 1970.
///
/// # Errors
/// When the key may not or cannot sign, or the data cannot be read.
pub fn sign(key: &SecretKey, passphrase: &[u8], made: u64, data: impl Read) -> Result<String, SignError> {
    let time = u32::try_from(made).map_err(|_| SignError::Time)?;
    let passphrase = Password::from(passphrase);
    match key.signer(made).ok_or(SignError::NoSigner)? {
        Signer::Primary(key) => sign_with(key, &passphrase, time, data),
        Signer::Subkey(key) => sign_with(key, &passphrase, time, data),
    }
}

fn sign_with(
    key: &impl SigningKey,
    passphrase: &Password,
    time: u32,
    mut data: impl Read,
) -> Result<String, SignError> {
    let mut config = SignatureConfig::v4(SignatureType::Binary, key.algorithm(), HashAlgorithm::Sha512);
    let hashed = [
        SubpacketData::SignatureCreationTime(Timestamp::from_secs(time)),
        SubpacketData::IssuerFingerprint(key.fingerprint()),
    ];
    let subpackets = |data: SubpacketData| Subpacket::regular(data).map_err(|_| damaged());
    config.hashed_subpackets = hashed.into_iter().map(subpackets).collect::<Result<_, _>>()?;
    // Readers of old look for nothing else.
    config.unhashed_subpackets = vec![subpackets(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
    let mut hasher = config.into_hasher().map_err(|_| damaged())?;
    io::copy(&mut data, &mut hasher)?;
    let signature = hasher.sign(key, passphrase).map_err(|_| SignError::Locked)?;
    let mut packet = Vec::new();
    signature.to_writer_with_header(&mut packet).map_err(|_| damaged())?;
    Ok(armor::write(armor::SIGNATURE, &packet))
}
