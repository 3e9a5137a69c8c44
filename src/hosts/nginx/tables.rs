//! The routing tables as maps: labels, the start of a subject, and one step of the walk for each axis.
//!
//! A node is written as its number while the walk goes on, else as the path of its answer, `[]` or `!` (refused).

use super::Map;
use super::treatment::pattern;
use super::trie::Trie;
use crate::answers::route::model::{Axis, Node, Profile, Routes, Rows};
use crate::answers::route::request::is_published;
use crate::answers::route::walk::{
    ANY, LOWEST, NONE, PRE, boundary_label, capabilities_label, capability_word, spec_label,
};
use std::iter;

/// All maps of the tables, in the order of the walk.
pub(super) fn tables(routes: &Routes) -> Vec<Map> {
    let mut maps = labels(routes);
    maps.extend(capabilities(&routes.capabilities));
    maps.extend(subjects(routes));
    maps.extend(profiles("kibana", &routes.kibana_profiles, "kibana"));
    maps.extend(profiles("min", &routes.spec_min_profiles, "spec"));
    maps.extend(profiles("max", &routes.spec_max_profiles, "spec"));
    let empty = Rows::default();
    for (at, axis) in Axis::ALL.into_iter().enumerate() {
        maps.extend(steps(at, axis, routes.rows.get(&axis).unwrap_or(&empty)));
    }
    maps
}

/// A value of a node; what an nginx variable cannot hold as written is refused rather than answered wrongly.
fn value(node: &Node) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+~-".contains(&byte);
    match node {
        Node::Step(number) => number.to_string(),
        Node::Answer(path) if path.bytes().all(is_plain) => path.to_string(),
        Node::Empty => "[]".to_owned(),
        Node::Answer(_) | Node::Refused => "!".to_owned(),
    }
}

/// A label as a key: exact keys ignore case, so a capital is marked.
fn key(label: &str) -> String {
    let marked = |letter: char| {
        if letter.is_ascii_uppercase() { format!("^{}", letter.to_ascii_lowercase()) } else { letter.to_string() }
    };
    label.chars().map(marked).collect()
}

/// Labels of the four axes of numbers.
fn labels(routes: &Routes) -> Vec<Map> {
    let mut maps = Vec::new();
    for (id, bounds) in [("kibana", &routes.kibana_boundaries), ("agent", &routes.agent_boundaries)] {
        let floor = |count: usize, _: bool| {
            count.checked_sub(1).map_or_else(|| LOWEST.to_owned(), |last| boundary_label(bounds[last]))
        };
        let sources = [format!("$eprc_{id}_a"), format!("$epr_{id}_b"), format!("$epr_{id}_c")];
        let bounds = bounds.iter().map(<[u64; 3]>::as_slice).collect();
        maps.extend(number_label(id, &sources, bounds, &floor, &format!("{PRE} {PRE}")));
    }
    let specs = &routes.specs;
    let ceiling = |count: usize, exact: bool| {
        let below = count - usize::from(exact);
        match specs.get(below) {
            _ if below == 0 => ANY.to_owned(),
            Some(spec) => spec_label(*spec),
            None => NONE.to_owned(),
        }
    };
    let floor = |count: usize, _: bool| match count.checked_sub(1) {
        _ if count == specs.len() => ANY.to_owned(),
        Some(last) => spec_label(specs[last]),
        None => NONE.to_owned(),
    };
    let mut bound = |id: &str, label: &dyn Fn(usize, bool) -> String| {
        let sources = ["a", "b"].map(|part| format!("$eprc_{id}_{part}"));
        let bounds = specs.iter().map(<[u64; 2]>::as_slice).collect();
        maps.extend(number_label(id, &sources, bounds, label, ""));
    };
    bound("min", &ceiling);
    bound("max", &floor);
    maps
}

/// The tree of one axis of numbers, and the map that enters it only for a value that was read as numbers.
fn number_label(
    id: &str,
    sources: &[String],
    bounds: Vec<&[u64]>,
    label: &dyn Fn(usize, bool) -> String,
    more: &str,
) -> Vec<Map> {
    let sources: Vec<_> = sources.iter().map(String::as_str).collect();
    let mut trie = Trie { name: &format!("floor_{id}"), sources: &sources, bounds, label, maps: Vec::new() };
    let root = trie.build();
    let mut maps = trie.maps;
    let mut rows = vec![format!("default {ANY}"), format!("release \"{root}\"")];
    rows.extend((!more.is_empty()).then(|| more.to_owned()));
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
        let row = format!("\"~(?:^|,|%2[Cc]){}(?:,|%2[Cc]|\\z)\" \"{word}\"", pattern(capability));
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
fn subjects(routes: &Routes) -> Vec<Map> {
    let mut starts = vec!["default \"!\"".to_owned()];
    let mut kibana = vec!["default 0".to_owned()];
    let mut spec = vec!["default 0".to_owned()];
    for (subject, start) in &routes.subjects {
        let Some(key) = subject_key(subject) else { continue };
        starts.push(format!("{key} \"{}\"", value(&start.node)));
        if start.kibana != 0 {
            kibana.push(format!("{key} {}", start.kibana));
        }
        if start.spec != 0 {
            spec.push(format!("{key} {}", start.spec));
        }
    }
    for mode in ["latest", "all", "legacy", "legacy-all"] {
        if is_published(routes, &format!("{mode}/")) {
            starts.push(format!("\"~^{mode}/(?:package|category|type|unknown)/\" \"[]\""));
        }
    }
    vec![
        Map::new("$epr_subject", "epr_node_0", starts),
        Map::new("$epr_subject", "epr_profile_kibana", kibana),
        Map::new("$epr_subject", "epr_profile_spec", spec),
    ]
}

/// A subject as a key of the maps; `None` for one that no request can name. The capitals of categories and types are
/// marked by `!` in front of the word, as in the maps of the request, and need a pattern.
fn subject_key(subject: &str) -> Option<String> {
    let Some((kind, word)) = subject.rsplit_once('/') else { return Some(subject.to_owned()) };
    if !word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)) {
        return None;
    }
    if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some(format!("\"~^{kind}/!{}\\z\"", pattern(word)));
    }
    Some(subject.to_owned())
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
