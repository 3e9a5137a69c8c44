//! Archives hold exactly what their package's folder holds, in the form that clients and tools expect.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use crate::built::{DISTRIBUTIONS, Generation, build_samples, sample_packages};
use rayon::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Command;
use zip::{CompressionMethod, ZipArchive};

/// Names as Kibana asks for them: `/package/<name>/<version>` to `<name>-<version>`.
fn id(package: &Value) -> String {
    package["path"].as_str().unwrap().trim_start_matches("/package/").replace('/', "-")
}

fn archive_path(package: &Value) -> String {
    let name = package["path"].as_str().unwrap().split('/').nth(2).unwrap();
    format!("/epr/{name}/{}.zip", id(package))
}

/// Compares every archive with the folder that is served beside it: names and bytes, whole. Returns how many.
///
/// Reading a member to its end compares its checksum.
pub(crate) fn check_contents(generation: &Generation) -> usize {
    let wrong: Vec<String> = generation
        .packages()
        .par_iter()
        .filter_map(|package| check_one(generation, package).err().map(|reason| format!("{}: {reason}", id(package))))
        .collect();
    assert!(wrong.is_empty(), "{} archives are wrong:\n{}", wrong.len(), wrong.join("\n"));
    generation.packages().len()
}

fn check_one(generation: &Generation, package: &Value) -> Result<(), String> {
    let archive = File::open(generation.file(&archive_path(package))).map_err(|error| error.to_string())?;
    let mut archive = ZipArchive::new(archive).map_err(|error| error.to_string())?;
    let mut missing: BTreeSet<&String> = package["files"].as_object().unwrap().keys().collect();
    let prefix = format!("{}/", id(package));
    let (mut packed, mut served) = (Vec::new(), Vec::new());
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(|error| error.to_string())?;
        let name = member.name().map_err(|error| error.to_string())?.into_owned();
        let Some(path) = name.strip_prefix(&prefix) else { return Err(format!("`{name}` is outside of `{prefix}`")) };
        if member.is_dir() {
            continue;
        }
        packed.clear();
        served.clear();
        member.read_to_end(&mut packed).map_err(|error| format!("{name}: {error}"))?;
        let place = generation.file(&format!("{}/{path}", package["path"].as_str().unwrap()));
        File::open(place)
            .and_then(|mut file| file.read_to_end(&mut served))
            .map_err(|error| format!("{name}: {error}"))?;
        if packed != served {
            return Err(format!("`{name}` differs from the file that is served"));
        }
        if !missing.remove(&path.to_owned()) {
            return Err(format!("`{name}` is not in the manifest"));
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(format!("the archive lacks {missing:?}")) }
}

/// Lets the tool that people use read some of the archives, spread over all. Returns how many.
pub(crate) fn check_with_unzip(generation: &Generation, at_most: usize) -> usize {
    if Command::new("unzip").arg("-v").output().is_err() {
        assert!(std::env::var_os("EPR_REQUIRE_ALL").is_none(), "no unzip");
        println!("skipped: no unzip");
        return 0;
    }
    let packages = generation.packages();
    let step = packages.len().div_ceil(at_most).max(1);
    for package in packages.iter().step_by(step) {
        let output = Command::new("unzip").arg("-tq").arg(generation.file(&archive_path(package))).output().unwrap();
        assert!(output.status.success(), "{}: {output:?}", id(package));
    }
    packages.len().div_ceil(step)
}

/// Every archive of the samples can be installed: same files, same bytes, one root folder.
#[test]
fn archives_equal_their_folders() {
    let samples = build_samples();
    for distribution in DISTRIBUTIONS {
        let generation = Generation::open(&samples.path().join("out"), distribution);
        let checked = check_contents(&generation);
        assert!(checked > 20 && generation.report["versions"] == checked, "{distribution}: {checked}");
        check_with_unzip(&generation, usize::MAX);
    }
}

/// What was given as a zip is served as it is, so that its signature stays valid.
#[test]
fn given_archives_pass_through() {
    let samples = build_samples();
    let generation = Generation::open(&samples.path().join("out"), "production");
    for suffix in ["zip", "zip.sig"] {
        let given = fs::read(sample_packages().join(format!("production/acme_vault-1.1.0.{suffix}"))).unwrap();
        assert!(generation.get(&format!("/epr/acme_vault/acme_vault-1.1.0.{suffix}")) == given, "{suffix}");
    }
    let signatures = generation.listed().into_keys().filter(|path| path.ends_with(".sig")).collect::<Vec<_>>();
    assert_eq!(signatures, ["/epr/acme_vault/acme_vault-1.1.0.zip.sig"]);
}

/// Archives that are made here: folders before their content, names in byte order folder by folder, fixed times and
/// modes, no trailing descriptors, pictures stored, text deflated.
#[test]
fn made_archives_have_one_form() {
    let samples = build_samples();
    let generation = Generation::open(&samples.path().join("out"), "snapshot");
    let mut methods = BTreeMap::new();
    for package in generation.packages().iter().filter(|package| id(package) != "acme_vault-1.1.0") {
        let id = id(package);
        let mut archive = ZipArchive::new(File::open(generation.file(&archive_path(package))).unwrap()).unwrap();
        let mut names = Vec::new();
        for index in 0..archive.len() {
            let member = archive.by_index_raw(index).unwrap();
            let name = member.name().unwrap().into_owned();
            let context = format!("{id}: {name}");
            let mode = if member.is_dir() { 0o040_755 } else { 0o100_644 };
            assert_eq!(member.unix_mode(), Some(mode), "{context}");
            let time = member.last_modified().unwrap();
            assert_eq!((time.year(), time.month(), time.day(), time.hour()), (1980, 1, 1, 0), "{context}");
            assert!(
                member.extra_data().as_deref().is_none_or(<[u8]>::is_empty) && member.comment().is_empty(),
                "{context}"
            );
            if member.is_file() {
                let extension = Path::new(&name).extension().unwrap_or_default().to_str().unwrap().to_owned();
                assert!(member.compressed_size() <= member.size(), "{context}");
                let made_smaller = member.compression() == CompressionMethod::Deflated;
                assert!(made_smaller || member.compression() == CompressionMethod::Stored, "{context}");
                assert_eq!(made_smaller, member.compressed_size() < member.size(), "{context}");
                methods.entry(extension).or_insert_with(BTreeSet::new).insert(made_smaller);
            } else {
                assert_eq!((member.size(), member.compression()), (0, CompressionMethod::Stored), "{context}");
            }
            names.push(name);
        }
        // A folder's own entry ends in an empty part, which sorts before all that it holds.
        let parts = |name: &String| name.split('/').map(str::to_owned).collect::<Vec<_>>();
        assert!(names.is_sorted_by_key(parts), "{id}: {names:?}");
        let listed: BTreeSet<&String> = names.iter().collect();
        let parents = names.iter().filter_map(|name| name.trim_end_matches('/').rsplit_once('/'));
        for (parent, _) in parents.filter(|(parent, _)| *parent != id) {
            assert!(listed.contains(&format!("{parent}/")), "{id}: no entry for {parent}");
        }
        assert!(!listed.contains(&format!("{id}/")), "{id}: an entry for the root");
    }
    assert_eq!(methods["png"], BTreeSet::from([false]), "pictures are stored");
    assert!(methods["md"].contains(&true), "text is deflated");
}
