//! Zip packages.

use super::super::{Limits, OpenPackage};
use super::raw_zip::{Member, zip, zip_of};
use super::{Tree, check_refused, paths, rules};
use crate::base::rule::Rule;
use crate::package::PackageFiles;
use ::zip::write::SimpleFileOptions;
use std::fs;
use std::io::{ErrorKind, Write};

#[track_caller]
fn check_zip_refused(bytes: &[u8], rule: Rule, file: Option<&str>) {
    check_refused(Tree::with_zip(bytes).open(), rule, file);
}

/// A good package with one further member.
fn with_member(member: Member) -> Vec<u8> {
    zip(&[Member::new("p-1.0.0/manifest.yml"), member])
}

/// The order is that of the central directory, and folders need no entries.
#[test]
fn a_deflated_zip_is_listed_and_read() {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer.add_directory("p-1.0.0/", options).unwrap();
    let files = [("p-1.0.0/z", vec![7; 5000]), ("p-1.0.0/manifest.yml", b"name: p".to_vec()), ("p-1.0.0/d/e", vec![])];
    for (name, content) in &files {
        writer.start_file(*name, options.compression_method(::zip::CompressionMethod::Deflated)).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.add_directory("p-1.0.0/docs", options).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let tree = Tree::with_zip(&bytes);
    let open = tree.open().unwrap();
    assert_eq!(paths(&open), ["z", "manifest.yml", "d/e", "docs/"]);
    assert!(open.warnings().is_empty());
    for (name, content) in &files {
        assert_eq!(&open.read(name.strip_prefix("p-1.0.0/").unwrap()).unwrap(), content);
    }
    for path in ["", "docs", "d", "p-1.0.0/z", "../z", "/z"] {
        assert_eq!(open.read(path).unwrap_err().kind(), ErrorKind::NotFound, "{path}");
    }
    let OpenPackage::Zip(package) = &open else { panic!("a zip was opened") };
    let mut whole = Vec::new();
    package.with_archive(|content| content.read_to_end(&mut whole)).unwrap();
    assert_eq!(whole, bytes);
    assert_eq!((open.stats().len(), open.stats()[0].size), (1, bytes.len() as u64));
}

/// The first `<folder>/manifest.yml` fixes the root (contract, "Zip packages").
#[test]
fn the_root_is_that_of_the_first_manifest() {
    let cases: [(&[&str], &[&str]); 4] = [
        (&["a/x", "a/manifest.yml"], &["x", "manifest.yml"]),
        (&["b/y", "a/manifest.yml", "b/manifest.yml", "a/x"], &["manifest.yml", "x"]),
        (&["a/b/manifest.yml", "c/manifest.yml"], &["manifest.yml"]),
        (&["manifest.yml", "ab/x", "a/manifest.yml"], &["manifest.yml"]),
    ];
    for (members, expected) in cases {
        let open = Tree::with_zip(&zip_of(members)).open().unwrap();
        assert_eq!(paths(&open), expected, "{members:?}");
        let is_mixed = members.len() != expected.len();
        assert_eq!(rules(open.warnings()), vec![(Rule::ZipOutsideRoot, "a.zip"); is_mixed.into()]);
    }
}

#[test]
fn a_zip_without_a_root_is_refused() {
    let cases: [&[&str]; 5] =
        [&[], &["manifest.yml"], &["a/b/manifest.yml"], &["a/Manifest.yml"], &["a/xmanifest.yml"]];
    for members in cases {
        check_zip_refused(&zip_of(members), Rule::ZipWithoutRoot, None);
    }
}

#[test]
fn unsafe_paths_quarantine_even_outside_of_the_root() {
    let cases = [
        "../x",
        "/x",
        "p-1.0.0/../../x",
        "p-1.0.0/./x",
        "./p-1.0.0/x",
        "p-1.0.0//x",
        "p-1.0.0/x//",
        "/",
        "..",
        "q/../p",
    ];
    for name in cases {
        let shown = name.strip_suffix('/').unwrap_or(name);
        check_zip_refused(&with_member(Member::new(name)), Rule::UnsafePath, Some(shown));
    }
    for manifest in ["./a/manifest.yml", "/a/manifest.yml", "../manifest.yml"] {
        check_zip_refused(&zip_of(&[manifest]), Rule::UnsafePath, Some(manifest));
    }
}

#[test]
fn unsafe_names_quarantine() {
    let cases: [(&[u8], &str); 4] =
        [(b"p\\x", "p\\x"), (b"p/a\0b", "p/a\\u{0}b"), (b"p/\x1b", "p/\\u{1b}"), (b"p/\xff", "p/\u{fffd}")];
    for (name, shown) in cases {
        check_zip_refused(&with_member(Member::new(name)), Rule::UnsafeName, Some(shown));
    }
    let long = format!("p/{}", "x".repeat(256));
    check_zip_refused(&with_member(Member::new(&long)), Rule::PathTooLong, Some(&long));
}

#[test]
fn members_that_are_not_plain_files_quarantine() {
    let member = Member::new("p-1.0.0/x");
    let cases = [
        (Member { mode: 0o120_777, ..member.clone() }, Rule::ZipSymlink),
        (Member { mode: 0o010_644, ..member.clone() }, Rule::SpecialFile),
        (Member { mode: 0o040_755, ..member.clone() }, Rule::SpecialFile),
        (Member { flags: 1, ..member.clone() }, Rule::ZipEncrypted),
        (Member { method: 12, ..member.clone() }, Rule::ZipMethod),
        (Member { method: 99, ..member.clone() }, Rule::ZipMethod),
        (Member { name: b"p-1.0.0/x/".to_vec(), ..member.clone() }, Rule::SpecialFile),
    ];
    for (member, rule) in cases {
        let file = String::from_utf8(member.name.clone()).unwrap();
        check_zip_refused(&with_member(member), rule, Some(&file));
    }
    assert!(Tree::with_zip(&with_member(Member { mode: 0o100_644, ..member })).open().is_ok());
}

#[test]
fn ambiguous_names_quarantine() {
    check_zip_refused(&zip_of(&["p/manifest.yml", "p/x", "p/y", "p/x"]), Rule::ZipDuplicateMember, Some("p/x"));
    check_zip_refused(&zip_of(&["p/manifest.yml", "p/x", "p/x"]), Rule::ZipDuplicateMember, Some("p/x"));
    check_zip_refused(&zip_of(&["p/manifest.yml", "p/x", "p/x/"]), Rule::ZipFileAndFolder, Some("p/x"));
    check_zip_refused(&zip_of(&["p/manifest.yml", "p/x/y", "p/x"]), Rule::ZipFileAndFolder, Some("p/x/y"));
    let mut extra = vec![1];
    extra.extend(crc32fast::hash(b"p/x").to_le_bytes());
    extra.extend(b"p/y");
    let mut field = vec![0x75, 0x70, extra.len() as u8, 0];
    field.extend(extra);
    let renamed = Member { extra: field, ..Member::new("p/x") };
    check_zip_refused(&zip(&[Member::new("p/manifest.yml"), renamed]), Rule::ZipAmbiguousMember, Some("p/x"));
    let case_only = zip_of(&["p/manifest.yml", "p/x", "p/X"]);
    assert!(Tree::with_zip(&case_only).open().is_ok());
}

/// A member that the end record does not count is invisible here and visible to others.
#[test]
fn an_uncounted_member_quarantines() {
    let mut bytes = zip_of(&["p/manifest.yml", "p/x"]);
    let end = bytes.len() - 22;
    bytes[end + 8] = 1;
    bytes[end + 10] = 1;
    check_zip_refused(&bytes, Rule::ZipAmbiguousMember, Some("p/x"));
}

#[test]
fn what_is_no_zip_is_skipped() {
    let good = zip_of(&["p/manifest.yml"]);
    for bytes in [&b""[..], b"text", b"PK\x03\x04", b"PK\x05\x06", &good[..good.len() - 22], &good[..30]] {
        check_zip_refused(bytes, Rule::NotAZip, None);
    }
}

/// The reference follows a link to a zip (contract, "Zip packages"); here it is skipped (contract, "Where a static site
/// differs").
#[test]
fn a_link_to_a_zip_is_skipped() {
    for target in ["data", "d", "none", "/etc/passwd"] {
        let tree = Tree::new(&["d/", &format!("a.zip -> {target}")]);
        fs::write(tree.path("data"), zip_of(&["p/manifest.yml"])).unwrap();
        let (candidates, problems) = tree.discover();
        assert_eq!((candidates.len(), rules(&problems)), (0, vec![(Rule::SymlinkSkipped, "a.zip")]), "{target}");
    }
}

/// A zip that became a link after it was found is not followed.
#[test]
fn a_zip_that_became_a_link_is_refused() {
    let tree = Tree::with_zip(&zip_of(&["p/manifest.yml"]));
    let (candidates, _) = tree.discover();
    fs::rename(tree.path("a.zip"), tree.path("data")).unwrap();
    std::os::unix::fs::symlink("data", tree.path("a.zip")).unwrap();
    check_refused(OpenPackage::open(&candidates[0], &Limits::default()), Rule::NotAZip, None);
}

#[test]
fn a_fifo_called_zip_is_not_opened() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let tree = Tree::new(&[]);
    mknodat(CWD, tree.path("a.zip"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    check_refused(tree.open(), Rule::SpecialFile, None);
}

/// Declared sizes are not trusted: content that is longer or shorter than declared, or not intact, is an error.
#[test]
fn content_must_agree_with_the_directory() {
    let member = Member::new("p/x");
    // Stored by a method that may shrink it: the content as it is, in one block.
    let packed = Member { method: 8, content: b"\x01\x07\0\xf8\xffcontent".to_vec(), ..member.clone() };
    let cases = [
        Member { size: 6, ..packed.clone() },
        Member { size: 8, ..packed.clone() },
        Member { size: 0, ..packed.clone() },
        Member { crc: 1, ..packed.clone() },
        Member { crc: 1, ..member.clone() },
        Member { method: 8, ..member.clone() },
    ];
    for case in cases {
        let bytes = zip(&[Member::new("p/manifest.yml"), case]);
        let open = Tree::with_zip(&bytes);
        assert!(open.open().unwrap().read("x").is_err());
    }
    let whole = Tree::with_zip(&zip(&[Member::new("p/manifest.yml"), packed]));
    assert_eq!(whole.open().unwrap().read("x").unwrap(), b"content");
    let tree = Tree::with_zip(&zip(&[Member::new("p/manifest.yml"), Member { crc: 1, ..member }]));
    let exact = tree.open().unwrap().with_file("x", |content| content.read_exact(&mut [0; 7]));
    assert!(exact.is_err(), "the checksum counts also for a reader that does not ask for the end");
}

#[test]
fn limits_quarantine() {
    let default = Limits::default();
    let bytes = zip_of(&["p/manifest.yml", "p/d/e"]);
    let size = bytes.len() as u64;
    let tree = Tree::with_zip(&bytes);
    let cases = [
        (Limits { max_file_bytes: 6, ..default }, Rule::FileTooLarge, Some("p/manifest.yml")),
        (Limits { max_package_bytes: size - 1, ..default }, Rule::PackageTooLarge, None),
        (Limits { max_entries: 1, ..default }, Rule::TooManyEntries, Some("p/d/e")),
        (Limits { max_path_bytes: 11, ..default }, Rule::PathTooLong, Some("manifest.yml")),
        (Limits { max_depth: 1, ..default }, Rule::PathTooLong, Some("d/e")),
        (Limits { max_zip_ratio: 0, ..default }, Rule::ZipBomb, None),
    ];
    for (limits, rule, file) in cases {
        check_refused(tree.open_with(&limits), rule, file);
    }
    let bomb = zip(&[Member::new("p/manifest.yml"), Member { size: 500 << 20, ..Member::new("p/x") }]);
    check_zip_refused(&bomb, Rule::ZipBomb, None);
    let huge = zip(&[Member::new("p/manifest.yml"), Member { size: u32::MAX - 1, ..Member::new("p/x") }]);
    check_zip_refused(&huge, Rule::FileTooLarge, Some("p/x"));
}

/// A directory of more members than allowed is given up early, not read to its end.
#[test]
fn a_huge_directory_is_given_up() {
    let members: Vec<_> = (0..20_000).map(|number| Member::new(format!("p/{number:0>100}"))).collect();
    let tree = Tree::with_zip(&zip(&members));
    let limits = Limits { max_entries: 10, ..Limits::default() };
    check_refused(tree.open_with(&limits), Rule::TooManyEntries, None);
}

/// Two directory entries that share their bytes: small zips of much content are made so.
#[test]
fn overlapping_members_quarantine() {
    let mut bytes = zip_of(&["p/manifest.yml", "p/x"]);
    let last = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").unwrap();
    bytes[last + 42..last + 46].fill(0);
    check_zip_refused(&bytes, Rule::ZipDamaged, None);
    bytes[last + 42] = 5;
    check_zip_refused(&bytes, Rule::ZipDamaged, None);
}

#[test]
fn a_zip_that_changed_is_not_read() {
    let tree = Tree::with_zip(&zip_of(&["p/manifest.yml"]));
    let open = tree.open().unwrap();
    assert!(open.read("manifest.yml").is_ok());
    fs::write(tree.path("a.zip"), zip_of(&["q/manifest.yml", "q/x"])).unwrap();
    assert!(open.read("manifest.yml").is_err());
    let OpenPackage::Zip(package) = &open else { panic!("a zip was opened") };
    assert!(package.with_archive(|content| content.read_to_end(&mut Vec::new())).is_err());
}

/// What tools write that are not ours: a comment, sizes only after the content.
#[test]
fn unusual_but_valid_zips_are_read() {
    let mut commented = zip_of(&["p/manifest.yml", "p/x"]);
    let end = commented.len() - 2;
    commented[end] = 4;
    commented.extend(b"PK\x03\x04");
    let mut streamed = ::zip::ZipWriter::new_stream(Vec::new());
    for name in ["p/manifest.yml", "p/x"] {
        streamed.start_file(name, SimpleFileOptions::default()).unwrap();
        streamed.write_all(b"content").unwrap();
    }
    let streamed = streamed.finish().unwrap().into_inner();
    for bytes in [commented, streamed] {
        let tree = Tree::with_zip(&bytes);
        let open = tree.open().unwrap();
        assert_eq!(paths(&open), ["manifest.yml", "x"]);
        assert_eq!(open.read("x").unwrap(), b"content");
    }
}
