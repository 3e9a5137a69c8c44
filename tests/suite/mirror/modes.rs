//! What a run may be asked for beside fetching: plans, the record as a lock, audits, and what happened upstream.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::upstream::Answer;
use super::world::{INDEX, LISTING, Sample, World, signed};
use std::os::unix::fs::PermissionsExt;

fn samples() -> Vec<Sample> {
    vec![Sample::new("alpha", "1.0.0"), Sample::new("alpha", "1.1.0"), Sample::new("beta", "1.0.0")]
}

fn kept() -> World {
    let world = World::new(&samples(), "", "");
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    world.upstream.asked();
    world
}

#[test]
fn what_a_run_leaves_behind() {
    let world = kept();
    assert_eq!(world.placed(), World::expected(&samples()));
    let mut names: Vec<_> = world.state().into_keys().filter(|path| path.starts_with('.')).collect();
    names.sort();
    let expected = [".gitignore", "deprecated.json", "facts.jsonl.zst", "log.jsonl", "mirror.json"];
    let expected = expected.map(|name| format!(".epr-build/{name}"));
    assert_eq!(names, expected);
    for path in ["up/alpha/alpha-1.0.0.zip", "up/alpha/alpha-1.0.0.zip.sig"] {
        assert_eq!(std::fs::metadata(world.case.path(path)).unwrap().permissions().mode() & 0o777, 0o644, "{path}");
    }
    let log = String::from_utf8(world.state().remove(".epr-build/log.jsonl").unwrap()).unwrap();
    assert_eq!(log.lines().count(), 3);
    assert!(
        log.lines().all(|line| line.contains("\"action\":\"mirrored\"") && line.contains("\"to\":\"up\"")),
        "{log}"
    );
    let record = world.record("alpha", "1.0.0");
    assert_eq!((&record["state"], &record["upstream"]), (&"held".into(), &"up".into()));
    assert_eq!(record["format_version"], "3.0.0");
    assert_eq!(record["first_seen"], "2025-06-15T15:06:40Z");
    assert_eq!(record["signature"], "not verified");
    // The layer can be built.
    let run = world.case.run(&["--dist", "mirrored", "--quiet"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
}

#[test]
fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let world = World::new(&samples(), "", "");
    let before = world.case.tree();
    for (arguments, code) in [("--dry-run", 0), ("--dry-run --exit-code", 10)] {
        let run = world.mirror(arguments);
        assert_eq!((run.code, run.stderr.as_str()), (code, ""), "{run:#?}");
        assert!(run.stdout.starts_with("up: would fetch 3 versions\n  alpha 1.0.0 from up: it is new\n"), "{run:#?}");
        assert_eq!(world.upstream.paths(), [INDEX, LISTING]);
    }
    assert_eq!(world.case.tree(), before);
    assert_eq!(world.mirror("").code, 0);
    assert_eq!(world.mirror("--dry-run --exit-code").code, 0);
}

#[test]
fn a_plan_is_done_as_it_was_written() {
    let world = World::new(&samples(), "", "");
    let run = world.mirror("--plan plan.json --only alpha");
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(world.placed().is_empty());
    // What is listed later is not in the plan.
    world.upstream.asked();
    world.serve(&[samples(), vec![Sample::new("alpha", "2.0.0")]].concat());
    for mirrored in [2, 0] {
        let run = world.mirror("--apply plan.json");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
        assert!(run.stdout.starts_with(&format!("up: mirrored {mirrored} versions")), "{run:#?}");
        assert_eq!(world.placed(), World::expected(&samples()[..2]));
        assert!(!world.upstream.paths().contains(&LISTING.to_owned()));
    }
    let plan = std::fs::read_to_string(world.case.path("plan.json")).unwrap();
    for (from, to, words) in [
        ("\"upstream\": \"up\"", "\"upstream\": \"nope\"", "which is no upstream of layer `up`"),
        ("\"alpha\"", "\"../alpha\"", "is not the name of a package"),
        ("epr-build/mirror-plan/1", "other", "its form is `other`"),
        ("\"signed\"", "\"sgned\"", "cannot understand plan.json"),
    ] {
        std::fs::write(world.case.path("bad.json"), plan.replace(from, to)).unwrap();
        let run = world.mirror("--apply bad.json");
        assert_eq!(run.code, 2, "{run:#?}");
        assert!(run.stderr.replace("bad.json", "plan.json").contains(words), "{words}: {run:#?}");
    }
}

#[test]
fn only_what_is_named_is_fetched_and_slips_are_told() {
    let world = World::new(&samples(), "", "");
    let run = world.mirror("--only beta --only alpha@1.1.0");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&samples()[1..]));
    for (only, words) in [
        ("alhpa", "error: --only: alhpa is not listed\nhint: did you mean `alpha`?\n"),
        ("alpha@9.0.0", "error: --only: alpha 9.0.0 is not listed, though other versions of alpha are\n"),
    ] {
        let run = world.mirror(&format!("--only {only}"));
        assert_eq!((run.code, run.stderr.as_str()), (1, words), "{run:#?}");
    }
    assert_eq!(world.mirror("").code, 0);
    assert_eq!(world.placed(), World::expected(&samples()));
}

/// The record is a lock file: with it another machine gets the same bytes, or is told.
#[test]
fn the_record_gives_the_same_bytes_again() {
    let world = kept();
    let record = std::fs::read(world.case.path("up/.epr-build/mirror.json")).unwrap();
    let renew = || {
        std::fs::remove_dir_all(world.case.path("up")).unwrap();
        std::fs::create_dir_all(world.case.path("up/.epr-build")).unwrap();
        std::fs::write(world.case.path("up/.epr-build/mirror.json"), &record).unwrap();
        world.upstream.asked();
    };
    renew();
    world.list("[]");
    for _ in 0..2 {
        let run = world.mirror("--locked");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
        assert_eq!(world.placed(), World::expected(&samples()));
        assert_eq!(std::fs::read(world.case.path("up/.epr-build/mirror.json")).unwrap(), record);
        assert!(!world.upstream.paths().contains(&LISTING.to_owned()));
    }
    // Other bytes are refused, however good they are.
    renew();
    let other = Sample::of("alpha", "1.0.0", "changed");
    world.upstream.answer(&other.path(), Answer::ok(&other.zip));
    world.upstream.answer(&format!("{}.sig", other.path()), Answer::ok(other.signature.as_ref().unwrap()));
    let run = world.mirror("--locked");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("error: alpha 1.0.0: the record demands "), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&samples()[1..]));
    // So are other bytes in the layer, and what is not in the record is told.
    std::fs::write(world.case.path("up/beta/beta-1.0.0.zip"), "damage").unwrap();
    std::fs::write(world.case.path("up/beta/beta-7.0.0.zip"), "more").unwrap();
    let run = world.mirror("--locked");
    assert!(
        run.stderr.contains("error: beta 1.0.0: the zip in the layer is not the one that was mirrored"),
        "{run:#?}"
    );
    assert!(run.stderr.contains("warning: beta-7.0.0: it lies in the layer, and is not in the record"), "{run:#?}");
}

#[test]
fn offline_asks_nobody() {
    let world = kept();
    let run = world.mirror("--offline");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    std::fs::remove_file(world.case.path("up/beta/beta-1.0.0.zip")).unwrap();
    let run = world.mirror("--offline");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("error: beta 1.0.0: it is not held: it lies no more in the layer"), "{run:#?}");
    let run = world.mirror("--audit --offline --only alpha");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    std::fs::write(world.case.path("up/alpha/alpha-1.0.0.zip.sig"), "damage").unwrap();
    let run = world.mirror("--audit --offline --only alpha");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("error: alpha 1.0.0: the signature in the layer is not the one"), "{run:#?}");
    assert!(world.upstream.asked().is_empty());
}

/// What an upstream changed is laid aside and told until a person decides.
#[test]
fn what_an_upstream_changed_is_laid_aside_until_somebody_decides() {
    let world = kept();
    let run = world.mirror("--audit");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert!(run.stdout.contains("audited    3 versions"), "{run:#?}");
    let other = Sample::of("alpha", "1.0.0", "changed");
    world.serve(&[vec![other.clone()], samples()[1..].to_vec()].concat());
    let run = world.mirror("--audit");
    assert_eq!(run.code, 1, "{run:#?}");
    let words = "warning: alpha 1.0.0: the upstream gives other bytes under this version now: ";
    assert!(run.stderr.starts_with(words) && run.stderr.contains("--accept-changed alpha@1.0.0"), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&samples()));
    let aside = walkdir::WalkDir::new(world.case.path("up/.epr-build/changed")).into_iter().filter_map(Result::ok);
    let aside: Vec<_> = aside.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect();
    assert_eq!(aside.len(), 2);
    assert!(aside.iter().any(|path| std::fs::read(path).unwrap() == other.zip));
    // Every later run says so, also one that finds nothing new.
    world.upstream.asked();
    let run = world.mirror("");
    assert!(run.code == 1 && run.stderr.starts_with(words), "{run:#?}");
    assert_eq!(world.upstream.paths(), [LISTING]);
    // A build reads what is held.
    assert_eq!(world.case.run(&["--dist", "mirrored", "--quiet"]).code, 0);

    let refused = world.mirror("--accept-changed beta@1.0.0 --reason announced");
    assert_eq!(refused.code, 2, "{refused:#?}");
    assert!(refused.stderr.contains("no upstream has changed beta 1.0.0"), "{refused:#?}");
    let run = world.mirror("--accept-changed alpha@1.0.0 --reason announced");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&[vec![other], samples()[1..].to_vec()].concat()));
    assert!(!world.case.path("up/.epr-build/changed").exists());
    let log = std::fs::read_to_string(world.case.path("up/.epr-build/log.jsonl")).unwrap();
    let last = log.lines().next_back().unwrap();
    assert!(last.contains("\"action\":\"replaced\"") && last.contains("\"reason\":\"announced\""), "{last}");
    assert_eq!(world.mirror("").code, 0);
    assert_eq!(world.mirror("--audit").code, 0);
}

#[test]
fn a_layer_that_never_changes_accepts_no_change() {
    for (layer, more) in [("immutable: yes", ""), ("overwrite: refuse", "")] {
        let world = World::new(&samples(), layer, more);
        assert_eq!(world.mirror("").code, 0);
        world.serve(&[vec![Sample::of("alpha", "1.0.0", "changed")], samples()[1..].to_vec()].concat());
        assert_eq!(world.mirror("--audit").code, 1);
        let run = world.mirror("--accept-changed alpha@1.0.0 --reason announced");
        assert_eq!(run.code, 2, "{run:#?}");
        assert!(run.stderr.contains("layer `up` lets no version be overwritten"), "{run:#?}");
        assert_eq!(world.placed(), World::expected(&samples()));
    }
}

/// Validators make an audit cheap, where the server has them.
#[test]
fn an_audit_asks_whether_anything_changed() {
    let sample = Sample::new("alpha", "1.0.0");
    let world = World::new(std::slice::from_ref(&sample), "", "");
    let zip = sample.zip.clone();
    world.upstream.script(&sample.path(), move |asked| match asked.headers.get("if-none-match").map(String::as_str) {
        Some("\"tag\"") => Answer::new(304, &[("ETag", "\"tag\"")], b""),
        _ => Answer::new(200, &[("ETag", "\"tag\"")], &zip),
    });
    assert_eq!(world.mirror("").code, 0);
    let run = world.mirror("--audit --format json");
    assert_eq!(run.code, 0, "{run:#?}");
    let outcome: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&outcome[0]["requests"], &outcome[0]["bytes"]), (&1.into(), &0.into()), "{outcome}");
}

/// Zips that lay in the layer before are looked at and taken into the record, or named.
#[test]
fn what_lies_in_the_layer_is_adopted() {
    let world = World::new(&samples(), "", "");
    std::fs::create_dir_all(world.case.path("up/flat")).unwrap();
    std::fs::write(world.case.path("up/flat/alpha-1.0.0.zip"), &samples()[0].zip).unwrap();
    std::fs::write(world.case.path("up/flat/beta-1.0.0.zip"), "no zip").unwrap();
    let run = world.mirror("");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(
        run.stderr.contains("error: beta 1.0.0: it lies in the layer, and is not taken into the record"),
        "{run:#?}"
    );
    assert!(run.stdout.contains("adopted    1 version, which lay in the layer before"), "{run:#?}");
    assert_eq!(world.record("alpha", "1.0.0")["path"], "flat/alpha-1.0.0.zip");
    assert!(!world.case.path("up/alpha/alpha-1.0.0.zip").exists());
    assert!(!world.upstream.paths().contains(&"/epr/beta/beta-1.0.0.zip".to_owned()));
}

/// What is in the way is named, and nothing is half done.
#[test]
fn what_is_in_the_way_stops_the_run() {
    for (name, make) in [
        ("a folder for the zip", "mkdir -p up/beta/beta-1.0.0.zip"),
        ("a folder for the signature", "mkdir -p up/beta/beta-1.0.0.zip.sig"),
        ("a file for the folder", "mkdir up; touch up/beta"),
        ("a link for the folder", "mkdir up; ln -s /nowhere up/beta"),
        ("a link for the records", "mkdir up; ln -s /tmp up/.epr-build"),
    ] {
        let world = World::new(&samples()[2..], "", "");
        let made = std::process::Command::new("sh").args(["-c", make]).current_dir(world.case.path("")).status();
        assert!(made.unwrap().success());
        let run = world.mirror("");
        assert_eq!(run.code, 2, "{name}: {run:#?}");
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains("\nhint: "), "{name}: {run:#?}");
        assert!(world.placed().keys().all(|path| !path.contains(".zip")), "{name}: {:?}", world.placed().keys());
    }
    // The same where a layer lies in a repository or says nothing of upstreams.
    let world = World::new(&samples(), "", "");
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    std::fs::write(world.case.path("epr-build.yml"), config.replace("paths: up", "paths: 'git+file:up#main'")).unwrap();
    let run = world.mirror("");
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.stderr.contains("layer `up` has no folder to mirror into"), "{run:#?}");
}

/// One at a time: a second run says who is at work.
#[test]
fn two_runs_at_once() {
    let world = kept();
    let lock = epr_build::base::fs::Lock::take_as(&world.case.path("up/.epr-build"), "test", &world.case.path("up"));
    let run = world.mirror("");
    assert_eq!(run.code, 2, "{run:#?}");
    let words = format!("(process {})", std::process::id());
    assert!(run.stderr.contains("another command writes to ") && run.stderr.contains(&words), "{run:#?}");
    let run = world.case.run(&["remove", "beta@1.0.0", "--from", "up", "--reason", "x"]);
    assert_eq!(run.code, 2, "{run:#?}");
    drop(lock);
    assert_eq!(world.mirror("").code, 0);
}

#[test]
fn numbers_for_programs() {
    let world = World::new(&samples(), "", "");
    world.upstream.answer(&samples()[2].path(), Answer::status(404));
    let run = world.mirror("--format json --quiet");
    assert_eq!((run.code, run.stderr.as_str()), (1, ""), "{run:#?}");
    let outcome: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let one = &outcome[0];
    assert_eq!((&one["layer"], &one["listed"], &one["held"]), (&"up".into(), &3.into(), &2.into()), "{one}");
    assert_eq!(one["mirrored"][0]["name"], "alpha");
    assert_eq!(one["refused"][0]["what"], "beta 1.0.0");
}

#[test]
fn the_other_key_is_named() {
    let sample = Sample::new("beta", "1.0.0");
    let world = World::new(std::slice::from_ref(&sample), "keys: trusted.asc, signatures: require", "");
    world.upstream.answer(&format!("{}.sig", sample.path()), Answer::ok(&signed("other", &sample.zip)));
    let run = world.mirror("");
    assert!(run.stderr.contains("the signature is not by a key of the layer: it names "), "{run:#?}");
    assert!(
        run.stderr.contains("hint: if the publisher has changed the key, put the new one beside the old one in `keys`")
    );
}
