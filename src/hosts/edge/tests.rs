//! Tables as texts: small diagrams by hand. That the router reads them as the reference does is for the test suite.

use super::*;
use crate::answers::route::model::{Axis, Node, Profile, Rows, Start};
use std::sync::Arc;

fn answer(path: &str) -> Node {
    Node::Answer(Arc::from(path))
}

fn rows(node: u32, exact: &[(&str, Node)], default: Node) -> Rows {
    let mut rows = Rows::default();
    exact.iter().for_each(|(class, next)| rows.exact.insert(node, class, next.clone()));
    rows.default.insert(node, default);
    rows
}

fn start(node: u32) -> Start {
    Start { node: Node::Step(node), kibana: 0, spec: 0 }
}

// Labels and classes become bounds; what changes nothing is left out; modes that agree share their nodes.
#[test]
fn a_subject_is_one_value() {
    let mut routes = Routes {
        kibana_boundaries: vec![[7, 0, 0], [8, 0, 0], [8, 2, 1], [9, 0, 0]],
        specs: vec![[1, 0], [2, 3], [3, 0]],
        kibana_profiles: vec![Profile {
            exact: [("any", "any"), ("7.0.0", "7"), ("9.0.0", "7")].map(|(a, b)| (a.to_owned(), b.to_owned())).into(),
            default: "8".to_owned(),
        }],
        ..Routes::default()
    };
    let newest = answer("/answers/package/a/2.0.0");
    let classes = [("any", newest.clone()), ("7", answer("/answers/package/a/1.0.0"))];
    routes.rows.insert(Axis::Kibana, rows(1, &classes, Node::Step(2)));
    routes.rows.insert(Axis::SpecMin, rows(2, &[("3.0", Node::Empty), ("none", Node::Empty)], Node::Step(3)));
    routes.rows.insert(Axis::SpecMax, rows(3, &[("none", Node::Refused)], newest));
    routes.subjects.insert("latest/package/a".to_owned(), start(1));
    routes.subjects.insert("legacy/package/a".to_owned(), start(1));
    let table = table(&routes);
    let nodes = "|x 2.0.0 ! 1 2.0.0|m *1 *1 2.3 -|k 2.0.0 *2 *2 7 1.0.0 8 *2 9 1.0.0";
    assert_eq!(table, BTreeMap::from([("package/a".to_owned(), format!("*3 . *3 .{nodes}"))]));
}

// Sets of capabilities are written by the places of their names, as the settings of the router name them.
#[test]
fn sets_of_capabilities_are_short() {
    let names: Vec<_> = (0..40).map(|n| format!("a-capability-{n:02}")).collect();
    let word = |n: usize| crate::answers::route::walk::capability_word(&names[n]);
    let label = format!("-{}-{}-{}", word(3), word(35), word(39));
    let mut routes = Routes { capabilities: names.clone(), ..Routes::default() };
    let rows = rows(1, &[("-", Node::Empty), (&label, Node::Refused)], answer("/answers/list/0"));
    routes.rows.insert(Axis::Capabilities, rows);
    routes.subjects.insert("latest/list".to_owned(), start(1));
    assert_eq!(table(&routes)["list"], "*1 . . .|c 0 - - -3-z-31 !");
    let settings: serde_json::Value =
        serde_json::from_str(&settings(&routes, &HostOptions::default()).unwrap()).unwrap();
    for (n, word) in [(3, "3"), (35, "z"), (39, "31")] {
        assert_eq!(settings["capabilities"][n], json!([names[n], word]));
    }
    let words: std::collections::BTreeSet<_> = (0..2_000).map(short_word).collect();
    assert_eq!(words.len(), 2_000);
}

// What half of all sets have in common is one question.
#[test]
fn what_depends_on_one_capability_asks_for_it() {
    let mut routes = Routes { capabilities: ["a", "b", "c"].map(str::to_owned).to_vec(), ..Routes::default() };
    let with_b = ["-b", "-a-b", "-b-c", "any"].map(|label| (label, answer("/answers/list/1")));
    routes.rows.insert(Axis::Capabilities, rows(1, &with_b, answer("/answers/list/0")));
    // Only one set, and not those that hold it too: as short as before.
    routes.rows.get_mut(&Axis::Capabilities).unwrap().exact.insert(3, "-a-c", Node::Refused);
    routes.rows.get_mut(&Axis::Capabilities).unwrap().default.insert(3, answer("/answers/list/2"));
    routes.subjects.insert("latest/list".to_owned(), start(1));
    routes.subjects.insert("all/list".to_owned(), start(3));
    let table = table(&routes);
    assert_eq!(table["list"], "*1 *2 . .|c 0 1 1|c 2 -0-2 !");
}

// Whatever the number of bounds and answers, no value is too long, and every place that is named exists.
#[test]
fn large_subjects_become_several_values() {
    let mut routes = Routes { kibana_boundaries: (0..2_000).map(|patch| [8, 0, patch]).collect(), ..Routes::default() };
    let path = |patch: u64| answer(&format!("/answers/list/{patch:012}"));
    let exact: Vec<_> = (0..2_000).map(|patch| (format!("8.0.{patch}"), path(patch))).collect();
    let exact: Vec<_> = exact.iter().map(|(label, node)| (label.as_str(), node.clone())).collect();
    routes.rows.insert(Axis::Kibana, rows(1, &exact, Node::Empty));
    let sets: Vec<_> = (0..200).map(|set| (format!("-set{set}"), path(set))).collect();
    let sets: Vec<_> = sets.iter().map(|(label, node)| (label.as_str(), node.clone())).collect();
    routes.rows.insert(Axis::Capabilities, rows(2, &sets, Node::Step(1)));
    routes.subjects.insert("latest/list".to_owned(), start(1));
    routes.subjects.insert("all/list".to_owned(), start(2));
    let table = table(&routes);
    assert!(table.len() > 40, "{} values", table.len());
    for (key, value) in &table {
        assert!(value.len() <= values::LONGEST, "{key}: {} bytes", value.len());
        for link in value.split(['|', ' ']).filter_map(|field| field.strip_prefix('*')) {
            let (target, piece) =
                link.split_once('.').map_or((key.clone(), link), |(number, piece)| (format!("list:{number}"), piece));
            let pieces = table[&target].split('|').count();
            assert!((1..pieces).contains(&piece.parse::<usize>().unwrap()), "{key}: {link} of {pieces}");
        }
    }
}

#[test]
fn odd_paths_become_keys_without_spaces() {
    assert_eq!(file_key("/package/a/1.0.0/ö b|%.gz"), "=/package/a/1.0.0/%C3%B6%20b%7C%25.gz");
}
