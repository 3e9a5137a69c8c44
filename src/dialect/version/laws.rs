//! Laws that hold for every version and constraint, tried on generated ones.
//!
//! The generators draw from few, close values (and the largest number), so that versions meet the edges of constraints
//! often instead of almost never.

use super::{Constraint, Version};
use proptest::prelude::*;
use std::cmp::Ordering;

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..4_u64, 1 => Just(u64::MAX - 1), 1 => Just(u64::MAX)]
}

fn pre() -> impl Strategy<Value = &'static str> {
    let texts = ["", "", "-0", "-1", "-2.0", "-10", "-beta", "-beta.2", "-beta.11", "-Beta", "-99999999999999999999"];
    prop::sample::select(texts.to_vec())
}

fn meta() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "+build.01"])
}

fn strict_text() -> impl Strategy<Value = String> {
    (number(), number(), number(), pre(), meta())
        .prop_map(|(major, minor, patch, pre, meta)| format!("{major}.{minor}.{patch}{pre}{meta}"))
}

fn loose_text() -> impl Strategy<Value = String> {
    ("v?0{0,2}", prop::collection::vec(number(), 1..=3), pre(), meta()).prop_map(|(start, numbers, pre, meta)| {
        let numbers: Vec<_> = numbers.iter().map(u64::to_string).collect();
        format!("{start}{}{pre}{meta}", numbers.join("."))
    })
}

fn version() -> impl Strategy<Value = Version> {
    prop_oneof![strict_text(), loose_text()].prop_map(|text| Version::loose(&text).expect("generated from the grammar"))
}

fn release() -> impl Strategy<Value = [u64; 3]> {
    [number(), number(), number()]
}

fn constraint_version() -> impl Strategy<Value = String> {
    let part = prop_oneof![4 => number().prop_map(|number| number.to_string()), 1 => "[xX*]"];
    ("v?", prop::collection::vec(part, 1..=3), pre(), meta())
        .prop_map(|(start, parts, pre, meta)| format!("{start}{}{pre}{meta}", parts.join(".")))
}

fn term() -> impl Strategy<Value = String> {
    let operators = vec!["", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"];
    (prop::sample::select(operators), "[ \t]?", constraint_version())
        .prop_map(|(operator, blank, version)| format!("{operator}{blank}{version}"))
}

fn group() -> impl Strategy<Value = String> {
    let range = (constraint_version(), constraint_version()).prop_map(|(low, high)| format!("{low} - {high}"));
    let terms = (prop::collection::vec(term(), 1..=3), prop::sample::select(vec![" ", ",", ", ", " , "]))
        .prop_map(|(terms, separator)| terms.join(separator));
    prop_oneof![4 => terms, 1 => range]
}

fn constraint() -> impl Strategy<Value = Constraint> {
    (prop::collection::vec(group(), 1..=3), prop::sample::select(vec!["||", " || ", " ||  "]))
        .prop_map(|(groups, separator)| groups.join(separator))
        .prop_filter_map("a range may swallow the bars before it", |text| Constraint::parse(&text).ok())
}

/// Texts made of what constraints and versions are made of, right and wrong.
fn almost_grammar() -> impl Strategy<Value = String> {
    let pieces = vec![
        "1",
        "0",
        "01",
        "18446744073709551616",
        ".",
        "..",
        "-",
        " - ",
        "+",
        "v",
        "x",
        "*",
        "|",
        "||",
        " ",
        "\t",
        "\n",
        "\u{a0}",
        ",",
        "<",
        ">",
        "=",
        "!",
        "~",
        "^",
        "beta",
        "é",
        "1.2.3",
        "1 - 2",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

fn read_in_every_way(text: &str) {
    let strict = Version::strict(text);
    let loose = Version::loose(text);
    if let Ok(strict) = strict {
        assert_eq!(loose.as_ref(), Ok(&strict), "a strict version reads the same loosely");
    }
    if let (Ok(constraint), Ok(version)) = (Constraint::parse(text), &loose) {
        let _ = constraint.matches(version);
        let _ = constraint.boundaries();
    }
}

proptest! {
    #[test]
    fn order_is_total(a in version(), b in version(), c in version()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        prop_assert_eq!(a.precedence(&b), b.precedence(&a).reverse());
        prop_assert_eq!(a.cmp(&b) == Ordering::Equal, a == b);
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
        if a.precedence(&b).is_le() && b.precedence(&c).is_le() {
            prop_assert!(a.precedence(&c).is_le());
            prop_assert_eq!(a.precedence(&c).is_eq(), a.precedence(&b).is_eq() && b.precedence(&c).is_eq());
        }
    }

    #[test]
    fn version_survives_printing(version in version()) {
        prop_assert_eq!(&Version::loose(&version.to_string()).unwrap(), &version);
        let json = serde_json::to_string(&version).unwrap();
        prop_assert_eq!(serde_json::from_str::<Version>(&json).unwrap(), version);
    }

    #[test]
    fn strict_version_reads_the_same_loosely(text in strict_text()) {
        let strict = Version::strict(&text);
        prop_assert!(strict.is_ok());
        prop_assert_eq!(strict, Version::loose(&text));
    }

    #[test]
    fn release_is_what_its_text_says(numbers in release()) {
        let release = Version::release(numbers);
        prop_assert_eq!(Version::strict(release.as_str()), Ok(release));
    }

    #[test]
    fn constraint_survives_printing(constraint in constraint(), version in version()) {
        let json = serde_json::to_string(&constraint).unwrap();
        for read in [Constraint::parse(&constraint.to_string()).unwrap(), serde_json::from_str(&json).unwrap()] {
            prop_assert_eq!(&read, &constraint);
            prop_assert_eq!(read.as_str(), constraint.as_str());
            prop_assert_eq!(read.matches(&version), constraint.matches(&version));
        }
    }

    #[test]
    fn build_metadata_and_spelling_do_not_matter(constraint in constraint(), left in version(), right in version()) {
        if left.precedence(&right).is_eq() {
            prop_assert_eq!(constraint.matches(&left), constraint.matches(&right));
        }
        let other = Version::loose(&format!("v{}+other", left.as_str().trim_start_matches('v').split('+').next().unwrap()));
        prop_assert_eq!(constraint.matches(&left), constraint.matches(&other.unwrap()));
    }

    #[test]
    fn prerelease_needs_a_constraint_that_names_one(constraint in constraint(), version in version()) {
        if version.is_prerelease() && constraint.matches(&version) {
            prop_assert!(constraint.names_prerelease());
        }
    }

    #[test]
    fn answers_change_only_at_boundaries(constraint in constraint(), numbers in release()) {
        let boundaries = constraint.boundaries();
        let below = boundaries.iter().rev().find(|boundary| **boundary <= numbers).copied().unwrap_or_default();
        prop_assert_eq!(
            constraint.matches(&Version::release(numbers)),
            constraint.matches(&Version::release(below)),
            "{} at {:?} with {:?}", constraint, numbers, boundaries
        );
    }

    #[test]
    fn boundaries_are_sorted_and_needed(constraint in constraint()) {
        let mut answers = vec![constraint.matches(&Version::release([0, 0, 0]))];
        let boundaries = constraint.boundaries();
        prop_assert!(boundaries.is_sorted_by(|left, right| left < right));
        answers.extend(boundaries.into_iter().map(|boundary| constraint.matches(&Version::release(boundary))));
        prop_assert!(answers.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        read_in_every_way(&text);
    }

    #[test]
    fn no_nearly_right_text_panics(text in almost_grammar()) {
        read_in_every_way(&text);
    }
}
