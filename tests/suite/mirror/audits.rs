//! What an audit says that it did, and what is held by all ways of asking.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::upstream::Answer;
use super::world::{INDEX, Sample, World};
use serde_json::{Value, json};

fn samples() -> Vec<Sample> {
    vec![Sample::new("alpha", "1.0.0"), Sample::new("alpha", "1.1.0"), Sample::new("beta", "1.0.0")]
}

fn kept() -> World {
    let world = World::new(&samples(), "", "");
    assert_eq!(world.mirror("").code, 0);
    world
}

fn outcome(world: &World, arguments: &str) -> Value {
    let run = world.mirror(&format!("{arguments} --format json"));
    serde_json::from_str::<Value>(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:#?}"))[0].clone()
}

/// What could not be compared with an upstream is not said to be.
#[test]
fn an_audit_says_with_what_it_compared() {
    let world = kept();
    let numbers = |outcome: &Value| json!([outcome["audited"], outcome["audited_upstream"], outcome["not_audited"]]);
    assert_eq!(numbers(&outcome(&world, "--audit")), json!([3, 3, null]));
    assert_eq!(numbers(&outcome(&world, "--audit --offline")), json!([3, 0, null]));
    let run = world.mirror("--audit --offline");
    assert!(run.stdout.contains("  audited    3 versions with the record\n"), "{run:#?}");
    world.serve_listing(&samples()[..2]);
    assert_eq!(world.mirror("--accept-loss").code, 0);
    let run = world.mirror("--audit");
    assert!(run.stdout.contains("  audited    3 versions with the record, 2 with the upstream\n"), "{run:#?}");
    let words = "  besides    1 version not with the upstream: no upstream lists it any more\n";
    assert!(run.code == 0 && run.stdout.contains(words), "{run:#?}");
    for sample in &samples()[..2] {
        world.upstream.answer(&sample.path(), Answer::status(503));
    }
    let dead = outcome(&world, "--audit");
    assert_eq!((&dead["audited"], &dead["audited_upstream"]), (&json!(3), &json!(0)), "{dead:#}");
    assert_eq!(dead["not_audited"]["no upstream lists it any more"], 1, "{dead:#}");
    assert_eq!(dead["not_audited"]["the upstream did not give it"], 2, "{dead:#}");
}

/// A damaged zip is not held, whoever asks; and every hint is true where it is given.
#[test]
fn a_damaged_zip_is_held_by_no_way_of_asking() {
    let world = kept();
    let path = world.case.path("up/beta/beta-1.0.0.zip");
    std::fs::write(&path, "damage").unwrap();
    for (arguments, hint) in [
        ("--audit --offline", "move it away; the next run without --audit fetches it anew"),
        ("--audit", "move it away; the next run without --audit fetches it anew"),
        ("--locked", "move it away; the next run, also one with --locked, fetches it anew"),
        ("--dry-run", "move it away; the next run fetches it anew"),
        ("--offline", "move it away; the next run fetches it anew"),
        ("", "move it away; the next run fetches it anew"),
    ] {
        let outcome = outcome(&world, arguments);
        assert_eq!((&outcome["wanted"], &outcome["held"]), (&json!(3), &json!(2)), "{arguments}: {outcome:#}");
        // A hint is a field of its own.
        let refused = &outcome["refused"];
        assert_eq!(
            (refused.as_array().unwrap().len(), &refused[0]["hint"]),
            (1, &json!(hint)),
            "{arguments}: {refused}"
        );
        assert!(!refused[0]["why"].as_str().unwrap().contains('\n'), "{refused}");
    }
    std::fs::remove_file(&path).unwrap();
    let run = world.mirror("--audit --offline");
    assert!(run.code == 1 && run.stderr.contains("error: beta 1.0.0: it lies no more in the layer\n"), "{run:#?}");
    assert!(run.stdout.contains("held       2 versions\n"), "{run:#?}");
    let run = world.mirror("--locked");
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(world.placed(), World::expected(&samples()));
}

/// What was named and is not held is told, with the name that was perhaps meant.
#[test]
fn an_audit_of_nothing_says_so() {
    let world = kept();
    let run = world.mirror("--audit --only alhpa --only beta@9.0.0 --only alpha@1.0.0");
    let words = "error: --only: the layer never held alhpa\nhint: did you mean `alpha`?\n\
                 error: --only: the layer never held beta 9.0.0\n";
    assert_eq!((run.code, run.stderr.as_str()), (1, words), "{run:#?}");
    let run = world.mirror("--only nosuch");
    let words = "error: --only: nosuch is not listed\nhint: no package that is known has a name like it\n";
    assert_eq!((run.code, run.stderr.as_str()), (1, words), "{run:#?}");
}

/// Who accepts a change before it was laid aside is told what lays it aside.
#[test]
fn a_change_is_laid_aside_before_it_is_accepted() {
    let world = World::new(&samples(), "", "");
    world.tell(&samples(), "first");
    assert_eq!(world.mirror("").code, 0);
    let now = [vec![Sample::of("alpha", "1.0.0", "changed")], samples()[1..].to_vec()].concat();
    world.serve(&now);
    world.tell(&now, "second");
    let run = world.mirror("");
    let audit = "`epr-build mirror up --audit --only alpha@1.0.0`";
    assert!(run.code == 1 && run.stderr.contains(&format!("hint: {audit} fetches the new one")), "{run:#?}");
    let run = world.mirror("--accept-changed alpha@1.0.0 --reason announced");
    let words = format!(
        "error: what the upstream gives now for alpha 1.0.0 does not lie in {}\n\
         hint: run {audit} first, which lays it aside\n",
        world.case.path("up/.epr-build/changed").display()
    );
    assert_eq!((run.code, run.stderr.as_str()), (2, words.as_str()), "{run:#?}");
    assert_eq!(world.upstream.asked().iter().filter(|asked| asked.path == INDEX).count(), 2);
    assert_eq!(world.mirror("--audit --only alpha@1.0.0").code, 1);
    assert_eq!(world.mirror("--accept-changed alpha@1.0.0 --reason announced").code, 0);
}
