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

#[test]
fn prefixes_are_plain_paths() {
    for (prefix, is_right) in [
        ("", true),
        ("/epr", true),
        ("/epr.d/staging-1", true),
        ("epr", false),
        ("/", false),
        ("/epr/", false),
        ("/a//b", false),
        ("/a/../b", false),
        ("/a b", false),
        ("/a\"", false),
        ("/%41", false),
    ] {
        let options = HostOptions { prefix: prefix.to_owned(), ..HostOptions::default() };
        assert_eq!(super::prefix(&options).is_ok(), is_right, "{prefix}");
    }
}

#[test]
fn what_is_published_is_seen_from_paths() {
    let files = [
        ("/documents/a/1.0.0.json", true),
        ("/documents/a/1.1.0.json", false),
        ("/answers/list/x.json", true),
        ("/answers/list/y.json", false),
        ("/index.json", true),
        ("/epr/a/a-1.0.0.zip", false),
    ]
    .map(|(path, has_copy)| (path.to_owned(), has_copy));
    let mut published = Published::default();
    files.iter().for_each(|(path, has_copy)| published.note(path, *has_copy));
    assert_eq!(published.versions, [("a/1.0.0".to_owned(), true), ("a/1.1.0".to_owned(), false)].into());
    assert_eq!(published.copies, ["/answers/list/x".to_owned()].into());
}

// The names beside a file say nothing of it: `a.gz.gz` belongs to the package, `a.gz` may be a copy.
#[test]
fn notes_tell_files_from_copies() {
    let mut notes = FileNotes::default();
    notes.note("/a.gz.gz", "application/gzip");
    notes.note("/b.gz", "application/gzip");
    notes.note("/b", "image/png");
    let found: Vec<_> = file_notes(&notes).into_iter().map(|(path, note)| format!("{path} {note}")).collect();
    assert_eq!(found, ["/a.gz n;", "/a.gz.gz f;", "/b n;image/png", "/b.gz f;"]);
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
