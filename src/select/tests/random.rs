//! Random catalogs, no kinder than life, and random selections over them.

use super::super::{Candidate, Pin};
use super::{candidates, pin, selection};
use crate::config::selection::Selection;
use proptest::prelude::*;

/// Constraints on Kibana, as packages have them.
const KIBANA: [&str; 14] = [
    "",
    "^7.16.0 || ^8.0.0",
    "^8.0.0",
    "^8.2.1",
    "^8.5.0",
    "^8.8.0 || ^9.0.0",
    "^8.13.0",
    "^8.10.1 || ^9.0.0",
    "~8.18.8 || ^8.19.5 || ~9.0.8 || ^9.1.5",
    "^8.19.0 || ^9.1.0",
    "^9.0.0",
    "^9.2.1",
    "^7.14.0",
    ">=8.15.0",
];
const SPECS: [&str; 7] = ["1.0", "2.0", "2.6", "3.0", "3.3", "3.5", "3.6"];
const NAMES: [&str; 5] = ["a", "b", "b_otel", "c", "system"];
const RANGES: [&str; 10] = [
    "7.17",
    "8.2.0",
    "8.5 - 8.6",
    "8.10.0 - 8.10.1",
    "8.13",
    "8.18.7 - 8.19.5",
    "8.19.5",
    "9.0.0 - 9.2.4",
    "9.1",
    "8.0 - 9.9",
];
/// Rules that take nothing away. The name `a` is in every catalog.
pub(super) const FULL: [&str; 8] = [
    "{name: a}",
    "{name: '*'}",
    "{name: 'b*', latest: 2}",
    "{category: security}",
    "{preset: fleet}",
    "{name: [a, c], latest: all}",
    "{type: content}",
    "{subscription: basic}",
];
/// Rules that may.
const NARROW: [&str; 3] =
    ["{name: '*', versions: '<1.2.0'}", "{name: a, versions: ^1.1, prerelease: no}", "{name: c, prerelease: no}"];
const EXCLUDES: [&str; 4] =
    ["", "exclude: [{name: '*_otel'}]", "exclude: [{name: 'c*', versions: '>=1.1.0'}]", "exclude: [{release: beta}]"];

/// One version as [`candidates`] reads it.
fn version() -> impl Strategy<Value = String> {
    let number = prop_oneof![3 => Just(""), 1 => Just("-beta.1"), 1 => Just("-rc.2")];
    let numbers = (0u8..3, 0u8..4, 0u8..2, number);
    let facts = (0..KIBANA.len(), 0..SPECS.len(), 0..8u8, 0..6u8);
    (0..NAMES.len(), numbers, facts).prop_map(|(name, (major, minor, patch, pre), (kibana, spec, more, needs))| {
        let mut line = format!("{} {major}.{minor}.{patch}{pre} spec={}", NAMES[name], SPECS[spec]);
        if !KIBANA[kibana].is_empty() {
            line += &format!(" kibana={}", KIBANA[kibana].replace(' ', "_"));
        }
        line += match more {
            0 => " cats=security",
            1 => " release=experimental",
            2 => " type=content datasets=x.y",
            3 => " data=x.y sub=gold",
            4 => " cats=firewall_security sub=platinum",
            _ => "",
        };
        line += match needs {
            0 => " needs=c@^1.0.0",
            1 => " needs=c@<1.2.0,a@*",
            2 if name > 0 => " needs=a@>=1.0.0_||_0.x",
            _ => "",
        };
        line
    })
}

/// A catalog, in no order.
pub(super) fn catalog() -> impl Strategy<Value = Vec<Candidate>> {
    prop::collection::vec(version(), 1..30).prop_map(|mut lines| {
        // Of a version of this number there is no other, and every Kibana accepts it.
        lines.push("a 0.0.9 spec=2.6".to_owned());
        candidates(&lines.join("\n"))
    })
}

/// The Kibanas of a selection.
pub(super) fn kibana() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(RANGES.to_vec(), 0..4)
}

/// Rules, the first of which takes something in every catalog.
pub(super) fn rules() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(FULL.to_vec(), 0..4)
}

/// A selection with these Kibanas and rules. Those of its rules that take nothing of the catalog are left out.
pub(super) fn made(catalog: &[Candidate], kibana: &[&str], rules: &[&str], more: &str) -> Selection {
    let kibana = if kibana.is_empty() { String::new() } else { format!("kibana: [{}], ", kibana.join(", ")) };
    let takes = |rule: &&&str| {
        let alone = selection(&format!("{kibana}take: [{rule}]{more}"));
        super::super::choose(&alone, catalog, &[]).is_ok()
    };
    let mut rules: Vec<&str> = rules.iter().filter(takes).copied().collect();
    rules.push("{name: a, latest: 1}");
    selection(&format!("{kibana}take: [{}]{more}", rules.join(", ")))
}

/// The end of a selection: what is taken beside the rules, and nothing that takes away.
pub(super) fn ends() -> impl Strategy<Value = String> {
    (0usize..3, any::<bool>(), any::<bool>(), 0usize..3).prop_map(|(previous, discovered, follow, closure)| {
        format!(
            ", previous: {previous}, content: {}, follow_replacements: {}, closure: {}",
            if discovered { "discovered" } else { "named" },
            if follow { "yes" } else { "no" },
            ["none", "install", "build"][closure],
        )
    })
}

/// What takes something away: rules, and the end of a selection.
pub(super) fn narrow() -> impl Strategy<Value = (Vec<&'static str>, String)> {
    let rules = prop::sample::subsequence(NARROW.to_vec(), 0..3);
    (rules, 0..EXCLUDES.len(), any::<bool>()).prop_map(|(rules, exclude, prerelease)| {
        let exclude = if EXCLUDES[exclude].is_empty() { String::new() } else { format!(", {}", EXCLUDES[exclude]) };
        (rules, format!("{exclude}{}", if prerelease { "" } else { ", prerelease: no" }))
    })
}

/// Versions that sites have installed: places in the catalog, or what it does not hold.
pub(super) fn pins(catalog: &[Candidate], places: &[(usize, usize, bool)]) -> Vec<Pin> {
    let kibana = ["7.17.3", "8.5.0", "8.19.5", "9.1.4"];
    let pins = places.iter().map(|(place, at, prerelease)| {
        let facts = &catalog[place % catalog.len()].facts;
        let more = if *prerelease { " prerelease" } else { "" };
        pin(&format!("{}@{} {}{more}", facts.name, facts.version, kibana[at % kibana.len()]))
    });
    pins.chain([pin("absent@1.0.0")]).collect()
}
