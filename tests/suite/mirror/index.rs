//! Upstreams with a list of versions and digests, kind and hostile, and versions that were refused.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::upstream::Answer;
use super::world::{INDEX, LISTING, Sample, World};
use serde_json::Value;

fn samples() -> Vec<Sample> {
    vec![Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")]
}

fn told() -> World {
    let world = World::new(&samples(), "", "");
    world.tell(&samples(), "first");
    world
}

fn outcome(world: &World, arguments: &str, code: i32) -> Value {
    let run = world.mirror(&format!("{arguments} --format json"));
    assert_eq!(run.code, code, "{run:#?}");
    serde_json::from_str::<Value>(&run.stdout).unwrap()[0].clone()
}

/// Bytes are planned, no document is asked for, and nothing new is one conditional request.
#[test]
fn an_index_spares_requests_and_tells_bytes() {
    let world = told();
    let bytes: usize = samples().iter().map(|sample| sample.zip.len()).sum();
    let planned = outcome(&world, "--plan plan.json", 0);
    let told: Vec<_> = planned["plan"].as_array().unwrap().iter().map(|one| one["bytes"].as_u64().unwrap()).collect();
    assert_eq!(told.iter().sum::<u64>(), bytes as u64);
    let run = world.mirror("--dry-run");
    assert!(run.stdout.starts_with("up: would fetch 2 versions, 3."), "{run:#?}");
    world.upstream.asked();
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    let mut expected = vec!["/".to_owned(), INDEX.to_owned(), LISTING.to_owned()];
    expected.extend(samples().iter().flat_map(|sample| [sample.path(), format!("{}.sig", sample.path())]));
    expected.sort();
    assert_eq!(world.upstream.paths(), expected);
    assert_eq!(world.placed(), World::expected(&samples()));
    let before = world.state();
    for _ in 0..2 {
        let second = outcome(&world, "", 0);
        assert_eq!((&second["requests"], &second["bytes"], &second["unchanged"]), (&1.into(), &0.into(), &true.into()));
        let asked = world.upstream.asked();
        assert_eq!((asked[0].path.as_str(), asked[0].headers["if-none-match"].as_str()), (INDEX, "\"first\""));
        assert_eq!(world.state(), before);
    }
    // What is missing is fetched although the index is the same, and a plan demands the digests that it was made with.
    std::fs::remove_dir_all(world.case.path("up/beta")).unwrap();
    assert_eq!(outcome(&world, "", 0)["mirrored"].as_array().unwrap().len(), 1);
    std::fs::remove_dir_all(world.case.path("up/beta")).unwrap();
    world.upstream.answer(&samples()[1].path(), Answer::ok(&Sample::of("beta", "1.0.0", "other").zip));
    let run = world.mirror("--apply plan.json");
    assert_eq!(run.code, 1, "{run:#?}");
    assert!(
        run.stderr.contains("error: beta 1.0.0: the upstream gives other bytes under this version now"),
        "{run:#?}"
    );
}

/// What an index tells of bytes stays known, so that whoever asks nobody can tell them, too.
#[test]
fn bytes_that_an_index_told_are_known_without_asking() {
    let world = told();
    world.reconfigure(|text| {
        text.replace("{from: [up]}", "{from: [up], select: few}")
            + "selections:\n  few: {kibana: [9.1.0], take: [{name: alpha}]}\n"
    });
    let bytes = samples()[1].zip.len() as u64;
    let first = outcome(&world, "", 0);
    assert_eq!((&first["selection"]["bytes"], &first["selection"]["left_out"]), (&bytes.into(), &1.into()), "{first}");
    let facts = world.state()[".epr-build/facts.jsonl.zst"].clone();
    world.upstream.asked();
    let offline = outcome(&world, "--offline", 0);
    assert_eq!(offline["selection"]["bytes"], bytes, "{offline}");
    assert_eq!(offline["selection"]["are_bytes_known"], true, "{offline}");
    let run = world.case.run(&["select", "few", "--from", "up", "--format", "json"]);
    let select: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:#?}"));
    assert_eq!((&select["of"]["versions"], &select["of"]["of_unknown_size"]), (&2.into(), &0.into()), "{select}");
    assert!(world.upstream.asked().is_empty());
    // Without the index what it told is kept, and the file stays as it is.
    world.upstream.answer(INDEX, Answer::status(404));
    outcome(&world, "", 0);
    assert_eq!(world.state()[".epr-build/facts.jsonl.zst"], facts);
}

/// A server without validators is asked once as well: the text is compared.
#[test]
fn an_index_without_validators_is_compared() {
    let world = told();
    let elements: Vec<_> = samples().iter().map(Sample::element).collect();
    let text = format!("{{\"schema\":\"epr-build/packages/1\",\"packages\":[{}]}}", elements.join(","));
    world.upstream.answer(INDEX, Answer::ok(text.as_bytes()));
    assert_eq!(world.mirror("").code, 0);
    world.upstream.asked();
    assert_eq!(world.mirror("").code, 0);
    assert_eq!(world.upstream.paths(), [INDEX]);
}

/// Zips and signatures that are not those of the index are refused, however good they are.
#[test]
fn what_the_index_does_not_tell_is_refused() {
    let other = Sample::of("beta", "1.0.0", "never as it should have been");
    for (name, zip, signature, words) in [
        ("zip", &other.zip, other.signature.as_ref(), "`index/packages.json` tells "),
        (
            "signature",
            &samples()[1].zip,
            other.signature.as_ref(),
            "the signature is not the one that `index/packages.json` tells",
        ),
        ("no signature", &samples()[1].zip, None, "the signature is not the one that `index/packages.json` tells"),
    ] {
        let world = told();
        let path = samples()[1].path();
        world.upstream.answer(&path, Answer::ok(zip));
        let signature = signature.map_or_else(|| Answer::status(404), |text| Answer::ok(text));
        world.upstream.answer(&format!("{path}.sig"), signature);
        let run = world.mirror("");
        assert_eq!(run.code, 1, "{name}: {run:#?}");
        assert!(run.stderr.contains("error: beta 1.0.0: ") && run.stderr.contains(words), "{name}: {run:#?}");
        assert_eq!(world.placed(), World::expected(&samples()[..1]), "{name}");
    }
}

/// Other digests for what is held are an event, and no byte is fetched.
#[test]
fn a_change_is_seen_without_fetching() {
    let world = told();
    assert_eq!(world.mirror("").code, 0);
    let other = Sample::of("alpha", "1.0.0", "changed");
    world.serve(&[other.clone(), samples()[1].clone()]);
    world.tell(&[other.clone(), samples()[1].clone()], "second");
    world.upstream.asked();
    let words = "error: alpha 1.0.0: the upstream gives other bytes under this version now: ";
    for paths in [vec![INDEX, LISTING], vec![INDEX]] {
        let run = world.mirror("");
        assert_eq!(run.code, 1, "{run:#?}");
        assert!(run.stderr.starts_with(words) && run.stderr.contains("--audit --only alpha@1.0.0"), "{run:#?}");
        assert_eq!(world.upstream.paths(), paths);
        assert_eq!(world.placed(), World::expected(&samples()));
    }
    let run = world.mirror("--audit --only alpha@1.0.0");
    assert!(run.code == 1 && run.stderr.contains("--accept-changed alpha@1.0.0"), "{run:#?}");
    assert_eq!(world.mirror("--accept-changed alpha@1.0.0 --reason announced").code, 0);
    assert_eq!(world.placed(), World::expected(&[other, samples()[1].clone()]));
    assert_eq!(world.mirror("").code, 0);
}

/// What only one of index and listing has does not count, and is told.
#[test]
fn index_and_listing_must_agree() {
    let gamma = Sample::new("gamma", "1.0.0");
    for (listed, told, words) in [
        (
            [samples(), vec![gamma.clone()]].concat(),
            samples(),
            "gamma 1.0.0: it is listed, and index/packages.json does not have it",
        ),
        (
            samples(),
            [samples(), vec![gamma.clone()]].concat(),
            "gamma 1.0.0: index/packages.json has it, and it is not listed",
        ),
    ] {
        let world = World::new(&listed, "", "");
        world.tell(&told, "first");
        let run = world.mirror("");
        assert_eq!(run.code, 1, "{run:#?}");
        assert!(run.stderr.contains(words), "{run:#?}");
        assert_eq!(world.placed(), World::expected(&samples()));
        world.upstream.asked();
        let again = world.mirror("");
        assert_eq!((again.code, &again.stderr), (1, &run.stderr), "{again:#?}");
        assert_eq!(world.upstream.paths(), [INDEX, LISTING]);
        world.serve(&samples());
        world.tell(&samples(), "second");
        let run = world.mirror("");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{words}: {run:#?}");
    }
    // An index that has nothing of what is listed empties no layer.
    let world = told();
    assert_eq!(world.mirror("").code, 0);
    world.tell(&[], "second");
    let run = world.mirror("");
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(
        run.stderr.starts_with("error: upstream up lists 0 versions, the last time 2: nothing was done\n"),
        "{run:#?}"
    );
}

/// What is no index is as if there were none, and elements that cannot be are named.
#[test]
fn hostile_indexes() {
    let good: Vec<_> = samples().iter().map(Sample::element).collect();
    let whole =
        |elements: &[String]| format!("{{\"schema\":\"epr-build/packages/1\",\"packages\":[{}]}}", elements.join(","));
    let text = whole(&good);
    let many = whole(&vec!["{}".to_owned(); 200_001]);
    for no_index in
        ["", "null", "[]", "<html></html>", &text[..text.len() - 2], &text.replace("packages/1", "packages/2"), &many]
    {
        let world = told();
        world.tell_text(no_index, "first");
        let run = world.mirror("");
        let shown = &no_index[..no_index.len().min(40)];
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{shown}: {run:#?}");
        assert_eq!(world.placed(), World::expected(&samples()), "{shown}");
        world.upstream.asked();
        assert_eq!(world.mirror("").code, 0, "{shown}");
        assert_eq!(world.upstream.paths(), [LISTING], "{shown}");
    }
    for (bad, words) in [
        (good[1].replace("\"beta\"", "\"../beta\""), "`../beta` is not the name of a package"),
        (good[1].replace("\"1.0.0\"", "\"1.0\""), "element 2 of index/packages.json: `1.0`"),
        (good[1].replace("\"sha256\":\"", "\"sha256\":\"x"), "element 2 of index/packages.json: not a version"),
        (good[0].clone(), "alpha 1.0.0 in index/packages.json: it is there twice"),
    ] {
        let world = told();
        world.tell_text(&whole(&[good[0].clone(), bad]), "first");
        let run = world.mirror("");
        assert_eq!(run.code, 1, "{run:#?}");
        assert!(run.stderr.contains(words), "{words}: {run:#?}");
        assert!(run.stderr.contains("beta 1.0.0: it is listed, and index/packages.json does not have it"), "{run:#?}");
        assert_eq!(world.placed(), World::expected(&samples()[..1]), "{words}");
    }
    // A server that fails for the index alone is asked for the listing, and again for the index the next time.
    let world = told();
    world.upstream.answer(INDEX, Answer::status(503));
    assert_eq!(world.mirror("").code, 0);
    assert_eq!(world.placed(), World::expected(&samples()));
    world.tell(&samples(), "first");
    assert_eq!(world.mirror("").code, 0);
    world.upstream.asked();
    assert_eq!(world.mirror("").code, 0);
    assert!(world.upstream.paths().contains(&INDEX.to_owned()));
}

/// A version that was refused costs nothing while nothing changes, is told all the same, and is tried again after a day.
#[test]
fn what_was_refused_rests_for_a_day() {
    for has_index in [false, true] {
        let world = World::new(&samples(), "", "");
        if has_index {
            world.tell(&samples(), "first");
        }
        world.upstream.answer(&samples()[1].path(), Answer::ok(b"no zip"));
        let first = world.mirror("");
        assert_eq!(first.code, 1, "{first:#?}");
        world.upstream.asked();
        let one = [if has_index { INDEX } else { LISTING }];
        let later = |seconds: u64| {
            let output =
                world.command(&["mirror"]).env("SOURCE_DATE_EPOCH", (1_750_000_000 + seconds).to_string()).output();
            let output = output.unwrap();
            (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
        };
        for seconds in [0, 24 * 60 * 60 - 1] {
            assert_eq!(later(seconds), (1, first.stderr.clone()));
            assert_eq!(world.upstream.paths(), one);
        }
        // A new version of another package does not wake it.
        let gamma = Sample::new("gamma", "1.0.0");
        world.serve(&[samples(), vec![gamma.clone()]].concat());
        world.upstream.answer(&samples()[1].path(), Answer::ok(b"no zip"));
        if has_index {
            world.tell(&[samples(), vec![gamma.clone()]].concat(), "second");
        }
        let (code, stderr) = later(60);
        assert_eq!(code, 1, "{stderr}");
        assert!(stderr.contains("error: beta 1.0.0: it was refused before: "), "{stderr}");
        assert!(
            stderr.contains("hint: it is tried again in a day, or by `epr-build mirror up --only beta@1.0.0`\n"),
            "{stderr}"
        );
        assert!(!world.upstream.paths().contains(&samples()[1].path()));
        assert_eq!(world.placed(), World::expected(&[samples()[0].clone(), gamma.clone()]));
        // A day later it may be had.
        world.upstream.answer(&samples()[1].path(), Answer::ok(&samples()[1].zip));
        assert_eq!(later(24 * 60 * 60), (0, String::new()));
        assert_eq!(world.placed(), World::expected(&[samples(), vec![gamma]].concat()));
    }
}

/// Two upstreams that have other bytes under one name: where both tell digests, or one tells another than what the other one
/// gave, it is said, and the first one gives it.
#[test]
fn upstreams_that_contradict_each_other_are_named() {
    let (first, second) = (Sample::new("alpha", "1.0.0"), Sample::of("alpha", "1.0.0", "another"));
    let other = World::new(std::slice::from_ref(&second), "", "");
    let both = |has_index: bool| {
        let world = World::new(std::slice::from_ref(&first), "", "");
        if has_index {
            world.tell(std::slice::from_ref(&first), "first");
        }
        let more = format!("  other: {{url: \"{}\", {}}}\nlayers:", other.upstream.url(), super::world::QUICK);
        world.reconfigure(|text| text.replace("layers:", &more).replace("from: [up]", "from: [up, other]"));
        world
    };
    let digest = |sample: &Sample| epr_build::base::digest::Digest::of(&sample.zip).to_string();
    let world = both(true);
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "one alone tells: {run:#?}");
    other.tell(std::slice::from_ref(&second), "second");
    let words =
        format!("upstreams tell different bytes of it: up {}, other {}; up stands", digest(&first), digest(&second));
    for (has_index, words) in [
        (true, words),
        (false, format!("it is held as up gave it, {}, and upstream other tells {}", digest(&first), digest(&second))),
    ] {
        let world = both(has_index);
        let run = world.mirror("");
        assert_eq!(run.code, 0, "{run:#?}");
        assert!(run.stderr.contains(&format!("warning: alpha 1.0.0: {words}")), "{run:#?}");
        // It stays so, and is told although nothing is new.
        let again = outcome(&world, "", 0);
        let told = again["warnings"].as_array().unwrap().iter();
        let told: Vec<_> = told.map(|one| one["why"].as_str().unwrap().to_owned()).collect();
        assert!(again["unchanged"] == true && told.len() == 1 && told[0].starts_with(&words), "{again:#}");
        assert_eq!(world.placed(), World::expected(std::slice::from_ref(&first)));
    }
    other.tell(std::slice::from_ref(&first), "fourth");
    let run = both(true).mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
}
