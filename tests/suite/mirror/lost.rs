//! Versions that lie no more in the layer, and that upstreams give with other bytes than were mirrored.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::upstream::Answer;
use super::world::{Sample, World};

fn samples() -> Vec<Sample> {
    vec![Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")]
}

/// A layer without a zip that it held, and an upstream that gives other bytes for it now.
fn lost(layer: &str, has_index: bool) -> (World, Sample) {
    let world = World::new(&samples(), layer, "");
    let tell = |samples: &[Sample], etag: &str| {
        if has_index {
            world.tell(samples, etag);
        }
    };
    tell(&samples(), "first");
    assert_eq!(world.mirror("").code, 0);
    let other = Sample::of("alpha", "1.0.0", "changed");
    let now = [other.clone(), samples()[1].clone()];
    world.serve(&now);
    tell(&now, "second");
    assert_eq!(world.mirror("--audit").code, 1);
    // As the hint for damaged zips says.
    std::fs::remove_dir_all(world.case.path("up/alpha")).unwrap();
    (world, other)
}

/// Whatever fetches it, nothing but the recorded bytes comes into place, and a person decides.
#[test]
fn other_bytes_never_take_the_place_of_a_lost_zip() {
    for (layer, has_index) in [("", false), ("", true), ("immutable: yes", false), ("immutable: yes", true)] {
        let (world, other) = lost(layer, has_index);
        let context = format!("{layer} {has_index}");
        let before = world.record("alpha", "1.0.0")["sha256"].clone();
        let plan = world.mirror("--plan plan.json");
        assert_eq!(plan.code, 1, "{context}: {plan:#?}");
        std::fs::remove_dir_all(world.case.path("up/.epr-build/changed")).unwrap();
        for arguments in ["", "--apply plan.json", "--only alpha", "", "--dry-run"] {
            let run = world.mirror(arguments);
            assert_eq!(run.code, 1, "{context} {arguments}: {run:#?}");
            let words = "error: alpha 1.0.0: the upstream gives other bytes under this version now: ";
            assert!(run.stderr.starts_with(words), "{context} {arguments}: {run:#?}");
            let words = "it lies no more in the layer, and nothing else takes its place\n  --> ";
            assert!(run.stderr.contains(words), "{context} {arguments}: {run:#?}");
            let hint = match layer {
                "" => {
                    "hint: put the zip back from a backup; or compare the two; `epr-build mirror up --accept-changed \
                       alpha@1.0.0 --reason WHY` takes the new one\n"
                }
                _ => "hint: put the zip back from a backup; layer `up` lets no version be overwritten\n",
            };
            assert!(run.stderr.ends_with(hint), "{context} {arguments}: {run:#?}");
            assert_eq!(world.placed(), World::expected(&samples()[1..]), "{context} {arguments}");
            let record = world.record("alpha", "1.0.0");
            assert_eq!((&record["sha256"], &record["state"]), (&before, &"changed".into()), "{context} {arguments}");
            if !arguments.starts_with("--apply") && !arguments.starts_with("--only") {
                assert!(run.stdout.contains("held       1 version\n"), "{context} {arguments}: {run:#?}");
            }
        }
        let aside: Vec<_> = std::fs::read_dir(world.case.path("up/.epr-build/changed")).unwrap().collect();
        assert_eq!(aside.len(), 2, "{context}");
        // It is not fetched again and again.
        world.upstream.asked();
        assert_eq!(world.mirror("").code, 1);
        assert!(!world.upstream.paths().contains(&other.path()), "{context}");
        let run = world.mirror("--accept-changed alpha@1.0.0 --reason announced");
        if layer.is_empty() {
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{context}: {run:#?}");
            assert_eq!(world.placed(), World::expected(&[other, samples()[1].clone()]), "{context}");
            let run = world.mirror("");
            assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{context}: {run:#?}");
        } else {
            assert_eq!(run.code, 2, "{context}: {run:#?}");
            // Put back from a backup it is told as any version that changed.
            std::fs::create_dir_all(world.case.path("up/alpha")).unwrap();
            std::fs::write(world.case.path("up/alpha/alpha-1.0.0.zip"), &samples()[0].zip).unwrap();
            let run = world.mirror("");
            assert!(run.code == 1 && run.stderr.contains("; what is held stays\n"), "{context}: {run:#?}");
        }
    }
}

/// Once the upstream gives the recorded bytes again they come into place, whatever its index told in between.
#[test]
fn the_recorded_bytes_come_back() {
    for has_index in [false, true] {
        let (world, _) = lost("", has_index);
        assert_eq!(world.mirror("").code, 1);
        world.serve(&samples());
        if has_index {
            world.tell(&samples(), "third");
        }
        let run = world.mirror("--only alpha");
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{has_index}: {run:#?}");
        assert_eq!(world.placed(), World::expected(&samples()), "{has_index}");
        assert_eq!(world.mirror("").code, 0);
        assert!(!world.case.path("up/.epr-build/changed").exists());
    }
}

/// A zip that is damaged and that the upstream changed cannot be fetched anew, and nobody is told that it could.
#[test]
fn what_is_damaged_and_changed_comes_from_a_backup() {
    let (world, _) = lost("", false);
    std::fs::create_dir_all(world.case.path("up/alpha")).unwrap();
    std::fs::write(world.case.path("up/alpha/alpha-1.0.0.zip"), "damage").unwrap();
    for arguments in ["", "--dry-run", "--offline", "--locked", "--audit --offline"] {
        let run = world.mirror(arguments);
        let words = "the upstream gives other bytes now, so it cannot be fetched anew: put the zip back from a backup";
        assert!(run.code == 1 && run.stderr.contains(words), "{arguments}: {run:#?}");
    }
}

/// Who takes what a plan or the record says is told that these say it.
#[test]
fn plans_and_records_are_named_where_they_are_too_old() {
    let world = World::new(&samples(), "", "");
    assert_eq!(world.mirror("--plan plan.json").code, 0);
    world.upstream.answer(&samples()[1].path(), Answer::status(404));
    let run = world.mirror("--apply plan.json");
    let words = "error: beta 1.0.0: the plan says that the upstream gives it, and the upstream does not have it: \
                 the answer is 404 Not Found\n";
    assert!(run.code == 1 && run.stderr.contains(words) && run.stderr.contains("hint: make a new plan\n"), "{run:#?}");
    world.serve(&samples());
    world.tell(&samples(), "first");
    world.mirror("--plan plan.json");
    world.upstream.answer(&samples()[1].path(), Answer::ok(&Sample::of("beta", "1.0.0", "much other").zip));
    let run = world.mirror("--apply plan.json");
    assert!(run.code == 1 && run.stderr.contains("error: beta 1.0.0: the plan says "), "{run:#?}");
    assert!(
        run.stderr.contains(", and the upstream gives ") && run.stderr.contains("hint: make a new plan\n"),
        "{run:#?}"
    );
    world.serve(&samples());
    assert_eq!(world.mirror("").code, 0);
    std::fs::remove_dir_all(world.case.path("up/beta")).unwrap();
    world.upstream.answer(&samples()[1].path(), Answer::status(404));
    let run = world.mirror("--locked");
    let words =
        "error: beta 1.0.0: the record demands it, and the upstream does not have it: the answer is 404 Not Found\n";
    assert!(run.code == 1 && run.stderr.contains(words) && run.stderr.contains("from a backup\n"), "{run:#?}");
}
