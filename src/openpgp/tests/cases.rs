//! The cases of `tests/fixtures/openpgp/cases.tsv`.

use crate::base::time::parse_rfc3339;
use crate::openpgp::{KeyRing, Note, judge};
use std::fs;
use std::path::{Path, PathBuf};

/// A file of the fixtures.
pub(super) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/openpgp").join(name)
}

pub(super) fn ring(names: &[&str]) -> KeyRing {
    let mut ring = KeyRing::default();
    for name in names {
        ring.add(&fs::read(fixture(name)).unwrap()).unwrap();
    }
    ring
}

#[test]
fn every_case_has_its_verdict() {
    let data = fs::read(fixture("pkg.zip")).unwrap();
    let cases = fs::read_to_string(fixture("cases.tsv")).unwrap();
    let now = parse_rfc3339("2026-11-29T00:00:00Z").unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for case in cases.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = case.split('\t').collect();
        let [keys, signature, verdict, _, notes] = fields.as_slice() else { panic!("{case}") };
        let judgement = judge(&ring(&[keys]), &fs::read(fixture(signature)).unwrap(), data.as_slice()).unwrap();
        let told = match judgement.notes(now).as_slice() {
            [] => "-",
            [Note::KeyExpired(_)] => "key expired",
            others => panic!("{case}: {others:?}"),
        };
        if (judgement.verdict.text().as_str(), told) != (*verdict, *notes) {
            wrong.push(format!("{case}\n  {} {told}", judgement.verdict.text()));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 25, "{count} cases");
}

// Who lists the same key twice, or its two certifications, trusts one key.
#[test]
fn copies_of_a_key_are_one_key() {
    let (old, new) = ("A-sha1.asc", "A-reformatted.asc");
    let [both, again] = [ring(&[old, new]), ring(&[new, old, new])];
    assert_eq!(both.keys().len(), 1);
    assert_eq!(both.digest(), again.digest());
    assert_ne!(both.digest(), ring(&[old]).digest());
    assert_ne!(ring(&[old]).digest(), ring(&[new]).digest());
    assert_ne!(KeyRing::default().digest(), ring(&[old]).digest());
    let data = fs::read(fixture("pkg.zip")).unwrap();
    let signature = fs::read(fixture("A-2022-sha512.sig")).unwrap();
    let key = both.keys().next().unwrap().fingerprint;
    assert_eq!(judge(&both, &signature, data.as_slice()).unwrap().verdict.good_key(), Some(key));
    // What is handed out is the copy that was certified last.
    assert_eq!(both.armored(&key), ring(&[new]).armored(&key));
}

#[test]
fn a_changed_file_has_no_good_signature() {
    let mut data = fs::read(fixture("pkg.zip")).unwrap();
    let signature = fs::read(fixture("A-2022-sha512.sig")).unwrap();
    let ring = ring(&["A-sha1.asc"]);
    let verdict = |data: &[u8]| judge(&ring, &signature, data).unwrap().verdict.to_string();
    assert!(verdict(&data).starts_with("good("));
    *data.last_mut().unwrap() ^= 1;
    assert_eq!(verdict(&data), "bad");
    *data.last_mut().unwrap() ^= 1;
    assert_eq!(verdict(&data[1..]), "bad");
    data.push(0);
    assert_eq!(verdict(&data), "bad");
}

#[test]
fn elastics_key_is_built_in() {
    let ring = KeyRing::elastic();
    let [key] = ring.keys().collect::<Vec<_>>()[..] else { panic!("one key") };
    assert_eq!(key.fingerprint.to_string(), "46095ACC8548582C1A2699A9D27D666CD88E42B4");
    assert_eq!(key.fingerprint.key_id().to_string(), "D27D666CD88E42B4");
    assert_eq!(key.user_ids, ["Elasticsearch (Elasticsearch Signing Key) <dev_ops@elasticsearch.org>"]);
    assert_eq!((key.algorithm.as_str(), key.created), ("RSA 2048", parse_rfc3339("2013-09-16T15:07:54Z").unwrap()));
    assert_eq!((key.expires, key.revoked, key.unfit.as_deref()), (None, None, None));
    assert!(key.signing_subkeys.is_empty(), "its subkey is for encryption");
}
