//! Older bundles: each is genuine, and none takes the place of a newer one unless the operator says so.

use super::damage::{members, pack, set};
use super::{build, bundle, current, good, listing, unbundle, world};
use crate::harness::Case;
use std::fs;

/// Refused, and nothing that is in use changed.
#[track_caller]
fn refused(case: &Case, file: &str) {
    let before = listing(&case.path("far/staging"));
    let run = case.run(&["unbundle", file, "--out", "far"]);
    let said = "error: the bundle is older than what is in use: ";
    assert!(run.code == 1 && run.stderr.starts_with(said) && run.stderr.contains("\nhint: "), "{file}: {run:#?}");
    assert!(run.stderr.contains("--allow-older"), "{run:#?}");
    assert_eq!(listing(&case.path("far/staging")), before, "{file}");
}

#[track_caller]
fn allowed(case: &Case, file: &str) {
    good(case, &["unbundle", file, "--out", "far", "--allow-older"]);
}

/// Two generations and a bundle of each, made when it was in use.
fn two() -> (Case, [String; 2]) {
    let case = world();
    let first = build(&case);
    bundle(&case, "first", &[]);
    let case = case.package("packages/production", "new", "1.0.0", "");
    let second = build(&case);
    bundle(&case, "second", &[]);
    (case, [first, second])
}

#[test]
fn an_older_bundle_is_taken_in_on_demand_only() {
    let (case, [first, second]) = two();
    unbundle(&case, "first", "far");
    unbundle(&case, "second", "far");
    refused(&case, "first");
    // What is in use may be taken in again.
    unbundle(&case, "second", "far");
    allowed(&case, "first");
    assert_eq!(current(&case, "far"), first);
    unbundle(&case, "second", "far");
    assert_eq!(current(&case, "far"), second);
    // A rollback here is a choice for a while: what was newest stays newest.
    good(&case, &["rollback", "--dist", "staging", "--out", "far"]);
    good(&case, &["rollback", "--dist", "staging", "--out", "far"]);
    good(&case, &["rollback", "--dist", "staging", "--out", "far"]);
    assert_eq!(current(&case, "far"), first);
    unbundle(&case, "second", "far");
    refused(&case, "first");
}

/// A rollback where bundles are made is a switch like any other: what it went back to is newer than what it left.
#[test]
fn what_the_sender_went_back_to_is_newer() {
    let (case, [first, second]) = two();
    unbundle(&case, "second", "far");
    good(&case, &["rollback", "--dist", "staging"]);
    assert_eq!(current(&case, "out"), first);
    bundle(&case, "back", &[]);
    unbundle(&case, "back", "far");
    assert_eq!(current(&case, "far"), first);
    refused(&case, "second");
    // By its name, a generation has the number of the switch that took it into use.
    bundle(&case, "named", &["--generation", &second]);
    assert_eq!(fs::read(case.path("named")).unwrap(), fs::read(case.path("second")).unwrap());
    refused(&case, "named");
}

/// What is older is told by the far side's last bundle, so that a chain of outputs keeps its order.
#[test]
fn numbers_pass_through_an_output_in_between() {
    let (case, _) = two();
    unbundle(&case, "first", "middle");
    good(&case, &["bundle", "--dist", "staging", "--out", "middle", "--output", "first-passed", "--no-program"]);
    unbundle(&case, "second", "middle");
    good(&case, &["bundle", "--dist", "staging", "--out", "middle", "--output", "second-passed", "--no-program"]);
    unbundle(&case, "first-passed", "far");
    unbundle(&case, "second-passed", "far");
    refused(&case, "first-passed");
}

/// Bundles of older programs have no number.
#[test]
fn a_bundle_without_a_number_is_older_than_any() {
    let (case, [first, second]) = two();
    for file in ["first", "second"] {
        let mut members = members(&fs::read(case.path(file)).unwrap());
        let text = String::from_utf8(members[0].data.clone()).unwrap();
        let number = if file == "first" { "\"number\":1," } else { "\"number\":2," };
        assert!(text.contains(number), "{text}");
        let text = text.replacen(number, "", 1).replacen("epr-build/bundle/2", "epr-build/bundle/1", 1);
        set(&mut members, 0, text.into_bytes());
        fs::write(case.path(&format!("{file}-old")), pack(&members)).unwrap();
    }
    // Nothing is in use yet.
    unbundle(&case, "first-old", "far");
    unbundle(&case, "second-old", "far");
    assert_eq!(current(&case, "far"), second);
    unbundle(&case, "first", "far");
    refused(&case, "second-old");
    // Once is enough.
    allowed(&case, "second-old");
    unbundle(&case, "first-old", "far");
    assert_eq!(current(&case, "far"), first);
}

/// Damage of what tells the age is no way around it.
#[test]
fn damage_does_not_make_an_older_bundle_new() {
    let (case, [_, second]) = two();
    let fresh = || {
        let _ = fs::remove_dir_all(case.path("far"));
        unbundle(&case, "first", "far");
        unbundle(&case, "second", "far");
    };
    let log = case.path("far/staging/generations.log");
    fresh();
    fs::remove_file(case.path("far/staging/current")).unwrap();
    refused(&case, "first");
    for damage in [Some(30), Some(0), None] {
        fresh();
        match damage {
            Some(length) => fs::OpenOptions::new().write(true).open(&log).unwrap().set_len(length).unwrap(),
            None => fs::remove_file(&log).unwrap(),
        }
        let run = case.run(&["unbundle", "first", "--out", "far"]);
        assert!(run.code == 1 && run.stderr.contains("may be older than what is in use"), "{damage:?}: {run:#?}");
        // What mends it knows how old it is.
        good(&case, &["verify", "far", "--repair", "--from", "second"]);
        assert_eq!(current(&case, "far"), second);
        refused(&case, "first");
    }
}
