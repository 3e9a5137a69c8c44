//! Promotions that are killed at any system call: no version is ever in neither layer, the next command finishes or undoes
//! what was under way, and no answer changes.

use crate::built::{Generation, sample_packages};
use crate::conformance::{packages_below, shared};
use crate::crash::{Dice, can_trace, traced};
use crate::harness::Case;
use epr_build::base::digest::{Digest, Hasher};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs that are killed.
const RUNS: usize = 200;
/// Layers from the top.
pub(super) const LAYERS: [&str; 3] = ["production", "staging", "snapshot"];
/// Calls that change something, and some that only look. A name that this machine does not have is no mistake.
const CALLS: &str = "openat,write,?mkdir,mkdirat,?rename,renameat,?renameat2,?unlink,unlinkat,?rmdir,fsync,flock,\
                     ?copy_file_range,ftruncate,getdents64,?fchmod";

/// Version folders by `name@version`, with their digest, in each layer.
pub(super) fn held(packages: &Path, layer: &str) -> BTreeMap<String, PathBuf> {
    let root = packages.join(layer);
    let found =
        walkdir::WalkDir::new(&root).max_depth(3).into_iter().filter_entry(|entry| entry.file_name() != ".epr-build");
    let manifests = found.filter_map(Result::ok).map(walkdir::DirEntry::into_path);
    let folders = manifests.filter(|path| path.join("manifest.yml").is_file());
    let key = |path: &Path| {
        let mut names = path.iter().rev().map(|name| name.to_str().unwrap().to_owned());
        let (version, name) = (names.next().unwrap(), names.next().unwrap());
        format!("{name}@{version}")
    };
    folders.map(|path| (key(&path), path)).collect()
}

/// All that is in a folder.
fn content(folder: &Path) -> Digest {
    let mut hasher = Hasher::default();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap) {
        hasher.text(entry.path().strip_prefix(folder).unwrap().to_str().unwrap());
        if entry.file_type().is_file() {
            hasher.text(fs::read(entry.path()).unwrap());
        }
    }
    hasher.finish()
}

/// How often a promotion makes each call.
fn counts(case: &Case, arguments: &[&str]) -> Vec<(String, usize)> {
    let (code, stderr) = traced(case, &["-o", "calls", "-e", &format!("trace={CALLS}")], arguments);
    assert_eq!(code, Some(0), "{stderr}");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in fs::read_to_string(case.path("calls")).unwrap().lines() {
        let Some((_, rest)) = line.split_once(' ') else { continue };
        let Some((call, _)) = rest.trim_start().split_once('(') else { continue };
        if call.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte.is_ascii_digit()) {
            *counts.entry(call.to_owned()).or_default() += 1;
        }
    }
    counts.into_iter().collect()
}

/// The small set, or where it is absent the sample packages.
pub(super) fn world() -> Case {
    // Pages name the layers of versions, which promotions change.
    let case = Case::new().config("ui: no\n");
    let from = match shared() {
        Some(shared) => {
            let archive = shared.join("data/package-storage-small.tar.zst");
            let mut unpack = Command::new("sh");
            unpack.args(["-c", "zstd -dc --long=31 \"$0\" | tar -x"]).arg(archive);
            fs::create_dir(case.path("unpacked")).unwrap();
            assert!(unpack.current_dir(case.path("unpacked")).status().unwrap().success());
            packages_below(&case.path("unpacked"))
        }
        None => sample_packages(),
    };
    assert!(Command::new("cp").arg("-r").arg(from).arg(case.path("packages")).status().unwrap().success());
    case
}

/// What clients see of the largest distribution: files and answers, and the tables that lead to them.
fn built(case: &Case) -> (PathBuf, Vec<u8>) {
    let run = case.run(&["--dist", "snapshot", "--quiet"]);
    assert!(run.code < 2, "{run:#?}");
    let generation = Generation::open(&case.path("out"), "snapshot").folder;
    (fs::read_link(generation.join("site")).unwrap(), fs::read(generation.join("routes.json")).unwrap())
}

/// Everything is promoted upward in a random order, and killed at random moments.
#[test]
fn no_kill_loses_a_version() {
    if !can_trace() {
        return;
    }
    let case = world();
    let packages = case.path("packages");
    let (before, shared) = (built(&case), versions_in_two_layers(&packages));
    let whole = |layer: &&str| held(&packages, layer).into_iter().map(|(key, path)| (key, content(&path)));
    let contents: BTreeMap<String, Digest> = LAYERS.iter().rev().flat_map(whole).collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut killed, mut finished, mut refused) = (0, 0, Vec::new());
    let mut numbers = Vec::new();
    for run in 0..RUNS {
        let moves: Vec<_> = [("snapshot", "staging"), ("staging", "production")]
            .into_iter()
            .flat_map(|(from, to)| held(&packages, from).into_keys().map(move |key| (key, from, to)))
            .filter(|one| !refused.contains(one))
            .collect();
        if moves.is_empty() {
            break;
        }
        let one = moves[dice.below(moves.len())].clone();
        let (key, from, to) = (one.0.as_str(), one.1, one.2);
        let arguments = ["promote", key, "--from", from, "--to", to];
        if numbers.is_empty() {
            numbers = counts(&case, &arguments);
            continue;
        }
        let (call, most) = &numbers[dice.below(numbers.len())];
        let number = dice.below(*most) + 1;
        let options = format!("inject={call}:signal=KILL:when={number}");
        let (code, stderr) =
            traced(&case, &["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &options], &arguments);
        let context = format!("{run} {one:?} {call} {number}: {code:?} {stderr}");
        match code {
            None => killed += 1,
            Some(0) => finished += 1,
            // Two layers hold it with other content.
            Some(1) => refused.push(one.clone()),
            Some(_) => panic!("{context}"),
        }
        let layers = LAYERS.map(|layer| held(&packages, layer));
        let is_there = |key: &String| layers.iter().any(|held| held.contains_key(key));
        assert!(contents.keys().all(is_there), "{context}");
        let upper = layers.iter().find_map(|held| held.get(key)).unwrap();
        if !refused.iter().any(|(other, ..)| other == key) {
            assert_eq!(content(upper), contents[key], "{context}");
        }
        if run % 50 == 25 {
            assert!(built(&case) == before, "{context}: clients see something else");
        }
    }
    println!("{killed} killed, {finished} not, {} refused, of calls {numbers:?}", refused.len());
    assert!(killed * 10 > RUNS * 6 || contents.len() < 100, "{killed}");
    // Any command brings the layers that it works on in order, whether there is something to do or not.
    for (from, to) in [("snapshot", "staging"), ("staging", "production")] {
        let run = case.run(&["promote", "none", "--from", from, "--to", to, "--all-newer"]);
        assert_eq!(run.code, 0, "{run:#?}");
    }
    assert!(built(&case) == before, "clients see something else");
    let upper: BTreeMap<String, Digest> = LAYERS.iter().rev().flat_map(whole).collect();
    assert!(upper == contents);
    check_order(&case);
    let twice = versions_in_two_layers(&packages);
    assert!(twice.iter().all(|key| shared.contains(key)), "{twice:?} {shared:?}");
}

fn versions_in_two_layers(packages: &Path) -> Vec<String> {
    let mut all: Vec<_> = LAYERS.iter().flat_map(|layer| held(packages, layer).into_keys()).collect();
    all.sort();
    let twice = all.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone());
    twice.collect()
}

/// Nothing is left of what was under way, and every move is logged once in both layers.
fn check_order(case: &Case) {
    for layer in LAYERS {
        let workshop = case.path(&format!("packages/{layer}/.epr-build"));
        let mut names: Vec<_> =
            fs::read_dir(&workshop).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names.retain(|name| name != "log.jsonl");
        assert_eq!(names, [".gitignore", ".lock"], "{layer}");
    }
    let log = |layer: &str| {
        let text = fs::read_to_string(case.path(&format!("packages/{layer}/.epr-build/log.jsonl"))).unwrap_or_default();
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let about = |layer: &str, field: &str| {
        let mut lines = log(layer);
        lines.retain(|line| line.contains(field));
        lines.sort();
        let count = lines.len();
        lines.dedup();
        assert_eq!(lines.len(), count, "{layer}: a deed is logged twice");
        lines
    };
    assert_eq!(about("snapshot", "\"from\":\"snapshot\""), about("staging", "\"to\":\"staging\""));
    assert_eq!(about("staging", "\"from\":\"staging\""), about("production", "\"to\":\"production\""));
}
