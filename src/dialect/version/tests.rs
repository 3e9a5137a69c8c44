//! Tables of versions and constraints: the contract's, and further rows of our own.

use super::{Constraint, ConstraintError, Version, VersionError};
use std::cmp::Ordering;

const CASES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/semver-cases.tsv"));
const ORDER: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/semver-order.tsv"));

/// The rows of a table with a header and three columns, whose blanks are significant.
fn rows(table: &str) -> impl Iterator<Item = [&str; 3]> {
    table.lines().skip(1).map(|line| {
        let fields: Vec<_> = line.split('\t').collect();
        fields.try_into().unwrap_or_else(|_| panic!("not three fields: {line:?}"))
    })
}

fn answer(constraint: &str, version: &str) -> &'static str {
    match (Constraint::parse(constraint), Version::loose(version)) {
        (Ok(constraint), Ok(version)) if constraint.matches(&version) => "true",
        (Ok(_), Ok(_)) => "false",
        _ => "error",
    }
}

fn order(left: &str, right: &str) -> &'static str {
    match (Version::loose(left), Version::loose(right)) {
        (Ok(left), Ok(right)) => match left.precedence(&right) {
            Ordering::Less => "-1",
            Ordering::Equal => "0",
            Ordering::Greater => "1",
        },
        _ => "error",
    }
}

/// Runs a table of the contract and reports every row that differs, not only the first.
fn check_table(table: &str, at_least: usize, ask: fn(&str, &str) -> &'static str) {
    let wrong: Vec<_> = rows(table)
        .filter(|[left, right, expected]| ask(left, right) != *expected)
        .map(|[left, right, expected]| format!("{left:?} {right:?}: expected {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(rows(table).count() >= at_least, "the table is cut off");
}

#[test]
fn agrees_with_the_contract_on_constraints() {
    check_table(CASES, 10_893, answer);
}

#[test]
fn agrees_with_the_contract_on_order() {
    check_table(ORDER, 1_118, order);
}

/// Constraint, versions that satisfy it, versions that do not.
const CONSTRAINTS: &[(&str, &str, &str)] = &[
    // Every operator with three numbers.
    ("1.2.3", "1.2.3 v1.2.3 01.2.3 1.2.3+build", "1.2.4 1.2.2 1.2 1.2.3-rc1"),
    ("=1.2.3-rc1", "1.2.3-rc1 1.2.3-rc1+build", "1.2.3 1.2.3-rc2"),
    ("!=1.2.3", "1.2.4 0.0.0", "1.2.3 1.2.3+a 1.2.4-rc1"),
    (">1.2.3", "1.2.4 2.0.0", "1.2.3 1.2.2"),
    (">=1.2.3", "1.2.3 2.0.0", "1.2.2 2.0.0-rc1"),
    ("=>1.2.3", "1.2.3", "1.2.2"),
    ("<1.2.3", "1.2.2 0.0.0", "1.2.3 1.2.2-rc1"),
    ("<=1.2.3", "1.2.3", "1.2.4"),
    ("=<1.2.3", "1.2.3", "1.2.4"),
    ("~1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"),
    ("~>1.2.3", "1.2.3 1.2.9", "1.2.2 1.3.0"),
    ("^1.2.3", "1.2.3 1.9.9", "1.2.2 2.0.0 1.3.0-rc1"),
    ("^0.2.3", "0.2.3 0.2.9", "0.2.2 0.3.0 1.2.3"),
    ("^0.0.3", "0.0.3", "0.0.2 0.0.4 0.1.3"),
    // Missing parts and wildcards.
    ("*", "0.0.0 9.9.9", "9.9.9-rc1"),
    ("x.2.3", "0.0.0 9.9.9", ""),
    ("1.x.3", "1.0.0 1.9.9", "0.9.9 2.0.0"),
    ("~0", "0.0.0 0.9.9", "1.0.0"),
    ("~0.0.0", "0.0.0 9.9.9", ""),
    ("^0", "0.0.0 0.9.9", "1.0.0"),
    ("^0.0", "0.0.0 0.0.9", "0.1.0 1.0.0"),
    ("^0.0.0", "0.0.0", "0.0.1"),
    ("^*", "0.0.0", "0.0.1 1.0.0"),
    (">*", "0.0.1 1.0.0", "0.0.0"),
    (">1", "2.0.0", "1.0.0 1.9.9"),
    (">1.2", "1.3.0 2.0.0", "1.2.9"),
    ("<1.2", "1.1.9", "1.2.0"),
    ("<=1.2", "1.2.9 0.0.0", "1.3.0 2.0.0"),
    ("<=1", "1.9.9", "2.0.0"),
    ("<=*", "0.0.9", "0.1.0 1.0.0"),
    ("<*", "", "0.0.0 1.0.0"),
    ("!=1", "0.9.9 2.0.0", "1.0.0 1.9.9"),
    ("!=1.2", "1.1.9 1.3.0 2.2.0", "1.2.0 1.2.9"),
    ("!=1.2-beta", "1.2.0 1.2.9-rc 1.3.0", "1.2.9-beta"),
    ("!=*", "0.0.1 1.0.0", "0.0.0"),
    ("!=*-beta", "0.0.0 0.0.0-alpha 1.0.0", "0.0.0-beta"),
    // Groups, separators, ranges.
    (">=1 <2,!=1.5.0 , !=1.6", "1.0.0 1.5.1", "1.5.0 1.6.3 2.0.0"),
    ("^7.17.6||^8.3.0", "7.17.6 8.99.99", "7.17.5 8.2.9 9.0.0"),
    ("^8.0.0-SNAPSHOT || ^9.0.0", "8.0.0-SNAPSHOT 8.1.0-rc1 9.1.0", "9.1.0-rc1 8.0.0-RC1"),
    ("1.2 - 2", "1.2.0 2.9.9", "1.1.9 3.0.0"),
    ("1 - 2 3 - 4", "", "1.0.0 2.5.0 3.5.0"),
    ("1\t-\n2,!=1.5.0", "1.4.0 2.9.9", "1.5.0"),
    ("1 - 2||4", "1.0.0 2.9.9 4.1.0", "3.0.0"),
    // The bars belong to the number before a range's dash: `>= 3||0, <= 1 `.
    ("3||0 - 1", "0.1.0 3.0.0 9.0.0", "1.0.0 2.0.0"),
    // The largest numbers.
    ("^18446744073709551615", "18446744073709551615.1.2", "18446744073709551614.0.0"),
    (">1.18446744073709551615.18446744073709551615", "2.0.0", "1.18446744073709551615.18446744073709551615"),
];

#[test]
fn constraints_match_versions() {
    let check = |constraint: &str, versions: &str, expected: bool| {
        let parsed = Constraint::parse(constraint).unwrap_or_else(|error| panic!("{constraint:?}: {error}"));
        for version in versions.split_whitespace() {
            assert_eq!(parsed.matches(&Version::loose(version).unwrap()), expected, "{constraint:?} and {version}");
        }
    };
    for (constraint, satisfied, unsatisfied) in CONSTRAINTS {
        check(constraint, satisfied, true);
        check(constraint, unsatisfied, false);
    }
}

#[test]
fn refuses_what_is_no_constraint() {
    let improper = |group: &str| ConstraintError::Improper(group.to_owned());
    let cases = [
        ("", improper("")),
        (" ", improper(" ")),
        ("^1.2.3 || ", improper(" ")),
        ("|| 1", improper("")),
        ("1.2.3 -2.3.4", improper("1.2.3 -2.3.4")),
        (">=1.2.3<2.0.0", improper(">=1.2.3<2.0.0")),
        ("1,", improper("1,")),
        (",1", improper(",1")),
        ("1,,2", improper("1,,2")),
        ("==1", improper("==1")),
        ("~~1", improper("~~1")),
        (">>1", improper(">>1")),
        ("! =1", improper("! =1")),
        ("V1", improper("V1")),
        ("1.2.3.4", improper("1.2.3.4")),
        ("1.2.3-", improper("1.2.3-")),
        ("1.2.3-a.", improper("1.2.3-a.")),
        ("1.2.3-é", improper("1.2.3-é")),
        ("^1\u{a0}", improper("^1\u{a0}")),
        ("1 || 2 || latest", improper(" latest")),
        ("^1 - 2", improper("^>= 1, <= 2 ")),
        ("3 ||1 - 2", improper("3>= ")),
        ("1x", ConstraintError::Version),
        ("1|2", ConstraintError::Version),
        ("1 | 2", ConstraintError::Version),
        ("1.2.3-01", ConstraintError::Version),
        ("1.2-beta.00", ConstraintError::Version),
        ("^18446744073709551616", ConstraintError::Version),
    ];
    for (text, expected) in cases {
        assert_eq!(Constraint::parse(text), Err(expected), "{text:?}");
    }
    assert_eq!(improper("a\"b").to_string(), r#"improper constraint: "a\"b""#);
}

#[test]
fn bounds_the_length_of_a_constraint() {
    let padded = |length: usize| Constraint::parse(&format!("{:length$}", "1"));
    assert!(padded(512).is_ok());
    assert_eq!(padded(513), Err(ConstraintError::TooLong));
    let alternatives = |count: usize| Constraint::parse(&vec!["1"; count].join("||"));
    assert!(alternatives(32).is_ok());
    assert_eq!(alternatives(33), Err(ConstraintError::TooManyGroups));
}

#[test]
fn names_prereleases() {
    for (constraint, expected) in
        [("^8.0.0", false), ("^8.0.0+a-b", false), ("^7.0.0 || ^8.0.0-0", true), (">1 <2-beta", true), ("*-0", true)]
    {
        assert_eq!(Constraint::parse(constraint).unwrap().names_prerelease(), expected, "{constraint}");
    }
}

#[test]
fn finds_boundaries() {
    const MAX: u64 = u64::MAX;
    let cases: [(&str, &[[u64; 3]]); 21] = [
        ("*", &[]),
        (">=0.0.0", &[]),
        ("<*", &[]),
        ("^7.16.0", &[[7, 16, 0], [8, 0, 0]]),
        ("^7.16.0 || ^8.0.0", &[[7, 16, 0], [9, 0, 0]]),
        ("~8.15", &[[8, 15, 0], [8, 16, 0]]),
        ("1.2.3", &[[1, 2, 3], [1, 2, 4]]),
        ("!=1.2.3", &[[1, 2, 3], [1, 2, 4]]),
        ("!=1.2", &[[1, 2, 0], [1, 3, 0]]),
        ("!=*", &[[0, 0, 1]]),
        ("^0.0.3", &[[0, 0, 3], [0, 0, 4]]),
        ("^*", &[[0, 0, 1]]),
        (">1.2", &[[1, 3, 0]]),
        ("<=1.2", &[[1, 3, 0]]),
        (">1.2.3", &[[1, 2, 4]]),
        (">1.2.3-beta", &[[1, 2, 3]]),
        ("=1.2.3-beta", &[]),
        ("1.2 - 2", &[[1, 2, 0], [3, 0, 0]]),
        ("^18446744073709551615", &[[MAX, 0, 0]]),
        ("1.2.18446744073709551615", &[[1, 2, MAX], [1, 3, 0]]),
        (">18446744073709551615.18446744073709551615.18446744073709551615", &[]),
    ];
    for (constraint, expected) in cases {
        assert_eq!(Constraint::parse(constraint).unwrap().boundaries(), expected, "{constraint}");
    }
}

#[test]
fn orders_versions() {
    let ascending = [
        "0.0.0",
        "1.0.0-0",
        "1.0.0-2",
        "1.0.0-10",
        "1.0.0-18446744073709551615",
        "1.0.0--1",
        "1.0.0-18446744073709551616",
        "1.0.0-Beta",
        "1.0.0-SNAPSHOT",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-rc.2",
        "1.0.0-rc.11",
        "1.0.0-rc1",
        "1.0.0-rc10",
        "1.0.0-rc2",
        "1.0.0",
        "1.0.1",
        "1.2",
        "1.10.0",
        "v2",
    ];
    for (index, left) in ascending.iter().enumerate() {
        for (other, right) in ascending.iter().enumerate() {
            let (left, right) = (Version::loose(left).unwrap(), Version::loose(right).unwrap());
            assert_eq!(left.precedence(&right), index.cmp(&other), "{left} and {right}");
        }
    }
}

#[test]
fn text_decides_between_equal_versions() {
    let [short, long, meta] = ["1", "1.0.0", "1.0.0+a"].map(|text| Version::loose(text).unwrap());
    assert!(short.precedence(&long).is_eq() && long.precedence(&meta).is_eq());
    assert!(short < long && long < meta);
}

#[test]
fn reads_strict_versions() {
    let longest = format!("1.0.0-{}", "a".repeat(250));
    for text in ["0.0.0", "1.2.3-0a.-.1+01.a-b", "1.0.0+a-b", "18446744073709551615.0.0", "1.0.0--", &longest] {
        let version = Version::strict(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!(version.as_str(), text);
    }
    let version = Version::strict("1.22.333-beta.2+a.b-c").unwrap();
    assert_eq!(version.numbers(), [1, 22, 333]);
    assert_eq!(version.pre, ["beta", "2"]);
    assert!(!Version::strict("1.0.0+a-b").unwrap().is_prerelease());
}

#[test]
fn refuses_what_is_no_strict_version() {
    let cases = [
        ("", VersionError::Empty),
        ("1", VersionError::Invalid),
        ("1.2", VersionError::Invalid),
        ("1..2", VersionError::Invalid),
        ("latest", VersionError::Invalid),
        ("v1.2.3", VersionError::Characters),
        ("1.2.3.4", VersionError::Characters),
        ("1.2.x", VersionError::Characters),
        (" 1.2.3", VersionError::Characters),
        ("1.2.3 ", VersionError::Characters),
        ("1.-2.3", VersionError::Characters),
        ("+1.2.3", VersionError::Characters),
        ("01.2.3", VersionError::LeadingZero),
        ("1.2.00", VersionError::LeadingZero),
        ("1.2.3-01", VersionError::LeadingZero),
        ("1.2.3-", VersionError::Prerelease),
        ("1.2.3-a..b", VersionError::Prerelease),
        ("1.2.3-a_b", VersionError::Prerelease),
        ("1.2.3-é", VersionError::Prerelease),
        ("1.2.3+", VersionError::Metadata),
        ("1.2.3+a+b", VersionError::Metadata),
        ("1.2.3-+", VersionError::Metadata),
        ("18446744073709551616.0.0", VersionError::Overflow),
        (&"1".repeat(257), VersionError::TooLong),
    ];
    for (text, expected) in cases {
        assert_eq!(Version::strict(text), Err(expected), "{text:?}");
    }
}

#[test]
fn reads_loose_versions() {
    for (text, numbers, pre) in [
        ("8", [8, 0, 0], ""),
        ("v8.1", [8, 1, 0], ""),
        ("08.1.0", [8, 1, 0], ""),
        ("8-rc.1", [8, 0, 0], "rc.1"),
        ("8.1+a", [8, 1, 0], ""),
        ("1.0.0-1-1", [1, 0, 0], "1-1"),
        ("00000000000000000000000000000000001", [1, 0, 0], ""),
    ] {
        let version = Version::loose(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        assert_eq!((version.numbers(), version.pre.join(".").as_str(), version.as_str()), (numbers, pre, text));
    }
}

#[test]
fn refuses_what_is_no_loose_version() {
    let cases = [
        ("", VersionError::Invalid),
        ("v", VersionError::Invalid),
        ("V1", VersionError::Invalid),
        ("vv1", VersionError::Invalid),
        ("1.2.3.4", VersionError::Invalid),
        ("8.x", VersionError::Invalid),
        ("1 ", VersionError::Invalid),
        ("1.", VersionError::Invalid),
        ("1-", VersionError::Invalid),
        ("1-a..b", VersionError::Invalid),
        ("1+", VersionError::Invalid),
        ("1-é", VersionError::Invalid),
        ("١", VersionError::Invalid),
        ("1.0.0-01", VersionError::LeadingZero),
        ("1.18446744073709551616", VersionError::Overflow),
        (&"1".repeat(257), VersionError::TooLong),
    ];
    for (text, expected) in cases {
        assert_eq!(Version::loose(text), Err(expected), "{text:?}");
    }
}
