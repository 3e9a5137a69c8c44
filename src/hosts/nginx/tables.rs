//! The routing tables as maps: labels, the start of a subject, and one step of the walk for each axis.
//!
//! A node is written as its number while the walk goes on, else as the path of its answer, `[]` or `!` (refused).

use super::map::Map;
use super::trie::Trie;
use crate::answers::route::model::{Axis, Node, Profile, Routes, Rows};
use crate::answers::route::walk::{ANY, PRE, capabilities_label, capability_word};
use crate::hosts::shared::labels::{NumberAxis, published_modes, subjects, word};
use crate::hosts::shared::patterns::literal;
use std::iter;

/// All maps of the tables, in the order of the walk.
pub(super) fn tables(routes: &Routes) -> Vec<Map> {
    let mut maps: Vec<Map> = NumberAxis::all(routes).flat_map(|axis| number_label(&axis)).collect();
    maps.extend(capabilities(&routes.capabilities));
    maps.extend(starts(routes));
    maps.extend(profiles("kibana", &routes.kibana_profiles, "kibana"));
    maps.extend(profiles("min", &routes.spec_min_profiles, "spec"));
    maps.extend(profiles("max", &routes.spec_max_profiles, "spec"));
    let empty = Rows::default();
    for (at, axis) in Axis::ALL.into_iter().enumerate() {
        maps.extend(steps(at, axis, routes.rows.get(&axis).unwrap_or(&empty)));
    }
    maps
}

/// The text of a node; a path that an nginx variable cannot hold is refused rather than answered wrongly.
fn value(node: &Node) -> String {
    match node {
        Node::Step(number) => number.to_string(),
        Node::Empty => "[]".to_owned(),
        Node::Answer(_) | Node::Refused => path(node).unwrap_or("!").to_owned(),
    }
}

/// The path of an answer, if an nginx variable can hold it.
pub(super) fn path(node: &Node) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+~-".contains(&byte);
    match node {
        Node::Answer(path) if path.bytes().all(is_plain) => Some(path),
        _ => None,
    }
}

/// A label as a key: exact keys ignore case, so a capital is marked.
pub(super) fn key(label: &str) -> String {
    let marked = |letter: char| {
        if letter.is_ascii_uppercase() { format!("^{}", letter.to_ascii_lowercase()) } else { letter.to_string() }
    };
    label.chars().map(marked).collect()
}

/// The label of one axis of numbers: the tree, and the map that enters it only for a value that was read as numbers.
fn number_label(axis: &NumberAxis<'_>) -> Vec<Map> {
    let (id, is_version) = (axis.name, axis.length == 3);
    let sources = if is_version {
        vec![format!("$eprc_{id}_a"), format!("$epr_{id}_b"), format!("$epr_{id}_c")]
    } else {
        vec![format!("$eprc_{id}_a"), format!("$eprc_{id}_b")]
    };
    let sources: Vec<_> = sources.iter().map(String::as_str).collect();
    let mut trie = Trie { name: &format!("floor_{id}"), sources: &sources, axis, maps: Vec::new() };
    let root = trie.build();
    let mut maps = trie.maps;
    let mut rows = vec![format!("default {ANY}"), format!("release \"{root}\"")];
    rows.extend(is_version.then(|| format!("{PRE} {PRE}")));
    maps.push(Map::new(&format!("$epr_kind_{id}"), &format!("epr_label_{id}"), rows));
    maps
}

/// The label of the capabilities: one map for each known one, and one for their sum.
fn capabilities(known: &[String]) -> Vec<Map> {
    let mut maps = Vec::new();
    let mut sum = String::new();
    let mut words = String::new();
    for (at, capability) in known.iter().enumerate() {
        let word = format!("-{}", key(&capability_word(capability)));
        let row = format!("\"~(?:^|,|%2[Cc]){}(?:,|%2[Cc]|\\z)\" \"{word}\"", literal(capability));
        maps.push(Map::new(
            "$epr_q_capabilities",
            &format!("epr_capability_{at}"),
            vec!["default \"\"".to_owned(), row],
        ));
        sum.push_str(&format!("$epr_capability_{at}"));
        words.push_str(&word);
    }
    let none = key(&capabilities_label(&[], known.len()));
    let mut rows = vec![format!("default \"{sum}\""), format!("\"\" \"{none}\"")];
    if !known.is_empty() {
        rows.push(format!("\"{words}\" {ANY}"));
    }
    maps.push(Map::new(&format!("\"{sum}\""), "epr_capability_set", rows));
    let rows = vec!["default $epr_capability_set".to_owned(), format!("\"\" {ANY}")];
    maps.push(Map::new("$epr_q_capabilities", "epr_label_capabilities", rows));
    maps
}

/// Where a subject's walk begins, and its profiles.
fn starts(routes: &Routes) -> Vec<Map> {
    let mut starts = vec!["default \"!\"".to_owned()];
    let mut kibana = vec!["default 0".to_owned()];
    let mut spec = vec!["default 0".to_owned()];
    for (mode, subject, start) in subjects(routes) {
        let key = subject_key(mode, subject);
        starts.push(format!("{key} \"{}\"", value(&start.node)));
        if start.kibana != 0 {
            kibana.push(format!("{key} {}", start.kibana));
        }
        if start.spec != 0 {
            spec.push(format!("{key} {}", start.spec));
        }
    }
    for mode in published_modes(routes) {
        starts.push(format!("\"~^{mode}/(?:package|category|type|unknown)/\" \"[]\""));
    }
    vec![
        Map::new("$epr_subject", "epr_node_0", starts),
        Map::new("$epr_subject", "epr_profile_kibana", kibana),
        Map::new("$epr_subject", "epr_profile_spec", spec),
    ]
}

/// A subject as a key of the maps. The capitals of categories and types are marked by `!` in front of the word, as in the
/// maps of the request, and need a pattern.
fn subject_key(mode: &str, subject: &str) -> String {
    let word = word(subject);
    if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let kind = subject.strip_suffix(word).unwrap_or_default();
        return format!("\"~^{mode}/{kind}!{}\\z\"", literal(word));
    }
    format!("{mode}/{subject}")
}

/// From a label to a subject's class. `of` is which profile counts.
fn profiles(id: &str, profiles: &[Profile], of: &str) -> [Map; 2] {
    let mut defaults = vec![format!("default $epr_label_{id}")];
    let mut rows = vec![format!("default $epr_class_{id}_default")];
    for (number, profile) in profiles.iter().enumerate() {
        defaults.push(format!("{number} \"{}\"", key(&profile.default)));
        rows.extend(profile.exact.iter().map(|(label, class)| format!("{number}/{label} \"{}\"", key(class))));
    }
    [
        Map::new(&format!("$epr_profile_{of}"), &format!("epr_class_{id}_default"), defaults),
        Map::new(&format!("\"$epr_profile_{of}/$epr_label_{id}\""), &format!("epr_class_{id}"), rows),
    ]
}

/// One step of the walk: a row, else the node's default, else the node itself.
fn steps(at: usize, axis: Axis, rows: &Rows) -> [Map; 2] {
    let class = match axis {
        Axis::Kibana => "$epr_class_kibana",
        Axis::Agent => "$epr_label_agent",
        Axis::SpecMin => "$epr_class_min",
        Axis::SpecMax => "$epr_class_max",
        Axis::Capabilities => "$epr_label_capabilities",
        Axis::Prerelease => "$epr_kind_prerelease",
    };
    let (from, to) = (format!("$epr_node_{at}"), format!("epr_node_{}", at + 1));
    let nodes = rows.default.iter().map(|(node, next)| format!("{node} \"{}\"", value(next)));
    let defaults = iter::once(format!("default {from}")).chain(nodes);
    let classes = rows.exact.iter().flat_map(|(node, classes)| {
        classes.iter().map(move |(class, next)| format!("{node}/{} \"{}\"", key(class), value(next)))
    });
    let exact = iter::once(format!("default ${to}_default")).chain(classes);
    [Map::new(&from, &format!("{to}_default"), defaults), Map::new(&format!("\"{from}/{class}\""), &to, exact)]
}
