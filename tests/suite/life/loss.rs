//! A registry in use is not replaced by a worse one because of a slip.

use super::branches;
use crate::harness::{Case, Run};
use crate::{crash, running};
use std::fs;
use std::path::{Path, PathBuf};

/// Packages of the layer below `folder`.
fn layer(case: Case, folder: &str, count: usize) -> Case {
    (0..count).fold(case, |case, minor| case.package(folder, "acme", &format!("1.{minor}.0"), ""))
}

/// A case with as many versions in production and one in staging, built as `staging`.
fn built(config: &str, count: usize) -> Case {
    let case = layer(Case::new().config(config), "packages/production", count);
    let case = case.package("packages/staging", "other", "1.0.0", "");
    let run = case.run(&["--dist", "staging"]);
    assert_eq!(run.code, 0, "{run:?}");
    case
}

fn remove(case: &Case, versions: std::ops::Range<usize>) {
    for minor in versions {
        fs::remove_dir_all(case.path(&format!("packages/production/acme/1.{minor}.0"))).unwrap();
    }
}

/// What is in use, and all generations.
fn in_use(case: &Case) -> (PathBuf, Vec<PathBuf>) {
    let folder = case.path("out/staging");
    let generations = fs::read_dir(folder.join("generations")).unwrap();
    let mut generations: Vec<_> = generations.map(|entry| entry.unwrap().path()).collect();
    generations.sort();
    (fs::read_link(folder.join("current")).unwrap(), generations)
}

/// Checks that a run is refused with these words, and leaves everything that is in use alone.
#[track_caller]
fn refused(case: &Case, arguments: &[&str], words: &[&str]) {
    let before = in_use(case);
    let run = case.run(arguments);
    assert_eq!(run.code, 2, "{run:?}");
    for word in words {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
    assert_eq!(in_use(case), before);
}

#[track_caller]
fn good(run: &Run, summary: &str) {
    assert!(run.code == 0 && run.stdout.contains(summary), "{run:?}");
}

const BUILD: [&str; 3] = ["--dist", "staging", "--quiet"];

#[test]
fn a_layer_that_loses_everything_stops_the_build() {
    let case = built("", 3);
    fs::rename(case.path("packages/production"), case.path("away")).unwrap();
    fs::create_dir(case.path("packages/production")).unwrap();
    for _ in 0..2 {
        refused(
            &case,
            &BUILD,
            &["error: layer `production` has lost all 3 of 3 versions: acme-1.0.0, ", "--accept-loss"],
        );
    }
    // Absent altogether is the same.
    fs::remove_dir(case.path("packages/production")).unwrap();
    refused(&case, &BUILD, &["all 3 of 3"]);
    good(&case.run(&["--dist", "staging", "--accept-loss"]), "change             4 → 1 version: 0 new, 3 gone\n");
    // Back again, nothing is lost.
    fs::rename(case.path("away"), case.path("packages/production")).unwrap();
    good(&case.run(&["--dist", "staging"]), "change             1 → 4 versions: 3 new, 0 gone\n");
    good(&case.run(&["--dist", "staging"]), "change             4 → 4 versions: 0 new, 0 gone\n");
}

#[test]
fn more_than_the_share_of_a_layer_stops_the_build() {
    let free = "layers: {production: {removal: allow, shrink: 100%}}";
    let strict = "layers: {production: {removal: allow, shrink: 30%}}";
    for (config, count, gone, expected) in [
        ("", 20, 10, None),
        ("", 21, 11, Some("has lost 11 of 21 versions")),
        (strict, 30, 10, Some("has lost 10 of 30 versions")),
        (free, 12, 12, None),
    ] {
        let case = built(config, count);
        remove(&case, 0..gone);
        match expected {
            Some(words) => refused(&case, &BUILD, &[words]),
            None => good(&case.run(&["--dist", "staging"]), &format!(": 0 new, {gone} gone")),
        }
    }
}

#[test]
fn what_was_promoted_or_taken_out_is_not_lost() {
    let case = built("", 1);
    let promoted = case.run(&["promote", "other@1.0.0", "--from", "staging", "--to", "production"]);
    assert_eq!(promoted.code, 0, "{promoted:?}");
    good(&case.run(&["--dist", "staging"]), "change             2 → 2 versions: 0 new, 0 gone\n");
    let remove = ["remove", "acme@1.0.0", "--from", "production", "--reason", "a mistake"];
    let allowed = ["--allow-policy", "removed-version=acme@1.0.0"];
    let removed = case.run(&[&remove[..], &allowed].concat());
    assert_eq!(removed.code, 0, "{removed:?}");
    let removed = case.run(&[
        "remove",
        "other@1.0.0",
        "--from",
        "production",
        "--reason",
        "x",
        "--allow-policy",
        "removed-version=other@1.0.0",
    ]);
    assert_eq!(removed.code, 0, "{removed:?}");
    let case = case.package("packages/staging", "new", "1.0.0", "");
    good(&case.run(&["--dist", "staging"]), "change             2 → 1 version: 1 new, 2 gone\n");
}

#[test]
fn quarantined_packages_are_lost_and_the_reasons_are_told() {
    let case = built("", 2);
    for minor in 0..2 {
        fs::write(case.path(&format!("packages/production/acme/1.{minor}.0/manifest.yml")), "name: acme\n").unwrap();
    }
    refused(
        &case,
        &BUILD,
        &["--> production/acme/1.0.0/manifest.yml", "all 2 of 2 versions", "2 packages of it are quarantined"],
    );
}

#[test]
fn a_written_policy_is_not_lifted_by_accepting_the_loss() {
    let case = built("layers: {production: {removal: refuse}}", 1);
    remove(&case, 0..1);
    refused(&case, &BUILD, &["has lost all 1", "acme-1.0.0 is published from layer `production` and is gone"]);
    refused(
        &case,
        &["--dist", "staging", "--accept-loss"],
        &["acme-1.0.0 is published from layer `production` and is gone"],
    );
    let allow = ["--allow-policy", "removed-version=acme@1.0.0", "--reason", "x"];
    refused(&case, &[&BUILD[..], &allow].concat(), &["has lost all 1"]);
    good(&case.run(&[&["--dist", "staging", "--accept-loss"][..], &allow].concat()), "1 gone");
}

#[test]
fn written_paths_must_be_there_unless_the_layer_is_optional() {
    for (paths, words) in [
        ("nowhere", "layer `staging` is not there: the layer path `nowhere` does not exist"),
        ("[packages/staging, nowhere]", "the layer path `nowhere` does not exist"),
        ("~/packages", "`~` does not stand for a home folder here"),
        ("epr-build.yml", "the layer path `epr-build.yml` is neither a folder nor a zip"),
    ] {
        let case = built("", 1).config(&format!("layers: {{staging: {{paths: {paths}}}}}"));
        for command in [&["build", "--dist", "staging"][..], &["check", "--dist", "staging"]] {
            refused(&case, command, &[words, "hint: "]);
        }
        let new = [&["build", "--dist", "staging", "--out", "new"][..], &["--accept-loss"]].concat();
        refused(&case, &new, &[words]);
        assert!(!case.path("new").exists());
    }
    let optional = "layers: {staging: {paths: nowhere, optional: yes}}";
    let case = Case::new().config(optional).package("packages/production", "acme", "1.0.0", "");
    let run = case.run(&["--dist", "staging", "--strict"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    // What was in it is lost all the same.
    let case = built("", 1).config(optional);
    refused(&case, &BUILD, &["layer `staging` has lost all 1 of 1 version: other-1.0.0"]);
}

#[test]
fn a_first_build_of_nothing_is_refused() {
    let case = Case::new().package("packages/production", "acme", "1.0.0", "");
    fs::create_dir_all(case.path("empty/production")).unwrap();
    let case = case.broken("broken/production", "acme", "1.0.0");
    for (folder, words) in [
        ("packages/production", "no layer of `production` is there: `packages/production/production`"),
        ("empty", "`production` would have no version at all"),
        ("broken", "--> production/acme/1.0.0/manifest.yml"),
    ] {
        let run = case.run(&["--dist", "production", "--packages", folder]);
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains(words), "{}", run.stderr);
        assert!(!Path::new(&case.path("out/production")).exists(), "{folder}");
    }
    assert_eq!(case.run(&["--dist", "production", "--packages", "empty", "--accept-loss"]).code, 0);
    // An empty registry that is in use may stay one.
    assert_eq!(case.run(&["--dist", "production", "--packages", "empty", "--no-cache"]).code, 0);
}

/// Wherever a generation is taken into use, it is compared with what is in use there.
#[test]
fn carried_generations_are_compared_too() {
    let case = built("", 12);
    let store = format!("file://{}", case.path("published").display());
    let publish = ["publish", "--dist", "staging", "--to", &store];
    good(&case.run(&publish), "change     0 → 13 versions: 13 new, 0 gone\n");
    assert_eq!(case.run(&["bundle", "--dist", "staging", "--output", "full.bundle", "--quiet"]).code, 0);
    remove(&case, 1..12);
    assert_eq!(case.run(&["--dist", "staging", "--accept-loss", "--quiet"]).code, 0);
    assert_eq!(case.run(&["bundle", "--dist", "staging", "--output", "few.bundle", "--quiet"]).code, 0);

    let words = "layer `production` has lost 11 of 12 versions";
    let pointer = fs::read_to_string(case.path("published/current.json")).unwrap();
    refused(&case, &publish, &[words]);
    assert_eq!(fs::read_to_string(case.path("published/current.json")).unwrap(), pointer);
    good(&case.run(&[&publish[..], &["--accept-loss"]].concat()), "change     13 → 2 versions: 0 new, 11 gone\n");

    let unbundle = |file: &str, more: &[&str]| case.run(&[&["unbundle", file, "--out", "far"][..], more].concat());
    good(&unbundle("full.bundle", &[]), "change             0 → 13 versions: 13 new, 0 gone\n");
    let generations = || fs::read_dir(case.path("far/staging/generations")).unwrap().count();
    let run = unbundle("few.bundle", &[]);
    assert!(run.code == 2 && run.stderr.contains(words), "{run:?}");
    assert_eq!(generations(), 1);
    good(&unbundle("few.bundle", &["--accept-loss"]), "change             13 → 2 versions: 0 new, 11 gone\n");
    assert_eq!(generations(), 2);
}

/// A package that cannot be read is no package that is bad: the machine failed, and what is in use stays.
#[test]
fn a_package_that_was_readable_stops_the_build() {
    if !crash::can_trace() {
        return;
    }
    let case = built("", 2);
    let manifest = case.path("packages/production/acme/1.0.0/manifest.yml");
    // Read again, because it is another file now.
    fs::copy(&manifest, case.path("new")).unwrap();
    fs::rename(case.path("new"), &manifest).unwrap();
    let before = in_use(&case);
    // Files of layers are opened below the layer's folder.
    let path = "acme/1.0.0/manifest.yml";
    let options = ["-o", "/dev/null", "-P", path, "-e", "trace=openat2"];
    for fault in ["EIO", "EACCES"] {
        let inject = format!("inject=openat2:error={fault}");
        let (code, stderr) = crash::traced(&case, &[&options[..], &["-e", &inject]].concat(), &BUILD);
        assert_eq!(code, Some(2), "{fault}: {stderr}");
        assert!(
            stderr.contains("error: cannot read `production/acme/1.0.0/manifest.yml`")
                && stderr.contains("which could be read before"),
            "{stderr}"
        );
        assert!(stderr.contains("\nhint: check the disk"), "{stderr}");
        assert_eq!(in_use(&case), before, "{fault}");
    }
    good(&case.run(&["--dist", "staging"]), "change             3 → 3 versions: 0 new, 0 gone\n");
}

/// What `remove` took out of a branch is in the branch's log, and not lost.
#[test]
fn what_was_taken_out_of_a_branch_is_not_lost() {
    if running::binary("git").is_none() {
        return;
    }
    let case =
        Case::new().package("packages/snapshot", "acme", "1.0.0", "").package("packages/staging", "other", "1.0.0", "");
    let case = case.package("packages/production", "third", "1.0.0", "");
    branches::commit_layers(&case);
    let run = |arguments: &[&str]| branches::run(&case, arguments);
    let build = ["--dist", "snapshot", "--out", "out"];
    assert_eq!(run(&build).code, 0);
    let removed = run(&["remove", "acme@1.0.0", "--from", "snapshot"]);
    assert_eq!(removed.code, 0, "{removed:?}");
    good(&run(&build), "change             3 → 2 versions: 0 new, 1 gone\n");
}

/// One of several folders that is not mounted may hold less than the share of the layer.
#[test]
fn an_empty_path_among_others_stops_the_build() {
    let paths = "layers: {production: {paths: [packages/production, more]}}\n";
    let case = layer(Case::new().config(paths), "packages/production", 12).package("more", "other", "1.0.0", "");
    let case = case.package("packages/staging", "third", "1.0.0", "");
    good(&case.run(&["--dist", "staging"]), "");
    fs::rename(case.path("more/other"), case.path("away")).unwrap();
    refused(&case, &BUILD, &["layer `production` has lost 1 of 13 versions: other-1.0.0", "holds no packages"]);
    // Taken out on purpose, the empty folder is no reason.
    good(&case.run(&["--dist", "staging", "--accept-loss"]), "change             14 → 13 versions: 0 new, 1 gone\n");
    good(&case.run(&["--dist", "staging"]), "change             13 → 13 versions: 0 new, 0 gone\n");
}

/// A repository's zips are no packages of it, so a check tells that it cannot compare them.
#[test]
fn zips_of_a_base_in_a_repository_are_named() {
    if running::binary("git").is_none() {
        return;
    }
    let case =
        Case::new().package("packages/production", "acme", "1.0.0", "").zip("packages/production", "zipped", "1.0.0");
    let case =
        case.package("packages/staging", "other", "1.0.0", "").package("packages/snapshot", "third", "1.0.0", "");
    branches::commit_layers(&case);
    let base = format!("git+file://{}", case.path(branches::BARE).display());
    let run = case.run(&["check", "--dist", "production", "--against", &base]);
    let words = "note: a zip in the base is not compared: zipped-1.0.0.zip";
    assert!(run.code == 0 && run.stderr.contains(words), "{run:?}");
}

/// A configuration that was forgotten may change where the registry lies, and loses no version.
#[test]
fn another_prefix_is_told() {
    let case = built("distributions: {staging: {layers: [production, staging], prefix: /epr}}\n", 2);
    let words = "warning: the registry lay below `/epr` and lies below no prefix now";
    let again = case.run(&BUILD);
    assert!(again.code == 0 && !again.stderr.contains("prefix"), "{again:?}");
    fs::remove_file(case.path("epr-build.yml")).unwrap();
    let run = case.run(&BUILD);
    assert!(run.code == 0 && run.stderr.contains(words) && run.stderr.contains("registryUrl"), "{run:?}");
    let advice = fs::read_to_string(case.path("out/staging/advice.json")).unwrap();
    assert!(advice.contains(r#""prefix-changed""#), "{advice}");
}
