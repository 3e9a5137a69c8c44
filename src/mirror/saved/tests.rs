//! What lies in an image, as it is kept and as it is told.

use super::super::facts::Key;
use super::super::listing::{self, Refused};
use super::super::scan::BOUNDS;
use super::answers::{document, index, listing as told};
use super::catalogue::{Catalogue, Lying, Place};
use crate::base::digest::Digest;
use crate::dialect::version::Version;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn key(version: &str) -> Key {
    ("acme".to_owned(), Version::strict(version).unwrap())
}

fn catalogue() -> Catalogue {
    let zip = Lying {
        place: Place::Zip { layer: 3, path: PathBuf::from("packages/package-storage/acme-1.0.0.zip") },
        size: 7,
        sha256: Digest::of(b"zip"),
        signature: Some("signature".to_owned()),
        format_version: Some("3.0.0".to_owned()),
        license: Some("basic".to_owned()),
        item: "{\"type\":\"integration\"}".to_owned(),
    };
    let folder = Lying {
        place: Place::Folder(PathBuf::from("packages/acme/1.0.0+x")),
        signature: None,
        format_version: None,
        license: None,
        item: "{}".to_owned(),
        ..zip.clone()
    };
    let refused = Refused { what: "packages/x.zip".to_owned(), why: "it is none".to_owned() };
    Catalogue { versions: [(key("1.0.0"), zip), (key("1.0.0+x"), folder)].into(), refused: vec![refused] }
}

#[test]
fn what_was_found_is_kept_and_what_is_damaged_is_found_out_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalogue");
    let (of, other) = (Digest::of(b"image"), Digest::of(b"other"));
    assert!(!Catalogue::is_at(&path, of).unwrap());
    catalogue().write(&path, of).unwrap();
    assert!(Catalogue::is_at(&path, of).unwrap() && !Catalogue::is_at(&path, other).unwrap());
    assert_eq!(Catalogue::read(&path, of).unwrap(), catalogue());
    let whole = std::fs::read(&path).unwrap();
    for bytes in [b"".to_vec(), b"nonsense".to_vec(), zstd::encode_all(&b"{}\n"[..], 1).unwrap()] {
        std::fs::write(&path, bytes).unwrap();
        assert!(!Catalogue::is_at(&path, of).unwrap());
        assert!(format!("{:#}", Catalogue::read(&path, of).unwrap_err()).contains("hint: remove the file"));
    }
    let text = String::from_utf8(zstd::decode_all(whole.as_slice()).unwrap()).unwrap();
    for (from, to) in [("\"acme\"", "\"../acme\""), ("\"1.0.0+x\"", "\"1.0\""), ("\"size\":7", "\"size\":-7")] {
        std::fs::write(&path, zstd::encode_all(text.replace(from, to).as_bytes(), 1).unwrap()).unwrap();
        assert!(Catalogue::read(&path, of).is_err(), "{from}");
    }
}

/// What is told is what a registry of our own tells, and more.
#[test]
fn a_listing_is_read_as_that_of_a_registry() {
    let listed = listing::read(told(&catalogue()).as_bytes(), "saved", &BOUNDS).unwrap();
    assert_eq!(listed.refused, []);
    let facts: BTreeMap<_, _> = listed.versions.iter().map(|(key, facts)| (key.1.as_str(), facts)).collect();
    assert_eq!(facts["1.0.0"].item, "{\"type\":\"integration\"}");
    assert_eq!(facts["1.0.0"].format_version.as_deref(), Some("3.0.0"));
    assert_eq!((facts["1.0.0"].signed, facts["1.0.0+x"].signed), (true, false));
    assert_eq!(facts["1.0.0+x"].item, "{}");
    let text: serde_json::Value = serde_json::from_str(&index(&catalogue())).unwrap();
    assert_eq!(text["packages"][0]["signature"]["sha256"], Digest::of(b"signature").to_string());
    assert_eq!(text["packages"][1]["size"], 7);
    let catalogue = catalogue();
    let (key, lying) = catalogue.versions.iter().next().unwrap();
    assert!(document(key, lying).contains("\"format_version\":\"3.0.0\""));
}
