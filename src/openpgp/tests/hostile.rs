//! Signatures and keys that somebody made on purpose.

use super::make::{
    CREATED, DATA, Form, Key, MADE, Subkey, armored, critical, flags, lifetime, notation, packet, regular,
};
use crate::openpgp::{KeyRing, Note, SecretKey, armor, judge};
use pgp::composed::{ArmorOptions, KeyType, SecretKeyParamsBuilder};
use pgp::crypto::ecc_curve::ECCCurve;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{RevocationCode, Signature, SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{Duration, KeyDetails, KeyVersion, Password, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;

const DAY: u32 = 24 * 60 * 60;

fn verdict(ring: &KeyRing, signature: &[u8]) -> String {
    judge(ring, signature, DATA).unwrap().verdict.text()
}

/// Checks verdicts, of which `good` and `other` stand for those that name the key.
fn check<'a>(rows: impl IntoIterator<Item = (&'a str, &'a Key, Vec<u8>, &'a str)>) {
    let mut wrong = Vec::new();
    for (name, key, signature, expected) in rows {
        let found = verdict(&key.ring(), &signature);
        let expected = if expected == "good" { format!("good({})", key.fingerprint()) } else { expected.to_owned() };
        if found != expected {
            wrong.push(format!("{name}: {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn unknown() -> Subpacket {
    regular(SubpacketData::Other(60, "?".into()))
}

/// A signature whose unknown part is critical, which the library does not write.
fn unknown_and_critical(signature: &Signature) -> Vec<u8> {
    let mut packet = packet(signature);
    let place = packet.windows(3).position(|window| window == [2, 60, b'?']).unwrap();
    packet[place + 1] |= 0x80;
    armor::write(armor::SIGNATURE, &packet).into_bytes()
}

#[test]
fn forms_of_signatures() {
    let key = Key::new(1);
    let form = |change: &dyn Fn(&mut Form)| {
        let mut form = Form::default();
        change(&mut form);
        form.armored(&key.secret)
    };
    // Ed25519 has no place for short hashes.
    let rsa = Key::bare(&KeyType::Rsa(2048), 1).certified(&Form::of(SignatureType::CertPositive, CREATED));
    let hash = |hash| Form { hash, ..Form::default() }.armored(&rsa.secret);
    let later = Timestamp::from_secs(MADE + 1);
    let expiring = |seconds| regular(SubpacketData::SignatureExpirationTime(Duration::from_secs(seconds)));
    check([
        ("as it should be", &key, form(&|_| {}), "good"),
        ("SHA-256", &rsa, hash(HashAlgorithm::Sha256), "good"),
        ("SHA-384", &rsa, hash(HashAlgorithm::Sha384), "good"),
        ("SHA-1", &rsa, hash(HashAlgorithm::Sha1), "weak(SHA1)"),
        ("MD5", &rsa, hash(HashAlgorithm::Md5), "weak(MD5)"),
        ("RIPEMD", &rsa, hash(HashAlgorithm::Ripemd160), "weak(RIPEMD160)"),
        ("SHA-224", &rsa, hash(HashAlgorithm::Sha224), "bad: has a hash that not every Kibana accepts: SHA224"),
        ("SHA-3", &rsa, hash(HashAlgorithm::Sha3_256), "bad: has a hash that not every Kibana accepts: SHA3-256"),
        (
            "text mode",
            &key,
            form(&|form| form.typ = SignatureType::Text),
            "bad: is in text mode, which changes the bytes of a zip",
        ),
        ("no time", &key, form(&|form| form.made = None), "bad: does not say when it was made"),
        (
            "two times",
            &key,
            form(&|form| form.more = vec![regular(SubpacketData::SignatureCreationTime(later))]),
            "bad: has one of its times twice",
        ),
        ("a lifetime", &key, form(&|form| form.more = vec![expiring(DAY)]), "good"),
        (
            "two lifetimes",
            &key,
            form(&|form| form.more = vec![expiring(DAY), expiring(0)]),
            "bad: has one of its times twice",
        ),
        ("fingerprint alone", &key, form(&|form| form.names = (true, false)), "good"),
        ("key id alone", &key, form(&|form| form.names = (false, true)), "good"),
        ("no name", &key, form(&|form| form.names = (false, false)), "bad: does not name its key"),
        ("a notation", &key, form(&|form| form.more = vec![regular(notation())]), "good"),
        (
            "a critical notation",
            &key,
            form(&|form| form.more = vec![critical(notation())]),
            "bad: has a critical notation, and nobody knows any",
        ),
        ("an unknown part", &key, form(&|form| form.more = vec![unknown()]), "good"),
        (
            "a critical unknown part",
            &key,
            unknown_and_critical(&Form::default().with(vec![unknown()]).sign(&key.secret)),
            "bad: has a critical part that not every Kibana knows",
        ),
        (
            "a critical experiment",
            &key,
            form(&|form| form.more = vec![critical(SubpacketData::Experimental(101, "?".into()))]),
            "bad: has a critical part that not every Kibana knows",
        ),
        (
            "a critical unknown part that is not signed",
            &key,
            unknown_and_critical(&Form { unhashed: vec![unknown()], ..Form::default() }.sign(&key.secret)),
            "good",
        ),
        ("older than its key", &key, form(&|form| form.made = Some(CREATED - 1)), "bad: is older than its key"),
    ]);
    let other = Key::new(2);
    let named =
        Form { unhashed: vec![regular(SubpacketData::IssuerKeyId(other.secret.legacy_key_id()))], ..Form::default() };
    check([
        ("two names", &key, named.armored(&key.secret), "bad: names two keys"),
        (
            "another's, under our name",
            &key,
            armored(&[{
                let mut config = Form { names: (false, false), ..Form::default() }.config(&other.secret);
                config.hashed_subpackets.push(regular(SubpacketData::IssuerFingerprint(key.secret.fingerprint())));
                config.sign(&other.secret, &pgp::types::Password::empty(), DATA).unwrap()
            }]),
            "bad: does not fit the file: one of them is another's, or was changed",
        ),
    ]);
    let stranger = verdict(&KeyRing::default(), &form(&|_| {}));
    assert_eq!(stranger, format!("other-key({})", key.fingerprint()));
}

#[test]
fn kinds_of_keys() {
    let new = |kind: &KeyType| Key::bare(kind, 3).certified(&Form::of(SignatureType::CertPositive, CREATED));
    let kinds = [
        (KeyType::Rsa(1024), HashAlgorithm::Sha512, "weak(RSA1024)"),
        (KeyType::Rsa(2048), HashAlgorithm::Sha256, "good"),
        (KeyType::ECDSA(ECCCurve::P256), HashAlgorithm::Sha256, "good"),
        (KeyType::ECDSA(ECCCurve::P384), HashAlgorithm::Sha384, "good"),
        (KeyType::ECDSA(ECCCurve::P521), HashAlgorithm::Sha512, "good"),
        (KeyType::Ed25519Legacy, HashAlgorithm::Sha512, "good"),
        (KeyType::Ed25519, HashAlgorithm::Sha512, "good"),
        (
            KeyType::ECDSA(ECCCurve::Secp256k1),
            HashAlgorithm::Sha256,
            "bad: is by a key of a kind that Kibana refuses: ECDSA secp256k1",
        ),
    ];
    for (kind, hash, expected) in kinds {
        let key = new(&kind);
        let signature = Form { hash, ..Form::default() }.armored(&key.secret);
        check([(format!("{kind:?}").as_str(), &key, signature, expected)]);
    }
}

#[test]
fn version_6_keeps_to_itself() {
    let mut rng = StdRng::seed_from_u64(15);
    let mut params = SecretKeyParamsBuilder::default();
    params.version(KeyVersion::V6).key_type(KeyType::Ed25519).can_certify(true).can_sign(true);
    let secret = params.build().unwrap().generate(&mut rng).unwrap();
    let mut ring = KeyRing::default();
    let added = ring.add(&secret.to_public_key().to_bytes().unwrap()).unwrap();
    let key = &secret.primary_key;
    let made = |config: &SignatureConfig| armored(&[config.clone().sign(key, &Password::empty(), DATA).unwrap()]);
    let mut config =
        SignatureConfig::v6(&mut rng, SignatureType::Binary, key.algorithm(), HashAlgorithm::Sha512).unwrap();
    config.hashed_subpackets = vec![
        regular(SubpacketData::SignatureCreationTime(Timestamp::from_secs(u32::MAX))),
        regular(SubpacketData::IssuerFingerprint(key.fingerprint())),
    ];
    let signature = made(&config);
    let good = judge(&ring, &signature, DATA).unwrap();
    assert_eq!(good.verdict.good_key(), Some(added[0]));
    assert_eq!(added[0].to_string().len(), 64);
    assert_eq!(verdict(&KeyRing::default(), &signature), format!("other-key({})", added[0]));
    assert_eq!(judge(&ring, &signature, &b"else"[..]).unwrap().verdict.to_string(), "bad");
    let file = secret.to_armored_bytes(ArmorOptions::default()).unwrap();
    let refused = SecretKey::read(&file).err().unwrap().to_string();
    assert_eq!(refused, "the file holds a key of version 6, which Kibana is not known to read");
}

#[test]
fn what_a_key_was_allowed() {
    const BEFORE: u32 = MADE - DAY;
    const AFTER: u32 = MADE + DAY;
    const HARD: &str = "bad: is by a key that was revoked as compromised, or without a reason";
    const SOFT: &str = "bad: was made after its key had been revoked";
    let signature = Form::default().armored(&Key::new(4).secret);
    let revoked = |time, why| Key::new(4).revoked(time, why);
    let certified = |made, more| {
        Key::bare(&KeyType::Ed25519Legacy, 4).certified(&Form::of(SignatureType::CertPositive, made).with(more))
    };
    let forged = {
        let mut key = Key::new(4);
        let other = Key::new(5).revoked(BEFORE, None);
        let revocation = &other.packets[packet(other.secret.public_key()).len()..];
        let length = 2 + usize::from(revocation[1]);
        let end = packet(key.secret.public_key()).len();
        key.packets.splice(end..end, revocation[..length].iter().copied());
        key
    };
    for (name, key, expected) in [
        ("compromised, later", revoked(AFTER, Some(RevocationCode::KeyCompromised)), HARD),
        ("revoked for no reason, later", revoked(AFTER, Some(RevocationCode::NoReason)), HARD),
        ("revoked without a reason, later", revoked(AFTER, None), HARD),
        ("retired later", revoked(AFTER, Some(RevocationCode::KeyRetired)), "good"),
        ("retired before", revoked(BEFORE, Some(RevocationCode::KeyRetired)), SOFT),
        ("superseded later", revoked(AFTER, Some(RevocationCode::KeySuperseded)), "good"),
        ("superseded before", revoked(BEFORE, Some(RevocationCode::KeySuperseded)), SOFT),
        (
            "retired later, then compromised",
            revoked(AFTER, Some(RevocationCode::KeyRetired)).revoked(AFTER, None),
            HARD,
        ),
        ("revoked by somebody else", forged, "good"),
        ("certified again later", certified(AFTER, Vec::new()), "good"),
        ("expired later", certified(CREATED, vec![lifetime(AFTER - CREATED)]), "good"),
        (
            "expired before",
            certified(CREATED, vec![lifetime(BEFORE - CREATED)]),
            "bad: was made after its key had expired",
        ),
        (
            "expired before, and prolonged later",
            certified(CREATED, vec![lifetime(BEFORE - CREATED)])
                .certified(&Form::of(SignatureType::CertPositive, AFTER)),
            "good",
        ),
        (
            "without self-signature",
            Key::bare(&KeyType::Ed25519Legacy, 4),
            "bad: is by a key that has no valid signature of its own",
        ),
        ("compromised, said at the end", Key::new(4).revoked_at_the_end(AFTER), HARD),
        (
            "without its user id",
            Key::new(4).without_user(AFTER),
            "bad: is by a key that has no valid signature of its own",
        ),
        (
            "with its user id again",
            Key::new(4).without_user(BEFORE).certified(&Form::of(SignatureType::CertPositive, AFTER)),
            "good",
        ),
        (
            "expired before, and said something else later",
            certified(CREATED, vec![lifetime(BEFORE - CREATED)]).direct(&Form::of(SignatureType::Key, AFTER)),
            "bad: was made after its key had expired",
        ),
        (
            "expired before, as the key alone says",
            Key::new(4).direct(&Form::of(SignatureType::Key, CREATED).with(vec![lifetime(BEFORE - CREATED)])),
            "bad: was made after its key had expired",
        ),
        (
            "certified by the key alone",
            Key::bare(&KeyType::Ed25519Legacy, 4).direct(&Form::of(SignatureType::Key, CREATED)),
            "good",
        ),
        ("not for signing", certified(CREATED, vec![flags(false)]), "bad: is by a key that may not sign data"),
    ] {
        check([(name, &key, signature.clone(), expected)]);
    }
}

#[test]
fn hashes_of_self_signatures() {
    for (hash, expected) in [
        (HashAlgorithm::Sha256, "good"),
        (HashAlgorithm::Sha1, "good"),
        (HashAlgorithm::Md5, "bad: is by a key that has no valid signature of its own"),
        (HashAlgorithm::Ripemd160, "bad: is by a key that has no valid signature of its own"),
    ] {
        let form = Form { hash, ..Form::of(SignatureType::CertPositive, CREATED) };
        let key = Key::bare(&KeyType::Rsa(2048), 14).certified(&form);
        let signature = Form::default().armored(&key.secret);
        check([(format!("{hash:?}").as_str(), &key, signature, expected)]);
    }
}

#[test]
fn subkeys() {
    let (subkey, other) = (Subkey::new(7), Subkey::new(8));
    let signature = Form::default().armored(&subkey.0);
    let binding = |sign| Form::of(SignatureType::SubkeyBinding, CREATED).with(vec![flags(sign)]);
    let short = Form::of(SignatureType::SubkeyBinding, CREATED).with(vec![flags(true), lifetime(DAY)]);
    let revoked = |made| {
        Form::of(SignatureType::SubkeyRevocation, made).with(vec![super::make::reason(RevocationCode::KeyRetired)])
    };
    let bound = || Key::new(6).with_subkey(&subkey, &binding(true), Some(&subkey));
    const EXPIRED: &str = "bad: was made after its key had expired";
    const NO_BACK: &str = "bad: is by a subkey that has not confirmed its primary key";
    for (name, key, expected) in [
        ("bound and confirmed", bound(), "good"),
        ("not confirmed", Key::new(6).with_subkey(&subkey, &binding(true), None), NO_BACK),
        ("confirmed by another", Key::new(6).with_subkey(&subkey, &binding(true), Some(&other)), NO_BACK),
        (
            "for something else",
            Key::new(6).with_subkey(&subkey, &binding(false), Some(&subkey)),
            "bad: is by a key that may not sign data",
        ),
        ("expired", Key::new(6).with_subkey(&subkey, &short, Some(&subkey)), EXPIRED),
        (
            "retired before",
            bound().about_subkey(&subkey, &revoked(MADE - DAY)),
            "bad: was made after its key had been revoked",
        ),
        ("retired later", bound().about_subkey(&subkey, &revoked(MADE + DAY)), "good"),
        (
            "of a primary that was compromised",
            bound().revoked(MADE + DAY, None),
            "bad: is by a key that was revoked as compromised, or without a reason",
        ),
        (
            "bound by nobody",
            {
                let stranger = Key::new(9).with_subkey(&subkey, &binding(true), Some(&subkey));
                let mut key = Key::new(6);
                let begin = Key::new(9).packets.len();
                key.packets.extend(&stranger.packets[begin..]);
                key
            },
            "bad: is by a subkey that its primary key has not bound",
        ),
    ] {
        check([(name, &key, signature.clone(), expected)]);
    }
    let facts: Vec<_> = bound().ring().keys().cloned().collect();
    assert_eq!(facts[0].signing_subkeys.len(), 1);
    assert_eq!(facts[0].signing_subkeys[0].algorithm, "Ed25519");
}

#[test]
fn the_first_signature_counts() {
    let (mine, other) = (Key::new(10), Key::new(11));
    let good = Form::default().sign(&mine.secret);
    let wrong = Form { typ: SignatureType::Text, ..Form::default() }.sign(&mine.secret);
    let theirs = Form::default().sign(&other.secret);
    let stranger = format!("other-key({})", other.fingerprint());
    check([
        ("good, wrong", &mine, armored(&[good.clone(), wrong.clone()]), "good"),
        (
            "wrong, good",
            &mine,
            armored(&[wrong, good.clone()]),
            "bad: is in text mode, which changes the bytes of a zip",
        ),
        ("good, another's", &mine, armored(&[good.clone(), theirs.clone()]), "good"),
        ("another's, good", &mine, armored(&[theirs, good]), stranger.as_str()),
    ]);
}

#[test]
fn a_clock_adds_notes_and_changes_no_verdict() {
    let key = Key::new(12);
    let long = regular(SubpacketData::SignatureExpirationTime(Duration::from_secs(DAY)));
    let signature = Form::default().with(vec![long]).armored(&key.secret);
    let judgement = judge(&key.ring(), &signature, DATA).unwrap();
    assert_eq!(judgement.verdict.good_key(), Some(key.fingerprint()));
    let made = u64::from(MADE);
    let expires = made + u64::from(DAY);
    for (now, expected) in [
        (0, vec![Note::FromTheFuture(made)]),
        (made - u64::from(DAY) - 1, vec![Note::FromTheFuture(made)]),
        (made - u64::from(DAY), Vec::new()),
        (expires - 1, Vec::new()),
        (expires, vec![Note::Expired(expires)]),
        (u64::MAX, vec![Note::Expired(expires)]),
    ] {
        assert_eq!(judgement.notes(now), expected, "{now}");
    }
    let text = serde_json::to_string(&judgement).unwrap();
    assert_eq!(serde_json::from_str::<crate::openpgp::Judgement>(&text).unwrap(), judgement, "{text}");
}

#[test]
fn data_that_cannot_be_read_is_no_verdict() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    let key = Key::new(13);
    let signature = Form::default().armored(&key.secret);
    assert_eq!(judge(&key.ring(), &signature, Broken).unwrap_err().to_string(), "the disk is gone");
    // What decides without the data does not read it.
    assert_eq!(
        judge(&KeyRing::default(), &signature, Broken).unwrap().verdict.to_string().split('(').next(),
        Some("other-key")
    );
    assert_eq!(judge(&key.ring(), armor::SIGNATURE.as_bytes(), Broken).unwrap().verdict.to_string(), "unreadable");
}
