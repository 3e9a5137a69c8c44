//! Ranges of npm as tables.

use super::*;

fn range(text: &str) -> Range {
    Range::parse(text).unwrap()
}

fn allowed<'a>(text: &str, versions: &'a [&'a str]) -> Vec<&'a str> {
    let range = range(text);
    versions.iter().copied().filter(|version| range.allows(&Version::loose(version).unwrap())).collect()
}

/// What a requirement of a package usually looks like. (All that node-semver does stands in `tests/suite/npm_ranges.rs`.)
#[test]
fn ranges_allow_what_people_mean() {
    let versions =
        ["0.0.2", "0.3.0", "0.3.7", "0.4.0", "1.0.0-beta.1", "1.0.0", "1.2.3", "1.9.0", "2.0.0-rc.1", "2.0.0"];
    for (text, expected) in [
        ("^0.3.0", "0.3.0 0.3.7"),
        ("^0.0.2", "0.0.2"),
        ("^1.0.0", "1.0.0 1.2.3 1.9.0"),
        ("~1.2", "1.2.3"),
        ("1.x", "1.0.0 1.2.3 1.9.0"),
        ("1.2.3", "1.2.3"),
        ("0.3.0 - 1.2", "0.3.0 0.3.7 0.4.0 1.0.0 1.2.3"),
        (">=0.4.0 <1.9.0", "0.4.0 1.0.0 1.2.3"),
        ("^0.3.0 || ^2.0.0", "0.3.0 0.3.7 2.0.0"),
        ("^1.0.0-beta", "1.0.0-beta.1 1.0.0 1.2.3 1.9.0"),
        ("", "0.0.2 0.3.0 0.3.7 0.4.0 1.0.0 1.2.3 1.9.0 2.0.0"),
        ("<0.0.2", ""),
    ] {
        assert_eq!(allowed(text, &versions).join(" "), expected, "{text}");
    }
}

#[test]
fn other_texts_are_no_ranges() {
    for text in ["latest", "^^1", "1.2.3.4", "01.0.0", "^1, ^2", "1 | 2", ">", "1.x.3", "^9007199254740992.0.0"] {
        let error = Range::parse(text).unwrap_err().to_string();
        assert!(error.contains("is not a range of versions as npm reads them"), "{text}: {error}");
    }
    assert_eq!(Range::parse(&" ".repeat(LONGEST + 1)), Err(RangeError::TooLong));
    assert_eq!(range(" ^1 ").to_string(), " ^1 ");
}

/// The registry reads some versions that npm does not; these lie in no range.
#[test]
fn versions_that_npm_does_not_read_lie_in_no_range() {
    for version in ["1", "1.2", "1.2.9007199254740992"] {
        assert!(!range("*").allows(&Version::loose(version).unwrap()), "{version}");
    }
    assert!(range("*").allows(&Version::loose("v1.2.3").unwrap()));
}
