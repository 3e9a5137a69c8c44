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
const WRITTEN: [&str; 12] = [
    ".epr-build/partial",
    ".epr-build/partial/alpha-1.0.0.zip",
    ".epr-build/partial/alpha-1.0.0.zip.json",
    ".epr-build/partial/alpha-1.0.0.zip.sig",
    ".epr-build/mirror.journal",
    ".epr-build/mirror.json.new",
    ".epr-build/facts.jsonl.zst.new",
    ".epr-build/deprecated.json.new",
    ".epr-build/log.jsonl",
    ".epr-build/fingerprints.new",
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

/// What lies at the place of a zip, with its signature.
fn pair(world: &World, sample: &Sample) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let placed = world.placed();
    let zip = format!("{0}/{0}-{1}.zip", sample.name, sample.version);
    (placed.get(&zip).cloned(), placed.get(&format!("{zip}.sig")).cloned())
}

/// A command that lets other bytes take the place of what is held, killed before every step that it makes: a build that comes
/// then sees one of the two with its own signature, or none, and the same command or any later run finishes it.
#[test]
fn an_exchange_that_was_killed_is_finished_by_the_next_run() {
    if !can_trace() {
        return;
    }
    let before = Sample::new("alpha", "1.0.0");
    let after = Sample::of("alpha", "1.0.0", "changed");
    let unsigned = |sample: &Sample| Sample { signature: None, ..sample.clone() };
    let accept = ["--accept-changed", "alpha@1.0.0", "--reason", "announced"];
    for (layer, before, after) in [
        ("keys: trusted.asc, signatures: require", before.clone(), after.clone()),
        ("keys: trusted.asc, signatures: verify", before.clone(), unsigned(&after)),
        ("", unsigned(&before), unsigned(&after)),
    ] {
        let changed = || {
            let world = World::new(std::slice::from_ref(&before), layer, "");
            assert_eq!(world.mirror("").code, 0);
            world.serve(std::slice::from_ref(&after));
            if after.signature.is_none() {
                world.upstream.answer(&format!("{}.sig", after.path()), Answer::status(404));
            }
            assert_eq!(world.mirror("--audit").code, 1);
            world
        };
        let undisturbed = changed();
        let run = undisturbed.mirror(&accept.join(" "));
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{layer}: {run:#?}");
        let expected = pair(&undisturbed, &after);
        assert_eq!(expected.0, Some(after.zip.clone()));
        let (mut killed, mut without) = (0, 0);
        // Each kind of call that changes names, until a run makes no more of them.
        for call in ["rename", "unlink", "unlinkat", "fsync"] {
            for number in 1.. {
                let world = changed();
                let inject = format!("inject=?{call}:signal=KILL:when={number}");
                let trace = format!("trace=?{call}");
                let (code, stderr) = traced(&world, &accept, &["-o", "/dev/null", "-e", &trace, "-e", &inject]);
                let context = format!("{layer} {call} {number}: {code:?} {stderr}");
                assert!(matches!(code, None | Some(0)), "{context}");
                if code == Some(0) {
                    break;
                }
                killed += 1;
                let (zip, signature) = pair(&world, &before);
                match zip {
                    None => without += 1,
                    Some(zip) if zip == after.zip => assert_eq!(signature, expected.1, "{context}"),
                    Some(zip) => {
                        assert!(zip == before.zip, "{context}");
                        assert_eq!(signature, before.signature, "{context}");
                    }
                }
                // Nothing but a run that may write changes that.
                world.mirror("--dry-run");
                if number % 2 == 0 {
                    world.mirror("");
                }
                let run = world.mirror(&accept.join(" "));
                let is_done = run.code == 0 || run.stderr.contains("no upstream has changed alpha 1.0.0");
                assert!(is_done, "{context}: {run:#?}");
                assert_eq!(pair(&world, &after), expected, "{context}");
                assert!(!world.case.path("up/.epr-build/changed").exists(), "{context}");
                assert!(!world.case.path("up/.epr-build/accepting.json").exists(), "{context}");
                let log = std::fs::read_to_string(world.case.path("up/.epr-build/log.jsonl")).unwrap();
                assert_eq!(log.matches("\"replaced\"").count(), 1, "{context}: {log}");
                let run = world.mirror("--audit");
                assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{context}: {run:#?}");
            }
        }
        println!("{layer}: {killed} killed, {without} without the version for a moment");
        assert!(killed > 4, "{killed}");
        // Where there are no signatures the version is there at every moment.
        assert!(without == 0 || before.signature.is_some() || after.signature.is_some(), "{without}");
    }
}

/// File systems that have no hard links, and none of the newer ways to rename.
#[test]
fn a_simple_file_system_is_enough() {
    if !can_trace() {
        return;
    }
    let samples = [Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")];
    for error in ["EINVAL", "ENOSYS"] {
        let world = world(&samples);
        let (links, renames) = ("inject=?link,linkat:error=EPERM", format!("inject=renameat2:error={error}"));
        let (code, stderr) = traced(&world, &[], &["-o", "/dev/null", "-e", links, "-e", &renames]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{error}");
        assert_eq!(world.placed(), World::expected(&samples), "{error}");
    }
}

/// What a full disk left goes when nobody can go on with it, and what somebody can is gone on with.
#[test]
fn what_a_full_disk_left_is_in_nobodys_way() {
    if !can_trace() {
        return;
    }
    let samples = [Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")];
    let world = world(&samples);
    let partial = world.case.path("up/.epr-build/partial");
    std::fs::create_dir_all(&partial).unwrap();
    let write = |name: &str, text: &[u8]| std::fs::write(partial.join(name), text).unwrap();
    // Of a version that nobody lists, without a note, with a note that was cut off, with one that holds no validator.
    write("gone-1.0.0.zip", b"PK");
    write("gone-1.0.0.zip.json", b"{}");
    write("beta-1.0.0.zip", b"PK");
    write("alpha-9.0.0.again", b"PK");
    write("alpha-1.0.0.zip", &samples[0].zip[..100]);
    let note = |validators: &str| {
        let url = format!("{}{}", world.upstream.url(), samples[0].path());
        format!(
            "{{\"asked\":\"{url}\",\"url\":\"{url}\",\"length\":{},\"validators\":{validators}}}",
            samples[0].zip.len()
        )
    };
    write("alpha-1.0.0.zip.json", note("{\"etag\":\"\\\"tag\\\"\"}").as_bytes());
    let path = std::fs::canonicalize(world.case.path("up")).unwrap().join(".epr-build/mirror.journal");
    let full =
        ["-o", "/dev/null", "-P", path.to_str().unwrap(), "-e", "trace=write", "-e", "inject=write:error=ENOSPC"];
    let (code, stderr) = traced(&world, &[], &full);
    assert_eq!(code, Some(2), "{stderr}");
    let asked = world.upstream.asked();
    let range = asked.iter().find(|asked| asked.path == samples[0].path()).unwrap().headers.get("range");
    assert_eq!(range.map(String::as_str), Some("bytes=100-"));
    let left: Vec<_> = walkdir::WalkDir::new(&partial).into_iter().filter_map(Result::ok).collect();
    let names: Vec<_> = left.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(names.iter().all(|name| !name.starts_with("gone") && !name.ends_with("again")), "{names:?}");
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&samples));
    assert!(!partial.exists());
}
