//! Runs that are killed at any system call: the next run ends as if nothing had happened, byte for byte.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

use super::upstream::Answer;
use super::world::{Sample, World};
use crate::crash::{Dice, can_trace, under_strace};
use std::collections::BTreeMap;

/// Runs that are killed here; `EPR_KILLS` asks for more.
const RUNS: usize = 20;
/// Calls that change something or wait for the network.
const CALLS: [&str; 9] =
    ["write", "openat", "fsync", "renameat2", "rename", "unlink", "recvfrom", "sendto", "epoll_wait"];

/// A registry whose zips come with validators, some of them in two parts.
fn world(samples: &[Sample]) -> World {
    let world = World::new(samples, "keys: trusted.asc, signatures: require", "jobs: 2");
    for sample in samples {
        let zip = sample.zip.clone();
        world.upstream.script(&sample.path(), move |asked| {
            let etag = ("ETag", "\"tag\"");
            let from = asked
                .headers
                .get("range")
                .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
            match from {
                Some(from) => Answer::rest(&zip, from, zip.len(), &[etag]),
                None if asked.before == 0 => Answer::new(200, &[etag], &zip).cut_after(200),
                None => Answer::new(200, &[etag], &zip),
            }
        });
    }
    world
}

pub(super) fn traced(world: &World, arguments: &[&str], options: &[&str]) -> (Option<i32>, String) {
    let program = world.command(&[&["mirror", "--quiet"], arguments].concat());
    let mut command = under_strace(&program, options);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.current_dir(world.case.path(".")).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// How often a run makes each call.
fn counts(world: &World) -> BTreeMap<String, usize> {
    let trace = format!("trace={}", CALLS.map(|call| format!("?{call}")).join(","));
    let (code, stderr) = traced(world, &[], &["-o", "calls", "-e", &trace]);
    assert_eq!(code, Some(0), "{stderr}");
    let mut counts = BTreeMap::new();
    for line in std::fs::read_to_string(world.case.path("calls")).unwrap().lines() {
        let Some((_, rest)) = line.split_once(' ') else { continue };
        if let Some((call, _)) = rest.trim_start().split_once('(') {
            *counts.entry(call.to_owned()).or_default() += 1;
        }
    }
    counts.retain(|call: &String, _| CALLS.contains(&call.as_str()));
    counts
}

/// Every zip that is in place is whole, and has its signature.
fn check_placed(world: &World, samples: &[Sample], context: &str) {
    let expected = World::expected(samples);
    let placed = world.placed();
    for (path, bytes) in placed.iter().filter(|(path, _)| path.ends_with(".zip")) {
        assert!(expected.get(path) == Some(bytes), "{context}: {path} is not what it should be");
        let signature = format!("{path}.sig");
        assert!(placed.get(&signature) == expected.get(&signature), "{context}: {signature}");
    }
}

#[test]
fn a_run_that_was_killed_is_finished_by_the_next_one() {
    if !can_trace() {
        return;
    }
    let runs = std::env::var("EPR_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(RUNS);
    let samples = [
        Sample::new("alpha", "1.0.0"),
        Sample::new("alpha", "1.1.0"),
        Sample::new("beta", "1.0.0"),
        Sample::new("gamma", "1.0.0"),
    ];
    let undisturbed = world(&samples);
    let run = undisturbed.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    // The port of the registry is in the record.
    let state = |world: &World| {
        let state = world.state().into_iter();
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).map_or_else(
                |error| error.into_bytes(),
                |text| text.replace(&world.upstream.address, "ADDRESS").into_bytes(),
            )
        };
        state.map(|(path, bytes)| (path, text(bytes))).collect::<BTreeMap<_, _>>()
    };
    let expected = state(&undisturbed);
    let counts: Vec<_> = counts(&world(&samples)).into_iter().collect();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let (mut killed, mut after) = (0, BTreeMap::<usize, usize>::new());
    for run in 0..runs {
        let world = world(&samples);
        // Some are killed twice.
        for _ in 0..=run % 2 {
            let (call, most) = &counts[dice.below(counts.len())];
            let number = dice.below(*most) + 1;
            let inject = format!("inject={call}:signal=KILL:when={number}");
            let (code, stderr) =
                traced(&world, &[], &["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
            let context = format!("{run}: {call} {number}: {code:?} {stderr}");
            assert!(matches!(code, None | Some(0)), "{context}");
            killed += usize::from(code.is_none());
            check_placed(&world, &samples, &context);
            *after.entry(world.placed().len()).or_default() += 1;
        }
        let last = world.mirror("");
        assert_eq!((last.code, last.stderr.as_str()), (0, ""), "{run}: {last:#?}");
        let found = state(&world);
        for (path, bytes) in &expected {
            assert!(
                found.get(path) == Some(bytes),
                "{run}: {path}: {}",
                String::from_utf8_lossy(found.get(path).map_or(&[], Vec::as_slice))
            );
        }
        assert_eq!(found.len(), expected.len(), "{run}: {:?}", found.keys());
    }
    println!("{killed} killed of {runs} runs; files in place after a kill: {after:?}; calls: {counts:?}");
    assert!(killed * 4 > runs, "{killed}");
}

/// What a run writes below the layer. Calls for anything else, such as those that wake a thread, must not fail.
const WRITTEN: [&str; 11] = [
    ".epr-build/partial",
    ".epr-build/partial/alpha-1.0.0.zip",
    ".epr-build/partial/alpha-1.0.0.zip.json",
    ".epr-build/partial/alpha-1.0.0.zip.sig",
    ".epr-build/mirror.journal",
    ".epr-build/mirror.json.new",
    ".epr-build/facts.jsonl.zst.new",
    ".epr-build/deprecated.json.new",
    ".epr-build/log.jsonl",
    "alpha/alpha-1.0.0.zip",
    "alpha/alpha-1.0.0.zip.sig",
];

/// A disk that fills up, or fails, at any file: the run says so and ends with 2, and the next one finishes.
#[test]
fn a_full_disk_stops_the_run_and_nothing_is_half() {
    if !can_trace() {
        return;
    }
    let samples = [Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")];
    let mut stopped = 0;
    for (calls, error) in [("write", "ENOSPC"), ("fsync", "EIO"), ("?rename,renameat2", "EROFS"), ("openat", "ENOSPC")]
    {
        for written in WRITTEN {
            let world = world(&samples);
            std::fs::create_dir_all(world.case.path("up")).unwrap();
            let path = std::fs::canonicalize(world.case.path("up")).unwrap().join(written);
            let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:error={error}"));
            let path = path.to_str().unwrap();
            let (code, stderr) = traced(&world, &[], &["-o", "/dev/null", "-P", path, "-e", &trace, "-e", &inject]);
            let context = format!("{calls} {error} {written}: {code:?} {stderr}");
            check_placed(&world, &samples, &context);
            assert!(matches!(code, Some(0 | 2)), "{context}");
            assert!(code == Some(0) || stderr.starts_with("error: "), "{context}");
            stopped += usize::from(code == Some(2));
            let last = world.mirror("");
            assert_eq!((last.code, last.stderr.as_str()), (0, ""), "{context}: {last:#?}");
            assert_eq!(world.placed(), World::expected(&samples), "{context}");
        }
    }
    println!("{stopped} runs stopped");
    assert!(stopped > 10, "{stopped}");
}
