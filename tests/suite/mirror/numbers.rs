//! The numbers that commands tell of one layer, its selection and its sites agree with each other; and the commands that hints
//! name are commands.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::keep::keep_file;
use super::world::{QUICK, Sample, World};
use crate::formats::recipes::words;
use crate::harness::Run;
use clap::Parser;
use epr_build::cli::Cli;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Output;

fn samples() -> Vec<Sample> {
    let versions = ["1.0.0", "1.1.0", "1.2.0", "1.3.0"];
    let alpha = versions.into_iter().map(|version| Sample::new("alpha", version));
    let others = ["apm", "beta", "delta", "system"].map(|name| Sample::new(name, "1.0.0"));
    alpha.chain(others).chain([Sample::new("gamma", "1.0.0"), Sample::new("gamma", "2.0.0")]).collect()
}

/// Rules that overlap, older versions below, and two sites: each has one version that nobody has, one that the other has as
/// well, and one of its own that no registry could have.
fn world() -> World {
    let world = World::new(&samples(), "", "");
    configure(&world, "up");
    std::fs::create_dir_all(world.case.path("keep")).unwrap();
    for site in ["a", "b"] {
        let lines = format!(
            "alpha@1.0.0 installed policy registry\nalpha@1.2.0 rollback registry\napm@1.0.0 installed bundled optional\n\
             beta@1.0.0 installed registry\nlost@1.0.0 installed registry\nmine_{site}@0.1.0 installed upload\n"
        );
        let path = world.case.path(&format!("keep/{site}.keep"));
        std::fs::write(path, keep_file("8.19.5", "2026-11-28T22:00:00Z", "yes", &lines)).unwrap();
    }
    world
}

fn configure(world: &World, upstream: &str) {
    world.case.reconfigure(&format!(
        "distributions: {{mirrored: {{layers: [up], select: few}}}}\nupstreams:\n  {upstream}: {{url: \"{}\", {QUICK}}}\n\
         layers:\n  up: {{paths: up, mirror: {{from: [{upstream}], select: few, keep: [keep/*.keep]}}}}\nselections:\n  \
         few: {{kibana: [8.19.5], previous: 1, take: [{{preset: fleet}}, {{name: alpha}}, {{name: ['a*', gamma]}}]}}\n",
        world.upstream.url()
    ));
}

fn run(world: &World, line: &str) -> Run {
    let mut command = world.command(&line.split(' ').collect::<Vec<_>>());
    let Output { status, stdout, stderr } = command.env("SOURCE_DATE_EPOCH", "1795989600").output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
}

/// What a command says as JSON; of a list the first.
fn json(world: &World, line: &str) -> Value {
    let run = run(world, &format!("{line} --format json"));
    assert!(run.code < 2, "{line}: {run:#?}");
    match serde_json::from_str(&run.stdout).unwrap() {
        Value::Array(mut list) => list.remove(0),
        value => value,
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// What is counted by rule and by cause makes the whole, once what is counted more than once is taken off.
fn sum(rules: impl Iterator<Item = u64>, causes: impl Iterator<Item = u64>, several: &Value) -> u64 {
    rules.sum::<u64>() + causes.sum::<u64>() + number(&several["versions"]) - number(&several["times"])
}

fn sum_of_select(answer: &Value) -> u64 {
    let counts =
        |key: &str| answer[key].as_array().unwrap().iter().map(|one| number(&one["versions"])).collect::<Vec<_>>();
    sum(counts("rules").into_iter(), counts("causes").into_iter(), &answer["several"])
}

fn sum_of_mirror(outcome: &Value) -> u64 {
    let selection = &outcome["selection"];
    let rules = selection["rules"].as_array().unwrap().iter().map(|rule| number(&rule[1]));
    sum(rules, selection["causes"].as_object().unwrap().values().map(number), &selection["several"])
}

#[test]
fn what_commands_count_agrees() {
    let world = world();
    let before = json(&world, "select few --from up");
    let planned = json(&world, "mirror --dry-run");
    let mirrored = json(&world, "mirror");
    let after = json(&world, "select few");
    let checked = json(&world, "keep check --layer up");
    let pruned = json(&world, "keep prune up");

    // What is wanted is what is selected, fetched, held, and then either kept or wanted besides.
    let wanted = number(&planned["wanted"]);
    assert!(wanted > 6 && number(&before["several"]["versions"]) > 0, "{before:#}");
    for (name, count) in [
        ("select before", &before["taken"]["versions"]),
        ("would be fetched", &planned["plan"].as_array().unwrap().len().into()),
        ("mirror wanted", &mirrored["wanted"]),
        ("mirror held", &mirrored["held"]),
        ("mirrored", &mirrored["mirrored"].as_array().unwrap().len().into()),
        ("select after", &after["taken"]["versions"]),
    ] {
        assert_eq!(number(count), wanted, "{name}");
    }
    assert_eq!(pruned["fates"].as_object().unwrap().values().map(number).sum::<u64>(), wanted, "{pruned:#}");
    for (name, sum) in [
        ("select before", sum_of_select(&before)),
        ("select after", sum_of_select(&after)),
        ("planned", sum_of_mirror(&planned)),
        ("mirrored", sum_of_mirror(&mirrored)),
    ] {
        assert_eq!(sum, wanted, "{name}");
    }
    // With what is left out it is all that is listed.
    for outcome in [&planned, &mirrored] {
        assert_eq!(wanted + number(&outcome["selection"]["left_out"]), number(&outcome["listed"]), "{outcome:#}");
    }
    assert_eq!(before["of"]["versions"], planned["listed"]);
    assert_eq!(after["of"]["versions"], planned["listed"]);

    // What nobody has is no refusal, is told once for all sites, and still when nothing is new.
    for outcome in [&planned, &mirrored, &json(&world, "mirror")] {
        assert_eq!(outcome["refused"], Value::Array(Vec::new()));
        let [missing] = outcome["missing"].as_array().unwrap().as_slice() else { panic!("{outcome:#}") };
        assert_eq!(missing["what"], "lost 1.0.0");
        assert!(missing["why"].as_str().unwrap().contains("installed at a, and installed at b"), "{missing}");
    }
    let names = |answer: &Value| {
        let missing = answer["missing"].as_array().unwrap().iter();
        missing.map(|pin| pin["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    assert_eq!((names(&before), names(&after)), (["lost".to_owned()].into(), ["lost".to_owned()].into()));

    // What sites have is what they need of a registry, and what is their own.
    let files = ["a", "b"].map(|site| std::fs::read_to_string(world.case.path(&format!("keep/{site}.keep"))).unwrap());
    let lines = files.iter().flat_map(|text| text.lines()).filter(|line| !line.starts_with('#')).count();
    let count = |key: &str| number(&checked[key]);
    assert_eq!((count("versions"), count("pins") + count("own"), count("optional")), (lines as u64, lines as u64, 2));
    assert_eq!(count("distinct") - 1, number(&pruned["fates"]["kept"]), "all but what nobody has is kept: {pruned:#}");
    let listed = json(&world, "keep list");
    let of_sites: u64 = listed["sites"].as_array().unwrap().iter().map(|site| number(&site["versions"])).sum();
    assert_eq!(of_sites, lines as u64);

    // No listing tells sizes; what was mirrored has them, wherever it is chosen from.
    let sizes: u64 = mirrored["mirrored"].as_array().unwrap().iter().map(|one| number(&one["bytes"])).sum();
    assert_eq!((number(&before["taken"]["bytes"]), number(&before["taken"]["of_unknown_size"])), (0, wanted));
    let url = format!("select few --from {}", world.upstream.url());
    for answer in [&after, &json(&world, &url)] {
        assert_eq!((number(&answer["taken"]["bytes"]), number(&answer["taken"]["of_unknown_size"])), (sizes, 0));
    }
    // People are told the same.
    let told = run(&world, "keep check --layer up").stdout;
    assert!(told.contains("2 sites, 12 versions: 4 problems\n"), "{told}");
    assert!(told.contains("  of these           8 from a registry, 2 bundled with Kibana, 2 uploaded\n"), "{told}");
    assert!(told.contains("  different          5 versions, without what was uploaded or made in Kibana\n"), "{told}");
    let told = run(&world, "select few").stdout;
    let words = "  not there          of presets: cloud_asset_inventory, cloud_security_posture, elastic_agent, ";
    assert!(told.contains(words) && told.contains(" by several of these, counted "), "{told}");
}

/// The commands that a text names between back-ticks.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let code = line.split('`').skip(1).step_by(2).filter(|code| code.starts_with("epr-build "));
        found.extend(code.map(str::to_owned));
    }
    found
}

/// Whoever pastes a command out of a hint gets what it promises.
#[test]
fn commands_in_hints_are_commands() {
    let world = world();
    let empty = run(&world, "select few");
    assert!(
        empty.code == 2 && empty.stderr.starts_with("error: there is nothing to choose from in layer up\n"),
        "{empty:?}"
    );
    for command in commands(&empty.stderr) {
        let pasted = run(&world, command.strip_prefix("epr-build ").unwrap());
        assert!(pasted.code < 2 && !pasted.stdout.is_empty(), "{command}: {pasted:#?}");
    }
    // Another layer of the upstream's name would be asked in its place; options that were given are needed again.
    configure(&world, "other");
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    let config = config.replace("distributions: {", "distributions: {more: [other], ") + "\n";
    std::fs::rename(world.case.path("epr-build.yml"), world.case.path("our file.yml")).unwrap();
    std::fs::write(world.case.path("our file.yml"), config).unwrap();
    let mut command = world.command(&["select", "few", "--config", "our file.yml"]);
    let hidden = String::from_utf8(command.output().unwrap().stderr).unwrap();
    let expected = format!("`epr-build select few --from {} --config 'our file.yml'`", world.upstream.url());
    assert!(hidden.contains(&expected), "{hidden}");
    std::fs::remove_file(world.case.path("our file.yml")).unwrap();
    configure(&world, "up");

    let mut told = vec![empty.stderr, hidden];
    let mut scene = |line: &str| {
        let run = run(&world, line);
        told.push(run.stdout + &run.stderr);
    };
    for line in [
        "mirror --dry-run",
        "mirror",
        "select few",
        "select few --from nowhere",
        "select none",
        "keep check --layer up",
        "keep prune up",
        "keep prune up --stale-keep 0d",
        "which lost --kibana 8.19.5",
        "which alpha --kibana 8.19.5 --built",
        "keep list nowhere/*.keep",
        "release 8.19.5 --select few",
    ] {
        scene(line);
    }
    world.case.reconfigure(
        &std::fs::read_to_string(world.case.path("epr-build.yml"))
            .unwrap()
            .replace("{name: alpha}, {name: ['a*', gamma]}", "{name: delta}"),
    );
    for line in
        ["mirror", "keep check --layer up", "keep prune up", "build", "serve --out nowhere", "select few --format csv"]
    {
        scene(line);
    }
    std::fs::remove_dir_all(world.case.path("keep")).unwrap();
    for line in ["select few", "mirror", "keep check --layer up", "keep list", "keep prune up", "build", "check"] {
        scene(line);
    }
    let found: BTreeSet<String> = told.iter().flat_map(|text| commands(text)).collect();
    assert!(found.len() > 5, "{found:#?}");
    for command in &found {
        let parsed = Cli::try_parse_from(words(command));
        assert!(parsed.is_ok(), "`{command}`: {}", parsed.err().unwrap());
    }
}
