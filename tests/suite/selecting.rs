//! What a distribution publishes by a selection, and requirements that nothing meets.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::harness::{Case, Run};
use serde_json::Value;
use std::fs;

/// Versions 1.0.0 to 1.3.0 of a package and one of another, and a distribution with these settings.
fn case(distribution: &str, selection: &str) -> Case {
    let case = Case::new().config(&config(distribution, selection));
    let case =
        (0..4).fold(case, |case, minor| case.package("packages/production", "acme", &format!("1.{minor}.0"), ""));
    case.package("packages/production", "other", "1.0.0", "")
}

fn config(distribution: &str, selection: &str) -> String {
    format!("distributions:\n  lite: {{layers: [production]{distribution}}}\nselections:\n  few: {selection}\n")
}

fn build(case: &Case, more: &[&str]) -> Run {
    case.run(&[&["build", "--dist", "lite"], more].concat())
}

fn good(case: &Case, more: &[&str]) -> String {
    let run = build(case, more);
    assert_eq!((run.code, run.stderr.lines().find(|line| line.starts_with("error"))), (0, None), "{run:#?}");
    run.stdout
}

fn published(case: &Case) -> Vec<String> {
    let manifest = case.json("out/lite/current/manifest.json");
    let paths = manifest["packages"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap().to_owned());
    paths.map(|path| path.replacen("/package/", "", 1).replace('/', "-")).collect()
}

const SELECT: &str = ", select: few";

#[test]
fn a_distribution_publishes_what_its_selection_chooses() {
    let case = case(SELECT, "{take: [{name: acme}], previous: 1}");
    let told = good(&case, &[]);
    assert_eq!(published(&case), ["acme-1.2.0", "acme-1.3.0"]);
    let line = "  selection          `few` leaves out 3 versions, ";
    assert!(told.contains(line) && told.contains("(1 no_rule, 2 older); nothing of 1 package is published"), "{told}");
    assert!(told.contains("5 found, 2 used, 3 left out"), "{told}");
    let report = case.json("out/lite/current/report.json");
    let selection = &report["selection"];
    assert_eq!(
        (&selection["name"], &selection["left_out"], &selection["names"]),
        (&"few".into(), &3.into(), &1.into())
    );
    assert_eq!(selection["reasons"], serde_json::json!({"no_rule": 1, "older": 2}));
    let listed: Vec<_> = selection["versions"].as_array().unwrap().iter().collect();
    let shown = |one: &Value| format!("{} {} {}", one["name"], one["version"], one["layer"]).replace('"', "");
    let shown: Vec<_> = listed.iter().map(|one| shown(one)).collect();
    assert_eq!(shown, ["acme 1.0.0 production", "acme 1.1.0 production", "other 1.0.0 production"]);
    assert!(listed[0]["reason"].as_str().unwrap().contains("gets a newer one"), "{selection}");

    // `which` says where a version is that Kibana does not get.
    let which =
        |arguments: &[&str]| case.run(&[&["which", "--dist", "lite", "--kibana", "8.15.0"], arguments].concat());
    let run = which(&["acme"]);
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(run.stdout.contains("gets acme 1.3.0"), "{run:#?}");
    // Older ones take nothing from it.
    let older = "  older              2 versions that the selection leaves out; -v lists them\n";
    assert!(run.stdout.ends_with(older) && !run.stdout.contains("  not "), "{run:#?}");
    let run = which(&["acme", "-v"]);
    assert!(
        run.stdout.contains("  not 1.1.0          held by layer `production`, left out by selection `few`: "),
        "{run:#?}"
    );
    let run = which(&["other"]);
    let said =
        "  not 1.0.0          held by layer `production`, left out by selection `few`: no rule takes the package\n";
    assert!(run.code == 1 && run.stdout.ends_with(said), "{run:#?}");
    let run = which(&["other", "--format", "json"]);
    let answers: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&answers[0]["left_out"][0]["selection"], &answers[0]["hint"]), (&"few".into(), &Value::Null));
}

/// Neither the rule nor the package is to blame: an override keeps it from all Kibanas of the selection.
#[test]
fn which_names_the_override_by_which_no_kibana_gets_a_version() {
    let case = case(SELECT, "{kibana: [8.11.2], take: [{name: '*'}]}");
    let overrides = "layers: {production: {overrides: [{package: other, kibana: ^8.12.0, reason: later}]}}\n";
    case.reconfigure(&(config(SELECT, "{kibana: [8.11.2], take: [{name: '*'}]}") + overrides));
    good(&case, &["--accept-loss"]);
    let said =
        "left out by selection `few`: no Kibana of the selection gets it: it needs Kibana ^8.12.0, by an override";
    for (kibana, built) in [("8.11.2", false), ("8.12.0", false), ("8.11.2", true), ("8.12.0", true)] {
        let arguments = ["which", "other", "--dist", "lite", "--kibana", kibana];
        let run = case.run(&[&arguments[..], if built { &["--built"] } else { &[] }].concat());
        assert!(run.code == 1 && run.stdout.contains(said), "{run:#?}");
        assert_eq!(run.stdout.contains("; override: the kibana constraint is `^8.12.0`"), !built, "{run:#?}");
    }
    let run = case.run(&["which", "acme", "--dist", "lite", "--kibana", "8.11.2", "--built"]);
    let path = run.stdout.lines().find_map(|line| line.strip_prefix("  package            ")).unwrap();
    assert!(case.path(path).is_file(), "{run:#?}");
}

/// What is one's own is published as a whole, whatever a selection takes of the other layers.
#[test]
fn a_layer_that_is_whole_is_published_as_a_whole() {
    let case = case(SELECT, "{kibana: [8.11.2], take: [{name: acme}]}").package("packages/own", "own", "1.0.0", "");
    let case = case.package("packages/own", "own", "1.1.0", "");
    let config = |whole: &str| {
        let layers = format!("layers: {{own: {{paths: packages/own{whole}}}}}\n");
        config(SELECT, "{kibana: [8.11.2], take: [{name: acme}]}").replace("[production]", "[production, own]")
            + &layers
    };
    case.reconfigure(&config(", whole: yes"));
    good(&case, &[]);
    assert_eq!(published(&case), ["acme-1.3.0", "own-1.0.0", "own-1.1.0"]);
    let run = case.run(&["select", "few", "--explain", "own"]);
    assert!(run.stdout.contains("1.0.0 is taken\n    whole: a layer that is published as a whole"), "{run:#?}");
    case.reconfigure(&config(""));
    good(&case, &["--accept-loss"]);
    assert_eq!(published(&case), ["acme-1.3.0"]);
}

#[test]
fn a_selection_is_an_input_of_the_build() {
    let case = case(SELECT, "{take: [{name: acme}], previous: 2}");
    good(&case, &[]);
    // What was written just before a build is remembered by the next one only.
    good(&case, &[]);
    let generation = |case: &Case| fs::read_link(case.path("out/lite/current")).unwrap();
    let first = generation(&case);
    let inputs = case.path("out/cache/inputs.json");
    let known = fs::read(&inputs).unwrap();
    good(&case, &[]);
    assert_eq!((generation(&case), fs::read(&inputs).unwrap()), (first.clone(), known));
    case.reconfigure(&config(SELECT, "{take: [{name: acme}], previous: 1}"));
    good(&case, &[]);
    assert_ne!(generation(&case), first);
    assert_eq!(published(&case), ["acme-1.2.0", "acme-1.3.0"]);
    // A selection that nobody names changes nothing.
    let second = generation(&case);
    case.reconfigure(&(config(SELECT, "{take: [{name: acme}], previous: 1}") + "  unused: {take: [{name: other}]}\n"));
    good(&case, &[]);
    assert_eq!(generation(&case), second);
    case.reconfigure(&config(SELECT, "{take: [{name: acme}], previous: 2}"));
    good(&case, &[]);
    assert_eq!(generation(&case), first);
    // From nothing it is the same.
    good(&case, &["--verify-clean"]);
    // Keep files of the layers win, and their contents count as well.
    let mirror =
        "upstreams: {up: {url: 'http://127.0.0.1:9'}}\nlayers: {production: {mirror: {from: [up], keep: [a.keep]}}}\n";
    case.reconfigure(&(config(SELECT, "{take: [{name: acme}], previous: 1}") + mirror));
    let run = build(&case, &[]);
    assert!(run.code == 2 && run.stderr.contains("a.keep"), "{run:#?}");
    let keep = |version: &str| {
        let head =
            "# epr-build keep 1\n# kibana: 9.1.3   prerelease: no   taken: 2026-11-28T22:00:00Z   complete: yes\n";
        fs::write(case.path("a.keep"), format!("{head}{:<41}installed registry\n", format!("acme@{version}"))).unwrap();
    };
    keep("1.0.0");
    good(&case, &[]);
    assert_eq!(published(&case), ["acme-1.0.0", "acme-1.2.0", "acme-1.3.0"]);
    keep("1.1.0");
    good(&case, &[]);
    assert_eq!(published(&case), ["acme-1.1.0", "acme-1.2.0", "acme-1.3.0"]);
}

#[test]
fn a_selection_that_narrows_too_much_is_refused() {
    let whole = case("", "{take: [{name: acme}]}");
    good(&whole, &[]);
    // Less than half is narrowed without a word, whatever the layer says of removals: it still holds them.
    let policy = "layers: {production: {removal: refuse}}\n";
    whole.reconfigure(&(config(SELECT, "{take: [{name: acme}], previous: 3}") + policy));
    let told = good(&whole, &[]);
    assert!(told.contains("change             5 → 4 versions: 0 new, 1 gone\n"), "{told}");
    whole.reconfigure(&(config(SELECT, "{take: [{name: acme}]}") + policy));
    let before = published(&whole);
    for arguments in [&["build"], &["check"]] {
        let against: &[&str] = if arguments[0] == "check" { &["--against", "out"] } else { &[] };
        let run = whole.run(&[arguments.as_slice(), &["--dist", "lite"], against].concat());
        let refusal = "selection `few` leaves out 3 of 4 versions that `lite` has in use";
        let told = format!("{}{}", run.stdout, run.stderr);
        assert!(run.code != 0 && told.contains(refusal) && told.contains("`--accept-loss` goes on"), "{run:#?}");
        assert_eq!(published(&whole), before);
    }
    let run = whole.run(&["check", "--dist", "lite", "--against", "out", "--format", "json"]);
    assert!(run.stdout.contains("selection-narrows"), "{run:#?}");
    good(&whole, &["--accept-loss"]);
    assert_eq!(published(&whole), ["acme-1.3.0"]);
    // What a layer loses is a loss, also where a selection left it out or keeps it in.
    fs::remove_dir_all(whole.path("packages/production/acme")).unwrap();
    let run = build(&whole, &[]);
    assert!(run.code == 2 && run.stderr.contains("layer `production` has lost"), "{run:#?}");
}

#[test]
fn a_rule_that_takes_nothing_stops_the_build() {
    let case = case(SELECT, "{take: [{name: acme}]}");
    good(&case, &[]);
    let before = published(&case);
    case.reconfigure(&config(SELECT, "{take: [{name: acme}, {name: othre}]}"));
    for command in ["build", "check", "which"] {
        let more: &[&str] = if command == "which" { &["acme", "--kibana", "8.15.0"] } else { &[] };
        let run = case.run(&[&[command, "--dist", "lite"], more].concat());
        let told = format!("{}{}", run.stdout, run.stderr);
        assert!(run.code > 0 && told.contains("selection `few`") && told.contains("othre"), "{command} {run:#?}");
        assert!(told.contains("did you mean `other`?"), "{command} {run:#?}");
    }
    let run = case.run(&["check", "--dist", "lite", "--format", "json"]);
    assert!(run.stdout.contains("selection-mistake"), "{run:#?}");
    assert_eq!(published(&case), before);
}

/// A notice of deprecation reaches what is published from a version that is not.
#[test]
fn deprecation_outlives_the_version_that_it_comes_from() {
    let case = case(SELECT, "{take: [{name: acme}], prerelease: no}");
    let case = case.package("packages/production", "acme", "1.4.0-beta.1", "");
    let manifest = case.path("packages/production/acme/1.4.0-beta.1/manifest.yml");
    let text = fs::read_to_string(&manifest).unwrap() + "deprecated:\n  since: 1.4.0\n  description: use other\n";
    fs::write(&manifest, text).unwrap();
    good(&case, &[]);
    assert_eq!(published(&case), ["acme-1.3.0"]);
    let document = case.json("out/lite/current/site/documents/acme/1.3.0.json");
    assert_eq!(document["deprecated"]["description"], "use other");
}

#[test]
fn requirements_that_nothing_meets_are_warned_of() {
    let requires = |case: &Case, version: &str, what: &str| {
        let manifest = case.path(&format!("packages/production/acme/{version}/manifest.yml"));
        let text = fs::read_to_string(&manifest).unwrap();
        let text = text.split("requires:").next().unwrap().to_owned();
        fs::write(&manifest, format!("{text}requires: {{content: [{what}]}}\n")).unwrap();
    };
    let case = case("", "{take: [{name: acme}]}");
    for version in ["1.2.0", "1.3.0"] {
        requires(&case, version, "{package: other, version: ^1.0.0}");
    }
    let told = good(&case, &[]);
    assert!(told.contains("0 warnings") && !told.contains("unmet-requirement"), "{told}");
    for version in ["1.2.0", "1.3.0"] {
        requires(&case, version, "{package: other, version: ^0.3.0}");
    }
    let warning = "warning: acme 1.3.0 requires `other` ^0.3.0 (like 1.2.0), and `lite` has 1.0.0 alone\n";
    for command in ["build", "check"] {
        let run = case.run(&[command, "--dist", "lite"]);
        assert_eq!(run.code, 0, "a warning stops nothing: {run:#?}");
        let told = format!("{}{}", run.stdout, run.stderr);
        assert!(
            told.contains(warning) && told.contains("hint: add a release of other that `^0.3.0` allows"),
            "{run:#?}"
        );
    }
    let report = case.json("out/lite/current/report.json");
    let rules: Vec<_> = report["problems"].as_array().unwrap().iter().map(|problem| problem["rule"].clone()).collect();
    assert_eq!(rules, ["unmet-requirement"]);
    let run = case.run(&["which", "acme", "--dist", "lite", "--kibana", "8.15.0"]);
    assert!(
        run.stdout.contains("it requires `other` ^0.3.0, and `lite` has 1.0.0 alone\nhint: add a release"),
        "{run:#?}"
    );
    let page = || fs::read_to_string(case.path("out/lite/current/site/ui/package/acme/index.html")).unwrap();
    assert!(page().contains("Unmet requirement.") && page().contains("this registry has 1.0.0 alone"), "{}", page());
    // When it is met, the page says so no more, although nothing of its own package changed.
    let case = case.package("packages/production", "other", "0.3.1", "");
    let told = good(&case, &[]);
    assert!(told.contains("0 warnings"), "{told}");
    let page = fs::read_to_string(case.path("out/lite/current/site/ui/package/acme/index.html")).unwrap();
    assert!(!page.contains("Unmet requirement."), "{page}");
}

/// A release holds what a selection chooses for its Kibana.
#[test]
fn a_release_may_be_made_by_a_selection() {
    let case = case("", "{kibana: [8.11.0], take: [{name: acme}]}");
    good(&case, &[]);
    let release = |arguments: &[&str]| case.run(&[&["release", "--dist", "lite"], arguments].concat());
    for (arguments, words) in [
        (["8.15.0", "--select", "fwe"].as_slice(), "unknown selection `fwe`\nhint: did you mean `few`?"),
        (&["8.15.0", "--kibana", "8.15.0"], "--select"),
    ] {
        let run = release(arguments);
        assert!(run.code == 2 && run.stderr.contains(words), "{run:#?}");
    }
    let run = release(&["--kibana", "8.15.0", "--select", "few"]);
    assert!(run.code == 0 && run.stdout.contains("  holds              1 of 5 versions of generation "), "{run:#?}");
    let run = release(&["8.11.0", "--select", "few"]);
    assert!(run.code == 0 && run.stdout.contains("1 of 5 versions"), "{run:#?}");
    let manifest = case.json("out/lite/releases/8.15.0/manifest.json");
    assert_eq!(manifest["packages"][0]["path"], "/package/acme/1.3.0");
    assert_eq!(manifest["packages"].as_array().unwrap().len(), 1);
}
