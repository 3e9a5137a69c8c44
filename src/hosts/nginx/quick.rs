//! The quick table: what Kibana asks, in the order in which it asks, answered by one exact key.
//!
//! The walk through all tables costs a request more than sending its answer. Kibana writes its queries in one order and
//! without escapes, and sends few pairs of spec bounds; so one pattern (`quick.maps`) reads such a query, and its answer is
//! a row of one map, by subject, class of the Kibana version, pair and `prerelease`. Where there is no row, the maps of the
//! request and the walk answer, which also know everything that is wrong. Rows come from the walk, so both say the same.

use super::map::Map;
use super::tables::{key, path};
use super::trie::{LONGEST_GAP, Trie};
use crate::answers::route::model::{Axis, Node, Routes, Start};
use crate::answers::route::walk::{ANY, LOWEST, Labels, boundary_label};
use crate::config::routing::branches;
use crate::hosts::shared::labels::NumberAxis;
use crate::package::Spec;
use std::collections::{BTreeMap, BTreeSet};
use std::iter;

/// So many branches of Kibana after the last one that the tables name are read as quickly; later ones are read by the walk.
const FURTHER: u64 = 24;
/// What the maps of the walk are called where the quick table stands before them.
const READ: [(&str, &str); 2] =
    [("epr_label_kibana", "epr_read_label_kibana"), ("epr_profile_kibana", "epr_read_profile_kibana")];

/// Puts the quick table before the maps of the walk.
pub(super) fn add(routes: &Routes, maps: &mut Vec<Map>) {
    for map in maps.iter_mut() {
        if let Some((_, read)) = READ.into_iter().find(|(name, _)| map.name == *name) {
            map.name = read.to_owned();
        }
    }
    let pairs = pairs(routes);
    let subjects: Vec<_> =
        routes.subjects.iter().filter_map(|(key, start)| Some((subject(key)?, key, start))).collect();
    maps.extend(label(routes));
    let profile = |(subject, _, start): &(String, &String, &Start)| format!("{subject} {}", start.kibana);
    let rows = iter::once("default $epr_read_profile_kibana".to_owned()).chain(subjects.iter().map(profile));
    maps.push(Map::new("$epr_quick_subject", "epr_profile_kibana", rows));
    let texts = pairs.iter().enumerate().flat_map(|(number, pair)| {
        pair.texts.iter().map(move |text| format!("{} {number}", if text.is_empty() { "\"\"" } else { text }))
    });
    let rows = iter::once("default none".to_owned()).chain(texts);
    maps.push(Map::new("$eprc_quick_bounds", "epr_quick_pair", rows));
    let answers = subjects.iter().flat_map(|(subject, key, start)| answers(routes, &pairs, subject, key, start));
    let rows = iter::once("default /-".to_owned()).chain(answers);
    // The subject first: what its pattern captures is empty before.
    let source = "\"$epr_quick_subject/$epr_class_kibana/$epr_quick_pair/$eprc_quick_prerelease\"";
    maps.push(Map::new(source, "epr_quick", rows));
}

/// A pair of labels that some Kibanas ask for.
struct Pair {
    /// How requests spell it.
    texts: BTreeSet<String>,
    /// Of `spec.min` and `spec.max`.
    labels: [String; 2],
    /// The labels of the Kibana versions that send it.
    kibana: BTreeSet<String>,
}

/// The pairs that Kibana sends, first none: scripts leave the bounds out for every version.
fn pairs(routes: &Routes) -> Vec<Pair> {
    let firsts = || iter::once([0; 3]).chain(routes.kibana_boundaries.iter().copied());
    let nexts = routes.kibana_boundaries.iter().copied().chain([[u64::MAX; 3]]);
    let ranges: Vec<_> = firsts().zip(nexts).enumerate().collect();
    let label = |at: usize, first| if at == 0 { LOWEST.to_owned() } else { boundary_label(first) };
    let asked = branches().into_iter().filter_map(|client| Some((client.kibana?, client.spec_min, client.spec_max)));
    let mut pairs: Vec<Pair> = Vec::new();
    for ((begin, end), min, max) in iter::once((([0; 3], [u64::MAX; 3]), None, None)).chain(asked) {
        let labels = [routes.label_spec_min(min), routes.label_spec_max(max)];
        let at = pairs.iter().position(|pair| pair.labels == labels).unwrap_or_else(|| {
            pairs.push(Pair { texts: BTreeSet::new(), labels, kibana: BTreeSet::new() });
            pairs.len() - 1
        });
        pairs[at].texts.insert(spelt(min, max));
        let within = ranges.iter().filter(|(_, (first, next))| *first < end && begin < *next);
        pairs[at].kibana.extend(within.map(|(at, (first, _))| label(*at, *first)));
    }
    pairs
}

/// The bounds as Kibana writes them.
fn spelt(min: Option<Spec>, max: Option<Spec>) -> String {
    let bound =
        |name: &str, bound: Option<Spec>| bound.map(|spec| format!("spec.{name}={}.{}", spec.major, spec.minor));
    bound("min", min).into_iter().chain(bound("max", max)).collect::<Vec<_>>().join("&")
}

/// What the pattern makes of a query for this subject; `None` for subjects that it does not read.
fn subject(key: &str) -> Option<String> {
    let (mode, subject) = key.split_once('/')?;
    let legacy = match mode {
        "latest" => "",
        "legacy" => "experimental=true",
        _ => return None,
    };
    match subject {
        "list" => Some(format!("/{legacy}")),
        "categories" => Some(format!("/categories//{legacy}")),
        "categories-templates" => Some(format!("/categories/include_policy_templates=true/{legacy}")),
        _ => {
            let name = subject.strip_prefix("package/")?;
            let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
            is_name.then(|| format!("{name}/{legacy}"))
        }
    }
}

/// The rows of one subject.
fn answers(routes: &Routes, pairs: &[Pair], subject: &str, name: &str, start: &Start) -> Vec<String> {
    // The legacy filter knows neither bounds nor pre-releases.
    let is_legacy = subject.ends_with("experimental=true");
    let (pairs, flags) = if is_legacy { (&pairs[..1], &["0"][..]) } else { (pairs, &["0", "1"][..]) };
    let mut rows = Vec::new();
    let profile = routes.kibana_profiles.get(start.kibana as usize);
    for (number, pair) in pairs.iter().enumerate() {
        let mut classes: BTreeMap<&str, &str> = BTreeMap::new();
        for label in &pair.kibana {
            classes.insert(profile.map_or(label, |profile| profile.class(label)), label);
        }
        for (class, label) in classes {
            for flag in flags {
                let labels = Labels {
                    kibana: label.to_owned(),
                    agent: ANY.to_owned(),
                    spec_min: pair.labels[0].clone(),
                    spec_max: pair.labels[1].clone(),
                    capabilities: ANY.to_owned(),
                    prerelease: (*flag).to_owned(),
                };
                let empty =
                    if subject.starts_with("/categories") { "/answers/empty-categories" } else { "/answers/empty" };
                let node = routes.walk(name, &labels);
                let answer = if node == Node::Empty { Some(empty) } else { path(&node) };
                let flag = if *flag == "1" { "true" } else { "" };
                rows.extend(answer.map(|answer| format!("{subject}/{}/{number}/{flag} {answer}", key(class))));
            }
        }
    }
    rows
}

/// The label of a Kibana version in two look-ups, by branch and patch; what is not listed is read by the walk.
fn label(routes: &Routes) -> Vec<Map> {
    let Some(axis) = NumberAxis::new(routes, Axis::Kibana, "kibana") else { return Vec::new() };
    let mut rows = vec!["default $epr_read_label_kibana".to_owned()];
    let mut trie = Trie { name: "quick_label", sources: &["", "", "$eprc_quick_patch"], axis: &axis, maps: Vec::new() };
    for major in axis.listed(0..axis.bounds.len(), 0) {
        let mut next = 0;
        let (number, end) = (major.number, major.bounds.end);
        for minor in axis.listed(major.bounds, 1) {
            let lower = (axis.label)(minor.bounds.start, false);
            let gap = minor.unlisted.end - minor.unlisted.start;
            rows.extend(minor.unlisted.filter(|_| gap <= LONGEST_GAP).map(|minor| format!("{number}.{minor} {lower}")));
            next = minor.number.saturating_add(1);
            let is_whole = minor.bounds.len() == 1 && axis.bounds[minor.bounds.start][2] == 0;
            let label =
                if is_whole { (axis.label)(minor.bounds.end, false) } else { trie.level(minor.bounds.clone(), 2) };
            rows.push(format!("{number}.{} {label}", minor.number));
        }
        let last = (axis.label)(end, false);
        rows.extend((next..next.saturating_add(FURTHER)).map(|minor| format!("{number}.{minor} {last}")));
    }
    let mut maps = trie.maps;
    maps.push(Map::new("$eprc_quick_minor", "epr_label_kibana", rows));
    maps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::route::model::{Profile, Rows};

    /// One package and the list: an older version before 8.11.2, a newer one from there on if its spec is within the bounds.
    fn routes() -> Routes {
        let mut routes = Routes {
            kibana_boundaries: vec![[8, 11, 2], [9, 0, 0]],
            specs: vec![[1, 0], [3, 3], [3, 6]],
            kibana_profiles: vec![Profile {
                exact: [("0", "0"), ("any", "0")].map(|(label, class)| (label.to_owned(), class.to_owned())).into(),
                default: "9.0.0".to_owned(),
            }],
            ..Routes::default()
        };
        let mut rows = Rows::default();
        rows.exact.insert(1, "0", Node::Answer("/answers/package/x/1.0.0".into()));
        rows.default.insert(1, Node::Step(2));
        routes.rows.insert(Axis::Kibana, rows);
        let mut rows = Rows::default();
        rows.exact.insert(2, "3.3", Node::Refused);
        rows.default.insert(2, Node::Empty);
        routes.rows.insert(Axis::SpecMax, rows);
        routes.subjects.insert("latest/package/x".to_owned(), Start { node: Node::Step(1), kibana: 0, spec: 0 });
        routes.subjects.insert("all/package/x".to_owned(), Start { node: Node::Step(1), kibana: 0, spec: 0 });
        routes
    }

    fn map(name: &str) -> String {
        let routes = routes();
        let mut maps = Vec::new();
        add(&routes, &mut maps);
        let map = maps.iter().find(|map| map.name == name).unwrap();
        map.text.lines().map(|row| row.trim().trim_end_matches(';').to_owned()).collect::<Vec<_>>().join("\n")
    }

    // Only pairs that a Kibana of the class sends have rows, and what is refused has none.
    #[test]
    fn rows_are_those_of_the_walk() {
        assert_eq!(
            map("epr_quick"),
            "default /-\n\
             x//0/0/ /answers/package/x/1.0.0\n\
             x//0/0/true /answers/package/x/1.0.0\n\
             x//9.0.0/0/ /answers/empty\n\
             x//9.0.0/0/true /answers/empty\n\
             x//0/1/ /answers/package/x/1.0.0\n\
             x//0/1/true /answers/package/x/1.0.0\n\
             x//9.0.0/1/ /answers/empty\n\
             x//9.0.0/1/true /answers/empty\n\
             x//9.0.0/4/ /answers/empty\n\
             x//9.0.0/4/true /answers/empty"
        );
    }

    #[test]
    fn branches_and_patches_lead_to_labels() {
        let text = map("epr_label_kibana");
        for row in [
            "default $epr_read_label_kibana",
            "8.0 0",
            "8.10 0",
            "8.11 $epr_quick_label_8_11",
            "8.12 8.11.2",
            "9.0 9.0.0",
            "9.24 9.0.0",
        ] {
            assert!(text.lines().any(|line| line == row), "{row}: {text}");
        }
        assert_eq!(map("epr_quick_label_8_11"), "default \"8.11.2\"\n0 \"0\"\n1 \"0\"\n2 \"8.11.2\"");
    }

    #[test]
    fn bounds_with_the_same_labels_share_a_number() {
        let text = map("epr_quick_pair");
        for row in ["default none", "\"\" 0"] {
            assert!(text.lines().any(|line| line == row), "{row}: {text}");
        }
        let number = |bounds: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{bounds} ")));
        assert_eq!(number("spec.max=3.3"), number("spec.max=3.4"));
        assert_eq!(number("spec.min=2.3&spec.max=3.3"), number("spec.min=2.3&spec.max=3.5"));
        assert!(number("spec.min=2.3&spec.max=3.6").is_some());
    }

    #[test]
    fn subjects_are_spelt_as_the_pattern_spells_them() {
        for (key, expected) in [
            ("latest/list", Some("/")),
            ("legacy/list", Some("/experimental=true")),
            ("latest/package/a_1", Some("a_1/")),
            ("latest/package/A", None),
            ("all/package/a", None),
            ("latest/category/web", None),
            ("legacy/categories", Some("/categories//experimental=true")),
            ("latest/categories-templates", Some("/categories/include_policy_templates=true/")),
        ] {
            assert_eq!(subject(key).as_deref(), expected, "{key}");
        }
    }
}
