//! What holds of every selection.
//!
//! The law is checked with questions of its own: at every bound of every constraint of the catalog, one patch before it and one
//! behind it, and not only where the engine cuts ranges.

use super::super::{Asks, Candidate, Choice, Key, choose};
use super::random::{catalog, ends, kibana, made, narrow, pins, rules};
use crate::answers::questions::query_of_kibana;
use crate::answers::search::search;
use crate::config::routing::changes_of_kibana;
use crate::config::selection::{KibanaRange, Selection};
use crate::dialect::version::Version;
use crate::package::Facts;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// The Kibanas of a selection that may be answered in another way than their neighbours, and these.
fn kibanas(selection: &Selection, catalog: &[Candidate]) -> Vec<Version> {
    let constraints = catalog.iter().filter_map(|candidate| candidate.facts.kibana.as_ref());
    let bounds = constraints.flat_map(|constraint| constraint.boundaries()).chain(changes_of_kibana());
    let around = bounds.flat_map(|[major, minor, patch]| {
        let before = patch.checked_sub(1).map_or([major, minor.saturating_sub(1), 99], |patch| [major, minor, patch]);
        [before, [major, minor, patch], [major, minor, patch + 1]]
    });
    let all = [KibanaRange::ALL];
    let ranges = if selection.kibana.is_empty() { &all[..] } else { &selection.kibana };
    let firsts = ranges.iter().map(|range| range.first);
    let within = |version: &[u64; 3]| ranges.iter().any(|range| range.holds(*version));
    let versions: BTreeSet<[u64; 3]> = around.chain(firsts).filter(within).collect();
    versions.into_iter().map(Version::release).collect()
}

fn sorted(catalog: &[Candidate]) -> Vec<&Facts> {
    let mut facts: Vec<&Facts> = catalog.iter().map(|candidate| &candidate.facts).collect();
    facts.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    facts.dedup_by(|a, b| (&a.name, &a.version) == (&b.name, &b.version));
    facts
}

/// Everything that a Kibana of the selection gets in another way: name, Kibana, and whether it asks for pre-releases.
fn broken(selection: &Selection, catalog: &[Candidate], choice: &Choice) -> Vec<(String, [u64; 3], bool)> {
    let whole = sorted(catalog);
    let mut names: BTreeMap<&str, Vec<&Facts>> = BTreeMap::new();
    whole.iter().for_each(|facts| names.entry(&facts.name).or_default().push(facts));
    let mut broken = Vec::new();
    for kibana in kibanas(selection, catalog) {
        for name in choice.versions.keys().map(|key| key.0.as_str()).collect::<BTreeSet<_>>() {
            let of_name = &names[name];
            let has = |facts: &&&Facts| choice.versions.contains_key(&facts.key());
            let subset: Vec<&Facts> = of_name.iter().filter(has).copied().collect();
            for prerelease in [false, true] {
                let query = query_of_kibana(name, &kibana, prerelease, selection.capabilities.clone());
                let answer =
                    |facts: &[&Facts]| search(facts, &query).first().map(|hit| facts[hit.index].version.clone());
                if answer(of_name) != answer(&subset) {
                    broken.push((name.to_owned(), kibana.numbers(), prerelease));
                }
            }
        }
    }
    broken
}

fn keys(choice: &Choice) -> BTreeSet<&Key> {
    choice.versions.keys().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// For every Kibana in the selection and every selected name the subset answers as the whole does.
    #[test]
    fn a_choice_is_invisible(
        catalog in catalog(), kibana in kibana(), rules in rules(), end in ends(),
        places in prop::collection::vec((0usize..99, 0usize..4, any::<bool>()), 0..3),
    ) {
        let selection = made(&catalog, &kibana, &rules, &end);
        let choice = choose(&selection, &catalog, &pins(&catalog, &places)).unwrap();
        let broken = broken(&selection, &catalog, &choice);
        prop_assert!(broken.is_empty(), "{selection:?}\n{broken:?}");
        prop_assert!(choice.losses.is_empty(), "{:?}", choice.losses);
        // Everything is either in, with a reason, or out, with a reason.
        let all = sorted(&catalog).len();
        prop_assert_eq!(choice.versions.len() + choice.left_out.len(), all);
        prop_assert!(choice.versions.values().all(|reasons| !reasons.is_empty()));
    }

    /// Where something is taken away, each case of it is told, and nothing else.
    #[test]
    fn what_is_taken_away_is_told(
        catalog in catalog(), kibana in kibana(), rules in rules(), (narrow_rules, narrow_end) in narrow(), end in ends(),
    ) {
        let rules = [rules, narrow_rules].concat();
        let selection = made(&catalog, &kibana, &rules, &format!("{narrow_end}{end}"));
        let choice = choose(&selection, &catalog, &[]).unwrap();
        let told = |name: &str, kibana: [u64; 3], prerelease: bool| {
            choice.losses.iter().any(|loss| {
                let asks = matches!(
                    (loss.asks, prerelease),
                    (Asks::Either, _) | (Asks::Releases, false) | (Asks::Prereleases, true)
                );
                loss.name == name && loss.kibana.holds(kibana) && asks
            })
        };
        let broken: BTreeSet<_> = broken(&selection, &catalog, &choice).into_iter().collect();
        for kibana in kibanas(&selection, &catalog) {
            for name in choice.versions.keys().map(|key| key.0.as_str()).collect::<BTreeSet<_>>() {
                for prerelease in [false, true] {
                    let is_broken = broken.contains(&(name.to_owned(), kibana.numbers(), prerelease));
                    let is_told = told(name, kibana.numbers(), prerelease);
                    prop_assert_eq!(is_broken, is_told, "{} {} {} {:?}", name, kibana, prerelease, selection);
                }
            }
        }
        prop_assert!(choice.losses.iter().all(|loss| loss.because != "the law is broken"), "{:?}", choice.losses);
    }

    /// What sites have installed only adds.
    #[test]
    fn keeping_never_removes(
        catalog in catalog(), kibana in kibana(), rules in rules(), (narrow_rules, narrow_end) in narrow(), end in ends(),
        places in prop::collection::vec((0usize..99, 0usize..4, any::<bool>()), 0..4),
    ) {
        let rules = [rules, narrow_rules].concat();
        let selection = made(&catalog, &kibana, &rules, &format!("{narrow_end}{end}"));
        let pins = pins(&catalog, &places);
        let mut before = choose(&selection, &catalog, &[]).unwrap();
        for many in 1..=pins.len() {
            let with = choose(&selection, &catalog, &pins[..many]).unwrap();
            prop_assert!(keys(&before).is_subset(&keys(&with)), "{:?}", pins);
            before = with;
        }
        let kept = pins.iter().filter(|pin| pin.name != "absent");
        prop_assert!(kept.map(|pin| pin.key()).all(|key| before.versions.contains_key(&key)));
        prop_assert_eq!(before.missing.len(), 1);
    }

    /// What is closed stays as it is: with all that was chosen kept, nothing new comes in, whatever the order of the catalog.
    #[test]
    fn the_closure_is_closed_and_free_of_order(
        catalog in catalog(), kibana in kibana(), rules in rules(), end in ends(), seed in any::<u64>(),
    ) {
        let selection = made(&catalog, &kibana, &rules, &end);
        let choice = choose(&selection, &catalog, &[]).unwrap();
        let kept: Vec<_> = choice.versions.keys().map(|(name, version)| super::pin(&format!("{name}@{version}"))).collect();
        let again = choose(&selection, &catalog, &kept).unwrap();
        prop_assert_eq!(keys(&choice), keys(&again));
        let mut shuffled = catalog.clone();
        // Equal versions keep their order: the first one counts.
        shuffled.sort_by_key(|candidate| {
            let text = format!("{}-{}", candidate.facts.name, candidate.facts.version);
            text.bytes().fold(seed | 1, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()).rotate_left(7))
        });
        prop_assert_eq!(choice, choose(&selection, &shuffled, &[]).unwrap());
    }

    /// Fewer Kibanas never add a version.
    #[test]
    fn fewer_kibanas_never_add(
        catalog in catalog(), kibana in kibana(), rules in rules(), end in ends(), at in 0usize..4,
    ) {
        prop_assume!(kibana.len() > 1);
        let mut fewer = kibana.clone();
        fewer.remove(at % kibana.len());
        let few = made(&catalog, &fewer, &rules, &end);
        let many = made(&catalog, &kibana, &rules, &end);
        let (few, many) = (choose(&few, &catalog, &[]).unwrap(), choose(&many, &catalog, &[]).unwrap());
        prop_assert!(keys(&few).is_subset(&keys(&many)), "{fewer:?} of {kibana:?}");
    }
}
