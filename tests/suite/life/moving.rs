//! `add`, `promote` and `remove`: what is done, what is refused and with which words, and what readers see of it.

use crate::harness::{Case, FOREIGN_SIGNATURE, Run};
use epr_build::base::fs::Lock;
use serde_json::Value;
use std::fs;

/// Versions in all three layers.
fn layers(config: &str) -> Case {
    Case::new()
        .config(config)
        .package("packages/production", "acme", "1.0.0", "one")
        .package("packages/staging", "acme", "1.1.0", "two")
        .package("packages/staging", "stays", "1.0.0", "")
        .package("packages/snapshot", "acme", "1.2.0-beta1", "three")
        .package("packages/snapshot", "acme", "1.2.0", "four")
        .package("packages/snapshot", "acme", "1.10.0", "five")
        .package("packages/snapshot", "stays", "1.1.0", "")
}

/// Which versions each layer holds, as `layer: acme/1.0.0 …` in the order of their paths.
fn held(case: &Case) -> String {
    let mut text = Vec::new();
    for layer in ["production", "staging", "snapshot"] {
        let root = case.path("packages").join(layer);
        let found = walkdir::WalkDir::new(&root).min_depth(1).max_depth(2).sort_by_file_name().into_iter();
        let found = found.filter_map(Result::ok).filter(|entry| !entry.path().starts_with(root.join(".epr-build")));
        let packages = found.filter(|entry| entry.depth() == 2 || entry.file_type().is_file());
        let paths: Vec<_> =
            packages.map(|entry| entry.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned()).collect();
        text.push(format!("{layer}: {}", paths.join(" ")));
    }
    text.join("\n")
}

/// The log of a layer, without times.
fn log(case: &Case, layer: &str) -> Vec<Value> {
    let text = fs::read_to_string(case.path(&format!("packages/{layer}/.epr-build/log.jsonl"))).unwrap_or_default();
    let line = |line: &str| {
        let mut deed: Value = serde_json::from_str(line).unwrap();
        let time = deed.as_object_mut().unwrap().remove("time").unwrap();
        assert!(time.as_str().unwrap().ends_with('Z') && time.as_str().unwrap().len() == 20, "{time}");
        deed
    };
    text.lines().map(line).collect()
}

fn check(case: &Case, arguments: &str, code: i32, words: &str) -> Run {
    let arguments: Vec<_> = arguments.split(' ').map(|word| word.replace('~', " ")).collect();
    let run = case.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let said = if code == 0 { &run.stdout } else { &run.stderr };
    assert_eq!((run.code, said.as_str()), (code, words), "{arguments:?} {run:#?}");
    run
}

/// Each refusal with its words; nothing is changed by any of them.
#[test]
fn refusals_say_why_and_what_to_do() {
    let strict = "layers:\n  production: {signatures: require}\n";
    for (config, arguments, words) in [
        (
            "{}",
            "promote acme@2.0.0 --from snapshot --to staging",
            "error: layer `snapshot` holds no acme-2.0.0
  --> snapshot/acme/2.0.0
hint: packages are found by the names of their folders and zips; look for the version there",
        ),
        (
            "{}",
            "promote other@1.0.0 --from snapshot --to staging",
            "error: other-1.0.0 of layer `staging` differs from the one in `snapshot`: docs/README.md
  --> staging/other/1.0.0
hint: remove one of the two, for example with `epr-build remove other@1.0.0 --from snapshot`, or give the changed package a new version",
        ),
        (
            "{}",
            "promote broken@1.0.0 --from snapshot --to staging",
            "error: open manifest.yml: no such file or directory
  --> snapshot/broken/1.0.0/manifest.yml",
        ),
        (
            "{}",
            "promote broken --from snapshot --to staging --all-newer",
            "error: open manifest.yml: no such file or directory
  --> snapshot/broken/1.0.0/manifest.yml",
        ),
        (
            strict,
            "promote acme@1.1.0 --from staging --to production",
            "error: package acme-1.1.0 is missing a required signature file
  --> staging/acme/1.1.0
hint: put the detached signature beside the package, or set `signatures: pass` for the layer",
        ),
        (
            "{}",
            "promote stays@1.1.0 --from snapshot --to production",
            "error: stays-1.1.0 belongs where something else lies
  --> production/stays/1.1.0
hint: remove what lies there",
        ),
        (
            "{}",
            "promote acme@1.0.0 --from production --to snapshot",
            "error: acme-1.0.0 would be taken from layer `production` and not be above it in distribution `production`: `snapshot` is not
  --> production/acme/1.0.0
hint: allow it with `--allow-policy removed-version=acme@1.0.0 --reason TEXT`",
        ),
        (
            "{}",
            "remove acme@1.1.0 --from staging --reason because",
            "error: acme-1.1.0 would be taken from layer `staging`
  --> staging/acme/1.1.0
hint: allow it with `--allow-policy removed-version=acme@1.1.0 --reason TEXT`",
        ),
        (
            "{}",
            "remove acme@1.3.0 --from staging",
            "error: layer `staging` holds no acme-1.3.0
  --> staging/acme/1.3.0
hint: packages are found by the names of their folders and zips; look for the version there",
        ),
        (
            "{}",
            "add new/acme/1.0.0 --to production",
            "error: acme-1.0.0 is in layer `production` with other content: docs/README.md
  --> production/acme/1.0.0
hint: publish it as a new version, or allow it with `--allow-policy changed-version=acme@1.0.0 --reason TEXT`",
        ),
        (
            "{}",
            "add new/acme/1.0.0 --to snapshot",
            "error: acme-1.0.0 of layer `production` would differ from the one in `snapshot`: docs/README.md
  --> production/acme/1.0.0
hint: remove one of the two, or give the changed package a new version, or allow it with `--allow-policy differs-below=acme@1.0.0 --reason TEXT`",
        ),
        (
            "{}",
            "add new/broken/1.0.0 --to snapshot",
            "error: open manifest.yml: no such file or directory
  --> snapshot/1.0.0/manifest.yml",
        ),
        (
            "{}",
            "add new/acme-1.1.0.zip --to staging",
            "error: acme-1.1.0 belongs where something else lies
  --> staging/acme/1.1.0
hint: remove what lies there",
        ),
    ] {
        let case = layers(config)
            .package("packages/staging", "other", "1.0.0", "here")
            .package("packages/snapshot", "other", "1.0.0", "there")
            .broken("packages/snapshot", "broken", "1.0.0")
            .file("packages/production/stays/1.1.0", "a file")
            .package("new", "acme", "1.0.0", "edited")
            .broken("new", "broken", "1.0.0")
            .zip("new", "acme", "1.1.0");
        let before = held(&case);
        let arguments: Vec<_> = arguments.split(' ').collect();
        let run = case.run(&arguments);
        assert!(run.code == 1 && run.stderr.starts_with(words), "{arguments:?}\n{words}\n{run:#?}");
        assert!(run.stderr.ends_with("\nnothing was changed\n") && run.stdout.is_empty(), "{run:#?}");
        assert_eq!(held(&case), before, "{arguments:?}");
        assert_eq!(log(&case, "staging").len() + log(&case, "snapshot").len() + log(&case, "production").len(), 0);
    }
}

/// What may be done is done, said and logged with its reason.
#[test]
fn permissions_are_used_and_logged() {
    let case = layers("{}").package("new", "acme", "1.2.0", "edited").package("new", "acme", "1.0.0", "edited");
    check(&case, "add new/acme/1.2.0 --to snapshot", 0, "replaced acme-1.2.0 in snapshot\n");
    check(
        &case,
        "add new/acme/1.2.0 --to snapshot",
        0,
        "nothing to do: layer `snapshot` holds acme-1.2.0 already, with the same content\n",
    );
    check(&case, "remove acme@1.10.0 --from snapshot", 0, "removed acme-1.10.0 from snapshot\n");
    let leaked = "--allow-policy changed-version=acme@1.0.0 --reason it~leaked";
    check(&case, &format!("add new/acme/1.0.0 --to production {leaked}"), 0, "replaced acme-1.0.0 in production\n");
    let removed = "--allow-policy removed-version=acme@1.1.0 --reason wrong";
    check(&case, &format!("remove acme@1.1.0 --from staging {removed}"), 0, "removed acme-1.1.0 from staging\n");
    assert_eq!(
        held(&case),
        "production: acme/1.0.0\nstaging: stays/1.0.0\nsnapshot: acme/1.2.0 acme/1.2.0-beta1 stays/1.1.0"
    );
    let text = fs::read_to_string(case.path("packages/production/acme/1.0.0/docs/README.md")).unwrap();
    assert!(text.contains("edited"));
    let deeds = log(&case, "production");
    assert_eq!(deeds.len(), 1);
    assert_eq!(deeds[0]["action"], "replaced");
    assert_eq!(deeds[0]["allowed"], serde_json::json!(["changed-version=acme@1.0.0"]));
    assert_eq!(deeds[0]["reason"], "it leaked");
    assert_eq!(log(&case, "snapshot").len(), 2);
    assert_eq!(log(&case, "staging")[0]["reason"], "wrong");
}

/// A promotion moves one version or all newer ones, keeps signatures, logs in both layers, and changes no answer.
#[test]
fn promotions_move_what_is_asked_for() {
    // Pages name the layers of versions, so they do change.
    let case = layers("ui: no\n").zip("packages/snapshot", "packed", "2.0.0");
    let armor = FOREIGN_SIGNATURE;
    fs::write(case.path("packages/snapshot/packed-2.0.0.zip.sig"), armor).unwrap();
    fs::write(case.path("packages/snapshot/acme/1.2.0.sig"), format!("{armor}\n")).unwrap();
    let build = ["--all-dists", "--quiet"];
    assert_eq!(case.run(&build).code, 0);
    let site = || fs::read_link(case.path("out/snapshot/current/site")).unwrap();
    let before = site();
    check(
        &case,
        "promote acme@1.2.0 packed@2.0.0 --from snapshot --to staging --dry-run",
        0,
        "would promote acme-1.2.0 from snapshot to staging\nwould promote packed-2.0.0 from snapshot to staging\n",
    );
    assert!(!case.path("packages/staging/.epr-build").exists(), "a dry run writes nothing");
    check(
        &case,
        "promote acme@1.2.0 packed@2.0.0 --from snapshot --to staging",
        0,
        "promoted acme-1.2.0 from snapshot to staging\npromoted packed-2.0.0 from snapshot to staging\n",
    );
    let expected = "\
production: acme/1.0.0
staging: acme/1.1.0 acme/1.2.0 acme/1.2.0.sig packed-2.0.0.zip packed-2.0.0.zip.sig stays/1.0.0
snapshot: acme/1.10.0 acme/1.2.0-beta1 stays/1.1.0";
    assert_eq!(held(&case), expected);
    check(
        &case,
        "promote acme@1.2.0 --from snapshot --to staging",
        0,
        "nothing to do: acme-1.2.0 is in layer `staging`, and no longer in `snapshot`\n",
    );
    check(
        &case,
        "promote acme --from snapshot --to staging --all-newer",
        0,
        "promoted acme-1.10.0 from snapshot to staging\n",
    );
    check(
        &case,
        "promote acme stays --from snapshot --to staging --all-newer",
        0,
        "promoted stays-1.1.0 from snapshot to staging\n\
         nothing to do: layer `snapshot` holds no version of acme that is newer than in `staging`\n",
    );
    check(
        &case,
        "promote acme@1.2.0 --from staging --to production --all-newer",
        0,
        "promoted acme-1.2.0 from staging to production\npromoted acme-1.10.0 from staging to production\n",
    );
    assert_eq!(
        held(&case),
        "production: acme/1.0.0 acme/1.10.0 acme/1.2.0 acme/1.2.0.sig\n\
         staging: acme/1.1.0 packed-2.0.0.zip packed-2.0.0.zip.sig stays/1.0.0 stays/1.1.0\n\
         snapshot: acme/1.2.0-beta1"
    );
    assert_eq!(log(&case, "staging").len(), 6);
    assert_eq!(log(&case, "snapshot"), log(&case, "staging")[..4]);
    let run = case.run(&[&build[..], &["--verify-clean"]].concat());
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_eq!(site(), before, "the same files and answers, whichever layer they come from");
    // A folder of the name that has no version left would be a warning.
    let run = case.run(&["check", "--all-dists", "--strict", "--quiet"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

/// Copies that are in both layers already are only removed below; what else the layers' layout is, is kept.
#[test]
fn promotions_fit_into_what_is_there() {
    let case = Case::new()
        .package("packages/production/packages", "acme", "1.0.0", "")
        .package("packages/staging", "acme", "1.1.0", "same")
        .package("packages/snapshot/packages", "acme", "1.1.0", "same")
        .package("packages/snapshot/packages", "acme", "1.2.0", "")
        .package("packages/snapshot/packages", "new", "1.0.0", "");
    check(
        &case,
        "promote acme new --from snapshot --to staging --all-newer",
        0,
        "promoted acme-1.2.0 from snapshot to staging\npromoted new-1.0.0 from snapshot to staging\n",
    );
    check(
        &case,
        "promote acme@1.1.0 --from snapshot --to staging",
        0,
        "promoted acme-1.1.0 from snapshot to staging\n",
    );
    check(
        &case,
        "promote acme@1.1.0 --from staging --to production",
        0,
        "promoted acme-1.1.0 from staging to production\n",
    );
    for path in ["production/packages/acme/1.1.0", "staging/acme/1.2.0", "staging/packages/new/1.0.0"] {
        assert!(case.path("packages").join(path).join("manifest.yml").is_file(), "{path}");
    }
    assert!(!case.path("packages/snapshot/packages/acme").exists());
}

/// Wrong usage, and a second command, end with 2.
#[test]
fn what_cannot_be_done_is_said() {
    let case = layers("{}");
    for (arguments, words) in [
        (
            "promote acme@1.2.0 --from snapshoot --to staging",
            "unknown layer `snapshoot`\nhint: did you mean `snapshot`?",
        ),
        ("promote acme@1.2.0 --from staging --to staging", "both the source and the target"),
        ("promote acme --from snapshot --to staging", "has no version\nhint: "),
        ("promote acme@1 --from snapshot --to staging", "NAME@VERSION"),
        ("remove acme --from snapshot", "has no version\nhint: "),
        ("add nowhere --to snapshot", "cannot read `nowhere`: No such file or directory (os error 2)\nhint: "),
        ("add epr-build.yml --to snapshot --allow-policy changed-version=a@1.0.0", "--reason"),
    ] {
        let run = case.run(&arguments.split(' ').collect::<Vec<_>>());
        assert!(run.code == 2 && run.stderr.contains(words), "{arguments} {run:#?}");
    }
    let lock = Lock::take(&case.path("packages/staging/.epr-build")).unwrap();
    let promote = ["promote", "acme@1.2.0", "--from", "snapshot", "--to", "staging"];
    let run = case.run(&promote);
    let holder = format!("(process {})", std::process::id());
    assert!(
        run.code == 2 && run.stderr.contains("another command writes to") && run.stderr.contains(&holder),
        "{run:#?}"
    );
    drop(lock);
    assert_eq!(case.run(&promote).code, 0);
}

/// What keeps no package out is told as well, before anything is changed.
#[test]
fn what_arrives_is_warned_of() {
    let case = layers("")
        .package("new", "acme", "2.0.0", "six")
        .file("new/acme/2.0.0/data_stream/.gitkeep", "")
        .package("packages/staging", "stays", "1.2.0", "")
        .file("packages/staging/stays/1.2.0/data_stream/.gitkeep", "");
    let warning = |place: &str| {
        format!(
            "warning: Kibana refuses it: it takes the path for a data stream, which has no manifest\n  \
             --> {place}/data_stream/.gitkeep\nhint: move, rename or remove it\n"
        )
    };
    for (arguments, place, words) in [
        ("add new/acme/2.0.0 --to snapshot --dry-run", "snapshot/2.0.0", "would add acme-2.0.0 to snapshot\n"),
        ("add new/acme/2.0.0 --to snapshot", "snapshot/2.0.0", "added acme-2.0.0 to snapshot\n"),
        (
            "promote stays@1.2.0 --from staging --to production --dry-run",
            "staging/stays/1.2.0",
            "would promote stays-1.2.0 from staging to production\n",
        ),
    ] {
        let run = check(&case, arguments, 0, words);
        assert_eq!(run.stderr, warning(place), "{arguments}");
    }
    let refused = "error: Kibana refuses it: ";
    let strict = layers("layers:\n  snapshot: {validation: require}\n")
        .package("new", "acme", "2.0.0", "six")
        .file("new/acme/2.0.0/data_stream/.gitkeep", "");
    let run = strict.run(&["add", "new/acme/2.0.0", "--to", "snapshot"]);
    assert!(run.code == 1 && run.stderr.starts_with(refused), "{run:#?}");
}
