//! Directory packages.

use super::super::Limits;
use super::{Tree, check_refused, paths, rules};
use crate::base::rule::Rule;
use crate::package::PackageFiles;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;

const ROOT: &str = "a/1.0.0";

/// A package of these items below `a/1.0.0/`.
fn package(items: &[&str]) -> Tree {
    let items: Vec<_> = items.iter().map(|item| format!("{ROOT}/{item}")).collect();
    Tree::new(&items.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Entries stand depth first, in order of raw bytes within each folder, so `a/z` stands before `a0` (contract, "Assets
/// list").
#[test]
fn entries_stand_in_walk_order_and_can_be_read() {
    let tree = package(&["a0/x", "a/z", "a.b", "B", "manifest.yml", "docs/README.md", "empty/", ".hidden", "é ?#%"]);
    let open = tree.open().unwrap();
    let expected = [
        ".hidden",
        "B",
        "a/",
        "a/z",
        "a.b",
        "a0/",
        "a0/x",
        "docs/",
        "docs/README.md",
        "empty/",
        "manifest.yml",
        "é ?#%",
    ];
    assert_eq!(paths(&open), expected);
    assert_eq!(open.stats().len(), expected.len());
    for entry in open.entries() {
        match open.read(&entry.path) {
            Ok(content) => {
                assert_eq!(String::from_utf8(content.clone()).unwrap(), format!("{ROOT}/{}", entry.path));
                assert_eq!(entry.size, content.len() as u64);
            }
            Err(error) => assert_eq!((error.kind(), entry.size), (ErrorKind::IsADirectory, 0), "{}", entry.path),
        }
    }
    for path in ["", ".", "..", "../1.0.0/B", "/etc/passwd", "a", "a/", "docs/README.md/", "none", "./B"] {
        assert!(open.read(path).is_err(), "{path}");
    }
}

#[test]
fn stats_tell_of_changes() {
    let tree = package(&["f"]);
    let before = tree.open().unwrap().stats().to_vec();
    assert_eq!(tree.open().unwrap().stats(), before);
    fs::write(tree.path("a/1.0.0/g"), "").unwrap();
    fs::rename(tree.path("a/1.0.0/g"), tree.path("a/1.0.0/f")).unwrap();
    assert_ne!(tree.open().unwrap().stats(), before);
}

#[test]
fn a_link_to_a_file_inside_has_its_content() {
    let tree = package(&["d/real", "d/link -> real", "far -> d/../d/link", "also -> hop/real", "hop -> d"]);
    let open = tree.open().unwrap();
    for link in ["d/link", "far", "also"] {
        assert_eq!(open.read(link).unwrap(), b"a/1.0.0/d/real", "{link}");
    }
    let absolute = package(&["real"]);
    std::os::unix::fs::symlink(absolute.path("a/1.0.0/real"), absolute.path("a/1.0.0/link")).unwrap();
    assert_eq!(absolute.open().unwrap().read("link").unwrap(), b"a/1.0.0/real");
}

/// A link to a folder counts as a folder; what lies below is not listed (contract, "Symlinks inside a directory
/// package").
#[test]
fn a_link_to_a_folder_inside_is_an_empty_folder() {
    let tree = package(&["d/file", "link -> d"]);
    let open = tree.open().unwrap();
    assert_eq!(paths(&open), ["d/", "d/file", "link/"]);
    assert_eq!(rules(open.warnings()), [(Rule::SymlinkToFolder, ROOT)]);
    assert!(open.read("link/file").is_err());
}

/// Links that leave the package or lead nowhere keep it out (contract, "Where a static site differs" and "Dangling
/// link").
#[test]
fn links_that_lead_astray_quarantine() {
    let cases: [(&[&str], Rule, &str); 12] = [
        (&["l -> /etc/passwd"], Rule::SymlinkEscapes, "l"),
        (&["l -> ../../secret"], Rule::SymlinkEscapes, "l"),
        (&["l -> .."], Rule::SymlinkEscapes, "l"),
        (&["d/l -> ../hop/passwd", "hop -> /etc"], Rule::SymlinkEscapes, "d/l"),
        (&["x.DS_Store -> /etc/passwd"], Rule::SymlinkEscapes, "x.DS_Store"),
        (&["l -> ../1.0.0-other/f", "../1.0.0-other/f"], Rule::SymlinkEscapes, "l"),
        (&["l -> none"], Rule::DanglingSymlink, "l"),
        (&["l -> f/below", "f"], Rule::DanglingSymlink, "l"),
        (&["l -> l"], Rule::SymlinkLoop, "l"),
        (&["l -> m", "m -> l"], Rule::SymlinkLoop, "l"),
        (&["d/l -> ."], Rule::SymlinkLoop, "d/l"),
        (&["d/e/l -> ../.."], Rule::SymlinkLoop, "d/e/l"),
    ];
    for (items, rule, file) in cases {
        let tree = package(items);
        fs::write(tree.path("secret"), "").unwrap();
        let (candidates, _) = tree.discover();
        let candidate = candidates.iter().find(|it| it.package == ROOT).unwrap();
        check_refused(super::OpenPackage::open(candidate, &Limits::default()), rule, Some(file));
    }
}

#[test]
fn dangling_links_of_ds_store_are_left_out() {
    let tree = package(&["f", "docs/.DS_Store -> none"]);
    assert_eq!(paths(&tree.open().unwrap()), ["docs/", "f"]);
}

/// A fifo is never opened, which would wait for a writer; nor is one behind a link.
#[test]
fn special_files_quarantine() {
    let tree = package(&["d/"]);
    mknodat(CWD, tree.path("a/1.0.0/d/fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    check_refused(tree.open(), Rule::SpecialFile, Some("d/fifo"));
    std::os::unix::fs::symlink("d/fifo", tree.path("a/1.0.0/a")).unwrap();
    check_refused(tree.open(), Rule::SpecialFile, Some("a"));
    let tree = package(&[""]);
    let _socket = std::os::unix::net::UnixListener::bind(tree.path("a/1.0.0/socket")).unwrap();
    check_refused(tree.open(), Rule::SpecialFile, Some("socket"));
}

#[test]
fn unsafe_names_quarantine() {
    let cases: [(&[u8], &str); 5] = [
        (b"a\xff", "a\u{fffd}"),
        (b"a\nb", "a\\nb"),
        (b"a\x1b[1m", "a\\u{1b}[1m"),
        (b"a\x7f", "a\\u{7f}"),
        (b"a\\b", "a\\b"),
    ];
    for (name, shown) in cases {
        let tree = package(&["d/"]);
        fs::write(tree.path("a/1.0.0/d").join(std::ffi::OsStr::from_bytes(name)), "").unwrap();
        check_refused(tree.open(), Rule::UnsafeName, Some(&format!("d/{shown}")));
    }
}

#[test]
fn limits_quarantine() {
    let default = Limits::default();
    let tree = package(&["d/e/f", "g"]);
    let sizes = ["d/e/f", "g"].map(|path| format!("{ROOT}/{path}").len() as u64);
    let cases = [
        (Limits { max_file_bytes: sizes[0] - 1, ..default }, Rule::FileTooLarge, "d/e/f"),
        (Limits { max_package_bytes: sizes[0] + sizes[1] - 1, ..default }, Rule::PackageTooLarge, "g"),
        (Limits { max_entries: 3, ..default }, Rule::TooManyEntries, "g"),
        (Limits { max_path_bytes: 4, ..default }, Rule::PathTooLong, "d/e/f"),
        (Limits { max_depth: 2, ..default }, Rule::PathTooLong, "d/e/f"),
    ];
    for (limits, rule, file) in cases {
        check_refused(tree.open_with(&limits), rule, Some(file));
    }
    let exact = Limits {
        max_file_bytes: sizes[0],
        max_package_bytes: sizes[0] + sizes[1],
        max_entries: 4,
        max_path_bytes: 5,
        max_depth: 3,
        max_zip_ratio: 0,
    };
    assert!(tree.open_with(&exact).is_ok());
}

/// What is read is what was listed: a file that was swapped, also for a link out of the package, is not read.
#[test]
fn a_file_that_changed_is_not_read() {
    let changes: [fn(&Tree); 5] = [
        |tree| fs::write(tree.path("a/1.0.0/f"), "longer than it was before").unwrap(),
        |tree| fs::remove_file(tree.path("a/1.0.0/f")).unwrap(),
        |tree| fs::rename(tree.path("a/1.0.0/g"), tree.path("a/1.0.0/f")).unwrap(),
        |tree| {
            fs::remove_file(tree.path("a/1.0.0/f")).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", tree.path("a/1.0.0/f")).unwrap();
        },
        |tree| {
            fs::remove_file(tree.path("a/1.0.0/f")).unwrap();
            mknodat(CWD, tree.path("a/1.0.0/f"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        },
    ];
    for change in changes {
        let tree = package(&["f", "g"]);
        let open = tree.open().unwrap();
        assert!(open.read("f").is_ok());
        change(&tree);
        assert!(open.read("f").is_err());
    }
}

#[test]
fn a_folder_on_the_way_that_became_a_link_is_not_followed() {
    let tree = package(&["d/f"]);
    let open = tree.open().unwrap();
    fs::rename(tree.path("a/1.0.0/d"), tree.path("a/1.0.0/e")).unwrap();
    fs::create_dir(tree.path("outside")).unwrap();
    fs::write(tree.path("outside/f"), "a/1.0.0/d/f").unwrap();
    std::os::unix::fs::symlink(tree.path("outside"), tree.path("a/1.0.0/d")).unwrap();
    assert!(open.read("d/f").is_err());
}

#[test]
fn a_file_that_grows_while_it_is_read_is_an_error() {
    let tree = package(&["f"]);
    let result = tree.open().unwrap().with_file("f", |content| {
        let mut file = fs::OpenOptions::new().append(true).open(tree.path("a/1.0.0/f")).unwrap();
        file.write_all(b"more").unwrap();
        io::copy(&mut content.take(1), &mut io::sink())
    });
    assert!(result.is_err());
}

/// A hard link added by somebody else is no change of content.
#[test]
fn a_further_hard_link_does_not_matter() {
    let tree = package(&["f"]);
    let open = tree.open().unwrap();
    fs::hard_link(tree.path("a/1.0.0/f"), tree.path("other")).unwrap();
    assert!(open.read("f").is_ok());
}

/// Zips inside directory packages are candidates too, and rank among the zips (contract, "Zip packages").
#[test]
fn zips_inside_are_candidates() {
    let tree = Tree::new(&["a/1.0.0/d/x.zip", "a/1.0.0/d/x.zip.sig", "a/1.0.0/y.zip", "a/1.0.0/z.zip/", "b.zip"]);
    let (candidates, _) = tree.discover();
    assert_eq!(candidates.len(), 2);
    let nested = super::OpenPackage::open(&candidates[1], &Limits::default()).unwrap().nested();
    let packages: Vec<_> = nested.iter().map(|it| (it.package.as_str(), it.signature.is_some())).collect();
    assert_eq!(packages, [("a/1.0.0/d/x.zip", true), ("a/1.0.0/y.zip", false)]);
    let mut orders: Vec<_> = nested.iter().chain(&candidates).map(|it| it.order).collect();
    assert!(orders.is_sorted(), "both nested zips before `b.zip` and the folder");
    orders.dedup();
    assert_eq!(orders.len(), 4);
}
