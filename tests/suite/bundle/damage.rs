//! Bundles that were damaged on the way, or made to do harm: all are refused, with place and hint, and nothing is switched.

use super::{build, bundle, current, good, unbundle, world};
use crate::harness::{Case, samples};
use epr_build::base::digest::Digest;
use epr_build::base::progress::Progress;
use epr_build::carry::bundle::parts::Sealed;
use epr_build::carry::bundle::unpack::{Terms, unpack};
use epr_build::carry::bundle::{Refusal, check};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

/// So many places, spread over a file, its last bytes among them.
fn places(length: usize, count: usize) -> Vec<usize> {
    let end = length.saturating_sub(100);
    let mut places: Vec<_> = (0..count - 100).map(|point| end * point / (count - 100)).collect();
    places.extend(end..length);
    places
}

/// What reading a bundle says; every fault must be a refusal with a place and a hint.
fn refusal(path: &Path) -> Option<String> {
    let read = Sealed::open(&[path.to_owned()]).and_then(|sealed| check::bundle(&sealed, &Progress::new(true)));
    read.err().map(|error| {
        let said = error.downcast::<Refusal>().unwrap_or_else(|error| panic!("no refusal: {error:#}")).to_string();
        assert!(said.contains("\n  --> ") && said.contains("\nhint: "), "{said}");
        said
    })
}

/// Reading and taking in use the same eyes; a sample of what is refused when it is read is tried to be taken in.
fn check_refused(case: &Case, path: &Path, is_tried: bool, context: &str) {
    assert!(refusal(path).is_some(), "{context}: not detected");
    if is_tried {
        let before = current(case, "far");
        let sealed = Sealed::open(&[path.to_owned()]);
        let terms = Terms { keep: 3, accept_loss: true, ..Terms::default() };
        let taken = sealed.and_then(|sealed| unpack(&sealed, &case.path("far"), &terms, &Progress::new(true)));
        let error = taken.err().unwrap_or_else(|| panic!("{context}: taken in"));
        assert!(error.is::<Refusal>(), "{context}: {error:#}");
        assert_eq!(current(case, "far"), before, "{context}");
    }
}

/// A far side with an older generation, and a bundle of the sample packages.
fn sampled() -> (Case, Vec<u8>) {
    let case = world();
    build(&case);
    bundle(&case, "old", &[]);
    unbundle(&case, "old", "far");
    good(&case, &["--dist", "staging", "--quiet", "--accept-loss", "--packages", &samples()]);
    bundle(&case, "new", &[]);
    let bytes = fs::read(case.path("new")).unwrap();
    (case, bytes)
}

#[test]
fn no_changed_byte_goes_unnoticed() {
    let (case, bytes) = sampled();
    let places = places(bytes.len(), 1000);
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let (case, bytes, places) = (&case, &bytes, &places);
            scope.spawn(move || {
                let path = case.path(&format!("changed-{worker}"));
                for (number, place) in places.iter().enumerate().skip(worker).step_by(2) {
                    let mut changed = bytes.clone();
                    changed[*place] ^= 1 << (number % 8);
                    fs::write(&path, &changed).unwrap();
                    // One process at a time writes to a folder.
                    check_refused(
                        case,
                        &path,
                        worker == 0 && number % 20 == 0,
                        &format!("byte {place} of {}", bytes.len()),
                    );
                }
            });
        }
    });
    good(&case, &["unbundle", "new", "--out", "far", "--accept-loss"]);
}

#[test]
fn no_missing_end_goes_unnoticed() {
    let (case, bytes) = sampled();
    let path = case.path("cut");
    for (number, point) in (0..100).enumerate() {
        let length = if point < 80 { bytes.len() * point / 80 } else { bytes.len() - (100 - point) };
        fs::write(&path, &bytes[..length]).unwrap();
        check_refused(&case, &path, number % 10 == 0, &format!("{length} bytes of {}", bytes.len()));
    }
    let mut more = bytes.clone();
    more.extend([0; 512]);
    fs::write(&path, &more).unwrap();
    check_refused(&case, &path, true, "more than everything");
    for (part, length) in [("new.001", 9000), ("new.002", 500)] {
        fs::write(case.path(part), &bytes[..length]).unwrap();
    }
    let run = case.run(&["unbundle", "new.001", "new.002", "--out", "far"]);
    assert!(run.code == 1 && run.stderr.contains("`new.003` is missing, or `new.002` was cut off"), "{run:#?}");
}

/// A member of an archive, as raw as it gets.
#[derive(Clone)]
pub(super) struct Raw {
    header: tar::Header,
    pub(super) data: Vec<u8>,
}

/// The members of a bundle.
pub(super) fn members(bytes: &[u8]) -> Vec<Raw> {
    let mut tar = tar::Archive::new(zstd::stream::read::Decoder::new(bytes).unwrap());
    let entries = tar.entries().unwrap().map(Result::unwrap);
    let raw = |mut entry: tar::Entry<'_, _>| {
        let mut data = Vec::new();
        Read::read_to_end(&mut entry, &mut data).unwrap();
        Raw { header: entry.header().clone(), data }
    };
    entries.map(raw).collect()
}

pub(super) fn pack(members: &[Raw]) -> Vec<u8> {
    let mut tar = Vec::new();
    for Raw { header, data } in members {
        tar.extend(header.as_bytes());
        tar.extend(data);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    seal(zstd::stream::encode_all(&tar[..], 1).unwrap())
}

/// Puts a true seal behind whatever it is.
fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes.len() as u64;
    bytes.extend(b"\x5e\x2a\x4d\x18\x40\0\0\0EPRBUNDL");
    for number in [length, 0, 1] {
        bytes.extend(number.to_le_bytes());
    }
    let digest = Digest::of(&bytes);
    bytes.extend(digest.bytes());
    bytes
}

/// Replaces the content of a member, its size included.
pub(super) fn set(members: &mut [Raw], index: usize, data: Vec<u8>) {
    let Raw { header, data: old } = &mut members[index];
    header.set_size(data.len() as u64);
    header.set_cksum();
    *old = data;
}

fn change_manifest(members: &mut [Raw], change: impl FnOnce(&mut Value)) {
    let mut manifest: Value = serde_json::from_slice(&members[0].data).unwrap();
    let text = String::from_utf8(members[0].data.clone()).unwrap();
    let before = manifest.clone();
    change(&mut manifest);
    // Objects lose their order as values, so single values are replaced in the text.
    let text = replaced(&text, &before, &manifest);
    set(members, 0, text.into_bytes());
}

/// The text with one value changed at the top level.
fn replaced(text: &str, before: &Value, after: &Value) -> String {
    let (before, after) = (before.as_object().unwrap(), after.as_object().unwrap());
    let changed = before.keys().find(|key| before[*key] != after[*key]).unwrap();
    let rest = &text[text.find(&format!("\"{changed}\":")).unwrap()..];
    let mut values =
        serde_json::Deserializer::from_str(&rest[changed.len() + 3..]).into_iter::<&serde_json::value::RawValue>();
    let old = values.next().unwrap().unwrap().get();
    text.replacen(&format!("\"{changed}\":{old}"), &format!("\"{changed}\":{}", after[changed]), 1)
}

/// Every forgery has a true seal: only a signature tells who made a bundle, and none may do harm whoever made it.
#[test]
fn forged_bundles_are_refused() {
    let case = world();
    build(&case);
    bundle(&case, "old", &[]);
    unbundle(&case, "old", "far");
    let case = case.package("packages/production", "new", "1.0.0", "");
    build(&case);
    bundle(&case, "new", &[]);
    let genuine = members(&fs::read(case.path("new")).unwrap());
    fs::write(case.path("forged"), pack(&genuine)).unwrap();
    assert_eq!(refusal(&case.path("forged")), None, "what is packed again unchanged is accepted");

    type Forge = fn(&mut Vec<Raw>);
    let forgeries: &[(&str, Forge, &str)] = &[
        ("no members", Vec::clear, "it is no bundle"),
        ("another first member", |m| drop(m.remove(0)), "it does not begin with a manifest"),
        ("a manifest that is a link", |m| kind(m, 0, tar::EntryType::Symlink), "it does not begin with a manifest"),
        ("a member that is a symbolic link", |m| kind(m, 1, tar::EntryType::Symlink), "another member stands"),
        ("a member that is a hard link", |m| kind(m, 1, tar::EntryType::Link), "another member stands"),
        ("a member that is a device", |m| kind(m, 1, tar::EntryType::Char), "another member stands"),
        ("a long name of GNU tar", |m| kind(m, 1, tar::EntryType::GNULongName), "another member stands"),
        ("a sparse member", |m| kind(m, 1, tar::EntryType::GNUSparse), "another member stands"),
        ("a name that climbs", |m| name(m, 1, b"../../../etc/passwd"), "another member stands"),
        ("an absolute name", |m| name(m, 1, b"/etc/passwd"), "another member stands"),
        ("another mode", |m| mode(m, 1, 0o4755), "another member stands"),
        ("a member twice", |m| m.insert(1, m[1].clone()), "another member stands"),
        ("a member that is missing", |m| drop(m.remove(2)), "another member stands"),
        ("a member more", |m| m.push(m[1].clone()), "there is something between members"),
        ("members in another order", |m| m.swap(1, 2), "another member stands"),
        ("a shorter file", |m| set(m, 1, b"x".to_vec()), "another member stands"),
        ("a changed file", |m| m[1].data[0] ^= 1, "a content has another digest"),
        ("a changed content", |m| m.last_mut().unwrap().data[0] ^= 1, "a content has another digest"),
        ("a manifest that is no JSON", |m| set(m, 0, b"{".to_vec()), "the manifest cannot be read"),
        ("a manifest of another kind", |m| set(m, 0, b"[1]".to_vec()), "the manifest cannot be read"),
        ("a deep manifest", |m| set(m, 0, b"[".repeat(1 << 20)), "the manifest cannot be read"),
        ("a manifest that says it is huge", |m| size(m, 0, 1 << 40), "the manifest is too large"),
        ("a manifest with a negative size", |m| m[0].header.as_old_mut().size = [0xff; 12], ""),
        (
            "a distribution that climbs",
            |m| change_manifest(m, |j| j["distribution"] = json!("../x")),
            "cannot be a distribution",
        ),
        (
            "a distribution called store",
            |m| change_manifest(m, |j| j["distribution"] = json!("store")),
            "cannot be a distribution",
        ),
        (
            "a generation that climbs",
            |m| change_manifest(m, |j| j["generation"] = json!("../../../../x")),
            "cannot be a generation",
        ),
        (
            "another generation",
            |m| change_manifest(m, |j| j["generation"] = json!("0123456789abcdef")),
            "`manifest.json` is of the generation",
        ),
        (
            "another distribution",
            |m| change_manifest(m, |j| j["distribution"] = json!("production")),
            "`manifest.json` is of the distribution `staging`",
        ),
        (
            "a later format",
            |m| change_manifest(m, |j| j["schema"] = json!("epr-build/bundle/3")),
            "take version 0.1.0 of epr-build",
        ),
        ("other recipes", |m| change_manifest(m, |j| j["recipes"] = json!(2)), "take version 0.1.0 of epr-build"),
        (
            "an escape sequence",
            |m| change_manifest(m, |j| j["distribution"] = json!("\u{1b}[2J")),
            "`\\u{1b}[2J` cannot be",
        ),
    ];
    let folder = listing(&case);
    for (context, forge, said) in forgeries {
        let mut forged = genuine.clone();
        forge(&mut forged);
        fs::write(case.path("forged"), pack(&forged)).unwrap();
        let refusal = refusal(&case.path("forged")).unwrap_or_else(|| panic!("{context}: accepted"));
        assert!(refusal.contains(said), "{context}: {refusal}");
        check_refused(&case, &case.path("forged"), true, context);
        let run = case.run(&["unbundle", "forged", "--out", "far"]);
        assert!(run.code == 1 && run.stderr.starts_with("error: ") && run.stdout.is_empty(), "{context}: {run:#?}");
        assert!(!run.stderr.contains('\u{1b}'), "{context}: {run:#?}");
    }
    assert_eq!(folder, listing(&case), "nothing appeared beside the output folder");
}

fn listing(case: &Case) -> Vec<std::path::PathBuf> {
    let mut names: Vec<_> = fs::read_dir(case.path(".")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names
}

fn kind(members: &mut [Raw], index: usize, kind: tar::EntryType) {
    members[index].header.set_entry_type(kind);
    members[index].header.set_cksum();
}

fn mode(members: &mut [Raw], index: usize, mode: u32) {
    members[index].header.set_mode(mode);
    members[index].header.set_cksum();
}

fn size(members: &mut [Raw], index: usize, size: u64) {
    members[index].header.set_size(size);
    members[index].header.set_cksum();
}

fn name(members: &mut [Raw], index: usize, name: &[u8]) {
    let field = &mut members[index].header.as_old_mut().name;
    field.fill(0);
    field[..name.len()].copy_from_slice(name);
    members[index].header.set_cksum();
}

/// Sizes and recipes that lie: refused before the disk is full, and without using the memory they ask for.
#[test]
fn bundles_that_grow_are_refused() {
    let case = world();
    build(&case);
    bundle(&case, "new", &[]);
    let genuine = members(&fs::read(case.path("new")).unwrap());
    let text = String::from_utf8(genuine[0].data.clone()).unwrap();
    let refuse = |context: &str, bytes: Vec<u8>, said: &str| {
        fs::write(case.path("forged"), bytes).unwrap();
        // What is there already need not be made, so nothing is there.
        let _ = fs::remove_dir_all(case.path("fresh"));
        let output = case.command(&["unbundle", "forged", "--out", "fresh"]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        // Too little room is no fault of the bundle.
        let code = if said.starts_with("the bundle unpacks") { 2 } else { 1 };
        assert!(output.status.code() == Some(code) && stderr.contains(said), "{context}: {stderr}");
        assert!(stderr.contains("\n  --> ") || stderr.contains("--out"), "{context}: {stderr}");
        assert!(!case.path("fresh/staging/current").exists(), "{context}");
    };
    let forged = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let mut members = genuine.clone();
        set(&mut members, 0, text.replacen(from, to, 1).into_bytes());
        pack(&members)
    };
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let first = |kind: &str| {
        let contents = manifest["contents"].as_array().unwrap();
        contents.iter().find(|content| content["from"].get(kind).is_some() || content["from"] == kind).unwrap().clone()
    };
    for kind in ["text", "zip", "gzip"] {
        let (digest, size) =
            (first(kind)["sha256"].as_str().unwrap().to_owned(), first(kind)["size"].as_u64().unwrap());
        let (from, to) = (format!("{digest}\",\"size\":{size}"), format!("{digest}\",\"size\":{}", 1_u64 << 60));
        refuse(kind, forged(&from, &to), "the bundle unpacks to");
        if kind != "text" {
            let to = format!("{digest}\",\"size\":{}", size + 1);
            refuse(kind, forged(&from, &to), "cannot be made");
            let to = format!("{digest}\",\"size\":{}", size - 1);
            refuse(kind, forged(&from, &to), "cannot be made");
        }
    }
    // A recipe that makes something else.
    let digest = first("gzip")["sha256"].as_str().unwrap().to_owned();
    let original = first("gzip")["from"]["gzip"].as_u64().unwrap();
    let size = first("gzip")["size"].as_u64().unwrap();
    let from = format!("{digest}\",\"size\":{size},\"from\":{{\"gzip\":{original}}}");
    let to = format!("{digest}\",\"size\":{size},\"from\":{{\"gzip\":{}}}", original + 1);
    refuse("another original", forged(&from, &to), "cannot be made");
    let member = first("member");
    let number = member["from"]["member"]["number"].as_u64().unwrap();
    for other in [number + 1, 99, 1 << 62] {
        let from = format!(
            "{}\",\"size\":{},\"from\":{{\"member\":{{\"archive\":{},\"number\":{number}",
            member["sha256"].as_str().unwrap(),
            member["size"],
            member["from"]["member"]["archive"]
        );
        let to = from.replace(&format!("\"number\":{number}"), &format!("\"number\":{other}"));
        refuse("another member", forged(&from, &to), "cannot be made");
    }

    // Frames that unpack to more than everything: zeros behind the end, and a window that needs gigabytes.
    let mut bomb = fs::read(case.path("new")).unwrap();
    bomb.truncate(bomb.len() - 72);
    let mut zeros = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..1 << 10 {
        zeros.write_all(&[0; 1 << 20]).unwrap();
    }
    bomb.extend(zeros.finish().unwrap());
    refuse("a gigabyte of zeros", seal(bomb), "there is more behind its end");
    let mut wide = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    wide.window_log(31).unwrap();
    wide.write_all(&[0; 1 << 20]).unwrap();
    refuse("a window of 2 GiB", seal(wide.finish().unwrap()), "it cannot be unpacked");
    for (context, bytes) in [
        ("nothing", Vec::new()),
        ("a seal alone", seal(Vec::new())),
        ("garbage", seal(b"garbage".repeat(100))),
        ("garbage without a seal", b"garbage".repeat(100)),
        ("a skippable frame", seal(b"\x50\x2a\x4d\x18\x04\0\0\0abcd".to_vec())),
    ] {
        refuse(context, bytes, "hint: ");
    }
    good(&case, &["unbundle", "new", "--out", "far", "--accept-loss"]);
}
