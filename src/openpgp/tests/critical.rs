//! Critical parts of signatures and of keys, and keys that were taken back.

use super::cases::fixture;
use super::make::{CREATED, DATA, Form, Key, MADE, Subkey, critical, flags, notation, regular};
use crate::openpgp::{Note, armor, judge};
use pgp::composed::KeyType;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{RevocationCode, SignatureType, SubpacketData};
use pgp::types::{KeyDetails as _, SigningKey};
use std::fs;

const NOT_KNOWN: &str = "bad: has a critical part that not every Kibana knows";
const NOTATION: &str = "bad: has a critical notation, and nobody knows any";
const NOT_CERTIFIED: &str = "bad: is by a key that has no valid signature of its own";
const DAY: u32 = 24 * 60 * 60;

/// Parts of every kind that matters here, with what follows where they are critical and signed.
fn parts(key: &impl SigningKey) -> Vec<(&'static str, SubpacketData, Option<&'static str>)> {
    let target = SubpacketData::SignatureTarget(key.algorithm(), HashAlgorithm::Sha256, vec![7; 32].into());
    vec![
        ("31, target", target, Some(NOT_KNOWN)),
        ("34, modes", SubpacketData::PreferredEncryptionModes(Default::default()), Some(NOT_KNOWN)),
        ("35, recipient", SubpacketData::IntendedRecipientFingerprint(key.fingerprint()), Some(NOT_KNOWN)),
        ("39, suites", SubpacketData::PreferredAeadAlgorithms(Default::default()), Some(NOT_KNOWN)),
        ("101, experiment", SubpacketData::Experimental(101, "?".into()), Some(NOT_KNOWN)),
        ("20, notation", notation(), Some(NOTATION)),
        ("7, revocable", SubpacketData::Revocable(true), None),
        ("26, policy", SubpacketData::PolicyURI("https://example.org".into()), None),
        ("28, signer", SubpacketData::SignersUserID("a@example.org".into()), None),
        ("33, fingerprint", SubpacketData::IssuerFingerprint(key.fingerprint()), None),
    ]
}

fn verdict(key: &Key, signature: &[u8]) -> String {
    judge(&key.ring(), signature, DATA).unwrap().verdict.text()
}

#[test]
fn critical_parts_of_signatures_are_known_to_every_kibana() {
    let key = Key::new(40);
    let good = format!("good({})", key.fingerprint());
    for (name, data, fault) in parts(&key.secret) {
        let form = |more, unhashed| Form { more, unhashed, ..Form::default() }.armored(&key.secret);
        let signed = verdict(&key, &form(vec![critical(data.clone())], Vec::new()));
        assert_eq!(signed, fault.unwrap_or(&good), "{name}");
        for (place, signature) in [
            ("signed and not critical", form(vec![regular(data.clone())], Vec::new())),
            ("critical and not signed", form(Vec::new(), vec![critical(data)])),
        ] {
            assert_eq!(verdict(&key, &signature), good, "{name}, {place}");
        }
    }
}

#[test]
fn critical_parts_of_keys_are_known_to_every_kibana() {
    let signature = Form::default().armored(&Key::new(41).secret);
    let of = |typ| Form::of(typ, CREATED);
    let bare = || Key::bare(&KeyType::Ed25519Legacy, 41);
    for (name, data, fault) in parts(&bare().secret) {
        let part = || vec![critical(data.clone())];
        let expected = fault.map_or_else(|| format!("good({})", bare().fingerprint()), |_| NOT_CERTIFIED.to_owned());
        for key in [
            bare().certified(&of(SignatureType::CertPositive).with(part())),
            bare().direct(&of(SignatureType::Key).with(part())),
        ] {
            assert_eq!(verdict(&key, &signature), expected, "{name}");
            let facts = key.ring().keys().next().unwrap().clone();
            assert_eq!(facts.unfit.is_some(), fault.is_some(), "{name}");
            assert!(facts.user_ids.is_empty() || fault.is_none(), "{name}");
        }
        let unsigned = Form { unhashed: part(), ..of(SignatureType::CertPositive) };
        assert!(verdict(&bare().certified(&unsigned), &signature).starts_with("good("), "{name}");
        // An earlier certification without such a part still counts.
        let again = Form::of(SignatureType::CertPositive, MADE).with(part());
        assert!(verdict(&Key::new(41).certified(&again), &signature).starts_with("good("), "{name}");
    }
}

#[test]
fn critical_parts_of_subkeys_are_known_to_every_kibana() {
    let subkey = Subkey::new(42);
    let signature = Form::default().armored(&subkey.0);
    for (name, data, fault) in parts(&Key::new(43).secret) {
        let binding = Form::of(SignatureType::SubkeyBinding, CREATED).with(vec![flags(true), critical(data)]);
        let key = Key::new(43).with_subkey(&subkey, &binding, Some(&subkey));
        let not_bound = "bad: is by a subkey that its primary key has not bound";
        let expected = fault.map_or_else(|| format!("good({})", key.fingerprint()), |_| not_bound.to_owned());
        assert_eq!(verdict(&key, &signature), expected, "{name}");
    }
}

#[test]
fn a_key_that_was_retired_later_is_noted() {
    for (why, expected) in [
        (None, vec![]),
        (Some(RevocationCode::KeyRetired), vec![Note::KeyRevoked(u64::from(MADE + DAY))]),
        (Some(RevocationCode::KeySuperseded), vec![Note::KeyRevoked(u64::from(MADE + DAY))]),
    ] {
        let key = Key::new(44);
        let signature = Form::default().armored(&key.secret);
        let key = if why.is_some() { key.revoked(MADE + DAY, why) } else { key };
        let judgement = judge(&key.ring(), &signature, DATA).unwrap();
        assert_eq!(judgement.verdict.good_key(), Some(key.fingerprint()), "{why:?}");
        assert_eq!(judgement.notes(u64::from(MADE) + 1), expected, "{why:?}");
    }
}

/// The keys of the fixtures that no common tool makes.
#[test]
fn made_keys_are_those_of_the_fixtures() {
    let recipient = |key: &Key| critical(SubpacketData::IntendedRecipientFingerprint(key.secret.fingerprint()));
    let bare = Key::bare(&KeyType::Ed25519Legacy, 45);
    let form = Form::of(SignatureType::CertPositive, CREATED).with(vec![recipient(&bare)]);
    for (name, key) in [
        ("critical.asc", bare.certified(&form)),
        ("superseded.asc", Key::new(46).revoked(MADE, Some(RevocationCode::KeySuperseded))),
    ] {
        let found = fs::read_to_string(fixture(name)).unwrap_or_default();
        assert_eq!(found, armor::write(armor::PUBLIC_KEY, &key.packets), "{name}");
    }
}
