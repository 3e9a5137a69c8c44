//! An incremental build equals a clean one, whatever was edited, damaged, forgotten or rolled back in between.
//!
//! What is kept of earlier builds is compared from outside: with a second output folder that was made from nothing.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::built::{Generation, sample_packages};
use crate::harness::{Case, Run, package};
use epr_build::base::digest::Digest;
use epr_build::build::verify::same;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const LAYERS: [&str; 3] = ["production", "staging", "snapshot"];
const NAMES: [&str; 3] = ["one", "two", "acme_mail"];
const VERSIONS: [&str; 3] = ["0.1.0", "1.0.0", "2.0.0-beta1"];
const CONFIGURATIONS: [&str; 5] = [
    "{}\n",
    "layers: {production: {immutable: yes}}\n",
    "layers: {staging: {validation: require}, snapshot: {signatures: require}}\n",
    "listen: 127.0.0.1:8099\n",
    "distributions: {staging: [snapshot, staging]}\nlimits: {max_depth: 4}\n",
];

/// Files that changed within the last 100 ms have no fingerprint: their packages are read again. A longer pause makes
/// them known, and there is no other way, because the time of change is the kernel's.
pub(crate) fn settle() {
    std::thread::sleep(Duration::from_millis(150));
}

/// A few samples in their layers: deprecation, a zip with its signature, several versions.
fn world() -> Case {
    let case = Case::new();
    for path in ["production/acme_mail", "production/acme_legacy", "staging/acme_mail", "snapshot/acme_mail"] {
        copy(&sample_packages().join(path), &case.path("packages").join(path));
    }
    for name in ["acme_vault-1.1.0.zip", "acme_vault-1.1.0.zip.sig"] {
        fs::copy(sample_packages().join("production").join(name), case.path("packages/production").join(name)).unwrap();
    }
    for layer in LAYERS {
        fs::create_dir_all(case.path("packages").join(layer)).unwrap();
    }
    case.config(CONFIGURATIONS[0])
}

/// Copies a folder; one that is not there leaves nothing.
pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).into_iter().filter_map(Result::ok) {
        let place = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(place).unwrap();
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

pub(crate) fn add(folder: &Path, name: &str, version: &str, readme: &str) {
    for (path, bytes) in package(name, version, readme) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Builds, and accepts packages that are left out.
fn build(case: &Case, arguments: &[&str]) -> Run {
    // Edits take packages away on purpose.
    let built = case.run(&[&["--all-dists", "--quiet", "--accept-loss"], arguments].concat());
    assert!(matches!(built.code, 0 | 1), "{built:#?}");
    built
}

/// Builds from nothing into another folder and compares names, bytes, modes and times.
pub(crate) fn check_clean(case: &Case) {
    let _ = fs::remove_dir_all(case.path("clean"));
    build(case, &["--out", "clean"]);
    check_same(case, "clean");
}

fn check_same(case: &Case, other: &str) {
    for distribution in LAYERS {
        let folder = |out: &str| fs::canonicalize(case.path(out).join(distribution).join("current")).unwrap();
        let (ours, theirs) = (folder("out"), folder(other));
        assert_eq!(ours.file_name(), theirs.file_name(), "{distribution}");
        same(&ours, &theirs).unwrap_or_else(|error| panic!("{distribution}: {error:#}"));
    }
}

/// Reads every file of the generation in use and compares it with the manifest.
pub(crate) fn check_whole(out: &Path, distribution: &str) {
    let generation = Generation::open(out, distribution);
    for (path, listed) in generation.listed() {
        let bytes = fs::read(generation.file(&path)).unwrap_or_else(|error| panic!("{distribution}: {path}: {error}"));
        assert_eq!((bytes.len() as u64, Digest::of(&bytes).to_string()), (listed.size, listed.sha256), "{path}");
        if let Some(twin) = listed.gzip_sha256 {
            let bytes = fs::read(generation.file(&format!("{path}.gz"))).unwrap();
            assert_eq!(Digest::of(&bytes).to_string(), twin, "{path}.gz");
        }
    }
}

/// What somebody does to the layers between two builds. Numbers pick one of what is there.
#[derive(Clone, Debug)]
enum Edit {
    Add(usize, usize, usize, u8),
    Change(usize),
    Touch(usize),
    Remove(usize),
    Promote(usize),
    Replace(usize),
    Overwrite(usize),
    Configure(usize),
    Rename(usize),
    Sign(usize),
    Zip(usize),
    Break(usize),
    Damage(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let pick = 0..64_usize;
    prop_oneof![
        3 => (0..3_usize, 0..3_usize, 0..3_usize, 0..3_u8).prop_map(|(l, n, v, text)| Edit::Add(l, n, v, text)),
        2 => pick.clone().prop_map(Edit::Change),
        1 => pick.clone().prop_map(Edit::Touch),
        1 => pick.clone().prop_map(Edit::Remove),
        2 => pick.clone().prop_map(Edit::Promote),
        1 => pick.clone().prop_map(Edit::Replace),
        1 => pick.clone().prop_map(Edit::Overwrite),
        1 => (0..CONFIGURATIONS.len()).prop_map(Edit::Configure),
        1 => pick.clone().prop_map(Edit::Rename),
        1 => pick.clone().prop_map(Edit::Sign),
        1 => pick.clone().prop_map(Edit::Zip),
        2 => pick.clone().prop_map(Edit::Break),
        1 => pick.prop_map(Edit::Damage),
    ]
}

/// Version folders and zips, in order.
fn packages(root: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(root).max_depth(3).sort_by_file_name().into_iter().map(Result::unwrap);
    let is_package = |entry: &walkdir::DirEntry| match entry.file_type().is_dir() {
        true => entry.depth() == 3,
        false => entry.path().extension().is_some_and(|extension| extension == "zip"),
    };
    walk.filter(is_package).map(walkdir::DirEntry::into_path).collect()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A file of the package that changes what is published: the readme of a folder, the zip itself.
fn file_of(package: &Path) -> PathBuf {
    if package.is_dir() { package.join("docs/README.md") } else { package.to_owned() }
}

/// Packs a version folder; the name is that of the folder, which need not be the package's.
fn pack(folder: &Path) {
    let id = format!(
        "{}-{}",
        folder.parent().unwrap().file_name().unwrap().display(),
        folder.file_name().unwrap().display()
    );
    let layer = folder.parent().unwrap().parent().unwrap();
    let mut zip = zip::ZipWriter::new(File::create(layer.join(format!("{id}.zip"))).unwrap());
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            let name = format!("{id}/{}", entry.path().strip_prefix(folder).unwrap().display());
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(&fs::read(entry.path()).unwrap()).unwrap();
        }
    }
    zip.finish().unwrap();
    fs::remove_dir_all(folder).unwrap();
}

/// Other bytes of the same number; a zip loses its last, which breaks it.
fn other_bytes(file: &Path) -> Vec<u8> {
    let mut bytes = fs::read(file).unwrap();
    if let Some(last) = bytes.last_mut() {
        *last = last.wrapping_add(1) % 128;
    }
    bytes
}

fn apply(case: &Case, edit: &Edit) {
    let root = case.path("packages");
    let found = packages(&root);
    let pick = |number: &usize| found.get(number % found.len().max(1)).cloned();
    match edit {
        Edit::Add(layer, name, version, text) => {
            let folder = root.join(LAYERS[*layer]).join(NAMES[*name]).join(VERSIONS[*version]);
            add(&folder, NAMES[*name], VERSIONS[*version], &format!("Text {text}"));
        }
        Edit::Configure(number) => fs::write(case.path("epr-build.yml"), CONFIGURATIONS[*number]).unwrap(),
        Edit::Change(number) | Edit::Touch(number) | Edit::Replace(number) | Edit::Overwrite(number) => {
            let Some(file) = pick(number).map(|package| file_of(&package)).filter(|file| file.exists()) else { return };
            edit_file(&file, edit);
        }
        Edit::Remove(number) => drop(pick(number).map(|package| remove(&package))),
        Edit::Promote(number) => {
            let Some(package) = pick(number) else { return };
            let below = package.strip_prefix(&root).unwrap();
            let rest: PathBuf = below.iter().skip(1).collect();
            let place = root.join("production").join(rest);
            if place.exists() {
                return;
            }
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            if package.is_dir() {
                copy(&package, &place)
            } else {
                fs::copy(&package, &place).map(drop).unwrap();
            }
            build(case, &[]);
            remove(&package);
        }
        Edit::Rename(number) => {
            let Some(folder) = pick(number).filter(|package| package.is_dir()) else { return };
            let name = folder.parent().unwrap();
            fs::rename(name, with_suffix(name, "_x")).unwrap();
        }
        Edit::Sign(number) => {
            let Some(signature) = pick(number).map(|package| with_suffix(&package, ".sig")) else { return };
            if signature.exists() { fs::remove_file(&signature) } else { fs::write(&signature, "signed") }.unwrap();
        }
        Edit::Zip(number) => drop(pick(number).filter(|package| package.is_dir()).map(|package| pack(&package))),
        Edit::Break(number) => {
            let Some(package) = pick(number).filter(|package| package.is_dir()) else { return };
            let (good, bad) = (package.join("manifest.yml"), package.join("manifest.bad"));
            if bad.exists() { fs::rename(bad, good) } else { fs::rename(good, bad) }.unwrap();
        }
        Edit::Damage(number) => damage_store(case, *number),
    }
}

fn remove(package: &Path) {
    if package.is_dir() { fs::remove_dir_all(package) } else { fs::remove_file(package) }.unwrap();
}

fn edit_file(file: &Path, edit: &Edit) {
    let modified = file.metadata().unwrap().modified().unwrap();
    match edit {
        Edit::Touch(_) => {
            let other = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
            File::options().write(true).open(file).unwrap().set_modified(other).unwrap();
        }
        // Size and time stay; the inode changes.
        Edit::Replace(_) => {
            let beside = with_suffix(file, ".beside");
            fs::write(&beside, other_bytes(file)).unwrap();
            File::options().write(true).open(&beside).unwrap().set_modified(modified).unwrap();
            fs::rename(beside, file).unwrap();
        }
        // Size, time and inode stay; only the time of change tells.
        Edit::Overwrite(_) => {
            let bytes = other_bytes(file);
            let open = File::options().write(true).open(file).unwrap();
            open.write_all_at(&bytes, 0).unwrap();
            open.set_modified(modified).unwrap();
        }
        _ => File::options().append(true).open(file).unwrap().write_all(b"\nMore.\n").unwrap(),
    }
}

/// Files or folders on the shelves of the store.
fn shelved(case: &Case, kind: &str) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(case.path("out/store").join(kind)).min_depth(2).max_depth(2).sort_by_file_name();
    walk.into_iter().map(|entry| entry.unwrap().into_path()).collect()
}

/// Removes, cuts off or overwrites something in the store.
fn damage_store(case: &Case, number: usize) {
    let kind = if number.is_multiple_of(4) { "trees" } else { "blobs" };
    let things = shelved(case, kind);
    if things.is_empty() {
        return;
    }
    let thing = &things[number * 7919 % things.len()];
    match number % 4 {
        0 => fs::remove_dir_all(thing).unwrap(),
        1 => fs::remove_file(thing).unwrap(),
        2 => File::options().write(true).open(thing).unwrap().set_len(1).unwrap(),
        _ => fs::write(thing, other_bytes(thing)).unwrap(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is edited between builds, the last one gives what a clean build gives.
    #[test]
    fn any_edits_then_a_build_equal_a_clean_build(
        edits in prop::collection::vec((edit(), any::<bool>(), prop::bool::weighted(0.1)), 2..8)
    ) {
        let case = world();
        settle();
        build(&case, &[]);
        for (edit, settled, compared) in &edits {
            apply(&case, edit);
            if *settled {
                settle();
            }
            build(&case, &[]);
            if *compared {
                check_clean(&case);
            }
        }
        check_clean(&case);
        // Now everything is remembered: what was remembered must be right, too.
        settle();
        build(&case, &[]);
        build(&case, &[]);
        check_same(&case, "clean");
    }
}

/// Everything below the output folder but the lock.
pub(crate) fn written(case: &Case) -> BTreeMap<PathBuf, String> {
    let out = case.path("out");
    let walk = walkdir::WalkDir::new(&out).into_iter().map(Result::unwrap);
    let seen = walk.filter(|entry| entry.path() != out.join(".lock")).map(|entry| {
        let stat = entry.path().symlink_metadata().unwrap();
        let times = (stat.mtime(), stat.mtime_nsec(), stat.ctime(), stat.ctime_nsec());
        (entry.into_path(), format!("{} {:o} {} {times:?}", stat.ino(), stat.mode(), stat.size()))
    });
    seen.collect()
}

/// A world that is built and remembered.
fn built() -> Case {
    let case = world();
    settle();
    build(&case, &[]);
    case
}

#[test]
fn a_build_of_the_same_writes_nothing() {
    let case = built();
    let before = written(&case);
    let again = build(&case, &[]);
    assert!(before.len() > 1000, "{}", before.len());
    assert!(before == written(&case), "something was written");
    assert_eq!(again.code, 0, "{again:#?}");
}

/// A package that cannot be opened has no fingerprint; the others keep theirs.
#[test]
fn one_bad_package_does_not_spoil_the_cache() {
    let case = world();
    add(&case.path("packages/production/one/1.0.0"), "one", "1.0.0", "bad");
    std::os::unix::fs::symlink("/etc/passwd", case.path("packages/production/one/1.0.0/docs/link.md")).unwrap();
    settle();
    assert_eq!(build(&case, &[]).code, 1);
    let before = written(&case);
    assert_eq!(build(&case, &[]).code, 1);
    let cached = |seen: &BTreeMap<PathBuf, String>| seen[&case.path("out/cache/packages")].clone();
    assert_eq!(cached(&before), cached(&written(&case)), "packages were read again");
}

/// What is damaged in the cache is as good as absent.
#[test]
fn a_damaged_cache_is_not_believed() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 7] = [
        ("empty", Vec::clear),
        ("truncated", |bytes| bytes.truncate(bytes.len() * 2 / 3)),
        ("a byte of a value", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }),
        ("another format", |bytes| {
            let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
            bytes.splice(..end, *b"epr-build cache 0 0.0.0");
        }),
        ("no text", |bytes| bytes.iter_mut().for_each(|byte| *byte = 0xff)),
        ("lines twice", |bytes| bytes.extend(bytes.clone())),
        ("lines cut", |bytes| bytes.retain(|byte| *byte != b' ')),
    ];
    let case = built();
    check_clean(&case);
    for file in ["packages", "answers", "inputs.json"] {
        for (name, damage) in damages {
            let path = case.path("out/cache").join(file);
            let mut bytes = fs::read(&path).unwrap();
            damage(&mut bytes);
            fs::write(&path, bytes).unwrap();
            // Otherwise nothing looks into the tables.
            if file != "inputs.json" {
                fs::remove_file(case.path("out/cache/inputs.json")).unwrap();
            }
            let built = build(&case, &[]);
            assert_eq!(built.code, 0, "{file}, {name}: {built:#?}");
            check_same(&case, "clean");
        }
    }
}

/// A line whose files the store has forgotten is not used.
#[test]
fn a_stale_line_is_not_used() {
    let case = built();
    add(&case.path("packages/production/one/1.0.0"), "one", "1.0.0", "first");
    settle();
    build(&case, &[]);
    let old = fs::read(case.path("out/cache/packages")).unwrap();
    File::options()
        .append(true)
        .open(case.path("packages/production/one/1.0.0/docs/README.md"))
        .unwrap()
        .write_all(b"second")
        .unwrap();
    settle();
    build(&case, &["--keep", "1"]);
    // The store forgets the first form, the cache remembers it.
    fs::write(case.path("out/cache/packages"), "").unwrap();
    assert_eq!(case.run(&["cache", "prune"]).code, 0);
    fs::write(case.path("out/cache/packages"), old).unwrap();
    add(&case.path("packages/production/one/1.0.0"), "one", "1.0.0", "first");
    settle();
    build(&case, &[]);
    check_clean(&case);
}

/// Damages every tenth thing of the store in one way, and builds with and without a change to the input.
#[test]
fn a_damaged_store_is_mended() {
    for (kind, way) in [("blobs", 1), ("blobs", 2), ("blobs", 3), ("trees", 0), ("trees", 4)] {
        for changed in [false, true] {
            let case = built();
            check_clean(&case);
            for thing in shelved(&case, kind).iter().skip(way).step_by(10) {
                match way {
                    0 => fs::remove_dir_all(thing).unwrap(),
                    1 => fs::remove_file(thing).unwrap(),
                    2 => File::options().write(true).open(thing).unwrap().set_len(1).unwrap(),
                    3 => fs::write(thing, other_bytes(thing)).unwrap(),
                    _ => {
                        let first = fs::read_dir(thing).unwrap().next();
                        let Some(entry) = first.map(Result::unwrap) else { continue };
                        fs::remove_file(entry.path()).unwrap();
                    }
                }
            }
            if changed {
                add(&case.path("packages/staging/two/1.0.0"), "two", "1.0.0", "new");
                settle();
            }
            build(&case, &[]);
            check_clean(&case);
            LAYERS.iter().for_each(|distribution| check_whole(&case.path("out"), distribution));
        }
    }
}

#[test]
fn without_cache_everything_is_read_again() {
    let case = built();
    let before = fs::read(case.path("out/cache/packages")).unwrap();
    build(&case, &["--no-cache"]);
    check_clean(&case);
    assert_eq!(before, fs::read(case.path("out/cache/packages")).unwrap(), "the cache was touched");
    // A first build without cache leaves none.
    fs::remove_dir_all(case.path("out")).unwrap();
    build(&case, &["--no-cache"]);
    assert!(!case.path("out/cache").exists());
    check_same(&case, "clean");
}

/// The proof passes for what was built. What a look tells is mended before; what it cannot tell is named.
#[test]
fn the_proof_finds_every_tampering() {
    let case = built();
    let verify = || case.run(&["--all-dists", "--verify-clean"]);
    let passed = verify();
    assert_eq!(passed.code, 0, "{passed:#?}");
    assert!(passed.stdout.contains("verified: a clean build gives the same"), "{passed:#?}");
    assert!(!case.path("out/.verify").exists());
    let generation = fs::canonicalize(case.path("out/production/current")).unwrap();
    let file = generation.join("routes.json");
    let (bytes, stat) = (fs::read(&file).unwrap(), file.metadata().unwrap());
    let reset = || {
        fs::write(&file, &bytes).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        File::options().write(true).open(&file).unwrap().set_modified(stat.modified().unwrap()).unwrap();
    };
    type Tamper<'a> = Box<dyn Fn() + 'a>;
    let tampers: [(&str, Tamper<'_>); 4] = [
        ("mode", Box::new(|| fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap())),
        (
            "time",
            Box::new(|| {
                File::options().write(true).open(&file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
            }),
        ),
        (
            "byte",
            Box::new(|| {
                let open = File::options().write(true).open(&file).unwrap();
                open.write_all_at(b"X", 10).unwrap();
                open.set_modified(stat.modified().unwrap()).unwrap();
            }),
        ),
        ("removed", Box::new(|| fs::remove_file(&file).unwrap())),
    ];
    for (name, tamper) in tampers {
        tamper();
        let run = verify();
        if name == "byte" {
            assert_eq!(run.code, 2, "{name}: {run:#?}");
            assert!(run.stderr.contains("routes.json"), "{name}: {run:#?}");
            reset();
        }
        let passed = verify();
        assert_eq!(passed.code, 0, "{name}: {run:#?} {passed:#?}");
    }
}

/// A byte of a served file, with its time put back: nothing but the proof can see it.
#[test]
fn the_proof_reads_what_is_served() {
    let case = built();
    let file = case.path("out/production/current/site/index.json");
    let modified = file.metadata().unwrap().modified().unwrap();
    let open = File::options().write(true).open(&file).unwrap();
    open.write_all_at(b" ", 1).unwrap();
    open.set_modified(modified).unwrap();
    let failed = case.run(&["--all-dists", "--verify-clean"]);
    assert_eq!(failed.code, 2, "{failed:#?}");
    assert!(failed.stderr.contains("index.json"), "{failed:#?}");
}

/// Nothing that is still served or remembered goes; what nobody needs does.
#[test]
fn pruning_removes_what_nobody_needs() {
    let case = built();
    assert_eq!(case.run(&["cache", "prune"]).stdout, "there is nothing to remove\n");
    LAYERS.iter().for_each(|distribution| check_whole(&case.path("out"), distribution));

    let text = "something that nothing else says";
    add(&case.path("packages/production/one/1.0.0"), "one", "1.0.0", text);
    settle();
    build(&case, &[]);
    let stored = |text: &str| {
        shelved(&case, "blobs")
            .iter()
            .any(|path| fs::read(path).unwrap().windows(text.len()).any(|part| part == text.as_bytes()))
    };
    assert!(stored(text));
    fs::remove_dir_all(case.path("packages/production/one")).unwrap();
    settle();
    build(&case, &["--keep", "1"]);
    // Still remembered.
    assert_eq!(case.run(&["cache", "prune"]).code, 0);
    assert!(stored(text));
    fs::remove_dir_all(case.path("out/cache")).unwrap();
    for out in ["out", "./out", "packages/../out"] {
        let pruned = case.run(&["cache", "prune", "--out", out]);
        assert_eq!(pruned.code, 0, "{pruned:#?}");
        assert!(!stored(text));
        LAYERS.iter().for_each(|distribution| check_whole(&case.path("out"), distribution));
        check_clean(&case);
    }
    // And all of it is still good for the next build.
    build(&case, &[]);
    check_same(&case, "clean");
}

/// Builds one generation after the other; the store is swept now and then, and stays whole and small.
#[test]
fn old_generations_go_and_the_store_stays_small() {
    let case = built();
    let sizes: Vec<usize> = (0..14)
        .map(|round| {
            let folder = case.path("packages/production/one/1.0.0");
            let _ = fs::remove_dir_all(&folder);
            add(&folder, "one", "1.0.0", &format!("round {round}"));
            build(&case, &["--keep", "2"]);
            for distribution in LAYERS {
                let count = fs::read_dir(case.path("out").join(distribution).join("generations")).unwrap().count();
                assert!(count <= 2, "{distribution}: {count}");
            }
            shelved(&case, "trees").len()
        })
        .collect();
    assert!(sizes[13] < sizes[0] * 2, "{sizes:?}");
    assert!(sizes.windows(2).any(|pair| pair[1] < pair[0]), "never swept: {sizes:?}");
    LAYERS.iter().for_each(|distribution| check_whole(&case.path("out"), distribution));
    check_clean(&case);
}

fn current(case: &Case) -> String {
    fs::canonicalize(case.path("out/production/current")).unwrap().file_name().unwrap().to_str().unwrap().to_owned()
}

/// Back and forth between generations, by name and by order of use.
#[test]
fn earlier_generations_can_be_used_again() {
    let case = world();
    let mut ids = Vec::new();
    for version in VERSIONS {
        add(&case.path("packages/production/one").join(version), "one", version, "text");
        settle();
        build(&case, &[]);
        ids.push(current(&case));
    }
    let rollback = |arguments: &[&str]| case.run(&[&["rollback", "--dist", "production"], arguments].concat());
    let listed = || {
        let listed = case.run(&["generations", "--dist", "production"]);
        assert_eq!(listed.code, 0, "{listed:#?}");
        let lines: Vec<String> = listed.stdout.lines().map(str::to_owned).collect();
        assert_eq!(lines.iter().filter(|line| line.ends_with("in use")).count(), 1, "{lines:?}");
        lines
    };
    let lines = listed();
    assert_eq!(lines.len(), 3);
    for (line, id) in lines.iter().zip(ids.iter().rev()) {
        assert!(line.starts_with(id.as_str()), "{lines:?} {ids:?}");
    }
    let back = rollback(&[]);
    assert_eq!((back.code, current(&case)), (0, ids[1].clone()), "{back:#?}");
    assert!(listed()[0].starts_with(&ids[1]));
    check_whole(&case.path("out"), "production");
    // Once more goes to what was in use before: the newest.
    rollback(&[]);
    assert_eq!(current(&case), ids[2]);
    let to = rollback(&["--to", &ids[0]]);
    assert_eq!((to.code, current(&case)), (0, ids[0].clone()), "{to:#?}");
    check_whole(&case.path("out"), "production");
    let unknown = rollback(&["--to", "0123456789abcdef"]);
    assert_eq!((unknown.code, current(&case)), (2, ids[0].clone()), "{unknown:#?}");
    assert!(unknown.stderr.contains("0123456789abcdef"), "{unknown:#?}");
    // A build takes the newest again, though nothing changed since it was made.
    build(&case, &[]);
    assert_eq!(current(&case), ids[2]);
    check_clean(&case);
}

/// A zip that is published is the zip that was read, byte for byte.
#[test]
fn zips_are_published_as_they_are() {
    let case = built();
    let name = "acme_vault-1.1.0.zip";
    let mut published = Vec::new();
    let path = case.path("out/production/current/site/epr/acme_vault").join(name);
    File::open(path).unwrap().read_to_end(&mut published).unwrap();
    assert!(published == fs::read(case.path("packages/production").join(name)).unwrap());
}
