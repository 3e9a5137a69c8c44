//! Rooms use only the rooms before them, and files of a room do not use each other in a circle.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;

/// Folders whose `mod.rs` and files use each other; fewer are welcome.
const KNOTTED_FOLDERS: [(&str, usize); 2] = [("src", 9), ("crates/yaml11/src", 0)];

#[test]
fn uses_run_in_one_direction() {
    for (folder, most) in KNOTTED_FOLDERS {
        let report = rooms::check(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap();
        assert!(report.is_clean(), "{folder}\n{report}");
        let knotted = report.knotted_folders.len();
        assert!(knotted <= most, "{folder} has {knotted} knotted folders, more than {most}\n{report}");
        assert!(report.files > 10, "{folder}\n{report}");
    }
    let src = rooms::check(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
    assert!(src.backward.is_some(), "a module of src/lib.rs is no folder, so the order of the rooms is not checked");
}
