//! Small crates, and what is found in them.

use crate::{Report, check};
use std::fs;

/// Writes files, given by path and text, and looks at them.
fn look(files: &[(&str, &str)]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    check(folder.path()).unwrap()
}

/// Two rooms, `low` and `high`, with a file each.
fn rooms(low: &str, high: &str) -> Report {
    look(&[
        ("lib.rs", "pub mod low;\npub mod high;\n"),
        ("low/mod.rs", "pub mod store;\npub struct Root;\n"),
        ("low/store.rs", low),
        ("high/mod.rs", "pub mod serve;\npub use serve::Server;\n"),
        ("high/serve.rs", high),
    ])
}

fn backward(report: &Report) -> Vec<String> {
    report.backward.iter().flatten().map(ToString::to_string).collect()
}

#[test]
fn uses_of_earlier_rooms_are_fine() {
    let report = rooms("pub struct Store;\n", "use crate::low::store::Store;\npub struct Server(Store);\n");
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.files, report.rooms.len(), report.room_floors), (5, 2, 2));
    assert_eq!(report.file_floors, 2);
}

#[test]
fn a_use_of_a_later_room_is_named() {
    let server = "pub struct Server;\n";
    for (low, expected) in [
        ("\nuse crate::high::serve::Server;\n", "low/store.rs:2: crate::high::serve::Server (high/serve.rs)"),
        ("use crate::high::{Server as S};\n", "low/store.rs:1: crate::high::Server (high/serve.rs)"),
        ("use crate::high;\nfn f(_: high::Server) {}\n", "low/store.rs:2: high::Server (high/serve.rs)"),
        (
            "fn f() { super::super::high::serve::Server; }\n",
            "low/store.rs:1: super::super::high::serve::Server (high/serve.rs)",
        ),
        ("fn f() { g!(1, crate::high::Server); }\n", "low/store.rs:1: crate::high::Server (high/serve.rs)"),
        (
            "#[serde(with = \"crate::high::Server\")]\nstruct A;\n",
            "low/store.rs:1: crate::high::Server (high/serve.rs)",
        ),
        ("use crate::high::*;\nfn f(_: Server) {}\n", "low/store.rs:2: Server (high/serve.rs)"),
    ] {
        let report = rooms(low, server);
        assert_eq!(backward(&report), [expected], "{low}");
        assert!(!report.is_clean());
        assert!(report.to_string().contains(expected), "{report}");
    }
}

#[test]
fn a_use_of_the_root_runs_back_too() {
    let lib = "pub mod low;\npub fn build() {}\n";
    let report = look(&[("lib.rs", lib), ("low/mod.rs", "fn f() { crate::build() }\n")]);
    assert_eq!(backward(&report), ["low/mod.rs:1: crate::build (lib.rs)"]);
}

#[test]
fn tests_may_use_everything() {
    let low = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nuse crate::high::Server;\n\
               #[cfg(all(test, unix))]\nmod more { use crate::high::Server; }\n";
    assert!(rooms(low, "pub struct Server;\n").is_clean());
    let report = rooms("#[cfg(not(test))]\nuse crate::high::Server;\n", "pub struct Server;\n");
    assert_eq!(backward(&report).len(), 1);
}

#[test]
fn a_name_counts_for_the_file_that_defines_it() {
    // `high` hands on what `low` defines.
    let report = look(&[
        ("lib.rs", "pub mod low;\npub mod high;\n"),
        ("low/mod.rs", "pub mod a;\npub mod b;\npub use b::B;\n"),
        ("low/a.rs", "use crate::high::Handed;\nuse super::B;\n"),
        ("low/b.rs", "pub struct B;\n"),
        ("high/mod.rs", "pub use crate::low::b::B as Handed;\n"),
    ]);
    assert!(report.is_clean(), "{report}");
    assert!(report.knotted_folders.is_empty(), "{report}");
}

/// A folder of two files.
fn folder(root: &str, a: &str, b: &str) -> Report {
    let root = format!("mod a;\nmod b;\n{root}");
    look(&[("lib.rs", "mod room;\n"), ("room/mod.rs", &root), ("room/a.rs", a), ("room/b.rs", b)])
}

#[test]
fn a_circle_of_files_is_found_with_its_uses() {
    let report = folder("", "pub struct A;\nuse super::b::B;\n", "pub struct B(super::a::A);\n");
    let [circle] = &report.circles[..] else { panic!("{report}") };
    assert_eq!(circle.files, ["room/a.rs", "room/b.rs"]);
    let uses: Vec<_> = circle.uses.iter().map(ToString::to_string).collect();
    assert_eq!(uses, ["room/a.rs:2: super::b::B (room/b.rs)", "room/b.rs:1: super::a::A (room/a.rs)"]);
    assert!(!report.is_clean());
    assert!(report.knotted_folders.is_empty());
}

#[test]
fn a_circle_through_names_of_the_parent_is_found() {
    let report = folder("use a::A;\nuse b::B;\n", "use super::B;\npub struct A;\n", "use super::A;\npub struct B;\n");
    assert_eq!(report.circles.len(), 1, "{report}");
}

#[test]
fn a_parent_and_its_files_are_counted_apart() {
    let one_way = folder("use a::A;\npub struct Root;\n", "pub struct A;\n", "use super::Root;\n");
    assert!(one_way.is_clean() && one_way.knotted_folders.is_empty(), "{one_way}");
    let both = folder("use a::A;\npub struct Root;\n", "use super::Root;\npub struct A;\n", "");
    assert!(both.is_clean(), "{both}");
    assert_eq!(both.knotted_folders, ["room/mod.rs"]);
    // Behind the parent hides a circle of its files.
    let hidden = "use super::{Root, b::B};\npub struct A;\n";
    let report = folder("use a::A;\npub struct Root;\n", hidden, "pub struct B(super::a::A);\n");
    assert_eq!(report.circles.len(), 1, "{report}");
    assert_eq!(report.knotted_folders, ["room/mod.rs"]);
}

#[test]
fn circles_among_rooms_and_uses_of_the_command_line_are_found_without_an_order() {
    let report = look(&[
        ("lib.rs", "mod a;\nmod cli;\n"),
        ("a.rs", "use crate::cli::Settings;\npub struct A;\n"),
        ("cli.rs", "use crate::a::A;\npub struct Settings;\n"),
    ]);
    assert_eq!(report.backward, None);
    assert_eq!(report.room_circles, [["a", "cli"]]);
    assert_eq!(report.command_line.len(), 1);
    assert_eq!((report.room_floors, report.file_floors), (1, 1));
}

#[test]
fn paths_that_lead_to_nothing_are_listed() {
    let report = look(&[("lib.rs", "mod a;\n"), ("a.rs", "use crate::gone::Gone;\nuse std::fs;\n")]);
    assert_eq!(report.unresolved, ["a.rs:1: crate::gone::Gone"]);
    assert!(!report.is_clean());
}

#[test]
fn what_another_crate_defines_counts_for_the_file_that_hands_it_on() {
    let files =
        [("lib.rs", "mod a;\nmod b;\n"), ("a.rs", "pub use std::fs::File;\n"), ("b.rs", "use crate::a::File;\n")];
    let report = look(&files);
    assert!(report.unresolved.is_empty(), "{report}");
    assert_eq!(report.file_floors, 2, "{report}");
}

#[test]
fn a_name_that_a_macro_makes_counts_for_the_file_that_calls_it() {
    let report =
        folder("pub use a::Made;\n", "make! { Made }\nuse super::b::B;\n", "use super::Made;\npub struct B;\n");
    assert!(report.unresolved.is_empty(), "{report}");
    assert_eq!(report.circles.len(), 1, "{report}");
}
