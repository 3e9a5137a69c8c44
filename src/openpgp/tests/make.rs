//! Makes keys and signatures of any kind, also wrong ones.

use crate::openpgp::armor;
use crate::openpgp::{Fingerprint, KeyRing};
use pgp::composed::KeyType;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, Notation, PacketTrait, PubKeyInner, PublicKey, PublicSubkey, RevocationCode, SecretKey, SecretSubkey,
    Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::types::{Duration, KeyDetails, KeyVersion, PacketHeaderVersion, Password, SigningKey, Tag, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;

/// When keys are made, in seconds since 1970.
pub(super) const CREATED: u32 = 1_600_000_000;
/// When signatures are made.
pub(super) const MADE: u32 = 1_700_000_000;
/// What is signed.
pub(super) const DATA: &[u8] = b"PK\x03\x04 not quite a zip\r\n";

/// A secret key and the packets of its public part.
pub(super) struct Key {
    pub(super) secret: SecretKey,
    pub(super) packets: Vec<u8>,
}

/// A subkey with its secret.
pub(super) struct Subkey(pub(super) SecretSubkey);

/// A signature in the making.
pub(super) struct Form {
    pub(super) typ: SignatureType,
    pub(super) hash: HashAlgorithm,
    pub(super) made: Option<u32>,
    /// Whether the key is named by fingerprint, and by key id.
    pub(super) names: (bool, bool),
    pub(super) more: Vec<Subpacket>,
    pub(super) unhashed: Vec<Subpacket>,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            typ: SignatureType::Binary,
            hash: HashAlgorithm::Sha512,
            made: Some(MADE),
            names: (true, true),
            more: Vec::new(),
            unhashed: Vec::new(),
        }
    }
}

impl Form {
    pub(super) fn of(typ: SignatureType, made: u32) -> Self {
        Self { typ, made: Some(made), ..Self::default() }
    }

    pub(super) fn with(self, more: Vec<Subpacket>) -> Self {
        Self { more, ..self }
    }

    pub(super) fn config(&self, key: &impl SigningKey) -> SignatureConfig {
        let mut config = SignatureConfig::v4(self.typ, key.algorithm(), self.hash);
        let time = |seconds: u32| regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(seconds)));
        config.hashed_subpackets.extend(self.made.map(time));
        if self.names.0 {
            config.hashed_subpackets.push(regular(SubpacketData::IssuerFingerprint(key.fingerprint())));
        }
        if self.names.1 {
            config.unhashed_subpackets.push(regular(SubpacketData::IssuerKeyId(key.legacy_key_id())));
        }
        config.hashed_subpackets.extend(self.more.iter().cloned());
        config.unhashed_subpackets.extend(self.unhashed.iter().cloned());
        config
    }

    /// The signature over the data.
    pub(super) fn sign(&self, key: &impl SigningKey) -> Signature {
        self.config(key).sign(key, &Password::empty(), DATA).unwrap()
    }

    /// The same in armor.
    pub(super) fn armored(&self, key: &impl SigningKey) -> Vec<u8> {
        armored(&[self.sign(key)])
    }
}

pub(super) fn regular(data: SubpacketData) -> Subpacket {
    Subpacket::regular(data).unwrap()
}

pub(super) fn critical(data: SubpacketData) -> Subpacket {
    Subpacket::critical(data).unwrap()
}

pub(super) fn notation() -> SubpacketData {
    SubpacketData::Notation(Notation { readable: true, name: "only@acme".into(), value: "staging".into() })
}

pub(super) fn lifetime(seconds: u32) -> Subpacket {
    regular(SubpacketData::KeyExpirationTime(Duration::from_secs(seconds)))
}

pub(super) fn flags(sign: bool) -> Subpacket {
    let mut flags = KeyFlags::default();
    flags.set_certify(true);
    flags.set_sign(sign);
    regular(SubpacketData::KeyFlags(flags))
}

pub(super) fn reason(code: RevocationCode) -> Subpacket {
    regular(SubpacketData::RevocationReason(code, "".into()))
}

/// The packets of some signatures in one block of armor.
pub(super) fn armored(signatures: &[Signature]) -> Vec<u8> {
    armor::write(armor::SIGNATURE, &signatures.iter().flat_map(packet).collect::<Vec<_>>()).into_bytes()
}

pub(super) fn packet(packet: &impl PacketTrait) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.to_writer_with_header(&mut bytes).unwrap();
    bytes
}

fn inner(kind: &KeyType, seed: u64, created: u32) -> (PubKeyInner, pgp::types::SecretParams) {
    let (public, secret) = kind.generate(StdRng::seed_from_u64(seed)).unwrap();
    let created = Timestamp::from_secs(created);
    (PubKeyInner::new(KeyVersion::V4, kind.to_alg(), created, None, public).unwrap(), secret)
}

impl Key {
    /// A key without any self-signature.
    pub(super) fn bare(kind: &KeyType, seed: u64) -> Self {
        let (public, secret) = inner(kind, seed, CREATED);
        let public = PublicKey::from_inner(public).unwrap();
        let secret = SecretKey::new(public.clone(), secret).unwrap();
        Self { secret, packets: packet(&public) }
    }

    /// An Ed25519 key that certifies itself and may sign.
    pub(super) fn new(seed: u64) -> Self {
        Self::bare(&KeyType::Ed25519Legacy, seed).certified(&Form::of(SignatureType::CertPositive, CREATED))
    }

    /// With a user id, certified so; it may sign unless the form says otherwise.
    pub(super) fn certified(mut self, form: &Form) -> Self {
        let mut config = form.config(&self.secret);
        if form.more.iter().all(|part| !matches!(part.data, SubpacketData::KeyFlags(_))) {
            config.hashed_subpackets.push(flags(true));
        }
        let user = UserId::from_str(PacketHeaderVersion::New, "Tester <test@example.org>").unwrap();
        let public = self.secret.public_key();
        let signature = config.sign_certification(&self.secret, public, &Password::empty(), Tag::UserId, &user);
        self.packets.extend(packet(&user));
        self.packets.extend(packet(&signature.unwrap()));
        self
    }

    /// With a revocation, right behind the key.
    pub(super) fn revoked(mut self, made: u32, why: Option<RevocationCode>) -> Self {
        let form = Form::of(SignatureType::KeyRevocation, made).with(why.map(reason).into_iter().collect());
        let public = self.secret.public_key();
        let signature = form.config(&self.secret).sign_key(&self.secret, &Password::empty(), public).unwrap();
        let end = packet(public).len();
        self.packets.splice(end..end, packet(&signature));
        self
    }

    /// With a revocation behind everything else, as when two files are put together.
    pub(super) fn revoked_at_the_end(mut self, made: u32) -> Self {
        let before = self.packets.len();
        let revoked = Self { secret: self.secret.clone(), packets: self.packets.clone() }.revoked(made, None);
        let begin = packet(self.secret.public_key()).len();
        let length = revoked.packets.len() - before;
        self.packets.extend(&revoked.packets[begin..begin + length]);
        self
    }

    /// With its user id taken back.
    pub(super) fn without_user(mut self, made: u32) -> Self {
        let user = UserId::from_str(PacketHeaderVersion::New, "Tester <test@example.org>").unwrap();
        let form = Form::of(SignatureType::CertRevocation, made);
        let public = self.secret.public_key();
        let signature =
            form.config(&self.secret).sign_certification(&self.secret, public, &Password::empty(), Tag::UserId, &user);
        self.packets.extend(packet(&signature.unwrap()));
        self
    }

    /// With a signature over the key alone, right behind it.
    pub(super) fn direct(mut self, form: &Form) -> Self {
        let public = self.secret.public_key();
        let signature = form.config(&self.secret).sign_key(&self.secret, &Password::empty(), public).unwrap();
        let end = packet(public).len();
        self.packets.splice(end..end, packet(&signature));
        self
    }

    /// With a subkey, bound so; `back` is the key that confirms, if any does.
    pub(super) fn with_subkey(mut self, subkey: &Subkey, form: &Form, back: Option<&Subkey>) -> Self {
        let Subkey(secret) = subkey;
        let public = self.secret.public_key();
        let mut config = form.config(&self.secret);
        if let Some(Subkey(back)) = back {
            let form = Form::of(SignatureType::KeyBinding, MADE);
            let signature = form
                .config(back)
                .sign_primary_key_binding(back, back.public_key(), &Password::empty(), public)
                .unwrap();
            config.unhashed_subpackets.push(regular(SubpacketData::EmbeddedSignature(Box::new(signature))));
        }
        let signature =
            config.sign_subkey_binding(&self.secret, public, &Password::empty(), secret.public_key()).unwrap();
        self.packets.extend(packet(secret.public_key()));
        self.packets.extend(packet(&signature));
        self
    }

    /// With a further signature about the last subkey.
    pub(super) fn about_subkey(mut self, subkey: &Subkey, form: &Form) -> Self {
        let public = self.secret.public_key();
        let config = form.config(&self.secret);
        let signature =
            config.sign_subkey_binding(&self.secret, public, &Password::empty(), subkey.0.public_key()).unwrap();
        self.packets.extend(packet(&signature));
        self
    }

    pub(super) fn ring(&self) -> KeyRing {
        let mut ring = KeyRing::default();
        ring.add(&self.packets).unwrap();
        ring
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.secret.fingerprint()).unwrap()
    }
}

impl Subkey {
    pub(super) fn new(seed: u64) -> Self {
        let (public, secret) = inner(&KeyType::Ed25519Legacy, seed, CREATED);
        Self(SecretSubkey::new(PublicSubkey::from_inner(public).unwrap(), secret).unwrap())
    }
}
