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
    // What is known of this disk is no part of what is kept in a repository.
    assert!(world.case.path("up/.epr-build/fingerprints").is_file());
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
        assert!(!run.stdout.contains("refused"), "{run:#?}");
    }
    assert_eq!(world.mirror("").code, 0);
    assert_eq!(world.placed(), World::expected(&samples()));
}

/// Whoever asks whether there is something to fetch is told of what is new, and not for ever of what was refused.
#[test]
fn what_is_refused_again_and_again_is_nothing_new() {
    for (answer, words) in [
        (
            Answer::status(404),
            "error: beta 1.0.0: it was refused before, and is tried again: the upstream tells of it, and",
        ),
        (Answer::ok(b"no zip"), "error: beta 1.0.0: "),
    ] {
        let world = World::new(&samples(), "", "");
        world.upstream.answer(&samples()[2].path(), answer);
        assert_eq!(world.mirror("--dry-run --exit-code").code, 10);
        assert_eq!(world.mirror("").code, 1);
        let run = world.mirror("--dry-run --exit-code");
        assert_eq!(run.code, 1, "{run:#?}");
        assert!(run.stderr.starts_with(words), "{run:#?}");
        world.serve_listing(&[samples(), vec![Sample::new("gamma", "1.0.0")]].concat());
        let run = world.mirror("--dry-run --exit-code");
        assert_eq!(run.code, 10, "{run:#?}");
        assert!(run.stderr.starts_with(words), "{run:#?}");
    }
}

/// Numbers say the same, whether a run looked at everything or found nothing new.
#[test]
fn numbers_agree_when_versions_are_gone_or_refused() {
    let world = World::new(&samples(), "", "");
    world.upstream.answer(&samples()[2].path(), Answer::ok(b"no zip"));
    assert_eq!(world.mirror("").code, 1);
    world.list(&format!("[{},{}]", samples()[1].item(), samples()[2].item()));
    let numbers = |arguments: &str| {
        let run = world.mirror(&format!("{arguments} --format json"));
        let outcome: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
        let of = |name: &str| outcome[0][name].as_u64().unwrap();
        (of("listed"), of("wanted"), of("held"), of("kept"), outcome[0]["refused"].as_array().unwrap().len())
    };
    let expected = (2, 2, 1, 1, 1);
    assert_eq!(numbers("--accept-loss"), expected);
    let run = world.mirror("");
    assert!(run.stdout.starts_with("up: nothing is new; 1 version held\n"), "{run:#?}");
    for line in [
        "listed     2 v",
        "wanted     2 v",
        "held       1 v",
        "refused    1 v",
        "kept       1 version that no upstream",
    ] {
        assert!(run.stdout.contains(line), "{line}: {run:#?}");
    }
    for arguments in ["", "--offline"] {
        assert_eq!(numbers(arguments), expected, "{arguments}");
    }
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
    let words = "error: alpha 1.0.0: the upstream gives other bytes under this version now: ";
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

/// A version folder counts if it is the package that it is called after.
#[test]
fn a_folder_that_is_no_package_does_not_count() {
    for (name, make, counts) in [
        ("a package", "", true),
        ("empty", "rm -r up/alpha/1.0.0/*", false),
        ("another version", "sed -i 's/1.0.0/1.0.1/' up/alpha/1.0.0/manifest.yml", false),
        ("no manifest", "rm up/alpha/1.0.0/manifest.yml", false),
        ("a manifest that cannot be read", "printf 'a: [' > up/alpha/1.0.0/manifest.yml", false),
        ("links", "ln -s /etc/passwd up/alpha/1.0.0/docs/link", false),
    ] {
        let world = World::new(&samples(), "", "");
        for (path, bytes) in crate::harness::package("alpha", "1.0.0", "by hand") {
            let path = world.case.path("up/alpha/1.0.0").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let made = std::process::Command::new("sh").args(["-ec", make]).current_dir(world.case.path("")).status();
        assert!(made.unwrap().success(), "{name}");
        let run = world.mirror("--dry-run");
        assert_eq!(run.stdout.contains("would fetch 2 versions"), counts, "{name}: {run:#?}");
        let run = world.mirror("");
        assert_eq!(run.code, 0, "{name}: {run:#?}");
        let words = "warning: alpha 1.0.0: its folder in the layer is no package, and does not count: ";
        assert_eq!(run.stderr.contains(words), !counts, "{name}: {run:#?}");
        assert_eq!(world.placed().contains_key("alpha/alpha-1.0.0.zip"), !counts, "{name}");
        assert!(run.stdout.contains("held       3 versions"), "{name}: {run:#?}");
        // The zip counts before the folder, so nothing is left to be told.
        let run = world.mirror("");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}: {run:#?}");
    }
}

/// What upstreams gave in the meantime does not pile up.
#[test]
fn of_what_changes_again_and_again_two_contents_stay() {
    let world = kept();
    for readme in ["one", "two", "three", "four"] {
        let other = Sample::of("alpha", "1.0.0", readme);
        world.serve(&[vec![other], samples()[1..].to_vec()].concat());
        assert_eq!(world.mirror("--audit").code, 1);
    }
    let aside = std::fs::read_dir(world.case.path("up/.epr-build/changed")).unwrap();
    let aside: Vec<_> = aside.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(aside.iter().filter(|name| name.ends_with(".zip")).count(), 2, "{aside:?}");
    assert_eq!(aside.len(), 4, "{aside:?}");
    let now = epr_build::base::digest::Digest::of(&Sample::of("alpha", "1.0.0", "four").zip);
    assert!(aside.contains(&format!("alpha-1.0.0.{now}.zip")), "{aside:?}");
    // Once the upstream has come to its senses, nothing stays.
    world.serve(&samples());
    let run = world.mirror("--audit");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert!(run.stdout.contains("removed    4 files of no use any more, beside the layer, "), "{run:#?}");
    assert!(!world.case.path("up/.epr-build/changed").exists());
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

/// A version that had no signature may have one with its other bytes.
#[test]
fn an_audit_lays_a_signature_aside_that_was_not_there_before() {
    let unsigned = Sample { signature: None, ..Sample::new("beta", "1.0.0") };
    let world = World::new(std::slice::from_ref(&unsigned), "keys: trusted.asc, signatures: verify", "");
    assert_eq!(world.mirror("").code, 0);
    let signed = Sample::of("beta", "1.0.0", "signed now");
    world.serve(std::slice::from_ref(&signed));
    assert_eq!(world.mirror("--audit").code, 1);
    let run = world.mirror("--accept-changed beta@1.0.0 --reason announced");
    assert_eq!(run.code, 0, "{run:#?}");
    assert_eq!(world.placed(), World::expected(&[signed]));
    assert!(world.record("beta", "1.0.0")["signature"].as_str().unwrap().starts_with("good"));
}
