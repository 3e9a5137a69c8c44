//! Each policy refused and allowed, in builds and in checks, with its words.

use crate::harness::{Case, Run};
use std::fs;

/// A case with one version in each of two layers, built; `written` are the policies of production and staging.
fn built(written: &str) -> Case {
    let case = Case::new().config(written).package("packages/production", "acme", "1.0.0", "one").package(
        "packages/staging",
        "acme",
        "1.1.0",
        "two",
    );
    assert_eq!(case.run(&["--dist", "staging", "--quiet"]).code, 0);
    case
}

/// What is done to the packages.
#[derive(Clone, Copy, Debug)]
enum Change {
    Edit(&'static str),
    Remove(&'static str),
    Move(&'static str, &'static str),
    Add(&'static str, &'static str),
}

impl Change {
    fn apply(self, case: Case) -> Case {
        let folder = |path: &str| case.path(&format!("packages/{path}"));
        match self {
            Self::Edit(path) => fs::write(folder(path).join("docs/README.md"), "# Edited\n").unwrap(),
            Self::Remove(path) => fs::remove_dir_all(folder(path)).unwrap(),
            Self::Move(from, to) => {
                fs::create_dir_all(folder(to).parent().unwrap()).unwrap();
                fs::rename(folder(from), folder(to)).unwrap();
            }
            Self::Add(layer, version) => {
                return case.package(&format!("packages/{layer}"), "acme", version, "other");
            }
        }
        case
    }
}

const WRITTEN: &str = "layers:\n  production: {overwrite: refuse, removal: refuse}\n  staging: {removal: refuse}\n";

/// Each change with the rule that refuses it and its words; nothing for one that nobody minds.
const CHANGES: &[(Change, &str, &str)] = &[
    (
        Change::Edit("production/acme/1.0.0"),
        "changed-version=acme@1.0.0",
        "error: acme-1.0.0 is published from layer `production` with other content: docs/README.md
  --> production/acme/1.0.0
hint: undo the change and publish it as a new version, or allow it with `--allow-policy changed-version=acme@1.0.0 --reason TEXT`",
    ),
    (
        Change::Remove("production/acme/1.0.0"),
        "removed-version=acme@1.0.0",
        "error: acme-1.0.0 is published from layer `production` and is gone
  --> production/acme/1.0.0
hint: put it back, or allow it with `--allow-policy removed-version=acme@1.0.0 --reason TEXT`",
    ),
    (
        Change::Move("production/acme/1.0.0", "staging/acme/1.0.0"),
        "removed-version=acme@1.0.0",
        "error: acme-1.0.0 is published from layer `production` and now comes from `staging` further down
  --> production/acme/1.0.0
hint: put it back, or allow it with `--allow-policy removed-version=acme@1.0.0 --reason TEXT`",
    ),
    (
        Change::Remove("staging/acme/1.1.0"),
        "removed-version=acme@1.1.0",
        "error: acme-1.1.0 is published from layer `staging` and is gone
  --> staging/acme/1.1.0
hint: put it back, or allow it with `--allow-policy removed-version=acme@1.1.0 --reason TEXT`",
    ),
    (
        Change::Add("production", "1.1.0"),
        "differs-below=acme@1.1.0",
        "error: acme-1.1.0 of layer `production` differs from the one in `staging`: docs/README.md
  --> production/acme/1.1.0
hint: remove one of the two, or give the changed package a new version, or allow it with `--allow-policy differs-below=acme@1.1.0 --reason TEXT`",
    ),
    (Change::Edit("staging/acme/1.1.0"), "", ""),
    (Change::Move("staging/acme/1.1.0", "production/acme/1.1.0"), "", ""),
    (Change::Add("production", "1.2.0"), "", ""),
    (Change::Add("staging", "1.2.0"), "", ""),
];

fn current(case: &Case) -> String {
    fs::read_link(case.path("out/staging/current")).unwrap().to_str().unwrap().to_owned()
}

fn lines(run: &Run) -> String {
    format!("{}{}", run.stdout, run.stderr)
}

/// A refused build leaves what is in use, and says what is wrong and what to do; with the exception it goes through, the
/// exception is kept, and the generation is that of a clean build.
#[test]
fn builds_keep_to_what_is_written() {
    for &(change, rule, words) in CHANGES {
        let case = change.apply(built(WRITTEN));
        let before = current(&case);
        let run = case.run(&["--dist", "staging", "--quiet"]);
        if rule.is_empty() {
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{change:?}");
            continue;
        }
        assert_eq!((run.code, run.stderr), (2, format!("{words}\nnothing was taken into use\n")), "{change:?}");
        assert_eq!(current(&case), before, "{change:?}");
        let other = rule.replace("acme@1", "acme@7");
        let allowed = |rule| ["--dist", "staging", "--verify-clean", "--allow-policy", rule, "--reason", "it leaked"];
        assert_eq!(case.run(&allowed(&other)).code, 2, "{change:?}");
        let run = case.run(&allowed(rule));
        assert!(run.code == 0 && run.stdout.contains("verified"), "{change:?} {run:#?}");
        assert_ne!(current(&case), before, "{change:?}");
        let kept = fs::read_to_string(case.path("out/staging/exceptions.log")).unwrap();
        let since = before.trim_start_matches("generations/");
        let expected = format!("{{\"allowed\":\"{rule}\",\"reason\":\"it leaked\",\"since\":\"{since}\"}}\n");
        assert_eq!(kept, expected, "{change:?}");
        // What is in use now is the measure of the next build.
        let run = case.run(&["--dist", "staging", "--quiet", "--no-cache"]);
        assert_eq!((run.code, fs::read_to_string(case.path("out/staging/exceptions.log")).unwrap()), (0, kept));
    }
}

/// The defaults of package-storage warn in builds, and refuse with `--strict`; what is written as allowed is.
#[test]
fn defaults_warn_until_strict() {
    for &(change, rule, words) in CHANGES.iter().filter(|(_, rule, _)| !rule.starts_with("differs")) {
        let case = change.apply(built("{}"));
        let run = case.run(&["--dist", "staging", "--quiet", "--strict"]);
        assert_eq!(run.code, if rule.is_empty() { 0 } else { 2 }, "{change:?} {run:#?}");
        if !rule.is_empty() {
            let run = case.run(&["--dist", "staging", "--quiet"]);
            assert_eq!((run.code, run.stderr), (0, words.replace("error:", "warning:") + "\n"), "{change:?}");
        }
        let free = "layers:\n  production: {overwrite: allow, removal: allow}\n  staging: {removal: allow}\n";
        let run = change.apply(built(free)).run(&["--dist", "staging", "--quiet"]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{change:?}");
    }
}

/// A check refuses the same against any kind of base, writes nothing, and goes through with the exception.
#[test]
fn checks_compare_with_any_base() {
    for &(change, rule, words) in CHANGES {
        let case = built("{}");
        let copied =
            std::process::Command::new("cp").args(["-r", "packages", "base"]).current_dir(case.path("")).status();
        assert!(copied.unwrap().success());
        let case = change.apply(case);
        let generation = format!("out/staging/{}", current(&case));
        let before = case.tree();
        for base in ["base", "out", "out/staging", generation.as_str()] {
            let run = case.run(&["check", "--dist", "staging", "--quiet", "--against", base]);
            assert_eq!(run.code, i32::from(!rule.is_empty()), "{change:?} {base} {run:#?}");
            assert!(lines(&run).contains(words), "{change:?} {base} {run:#?}");
        }
        if !rule.is_empty() {
            let exception = ["--allow-policy", rule, "--reason", "why"];
            let check = ["check", "--dist", "staging", "--quiet", "--against", "base"];
            assert_eq!(case.run(&[check.as_slice(), &exception].concat()).code, 0, "{change:?}");
        }
        assert_eq!(case.tree(), before, "{change:?}");
    }
}

/// Of several distributions none is taken into use when one is refused.
#[test]
fn a_refusal_holds_for_all_distributions() {
    let case = built(WRITTEN);
    assert_eq!(case.run(&["--all-dists", "--quiet"]).code, 0);
    let before = current(&case);
    let case = Change::Add("staging", "1.2.0").apply(Change::Edit("production/acme/1.0.0").apply(case));
    let run = case.run(&["--dist", "staging", "--dist", "production"]);
    assert_eq!((run.code, current(&case)), (2, before), "{run:#?}");
    assert_eq!(run.stderr.matches("error:").count(), 2, "one for each distribution: {run:#?}");
}

/// Wrong usage says what to write.
#[test]
fn exceptions_are_whole() {
    let case = built("{}");
    for (arguments, words) in [
        (["--allow-policy", "changed-version=acme@1.0.0"].as_slice(), "--reason"),
        (&["--reason", "x"], "--allow-policy"),
        (&["--allow-policy", "acme@1.0.0", "--reason", "x"], "RULE=PACKAGE@VERSION"),
        (&["--allow-policy", "change=acme@1.0.0", "--reason", "x"], "unknown rule `change`"),
        (&["--allow-policy", "changed-version=acme@1.0.0", "--reason", ""], "--reason"),
    ] {
        let run = case.run(&[&["--dist", "staging"], arguments].concat());
        assert!(run.code == 2 && run.stderr.contains(words), "{arguments:?} {run:#?}");
    }
    let run = case.run(&["check", "--dist", "staging", "--against", "nowhere"]);
    assert!(run.code == 2 && run.stderr.contains("`nowhere` is nothing to compare with\nhint: "), "{run:#?}");
}
