//! Laws that hold for any bytes.

use super::super::Limits;
use super::Tree;
use super::raw_zip::{Member, with_wide_end, zip, zip_of};
use crate::package::{EntryKind, PackageFiles};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{Index, select};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

/// Opens it and, if that works, reads every file.
fn open_and_read(bytes: &[u8]) {
    if let Ok(open) = Tree::with_zip(bytes).open() {
        for entry in open.entries() {
            let _ = open.read(&entry.path);
        }
    }
}

fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        3 => "[a-c.]{1,2}",
        1 => select(vec!["..", ".", "", "\\", "\0", "C:", "manifest.yml", "p", "é"]).prop_map(str::to_owned),
    ];
    vec(part, 1..4).prop_map(|parts| parts.join("/"))
}

/// Good zips of many programs, and odd ones.
fn seeds() -> &'static [Vec<u8>] {
    static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/zips");
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let mut seeds: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        let plain = zip_of(&["p/manifest.yml", "p/d/", "p/d/x"]);
        seeds.push(with_wide_end(&plain, |_, _| ()));
        seeds.push(plain);
        seeds
    });
    &SEEDS
}

/// A change of a zip: a byte, a copy of a part elsewhere, or a part that is left out.
#[derive(Clone, Debug)]
enum Change {
    Byte(Index, u8),
    Copy(Index, Index, u8),
    Cut(Index, u8),
}

impl Change {
    fn of(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Byte(place, byte) => {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            Self::Copy(from, to, count) => {
                let from = from.index(bytes.len());
                let part = bytes[from..bytes.len().min(from + usize::from(*count))].to_vec();
                let to = to.index(bytes.len());
                bytes.splice(to..to, part);
            }
            Self::Cut(place, count) => {
                let place = place.index(bytes.len());
                bytes.drain(place..bytes.len().min(place + usize::from(*count)));
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Change::Byte(place, byte)),
        6 => (any::<Index>(), select(vec![0, 1, 8, 255])).prop_map(|(place, byte)| Change::Byte(place, byte)),
        1 => (any::<Index>(), any::<Index>(), any::<u8>()).prop_map(|(from, to, count)| Change::Copy(from, to, count)),
        1 => (any::<Index>(), any::<u8>()).prop_map(|(place, count)| Change::Cut(place, count)),
    ]
}

/// Names and contents of the files of a zip.
type Contents = BTreeMap<String, Vec<u8>>;

/// What this program reads; nothing if it refuses the zip or one of its files.
fn ours(bytes: &[u8]) -> Option<Contents> {
    let tree = Tree::with_zip(bytes);
    let open = tree.open().ok()?;
    let files = open.entries().iter().filter(|entry| entry.kind == EntryKind::File);
    let root = open.root().unwrap();
    files.map(|entry| Some((format!("{root}/{}", entry.path), open.read(&entry.path).ok()?))).collect()
}

/// What another reader finds through the directory, and the same by local headers alone.
fn theirs(bytes: &[u8]) -> [Contents; 2] {
    let archive = rawzip::ZipArchive::from_slice(bytes).unwrap();
    let mut entries = archive.entries();
    let (mut central, mut local) = (Contents::new(), Contents::new());
    let mut places = Vec::new();
    while let Some(record) = entries.next_entry().unwrap() {
        let entry = archive.get_entry(record.wayfinder()).unwrap();
        places.push((record.local_header_offset(), entry.compressed_data_range().1));
        let header = entry.local_header();
        let content = match header.compression_method().as_u16() {
            0 => entry.data().to_vec(),
            _ => miniz_oxide::inflate::decompress_to_vec(entry.data()).unwrap(),
        };
        let name = |path: &[u8]| String::from_utf8(path.to_vec()).unwrap();
        if !record.is_dir() {
            central.insert(name(record.file_path().as_ref()), content.clone());
            local.insert(name(header.file_path().as_ref()), content);
        }
    }
    // Between members lies nothing but the sizes of streams.
    places.sort_unstable();
    let begins = places.iter().skip(1).map(|(begin, _)| *begin).chain([archive.directory_offset()]);
    for ((_, end), next) in places.iter().zip(begins) {
        assert!([0, 12, 16, 20, 24].contains(&(next - end)), "{end} {next}");
    }
    [central, local]
}

#[test]
fn readers_agree_on_seeds() {
    for bytes in seeds() {
        let found = ours(bytes).unwrap();
        assert_eq!(theirs(bytes), [found.clone(), found]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(runs()))]

    /// What gets through is read the same by others, whichever way they read.
    #[test]
    fn what_gets_through_is_read_the_same(seed in any::<Index>(), changes in vec(change(), 1..4)) {
        let mut bytes = seeds()[seed.index(seeds().len())].clone();
        changes.iter().for_each(|change| change.of(&mut bytes));
        if let Some(found) = ours(&bytes) {
            let root = found.keys().next().unwrap().split('/').next().unwrap();
            for mut other in theirs(&bytes) {
                // Files outside of the package are not read; they get a warning.
                other.retain(|name, _| name.split('/').next() == Some(root));
                prop_assert_eq!(&other, &found);
            }
        }
    }
}

/// Zips that are tried; `EPR_FUZZ_RUNS` sets another number.
fn runs() -> u32 {
    std::env::var("EPR_FUZZ_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(512)
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        open_and_read(&bytes);
    }

    #[test]
    fn a_damaged_zip_never_panics(changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8)) {
        let mut bytes = zip_of(&["p/manifest.yml", "p/d/", "p/d/x"]);
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        open_and_read(&bytes);
    }

    /// Whatever members are called: those that get through lie below the package, each only once.
    #[test]
    fn members_never_lead_outside(names in vec(prop_oneof![4 => name(), 1 => Just("p/x/".to_owned())], 0..5)) {
        let names = std::iter::once("p/manifest.yml").chain(names.iter().map(String::as_str));
        let members: Vec<_> = names.map(Member::new).collect();
        let tree = Tree::with_zip(&zip(&members));
        if let Ok(open) = tree.open_with(&Limits::default()) {
            let mut seen = std::collections::BTreeSet::new();
            for entry in open.entries() {
                prop_assert!(seen.insert(&entry.path));
                prop_assert!(!entry.path.contains(['\\', '\0']));
                prop_assert!(entry.path.split('/').all(|part| !matches!(part, "" | "." | "..")));
                prop_assert!(entry.kind == EntryKind::Folder || open.read(&entry.path).is_ok());
            }
        }
    }
}
