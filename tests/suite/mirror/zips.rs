//! Zips, signatures and documents that are wrong: each is refused with its reason, and the others are mirrored.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::upstream::Answer;
use super::world::{Sample, World, signed, zip_from, zip_of};
use std::collections::BTreeMap;

const PATH: &str = "/epr/beta/beta-1.0.0.zip";
const SIGNATURE: &str = "/epr/beta/beta-1.0.0.zip.sig";
const TRUST: &str = "keys: trusted.asc, signatures: ";

/// A world with a good version, and one whose answers `spoil` changes.
fn spoiled(layer: &str, spoil: impl Fn(&World, &Sample)) -> World {
    let samples = [Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")];
    let world = World::new(&samples, layer, "");
    spoil(&world, &samples[1]);
    world
}

/// The good version alone is there, the other one is refused for this reason, and the run ends so.
fn refused(name: &str, world: &World, code: i32, words: &str) {
    let run = world.mirror("");
    assert_eq!(run.code, code, "{name}: {run:#?}");
    assert!(run.stderr.contains("error: beta 1.0.0: ") && run.stderr.contains(words), "{name}: {run:#?}");
    assert_eq!(world.placed(), World::expected(&[Sample::new("alpha", "1.0.0")]), "{name}");
    if code == 1 {
        assert_eq!(world.record("beta", "1.0.0")["state"], "refused", "{name}");
    }
    // What the record says of the good one is true, and once the upstream mends its ways all is well.
    let samples = [Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")];
    world.serve(&samples);
    let run = world.mirror("--only beta@1.0.0");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}: {run:#?}");
    assert_eq!(world.placed(), World::expected(&samples), "{name}");
    assert!(!world.case.path("up/.epr-build/partial").exists(), "{name}");
}

#[test]
fn a_zip_that_is_not_what_it_should_be_is_never_placed() {
    let good = Sample::new("beta", "1.0.0").zip;
    let damaged = {
        let mut bytes = good.clone();
        let at = bytes.windows(8).position(|eight| eight == b"README.m").unwrap() + 12;
        bytes[at] ^= 0x55;
        bytes
    };
    let two = {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for folder in ["beta-1.0.0", "other"] {
            files.insert(format!("{folder}/manifest.yml"), b"name: beta\nversion: 1.0.0\n".to_vec());
        }
        zip_from(&files)
    };
    let bomb = zip_from(&BTreeMap::from([("beta-1.0.0/manifest.yml".to_owned(), vec![b' '; 4 << 20])]));
    let bare = zip_from(&BTreeMap::from([("beta-1.0.0/readme".to_owned(), b"x".to_vec())]));
    let other = |name: &str, version: &str| zip_of("beta-1.0.0", name, version, "x");
    let half = good.len() / 2;
    let cases: Vec<(&str, Answer, i32, &str)> = vec![
        ("404", Answer::status(404), 1, "the upstream tells of it, and does not have it: the answer is 404 Not Found"),
        ("410", Answer::status(410), 1, "the answer is 410 Gone"),
        ("403", Answer::status(403), 1, "the answer is 403 Forbidden"),
        ("451", Answer::status(451), 1, "the answer is 451"),
        ("500", Answer::status(500), 3, "the answer is 500 Internal Server Error"),
        (
            "206 to no range",
            Answer::rest(&good, 5, good.len(), &[]),
            1,
            "the answer is 206 Partial Content, which nobody asked for",
        ),
        ("short, as a length says", Answer::declared(200, &[], &good[..half], good.len()), 3, "the connection broke"),
        ("short, in chunks", Answer::chunked(200, &[], &good[..half], false), 3, "the connection broke"),
        ("short, and nothing says so", Answer::ok(&good[..half]), 1, "zip"),
        (
            "an error as its tail",
            Answer::chunked(200, &[], &[&good[..half], b"error writing response"].concat(), true),
            1,
            "zip",
        ),
        ("more bytes", Answer::ok(&[&good[..], b"and more"].concat()), 1, "zip"),
        ("HTML", Answer::ok(b"<!DOCTYPE html><title>Not found</title>"), 1, "cannot be opened as a zip"),
        ("nothing", Answer::ok(b""), 1, "zip"),
        (
            "compressed",
            Answer::new(200, &[("Content-Encoding", "gzip")], &good),
            1,
            "compressed (`gzip`), which nobody asked for",
        ),
        ("a damaged file", Answer::ok(&damaged), 1, "cannot be read"),
        ("two folders", Answer::ok(&two), 1, "it holds more than the folder `beta-1.0.0` of the package"),
        ("a bomb", Answer::ok(&bomb), 1, "more than 200 times as many"),
        ("no manifest", Answer::ok(&bare), 1, "manifest.yml`"),
        ("another name", Answer::ok(&other("gamma", "1.0.0")), 1, "its manifest says `gamma` for `name`"),
        ("another version", Answer::ok(&other("beta", "1.0.1")), 1, "its manifest says `1.0.1` for `version`"),
    ];
    for (name, answer, code, words) in cases {
        let world = spoiled("", |world, _| world.upstream.answer(PATH, answer.clone()));
        refused(name, &world, code, words);
    }
    let document = "{\"name\":\"beta\",\"version\":\"1.0.0\",\"format_version\":\"9.9.9\"}";
    let world = spoiled("", |world, _| world.upstream.answer("/package/beta/1.0.0/", Answer::ok(document.as_bytes())));
    let run = world.mirror("");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("says `3.0.0` for `format_version`, and the upstream told `9.9.9`"), "{run:#?}");
}

#[test]
fn documents_that_are_wrong_cost_their_version_and_missing_ones_nothing() {
    let with =
        |answer: Answer| spoiled("", move |world, _| world.upstream.answer("/package/beta/1.0.0/", answer.clone()));
    for (text, words) in [
        ("{\"name\":\"gamma\",\"version\":\"1.0.0\"}", "its document is not to be used: its `name` is `gamma`"),
        ("{\"name\":\"beta\",\"version\":\"1.0.1\"}", "its `version` is `1.0.1`"),
        ("<html>", "it is not JSON"),
    ] {
        let run = with(Answer::ok(text.as_bytes())).mirror("");
        assert_eq!(run.code, 1, "{run:#?}");
        assert!(run.stderr.contains("error: beta 1.0.0: ") && run.stderr.contains(words), "{run:#?}");
    }
    let world = with(Answer::status(404));
    let run = world.mirror("");
    assert_eq!(run.code, 0, "{run:#?}");
    assert!(run.stderr.contains("warning: beta 1.0.0: its document cannot be had: the answer is 404"), "{run:#?}");
    assert_eq!(world.record("beta", "1.0.0")["format_version"], "3.0.0");
}

/// Each signature under each policy: taken with it, taken without it, or refused.
#[test]
fn signatures_are_judged_by_the_policy_of_the_layer() {
    let sample = Sample::new("beta", "1.0.0");
    let good = sample.signature.clone().unwrap();
    let other = signed("other", &sample.zip);
    let over_other = signed("trusted", b"another zip");
    let both = |first: &[u8], second: &[u8]| [first, b"\n", second].concat();
    let binary = b"\x88\x75\x04\x00\x16\x0a\x00\x1d".to_vec();
    let (yes, no, alone) = ("kept", "refused", "alone");
    // Answer to the signature; under require, verify, pass, strip, sign.
    let cases: Vec<(&str, Answer, [&str; 5])> = vec![
        ("good", Answer::ok(&good), [yes, yes, yes, alone, yes]),
        ("404", Answer::status(404), [no, alone, alone, alone, alone]),
        ("by another key", Answer::ok(&other), [no, no, yes, alone, alone]),
        ("over another zip", Answer::ok(&over_other), [no, no, yes, alone, alone]),
        ("HTML", Answer::ok(b"<html>"), [no, no, yes, alone, alone]),
        ("empty", Answer::ok(b""), [no, no, yes, alone, alone]),
        ("binary", Answer::ok(&binary), [no, no, yes, alone, alone]),
        ("another's and good", Answer::ok(&both(&other, &good)), [no, no, yes, alone, alone]),
        ("1 MiB", Answer::ok(&vec![b'x'; 1 << 20]), [no, no, no, alone, no]),
    ];
    for (name, answer, expected) in cases {
        for (policy, expected) in ["require", "verify", "pass", "strip", "sign"].into_iter().zip(expected) {
            let world =
                spoiled(&format!("{TRUST}{policy}"), |world, _| world.upstream.answer(SIGNATURE, answer.clone()));
            let run = world.mirror("");
            let placed = world.placed();
            let found =
                match (placed.contains_key("beta/beta-1.0.0.zip"), placed.contains_key("beta/beta-1.0.0.zip.sig")) {
                    (true, true) => yes,
                    (true, false) => alone,
                    (false, false) => no,
                    (false, true) => "a signature without its zip",
                };
            assert_eq!(found, expected, "{name} {policy}: {run:#?}");
            assert_eq!(run.code, i32::from(expected == no), "{name} {policy}: {run:#?}");
            if expected == no {
                let place = format!("  --> {}{PATH}", world.upstream.url());
                assert!(
                    run.stderr.contains("signature") || run.stderr.contains("has more than"),
                    "{name} {policy}: {run:#?}"
                );
                assert!(run.stderr.contains(&place) || name == "404", "{name} {policy}: {run:#?}");
            }
            // A wrong signature is fetched once more, past all caches.
            let asked = world.upstream.asked();
            let of_beta: Vec<_> = asked.iter().filter(|asked| asked.path == SIGNATURE).collect();
            let is_judged_wrong = expected == no && !matches!(name, "404" | "1 MiB");
            let times = if policy == "strip" { 0 } else { 1 + usize::from(is_judged_wrong) };
            assert_eq!(of_beta.len(), times, "{name} {policy}");
            if is_judged_wrong {
                assert_eq!(of_beta[1].headers["cache-control"], "no-cache");
                let zips: Vec<_> = asked.iter().filter(|asked| asked.path == PATH).collect();
                assert_eq!((zips.len(), zips[1].headers["cache-control"].as_str()), (2, "no-cache"));
            }
            let alpha = &placed["alpha/alpha-1.0.0.zip"];
            assert_eq!(*alpha, Sample::new("alpha", "1.0.0").zip);
        }
    }
}

/// What was refused and is listed no more is forgotten.
#[test]
fn what_was_refused_is_forgotten_with_its_listing() {
    let world = spoiled("", |world, _| world.upstream.answer(PATH, Answer::status(404)));
    assert_eq!(world.mirror("").code, 1);
    assert_eq!(world.record("beta", "1.0.0")["state"], "refused");
    world.serve(&[Sample::new("alpha", "1.0.0")]);
    let run = world.mirror("--accept-loss");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.record("beta", "1.0.0"), serde_json::Value::Null);
}

/// A cache that had an old zip is passed by.
#[test]
fn a_stale_zip_is_fetched_once_more() {
    let world = spoiled(&format!("{TRUST}require"), |world, sample| {
        let (good, stale) = (sample.zip.clone(), Sample::of("beta", "1.0.0", "of yesterday").zip);
        world.upstream.script(PATH, move |asked| {
            Answer::ok(if asked.headers.contains_key("cache-control") { &good } else { &stale })
        });
    });
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&[Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")]));
}

/// Without a signature in the listing a layer that requires one asks for nothing.
#[test]
fn what_is_listed_without_a_signature_is_not_fetched_where_one_is_required() {
    let unsigned = Sample { signature: None, ..Sample::new("beta", "1.0.0") };
    let world = World::new(std::slice::from_ref(&unsigned), &format!("{TRUST}require"), "");
    let run = world.mirror("");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(run.stderr.contains("error: beta 1.0.0: it has no signature, and the layer requires one\n"), "{run:#?}");
    assert!(!world.upstream.paths().contains(&PATH.to_owned()));
    // One that comes later is fetched alone.
    let world = World::new(&[unsigned], &format!("{TRUST}verify"), "");
    assert_eq!(world.mirror("").code, 0);
    let signed = Sample::new("beta", "1.0.0");
    world.serve(std::slice::from_ref(&signed));
    world.upstream.paths();
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert!(!world.upstream.paths().contains(&PATH.to_owned()));
    assert_eq!(world.placed(), World::expected(&[signed]));
    assert!(world.record("beta", "1.0.0")["signature"].as_str().unwrap().starts_with("good"));
    assert_eq!(world.mirror("").code, 0);
}

/// Whatever the clock says, signatures are judged; that one seems to come from the future is told.
#[test]
fn a_wrong_clock_is_told_and_decides_nothing() {
    for (now, warns) in [("0", true), ("4102444800", false)] {
        let world = spoiled(&format!("{TRUST}require"), |_, _| {});
        let output = world.command(&["mirror"]).env("SOURCE_DATE_EPOCH", now).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert_eq!(said.contains("the signature says it was made in the future"), warns, "{said}");
        assert_eq!(world.placed().len(), 4);
    }
}
