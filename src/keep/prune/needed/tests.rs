//! What is published stays the same, over random layers.

use super::{Publisher, needed};
use crate::config::file;
use crate::config::selection::Selection;
use crate::dialect::version::Version;
use crate::keep::prune::Offer;
use crate::select::published::kept;
use crate::select::resolved::Resolved;
use crate::select::{Candidate, Key, choose_leniently};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const SELECTIONS: &[&str] = &[
    "kibana: [8.19.5], take: [{name: '*'}]",
    "kibana: [8.19.5, 9.2.0], take: [{name: 'a*'}]",
    "kibana: [9.2.0], take: [{name: '*', latest: 2}]",
    "kibana: [8.19.5], take: [{name: b}], previous: 1",
    "kibana: [8.19.5], take: [{name: '*'}], exclude: [{name: b}]",
    "take: [{name: '*'}], closure: none",
];
const VERSIONS: [&str; 5] = ["1.0.0", "1.1.0", "2.0.0", "2.1.0-beta.1", "3.0.0"];
const KIBANAS: [&str; 4] = ["^8.11.0", "^9.0.0", "^8.11.0 || ^9.0.0", "^7.0.0"];

fn by(text: &str) -> Resolved {
    let config = file::parse(format!("selections: {{fleet: {{{text}}}}}\n").as_bytes(), Path::new("a.yml")).unwrap();
    let selection: Selection = config.selections["fleet"].clone();
    Resolved { name: "fleet".to_owned(), selection, pins: Vec::new(), warnings: Vec::new(), whole: Default::default() }
}

fn candidate(name: &str, version: &str, kibana: &str, more: &str, is_hidden: bool) -> Candidate {
    let item = format!(
        r#"{{"name":"{name}","version":"{version}","type":"integration","conditions":{{"kibana":{{"version":"{kibana}"}}}}{more}}}"#
    );
    let version = Version::strict(version).unwrap();
    let one = Candidate::of_item(&item, name, &version, Some("3.0.0"), None).unwrap();
    Candidate { is_hidden, ..one }
}

fn key(one: &Candidate) -> Key {
    one.facts.key()
}

fn layer(name: &'static str) -> impl Strategy<Value = Offer> {
    let names = || select(vec!["aa", "ab", "b"]);
    let requires = proptest::option::weighted(0.25, (names(), select(vec!["^1.0.0", "~1.1.0", "^2.0.0"])));
    let kibana = select(KIBANAS.to_vec());
    let one = (names(), select(VERSIONS.to_vec()), kibana, requires, proptest::bool::weighted(0.1), any::<bool>());
    proptest::collection::vec(one, 0..9).prop_map(move |all| {
        let mut versions = BTreeMap::new();
        let mut held = BTreeSet::new();
        for (package, version, kibana, requires, is_hidden, is_held) in all {
            let more = requires.map_or_else(String::new, |(other, range)| {
                format!(r#","requires":{{"content":[{{"package":"{other}","version":"{range}"}}]}}"#)
            });
            let one = candidate(package, version, kibana, &more, is_hidden);
            if is_held {
                held.insert(key(&one));
            }
            versions.entry(key(&one)).or_insert(one);
        }
        let listed: Vec<Candidate> = versions.into_values().collect();
        let held = listed.iter().filter(|one| name == "own" || held.contains(&key(one))).cloned().collect();
        Offer { layer: name.to_owned(), held, listed: (name != "own").then_some(listed) }
    })
}

/// As overrides have it told: other versions of Kibana, or hidden.
fn overridden(offer: &Offer, changes: &[(Index, bool)]) -> Offer {
    let mut offer = offer.clone();
    let keys: Vec<Key> = offer.listed.as_ref().unwrap_or(&offer.held).iter().map(key).collect();
    for (at, hides) in changes.iter().filter(|_| !keys.is_empty()) {
        let wanted = at.get(&keys);
        for one in offer.held.iter_mut().chain(offer.listed.iter_mut().flatten()).filter(|one| key(one) == *wanted) {
            let changed = candidate(&wanted.0, &wanted.1.to_string(), "^9.0.0", "", *hides);
            *one = Candidate { requires: one.requires.clone(), ..changed };
        }
    }
    offer
}

/// What a build publishes, reckoned anew: each version as the layer that gives it has it.
fn published(publisher: &Publisher, gone: &BTreeSet<Key>) -> BTreeMap<Key, Candidate> {
    let mut merged = BTreeMap::new();
    for offer in &publisher.layers {
        for one in offer.held.iter().filter(|one| offer.layer != "up" || !gone.contains(&key(one))) {
            merged.entry(key(one)).or_insert_with(|| one.clone());
        }
    }
    let all: Vec<Candidate> = merged.into_values().collect();
    let choice = choose_leniently(&publisher.by.selection, &all, &[]);
    let kept = kept(&publisher.by.selection, &all, &choice);
    all.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(one, _)| (key(&one), one)).collect()
}

#[test]
fn a_version_that_covers_another_content_stays() {
    let offer = |layer: &str, held: Vec<Candidate>| Offer { layer: layer.to_owned(), held, listed: None };
    let up = vec![candidate("a", "1.0.0", "^8.11.0", "", false), candidate("a", "2.0.0", "^9.0.0", "", false)];
    let low = vec![candidate("a", "2.0.0", "^8.11.0", "", false)];
    let publisher = |low: Vec<Candidate>| Publisher {
        distribution: "d".to_owned(),
        by: by("kibana: [8.19.5], take: [{name: '*'}]"),
        layers: vec![offer("up", up.clone()), offer("low", low)],
    };
    let going = || BTreeSet::from([key(&up[1])]);
    let why = needed(&[publisher(low)], "up", going());
    assert_eq!(
        why.values().collect::<Vec<_>>(),
        [
            "it covers another content of a 2.0.0 in layer low, and distribution d would publish something else without it"
        ]
    );
    // A true copy may stand in its place, and nobody gets it either.
    assert!(needed(&[publisher(vec![up[1].clone()])], "up", going()).is_empty());
    // A notice of deprecation reaches versions that are published.
    let notice = r#","deprecated":{"description":"gone","since":"2.0.0"}"#;
    let told = candidate("a", "2.0.0", "^9.0.0", notice, false);
    assert_eq!(needed(&[publisher(vec![told])], "up", going()).len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn what_goes_changes_nothing_that_is_published(
        (own, up, low) in (layer("own"), layer("up"), layer("low")),
        stacks in proptest::collection::vec((select(vec!["up low", "own up low", "low up", "up own"]), select(SELECTIONS.to_vec())), 1..3),
        overrides in proptest::collection::vec((any::<Index>(), any::<bool>()), 0..3),
    ) {
        let told = [overridden(&own, &overrides), overridden(&up, &overrides), overridden(&low, &overrides)];
        let mut publishers = Vec::new();
        for offers in [&told, &[own, up, low]] {
            for (stack, rules) in &stacks {
                let of = |name: &str| offers.iter().find(|offer| offer.layer == name).unwrap().clone();
                let layers = stack.split(' ').map(of).collect();
                publishers.push(Publisher { distribution: (*stack).to_owned(), by: by(rules), layers });
            }
        }
        let mut going: BTreeSet<Key> = told[1].held.iter().map(key).collect();
        for publisher in &publishers {
            let taken = publisher.takes_of("up");
            going.retain(|key| !taken.contains_key(key));
        }
        let stays = needed(&publishers, "up", going.clone());
        prop_assert!(stays.keys().all(|key| going.contains(key)));
        going.retain(|key| !stays.contains_key(key));
        for publisher in &publishers {
            prop_assert_eq!(published(publisher, &BTreeSet::new()), published(publisher, &going));
        }
    }
}
