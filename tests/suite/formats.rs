//! Answers for programs: JSON alone on standard output, annotations and SARIF whose places can be opened, and the pages
//! of the documentation that show them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod examples;
pub(crate) mod recipes;

use crate::harness::{Case, Run};
use serde_json::Value;
use std::fs;

/// A package with a format version that is none, in a layer below a good one, and a version that differs from the one above.
fn troubled() -> Case {
    let case = Case::new()
        .package("packages/production", "acme", "1.0.0", "one")
        .package("packages/staging", "acme", "1.0.0", "other")
        .package("packages/staging", "acme", "1.1.0", "two")
        .package("packages/staging", "acme", "2.0.0-beta1", "three")
        .package("packages/staging", "broken", "1.0.0", "")
        .zip("packages/staging", "beta", "1.0.0");
    let manifest = case.path("packages/staging/broken/1.0.0/manifest.yml");
    let text = fs::read_to_string(&manifest).unwrap();
    let line = text.lines().find(|line| line.starts_with("format_version:")).unwrap();
    fs::write(&manifest, text.replace(line, "format_version: three")).unwrap();
    case
}

/// Runs a command line that is written with spaces.
fn run(case: &Case, line: &str) -> Run {
    case.run(&line.split(' ').collect::<Vec<_>>())
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"))
}

/// The problem of the broken package as JSON, annotation and SARIF: each names a file that is there, and its line.
#[test]
fn places_can_be_opened() {
    let case = troubled();
    let file = "packages/staging/broken/1.0.0/manifest.yml";
    let text = fs::read_to_string(case.path(file)).unwrap();
    let line = text.lines().position(|line| line.starts_with("format_version")).unwrap() + 1;
    let found = run(&case, "check --dist staging --format json");
    assert_eq!((found.code, found.stderr.as_str()), (1, ""));
    let answer = json(&found);
    let problem = &answer["distributions"][0]["problems"][0];
    assert_eq!((&problem["path"], &problem["place"]["line"]), (&file.into(), &line.into()), "{answer:#}");
    assert_eq!(problem["rule"], "invalid-format-version");

    let found = run(&case, "check --dist staging --format github");
    assert_eq!((found.code, found.stderr.as_str()), (1, ""));
    let expected = format!("::error file={file},line={line},col=1,endColumn=22,title=invalid-format-version::");
    assert!(found.stdout.contains(&expected), "{expected}: {}", found.stdout);
    let conflict =
        "::warning file=packages/staging/acme/1.0.0/manifest.yml,title=differs-below::acme-1.0.0 in layer `staging`";
    assert!(found.stdout.contains(conflict), "{}", found.stdout);
    assert!(found.stdout.lines().all(|line| line.starts_with("::")), "{}", found.stdout);
}

#[test]
fn sarif_has_rules_levels_and_places() {
    let case = troubled();
    let found = run(&case, "check --dist staging --format sarif");
    assert_eq!((found.code, found.stderr.as_str()), (1, ""));
    let log = json(&found);
    assert_eq!(log["version"], "2.1.0");
    let run_of = &log["runs"][0];
    let rules = run_of["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        let text = |pointer: &str| rule.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        for pointer in ["/id", "/shortDescription/text", "/help/text", "/help/markdown", "/defaultConfiguration/level"]
        {
            assert!(!text(pointer).is_empty(), "{pointer}: {rule}");
        }
    }
    let results = run_of["results"].as_array().unwrap();
    let mut levels = Vec::new();
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"], "{result}");
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().unwrap();
        assert!(case.path(uri).exists(), "{result}");
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        levels.push((result["level"].as_str().unwrap(), place["region"]["startLine"].is_u64()));
    }
    levels.sort_unstable();
    assert_eq!(levels, [("error", true), ("warning", false)], "{results:#?}");
    assert_eq!(run_of["invocations"][0]["exitCode"], 1);
    let clean =
        run(&Case::new().package("packages/production", "acme", "1.0.0", ""), "check --dist production --format sarif");
    assert_eq!((clean.code, json(&clean)["runs"][0]["results"].as_array().map(Vec::len)), (0, Some(0)), "{clean:?}");
}

/// Whatever a command says, standard output is one document or nothing.
#[test]
fn standard_output_is_json_alone_or_nothing() {
    let case = troubled();
    assert_eq!(run(&case, "build --dist staging --quiet").code, 1);
    for (line, code) in [
        ("check --dist staging", 1),
        ("check --dist nope", 2),
        ("add packages/staging/acme/1.1.0 --to staging", 0),
        ("add packages/staging/acme/1.1.0 --to staging --dry-run -v", 0),
        ("add nope --to staging", 2),
        ("promote none@1.0.0 --from staging --to production", 1),
        ("remove acme@1.0.0 --from nowhere", 2),
        ("which acme --kibana 8.17.3 --dist staging --all-dists", 2),
        ("which acme --kibana 8.17.3 --dist staging -v", 0),
        ("which none --kibana 8.17.3 --dist staging -q", 1),
        ("bundle --dist staging --output epr.bundle -v", 0),
        ("bundle --dist staging --output epr.bundle --since epr.bundle", 0),
        ("verify epr.bundle out -q", 0),
        ("verify nope", 2),
        ("release --list --dist staging", 0),
        ("generations --dist staging", 0),
        ("publish --dist nope --to file:///nowhere", 2),
    ] {
        let found = run(&case, &format!("{line} --format json"));
        assert_eq!(found.code, code, "{line}: {found:?}");
        if code == 2 {
            assert_eq!(found.stdout, "", "{line}");
            assert!(found.stderr.contains("error: "), "{line}: {found:?}");
        } else {
            json(&found);
            assert!(found.stderr.lines().all(|line| line.starts_with("note: ")), "{line}: {found:?}");
        }
    }
    for line in
        ["release 8.5.0 --dist staging --format json", "release --remove 8.5.0 --reason x --dist staging --json"]
    {
        assert_eq!(run(&case, line).code, 2, "the format is that of the list");
    }
}

/// What was refused and where, for a package that was named outside of all layers.
#[test]
fn refusals_of_changes_are_json_too() {
    let case = troubled().broken("far", "acme", "2.0.0");
    let found = run(&case, "add far/acme/2.0.0 --to staging --format json");
    assert_eq!((found.code, found.stderr.as_str()), (1, ""));
    let answer = json(&found);
    assert_eq!((&answer["refused"], &answer["changes"]), (&true.into(), &Value::Array(Vec::new())));
    assert_eq!(answer["problems"][0]["path"], "far/acme/2.0.0/manifest.yml", "{answer:#}");
    let found = run(&case, "promote acme@1.1.0 --from staging --to production --dry-run --format json");
    let answer = json(&found);
    assert_eq!((&answer["dry_run"], &answer["refused"]), (&true.into(), &false.into()));
    assert_eq!(answer["changes"][0]["action"], "promoted");
    assert!(case.path("packages/staging/acme/1.1.0").exists());
}
