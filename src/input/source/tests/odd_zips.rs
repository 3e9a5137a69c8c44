//! Zips that readers understand differently, and zips that only look odd.

use super::super::OpenPackage;
use super::Tree;
use super::raw_zip::{Local, Member, end, with_wide_end, zip, zip_of};
use crate::base::problem::{Severity, reading_rule};
use crate::base::rule::Rule;
use crate::package::PackageFiles;
use std::fs;
use std::path::Path;

const GOOD: [&str; 2] = ["p/manifest.yml", "p/x"];

/// What becomes of a zip: the rule that quarantines it, or those that warn.
fn judge(bytes: &[u8]) -> Result<Vec<Rule>, Rule> {
    let tree = Tree::with_zip(bytes);
    match tree.open() {
        Ok(open) => {
            assert_eq!(open.read("manifest.yml").unwrap(), b"content");
            assert!(open.warnings().iter().all(|warning| warning.severity == Severity::Warning));
            Ok(open.warnings().iter().map(|warning| warning.rule).collect())
        }
        Err(problem) => {
            assert_eq!(problem.severity, Severity::Quarantine, "{problem}");
            assert!(problem.hint.is_some() && !problem.message.is_empty(), "{problem}");
            Err(problem.rule)
        }
    }
}

/// A good package whose second member is this one.
fn with(member: Member) -> Vec<u8> {
    zip(&[Member::new(GOOD[0]), member])
}

/// The second member of a good package.
fn x() -> Member {
    Member::new(GOOD[1])
}

fn local(local: Local) -> Vec<u8> {
    with(x().locally(local))
}

/// Checksum and sizes after a content.
fn descriptor(is_signed: bool, crc: u32, sizes: [u64; 2], width: usize) -> Vec<u8> {
    let mut bytes = if is_signed { b"PK\x07\x08".to_vec() } else { Vec::new() };
    bytes.extend(crc.to_le_bytes());
    sizes.iter().for_each(|size| bytes.extend(&size.to_le_bytes()[..width]));
    bytes
}

fn extra(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut field = kind.to_le_bytes().to_vec();
    field.extend((value.len() as u16).to_le_bytes());
    field.extend(value);
    field
}

fn wide(numbers: &[u64]) -> Vec<u8> {
    extra(1, &numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>())
}

fn unicode_name(of: &str, name: &str) -> Vec<u8> {
    let mut value = vec![1];
    value.extend(crc32fast::hash(of.as_bytes()).to_le_bytes());
    value.extend(name.as_bytes());
    extra(0x7075, &value)
}

/// A good zip after a change of its bytes.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = zip_of(&GOOD);
    change(&mut bytes);
    bytes
}

fn with_comment(comment: &[u8]) -> Vec<u8> {
    changed(|bytes| {
        let place = bytes.len() - 2;
        bytes[place..].copy_from_slice(&(comment.len() as u16).to_le_bytes());
        bytes.extend(comment);
    })
}

/// Changes the end record of a good zip; the places of its numbers are 8, 10 (members), 12 (size), 16 (start).
fn with_end(place: usize, number: u8) -> Vec<u8> {
    changed(|bytes| {
        let end = bytes.len() - 22;
        bytes[end + place] = number;
    })
}

type Case = (&'static str, Vec<u8>, Result<&'static [Rule], Rule>);

#[track_caller]
fn check(cases: Vec<Case>) {
    let wrong: Vec<_> = cases
        .into_iter()
        .filter_map(|(name, bytes, expected)| {
            let found = judge(&bytes);
            let is_right = match (&found, expected) {
                (Ok(found), Ok(expected)) => found == expected,
                (Err(found), Err(expected)) => *found == expected,
                _ => false,
            };
            (!is_right).then(|| format!("{name}: {found:?} instead of {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Bytes that belong to no member, where one reader or another may look for members.
#[test]
fn nothing_lies_before_between_or_after() {
    let good = || zip_of(&GOOD);
    let second = zip_of(&["p/evil"]);
    let two_directories = || {
        let mut bytes = good();
        bytes.extend(&good()[good().len() - 22 - 2 * 46 - 17..]);
        bytes
    };
    check(vec![
        ("plain", good(), Ok(&[])),
        ("a program before it", [b"#!/bin/sh\n", good().as_slice()].concat(), Err(Rule::ZipDamaged)),
        ("a zip before it", [second.as_slice(), &good()].concat(), Err(Rule::ZipDamaged)),
        ("a byte between", local(Local { after: b"x".to_vec(), ..Local::default() }), Err(Rule::ZipStrayBytes)),
        (
            "a hidden member between",
            zip(&[
                Member::new(GOOD[0]).locally(Local { after: second[..43].to_vec(), ..Local::default() }),
                Member::new(GOOD[1]),
            ]),
            Err(Rule::ZipStrayBytes),
        ),
        (
            "a hidden member before the directory",
            local(Local { after: second[..43].to_vec(), ..Local::default() }),
            Err(Rule::ZipStrayBytes),
        ),
        (
            "a first member that is not counted",
            {
                // The directory begins with its second header, and the end record counts one.
                let mut bytes = zip_of(&["p/evil", GOOD[0]]);
                let (place, header) = (bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap(), 46 + 6);
                bytes.drain(place..place + header);
                let end = bytes.len() - 22;
                (bytes[end + 8], bytes[end + 10]) = (1, 1);
                bytes[end + 12] -= header as u8;
                bytes
            },
            Err(Rule::ZipStrayBytes),
        ),
        ("a second end record", changed(|bytes| bytes.extend(end(0, 0, 0))), Err(Rule::ZipDamaged)),
        ("two directories", two_directories(), Err(Rule::ZipDamaged)),
        ("a byte after it", changed(|bytes| bytes.push(0)), Err(Rule::ZipDamaged)),
        ("a line after it", changed(|bytes| bytes.push(b'\n')), Err(Rule::ZipDamaged)),
        ("much after it", changed(|bytes| bytes.extend(vec![0; 70_000])), Err(Rule::NotAZip)),
        ("a comment", with_comment(b"built by hand"), Ok(&[])),
        ("a long comment", with_comment(&[b'x'; 0xffff]), Ok(&[])),
        ("a comment with an end record", with_comment(&end(0, 0, 0)), Err(Rule::ZipDamaged)),
        ("a comment that begins one", with_comment(b"PK\x05\x06"), Err(Rule::ZipDamaged)),
        ("half a comment", with_comment(b"built").split_last().unwrap().1.to_vec(), Err(Rule::NotAZip)),
    ]);
}

/// The end record says where the directory lies, and how many members it has.
#[test]
fn end_records_are_right() {
    let good = zip_of(&GOOD);
    let wide_end = |change: fn(&mut [u64; 4], &mut u64)| with_wide_end(&good, change);
    check(vec![
        ("too few members", with_end(10, 1), Err(Rule::NotAZip)),
        ("too many members", with_end(10, 3), Err(Rule::NotAZip)),
        ("another size of the directory", with_end(12, 1), Err(Rule::ZipDamaged)),
        ("another start of the directory", with_end(16, 1), Err(Rule::ZipDamaged)),
        ("a second part", with_end(4, 1), Err(Rule::NotAZip)),
        ("zip64", wide_end(|_, _| ()), Ok(&[])),
        ("zip64 with too few members", wide_end(|numbers, _| numbers[1] = 1), Err(Rule::NotAZip)),
        ("zip64 with another size", wide_end(|numbers, _| numbers[2] += 1), Err(Rule::ZipDamaged)),
        ("zip64 with another start", wide_end(|numbers, _| numbers[3] += 1), Err(Rule::NotAZip)),
        (
            "zip64 with more in its end record",
            {
                let (mut bytes, more) = (wide_end(|_, _| ()), extra(1, b"more"));
                let locator = bytes.len() - 22 - 20;
                bytes[locator - 52] += more.len() as u8;
                bytes.splice(locator..locator, more);
                bytes
            },
            Err(Rule::ZipDamaged),
        ),
        (
            "zip64 of no part",
            {
                let mut bytes = wide_end(|_, _| ());
                let parts = bytes.len() - 22 - 4;
                bytes[parts] = 0;
                bytes
            },
            Err(Rule::ZipDamaged),
        ),
        ("zip64 elsewhere", wide_end(|_, place| *place -= 1), Err(Rule::NotAZip)),
        (
            "zip64 that differs from what it widens",
            {
                let mut bytes = wide_end(|_, _| ());
                let end = bytes.len() - 22;
                bytes[end + 8..end + 12].copy_from_slice(&[1, 0, 1, 0]);
                bytes
            },
            Err(Rule::ZipDamaged),
        ),
    ]);
}

/// Both headers of a member say the same.
#[test]
fn local_headers_equal_the_directory() {
    let (crc, size) = (crc32fast::hash(b"content"), 7);
    let sums = |sums| local(Local { sums: Some(sums), ..Local::default() });
    let ambiguous = Err(Rule::ZipAmbiguousMember);
    check(vec![
        ("another name", local(Local { name: Some(b"p/y".to_vec()), ..Local::default() }), ambiguous),
        ("no name", local(Local { name: Some(Vec::new()), ..Local::default() }), ambiguous),
        ("other flags", local(Local { flags: Some(1), ..Local::default() }), ambiguous),
        ("flags of a stream", local(Local { flags: Some(8), ..Local::default() }), ambiguous),
        ("another method", local(Local { method: Some(8), ..Local::default() }), ambiguous),
        ("another checksum", sums([1, size, size]), ambiguous),
        ("another packed size", sums([crc, 3, size]), ambiguous),
        ("another size", sums([crc, size, 3]), ambiguous),
        ("no sizes, and no stream", sums([0; 3]), ambiguous),
        ("stored with two sizes", with(Member { size: 6, ..x() }), ambiguous),
        ("no header where it should be", changed(|bytes| bytes[0] = b'X'), Err(Rule::ZipDamaged)),
        (
            "other times and extra fields",
            local(Local { extra: extra(0x5455, &[1, 2, 3, 4, 5]), ..Local::default() }),
            Ok(&[]),
        ),
        (
            "members in another order",
            {
                // Both headers of the directory have the same length but for the names.
                let bytes = zip_of(&["p/manifest.yml", "p/x"]);
                let at = bytes.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
                let (first, second) = (at + 46 + 14, bytes.len() - 22);
                [&bytes[..at], &bytes[first..second], &bytes[at..first], &bytes[second..]].concat()
            },
            Ok(&[]),
        ),
    ]);
}

/// Sizes may stand after the content, in the four forms that programs write.
#[test]
fn descriptors_are_compared() {
    let (crc, size) = (crc32fast::hash(b"content"), 7);
    let streamed = |after: Vec<u8>| with(x().streamed(after));
    let ambiguous = Err(Rule::ZipAmbiguousMember);
    check(vec![
        ("signed", streamed(descriptor(true, crc, [size; 2], 4)), Ok(&[])),
        ("bare", streamed(descriptor(false, crc, [size; 2], 4)), Ok(&[])),
        ("signed and wide", streamed(descriptor(true, crc, [size; 2], 8)), Ok(&[])),
        ("bare and wide", streamed(descriptor(false, crc, [size; 2], 8)), Ok(&[])),
        ("another checksum", streamed(descriptor(true, 1, [size; 2], 4)), ambiguous),
        ("another packed size", streamed(descriptor(true, crc, [6, size], 4)), ambiguous),
        ("another size", streamed(descriptor(false, crc, [size, 8], 8)), ambiguous),
        ("none", streamed(Vec::new()), ambiguous),
        ("half of one", streamed(descriptor(false, crc, [size; 2], 4)[..8].to_vec()), ambiguous),
        ("another signature", streamed(descriptor(true, crc, [size; 2], 4)[1..].to_vec()), Err(Rule::ZipStrayBytes)),
        ("more after it", streamed([descriptor(true, crc, [size; 2], 8), vec![0]].concat()), Err(Rule::ZipStrayBytes)),
        (
            "for a member that needs none",
            local(Local { after: descriptor(true, crc, [size; 2], 4), ..Local::default() }),
            Err(Rule::ZipStrayBytes),
        ),
    ]);
}

/// Extra fields that readers stumble over, or that give a member another name or size.
#[test]
fn extra_fields_agree() {
    let size = u64::from(x().size);
    let central = |extra: Vec<u8>| with(Member { extra, ..x() });
    let locally = |extra: Vec<u8>| local(Local { extra, ..Local::default() });
    let ambiguous = Err(Rule::ZipAmbiguousMember);
    let wide_local = |numbers: &[u64], flags: u16| {
        let local = Local { sums: Some([x().crc, u32::MAX, u32::MAX]), extra: wide(numbers), ..Local::default() };
        let after = descriptor(true, x().crc, [size; 2], 8);
        let after = if flags == 8 { after } else { Vec::new() };
        with(Member { flags, ..x().locally(Local { after, ..local }) })
    };
    check(vec![
        ("longer than all", central(vec![1, 0, 0xff, 0xff]), ambiguous),
        ("longer than all, not zip64", central(vec![9, 9, 4, 0, 0]), Err(Rule::NotAZip)),
        ("longer than all, locally", locally(vec![9, 9, 4, 0, 0]), ambiguous),
        ("three bytes left over", central(vec![0; 3]), Ok(&[])),
        ("another name", central(unicode_name("p/x", "p/y")), ambiguous),
        ("another name that does not count", central(unicode_name("p/z", "p/y")), ambiguous),
        ("another name, locally", locally(unicode_name("p/x", "../../x")), ambiguous),
        ("the same name", central(unicode_name("p/x", "p/x")), Ok(&[])),
        ("the same name, locally", locally(unicode_name("p/x", "p/x")), Ok(&[])),
        ("sizes of zip64 that nobody needs", central(wide(&[size, size])), Ok(&[])),
        ("other sizes of zip64 that nobody needs", central(wide(&[size, 8])), ambiguous),
        ("the same, locally", locally(wide(&[9, size])), ambiguous),
        ("zip64 twice", central([wide(&[size, size]), wide(&[size, size])].concat()), ambiguous),
        ("zip64, locally", wide_local(&[size, size], 0), Ok(&[])),
        ("zip64 of a stream", wide_local(&[0, 0], 8), Ok(&[])),
        ("zip64 with another size", wide_local(&[size, 8], 0), ambiguous),
        ("zip64 without its sizes", wide_local(&[size], 0), ambiguous),
    ]);
}

/// What a zip gives for its second member, or the rule for why it does not.
fn read_x(bytes: &[u8]) -> Result<Vec<u8>, Rule> {
    let tree = Tree::with_zip(bytes);
    let open = tree.open().map_err(|problem| problem.rule)?;
    open.read("x").map_err(|error| reading_rule(&error))
}

/// What a check of all contents says, which unpacks small ones in another way.
fn check_contents(bytes: &[u8]) -> Result<(), Rule> {
    let tree = Tree::with_zip(bytes);
    let open = tree.open().map_err(|problem| problem.rule)?;
    let OpenPackage::Zip(zip) = open else { panic!("no zip") };
    zip.check_contents().map_err(|(path, error)| {
        assert_eq!(path.as_deref(), Some("x"));
        reading_rule(&error)
    })
}

/// A deflated content ends where the headers say: one reader stops at its own end, another goes on to the declared one.
#[test]
fn compressed_contents_end_where_they_should() {
    let stray = Err(Rule::ZipStrayBytes);
    let damaged = Err(Rule::ZipDamaged);
    // A content as it is, in one block, which is the last one or not; and one that is nothing.
    let (last, first, empty): (&[u8], &[u8], &[u8]) =
        (b"\x01\x07\0\xf8\xffcontent", b"\0\x07\0\xf8\xffcontent", b"\x03\0");
    let sums = [crc32fast::hash(b"content").to_le_bytes(), 7_u32.to_le_bytes()].concat();
    let packed = |parts: &[&[u8]]| Member { method: 8, content: parts.concat(), ..x() };
    let nothing = |parts: &[&[u8]]| Member { size: 0, crc: 0, ..packed(parts) };
    let streamed = |member: Member| {
        let after = descriptor(true, member.crc, [member.content.len() as u64, u64::from(member.size)], 4);
        member.streamed(after)
    };
    for (name, member, expected) in [
        ("one stream", packed(&[last]), Ok(&b"content"[..])),
        ("two blocks", packed(&[first, empty]), Ok(b"content")),
        ("one stream of a writer that streams", streamed(packed(&[last])), Ok(b"content")),
        ("a byte behind it", packed(&[last, b"x"]), stray),
        ("a zero behind it", packed(&[last, b"\0"]), stray),
        ("much behind it", packed(&[last, &[7; 100_000]]), stray),
        ("a second stream", packed(&[last, last]), stray),
        ("a stream of nothing behind it", packed(&[last, empty]), stray),
        ("a header behind it", packed(&[last, b"PK\x03\x04"]), stray),
        ("its own checksum and size behind it", packed(&[last, &sums]), stray),
        ("the same twice", packed(&[last, &sums, &sums]), stray),
        ("a byte behind it, streamed", streamed(packed(&[last, b"x"])), stray),
        ("no last block", packed(&[first]), damaged),
        ("half a block", packed(&[&last[..9]]), damaged),
        ("no stream", packed(&[b"\x07content"]), damaged),
        ("another checksum", Member { crc: 1, ..packed(&[last]) }, damaged),
        ("another checksum, stored", Member { crc: 1, ..x() }, damaged),
        ("a longer content", Member { size: 6, ..packed(&[last]) }, damaged),
        ("a shorter content", Member { size: 8, ..packed(&[last]) }, damaged),
        ("nothing", nothing(&[empty]), Ok(b"")),
        ("nothing, with a byte behind it", nothing(&[empty, b"x"]), stray),
        ("nothing at all", nothing(&[]), damaged),
    ] {
        let zip = with(member);
        assert_eq!(read_x(&zip).as_deref().map_err(|rule| *rule), expected, "{name}");
        assert_eq!(check_contents(&zip), expected.map(|_| ()), "{name}");
    }
    // Members that no reader of the package asks for.
    let other = |name: &str, member: Member| {
        let member = Member { name: name.into(), ..member };
        judge(&zip(&[Member::new(GOOD[0]), member])).map(|_| ())
    };
    for (name, member, expected) in [
        // As Java writes folders.
        ("p/d/", nothing(&[empty]), Ok(())),
        ("p/d/", Member { method: 8, ..nothing(&[]) }, Ok(())),
        ("p/d/", nothing(&[empty, b"evil"]), stray.map(|_: &[u8]| ())),
        ("p/d/", nothing(&[last]), damaged.map(|_: &[u8]| ())),
        ("q/x", packed(&[last]), Ok(())),
        ("q/x", packed(&[last, last]), stray.map(|_: &[u8]| ())),
        ("q/x", Member { crc: 1, ..x() }, damaged.map(|_: &[u8]| ())),
    ] {
        assert_eq!(other(name, member.clone()), expected, "{name} {member:?}");
    }
}

/// Names that Kibana reads as others, or refuses, are published with a warning.
#[test]
fn names_that_kibana_misreads() {
    let (utf8, name) = (1 << 11, "p/é");
    let warned: Result<&[Rule], Rule> = Ok(&[Rule::KibanaZipName]);
    assert!(Rule::KibanaZipName.is_validation(), "with `validation: require` it quarantines");
    check(vec![
        ("marked as UTF-8", with(Member { flags: utf8, ..Member::new(name) }), Ok(&[])),
        ("not marked", with(Member::new(name)), warned),
        ("named once more", with(Member { extra: unicode_name(name, name), ..Member::new(name) }), Ok(&[])),
        ("named for another name", with(Member { extra: unicode_name("p/x", name), ..Member::new(name) }), warned),
        ("a drive", with(Member::new("c:/x")), Ok(&[Rule::ZipOutsideRoot, Rule::KibanaZipName])),
        ("a colon", with(Member::new("p/c:x")), Ok(&[])),
        ("names that differ only in case", with(Member::new("p/MANIFEST.yml")), Ok(&[])),
        ("not UTF-8", with(Member::new(b"p/\x82")), Err(Rule::UnsafeName)),
        ("longer than it need be", with(Member::new(b"p/\xc0\xae")), Err(Rule::UnsafeName)),
    ]);
}

/// The kind of a member counts whichever system it is said to come from: readers differ in whom they believe.
#[test]
fn attributes_agree_with_the_name() {
    let special: Result<&[Rule], Rule> = Err(Rule::SpecialFile);
    let (file, folder) = (x(), Member::new("p/x/"));
    for system in [0, 3, 6, 7, 10, 11, 14, 19, 99] {
        let with = |member: &Member, mode: u32, dos: u32| with(Member { mode, dos, system, ..member.clone() });
        check(vec![
            ("a file without attributes", with(&file, 0, 0), Ok(&[])),
            ("a file", with(&file, 0o100_644, 0x20), Ok(&[])),
            ("a file that is read-only, hidden and of the system", with(&file, 0, 0x27), Ok(&[])),
            ("a link", with(&file, 0o120_777, 0), Err(Rule::ZipSymlink)),
            ("a pipe", with(&file, 0o010_644, 0), special),
            ("a device", with(&file, 0o020_644, 0), special),
            ("a file that is a folder", with(&file, 0o040_755, 0), special),
            ("a file that is a folder for DOS", with(&file, 0, 0x10), special),
            ("a file, and a folder for DOS", with(&file, 0o100_644, 0x10), special),
            ("a label", with(&file, 0, 0x08), special),
            ("a folder without attributes", with(&folder, 0, 0), Ok(&[])),
            ("a folder", with(&folder, 0o040_755, 0x10), Ok(&[])),
            ("a folder that is no folder for DOS", with(&folder, 0o040_755, 0), Ok(&[])),
            ("a folder that is a file", with(&folder, 0o100_644, 0), special),
            ("a folder that is a label", with(&folder, 0, 0x18), special),
        ]);
    }
}

/// Some readers refuse what they do not know, others unpack it.
#[test]
fn members_need_what_every_reader_knows() {
    let ambiguous: Result<&[Rule], Rule> = Err(Rule::ZipAmbiguousMember);
    for bit in 0..16 {
        let expected = match bit {
            0 => Err(Rule::ZipEncrypted),
            1 | 2 | 11 => Ok(&[][..]),
            3 => continue,
            _ => ambiguous,
        };
        check(vec![("a flag", with(Member { flags: 1 << bit, ..x() }), expected)]);
    }
    let needs = |version| with(Member { version, ..x() });
    check(vec![
        ("version 1.0", needs(10), Ok(&[])),
        ("version 4.5", needs(45), Ok(&[])),
        ("version 4.6", needs(46), ambiguous),
        ("version 6.3", needs(63), ambiguous),
        ("version 9.9", needs(99), ambiguous),
        ("version 9.9, locally", local(Local { version: Some(99), ..Local::default() }), ambiguous),
        ("encrypted, and version 5.1", with(Member { flags: 1, version: 51, ..x() }), Err(Rule::ZipEncrypted)),
    ]);
}

/// Info-ZIP cuts the version off that VMS puts after a name.
#[test]
fn names_have_no_version() {
    let unsafe_name: Result<&[Rule], Rule> = Err(Rule::UnsafeName);
    check(vec![
        ("a version", with(Member::new("p/x;1")), unsafe_name),
        ("a long version", with(Member::new("p/x;00")), unsafe_name),
        ("an empty version", with(Member::new("p/x;")), unsafe_name),
        ("two versions", with(Member::new("p/x;1;2")), unsafe_name),
        ("a folder with a version", with(Member::new("p/x;1/")), unsafe_name),
        ("a semicolon within", with(Member::new("p/x;1.md")), Ok(&[])),
    ]);
}

/// What programs write that people use: Go, Java, Python, Info-ZIP and 7-Zip, with streams, zip64, times and modes.
#[test]
fn archives_of_common_programs_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/zips");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        check_made_by(&name, &fs::read(&path).unwrap());
        names.push(name);
    }
    for program in ["go-", "java-", "python", "info-zip", "7-zip"] {
        assert!(names.iter().any(|name| name.starts_with(program)), "{program}");
    }
}

/// The same for the crate `zip`, in all its ways.
#[test]
fn archives_of_rust_are_read() {
    use ::zip::CompressionMethod::{Deflated, Stored};
    use ::zip::write::{SimpleFileOptions, ZipWriter};
    use std::io::{Cursor, Seek, Write};
    fn write<W: Write + Seek>(mut writer: ZipWriter<W>, options: SimpleFileOptions) -> W {
        writer.add_directory("acme-1.0.0/docs/", options).unwrap();
        for (name, content) in CONTENTS {
            writer.start_file(format!("acme-1.0.0/{name}"), options).unwrap();
            writer.write_all(content.as_bytes()).unwrap();
        }
        writer.finish().unwrap()
    }
    for method in [Deflated, Stored] {
        for is_large in [false, true] {
            let options = SimpleFileOptions::default().compression_method(method).large_file(is_large);
            let name = format!("rust, {method}, {is_large}");
            check_made_by(&name, write(ZipWriter::new(Cursor::new(Vec::new())), options).get_ref());
            check_made_by(&name, &write(ZipWriter::new_stream(Vec::new()), options).into_inner());
        }
    }
}

/// The files of the package in `fuzz/corpus/zips`.
const CONTENTS: [(&str, &str); 4] = [
    ("manifest.yml", "name: acme\nversion: 1.0.0\n"),
    ("docs/é.md", "é\n"),
    ("img/logo.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>\n"),
    ("empty.md", ""),
];

#[track_caller]
fn check_made_by(name: &str, bytes: &[u8]) {
    let tree = Tree::with_zip(bytes);
    let open = tree.open().unwrap_or_else(|problem| panic!("{name}: {problem}"));
    for (path, content) in CONTENTS {
        assert_eq!(String::from_utf8(open.read(path).unwrap()).unwrap(), content, "{name}: {path}");
    }
    let OpenPackage::Zip(zip) = &open else { panic!("{name} is a zip") };
    // Info-ZIP does not mark names as UTF-8.
    let expected = vec![Rule::KibanaZipName; name.starts_with("info-zip").into()];
    assert_eq!(zip.warnings().iter().map(|warning| warning.rule).collect::<Vec<_>>(), expected, "{name}");
}
