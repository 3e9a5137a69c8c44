//! What is found in a layer, and in which order.

use super::super::OpenPackage;
use super::{Tree, check_refused, discover_in, rules};
use crate::base::rule::Rule;
use crate::input::door::Spot;
use crate::input::signature_file;
use crate::package::PackageKind;
use std::fs;
use std::path::Path;

fn found(tree: &Tree) -> Vec<String> {
    tree.discover().0.into_iter().map(|candidate| candidate.package).collect()
}

/// Zips come first, at any depth; folders count only as `<anything>/<strict version>` (contract, "Walk order",
/// "Directory packages" and "Zip packages").
#[test]
fn zips_then_version_folders_in_walk_order() {
    let tree = Tree::new(&[
        "b/1.0.0/manifest.yml",
        "b/1.0.0-rc.1/manifest.yml",
        "a0/1.0.0/manifest.yml",
        "a/2.0.0/manifest.yml",
        "a/10.0.0/manifest.yml",
        ".hidden/1.0.0/",
        ".hidden/x.zip",
        "z.zip",
        "b/x.zip",
        "b/docs/deep/er/.zip",
        "c.zip/1.0.0/",
        "UPPER.ZIP",
    ]);
    let expected = [
        "b/docs/deep/er/.zip",
        "b/x.zip",
        "z.zip",
        "a/10.0.0",
        "a/2.0.0",
        "a0/1.0.0",
        "b/1.0.0",
        "b/1.0.0-rc.1",
        "c.zip/1.0.0",
    ];
    assert_eq!(found(&tree), expected);
    let (candidates, _) = tree.discover();
    assert!(candidates.is_sorted_by(|a, b| a.order < b.order));
    assert_eq!(candidates[3].folder_version.as_deref(), Some("10.0.0"));
    assert_eq!((candidates[3].kind, &candidates[3].path), (PackageKind::Folder, &tree.path("a/10.0.0")));
    assert_eq!((candidates[1].kind, &candidates[1].folder_version), (PackageKind::Zip, &None));
}

#[test]
fn only_strict_versions_are_packages() {
    let cases = [
        ("1.0.0", true),
        ("0.0.0", true),
        ("1.0.0-a.1+b.01", true),
        ("1.0.0+a", true),
        ("1.0.0-0a", true),
        ("18446744073709551615.0.0", true),
        ("18446744073709551616.0.0", false),
        ("1.0", false),
        ("v1.0.0", false),
        ("01.0.0", false),
        ("1.0.0-01", false),
        ("1.0.0-", false),
        ("1.0.0+", false),
        ("1.0.0.0", false),
        (" 1.0.0", false),
        ("docs", false),
    ];
    for (name, is_package) in cases {
        let tree = Tree::new(&[&format!("a/{name}/")]);
        let (candidates, problems) = tree.discover();
        assert_eq!(!candidates.is_empty(), is_package, "{name}");
        let warned = [(Rule::NotAVersionFolder, format!("a/{name}"))];
        let warned: Vec<_> = warned.iter().map(|(rule, package)| (*rule, package.as_str())).collect();
        assert_eq!(rules(&problems), if is_package { vec![] } else { warned }, "{name}");
    }
}

/// A checkout keeps its packages in a folder of its own; what looks like a package under a wrong name is reported.
#[test]
fn version_folders_may_lie_deeper() {
    let tree = Tree::new(&[
        "packages/a/1.0.0/manifest.yml",
        "packages/a/v2/manifest.yml",
        "packages/team/b/1.0.0/manifest.yml",
        "packages/.git/objects/1.0.0/manifest.yml",
        "1.0.0/manifest.yml",
    ]);
    assert_eq!(found(&tree), ["packages/a/1.0.0", "packages/team/b/1.0.0"]);
    let (_, problems) = tree.discover();
    let expected =
        [(Rule::NotAVersionFolder, "1.0.0"), (Rule::NotAVersionFolder, "packages/a/v2"), (Rule::PassedOver, "")];
    assert_eq!(rules(&problems), expected);
}

/// Files and links at the second level are ignored with a warning (contract, "Directory packages"); signatures belong
/// there.
#[test]
fn odd_entries_at_the_second_level_are_reported() {
    let tree = Tree::new(&[
        "file",
        "a/1.0.0/manifest.yml",
        "a/1.0.0.sig",
        "a/README.md",
        "a/2.0.0 -> 1.0.0",
        "a/2.0.1 -> nowhere",
        "linked -> a",
        "a/3.0.0",
    ]);
    assert_eq!(found(&tree), ["a/1.0.0"]);
    let (_, problems) = tree.discover();
    let expected = [
        (Rule::SymlinkSkipped, "a/2.0.0"),
        (Rule::SymlinkSkipped, "a/2.0.1"),
        (Rule::NotAVersionFolder, "a/3.0.0"),
        (Rule::NotAVersionFolder, "a/README.md"),
        (Rule::SymlinkSkipped, "linked"),
    ];
    assert_eq!(rules(&problems), expected);
}

#[test]
fn signatures_beside_packages_are_found() {
    let tree = Tree::new(&["a/1.0.0/", "a/1.0.0.sig", "a/1.0.0-x/", "b.zip", "b.zip.sig", "c.zip", "c.zip.sig -> no"]);
    let signatures: Vec<_> =
        tree.discover().0.into_iter().map(|it| (it.package, it.signature.map(|spot| spot.path()))).collect();
    let expected = [
        ("b.zip", Some(tree.path("b.zip.sig"))),
        ("c.zip", None),
        ("a/1.0.0", Some(tree.path("a/1.0.0.sig"))),
        ("a/1.0.0-x", None),
    ];
    assert_eq!(signatures, expected.map(|(package, signature)| (package.to_owned(), signature)));
}

#[test]
fn a_signature_that_is_a_folder_quarantines() {
    let tree = Tree::new(&["a/1.0.0/", "a/1.0.0.sig/"]);
    let (candidates, problems) = tree.discover();
    assert!(candidates.is_empty());
    assert!(rules(&problems).contains(&(Rule::SignatureNotAFile, "a/1.0.0")), "{problems:?}");
}

/// However long it says it is, no more than its size is looked at.
#[test]
fn a_signature_that_is_too_long_quarantines() {
    let tree = Tree::new(&["a/1.0.0/", "a/1.0.0.sig"]);
    let (candidates, _) = tree.discover();
    for (bytes, is_read) in [(1 << 16, true), ((1 << 16) + 1, false), (1 << 40, false)] {
        fs::File::create(tree.path("a/1.0.0.sig")).unwrap().set_len(bytes).unwrap();
        let read = signature_file::read(&candidates[0]).map_err(|problem| problem.rule);
        assert_eq!(read.as_ref().err(), (!is_read).then_some(&Rule::SignatureTooLarge), "{bytes}");
    }
}

/// A link is not followed, wherever it leads.
#[test]
fn a_signature_that_is_a_link_is_skipped() {
    let tree = Tree::new(&["a/1.0.0/", "a/1.0.0.sig -> ../secret", "b.zip", "b.zip.sig -> no", "secret"]);
    let (candidates, problems) = tree.discover();
    let found: Vec<_> = candidates.iter().map(|it| (it.signature.is_some(), it.has_linked_signature)).collect();
    assert_eq!((found, rules(&problems)), (vec![(false, true); 2], vec![]));
}

#[test]
fn paths_are_searched_in_their_order() {
    let (first, second) = (Tree::new(&["z/1.0.0/", "z.zip"]), Tree::new(&["a/1.0.0/", "a.zip", "s.zip", "s.zip.sig"]));
    let single = second.path("s.zip");
    let (candidates, _) = discover_in(&[first.0.path(), &single, second.0.path()]).unwrap();
    let packages: Vec<_> = candidates.iter().map(|candidate| candidate.package.as_str()).collect();
    assert_eq!(packages, ["z.zip", "s.zip", "a.zip", "s.zip", "z/1.0.0", "a/1.0.0"]);
    assert_eq!(candidates[1].signature.as_ref().map(Spot::path), Some(second.path("s.zip.sig")));
    assert_eq!(candidates[2].signature, None);
}

/// Unlike in the reference, a layer path that is a link is followed (contract, "Where a static site differs").
#[test]
fn a_layer_path_may_be_a_link() {
    let tree = Tree::new(&["real/a/1.0.0/", "link -> real"]);
    let (candidates, problems) = discover_in(&[&tree.path("link")]).unwrap();
    assert_eq!((candidates.len(), problems.len()), (1, 0));
    assert_eq!(candidates[0].package, "a/1.0.0");
    assert!(OpenPackage::open(&candidates[0], &super::Limits::default()).is_ok());
}

#[test]
fn a_layer_path_without_packages_only_warns() {
    let tree = Tree::new(&["empty/", "file"]);
    for (path, rule) in
        [("none", Rule::MissingLayerPath), ("empty", Rule::EmptyLayerPath), ("file", Rule::NotALayerPath)]
    {
        let (candidates, problems) = discover_in(&[&tree.path(path)]).unwrap();
        assert!(candidates.is_empty());
        assert_eq!(rules(&problems), [(rule, "")]);
    }
}

#[test]
fn a_layer_path_that_cannot_be_read_is_a_failure_that_names_it() {
    let tree = Tree::new(&["loop -> loop"]);
    let path = tree.path("loop");
    let error = discover_in(&[&path]).unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

/// Names outside of packages are free, so they are only escaped.
#[test]
fn unprintable_names_of_folders_are_escaped() {
    use std::os::unix::ffi::OsStrExt;
    let tree = Tree::new(&[]);
    let name = std::ffi::OsStr::from_bytes(b"a\x1b\xff");
    fs::create_dir_all(tree.0.path().join(name).join("1.0.0")).unwrap();
    let (candidates, _) = tree.discover();
    assert_eq!(candidates[0].package, "a\\u{1b}\u{fffd}/1.0.0");
    assert!(OpenPackage::open(&candidates[0], &super::Limits::default()).is_ok());
}

/// A package may vanish between the search and its opening. Who opens it is told that it cannot be read, and finds out why.
#[test]
fn a_package_that_vanished_is_unreadable() {
    let tree = Tree::new(&["a/1.0.0/", "b.zip"]);
    let (candidates, _) = tree.discover();
    fs::remove_dir(tree.path("a/1.0.0")).unwrap();
    fs::remove_file(tree.path("b.zip")).unwrap();
    let open = |index: usize| OpenPackage::open(&candidates[index], &super::Limits::default());
    check_refused(open(0), Rule::NotAZip, None);
    check_refused(open(1), Rule::Unreadable, None);
}

/// The folder itself may be replaced by a link between the search and its opening.
#[test]
fn a_version_folder_that_became_a_link_is_refused() {
    let tree = Tree::new(&["a/1.0.0/", "elsewhere/secret"]);
    let (candidates, _) = tree.discover();
    fs::remove_dir(tree.path("a/1.0.0")).unwrap();
    std::os::unix::fs::symlink(tree.path("elsewhere"), tree.path("a/1.0.0")).unwrap();
    check_refused(OpenPackage::open(&candidates[0], &super::Limits::default()), Rule::Unreadable, None);
}

#[test]
fn a_single_zip_needs_no_folder() {
    let tree = Tree::new(&["x.zip"]);
    let (candidates, problems) = discover_in(&[Path::new(&tree.path("x.zip"))]).unwrap();
    assert_eq!((candidates.len(), problems.len(), candidates[0].package.as_str()), (1, 0, "x.zip"));
}

#[test]
fn limits_are_read_over_their_defaults() {
    use super::Limits;
    let limits: Limits = serde_json::from_str(r#"{"max_entries": 5}"#).unwrap();
    assert_eq!(limits, Limits { max_entries: 5, ..Limits::default() });
    assert!(serde_json::from_str::<Limits>(r#"{"max_entry": 5}"#).is_err());
}

/// The search has an end, however deep folders are nested.
#[test]
fn folders_that_are_too_deep_are_not_searched() {
    let deep = format!("a/{}z.zip", "b/".repeat(64));
    let tree = Tree::new(&[&deep]);
    let (candidates, problems) = tree.discover();
    assert_eq!(candidates.len(), 0);
    assert!(rules(&problems).iter().any(|(rule, _)| *rule == Rule::FoldersTooDeep), "{problems:?}");
}
