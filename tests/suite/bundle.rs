//! Bundles: what is carried arrives byte for byte, and what is damaged, forged or out of place never gets into use.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

mod damage;
mod deltas;
mod interrupted;
mod replays;
mod signatures;

use crate::harness::{Case, Run, samples};
use crate::incremental::check_whole;
use epr_build::base::digest::Digest;
use epr_build::build::verify::same;
use epr_build::carry::program::MARKER;
use epr_build::generation::own_files::OwnFiles;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// A folder with small packages of every kind: folders, zips, images, twins and what only looks like them.
fn world() -> Case {
    let case = Case::new()
        .package("packages/production", "alpha", "1.0.0", &"A long readme has a twin. ".repeat(200))
        .package("packages/production", "alpha", "1.1.0", &"A long readme has a twin! ".repeat(200))
        .package("packages/production", "beta", "1.0.0", "short")
        .package("packages/staging", "gamma", "0.1.0", "")
        .zip("packages/production", "zipped", "1.0.0")
        .zip("packages/production", "zipped", "2.0.0")
        .file("packages/production/beta/1.0.0/docs/big.txt", &"text ".repeat(1000))
        .file("packages/production/beta/1.0.0/docs/big.txt.gz", "no twin")
        .file("packages/production/beta/1.0.0/img/photo.png", "\u{89}PNG of sorts");
    fs::create_dir_all(case.path("packages/production/beta/1.0.0/kibana/empty")).unwrap();
    case
}

/// Runs to a good end.
#[track_caller]
fn good(case: &Case, arguments: &[&str]) -> Run {
    let run = case.run(arguments);
    assert_eq!(run.code, 0, "{arguments:?}: {run:#?}");
    run
}

/// Builds the distribution `staging` into `out`.
fn build(case: &Case) -> String {
    good(case, &["--dist", "staging", "--quiet"]);
    current(case, "out")
}

fn current(case: &Case, out: &str) -> String {
    let link = fs::read_link(case.path(out).join("staging/current")).unwrap();
    link.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Writes a bundle of `out`, without the program under test, which would be most of it if it needs no libraries.
fn bundle(case: &Case, file: &str, more: &[&str]) -> Run {
    let program: &[&str] = if more.contains(&"--program") { &[] } else { &["--no-program"] };
    good(case, &[&["bundle", "--dist", "staging", "--output", file], program, more].concat())
}

fn unbundle(case: &Case, file: &str, out: &str) -> Run {
    good(case, &["unbundle", file, "--out", out])
}

/// Everything below a folder: kind, mode, time, content or target; times of folders count where `timed` says so.
fn listing(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).min_depth(1).into_iter().map(Result::unwrap) {
        let (path, stat) = (entry.path(), entry.metadata().unwrap());
        let content = if stat.is_symlink() {
            fs::read_link(path).unwrap().display().to_string()
        } else if stat.is_file() {
            Digest::of(&fs::read(path).unwrap()).to_string()
        } else {
            String::new()
        };
        let text = format!("{:o} {}.{} {content}", stat.mode(), stat.mtime(), stat.mtime_nsec());
        found.insert(path.strip_prefix(folder).unwrap().to_owned(), text);
    }
    found
}

/// The far side has the same generation, and in its store nothing but what the near side has, down to the time of every
/// link.
#[track_caller]
fn check_arrived(case: &Case, out: &str) {
    let id = current(case, "out");
    assert_eq!(current(case, out), id);
    let generation = format!("staging/generations/{id}");
    let (near, far) = (case.path("out"), case.path(out));
    same(&near.join(&generation), &far.join(&generation)).unwrap();
    assert_eq!(listing(&near.join(&generation)), listing(&far.join(&generation)));
    check_whole(&far, "staging");
    let (near, far) = (listing(&near.join("store")), listing(&far.join("store")));
    // What earlier deltas brought and nobody needs any more may be pruned later on either side.
    let is_thing = |path: &&PathBuf| path.components().count() > 2;
    let differing: Vec<_> =
        far.iter().filter(|(path, text)| is_thing(path) && near.get(*path) != Some(*text)).collect();
    assert!(differing.is_empty(), "{differing:?}");
    assert!(far.len() > 520, "{}", far.len());
    good(case, &["verify", out]);
}

#[test]
fn what_arrives_is_what_was_built() {
    let case = world();
    fs::write(case.path("packages/production/zipped-1.0.0.zip.sig"), "-----BEGIN PGP SIGNATURE-----\n").unwrap();
    build(&case);
    let run = bundle(&case, "a.bundle", &[]);
    let taken = unbundle(&case, "a.bundle", "far");
    for line in [
        "  try it             epr-build serve --dist staging --out far\n",
        "  serve it           nginx -p far/staging/current/hosts/nginx -c nginx.conf\n",
    ] {
        assert!(taken.stdout.contains(line), "{line}{}", taken.stdout);
    }
    check_arrived(&case, "far");
    assert!(run.stdout.contains("signed             no"), "{run:#?}");
    assert!(taken.stdout.contains("all digests; the bundle is not signed"), "{taken:#?}");
    let verified = good(&case, &["verify", "a.bundle", "out", "far"]);
    assert!(verified.stdout.contains("far: everything is as it was written"), "{verified:#?}");

    // Recipes stand for what can be made: no zip of a folder package, no twin, no member of a zip is carried.
    let manifest = manifest(&case, "a.bundle");
    let count = |kind: &str| {
        let contents = manifest["contents"].as_array().unwrap();
        contents.iter().filter(|content| content["from"] == kind || content["from"].get(kind).is_some()).count()
    };
    assert_eq!(count("zip"), 4, "{manifest:#}");
    assert!(count("gzip") >= 1 && count("member") >= 2, "gzip {}, member {}", count("gzip"), count("member"));

    // The same bytes from the same generation, wherever it lies and however it came there.
    for out in ["far", "out"] {
        bundle(&case, "b.bundle", &["--out", out]);
        assert_eq!(fs::read(case.path("a.bundle")).unwrap(), fs::read(case.path("b.bundle")).unwrap(), "{out}");
    }

    // A second time changes nothing; then the folder is like one that was built here.
    let published = || {
        let mut found = listing(&case.path("far"));
        found.retain(|path, _| ["staging", "store/blobs", "store/trees"].iter().any(|part| path.starts_with(part)));
        found
    };
    let before = published();
    let again = unbundle(&case, "a.bundle", "far");
    assert!(again.stdout.contains("contents           0 new"), "{again:#?}");
    assert!(before == published(), "something was touched");
    let id = current(&case, "far");
    good(&case, &["--dist", "staging", "--quiet", "--out", "far"]);
    assert_eq!(current(&case, "far"), id);
    check_arrived(&case, "far");
}

#[test]
fn the_sample_packages_arrive() {
    let case = Case::new();
    good(&case, &["--dist", "staging", "--quiet", "--packages", &samples()]);
    bundle(&case, "a.bundle", &[]);
    unbundle(&case, "a.bundle", "far");
    check_arrived(&case, "far");
    let zips: u64 = walkdir::WalkDir::new(case.path("out/staging/current/site/epr"))
        .follow_links(true)
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    let size = fs::metadata(case.path("a.bundle")).unwrap().len();
    println!("bundle {size}, zips {zips}");
}

/// The first member of a bundle, as `zstd` and `tar` would show it.
fn manifest(case: &Case, file: &str) -> serde_json::Value {
    let file = fs::File::open(case.path(file)).unwrap();
    let mut tar = tar::Archive::new(zstd::stream::read::Decoder::new(file).unwrap());
    let first = tar.entries().unwrap().next().unwrap().unwrap();
    assert_eq!(first.path().unwrap().to_str(), Some("bundle.json"));
    serde_json::from_reader(first).unwrap()
}

#[test]
fn parts_join_in_any_order() {
    let case = world();
    build(&case);
    bundle(&case, "a.bundle", &[]);
    let whole = fs::read(case.path("a.bundle")).unwrap();
    let run = bundle(&case, "p.bundle", &["--split", "4000"]);
    let count = (whole.len() as u64).div_ceil(4000);
    assert!(run.stdout.contains(&format!("p.bundle.001 to p.bundle.{count:03}")), "{run:#?}");
    let part = |number: u64| format!("p.bundle.{number:03}");
    let joined: Vec<u8> = (1..=count).flat_map(|number| fs::read(case.path(&part(number))).unwrap()).collect();
    let end = whole.len() - 72;
    assert_eq!(whole[..end], joined[..end], "parts are pieces of the bundle, but for the seal");

    let names: Vec<_> = (1..=count).rev().map(part).collect();
    let mut arguments = vec!["unbundle", "--out", "far"];
    arguments.extend(names.iter().map(String::as_str));
    // As a shell would name it among the rest; nobody asks whether it is one.
    arguments.push("p.bundle.minisig");
    good(&case, &arguments);
    check_arrived(&case, "far");
    // One name stands for all.
    unbundle(&case, "p.bundle", "far2");
    unbundle(&case, "p.bundle.002", "far3");
    fs::write(case.path("joined"), &joined).unwrap();
    good(&case, &["verify", "joined"]);

    for number in 1..=count {
        fs::rename(case.path(&part(number)), case.path("away")).unwrap();
        let run = case.run(&["unbundle", "p.bundle.*"]);
        assert_eq!(run.code, 2, "no shell here: {run:#?}");
        let known = part(if number == 1 { 2 } else { 1 });
        let run = case.run(&["unbundle", &known, "--out", "nowhere"]);
        assert_eq!(run.code, 1, "{run:#?}");
        assert!(run.stderr.contains(&part(number)) && run.stderr.contains("is missing"), "{number}: {run:#?}");
        assert!(!case.path("nowhere").exists());
        fs::rename(case.path("away"), case.path(&part(number))).unwrap();
    }
    // A new bundle of this name takes the place of the old parts.
    bundle(&case, "p.bundle", &["--split", "20000"]);
    unbundle(&case, "p.bundle", "far4");
    bundle(&case, "p.bundle", &[]);
    assert!(!case.path("p.bundle.001").exists());
}

/// What lies there and is damaged is named, and taking the bundle in again mends it.
#[test]
fn damage_in_a_folder_is_found_and_mended() {
    let case = world();
    build(&case);
    bundle(&case, "a.bundle", &[]);
    unbundle(&case, "a.bundle", "far");
    let site = case.path("far/staging/current/site");
    for (file, change) in [("epr/alpha/alpha-1.0.0.zip", 30), ("package/beta/1.0.0/img/photo.png", 3)] {
        let path = fs::canonicalize(site.join(file)).unwrap();
        // Silently, as a bad disk does it.
        let times = fs::metadata(&path).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[change] ^= 1;
        fs::write(&path, bytes).unwrap();
        let time = times.modified().unwrap();
        fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        let run = case.run(&["verify", "far"]);
        assert!(run.code == 1 && run.stderr.contains("is damaged"), "{file}: {run:#?}");
        unbundle(&case, "a.bundle", "far");
        check_arrived(&case, "far");
    }
    for (path, fault) in [
        ("far/staging/current/routes.json", "is damaged: it has another size"),
        ("far/staging/current/manifest.json", "cannot be read"),
    ] {
        let bytes = fs::read(case.path(path)).unwrap();
        fs::write(case.path(path), &bytes[1..]).unwrap();
        let run = case.run(&["verify", "far"]);
        assert!(run.code == 1 && run.stderr.contains(fault), "{path}: {run:#?}");
        unbundle(&case, "a.bundle", "far");
        check_arrived(&case, "far");
    }
    // A generation of this name that is whole and another one is not taken for the one in the bundle.
    let folder = fs::canonicalize(case.path("far/staging/current")).unwrap();
    fs::write(folder.join("routes.json"), "{}").unwrap();
    let time = UNIX_EPOCH + Duration::from_secs(Digest::of(b"{}").modified().unsigned_abs());
    fs::File::options().append(true).open(folder.join("routes.json")).unwrap().set_modified(time).unwrap();
    OwnFiles::write(&folder).unwrap();
    let refused = case.run(&["unbundle", "a.bundle", "--out", "far"]);
    assert!(refused.code == 1 && refused.stderr.contains("is there already"), "{refused:#?}");
    let run = case.run(&["verify", "nowhere"]);
    assert_eq!(run.code, 2, "{run:#?}");
}

/// A program that needs libraries is no use on another machine.
#[test]
fn only_static_programs_are_carried() {
    let case = world();
    build(&case);
    let shell = fs::canonicalize("/bin/sh").unwrap();
    let run = case.run(&["bundle", "--dist", "staging", "--output", "a", "--program", shell.to_str().unwrap()]);
    assert!(run.code == 2 && run.stderr.contains("needs libraries") && run.stderr.contains("\nhint: "), "{run:#?}");
    let run = case.run(&[
        "bundle",
        "--dist",
        "staging",
        "--output",
        "a",
        "--program",
        "packages/staging/gamma/0.1.0/manifest.yml",
    ]);
    assert!(run.code == 2 && run.stderr.contains("is not a program"), "{run:#?}");
    // The smallest program there is: a header, and nothing that names a loader. It must be this one, too.
    let mut program = b"\x7fELF\x02\x01\x01".to_vec();
    program.resize(64, 0);
    program[18] = 62;
    fs::write(case.path("program"), &program).unwrap();
    let run = case.run(&["bundle", "--dist", "staging", "--output", "a", "--program", "program"]);
    assert!(run.code == 2 && run.stderr.contains("is not epr-build"), "{run:#?}");
    program.extend(MARKER);
    fs::write(case.path("program"), &program).unwrap();
    let run = bundle(&case, "a", &["--program", "program"]);
    assert!(run.stdout.contains("program            in the bundle"), "{run:#?}");
    let mut tar = tar::Archive::new(zstd::stream::read::Decoder::new(fs::File::open(case.path("a")).unwrap()).unwrap());
    let second = tar.entries().unwrap().nth(1).unwrap().unwrap();
    assert_eq!((second.path().unwrap().to_str(), second.header().mode().unwrap()), (Some("epr-build"), 0o755));
    unbundle(&case, "a", "far");
    check_arrived(&case, "far");
}

#[test]
fn wrong_usage_says_what_is_right() {
    let case = world();
    build(&case);
    for (arguments, code, said) in [
        (&["bundle", "--dist", "stagin", "--output", "a"][..], 2, "did you mean `staging`?"),
        (&["bundle", "--dist", "staging", "--output", "a", "--since", "nowhere"], 2, "has the generations"),
        (&["bundle", "--dist", "staging", "--output", "a", "--split", "4T"], 2, "such as 650M"),
        (&["bundle", "--dist", "staging", "--output", "a", "--split", "9"], 2, "more than 999 parts"),
        (&["bundle", "--dist", "staging", "--output", "no/where/a"], 2, "no/where/a"),
        (&["bundle", "--dist", "staging", "--output", "a", "--sign", "epr-build.yml"], 2, "hint: `minisign -G`"),
        (&["unbundle", "nowhere"], 2, "cannot look at nowhere"),
        (&["unbundle", "packages"], 1, "this is no file"),
        (&["unbundle", "packages/staging/gamma/0.1.0/manifest.yml"], 1, "the file does not end as a bundle does"),
        (&["unbundle"], 2, "required"),
    ] {
        let run = case.run(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {run:#?}");
        assert!(run.stderr.contains(said), "{arguments:?}: {run:#?}");
    }
    let left: Vec<_> = fs::read_dir(case.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "nothing half-written is left: {left:?}");
}
