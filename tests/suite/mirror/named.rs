//! Versions that no listing has and that somebody names: a keep file, a selection, or `--only`.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::keep::keep_file;
use super::upstream::Answer;
use super::world::{INDEX, LISTING, QUICK, Sample, World};
use serde_json::{Value, json};

fn samples() -> Vec<Sample> {
    vec![Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")]
}

/// A registry that gives a version by name and does not list it.
fn world(listed: &[Sample], unlisted: &Sample, mirror: &str, more: &str) -> World {
    let world = World::new(&[listed, std::slice::from_ref(unlisted)].concat(), "", "");
    world.serve_listing(listed);
    give(&world, unlisted);
    let url = world.upstream.url();
    world.case.reconfigure(&format!(
        "distributions: {{mirrored: [up]}}\nupstreams:\n  up: {{url: \"{url}\", {QUICK}}}\n\
         layers:\n  up: {{paths: up, keys: trusted.asc, signatures: require, mirror: {{from: [up]{mirror}}}}}\n{more}"
    ));
    world
}

/// Lets a registry give the document of a version as registries have it: its element, and more.
fn give(world: &World, sample: &Sample) {
    let document = format!("{{\"format_version\":\"3.0.0\",\"assets\":[],{}", &sample.item()[1..]);
    world.upstream.answer(&document_path(sample), Answer::ok(document.as_bytes()));
}

fn document_path(sample: &Sample) -> String {
    format!("/package/{}/{}/", sample.name, sample.version)
}

fn keep(world: &World, lines: &str) {
    let text = keep_file("9.1.3", "2025-06-01T00:00:00Z", "yes", lines);
    std::fs::write(world.case.path("site.keep"), text).unwrap();
}

/// Whoever names it, it is fetched as any other, told once, and costs no request when nothing is new.
#[test]
fn a_version_that_is_named_and_not_listed_is_fetched() {
    let unlisted = Sample::new("alpha", "1.1.0");
    const KEEP: &str = ", keep: site.keep";
    for (name, mirror, more, arguments, expected) in [
        ("keep file", KEEP, "", "", &["alpha-1.0.0", "alpha-1.1.0", "beta-1.0.0"][..]),
        ("keep and --only", KEEP, "", "--only alpha@1.1.0", &["alpha-1.1.0"]),
        ("--only", "", "", "--only alpha@1.1.0", &["alpha-1.1.0"]),
        (
            "keep and selection",
            ", select: few, keep: site.keep",
            "selections:\n  few: {take: [{name: alpha}]}\n",
            "",
            // What Kibanas get of the package is what the upstream gives them, which hides the newer one.
            &["alpha-1.0.0", "alpha-1.1.0"],
        ),
        (
            "pin",
            ", select: few",
            "selections:\n  few: {take: [{pin: alpha@1.1.0}]}\n",
            "",
            &["alpha-1.0.0", "alpha-1.1.0"],
        ),
    ] {
        let world = world(&samples(), &unlisted, mirror, more);
        keep(&world, "alpha@1.1.0 installed registry\n");
        let planned = world.mirror(&format!("--dry-run {arguments}"));
        let words = "  alpha 1.1.0 from up: it is not listed, and the upstream gives it by name\n";
        assert!(planned.code == 0 && planned.stdout.contains(words), "{name}: {planned:#?}");
        world.upstream.asked();
        let run = world.mirror(arguments);
        assert_eq!(run.code, 0, "{name}: {run:#?}");
        let told = "warning: alpha 1.1.0: upstream up does not list it and gives it by name; builds of this layer offer it to \
                    every Kibana that accepts it\nhint: an override of the layer with `hide: yes` ";
        assert!(run.stderr.starts_with(told) && run.stderr.lines().count() == 2, "{name}: {run:#?}");
        let paths = world.upstream.paths();
        assert_eq!(paths.iter().filter(|path| **path == document_path(&unlisted)).count(), 1, "{name}: {paths:?}");
        let zips = world.placed().into_keys().filter(|path| path.ends_with(".zip"));
        let held: Vec<_> = zips.map(|path| path.split('/').next_back().unwrap().replace(".zip", "")).collect();
        assert_eq!(held, expected, "{name}");
        for _ in 0..2 {
            let run = world.mirror(arguments);
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}: {run:#?}");
            assert_eq!(world.upstream.paths(), [LISTING], "{name}");
        }
        // It is neither gone nor asked for again when something else is new.
        world.list(&format!(
            "[{},{},{}]",
            samples()[0].item(),
            samples()[1].item(),
            Sample::new("gamma", "1.0.0").item()
        ));
        let run = world.mirror(&format!("--dry-run {arguments}"));
        assert!(run.code == 0 && !run.stderr.contains("gone upstream"), "{name}: {run:#?}");
        assert!(!world.upstream.paths().contains(&document_path(&unlisted)), "{name}");
        // What was lost is fetched once more, as it is still given.
        std::fs::remove_file(world.case.path("up/alpha/alpha-1.1.0.zip")).unwrap();
        world.serve_listing(&samples());
        let run = world.mirror(arguments);
        assert!(run.code == 0 && world.placed().contains_key("alpha/alpha-1.1.0.zip"), "{name}: {run:#?}");
    }
}

/// An override of the layer hides it for builds, and nothing is warned of.
#[test]
fn a_version_that_the_layer_hides_itself_is_no_warning() {
    let world = world(&samples(), &Sample::new("alpha", "1.1.0"), ", keep: site.keep", "");
    keep(&world, "alpha@1.1.0 installed registry\n");
    let hide = "overrides: [{package: alpha, versions: 1.1.0, hide: yes, reason: x}], mirror:";
    world.reconfigure(|text| text.replace("mirror:", hide));
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
}

/// What nobody has costs one request for each run that has something to do.
#[test]
fn what_nobody_has_is_asked_for_when_something_is_new() {
    let missing = Sample::new("alpha", "0.9.0");
    let world = world(&samples(), &missing, ", keep: site.keep", "");
    world.upstream.answer(&document_path(&missing), Answer::status(404));
    keep(&world, "alpha@0.9.0 installed registry\napm@9.1.3 installed bundled optional\n");
    let words = "error: alpha 0.9.0: it is installed at site, and nobody has it: not upstream, not held\nhint: ";
    let run = world.mirror("");
    assert!(run.code == 1 && run.stderr.starts_with(words), "{run:#?}");
    let paths = world.upstream.paths();
    assert_eq!(paths.iter().filter(|path| **path == document_path(&missing)).count(), 1, "{paths:?}");
    assert!(!paths.iter().any(|path| path.contains("apm")), "what Kibana has in itself is not missed: {paths:?}");
    let run = world.mirror("");
    assert!(run.code == 1 && run.stderr.starts_with(words), "{run:#?}");
    assert_eq!(world.upstream.paths(), [LISTING]);
    // Another keep file, and another listing.
    keep(&world, "alpha@0.9.0 rollback registry\n");
    world.mirror("");
    assert_eq!(
        world.upstream.paths(),
        [LISTING.to_owned(), document_path(&missing)].into_iter().rev().collect::<Vec<_>>()
    );
    world.serve_listing(&[&samples()[..], &[Sample::new("alpha", "1.2.0")]].concat());
    world.mirror("--only beta");
    assert!(world.upstream.paths().contains(&document_path(&missing)));
    // It is published after all.
    give(&world, &missing);
    let run = world.mirror("--only alpha@0.9.0");
    assert!(run.code == 0 && world.placed().contains_key("alpha/alpha-0.9.0.zip"), "{run:#?}");
}

/// Who does not answer, or not as a registry does, is not taken for one that has nothing.
#[test]
fn what_could_not_be_asked_for_is_told_as_such() {
    let unlisted = Sample::new("alpha", "1.1.0");
    let other = format!("{{\"format_version\":\"3.0.0\",{}", &Sample::new("alpha", "1.2.0").item()[1..]);
    for (answer, code, words) in [
        (Answer::status(503), 3, "its document cannot be had: the answer is 503 Service Unavailable"),
        (Answer::status(403), 1, "its document cannot be had: the answer is 403 Forbidden"),
        (Answer::ok(b"<html></html>"), 1, "its document cannot be had: not a version: "),
        (Answer::ok(other.as_bytes()), 1, "its document cannot be had: it is that of alpha 1.2.0"),
        (Answer::ok(unlisted.document().as_bytes()), 1, "its document cannot be had: its `download` is absent"),
    ] {
        let world = world(&samples(), &unlisted, ", keep: site.keep", "");
        keep(&world, "alpha@1.1.0 installed registry\n");
        world.upstream.answer(&document_path(&unlisted), answer);
        let run = world.mirror("");
        assert_eq!(run.code, code, "{run:#?}");
        assert!(run.stderr.starts_with(&format!("error: alpha 1.1.0: it is not listed, and {words}")), "{run:#?}");
        assert!(!run.stderr.contains("nobody has it"), "{run:#?}");
        assert_eq!(world.placed(), World::expected(&samples()));
        // The next run asks again, and has it.
        give(&world, &unlisted);
        let run = world.mirror("");
        assert!(run.code == 0 && world.placed().contains_key("alpha/alpha-1.1.0.zip"), "{run:#?}");
    }
    // Without a version that it names a selection cannot be made.
    let world = world(&samples(), &unlisted, ", select: few", "selections:\n  few: {take: [{pin: alpha@1.1.0}]}\n");
    world.upstream.answer(&document_path(&unlisted), Answer::status(503));
    let run = world.mirror("");
    assert!(
        run.code == 3 && run.stderr.starts_with("error: upstream up: alpha 1.1.0: it is not listed, and "),
        "{run:#?}"
    );
}

/// An index tells what its registry hides, with digests; who is not in it either is not asked for.
#[test]
fn an_index_tells_what_is_hidden() {
    let unlisted = Sample::new("alpha", "1.1.0");
    let world = world(&samples(), &unlisted, ", keep: site.keep", "");
    let hidden = unlisted.element().replace("\"size\"", "\"hidden\":true,\"size\"");
    let tell = |hidden: &str, etag: &str| {
        let elements: Vec<_> = samples().iter().map(Sample::element).chain([hidden.to_owned()]).collect();
        let text = format!("{{\"schema\":\"epr-build/packages/1\",\"packages\":[{}]}}", elements.join(","));
        world.tell_text(&text, etag);
    };
    tell(&hidden, "first");
    keep(&world, "alpha@1.1.0 installed registry\nalpha@0.9.0 installed registry\n");
    let run = world.mirror("--plan plan.json");
    assert!(run.code == 1 && run.stderr.contains("error: alpha 0.9.0: "), "{run:#?}");
    let plan = world.case.json("plan.json");
    assert!(plan.to_string().contains(&format!("\"bytes\":{}", unlisted.zip.len())), "{plan}");
    world.upstream.asked();
    let run = world.mirror("");
    assert!(run.code == 1 && run.stderr.contains("error: alpha 0.9.0: "), "{run:#?}");
    let paths = world.upstream.paths();
    let asked = |version: &str| paths.contains(&format!("/package/alpha/{version}/"));
    assert!(asked("1.1.0") && !asked("0.9.0"), "{paths:?}");
    assert_eq!(world.placed(), World::expected(&[&samples()[..], std::slice::from_ref(&unlisted)].concat()));
    let run = world.mirror("");
    assert!(run.code == 1 && world.upstream.paths() == [INDEX], "{run:#?}");
    // Other bytes are refused, and what is hidden no more is not there.
    let mark = |sample: &Sample| sample.element().replace("\"size\"", "\"hidden\":true,\"size\"");
    for (element, words) in [
        (mark(&Sample::of("alpha", "1.1.0", "other bytes")), "`index/packages.json` tells "),
        (mark(&Sample::new("alpha", "1.2.0")), "and nobody has it"),
    ] {
        let _ = std::fs::remove_file(world.case.path("up/alpha/alpha-1.1.0.zip"));
        let _ = std::fs::remove_file(world.case.path("up/.epr-build/mirror.json"));
        tell(&element, words);
        let run = world.mirror("");
        assert!(run.code == 1 && !world.placed().contains_key("alpha/alpha-1.1.0.zip"), "{run:#?}");
        let told = run.stderr.lines().any(|line| line.starts_with("error: alpha 1.1.0: ") && line.contains(words));
        assert!(told, "{words}: {run:#?}");
    }
}

/// How a version came into a layer whose facts do not tell of it.
fn bring_without_facts(world: &World, way: &str) {
    let folder = world.case.path("up/.epr-build");
    match way {
        "plan" => {
            world.mirror("--plan plan.json");
            assert_eq!(world.mirror("--apply plan.json").code, 0);
        }
        "record" => {
            assert_eq!(world.mirror("").code, 0);
            let record = std::fs::read(folder.join("mirror.json")).unwrap();
            std::fs::remove_dir_all(world.case.path("up")).unwrap();
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("mirror.json"), record).unwrap();
            assert_eq!(world.mirror("--locked").code, 0);
        }
        _ => {
            assert_eq!(world.mirror("").code, 0);
            std::fs::remove_file(folder.join("facts.jsonl.zst")).unwrap();
        }
    }
}

/// Whoever brought a version, and whatever was lost since: the next run knows what lies in the layer, and asks once.
#[test]
fn a_version_that_lies_there_without_facts_is_known_to_the_next_run() {
    let unlisted = Sample::new("alpha", "1.1.0");
    const PIN: (&str, &str) = (", select: few", "selections:\n  few: {take: [{pin: alpha@1.1.0}]}\n");
    const KEEP: (&str, &str) = (", keep: site.keep", "");
    for (way, (mirror, more), status) in [
        ("plan", PIN, 200),
        ("plan", KEEP, 200),
        ("record", PIN, 200),
        ("loss", KEEP, 200),
        ("loss", PIN, 404),
        ("plan", KEEP, 404),
        ("plan", PIN, 503),
    ] {
        let name = format!("{way}, {mirror}, {status}");
        let world = world(&samples(), &unlisted, mirror, more);
        keep(&world, "alpha@1.1.0 installed registry\n");
        bring_without_facts(&world, way);
        assert!(world.placed().contains_key("alpha/alpha-1.1.0.zip"), "{name}");
        world.serve(&[&samples()[..], &[Sample::new("gamma", "1.0.0")]].concat());
        if status != 200 {
            world.upstream.answer(&document_path(&unlisted), Answer::status(status));
        }
        world.upstream.asked();
        let run = world.mirror("");
        assert_eq!(run.code, 0, "{name}: {run:#?}");
        assert_eq!(run.stderr.contains("gone upstream"), status == 404, "{name}: {run:#?}");
        assert_eq!(run.stderr.contains("and gives it by name; builds"), status != 404, "{name}: {run:#?}");
        assert!(world.upstream.paths().contains(&document_path(&unlisted)), "{name}");
        let run = world.mirror("");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}: {run:#?}");
        assert_eq!(world.upstream.paths(), [LISTING], "{name}");
        let run = world.mirror("--offline");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}: {run:#?}");
    }
}

/// Of two upstreams the one that has it counts, whatever the other one says.
#[test]
fn an_upstream_that_does_not_tell_hinders_no_other() {
    let unlisted = Sample::new("alpha", "1.1.0");
    for (status, mirror, more) in [
        (403, ", keep: site.keep", ""),
        (503, ", keep: site.keep", ""),
        (503, ", select: few", "selections:\n  few: {take: [{pin: alpha@1.1.0}]}\n"),
        (403, ", select: few", "selections:\n  few: {take: [{pin: alpha@1.1.0}]}\n"),
    ] {
        let name = format!("{status}, {mirror}");
        let world = world(&samples(), &unlisted, mirror, more);
        keep(&world, "alpha@1.1.0 installed registry\n");
        let first = World::new(&samples()[1..], "", "");
        first.upstream.answer(&document_path(&unlisted), Answer::status(status));
        let url = first.upstream.url();
        world.reconfigure(|text| {
            let upstream = format!("upstreams:\n  first: {{url: \"{url}\", {QUICK}}}\n");
            text.replace("upstreams:\n", &upstream).replace("from: [up]", "from: [first, up]")
        });
        let run = world.mirror("");
        assert!(run.code == 0 && !run.stderr.contains("error:"), "{name}: {run:#?}");
        assert!(world.placed().contains_key("alpha/alpha-1.1.0.zip"), "{name}");
        let run = world.mirror("");
        assert!(run.code == 0 && run.stdout.contains("nothing is new"), "{name}: {run:#?}");
    }
}

/// What an index tells of is there; where its document or its zip is not, every run asks again, and once.
#[test]
fn what_is_told_of_and_not_given_is_asked_for_in_every_run() {
    let unlisted = Sample::new("alpha", "1.1.0");
    let indexed = world(&samples(), &unlisted, ", keep: site.keep", "");
    keep(&indexed, "alpha@1.1.0 installed registry\n");
    let hidden = unlisted.element().replace("\"size\"", "\"hidden\":true,\"size\"");
    let elements: Vec<_> = samples().iter().map(Sample::element).chain([hidden]).collect();
    let index = format!("{{\"schema\":\"epr-build/packages/1\",\"packages\":[{}]}}", elements.join(","));
    indexed.tell_text(&index, "first");
    indexed.upstream.answer(&document_path(&unlisted), Answer::status(404));
    for _ in 0..2 {
        let run = indexed.mirror("");
        let words = "error: alpha 1.1.0: the upstream tells of it, and its document cannot be had: the answer is 404 Not Found\n";
        assert!(run.code == 1 && run.stderr.contains(words) && !run.stderr.contains("nobody has it"), "{run:#?}");
        assert!(indexed.upstream.paths().contains(&document_path(&unlisted)));
    }
    give(&indexed, &unlisted);
    let run = indexed.mirror("");
    assert!(run.code == 0 && indexed.placed().contains_key("alpha/alpha-1.1.0.zip"), "{run:#?}");

    let plain = world(&samples(), &unlisted, ", keep: site.keep", "");
    keep(&plain, "alpha@1.1.0 installed registry\n");
    plain.upstream.answer(&unlisted.path(), Answer::status(404));
    for _ in 0..2 {
        plain.upstream.asked();
        assert_eq!(plain.mirror("").code, 1);
        let paths = plain.upstream.paths();
        assert_eq!(paths.iter().filter(|path| **path == document_path(&unlisted)).count(), 1, "{paths:?}");
    }
}

/// Where a signature is required and listings promise none, a plan does not promise them either, and says so once.
#[test]
fn unsigned_versions_are_no_part_of_a_plan_that_requires_signatures() {
    let names = ["alpha", "beta", "delta", "gamma", "omega", "sigma"];
    let unsigned: Vec<_> = names.map(|name| Sample { signature: None, ..Sample::new(name, "1.0.0") }).into();
    let all = [&unsigned[..], &[Sample::new("tau", "1.0.0")]].concat();
    let world = World::new(&all, "keys: trusted.asc, signatures: require", "");
    let told = "error: alpha 1.0.0, beta 1.0.0, delta 1.0.0, gamma 1.0.0, omega 1.0.0 and 1 more, each: it has no signature, and the \
                layer requires one\nhint: ask who publishes it for signatures; `signatures: verify` of the layer takes what has none\n";
    let planned = world.mirror("--dry-run");
    assert_eq!((planned.code, planned.stderr.as_str()), (1, told), "{planned:#?}");
    assert!(planned.stdout.starts_with("up: would fetch 1 version\n  tau 1.0.0 from up: it is new\n"), "{planned:#?}");
    assert!(planned.stdout.contains("  refused    6 versions\n"), "{planned:#?}");
    let json: Value = serde_json::from_str(&world.mirror("--dry-run --format json").stdout).unwrap();
    let refused: Vec<_> = json[0]["refused"].as_array().unwrap().iter().map(|one| one["what"].clone()).collect();
    assert_eq!((refused.len(), &refused[5]), (6, &json!("sigma 1.0.0")));
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (1, told), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&all[6..]));
    assert_eq!(world.record("beta", "1.0.0")["state"], "refused");
    world.upstream.asked();
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (1, told), "{run:#?}");
    assert_eq!(world.upstream.paths(), [LISTING]);
    // One that is signed later comes.
    let signed = Sample::new("beta", "1.0.0");
    world.serve(&[&all[..1], std::slice::from_ref(&signed), &all[2..]].concat());
    let run = world.mirror("");
    assert!(run.code == 1 && world.placed().contains_key("beta/beta-1.0.0.zip.sig"), "{run:#?}");
}
