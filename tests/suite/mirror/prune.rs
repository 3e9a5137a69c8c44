//! What nobody wants any more is removed from a mirrored layer: listed first, then exactly what the list says; and not fetched
//! again until somebody wants it.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use super::keep::keep_file;
use super::world::{Sample, World};
use crate::crash::{Dice, can_trace, under_strace};
use crate::harness::Run;
use std::collections::BTreeMap;
use std::process::{Command, Output};

/// When runs of the mirror noted what they do not want.
const NOTED: u64 = 1_750_000_000;
const DAY: u64 = 24 * 60 * 60;
/// Half a year later.
pub(super) const LATER: u64 = NOTED + 180 * DAY;
/// A day before that, when keep files are taken.
const TAKEN: &str = "2025-12-11T15:06:40Z";
/// A distribution that publishes what is selected only.
const SELECTED: &str = "mirrored: {layers: [up], select: fleet}";
/// What is said where there is no output folder.
const NOT_LOOKED: &str = "warning: generations and releases: none were looked at, since there is no `out` here\n\
                          hint: name output folders of builds with --out\n";
/// Runs that are killed.
const KILLS: usize = 20;

pub(super) fn samples() -> Vec<Sample> {
    let others = ["beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"].map(|name| Sample::new(name, "1.0.0"));
    [Sample::new("alpha", "1.0.0"), Sample::new("alpha", "1.1.0"), Sample::new("alpha", "1.2.0")]
        .into_iter()
        .chain(others)
        .collect()
}

/// A layer with everything that is listed, of which a selection wants the newest versions and a site the one before.
pub(super) fn world() -> World {
    world_of(&samples(), &[])
}

/// The same with these packages; `conditions` are versions of Kibana that a listing tells of some.
pub(super) fn world_of(samples: &[Sample], conditions: &[(&str, &str)]) -> World {
    let world = World::new(samples, "keys: trusted.asc, signatures: require", "");
    let item = |sample: &Sample| {
        let condition = conditions.iter().find(|(version, _)| *version == sample.version);
        let condition =
            condition.map(|(_, kibana)| format!(",\"conditions\":{{\"kibana\":{{\"version\":\"{kibana}\"}}}}}}"));
        let item = sample.item();
        condition.map_or(item.clone(), |condition| item.trim_end_matches('}').to_owned() + &condition)
    };
    world.list(&format!("[{}]", samples.iter().map(item).collect::<Vec<_>>().join(",\n")));
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    let config = config.replace("mirror: {from: [up]}", "mirror: {from: [up], select: fleet, keep: ['*.keep']}");
    let config = config.replace("mirrored: [up]", SELECTED);
    world.case.reconfigure(&format!("{config}selections: {{fleet: {{kibana: [8.19.5], take: [{{name: '*'}}]}}}}\n"));
    keep(&world, TAKEN, "yes", "alpha@1.1.0 rollback\nalpha@1.2.0 installed registry\n");
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:?}");
    world.upstream.asked();
    world
}

fn keep(world: &World, taken: &str, complete: &str, lines: &str) {
    std::fs::write(world.case.path("site.keep"), keep_file("8.19.5", taken, complete, lines)).unwrap();
}

fn command(world: &World, now: u64, arguments: &str) -> Command {
    let arguments: Vec<_> = ["keep", "prune", "up"].into_iter().chain(arguments.split_whitespace()).collect();
    let mut command = world.command(&arguments);
    command.env("SOURCE_DATE_EPOCH", now.to_string());
    command
}

pub(super) fn prune(world: &World, now: u64, arguments: &str) -> Run {
    let Output { status, stdout, stderr } = command(world, now, arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: status.code().unwrap(), stdout: text(stdout), stderr: text(stderr) }
}

/// Runs the mirror at a time, and returns what it asked for.
fn mirror(world: &World, now: u64) -> Vec<String> {
    let mut command = world.command(&["mirror"]);
    let output = command.env("SOURCE_DATE_EPOCH", now.to_string()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    world.upstream.paths()
}

fn asks_for_archives(paths: &[String]) -> bool {
    paths.iter().any(|path| path.contains(".zip"))
}

/// Whether the numbers of a summary make what is held.
fn sums(text: &str, label: &str, held: u64) -> bool {
    let number = |line: &str| line.get(20..)?.trim().split(' ').next()?.parse::<u64>().ok();
    let numbers: Vec<(&str, u64)> = text
        .lines()
        .filter(|line| line.starts_with("  ") && !line.contains("of these"))
        .filter_map(|line| Some((line.get(2..20)?.trim(), number(line)?)))
        .collect();
    let all: u64 = numbers.iter().filter(|(word, _)| *word != label).map(|(_, number)| number).sum();
    numbers.contains(&(label, held)) && all == held
}

/// What overrides leave out stays, and is said to.
#[test]
fn what_is_wanted_without_overrides_stays() {
    let world = world();
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    let overrides = "overrides: [{package: beta, kibana: ^9.0.0, reason: later}], mirror: {";
    assert!(config.contains("mirror: {"), "{config}");
    world.case.reconfigure(&config.replace("mirror: {", overrides));
    let told = prune(&world, LATER, "-v --older-than 0d");
    let said = "  beta 1.0.0 wanted: fleet, take 1 (name: *), for Kibana 8.19.5, if no override changed it\n";
    assert!(told.code == 0 && told.stderr.contains(said), "{told:?}");
}

#[test]
fn what_nobody_wants_is_listed_then_removed_and_not_fetched_again() {
    let world = world();
    let early = prune(&world, NOTED + 80 * DAY, "--stale-keep 300d");
    assert_eq!(early.code, 2, "the keep file is from the future: {early:?}");
    keep(&world, "2025-06-20T00:00:00Z", "yes", "alpha@1.1.0 rollback\nalpha@1.2.0 installed registry\n");
    let early = prune(&world, NOTED + 80 * DAY, "--stale-keep 300d");
    assert!(early.code == 0 && early.stdout.lines().count() == 3, "{early:?}");
    assert!(
        early.stderr.contains("up: may go: 0 versions") && early.stderr.contains("not for so long    1 version"),
        "{early:?}"
    );
    keep(&world, TAKEN, "yes", "alpha@1.1.0 rollback\nalpha@1.2.0 installed registry\n");
    let listed = prune(&world, LATER, "--output gone.list");
    assert_eq!((listed.code, listed.stderr.as_str()), (0, NOT_LOOKED), "{listed:?}");
    assert!(listed.stdout.starts_with("up: may go: 1 version, "), "{listed:?}");
    let list = std::fs::read_to_string(world.case.path("gone.list")).unwrap();
    assert!(list.contains("\nalpha@1.0.0   ") && list.contains("not wanted since 2025-06-15"), "{list}");
    assert_eq!(list.lines().count(), 4);
    // Nothing is removed before it is asked for.
    assert_eq!(world.placed(), World::expected(&samples()));
    let applied = prune(&world, LATER, "--apply gone.list --reason nobody");
    assert_eq!((applied.code, applied.stderr.as_str()), (0, NOT_LOOKED), "{applied:?}");
    assert!(applied.stdout.starts_with("up: removed 1 version, "), "{applied:?}");
    assert!(sums(&listed.stdout, "held", 10) && sums(&applied.stdout, "held now", 9), "{listed:?} {applied:?}");
    assert_eq!(world.placed(), World::expected(&samples()[1..]));
    let log = std::fs::read_to_string(world.case.path("up/.epr-build/log.jsonl")).unwrap();
    let last = log.lines().last().unwrap();
    assert!(last.contains("\"action\":\"pruned\"") && last.contains("\"reason\":\"nobody\""), "{last}");
    assert!(world.record("alpha", "1.0.0").is_null(), "the record says what is there");
    // The next runs ask for no archive, also when something new is listed.
    assert!(!asks_for_archives(&mirror(&world, LATER)));
    let more: Vec<_> = samples().into_iter().chain([Sample::new("iota", "1.0.0")]).collect();
    world.serve(&more);
    let asked: Vec<_> = mirror(&world, LATER).into_iter().filter(|path| path.contains(".zip")).collect();
    assert_eq!(asked, ["/epr/iota/iota-1.0.0.zip", "/epr/iota/iota-1.0.0.zip.sig"]);
    // The same list again: there is nothing left of it.
    let again = prune(&world, LATER, "--apply gone.list --reason nobody");
    assert!(again.code == 0 && again.stdout.starts_with("up: removed 0 versions"), "{again:?}");
    // A site turns out to have it: it comes back.
    keep(&world, TAKEN, "yes", "alpha@1.0.0 installed registry\n");
    let asked: Vec<_> = mirror(&world, LATER).into_iter().filter(|path| path.contains(".zip")).collect();
    assert_eq!(asked, ["/epr/alpha/alpha-1.0.0.zip", "/epr/alpha/alpha-1.0.0.zip.sig"]);
    assert_eq!(world.placed(), World::expected(&more));
}

#[test]
fn whatever_could_be_a_slip_is_refused() {
    let world = world();
    let listed = prune(&world, LATER, "--output gone.list");
    assert_eq!(listed.code, 0, "{listed:?}");
    let good = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    let pins = "alpha@1.1.0 rollback\nalpha@1.2.0 installed registry\n";
    let before = world.state();
    let refused = |said: &str| {
        for arguments in ["", "--apply gone.list --reason nobody"] {
            let run = prune(&world, LATER, arguments);
            assert!(run.code == 2 && run.stderr.contains(said) && run.stderr.contains("hint: "), "{said}: {run:?}");
            assert_eq!(world.state(), before, "{said}");
        }
    };
    for (from, to, said) in [
        ("keep: ['*.keep']", "keep: ['*.keeps']", "no keep file is like"),
        (", keep: ['*.keep']", "", "has no keep file, so what Kibanas have installed is not known"),
        (", select: fleet", "", "has no selection, so every version is wanted"),
        ("signatures: require", "signatures: require, removal: refuse", "refuses the removal of versions"),
        ("name: '*'", "name: nosuch", "no package is called `nosuch`"),
    ] {
        assert!(good.contains(from), "{from}: {good}");
        world.case.reconfigure(&good.replace(from, to));
        refused(said);
    }
    world.case.reconfigure(&good);
    for (taken, complete, said) in [
        (TAKEN, "no", "site.keep does not have all that is installed"),
        ("2025-10-01T00:00:00Z", "yes", "site.keep is 72 days old, and 30 are allowed"),
        ("2026-10-01T00:00:00Z", "yes", "site.keep was taken in the future"),
    ] {
        keep(&world, taken, complete, pins);
        refused(said);
    }
    std::fs::write(world.case.path("site.keep"), "# epr-build keep 1\n").unwrap();
    refused("site.keep:1");
    keep(&world, TAKEN, "yes", pins);
    // The site has it by now.
    keep(&world, TAKEN, "yes", "alpha@1.0.0 policy\nalpha@1.2.0 installed registry\n");
    let run = prune(&world, LATER, "--apply gone.list --reason nobody");
    assert!(run.code == 2 && run.stderr.contains("alpha 1.0.0 is kept: policy at site"), "{run:?}");
    assert_eq!(world.state(), before);
    keep(&world, TAKEN, "yes", pins);
    // Other bytes lie there under its name.
    let zip = world.case.path("up/alpha/alpha-1.0.0.zip");
    let bytes = std::fs::read(&zip).unwrap();
    let other: Vec<u8> = bytes.iter().map(|byte| byte ^ 1).collect();
    std::fs::write(&zip, &other).unwrap();
    let run = prune(&world, LATER, "--apply gone.list --reason nobody");
    assert!(run.code == 2 && run.stderr.contains("has other bytes than were mirrored"), "{run:?}");
    assert_eq!(std::fs::read(&zip).unwrap(), other);
    std::fs::write(&zip, &bytes).unwrap();
    // The list of another layer, and what is no list.
    let list = std::fs::read_to_string(world.case.path("gone.list")).unwrap();
    for (text, said) in [
        (list.replace("layer: up", "layer: down"), "the list is of layer `down`"),
        (list.replace("prune 1", "prune 9"), "gone.list:1"),
    ] {
        std::fs::write(world.case.path("gone.list"), text).unwrap();
        let run = prune(&world, LATER, "--apply gone.list --reason nobody");
        assert!(run.code == 2 && run.stderr.contains(said), "{run:?}");
    }
    // A reason is needed, and a list is not written over something else.
    std::fs::write(world.case.path("gone.list"), list).unwrap();
    assert!(prune(&world, LATER, "--apply gone.list").stderr.contains("--reason"));
    let run = prune(&world, LATER, "--output site.keep");
    assert!(run.code == 2 && run.stderr.contains("is there and is no list"), "{run:?}");
    assert_eq!(world.placed(), World::expected(&samples()));
}

/// What decided about a list decides again, without being repeated.
#[test]
fn a_list_is_applied_by_the_options_it_was_made_with() {
    let world = world();
    let old = "alpha@1.1.0 rollback\nalpha@1.2.0 installed registry\n";
    keep(&world, "2025-06-10T00:00:00Z", "yes", old);
    let now = NOTED + 40 * DAY;
    let options = "--older-than 20d --stale-keep 60d";
    assert_eq!(world.case.run(&["build", "--dist", "mirrored", "--quiet", "--out", "else where"]).code, 0);
    let listed = {
        let mut command = command(&world, now, &format!("{options} --output gone.list"));
        command.args(["--out", "else where"]).output().unwrap()
    };
    assert_eq!(listed.status.code(), Some(0), "{listed:?}");
    let list = std::fs::read_to_string(world.case.path("gone.list")).unwrap();
    assert!(list.contains(&format!("\n# options: {options}\n# out: else where\nalpha@1.0.0 ")), "{list}");
    let stricter = prune(&world, now, "--apply gone.list --reason nobody --older-than 50d");
    assert!(stricter.code == 2 && stricter.stderr.contains("not wanted since 2025-06-15 only"), "{stricter:?}");
    let applied = prune(&world, now, "--apply gone.list --reason nobody");
    assert!(applied.code == 0 && applied.stdout.starts_with("up: removed 1 version, "), "{applied:?}");
    assert_eq!(applied.stderr, "", "the folder of the list was looked at");
}

#[test]
fn much_at_once_needs_consent_and_so_does_a_registry_that_was_not_reached() {
    let world = world();
    keep(&world, TAKEN, "yes", "alpha@1.2.0 installed registry\n");
    // A selection of one package: nine of ten versions are not wanted.
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    world.case.reconfigure(&config.replace("name: '*'", "name: beta"));
    assert!(!asks_for_archives(&mirror(&world, NOTED)));
    // The list of an earlier run is not left to be applied by mistake.
    let earlier = "# epr-build prune 1\n# layer: up   made: 2025-06-15T00:00:00Z\n";
    std::fs::write(world.case.path("gone.list"), earlier).unwrap();
    let run = prune(&world, LATER, "--output gone.list");
    assert!(
        run.code == 2 && run.stderr.contains("8 versions of 10 would go") && !world.case.path("gone.list").exists(),
        "{run:?}"
    );
    assert!(
        run.stderr.contains("%: alpha 1.0.0, alpha 1.1.0, delta 1.0.0, ")
            && run.stderr.contains("`epr-build select fleet --explain`"),
        "{run:?}"
    );
    let run = prune(&world, LATER, "--output gone.list --accept-many");
    assert_eq!(run.code, 0, "{run:?}");
    // The options of the list count again, unless somebody takes them out of it.
    let list = std::fs::read_to_string(world.case.path("gone.list")).unwrap();
    assert!(list.contains("\n# options: --older-than 90d --stale-keep 30d --accept-many\n"), "{list}");
    std::fs::write(world.case.path("few.list"), list.replace(" --accept-many", "")).unwrap();
    let run = prune(&world, LATER, "--apply few.list --reason nobody");
    assert!(run.code == 2 && run.stderr.contains("would go"), "{run:?}");
    assert_eq!(world.placed().len(), 20);
    // A listing that did not come.
    world.upstream.answer(super::world::LISTING, super::upstream::Answer::status(404));
    let mut command = world.command(&["mirror"]);
    let output = command.env("SOURCE_DATE_EPOCH", (LATER - DAY).to_string()).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let run = prune(&world, LATER, "--apply gone.list --reason nobody --accept-many");
    assert!(
        run.code == 2 && run.stderr.contains("the last mirror run could not reach its upstreams (2025-12-11"),
        "{run:?}"
    );
    assert_eq!(world.placed().len(), 20);
    world.serve(&samples());
    assert!(!asks_for_archives(&mirror(&world, LATER)));
    let run = prune(&world, LATER, "--apply gone.list --reason nobody");
    assert_eq!((run.code, world.placed().len()), (0, 4), "{run:?}");
    assert!(!asks_for_archives(&mirror(&world, LATER)));
}

/// What a generation shows stays until it is forgotten.
#[test]
fn generations_and_releases_protect_what_they_show() {
    let world = world();
    let build = |arguments: &[&str]| {
        let run = world.case.run(arguments);
        assert!(run.code == 0, "{run:?}");
    };
    // One without a selection publishes everything, built or not.
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    world.case.reconfigure(&config.replace(SELECTED, "mirrored: [up]"));
    let told = prune(&world, LATER, "-v").stderr;
    assert!(told.contains("alpha 1.0.0 wanted: distribution mirrored has no selection"), "{told}");
    assert!(told.contains("none were looked at"), "{told}");
    let told = prune(&world, LATER, "").stderr;
    let said = "  of these           1 version only because distribution `mirrored` has no `select` and publishes everything\n";
    assert!(told.contains(said) && told.contains("hint: `select` at distribution `mirrored` says"), "{told}");
    build(&["--dist", "mirrored", "--quiet"]);
    let fates = |arguments: &str| {
        let run = prune(&world, LATER, &format!("{arguments} --format json"));
        assert_eq!(run.code, 0, "{run:?}");
        let answer: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let stays = answer["stays"].as_array().unwrap();
        assert!(stays.iter().any(|one| one["version"] == "1.2.0" && one["fate"] == "kept"), "{answer}");
        let why = "kept: installed at site";
        assert!(stays.iter().any(|one| one["reason"].as_str().is_some_and(|reason| reason == why)), "{answer}");
        (answer["fates"]["published"].as_u64().unwrap_or(0), answer["versions"].as_array().unwrap().len())
    };
    assert_eq!(fates("").1, 0);
    let run = prune(&world, LATER, "--out nowhere");
    assert!(run.code == 2 && run.stderr.contains("there is no folder `nowhere`"), "{run:?}");
    // A distribution that publishes only what is selected forgets the others with its last generation that shows them.
    world.case.reconfigure(&config);
    assert_eq!(fates(""), (1, 0));
    assert!(prune(&world, LATER, "-v").stderr.contains("alpha 1.0.0 published: mirrored in use"));
    build(&["--dist", "mirrored", "--quiet", "--accept-loss"]);
    assert_eq!(fates(""), (1, 0));
    build(&["release", "8.19.5", "--dist", "mirrored"]);
    assert_eq!(fates(""), (1, 0));
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    world.case.reconfigure(&format!("ui: no\n{config}"));
    build(&["--dist", "mirrored", "--quiet", "--keep", "1"]);
    // The release stays, and shows nothing of it.
    assert_eq!(fates(""), (0, 1));
}

/// Runs that are killed at any call: no zip without its signature, and the next run ends as if nothing had happened.
#[test]
fn a_removal_that_was_killed_leaves_whole_packages_and_is_finished() {
    if !can_trace() {
        return;
    }
    let list = |world: &World| {
        keep(world, TAKEN, "yes", "alpha@1.2.0 installed registry\n");
        mirror(world, NOTED);
        let run = prune(world, LATER, "--output gone.list --accept-many");
        assert_eq!(run.code, 0, "{run:?}");
    };
    let apply = "--apply gone.list --reason nobody --accept-many";
    let undisturbed = world();
    list(&undisturbed);
    assert_eq!(prune(&undisturbed, LATER, apply).code, 0);
    let state = |world: &World| {
        let mut state = world.state();
        // When versions came, and from which port, differs between registries.
        state.remove(".epr-build/mirror.json");
        state.remove(".epr-build/log.jsonl");
        state
    };
    let expected = state(&undisturbed);
    let held: BTreeMap<_, _> = World::expected(&samples());
    let calls = ["rename", "renameat2", "unlink", "unlinkat", "fsync", "write", "openat", "rmdir"];
    let (mut dice, mut killed, mut alone) = (Dice(0x9e37_79b9_7f4a_7c15), 0, 0);
    for run in 0..KILLS {
        let world = world();
        list(&world);
        let call = calls[dice.below(calls.len())];
        let number = dice.below(if matches!(call, "openat") { 120 } else { 12 }) + 1;
        let program = command(&world, LATER, apply);
        let (trace, inject) = (format!("trace={call}"), format!("inject={call}:signal=KILL:when={number}"));
        let mut traced = under_strace(&program, &["-o", "/dev/null", "-e", &trace, "-e", &inject]);
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => traced.env(name, value),
                None => traced.env_remove(name),
            };
        }
        let output = traced.current_dir(world.case.path(".")).output().unwrap();
        let context = format!("{run}: {call} {number}: {output:?}");
        assert!(matches!(output.status.code(), None | Some(0)), "{context}");
        killed += usize::from(output.status.code().is_none());
        let placed = world.placed();
        for (path, bytes) in &placed {
            assert!(held.get(path) == Some(bytes), "{context}: {path}");
            if path.ends_with(".zip") {
                assert!(placed.contains_key(&format!("{path}.sig")), "{context}: {path} without its signature");
            } else {
                alone += usize::from(!placed.contains_key(path.trim_end_matches(".sig")));
            }
        }
        // Either the next mirror run or the same command finishes it.
        if run % 2 == 0 {
            assert!(!asks_for_archives(&mirror(&world, LATER)), "{context}");
        }
        let last = prune(&world, LATER, apply);
        assert_eq!(last.code, 0, "{context}: {last:?}");
        assert_eq!(state(&world), expected, "{context}");
        assert!(world.record("alpha", "1.0.0").is_null() && world.record("alpha", "1.1.0").is_null(), "{context}");
        assert!(!asks_for_archives(&mirror(&world, LATER)), "{context}");
    }
    println!("{killed} killed of {KILLS}; {alone} signatures were alone");
    assert!(killed * 4 > KILLS, "{killed}");
}
