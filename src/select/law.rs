//! What Kibanas get less from a choice than from the whole, found out by asking both.

use super::candidate::Candidate;
use super::choice::{Choice, Loss};
use super::chooser::Chooser;
use super::packages::{Package, Packages, cut};
use super::reason::{Asks, told};
use crate::config::selection::{KibanaRange, Selection, What};
use serde::Serialize;
use std::collections::BTreeMap;

/// A range of Kibanas outside of the selection, and the packages of the choice of which they get less than from the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outside {
    /// The Kibanas.
    pub kibana: KibanaRange,
    /// Names of packages of which they get an older version.
    pub older: Vec<String>,
    /// Names of packages of which they get nothing.
    pub nothing: Vec<String>,
}

/// A difference between two answers.
struct Difference {
    kibana: KibanaRange,
    asks: Asks,
    whole: usize,
    choice: Option<usize>,
}

/// What Kibanas of the selection get less of packages in the choice.
pub(super) fn losses(chooser: &Chooser<'_>) -> Vec<Loss> {
    let mut losses = Vec::new();
    for (at, chosen) in by_package(chooser.chosen.keys().copied()) {
        let package = &chooser.packages.all[at];
        let version = |place: usize| package.facts()[place].version.clone();
        for difference in differences(chooser.packages, package, &chosen, &chooser.packages.kibana) {
            let Difference { kibana, asks, whole, choice } = difference;
            losses.push(Loss {
                name: package.name.to_owned(),
                kibana,
                asks,
                whole: version(whole),
                choice: choice.map(version),
                because: because(chooser, at, whole, asks),
            });
        }
    }
    losses
}

/// What in the selection takes a version from a Kibana.
fn because(chooser: &Chooser<'_>, at: usize, whole: usize, asks: Asks) -> String {
    let selection = chooser.selection;
    if let Some(rule) = chooser.packages.all[at].excluded[whole] {
        return told("exclude", rule, &selection.exclude[rule].text);
    }
    if chooser.fullness(at) == Some(false) && asks == Asks::Prereleases {
        return "prerelease: no".to_owned();
    }
    let narrow = selection.take.iter().enumerate().find(|(_, rule)| match &rule.what {
        What::Packages { filter, .. } => {
            let versions = &chooser.packages.all[at].versions;
            filter.versions.is_some() && versions.iter().any(|version| super::filter::admits(filter, version))
        }
        What::Exact(name, _) => name == chooser.packages.all[at].name,
        What::Query(_) => true,
        What::Preset(_) | What::Pin(..) => false,
    });
    narrow.map_or_else(|| "the law is broken".to_owned(), |(number, rule)| told("take", number, &rule.text))
}

/// What Kibanas outside of a selection get less of packages in the choice, in order. Packages of which nothing is in the choice
/// are not in it: of these every Kibana gets nothing.
pub fn seen_less_outside(selection: &Selection, catalog: &[Candidate], choice: &Choice) -> Vec<Outside> {
    let packages = Packages::new(selection, catalog);
    let outside = around(&packages.kibana);
    let places = choice.versions.keys().filter_map(|(name, version)| {
        let at = packages.place(name)?;
        Some((at, packages.all[at].place(version)?))
    });
    let mut found: Vec<(KibanaRange, &str, bool)> = Vec::new();
    for (at, chosen) in by_package(places) {
        let package = &packages.all[at];
        let differences = differences(&packages, package, &chosen, &outside);
        found.extend(differences.iter().map(|one| (one.kibana, package.name, one.choice.is_none())));
    }
    gathered(&outside, &found)
}

/// One element for each range in which the same packages are less.
fn gathered(outside: &[KibanaRange], found: &[(KibanaRange, &str, bool)]) -> Vec<Outside> {
    let mut pieces: Vec<Outside> = Vec::new();
    for range in outside {
        let ends = found.iter().flat_map(|(range, ..)| [Some(range.first), range.next]).flatten();
        let mut starts: Vec<_> = ends.filter(|end| *end > range.first && range.holds(*end)).collect();
        starts.push(range.first);
        starts.sort_unstable();
        starts.dedup();
        for (place, first) in starts.iter().enumerate() {
            let kibana = KibanaRange { first: *first, next: starts.get(place + 1).copied().or(range.next) };
            // The worse of the two kinds of questions counts.
            let mut names: BTreeMap<&str, bool> = BTreeMap::new();
            for (_, name, is_nothing) in found.iter().filter(|(range, ..)| range.holds(*first)) {
                *names.entry(name).or_default() |= is_nothing;
            }
            let named = |nothing: bool| {
                names.iter().filter(|(_, is)| **is == nothing).map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>()
            };
            let (older, nothing) = (named(false), named(true));
            match pieces.last_mut() {
                Some(last)
                    if last.kibana.next == Some(*first) && (&last.older, &last.nothing) == (&older, &nothing) =>
                {
                    last.kibana.next = kibana.next;
                }
                _ => pieces.push(Outside { kibana, older, nothing }),
            }
        }
    }
    pieces.retain(|piece| !piece.older.is_empty() || !piece.nothing.is_empty());
    pieces
}

/// The Kibanas that are in none of the ranges.
fn around(ranges: &[KibanaRange]) -> Vec<KibanaRange> {
    let mut outside = Vec::new();
    let mut first = Some([0; 3]);
    for range in ranges {
        if let Some(start) = first.filter(|start| *start < range.first) {
            outside.push(KibanaRange { first: start, next: Some(range.first) });
        }
        first = range.next;
    }
    outside.extend(first.map(|first| KibanaRange { first, next: None }));
    outside
}

/// Where the answers for one package differ.
fn differences(
    packages: &Packages<'_>,
    package: &Package<'_>,
    chosen: &[usize],
    ranges: &[KibanaRange],
) -> Vec<Difference> {
    // Nobody is offered a hidden version, chosen or not.
    let whole = &package.offered;
    let chosen: Vec<usize> = chosen.iter().copied().filter(|place| whole.contains(place)).collect();
    let mut differences: Vec<Difference> = Vec::new();
    for kibana in cut(ranges, package.facts()) {
        for prerelease in [false, true] {
            let query = packages.query(package.name, kibana.first, prerelease);
            if query.experimental && prerelease {
                continue;
            }
            let asks = match (query.experimental, prerelease) {
                (true, _) => Asks::Either,
                (false, true) => Asks::Prereleases,
                (false, false) => Asks::Releases,
            };
            let choice = package.answer(&chosen, &query);
            let Some(whole) = package.answer(whole, &query).filter(|whole| Some(*whole) != choice) else { continue };
            let last = differences.iter_mut().rev().find(|last| last.asks == asks);
            match last {
                Some(last)
                    if last.kibana.next == Some(kibana.first) && (last.whole, last.choice) == (whole, choice) =>
                {
                    last.kibana.next = kibana.next;
                }
                _ => differences.push(Difference { kibana, asks, whole, choice }),
            }
        }
    }
    differences
}

/// Places of versions by package.
fn by_package(places: impl Iterator<Item = (usize, usize)>) -> BTreeMap<usize, Vec<usize>> {
    let mut packages: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    places.for_each(|(package, version)| packages.entry(package).or_default().push(version));
    packages
}
