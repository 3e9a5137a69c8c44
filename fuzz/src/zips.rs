//! Properties of the reader of zips: what it accepts, another reader finds the same in, whichever way that one goes.

use epr_build::config::limits::Limits;
use epr_build::input::source::{Candidate, OpenPackage};
use epr_build::package::{EntryKind, PackageFiles};
use std::collections::{BTreeMap, BTreeSet};

/// Names and contents of the files of a zip.
type Contents = BTreeMap<String, Vec<u8>>;

/// Checks one input.
///
/// # Panics
/// If a property does not hold.
pub fn check(data: &[u8]) {
    let Some(found) = ours(data) else { return };
    let root = found.keys().next().and_then(|name| name.split('/').next()).expect("it has a manifest").to_owned();
    for mut other in theirs(data) {
        // Files outside of the package are not read; they get a warning.
        other.retain(|name, _| name.split('/').next() == Some(root.as_str()));
        assert_eq!(other, found, "another reader finds something else");
    }
}

/// What this program reads; nothing if it refuses the zip or one of its files.
fn ours(data: &[u8]) -> Option<Contents> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("sample-1.0.0.zip");
    std::fs::write(&path, data).expect("writes the zip");
    let candidate = Candidate::named(&path, "layer").expect("it is a file");
    let open = OpenPackage::open(&candidate, &Limits::default()).ok()?;
    let mut seen = BTreeSet::new();
    for entry in open.entries() {
        assert!(seen.insert(&entry.path), "{entry:?} is there twice");
        assert!(!entry.path.contains(['\\', '\0']), "{entry:?}");
        assert!(entry.path.split('/').all(|name| !matches!(name, "" | "." | "..")), "{entry:?} leads elsewhere");
    }
    let root = open.root().expect("a zip has a root").to_owned();
    let files = open.entries().iter().filter(|entry| entry.kind == EntryKind::File);
    files.map(|entry| Some((format!("{root}/{}", entry.path), open.read(&entry.path).ok()?))).collect()
}

/// What another reader finds through the directory, and the same by local headers alone.
fn theirs(data: &[u8]) -> [Contents; 2] {
    let archive = rawzip::ZipArchive::from_slice(data).expect("another reader opens it");
    let mut entries = archive.entries();
    let (mut central, mut local) = (Contents::new(), Contents::new());
    let mut places = Vec::new();
    while let Some(record) = entries.next_entry().expect("another reader goes on") {
        let entry = archive.get_entry(record.wayfinder()).expect("another reader finds the member");
        places.push((record.local_header_offset(), entry.compressed_data_range().1));
        let header = entry.local_header();
        let content = match header.compression_method().as_u16() {
            0 => entry.data().to_vec(),
            _ => miniz_oxide::inflate::decompress_to_vec(entry.data()).expect("another reader unpacks it"),
        };
        let name = |path: &[u8]| String::from_utf8(path.to_vec()).expect("names are text");
        if !record.is_dir() {
            central.insert(name(record.file_path().as_ref()), content.clone());
            local.insert(name(header.file_path().as_ref()), content);
        }
    }
    // Between members lies nothing but the sizes of streams.
    places.sort_unstable();
    let begins = places.iter().skip(1).map(|(begin, _)| *begin).chain([archive.directory_offset()]);
    for ((_, end), next) in places.iter().zip(begins) {
        assert!([0, 12, 16, 20, 24].contains(&(next - end)), "something lies between {end} and {next}");
    }
    [central, local]
}
