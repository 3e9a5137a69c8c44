//! The sites of the sample packages, file by file: nothing changes unseen, and everything is on disk as it is listed.
//!
//! `SNAPSHOTS=overwrite cargo test` takes what is built as what is expected.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::built::{DISTRIBUTIONS, Generation, Listed, build_samples};
use crate::fixture_layer::fixtures;
use epr_build::base::digest::Digest;
use serde_json::Value;
use snapbox::Data;
use snapbox::data::DataFormat;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Documents that are kept as text, and the requests that they answer.
const DOCUMENTS: [(&str, &str); 4] = [
    ("index.json", "/"),
    ("search.json", "/search?prerelease=true"),
    ("categories.json", "/categories?prerelease=true&include_policy_templates=true"),
    ("package.json", "/package/acme_access/1.2.0/"),
];

/// Compares with an expected file, or writes it when that is asked for.
fn check_text(name: &str, actual: &str) {
    let expected = Data::read_from(&fixtures().join("expected").join(name), Some(DataFormat::Text)).raw();
    snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV).eq(Data::text(actual).raw(), expected);
}

fn sha256(path: &Path) -> String {
    Digest::of(&fs::read(path).unwrap()).to_string()
}

/// `sha256  size  path` of every file of the site, twins included. Folders of answers, and all pages together, have a
/// line each, with the digest of the lines of their files: there are thousands, and a person would not compare them one
/// by one.
fn sums(generation: &Generation) -> String {
    let mut text = String::new();
    let mut answers: BTreeMap<String, (u64, String, usize)> = BTreeMap::new();
    for (path, place) in generation.files() {
        let size = place.metadata().unwrap().len();
        let line = format!("{}  {size:>7}  {path}\n", sha256(&place));
        let answer = path.strip_prefix("/answers/").and_then(|rest| rest.split_once('/'));
        let folder = answer.map(|(folder, _)| format!("/answers/{folder}/"));
        match folder.or_else(|| path.starts_with("/ui/").then(|| "/ui/".to_owned())) {
            Some(folder) => {
                let (bytes, lines, count) = answers.entry(folder).or_default();
                *bytes += size;
                *lines += &line;
                *count += 1;
            }
            None => text += &line,
        }
    }
    for (folder, (bytes, lines, count)) in answers {
        text += &format!("{}  {bytes:>7}  {folder} ({count} files)\n", Digest::of(lines.as_bytes()));
    }
    text
}

/// A change of any byte of any file of the site shows in a comparison that a person can read.
#[test]
fn sites_are_as_expected() {
    let samples = build_samples();
    let mut names: BTreeSet<String> = BTreeSet::new();
    for distribution in DISTRIBUTIONS {
        let generation = Generation::open(&samples.path().join("out"), distribution);
        let report = fs::read_to_string(generation.folder.join("report.json")).unwrap();
        let id = generation.folder.file_name().unwrap().to_str().unwrap();
        let mut texts = vec![
            (format!("{distribution}.sums"), sums(&generation)),
            (format!("{distribution}/report.json"), report.replace(id, "<generation>")),
        ];
        for (name, target) in DOCUMENTS {
            let text = String::from_utf8(generation.get(target)).unwrap();
            texts.push((format!("{distribution}/{name}"), text));
        }
        for (name, text) in texts {
            check_text(&name, &text);
            names.insert(name);
        }
    }
    let root = fixtures().join("expected");
    let found =
        walkdir::WalkDir::new(&root).into_iter().map(Result::unwrap).filter(|found| found.file_type().is_file());
    let found: BTreeSet<_> =
        found.map(|found| found.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(found, names, "files that nothing makes any more, or that are missing");
}

/// Every file that the manifest lists is there with its size, content and twin, and nothing else is.
#[test]
fn manifests_tell_the_whole_truth() {
    let samples = build_samples();
    for distribution in DISTRIBUTIONS {
        let generation = Generation::open(&samples.path().join("out"), distribution);
        assert_eq!(generation.manifest["distribution"], distribution);
        assert_eq!(generation.manifest["generation"], generation.folder.file_name().unwrap().to_str().unwrap());
        let mut files = generation.files();
        let mut twins = 0;
        for (path, listed) in generation.listed() {
            let place = files.remove(&path).unwrap_or_else(|| panic!("{distribution}: {path} is not on disk"));
            check_file(&place, Some(&listed));
            let Some(gzip) = listed.gzip_sha256 else { continue };
            let twin =
                files.remove(&format!("{path}.gz")).unwrap_or_else(|| panic!("{distribution}: no twin of {path}"));
            check_file(&twin, None);
            assert_eq!(sha256(&twin), gzip, "{path}.gz");
            let mut unpacked = Vec::new();
            flate(&twin, &mut unpacked);
            assert!(unpacked == fs::read(&place).unwrap(), "{path}.gz holds something else");
            twins += 1;
        }
        assert!(files.is_empty(), "{distribution}: not in the manifest: {:?}", files.keys());
        assert!(twins > 10, "{distribution}: {twins} twins");
        check_folders(&generation.site());
    }
}

/// The list of versions for programs that copy a registry has every archive with its size and digest, and its signature.
#[test]
fn versions_are_listed_with_their_archives() {
    let samples = build_samples();
    for distribution in DISTRIBUTIONS {
        let generation = Generation::open(&samples.path().join("out"), distribution);
        let list = generation.get_json("/index/packages.json");
        assert_eq!(list["schema"], "epr-build/packages/1");
        let mut files = generation.files();
        files.retain(|path, _| path.starts_with("/epr/"));
        for listed in list["packages"].as_array().unwrap() {
            let [name, version] = ["name", "version"].map(|field| listed[field].as_str().unwrap());
            let archive = format!("/epr/{name}/{name}-{version}.zip");
            let mut check = |path: &str, listed: &Value| {
                let place = files.remove(path).unwrap_or_else(|| panic!("{distribution}: {path}"));
                assert_eq!(listed["size"], place.metadata().unwrap().len(), "{path}");
                assert_eq!(listed["sha256"], sha256(&place), "{path}");
            };
            check(&archive, listed);
            if listed.get("signature").is_some() {
                check(&format!("{archive}.sig"), &listed["signature"]);
                assert!(listed["signature"]["verdict"].is_string(), "{listed}");
            }
            let document = generation.get_json(&format!("/package/{name}/{version}/"));
            let format = document["format_version"].as_str().unwrap();
            assert!(format.starts_with(&format!("{}.", listed["spec"].as_str().unwrap())), "{listed}: {format}");
            assert_eq!(listed["type"], document["type"], "{listed}");
        }
        assert!(files.is_empty(), "{distribution}: not listed: {:?}", files.keys());
    }
}

/// Size and digest as listed, readable by all, and a time that says nothing but the content.
fn check_file(place: &Path, listed: Option<&Listed>) {
    let (metadata, digest) = (place.metadata().unwrap(), sha256(place));
    if let Some(listed) = listed {
        assert_eq!((metadata.len(), &digest), (listed.size, &listed.sha256), "{}", place.display());
    }
    assert_eq!(metadata.mode() & 0o7777, 0o644, "{}", place.display());
    let expected = 1_000_000_000 + i64::from_str_radix(&digest[..7], 16).unwrap();
    assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (expected, 0), "{}", place.display());
}

fn check_folders(site: &Path) {
    let found = walkdir::WalkDir::new(site).follow_links(true).into_iter().map(Result::unwrap);
    for folder in found.filter(|found| found.file_type().is_dir()) {
        let mode = folder.path().metadata().unwrap().mode() & 0o7777;
        assert_eq!(mode, 0o755, "{}", folder.path().display());
    }
}

/// Unpacks with another library than the one that packed.
fn flate(path: &Path, out: &mut Vec<u8>) {
    // A gzip file is ten bytes of header, a deflated stream, checksum and size.
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, bytes[8], bytes[9]], "{}", path.display());
    let (body, tail) = bytes[10..].split_at(bytes.len() - 18);
    let size = usize::try_from(u32::from_le_bytes(tail[4..].try_into().unwrap())).unwrap();
    out.resize(size, 0);
    let written = libdeflater::Decompressor::new().deflate_decompress(body, out).unwrap();
    assert_eq!(written, size);
    assert_eq!(crc32fast::hash(out).to_le_bytes(), tail[..4], "{}", path.display());
}

/// What a client can notice of a generation: bytes, sizes, modes and times.
pub(crate) fn fingerprint(out: &Path, distribution: &str) -> BTreeMap<String, String> {
    let folder = fs::canonicalize(out.join(distribution).join("current")).unwrap();
    let mut seen = BTreeMap::new();
    seen.insert("generation".to_owned(), folder.file_name().unwrap().to_str().unwrap().to_owned());
    for entry in walkdir::WalkDir::new(&folder).follow_links(true).into_iter().map(Result::unwrap) {
        let path = entry.path().strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        let metadata = entry.path().metadata().unwrap();
        let digest = if metadata.is_file() { sha256(entry.path()) } else { String::new() };
        // Only what is served has a time of its own.
        let time = if path.starts_with("site/") { metadata.mtime() } else { 0 };
        seen.insert(path, format!("{:o} {time} {digest}", metadata.mode()));
    }
    seen
}
