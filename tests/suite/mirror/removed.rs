//! Selections and keep files where versions are not to be had any more: somebody removed them here, or the upstream withdrew them.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::keep::keep_file;
use super::world::{LISTING, QUICK, Sample, World};
use serde_json::{Value, json};

const SELECT: &str = ", select: few";
const KEEP: &str = ", keep: site.keep";

fn samples() -> Vec<Sample> {
    vec![Sample::new("alpha", "1.0.0"), Sample::new("alpha", "1.1.0"), Sample::new("beta", "1.0.0")]
}

/// A layer with these settings of its `mirror`, a selection, and a keep file.
fn world(mirror: &str, selection: &str, keep: &str) -> World {
    let world = World::new(&samples(), "", "");
    world.case.reconfigure(&format!(
        "distributions: {{mirrored: [up]}}\nupstreams:\n  up: {{url: \"{}\", {QUICK}}}\n\
         layers:\n  up: {{paths: up, mirror: {{from: [up]{mirror}}}}}\nselections:\n  few: {selection}\n",
        world.upstream.url()
    ));
    std::fs::write(world.case.path("site.keep"), keep_file("9.1.3", "2025-06-01T00:00:00Z", "yes", keep)).unwrap();
    world
}

fn held(world: &World) -> Vec<String> {
    let zips = world.placed().into_keys().filter(|path| path.ends_with(".zip"));
    zips.map(|path| path.rsplit_once('/').unwrap().1.trim_end_matches(".zip").to_owned()).collect()
}

/// Whether nothing was new, and how much is wanted, held of that, and held beside it.
fn counts(world: &World, arguments: &str, code: i32) -> Value {
    let run = world.mirror(&format!("{arguments} --format json"));
    assert_eq!(run.code, code, "{run:#?}");
    let outcome: Value = serde_json::from_str(&run.stdout).unwrap();
    Value::from(["unchanged", "wanted", "held", "unwanted"].map(|key| outcome[0][key].clone()).to_vec())
}

fn remove(world: &World) {
    let run = world.case.run(&["remove", "alpha@1.1.0", "--from", "up", "--reason", "it breaks"]);
    assert_eq!(run.code, 0, "{run:#?}");
}

/// Kibanas get the next older version, as if the upstream did not have the one that was removed.
#[test]
fn what_was_removed_is_not_chosen() {
    let world = world(SELECT, "{take: [{name: alpha}]}", "");
    assert_eq!(world.mirror("").code, 0);
    assert_eq!(held(&world), ["alpha-1.1.0"]);
    remove(&world);
    let run = world.mirror("--offline");
    assert!(run.code == 1 && run.stderr.contains("error: alpha 1.0.0: it is not held: it is new"), "{run:#?}");
    assert_eq!(counts(&world, "", 0), json!([false, 1, 1, 0]));
    assert_eq!(held(&world), ["alpha-1.0.0"]);
    world.upstream.asked();
    assert_eq!(counts(&world, "", 0), json!([true, 1, 1, 0]));
    assert_eq!(world.upstream.paths(), [LISTING]);
    world.serve(&[&samples()[..], &[Sample::new("gamma", "1.0.0")]].concat());
    assert_eq!(counts(&world, "", 0), json!([false, 1, 1, 0]));
    // Whoever names it gets it back.
    assert_eq!(counts(&world, "--only alpha@1.1.0", 0), json!([false, 1, 1, 0]));
    assert_eq!(counts(&world, "", 0), json!([false, 1, 1, 1]));
    assert_eq!(held(&world), ["alpha-1.0.0", "alpha-1.1.0"]);
}

/// Who needs it all the same is told in every run, and how it comes back.
#[test]
fn what_was_removed_and_is_named_is_missed() {
    const INSTALLED: &str = "it is installed at site, and was removed";
    for (mirror, selection, words, rest) in [
        (KEEP, "{take: [{name: alpha}]}", INSTALLED, &["alpha-1.0.0", "beta-1.0.0"][..]),
        (", select: few, keep: site.keep", "{take: [{name: alpha}]}", INSTALLED, &["alpha-1.0.0"]),
        (
            SELECT,
            "{take: [{pin: alpha@1.1.0}]}",
            "it is wanted (take 1 (pin: alpha@1.1.0), for Kibana every version), and was removed",
            &[],
        ),
    ] {
        let world = world(mirror, selection, "alpha@1.1.0 installed registry\n");
        assert_eq!(world.mirror("").code, 0);
        remove(&world);
        let words = format!("error: alpha 1.1.0: {words} from the layer\nhint: --only alpha@1.1.0 brings it back; ");
        for _ in 0..2 {
            let run = world.mirror("");
            assert!(run.code == 1 && run.stderr.contains(&words), "{words}: {run:#?}");
            assert!(!run.stderr.contains("gone upstream"), "{run:#?}");
            assert_eq!(held(&world), rest, "{words}");
        }
        let run = world.mirror("--offline");
        assert!(run.code == 1 && run.stderr.contains(&words), "{words}: {run:#?}");
        let check = world.case.run(&["keep", "check", "--layer", "up", "site.keep"]);
        let hint = "hint: run `epr-build mirror up --only alpha@1.1.0`\n";
        assert!(check.code == 1 && check.stderr.contains(hint), "{words}: {check:#?}");
        assert_eq!(world.mirror("--only alpha@1.1.0").code, 0, "{words}");
        let run = world.mirror("");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{words}: {run:#?}");
        assert!(held(&world).contains(&"alpha-1.1.0".to_owned()), "{words}");
    }
}

/// What an upstream takes back stays, and what it gives in its place comes; the layer says which of them Kibanas get.
#[test]
fn what_replaces_a_withdrawn_version_is_fetched() {
    let world = world(SELECT, "{take: [{name: alpha}]}", "");
    assert_eq!(world.mirror("").code, 0);
    world.serve(&[samples()[0].clone(), Sample::new("alpha", "1.0.1"), samples()[2].clone()]);
    let run = world.mirror("");
    let words = "warning: alpha 1.1.0: no upstream gives it any more, and builds of this layer offer it still, in place of \
                 1.0.1\nhint: an override of the layer with `hide: yes` gives 1.0.1";
    assert!(run.code == 0 && run.stderr.contains(words), "{run:#?}");
    assert_eq!(held(&world), ["alpha-1.0.1", "alpha-1.1.0"]);
    let run = world.mirror("");
    assert!(run.code == 0 && run.stderr.contains(words) && run.stdout.contains("nothing is new"), "{run:#?}");
    assert_eq!(counts(&world, "", 0), json!([true, 1, 1, 0]));
    let hide = "overrides: [{package: alpha, versions: 1.1.0, hide: yes, reason: x}], mirror:";
    world.reconfigure(|text| text.replace("mirror:", hide));
    let run = world.mirror("");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
}

/// The same where an index told of a hidden version and does so no more.
#[test]
fn what_was_hidden_and_is_gone_does_not_take_the_place_of_what_is_listed() {
    let world = world(", select: few, keep: site.keep", "{take: [{name: alpha}]}", "alpha@1.1.0 installed registry\n");
    let all = samples();
    let listed = [all[0].clone(), all[2].clone()];
    world.serve_listing(&listed);
    let document = format!("{{\"format_version\":\"3.0.0\",{}", &all[1].item()[1..]);
    world.upstream.answer("/package/alpha/1.1.0/", super::upstream::Answer::ok(document.as_bytes()));
    let hidden = all[1].element().replace("\"size\"", "\"hidden\":true,\"size\"");
    let elements = [all[0].element(), all[2].element(), hidden].join(",");
    world.tell_text(&format!("{{\"schema\":\"epr-build/packages/1\",\"packages\":[{elements}]}}"), "first");
    assert_eq!(world.mirror("").code, 0);
    assert_eq!(held(&world), ["alpha-1.0.0", "alpha-1.1.0"]);
    world.tell(&listed, "second");
    let run = world.mirror("");
    let words = "warning: alpha 1.1.0: no upstream gives it any more, and builds of this layer offer it still, in place of 1.0.0\n";
    assert!(run.code == 0 && run.stderr.contains(words), "{run:#?}");
    assert_eq!(counts(&world, "", 0), json!([true, 1, 1, 0]));
}

/// What a selection warns of is true as long as nothing changes, and so are the numbers of what lies there.
#[test]
fn warnings_and_numbers_are_told_again() {
    let empty = world(SELECT, "{take: [{name: alpha}], exclude: [{name: alpha}]}", "");
    for _ in 0..2 {
        let run = empty.mirror("");
        assert!(run.code == 0 && run.stderr.contains("everything that it would take is excluded"), "{run:#?}");
    }
    let world = world(SELECT, "{take: [{name: alpha}]}", "");
    assert_eq!(world.mirror("").code, 0);
    world.serve(&samples()[2..]);
    let run = world.mirror("--accept-loss");
    assert_eq!(run.code, 0, "{run:#?}");
    let run = world.mirror("");
    assert!(run.code == 0 && run.stdout.starts_with("up: nothing is new; 1 version held\n"), "{run:#?}");
}
