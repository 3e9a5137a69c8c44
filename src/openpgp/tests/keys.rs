//! Files of keys.

use super::cases::{fixture, ring};
use super::make::{Form, Key, packet};
use crate::openpgp::{KeyRing, MOST_KEY_BYTES, armor};
use pgp::composed::KeyType;
use pgp::packet::SignatureType;
use std::fs;

#[test]
fn files_may_hold_any_number_of_keys() {
    for (file, expected) in
        [("A-sha1.asc", 1), ("two-in-one.asc", 2), ("two-blocks.asc", 2), ("GPG-KEY-elasticsearch", 1)]
    {
        assert_eq!(ring(&[file]).keys().len(), expected, "{file}");
    }
    let (one, two) = (Key::new(30), Key::new(31));
    let both = [one.packets.as_slice(), &two.packets].concat();
    let mut binary = KeyRing::default();
    let added = binary.add(&both).unwrap();
    assert_eq!(added, [one.fingerprint(), two.fingerprint()]);
    let mut other = two.ring();
    other.join(&one.ring());
    assert_eq!(binary.digest(), other.digest());
    let armored = armor::write(armor::PUBLIC_KEY, &one.packets);
    let mut text = KeyRing::default();
    text.add(format!("Our key:\n{armored}").as_bytes()).unwrap();
    assert_eq!(text.digest(), one.ring().digest());
    assert_eq!(text.armored(&one.fingerprint()), Some(armored));
    assert_eq!(text.armored(&two.fingerprint()), None);
}

#[test]
fn facts_are_those_that_the_key_has_signed() {
    let expired: Vec<_> = ring(&["X.asc"]).keys().cloned().collect();
    assert_eq!(expired[0].user_ids, ["X <x@x>"]);
    assert_eq!(expired[0].expires, Some(expired[0].created + 366 * 24 * 60 * 60 - 24 * 60 * 60));
    let with_subkey: Vec<_> = ring(&["S.asc"]).keys().cloned().collect();
    assert_eq!(with_subkey[0].unfit.as_deref(), Some("is by a key that may not sign data"));
    assert_eq!(with_subkey[0].signing_subkeys[0].fingerprint.key_id().to_string(), "C4D993E83E2D4BEB");
    // A user id that another has put in is not believed.
    let mut key = Key::new(32);
    let other = Key::new(33);
    let begin = packet(other.secret.public_key()).len();
    key.packets.extend(&other.packets[begin..]);
    let bare =
        Key::bare(&KeyType::Ed25519Legacy, 32).certified(&Form::of(SignatureType::CertPositive, super::make::CREATED));
    assert_eq!(key.ring().keys().next(), bare.ring().keys().next());
}

#[test]
fn what_is_no_public_key_is_refused_as_a_whole() {
    let key = Key::new(34);
    let secret = packet(&key.secret);
    let public = armor::write(armor::PUBLIC_KEY, &key.packets);
    let is_secret = "holds a secret key, which has no place here; export the public one: `gpg --armor --export KEY`";
    let damaged = "holds a key that is damaged, or of a kind that Kibana does not know";
    let old = [&[0xC6, 10][..], &[3, 0, 0, 0, 1, 0, 0, 1, 0, 0]].concat();
    for (name, file, expected) in [
        ("empty", Vec::new(), "holds no key"),
        ("words", b"hello".to_vec(), "holds no key"),
        ("noise", vec![0x7F, 0xC3, 0x28], "is neither a key nor text"),
        ("secret", secret.clone(), is_secret),
        ("secret in armor", armor::write(armor::PRIVATE_KEY, &secret).into_bytes(), is_secret),
        ("secret in armor of a public key", armor::write(armor::PUBLIC_KEY, &secret).into_bytes(), is_secret),
        ("secret behind a public one", [key.packets.as_slice(), &secret].concat(), is_secret),
        (
            "a signature",
            fs::read(fixture("E-2024.sig")).unwrap(),
            "holds a block of `PGP SIGNATURE` and not of public keys",
        ),
        ("a user id", vec![0xCD, 1, b'x'], "begins with something else than a public key"),
        ("cut short", key.packets[..key.packets.len() - 1].to_vec(), "holds a packet that was cut short"),
        ("cut short in armor", public.as_bytes()[..public.len() / 2].to_vec(), "was cut short in its armor"),
        ("an old version", old, damaged),
        (
            "a good one and a damaged block",
            format!("{public}{}", public.replace("=", "!")).into_bytes(),
            "has something in its armor that is not base64",
        ),
        ("too large", vec![b' '; MOST_KEY_BYTES as usize + 1], "has more than 1048576 bytes"),
        ("too many", key.packets.repeat(257), "holds more than 256 keys"),
    ] {
        let mut ring = KeyRing::elastic();
        let before = ring.digest();
        assert_eq!(ring.add(&file).unwrap_err().to_string(), expected, "{name}");
        assert_eq!(ring.digest(), before, "{name}");
    }
}
