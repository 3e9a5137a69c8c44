//! What is run when the power fails, what people run next, and what must be so after each.

use super::{Scene, play};
use crate::crash::traced;
use crate::harness::{Case, package};
use crate::incremental::{add, check_whole};
use crate::power::trace::Trace;
use crate::power::{CALLS, can_trace};
use epr_build::base::digest::Digest;
use epr_build::build::verify::same;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const BUILD: [&str; 5] = ["--dist", "staging", "--quiet", "--jobs", "1"];

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[track_caller]
fn good(case: &Case, arguments: &[&str], context: &str) {
    let run = case.run(arguments);
    assert_eq!(run.code, 0, "{context}: {arguments:?}: {run:#?}");
}

fn current(case: &Case, out: &str) -> Option<String> {
    let link = fs::read_link(case.path(out).join("staging/current")).ok()?;
    Some(link.file_name()?.to_str()?.to_owned())
}

/// Two packages, one of which a round changes.
fn world() -> Case {
    let case = Case::new().package("packages/production", "stable", "1.0.0", &"A long readme. ".repeat(500));
    change(&case, 0);
    case
}

fn change(case: &Case, round: usize) {
    let text = format!("Round {round}. {}", "Long enough for a gzip copy. ".repeat(300));
    add(&case.path("packages/staging/moving/1.0.0"), "moving", "1.0.0", &text);
}

/// The generation in use is the one that is made from nothing, to the last byte.
fn check_clean(case: &Case, context: &str) {
    let _ = fs::remove_dir_all(case.path("clean"));
    good(case, &[&BUILD[..], &["--out", "clean"]].concat(), context);
    let real = |out: &str| fs::canonicalize(case.path(out).join("staging/current")).unwrap();
    same(&real("out"), &real("clean")).unwrap_or_else(|error| panic!("{context}: {error:#}"));
}

/// A build, over an earlier generation or from nothing.
struct Build {
    round: usize,
    is_first: bool,
    before: Option<String>,
}

impl Scene for Build {
    fn next(&mut self, case: &Case) -> Vec<String> {
        self.round += 1;
        change(case, self.round);
        if self.is_first {
            let _ = fs::remove_dir_all(case.path("out"));
        }
        self.before = current(case, "out");
        words(&BUILD)
    }

    fn check_cut(&mut self, case: &Case, is_done: bool, context: &str) {
        let now = current(case, "out");
        assert!(!is_done || now != self.before, "{context}: nothing was built");
        assert!(now.is_some() || self.before.is_none(), "{context}: nothing is in use");
        if now.is_some() {
            check_whole(&case.path("out"), "staging");
        }
    }

    fn check_mended(&mut self, case: &Case, context: &str) {
        good(case, &BUILD, context);
        good(case, &["verify", "out"], context);
        check_clean(case, context);
    }
}

#[test]
fn a_build() {
    play(&mut Build { round: 0, is_first: false, before: None }, &world(), 20);
}

#[test]
fn a_first_build() {
    play(&mut Build { round: 0, is_first: true, before: None }, &world(), 20);
}

/// A bundle is taken in where an earlier one was.
struct Unbundle {
    ids: [String; 2],
}

impl Scene for Unbundle {
    fn next(&mut self, case: &Case) -> Vec<String> {
        let _ = fs::remove_dir_all(case.path("far"));
        good(case, &["unbundle", "a.bundle", "--out", "far", "--jobs", "1"], "before");
        words(&["unbundle", "b.bundle", "--out", "far", "--jobs", "1"])
    }

    fn check_cut(&mut self, case: &Case, is_done: bool, context: &str) {
        check_whole(&case.path("far"), "staging");
        let now = current(case, "far").unwrap();
        assert!(self.ids.contains(&now) && (!is_done || now == self.ids[1]), "{context}: {now}");
    }

    fn check_mended(&mut self, case: &Case, context: &str) {
        good(case, &["unbundle", "b.bundle", "--out", "far", "--jobs", "1"], context);
        good(case, &["verify", "far"], context);
        assert_eq!(current(case, "far").as_ref(), Some(&self.ids[1]), "{context}");
    }
}

/// Two generations of `out`.
fn two(case: &Case) -> [String; 2] {
    [0, 1].map(|round| {
        change(case, round);
        good(case, &BUILD, "before");
        current(case, "out").unwrap()
    })
}

#[test]
fn a_bundle_taken_in() {
    let case = world();
    let ids = two(&case);
    for (file, id) in ["a.bundle", "b.bundle"].iter().zip(&ids) {
        let arguments = ["bundle", "--dist", "staging", "--generation", id, "--output", file, "--no-program"];
        good(&case, &arguments, "before");
    }
    play(&mut Unbundle { ids }, &case, 20);
}

/// A bundle is written over an earlier one.
struct Bundle(Vec<String>);

impl Scene for Bundle {
    fn next(&mut self, _case: &Case) -> Vec<String> {
        self.0.rotate_left(1);
        words(&["bundle", "--dist", "staging", "--generation", &self.0[0], "--output", "some.bundle", "--no-program"])
    }

    fn check_cut(&mut self, case: &Case, is_done: bool, context: &str) {
        assert!(!is_done || case.path("some.bundle").exists(), "{context}");
        if case.path("some.bundle").exists() {
            good(case, &["verify", "some.bundle"], context);
        }
    }

    fn check_mended(&mut self, case: &Case, context: &str) {
        let id = self.0[0].as_str();
        good(
            case,
            &["bundle", "--dist", "staging", "--generation", id, "--output", "some.bundle", "--no-program"],
            context,
        );
        good(case, &["verify", "some.bundle"], context);
    }
}

#[test]
fn a_bundle_written() {
    let case = world();
    let ids = two(&case);
    play(&mut Bundle(ids.to_vec()), &case, 10);
}

/// A generation is published to a folder where an earlier one was.
struct Publish {
    ids: [String; 2],
}

impl Publish {
    fn arguments(case: &Case, id: &str) -> Vec<String> {
        let place = format!("file://{}", case.path("place").display());
        words(&["publish", "--dist", "staging", "--generation", id, "--to", &place, "--requests", "1"])
    }

    fn publish(case: &Case, id: &str, context: &str) {
        let arguments = Self::arguments(case, id);
        good(case, &arguments.iter().map(String::as_str).collect::<Vec<_>>(), context);
    }

    /// Reads what readers of the place read, and returns its generation.
    fn check(case: &Case, context: &str) -> String {
        let read =
            |path: &Path| fs::read(path).unwrap_or_else(|error| panic!("{context}: {}: {error}", path.display()));
        let json = |path: &Path| serde_json::from_slice::<Value>(&read(path)).unwrap();
        let place = case.path("place");
        let pointer = json(&place.join("current.json"));
        let folder = place.join(pointer["path"].as_str().unwrap());
        let (manifest, places) = (json(&folder.join("manifest.json")), json(&folder.join("places.json")));
        serde_json::from_slice::<Value>(&read(&folder.join("routes.json"))).unwrap();
        let same = |path: PathBuf, digest: &Value| {
            assert_eq!(Digest::of(&read(&path)).to_string(), digest.as_str().unwrap(), "{context}: {}", path.display());
        };
        for (path, file) in manifest["files"].as_object().unwrap() {
            let stem = path.strip_prefix("/epr/").map(|rest| rest.rsplit('/').next().unwrap());
            let stem = stem.map(|name| name.trim_end_matches(".sig").trim_end_matches(".zip"));
            let home = stem.map_or(folder.clone(), |stem| place.join(places["versions"][stem].as_str().unwrap()));
            same(home.join(&path[1..]), &file["sha256"]);
        }
        for package in manifest["packages"].as_array().unwrap() {
            let path = package["path"].as_str().unwrap();
            let stem = path.trim_start_matches("/package/").replace('/', "-");
            let home = place.join(places["versions"][&stem].as_str().unwrap()).join(&path[1..]);
            package["files"]
                .as_object()
                .unwrap()
                .iter()
                .for_each(|(path, file)| same(home.join(path), &file["digest"]));
        }
        pointer["generation"].as_str().unwrap().to_owned()
    }
}

impl Scene for Publish {
    fn next(&mut self, case: &Case) -> Vec<String> {
        let _ = fs::remove_dir_all(case.path("place"));
        Self::publish(case, &self.ids[0], "before");
        Self::arguments(case, &self.ids[1])
    }

    fn check_cut(&mut self, case: &Case, is_done: bool, context: &str) {
        let now = Self::check(case, context);
        assert!(self.ids.contains(&now) && (!is_done || now == self.ids[1]), "{context}: {now}");
    }

    fn check_mended(&mut self, case: &Case, context: &str) {
        Self::publish(case, &self.ids[1], context);
        assert_eq!(Self::check(case, context), self.ids[1], "{context}");
    }
}

#[test]
fn a_generation_published_to_a_folder() {
    let case = world();
    let ids = two(&case);
    // Which of its threads flushes how often is up to chance, and the cuts are counted by thread.
    play(&mut Publish { ids }, &case, 10);
}

/// A package is added to a layer, promoted, or removed.
struct Edit {
    command: &'static str,
    round: usize,
}

impl Edit {
    fn version(&self) -> String {
        format!("1.{}.0", self.round)
    }

    fn arguments(&self) -> Vec<String> {
        let (version, selector) = (self.version(), format!("moving@{}", self.version()));
        match self.command {
            "add" => words(&["add", &format!("new/moving/{version}"), "--to", "snapshot"]),
            "promote" => words(&["promote", &selector, "--from", "snapshot", "--to", "staging"]),
            _ => words(&["remove", &selector, "--from", "snapshot", "--reason", "a test"]),
        }
    }

    /// The layers that hold the version, in each of which it must be whole.
    fn holders(&self, case: &Case, context: &str) -> Vec<&'static str> {
        let files = package("moving", &self.version(), "text");
        let is_held = |layer: &&str| {
            let folder = case.path("packages").join(layer).join("moving").join(self.version());
            let names = walkdir::WalkDir::new(&folder).into_iter().filter_map(Result::ok);
            let found: BTreeMap<String, Vec<u8>> = names
                .filter(|entry| entry.file_type().is_file())
                .map(|entry| {
                    let name = entry.path().strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
                    (name, fs::read(entry.path()).unwrap())
                })
                .collect();
            assert!(found.is_empty() || found == files, "{context}: half a package in {layer}");
            !found.is_empty()
        };
        ["snapshot", "staging"].into_iter().filter(is_held).collect()
    }

    fn wanted(&self) -> &'static [&'static str] {
        match self.command {
            "add" => &["snapshot"],
            "promote" => &["staging"],
            _ => &[],
        }
    }

    fn is_logged(&self, case: &Case) -> bool {
        let (layer, action) = match self.command {
            "add" => ("snapshot", "added"),
            "promote" => ("staging", "promoted"),
            _ => ("snapshot", "removed"),
        };
        let log = fs::read_to_string(case.path(&format!("packages/{layer}/.epr-build/log.jsonl"))).unwrap_or_default();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.into_iter().any(|line| line["version"] == self.version() && line["action"] == action)
    }
}

impl Scene for Edit {
    fn next(&mut self, case: &Case) -> Vec<String> {
        self.round += 1;
        let version = self.version();
        let folder = if self.command == "add" { "new" } else { "packages/snapshot" };
        add(&case.path(folder).join("moving").join(&version), "moving", &version, "text");
        self.arguments()
    }

    fn check_cut(&mut self, case: &Case, is_done: bool, context: &str) {
        let holders = self.holders(case, context);
        assert!(self.command != "promote" || !holders.is_empty(), "{context}: the version is lost");
        if is_done {
            assert_eq!(holders, self.wanted(), "{context}");
            assert!(self.is_logged(case), "{context}: nothing is logged");
        }
    }

    fn check_mended(&mut self, case: &Case, context: &str) {
        for (from, to) in [("snapshot", "staging"), ("staging", "production")] {
            good(case, &["promote", "none", "--from", from, "--to", to, "--all-newer"], context);
        }
        if self.holders(case, context) != self.wanted() {
            good(case, &self.arguments().iter().map(String::as_str).collect::<Vec<_>>(), context);
        }
        assert_eq!(self.holders(case, context), self.wanted(), "{context}");
        assert!(self.is_logged(case), "{context}: nothing is logged");
    }
}

#[test]
fn a_package_added() {
    let case = world().package("packages/snapshot", "stable", "2.0.0", "");
    play(&mut Edit { command: "add", round: 0 }, &case, 15);
}

#[test]
fn a_package_promoted() {
    let case = world().package("packages/snapshot", "stable", "2.0.0", "");
    play(&mut Edit { command: "promote", round: 0 }, &case, 15);
}

#[test]
fn a_package_removed() {
    let case = world().package("packages/snapshot", "stable", "2.0.0", "");
    play(&mut Edit { command: "remove", round: 0 }, &case, 10);
}

/// A generation is kept as a release.
struct Release(usize);

impl Scene for Release {
    fn next(&mut self, _case: &Case) -> Vec<String> {
        self.0 += 1;
        words(&["release", &format!("8.{}.0", self.0), "--dist", "staging"])
    }

    fn check_cut(&mut self, case: &Case, is_done: bool, context: &str) {
        check_whole(&case.path("out"), "staging");
        let run = case.run(&["release", "--list", "--dist", "staging"]);
        assert_eq!(run.code, 0, "{context}: {run:#?}");
        assert!(!is_done || run.stdout.contains(&format!("8.{}.0", self.0)), "{context}: {run:#?}");
    }

    fn check_mended(&mut self, case: &Case, context: &str) {
        good(case, &["release", &format!("8.{}.0", self.0), "--dist", "staging"], context);
        good(case, &BUILD, context);
        good(case, &["verify", "out"], context);
    }
}

#[test]
fn a_release() {
    let case = world();
    good(&case, &BUILD, "before");
    play(&mut Release(0), &case, 15);
}

/// Nothing that was in use goes before the disk has the move to what is in use now.
#[test]
fn moves_are_flushed_before_anything_goes() {
    if !can_trace() {
        return;
    }
    let case = world();
    let ids = two(&case);
    change(&case, 2);
    let place = format!("file://{}", case.path("place").display());
    Publish::publish(&case, &ids[0], "before");
    let prune = ["publish", "--dist", "staging", "--to", &place, "--prune-after", "0s", "--requests", "1"];
    add(&case.path("packages/snapshot/moving/2.0.0"), "moving", "2.0.0", "");
    let promote = ["promote", "moving@2.0.0", "--from", "snapshot", "--to", "staging"];
    let build = [&BUILD[..], &["--keep", "1"]].concat();
    for (arguments, moved) in [(&build[..], "current"), (&prune[..], "current.json"), (&promote[..], "2.0.0")] {
        let (code, stderr) = traced(&case, &["-y", "-o", "calls", "-e", &format!("trace={CALLS}")], arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {stderr}");
        let text = fs::read_to_string(case.path("calls")).unwrap();
        let is_moved = text.lines().any(|line| line.contains("rename") && line.contains(&format!("/{moved}\"")));
        assert!(is_moved || moved == "current.json", "{arguments:?}: {text}");
        let trace = Trace::read(&text, &case.path("."));
        assert!(trace.hasty_for(moved).is_empty(), "{arguments:?}: {:?}", trace.hasty_for(moved));
    }
}
