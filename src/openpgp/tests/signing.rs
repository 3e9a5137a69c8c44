//! Signatures that are made here.

use super::make::{CREATED, DATA, Form, Key, MADE, Subkey, flags, lifetime, packet};
use crate::openpgp::{KeyRing, SecretKey, SignError, armor, judge, sign};
use pgp::composed::KeyType;
use pgp::packet::SignatureType;
use pgp::types::KeyDetails;

/// The file of a secret key: its public packets, with secrets in place of the keys.
fn secret_file(key: &Key, subkey: Option<&Subkey>) -> String {
    let mut packets = key.packets.clone();
    packets.splice(..packet(key.secret.public_key()).len(), packet(&key.secret));
    if let Some(Subkey(secret)) = subkey {
        let public = packet(secret.public_key());
        let at = packets.windows(public.len()).position(|window| window == public).unwrap();
        packets.splice(at..at + public.len(), packet(secret));
    }
    armor::write(armor::PRIVATE_KEY, &packets)
}

#[test]
fn what_is_signed_is_good() {
    let certified = |kind: &KeyType| Key::bare(kind, 40).certified(&Form::of(SignatureType::CertPositive, CREATED));
    for kind in [KeyType::Ed25519Legacy, KeyType::Rsa(2048)] {
        let key = certified(&kind);
        let secret = SecretKey::read(secret_file(&key, None).as_bytes()).unwrap();
        assert_eq!(secret.fingerprint(), key.fingerprint());
        let made = u64::from(MADE);
        let signature = sign(&secret, b"", made, DATA).unwrap();
        assert_eq!(signature, sign(&secret, b"", made, DATA).unwrap(), "the same second, the same bytes");
        let judgement = judge(&key.ring(), signature.as_bytes(), DATA).unwrap();
        assert_eq!((judgement.verdict.good_key(), judgement.made), (Some(key.fingerprint()), Some(made)));
        assert!(judge(secret.public(), signature.as_bytes(), DATA).unwrap().verdict.good_key().is_some());
        assert_eq!(secret.public().digest(), key.ring().digest());
    }
}

#[test]
fn a_signing_subkey_goes_first() {
    let subkey = Subkey::new(42);
    let binding = |more| Form::of(SignatureType::SubkeyBinding, CREATED).with(more);
    let with = |form: &Form| Key::new(41).with_subkey(&subkey, form, Some(&subkey));
    for (form, expected) in [
        (binding(vec![flags(true)]), subkey.0.fingerprint()),
        (binding(vec![flags(true), lifetime(1)]), Key::new(41).secret.fingerprint()),
        (binding(vec![flags(false)]), Key::new(41).secret.fingerprint()),
    ] {
        let key = with(&form);
        let secret = SecretKey::read(secret_file(&key, Some(&subkey)).as_bytes()).unwrap();
        let signature = sign(&secret, b"", u64::from(MADE), DATA).unwrap();
        let (block, _) = armor::first_block(&signature).unwrap().unwrap();
        assert!(block.packets.windows(20).any(|window| window == expected.as_bytes()), "{expected}");
        assert_eq!(judge(&key.ring(), signature.as_bytes(), DATA).unwrap().verdict.good_key(), Some(key.fingerprint()));
    }
}

#[test]
fn what_cannot_sign_says_why() {
    let key = Key::new(43);
    let file = secret_file(&key, None);
    let read = |file: &[u8]| SecretKey::read(file).err().map(|error| error.to_string());
    let none = "the file holds no secret key; `gpg --armor --export-secret-keys KEY` writes one";
    let public = armor::write(armor::PUBLIC_KEY, &key.packets);
    assert_eq!(read(b""), Some(none.to_owned()));
    assert_eq!(read(public.as_bytes()), Some(none.to_owned()));
    assert!(read(&key.packets).unwrap().contains("damaged"));
    assert!(read(&file.as_bytes()[..file.len() / 2]).unwrap().contains("cut short"));
    let two = [packet(&key.secret), packet(&Key::new(44).secret)].concat();
    assert!(read(&two).unwrap().contains("more than one"), "{:?}", read(&two));
    let secret = SecretKey::read(file.as_bytes()).unwrap();
    let at = |time| sign(&secret, b"", time, DATA);
    assert!(matches!(at(u64::from(CREATED) - 1), Err(SignError::NoSigner)));
    assert!(matches!(at(u64::from(u32::MAX) + 1), Err(SignError::Time)));
    let revoked = Key::new(43).revoked(MADE, None);
    let secret = SecretKey::read(secret_file(&revoked, None).as_bytes()).unwrap();
    assert!(matches!(sign(&secret, b"", u64::from(MADE), DATA), Err(SignError::NoSigner)));
    let small = Key::bare(&KeyType::Rsa(1024), 45).certified(&Form::of(SignatureType::CertPositive, CREATED));
    let secret = SecretKey::read(secret_file(&small, None).as_bytes()).unwrap();
    assert!(matches!(sign(&secret, b"", u64::from(MADE), DATA), Err(SignError::NoSigner)));
}

#[test]
fn a_locked_key_wants_its_passphrase() {
    let mut key = Key::new(46);
    let certified = key.ring();
    key.secret.set_password(rand::thread_rng(), &"open sesame".into()).unwrap();
    let mut secret = SecretKey::read(secret_file(&key, None).as_bytes()).unwrap();
    let made = u64::from(MADE);
    for wrong in [&b""[..], b"open", b"open sesame\n"] {
        assert!(matches!(sign(&secret, wrong, made, DATA), Err(SignError::Locked)));
        assert!(matches!(secret.unlock(wrong), Err(SignError::Locked)));
    }
    let signature = sign(&secret, b"open sesame", made, DATA).unwrap();
    assert!(judge(&certified, signature.as_bytes(), DATA).unwrap().verdict.good_key().is_some());
    secret.unlock(b"open sesame").unwrap();
    assert_eq!(sign(&secret, b"", made, DATA).unwrap(), signature, "once unlocked it stays so");
    assert!(judge(&KeyRing::default(), signature.as_bytes(), DATA).unwrap().verdict.good_key().is_none());
}
