//! Deltas: only what is new travels, and only to where the rest is.

use super::{build, bundle, check_arrived, current, good, manifest, unbundle, world};
use crate::harness::Case;
use std::fs;

/// Adds a version, changes one and removes one.
fn change(case: Case, round: usize) -> Case {
    let case =
        case.package("packages/production", "alpha", &format!("1.{}.0", round + 1), &"A new readme. ".repeat(200));
    let case = case.package("packages/staging", "gamma", "0.1.0", &format!("round {round}"));
    let gone = case.path("packages/production/beta/1.0.0");
    if gone.exists() {
        fs::remove_dir_all(gone).unwrap();
    }
    case
}

fn size(case: &Case, file: &str) -> u64 {
    fs::metadata(case.path(file)).unwrap().len()
}

#[test]
fn deltas_bring_what_is_new() {
    let mut case = world();
    let first = build(&case);
    bundle(&case, "full", &[]);
    unbundle(&case, "full", "far");
    case = change(case, 1);
    let second = build(&case);
    let run = bundle(&case, "delta1", &["--since", &first]);
    assert!(run.stdout.contains(&format!("builds on          generation {first}")), "{run:#?}");
    let listed = manifest(&case, "delta1");
    assert!(listed["files"].as_array().unwrap().iter().any(|file| !file["patch"].is_null()), "{listed:#}");
    assert!(!listed["gone"]["contents"].as_array().unwrap().is_empty(), "{listed:#}");
    assert!(size(&case, "delta1") * 2 < size(&case, "full"));

    // The bundle says as much as the generation.
    bundle(&case, "by-bundle", &["--since", "full"]);
    assert_eq!(fs::read(case.path("delta1")).unwrap(), fs::read(case.path("by-bundle")).unwrap());

    let taken = unbundle(&case, "delta1", "far");
    assert!(taken.stdout.contains(&format!("before             {first}; ")), "{taken:#?}");
    check_arrived(&case, "far");

    case = change(case, 2);
    build(&case);
    bundle(&case, "delta2", &["--since", "delta1"]);
    unbundle(&case, "delta2", "far");
    check_arrived(&case, "far");

    // Back and forth as after builds.
    good(&case, &["rollback", "--dist", "staging", "--out", "far"]);
    assert_eq!(current(&case, "far"), second);
    unbundle(&case, "delta2", "far");
    let listed = good(&case, &["generations", "--dist", "staging", "--out", "far"]);
    assert_eq!(listed.stdout.lines().count(), 3, "{listed:#?}");
    assert!(listed.stdout.lines().next().unwrap().ends_with("in use"), "{listed:#?}");
    let again = case.run(&["bundle", "--dist", "staging", "--output", "none", "--since", "delta2"]);
    assert!(again.code == 0 && again.stdout.contains("nothing is written"), "{again:#?}");
    assert!(!case.path("none").exists());
}

/// Where the generations of earlier bundles are gone, the bundles themselves say what the far side has.
#[test]
fn bundles_stand_for_generations_that_are_gone() {
    let mut case = world();
    build(&case);
    bundle(&case, "full", &[]);
    unbundle(&case, "full", "far");
    case = change(case, 1);
    build(&case);
    bundle(&case, "delta1", &["--since", "full"]);
    unbundle(&case, "delta1", "far");
    case = change(case, 2);
    good(&case, &["--dist", "staging", "--quiet", "--keep", "1"]);

    let run = case.run(&["bundle", "--dist", "staging", "--output", "delta2", "--since", "delta1"]);
    assert!(run.code == 2 && run.stderr.contains("repeat `--since` for every bundle"), "{run:#?}");
    bundle(&case, "delta2", &["--since", "full", "--since", "delta1"]);
    assert!(size(&case, "delta2") < size(&case, "full"));
    unbundle(&case, "delta2", "far");
    check_arrived(&case, "far");
}

#[test]
fn a_delta_without_its_base_is_refused() {
    let mut case = world();
    let first = build(&case);
    bundle(&case, "full", &[]);
    case = change(case, 1);
    let second = build(&case);
    bundle(&case, "delta1", &["--since", &first]);
    case = change(case, 2);
    build(&case);
    bundle(&case, "delta2", &["--since", &second]);

    let run = case.run(&["unbundle", "delta1", "--out", "far"]);
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(
        run.stderr.contains(&format!("generation {first} of `staging`, which is not there; there is none")),
        "{run:#?}"
    );
    assert!(!case.path("far").exists());
    unbundle(&case, "full", "far");
    let run = case.run(&["unbundle", "delta2", "--out", "far"]);
    assert_eq!(run.code, 1, "{run:#?}");
    let said =
        format!("generation {second} of `staging`, which is not there; there are: {first}\n  --> delta2\nhint: ");
    assert!(run.stderr.contains(&said), "{run:#?}");
    assert_eq!(current(&case, "far"), first);

    // A base that was changed is not built on.
    let site = fs::canonicalize(case.path("far/staging/current/site")).unwrap();
    let document = site.join("documents/alpha/1.0.0.json");
    let good_bytes = fs::read(&document).unwrap();
    fs::write(&document, "{}").unwrap();
    let run = case.run(&["unbundle", "delta1", "--out", "far"]);
    assert!(run.code == 1 && run.stderr.contains("is damaged\n  --> delta1"), "{run:#?}");
    fs::write(&document, good_bytes).unwrap();
    unbundle(&case, "full", "far");
    let manifest = case.path(&format!("far/staging/generations/{first}/manifest.json"));
    let (text, time) = (fs::read(&manifest).unwrap(), fs::metadata(&manifest).unwrap().modified().unwrap());
    fs::write(&manifest, "{}").unwrap();
    let run = case.run(&["unbundle", "delta1", "--out", "far"]);
    assert!(run.code == 1 && run.stderr.contains("is damaged"), "{run:#?}");
    fs::write(&manifest, text).unwrap();
    fs::File::options().append(true).open(&manifest).unwrap().set_modified(time).unwrap();
    assert_eq!(current(&case, "far"), first);
    unbundle(&case, "delta1", "far");
    unbundle(&case, "delta2", "far");
    check_arrived(&case, "far");
}

/// A delta may reach the far side where only the files of packages changed, or only what is said of them.
#[test]
fn small_changes_arrive_too() {
    let mut case = world();
    let mut earlier = build(&case);
    bundle(&case, "full", &[]);
    unbundle(&case, "full", "far");
    let steps: [fn(Case) -> Case; 4] = [
        |case| case.package("packages/production", "alpha", "1.0.0", "another readme"),
        |case| case.config("distributions:\n  staging:\n    layers: [production, staging]\n    listen: 8090\n"),
        |case| {
            fs::remove_file(case.path("packages/production/zipped-1.0.0.zip")).unwrap();
            case
        },
        |case| case.zip("packages/production", "other", "1.0.0").package("packages/staging", "delta", "1.0.0", ""),
    ];
    for (number, step) in steps.into_iter().enumerate() {
        case = step(case);
        let id = build(&case);
        assert_ne!(id, earlier, "{number}");
        bundle(&case, "delta", &["--since", &earlier]);
        unbundle(&case, "delta", "far");
        check_arrived(&case, "far");
        earlier = id;
    }
}
