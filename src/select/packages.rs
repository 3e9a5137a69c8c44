//! The catalog by package, and what Kibanas get of a package.

use super::filter;
use super::reason::Asks;
use crate::answers::questions::query_of_kibana;
use crate::answers::search::{Query, search};
use crate::config::routing::changes_of_kibana;
use crate::config::selection::{KibanaRange, Latest, Selection};
use crate::dialect::version::Version;
use crate::package::Facts;
use crate::select::candidate::Candidate;
use std::collections::{BTreeMap, BTreeSet};

/// All packages.
pub(super) struct Packages<'a> {
    /// By name.
    pub(super) all: Vec<Package<'a>>,
    /// Places in the list, by name.
    places: BTreeMap<&'a str, usize>,
    /// The Kibanas that are asked about, in order and apart from each other; never none.
    pub(super) kibana: Vec<KibanaRange>,
    capabilities: Option<Vec<String>>,
}

/// The versions of one name.
pub(super) struct Package<'a> {
    pub(super) name: &'a str,
    /// Ascending.
    pub(super) versions: Vec<&'a Candidate>,
    facts: Vec<&'a Facts>,
    /// For each version the rule of `exclude` that leaves it out.
    pub(super) excluded: Vec<Option<usize>>,
    /// Places of all that are not hidden: what answers to `/search` can have.
    pub(super) offered: Vec<usize>,
    /// Places of those of them that are not excluded.
    pub(super) kept: Vec<usize>,
}

/// What one range of Kibanas gets of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) kibana: KibanaRange,
    pub(super) asks: Asks,
    /// Places of versions: the one that it gets, then what else it accepts, the newest first.
    pub(super) places: Vec<usize>,
}

impl<'a> Packages<'a> {
    pub(super) fn new(selection: &Selection, catalog: &'a [Candidate]) -> Self {
        let mut sorted: Vec<&Candidate> = catalog.iter().collect();
        let key = |candidate: &'a Candidate| (&candidate.facts.name, &candidate.facts.version);
        sorted.sort_by(|a, b| key(a).cmp(&key(b)));
        sorted.dedup_by(|a, b| key(a) == key(b));
        let by_name = sorted.chunk_by(|a, b| a.facts.name == b.facts.name);
        let all: Vec<_> = by_name.map(|versions| Package::new(versions.to_vec(), selection)).collect();
        let places = all.iter().enumerate().map(|(place, package)| (package.name, place)).collect();
        let kibana = KibanaRange::joined(selection.kibana.clone());
        Self {
            all,
            places,
            kibana: if kibana.is_empty() { vec![KibanaRange::ALL] } else { kibana },
            capabilities: selection.capabilities.clone(),
        }
    }

    /// The place of a package.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// What Kibanas in some ranges get of a package, if it has only the versions at these places. Each range is cut where
    /// the answer may change.
    pub(super) fn given(
        &self,
        package: &Package<'_>,
        among: &[usize],
        ranges: &[KibanaRange],
        prerelease: bool,
        latest: Latest,
    ) -> Vec<Given> {
        let facts: Vec<&Facts> = among.iter().map(|&place| package.facts[place]).collect();
        let mut given = Vec::new();
        for kibana in cut(ranges, &facts) {
            for prerelease in if prerelease { &[false, true][..] } else { &[false][..] } {
                let query = self.query(package.name, kibana.first, *prerelease);
                if query.experimental && *prerelease {
                    continue;
                }
                let asks = match (query.experimental, prerelease) {
                    (true, _) => Asks::Either,
                    (_, true) => Asks::Prereleases,
                    (_, false) => Asks::Releases,
                };
                let places = accepted(&facts, query, latest).into_iter().map(|place| among[place]).collect();
                given.push(Given { kibana, asks, places });
            }
        }
        given
    }

    /// The question of a Kibana. Before 8.6 it cannot choose whether it asks for pre-releases.
    pub(super) fn query(&self, name: &str, kibana: [u64; 3], prerelease: bool) -> Query {
        query_of_kibana(name, &Version::release(kibana), prerelease, self.capabilities.clone())
    }
}

impl<'a> Package<'a> {
    fn new(versions: Vec<&'a Candidate>, selection: &Selection) -> Self {
        let excluded: Vec<_> = versions
            .iter()
            .map(|candidate| selection.exclude.iter().position(|rule| filter::admits(&rule.filter, candidate)))
            .collect();
        let offered: Vec<usize> = (0..versions.len()).filter(|place| !versions[*place].is_hidden).collect();
        let kept = offered.iter().copied().filter(|place| excluded[*place].is_none()).collect();
        Self {
            name: &versions[0].facts.name,
            facts: versions.iter().map(|candidate| &candidate.facts).collect(),
            versions,
            excluded,
            offered,
            kept,
        }
    }

    /// The place of a version.
    pub(super) fn place(&self, version: &Version) -> Option<usize> {
        self.facts.binary_search_by(|facts| facts.version.cmp(version)).ok()
    }

    /// The place that a query finds among the versions at some places.
    pub(super) fn answer(&self, among: &[usize], query: &Query) -> Option<usize> {
        let facts: Vec<&Facts> = among.iter().map(|&place| self.facts[place]).collect();
        search(&facts, query).first().map(|hit| among[hit.index])
    }

    /// Places of all that a query finds among what is offered, in ascending order.
    pub(super) fn found(&self, query: &Query) -> Vec<usize> {
        let facts: Vec<&Facts> = self.offered.iter().map(|place| self.facts[*place]).collect();
        search(&facts, query).iter().map(|hit| self.offered[hit.index]).collect()
    }

    /// The facts of all versions.
    pub(super) fn facts(&self) -> &[&'a Facts] {
        &self.facts
    }
}

/// Places of what a Kibana accepts: first the version that it gets, then the others, the newest first.
fn accepted(facts: &[&Facts], query: Query, latest: Latest) -> Vec<usize> {
    let Some(first) = search(facts, &query).first().map(|hit| hit.index) else { return Vec::new() };
    let most = match latest {
        Latest::Newest(most) => most,
        Latest::All => usize::MAX,
    };
    if most <= 1 {
        return vec![first];
    }
    let others = search(facts, &Query { all: true, ..query });
    let others = others.iter().rev().map(|hit| hit.index).filter(|place| *place != first);
    [first].into_iter().chain(others).take(most).collect()
}

/// The ranges, cut at every version at which an answer about these facts may change.
pub(super) fn cut(ranges: &[KibanaRange], facts: &[&Facts]) -> Vec<KibanaRange> {
    // Many versions of a package have the same constraint.
    let constraints = facts.iter().filter_map(|facts| facts.kibana.as_ref());
    let constraints: BTreeMap<&str, _> = constraints.map(|constraint| (constraint.as_str(), constraint)).collect();
    let bounds: BTreeSet<[u64; 3]> =
        constraints.values().flat_map(|constraint| constraint.boundaries()).chain(changes_of_kibana()).collect();
    let mut pieces = Vec::new();
    for range in ranges {
        let inside = bounds.iter().copied().filter(|bound| *bound > range.first && range.holds(*bound));
        let starts: Vec<_> = [range.first].into_iter().chain(inside).collect();
        for (place, first) in starts.iter().enumerate() {
            pieces.push(KibanaRange { first: *first, next: starts.get(place + 1).copied().or(range.next) });
        }
    }
    pieces
}
