//! What counts as lost, and what is too much, as tables.

use super::{Loss, Origins, losses, may_hold};
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::compare::holdings::Key;
use crate::dialect::version::Version;
use std::collections::{BTreeMap, BTreeSet};

/// `acme@1.0.0`.
fn key(text: &str) -> Key {
    let (name, version) = text.split_once('@').unwrap();
    (name.to_owned(), Version::strict(version).unwrap())
}

/// `production: a@1.0.0 b@1.0.0; staging: c@1.0.0`.
fn catalog(text: &str) -> BTreeMap<Key, String> {
    let layers = text.split(';').filter_map(|layer| layer.split_once(':'));
    let of_layer = |(layer, keys): (&str, &str)| {
        keys.split_whitespace().map(|text| (key(text), layer.trim().to_owned())).collect::<Vec<_>>()
    };
    layers.flat_map(of_layer).collect()
}

fn origins(catalog: &BTreeMap<Key, String>) -> Origins<'_> {
    catalog.iter().map(|(key, layer)| (key, layer.as_str())).collect()
}

#[test]
fn lost_is_what_no_layer_holds() {
    for (was, now, hidden, expected) in [
        // Nothing was lost.
        ("a: x@1.0.0 x@2.0.0", "a: x@1.0.0 x@2.0.0 y@1.0.0", "", ""),
        ("", "a: x@1.0.0", "", ""),
        ("a: x@1.0.0", "a: x@1.0.0", "", ""),
        // Promoted, or found further down: another layer has it, and the first one is not expected to.
        ("a: x@1.0.0; b: y@1.0.0 z@1.0.0", "a: x@1.0.0 y@1.0.0; b: z@1.0.0", "", ""),
        ("a: x@1.0.0 y@1.0.0", "b: x@1.0.0 y@1.0.0", "", ""),
        ("a: x@1.0.0; b: y@1.0.0 z@1.0.0", "a: x@1.0.0 y@1.0.0", "", "b lost z@1.0.0 of 1"),
        // Held, though something keeps it out of the catalog.
        ("a: x@1.0.0 x@2.0.0", "a: x@2.0.0", "x@1.0.0", ""),
        // Lost.
        ("a: x@1.0.0 x@2.0.0", "a: x@2.0.0", "", "a lost x@1.0.0 of 2"),
        ("a: x@1.0.0 x@2.0.0", "", "", "a lost x@1.0.0 x@2.0.0 of 2"),
        ("a: x@1.0.0; b: y@1.0.0", "", "", "a lost x@1.0.0 of 1; b lost y@1.0.0 of 1"),
        // Other versions of the name do not make up for it.
        ("a: x@1.0.0", "a: x@1.0.1", "", "a lost x@1.0.0 of 1"),
    ] {
        let (was, now) = (catalog(was), catalog(now));
        let hidden: Vec<Key> = hidden.split_whitespace().map(key).collect();
        let held: BTreeSet<&Key> = now.keys().chain(&hidden).collect();
        let found = losses(&origins(&was), &origins(&now), &held);
        let shown = found.iter().map(|Loss { layer, expected, lost }| {
            let lost: Vec<_> = lost.iter().map(|(name, version)| format!("{name}@{version}")).collect();
            format!("{layer} lost {} of {expected}", lost.join(" "))
        });
        assert_eq!(shown.collect::<Vec<_>>().join("; "), expected, "{was:?} -> {now:?}");
    }
}

fn loss(lost: usize, expected: usize) -> Loss {
    let lost = (0..lost).map(|minor| key(&format!("x@1.{minor}.0"))).collect();
    Loss { layer: "a".to_owned(), expected, lost }
}

#[test]
fn all_or_more_than_the_share_is_too_much() {
    for (lost, expected, shrink, too_much) in [
        (1, 1, None, true),
        (1, 2, None, false),
        (9, 10, None, false),
        (10, 20, None, false),
        (10, 19, None, true),
        (11, 21, None, true),
        (163, 163, None, true),
        // The share of the layer.
        (10, 20, Some(50), false),
        (11, 20, Some(50), true),
        (10, 100, Some(10), false),
        (11, 100, Some(10), true),
        (9, 100, Some(0), false),
        (10, 1_000_000, Some(0), true),
        (90, 100, Some(90), false),
        (100, 100, Some(99), true),
        (100, 100, Some(100), false),
        (1, 1, Some(100), false),
        (0, 0, None, false),
        (0, 5, Some(0), false),
    ] {
        assert_eq!(loss(lost, expected).is_too_much(shrink), too_much, "{lost} of {expected}, {shrink:?}");
    }
}

#[test]
fn what_was_taken_out_is_neither_lost_nor_expected() {
    for (taken_out, expected, is_too_much) in
        [(&[][..], "2 of 2", true), (&["x-1.0.0"], "1 of 1", true), (&["x-1.0.0", "x-1.1.0"], "0 of 0", false)]
    {
        let taken_out = taken_out.iter().map(|id| (*id).to_owned()).collect();
        let left = loss(2, 2).without(&taken_out);
        assert_eq!(format!("{} of {}", left.lost.len(), left.expected), expected);
        assert_eq!(left.is_too_much(None), is_too_much, "{expected}");
    }
}

#[test]
fn refusals_have_the_numbers() {
    for (loss, quarantined, expected) in [
        (loss(1, 1), 0, "layer `a` has lost all 1 of 1 version: x-1.0.0"),
        (
            loss(6, 6),
            6,
            "layer `a` has lost all 6 of 6 versions: x-1.0.0, x-1.1.0, x-1.2.0, x-1.3.0, x-1.4.0 and 1 more; 6 packages of it are quarantined",
        ),
        (loss(2, 3), 0, "layer `a` has lost 2 of 3 versions: x-1.0.0, x-1.1.0"),
    ] {
        let refusal = loss.refusal(quarantined);
        assert_eq!((refusal.rule, refusal.message.as_str()), (Rule::LostVersions, expected));
    }
}

#[test]
fn nothing_at_all_is_a_rule_of_its_own() {
    assert_eq!(super::nothing("staging").rule, Rule::NoVersions);
}

/// The version that was read before, and the place that cannot be read now.
#[test]
fn a_place_may_hold_a_version() {
    for (place, expected) in [
        ("acme/1.0.0", true),
        ("packages/acme/1.0.0", true),
        ("other-name/1.0.0", true),
        ("acme/1.0.1", false),
        ("acme-1.0.0.zip", true),
        ("zips/a.1.0.0.zip", true),
        ("acme-1.0.1.zip", false),
        ("acme", true),
        ("packages", true),
        ("packages/acme", true),
        ("packages/other", false),
        ("", true),
    ] {
        assert_eq!(may_hold(place, &key("acme@1.0.0")), expected, "{place}");
    }
    let problem = |rule, place: &str| Problem::new(rule, "it fails").within("a", place);
    let loss = Loss { layer: "a".to_owned(), expected: 3, lost: vec![key("acme@1.0.0")] };
    for (problems, expected) in [
        (vec![problem(Rule::Unreadable, "acme/1.0.0")], true),
        (vec![problem(Rule::MissingSignature, "acme/1.0.0")], false),
        (vec![problem(Rule::Unreadable, "acme/2.0.0")], false),
    ] {
        assert_eq!(loss.unreadable(&problems).is_some(), expected, "{problems:?}");
    }
}

/// A link stands for a version by the name of a zip, and a folder for none.
#[test]
fn skipped_links_stand_for_versions_by_name() {
    let key = key("acme@1.0.0");
    for (place, is_skipped) in [
        ("acme-1.0.0.zip", true),
        ("a/b/acme-1.0.0.zip", true),
        ("acme/1.0.0", false),
        ("packages/acme/1.0.0", false),
        ("acme", false),
        ("other-1.0.0.zip", false),
        ("my-acme-1.0.0.zip", false),
        ("acme-1.0.0-rc.zip", false),
        ("acme/1.0.0-rc", false),
        ("acme_two", false),
    ] {
        let problems = |rule| vec![Problem::new(rule, "").within("layer", place)];
        assert_eq!(super::is_skipped(&problems(Rule::SymlinkSkipped), &key), is_skipped, "{place}");
        assert!(!super::is_skipped(&problems(Rule::Unreadable), &key), "{place}");
    }
}
