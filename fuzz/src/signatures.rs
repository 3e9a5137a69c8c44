//! Properties of what is read of OpenPGP: nothing in a file of signatures or keys breaks the judge, and none is good over two
//! contents.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use epr_build::openpgp::{KeyRing, SecretKey, Verdict, judge};
use std::sync::LazyLock;

/// What the good seed signs.
const SIGNED: &[u8] = b"signed\n";

/// Keys that have made some of the seeds.
static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    let mut ring = KeyRing::default();
    for key in [
        include_bytes!("../corpus/signatures/ours.key.pgp").as_slice(),
        include_bytes!("../corpus/signatures/subkey.key.pgp"),
        include_bytes!("../corpus/signatures/rsa.key.pgp"),
    ] {
        ring.add(key).expect("a key of the corpus");
    }
    ring
});

/// Checks one input, as a file and as the packets in one.
///
/// # Panics
/// If a property does not hold.
pub fn check(data: &[u8]) {
    let armored = format!("-----BEGIN PGP SIGNATURE-----\n\n{}\n-----END PGP SIGNATURE-----\n", STANDARD.encode(data));
    for file in [data, armored.as_bytes()] {
        let judgement = judge(&RING, file, SIGNED).expect("it reads from memory");
        let text = judgement.verdict.text();
        assert_eq!(text.parse::<Verdict>().ok().as_ref(), Some(&judgement.verdict), "{text}");
        assert_eq!(judge(&RING, file, SIGNED).expect("it reads from memory"), judgement, "judged twice");
        if judgement.verdict.good_key().is_some() {
            let other = judge(&RING, file, &b"other"[..]).expect("it reads from memory").verdict;
            assert!(matches!(other, Verdict::Bad { .. }), "good over two contents: {other}");
            let stranger = judge(&KeyRing::default(), file, SIGNED).expect("it reads from memory").verdict;
            assert!(matches!(stranger, Verdict::OtherKey { .. }), "good by no key: {stranger}");
        }
        let _ = judgement.notes(u64::MAX);
    }
    let mut ring = KeyRing::default();
    if let Ok(added) = ring.add(data) {
        for key in &added {
            let text = ring.armored(key).expect("the key was added");
            let mut again = KeyRing::default();
            assert_eq!(again.add(text.as_bytes()), Ok(vec![*key]), "a key is read as it was written");
        }
    }
    if let Ok(key) = SecretKey::read(data) {
        assert_eq!(key.public().keys().len(), 1, "a secret key has one public key");
    }
}
