//! Laws that hold for any bytes.

use super::super::Limits;
use super::Tree;
use super::raw_zip::{Member, zip, zip_of};
use crate::package::{EntryKind, PackageFiles};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_oneof, proptest};
use proptest::sample::select;

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
