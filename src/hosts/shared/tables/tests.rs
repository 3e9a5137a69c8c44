//! The tables as text, and look-ups in them against the reference walk. Patterns of gaps are tested by real servers.

use super::*;
use crate::answers::route::model::{Rows, Start};
use crate::dialect::version::Version;
use crate::package::Spec;
use proptest::prelude::*;

/// Looks up as hosts do: all numbers, then with `+` for the last ones.
fn look_up(text: &str, axis: &str, numbers: &[u64]) -> String {
    let rows: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    let exact: Vec<_> = numbers.iter().map(u64::to_string).collect();
    let shorter = (0..numbers.len()).rev().map(|count| [&exact[..count], &["+".to_owned()]].concat());
    let mut keys = [exact.clone()].into_iter().chain(shorter).map(|key| format!("{axis}/{}", key.join(".")));
    keys.find_map(|key| rows.get(key.as_str()).map(ToString::to_string)).unwrap_or_default()
}

#[test]
fn rows_list_what_lies_between_boundaries() {
    let routes = Routes { kibana_boundaries: vec![[1, 0, 1]], specs: vec![[0, 1]], ..Routes::default() };
    let (text, gaps) = labels(&routes);
    assert!(gaps.is_empty());
    let expected = "kibana/0.+ 0\nkibana/1.0.0 0\nkibana/1.0.1 1.0.1\nkibana/1.0.+ 1.0.1\nkibana/1.+ 1.0.1\nkibana/+ 1.0.1\n\
                    agent/+ 0\n\
                    min/0.0 any\nmin/0.1 any\nmin/0.+ none\nmin/+ none\n\
                    max/0.0 none\nmax/0.1 any\nmax/0.+ any\nmax/+ any\n";
    assert_eq!(text, expected);
}

#[test]
fn long_gaps_become_patterns() {
    let routes = Routes { kibana_boundaries: vec![[8, 2, 500], [900, 0, 0]], ..Routes::default() };
    let (text, gaps) = labels(&routes);
    assert!(text.len() < 1000, "{text}");
    let gaps: Vec<_> = gaps.iter().map(|gap| format!("{} {} {}", gap.axis, gap.pattern, gap.label)).collect();
    assert_eq!(
        gaps,
        [
            r"kibana ^8\.2\.(?:\d{1,2}|[0-4]\d{2})(?:\.\d+)*\z 0",
            r"kibana ^(?!(?:[0-8]\d{0})(?:\.|\z))(?:\d{1,2}|[0-8]\d{2})(?:\.\d+)*\z 8.2.500"
        ]
    );
}

#[test]
fn answers_are_numbered_and_odd_ones_refused() {
    let answer = |path: &str| Node::Answer(path.into());
    let mut routes = Routes::default();
    for (subject, node) in [
        ("latest/package/b", answer("/answers/b")),
        ("latest/package/a", answer("/answers/a")),
        ("latest/package/c", answer("/answers/a b")),
        ("latest/category/no way", answer("/answers/d")),
        ("latest/list", Node::Step(7)),
    ] {
        routes.subjects.insert(subject.to_owned(), Start { node, kibana: 1, spec: 2 });
    }
    let mut rows = Rows::default();
    rows.exact.insert(7, "8.0.0", Node::Empty);
    rows.exact.insert(7, "any", Node::Refused);
    rows.default.insert(7, answer("/answers/b"));
    routes.rows.insert(Axis::Kibana, rows);
    let published = Published { copies: ["/answers/b".to_owned()].into(), ..Published::default() };
    let files: BTreeMap<_, _> =
        render(&routes, &HostOptions { published, ..HostOptions::default() }).unwrap().into_iter().collect();
    assert_eq!(files["answers.map"], "a0 /answers/a\nz1 /answers/b\na2 /answers/d\n");
    assert_eq!(
        files["subjects.map"],
        "latest/list 7;1;2\nlatest/package/a a0;1;2\nlatest/package/b z1;1;2\nlatest/package/c !;1;2\nlatest [];0;0\n"
    );
    assert_eq!(files["kibana.map"], "7 z1\n7/8.0.0 []\n7/any !\n");
    assert_eq!(files["agent.map"], "");
}

proptest! {
    #[test]
    fn look_ups_find_the_label_of_every_version(
        bounds in proptest::collection::btree_set((0..4_u64, 0..6_u64, 0..12_u64), 0..8),
        specs in proptest::collection::btree_set((0..4_u64, 0..6_u64), 0..6),
        asked in (0..6_u64, 0..8_u64, 0..14_u64),
    ) {
        let routes = Routes {
            kibana_boundaries: bounds.into_iter().map(|(a, b, c)| [a, b, c]).collect(),
            specs: specs.into_iter().map(|(a, b)| [a, b]).collect(),
            ..Routes::default()
        };
        let (text, gaps) = labels(&routes);
        prop_assert!(gaps.is_empty());
        let (major, minor, patch) = asked;
        let version = Version::strict(&format!("{major}.{minor}.{patch}")).unwrap();
        prop_assert_eq!(look_up(&text, "kibana", &[major, minor, patch]), routes.label_kibana(Some(&version)));
        let spec = Some(Spec { major, minor });
        prop_assert_eq!(look_up(&text, "min", &[major, minor]), routes.label_spec_min(spec));
        prop_assert_eq!(look_up(&text, "max", &[major, minor]), routes.label_spec_max(spec));
    }
}
