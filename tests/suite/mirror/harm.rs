//! Layers that somebody else may write into: paths and links that lead elsewhere, files that are lost or damaged, and
//! policies that changed since.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::upstream::Answer;
use super::world::{LISTING, Sample, World, signed};
use serde_json::Value;
use std::path::PathBuf;

const RECORD: &str = "up/.epr-build/mirror.json";
const JOURNAL: &str = "up/.epr-build/mirror.journal";

fn samples() -> Vec<Sample> {
    vec![Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")]
}

fn kept(layer: &str) -> World {
    let world = World::new(&samples(), layer, "");
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    world.upstream.asked();
    world
}

/// Changes the line of a version in the record.
fn edit(world: &World, name: &str, change: impl Fn(&mut serde_json::Map<String, Value>)) {
    let mut record = world.case.json(RECORD);
    let versions = record["versions"].as_array_mut().unwrap();
    let line = versions.iter_mut().find(|line| line["name"] == name).unwrap();
    change(line.as_object_mut().unwrap());
    std::fs::write(world.case.path(RECORD), record.to_string()).unwrap();
}

fn shell(world: &World, script: &str) {
    let done = std::process::Command::new("sh").args(["-ec", script]).current_dir(world.case.path("")).status();
    assert!(done.unwrap().success(), "{script}");
}

/// Neither the record, which may come from a repository, nor the journal leads out of the layer.
#[test]
fn a_path_that_leads_out_of_the_layer_stops_every_run() {
    let world = kept("");
    let precious = [world.case.path("precious.zip"), world.case.path("precious.zip.sig")];
    let write = |path: &PathBuf| std::fs::write(path, "precious").unwrap();
    precious.iter().for_each(write);
    let good = std::fs::read(world.case.path(RECORD)).unwrap();
    for path in ["../precious.zip", precious[0].to_str().unwrap(), "alpha/../../precious.zip"] {
        edit(&world, "alpha", |line| drop(line.insert("path".to_owned(), path.into())));
        for arguments in ["", "--dry-run", "--locked", "--audit", "--accept-changed alpha@1.0.0 --reason x"] {
            let run = world.mirror(arguments);
            assert_eq!(run.code, 2, "{path} {arguments}: {run:#?}");
            assert!(run.stderr.contains("leads to no zip below the layer's folder at line 1"), "{run:#?}");
        }
    }
    std::fs::write(world.case.path(RECORD), &good).unwrap();
    let mut line = world.record("alpha", "1.0.0");
    line["signature_sha256"] = epr_build::base::digest::Digest::of(b"precious").to_string().into();
    for (path, words) in [
        ("../precious.zip", "cannot understand line 1 of "),
        // Of which there is only the signature, as a run leaves it that was killed.
        ("out/lost.zip", "is in the way: it is no folder"),
    ] {
        line["path"] = path.into();
        std::fs::write(world.case.path(JOURNAL), format!("{line}\n")).unwrap();
        shell(&world, "mkdir -p elsewhere; ln -sfn ../elsewhere up/out; printf precious > elsewhere/lost.zip.sig");
        std::fs::remove_file(&precious[0]).unwrap();
        let run = world.mirror("");
        assert_eq!(run.code, 2, "{path}: {run:#?}");
        assert!(run.stderr.contains(words) && run.stderr.contains("\nhint: "), "{path}: {run:#?}");
        assert!(precious[1].exists() && world.case.path("elsewhere/lost.zip.sig").exists(), "{path}");
        write(&precious[0]);
    }
}

#[test]
fn links_and_fifos_among_the_files_of_a_run_are_refused() {
    for (name, make) in [
        ("partial is a link", "ln -s $PWD/out up/.epr-build/partial"),
        ("changed is a link", "ln -s $PWD/out up/.epr-build/changed"),
        ("a download is a link", "mkdir up/.epr-build/partial; ln -s $PWD/victim up/.epr-build/partial/beta-1.0.0.zip"),
        ("a download is a fifo", "mkdir up/.epr-build/partial; mkfifo up/.epr-build/partial/beta-1.0.0.zip"),
        ("the journal is a link", "ln -s $PWD/victim up/.epr-build/mirror.journal"),
        ("the journal is a fifo", "mkfifo up/.epr-build/mirror.journal"),
        ("the facts are a fifo", "mkfifo up/.epr-build/facts.jsonl.zst"),
        ("the notices are a fifo", "mkfifo up/.epr-build/deprecated.json"),
        ("the record is a link", "ln -s $PWD/victim up/.epr-build/mirror.json"),
    ] {
        let world = World::new(&samples(), "", "");
        shell(&world, &format!("mkdir -p up/.epr-build out; printf 'as it was' > victim; {make}"));
        for arguments in ["", "--dry-run"] {
            let run = world.mirror(arguments);
            assert_eq!(run.code, 2, "{name}: {run:#?}");
            assert!(run.stderr.contains("hint: move it away"), "{name}: {run:#?}");
        }
        assert_eq!(std::fs::read(world.case.path("victim")).unwrap(), b"as it was", "{name}");
        assert_eq!(std::fs::read_dir(world.case.path("out")).unwrap().count(), 0, "{name}");
        assert!(world.upstream.asked().is_empty(), "{name}");
    }
}

/// That nothing is new upstream does not mean that all is well here.
#[test]
fn what_is_lost_or_damaged_in_the_layer_is_mended_or_told() {
    let world = kept("");
    let expected = World::expected(&samples());
    std::fs::remove_file(world.case.path("up/beta/beta-1.0.0.zip.sig")).unwrap();
    let run = world.mirror("--offline");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("error: beta 1.0.0: its signature lies no more in the layer"), "{run:#?}");
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    let paths = world.upstream.paths();
    assert!(paths.contains(&"/epr/beta/beta-1.0.0.zip.sig".to_owned()), "{paths:?}");
    assert!(!paths.contains(&"/epr/beta/beta-1.0.0.zip".to_owned()), "{paths:?}");
    assert_eq!(world.placed(), expected);
    assert!(world.mirror("").stdout.starts_with("up: nothing is new"));
    for (name, make, words) in [
        ("no bytes", ": > up/beta/beta-1.0.0.zip", "the zip in the layer has 0 bytes, and "),
        (
            "a fifo",
            "rm up/beta/beta-1.0.0.zip; mkfifo up/beta/beta-1.0.0.zip",
            "the zip in the layer is no regular file",
        ),
    ] {
        shell(&world, make);
        for arguments in ["", "", "--dry-run", "--offline"] {
            let run = world.mirror(arguments);
            assert_eq!(run.code, 1, "{name}: {run:#?}");
            assert!(run.stderr.contains(&format!("error: beta 1.0.0: {words}")), "{name}: {run:#?}");
            assert!(run.stderr.contains("hint: move it away; the next run fetches it anew"), "{name}: {run:#?}");
        }
        shell(&world, "mv up/beta/beta-1.0.0.zip damaged");
        let run = world.mirror("");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}: {run:#?}");
        assert_eq!(world.placed(), expected, "{name}");
    }
}

/// A zip in whose place another one of the same size was put is seen by the state of its file, once; one that was only copied is
/// read and is as good as before.
#[test]
fn an_exchange_of_the_same_size_is_seen() {
    let world = kept("");
    let expected = World::expected(&samples());
    let good = samples()[1].zip.clone();
    let mut other = good.clone();
    *other.last_mut().unwrap() ^= 1;
    let (zip, signature) = (world.case.path("up/beta/beta-1.0.0.zip"), world.case.path("up/beta/beta-1.0.0.zip.sig"));
    shell(&world, "cp up/beta/beta-1.0.0.zip copy; mv copy up/beta/beta-1.0.0.zip; touch -d 2001-01-01 up/alpha/*");
    for _ in 0..2 {
        let run = world.mirror("");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
        assert!(run.stdout.starts_with("up: nothing is new; 2 versions held"), "{run:#?}");
    }
    let of_signature = std::fs::read(&signature).unwrap();
    let of_other = String::from_utf8(of_signature.clone()).unwrap().to_lowercase().into_bytes();
    for (path, bytes, good, what) in [
        (&zip, &other, &good, "the zip in the layer is not the one"),
        (&signature, &of_other, &of_signature, "the signature in the layer is not the one"),
    ] {
        std::fs::write(path, bytes).unwrap();
        for arguments in ["--dry-run", "", "--offline", "", "--audit --offline"] {
            let run = world.mirror(arguments);
            assert_eq!(run.code, 1, "{arguments}: {run:#?}");
            assert!(run.stderr.contains(&format!("error: beta 1.0.0: {what}")), "{arguments}: {run:#?}");
            assert!(run.stderr.contains("hint: move it away"), "{arguments}: {run:#?}");
        }
        std::fs::write(path, good).unwrap();
        let run = world.mirror("");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
        assert_eq!(world.placed(), expected);
    }
    // A record that demands other bytes than before, as a repository may bring it, is compared as well.
    edit(&world, "alpha", |line| {
        drop(line.insert("sha256".to_owned(), line["sha256"].as_str().unwrap().replace(['1', '2'], "3").into()))
    });
    let run = world.mirror("");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("error: alpha 1.0.0: the zip in the layer is not the one"), "{run:#?}");
}

/// Whoever is told to move a zip away must be able to get it again.
#[test]
fn what_is_damaged_and_gone_upstream_is_not_to_be_fetched() {
    let world = kept("");
    world.serve(&samples()[..1]);
    assert_eq!(world.mirror("--accept-loss").code, 0);
    std::fs::write(world.case.path("up/beta/beta-1.0.0.zip"), "damage").unwrap();
    for arguments in ["", "--offline", "--audit --offline", "--locked"] {
        let run = world.mirror(arguments);
        assert_eq!(run.code, 1, "{arguments}: {run:#?}");
        let hint = "hint: no upstream lists the version any more, so it cannot be fetched anew: put the zip back from a backup";
        assert!(run.stderr.contains(hint) && !run.stderr.contains("fetches it anew"), "{arguments}: {run:#?}");
    }
}

/// A stricter policy counts for what is held, too: nothing is removed, and every run says so.
#[test]
fn what_is_held_is_judged_again_by_another_policy_or_other_keys() {
    let world = World::new(&samples(), "signatures: pass", "");
    let beta = &samples()[1];
    let other = signed("other", &beta.zip);
    world.upstream.answer(&format!("{}.sig", beta.path()), Answer::ok(&other));
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.record("beta", "1.0.0")["signature"], "not verified");
    let placed = world.placed();
    let config = std::fs::read_to_string(world.case.path("epr-build.yml")).unwrap();
    let policy = |text: &str| {
        let config = config.replace("signatures: pass", text);
        std::fs::write(world.case.path("epr-build.yml"), config).unwrap();
    };
    policy("signatures: require, keys: trusted.asc");
    let newer = [samples(), vec![Sample::new("alpha", "1.1.0")]].concat();
    let arguments = ["--audit --offline", "--locked", "--dry-run", "", "", "--offline", "--audit", ""];
    for (number, arguments) in arguments.into_iter().enumerate() {
        if number == 7 {
            world.serve(&newer);
        }
        let run = world.mirror(arguments);
        assert_eq!(run.code, 1, "{number}: {run:#?}");
        let words = "error: beta 1.0.0: it is held, and would be refused if it came now: the signature is not by a key";
        assert!(run.stderr.contains(words) && !run.stderr.contains("alpha"), "{number}: {run:#?}");
    }
    assert!(placed.iter().all(|(path, bytes)| world.placed().get(path) == Some(bytes)));
    assert!(world.record("alpha", "1.0.0")["signature"].as_str().unwrap().starts_with("good"));
    assert!(!world.record("beta", "1.0.0")["unfit"].is_null());
    policy("signatures: pass");
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert!(world.record("beta", "1.0.0")["unfit"].is_null());
}

/// A record without a digest demands nothing that could be compared; one without a signature demands that there is none.
#[test]
fn a_locked_run_demands_all_that_the_record_says() {
    let world = kept("");
    let good = std::fs::read(world.case.path(RECORD)).unwrap();
    edit(&world, "alpha", |line| drop(line.remove("sha256")));
    let run = world.mirror("--locked");
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.stderr.contains("has no `sha256` for alpha 1.0.0") && run.stderr.contains("\nhint: "), "{run:#?}");
    std::fs::write(world.case.path(RECORD), good).unwrap();
    edit(&world, "alpha", |line| drop(line.remove("signature_sha256")));
    let run = world.mirror("--locked");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("error: alpha 1.0.0: a signature lies beside its zip, and the record has none"));
    shell(&world, "rm up/alpha/*");
    let run = world.mirror("--locked");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    let mut expected = World::expected(&samples());
    expected.remove("alpha/alpha-1.0.0.zip.sig");
    assert_eq!(world.placed(), expected);
}

/// What a document told wrongly once does not stay for ever.
#[test]
fn a_document_is_asked_again_after_a_refusal() {
    let world = World::new(&samples(), "", "");
    let document = "/package/beta/1.0.0/";
    let wrong = samples()[1].document().replace("3.0.0", "9.9.9");
    world.upstream.answer(document, Answer::ok(wrong.as_bytes()));
    let run = world.mirror("");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("the upstream told `9.9.9`"), "{run:#?}");
    shell(&world, "cp -r up/.epr-build records");
    // Without any document the zip alone tells; with the right one both do.
    for answer in [Answer::status(404), Answer::ok(samples()[1].document().as_bytes())] {
        world.upstream.answer(document, answer);
        let run = world.mirror("--only beta@1.0.0");
        assert_eq!(run.code, 0, "{run:#?}");
        assert_eq!(world.placed(), World::expected(&samples()));
        shell(&world, "rm up/beta/*; rm -r up/.epr-build; cp -r records up/.epr-build");
    }
}

#[test]
fn a_signature_that_is_none_is_refused_where_one_is_required() {
    for answer in [Answer::ok(b"<!DOCTYPE html><title>Not found</title>"), Answer::ok(b"")] {
        let world = World::new(&samples(), "signatures: require", "");
        world.upstream.answer("/epr/beta/beta-1.0.0.zip.sig", answer);
        let run = world.mirror("");
        assert_eq!(run.code, 1, "{run:#?}");
        assert!(run.stderr.contains("error: beta 1.0.0: the signature "), "{run:#?}");
        assert_eq!(world.placed(), World::expected(&samples()[..1]));
    }
}

/// What gives access to a file for a while is in no record.
#[test]
fn addresses_are_recorded_without_their_query() {
    let world = World::new(&samples(), "", "");
    let target = "/files/beta.zip?signature=secret";
    world.upstream.answer(&samples()[1].path(), Answer::redirect(302, target));
    world.upstream.answer(target, Answer::ok(&samples()[1].zip));
    assert_eq!(world.mirror("").code, 0);
    let url = world.record("beta", "1.0.0")["url"].clone();
    assert_eq!(url, format!("{}/files/beta.zip", world.upstream.url().trim_end_matches('/')));
    assert!(!std::fs::read_to_string(world.case.path(RECORD)).unwrap().contains("secret"));
}

/// Of what could not be asked for nothing is said.
#[test]
fn a_dry_run_without_a_listing_tells_no_number() {
    for answer in [Answer::status(404), Answer::ok(b"<html>")] {
        let world = World::new(&samples(), "", "");
        world.upstream.answer(LISTING, answer);
        let run = world.mirror("--dry-run --plan plan.json");
        assert_eq!(run.code, 3, "{run:#?}");
        assert!(run.stdout.starts_with("up: what would be fetched is not known\n"), "{run:#?}");
        assert!(!run.stdout.contains("the plan is in"), "{run:#?}");
        assert!(run.stderr.contains("\nhint: check `url` of upstream up; "), "{run:#?}");
        assert!(!world.case.path("plan.json").exists());
    }
}
