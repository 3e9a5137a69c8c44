//! The reason for each version that is left out.

use super::choice::Key;
use super::chooser::Chooser;
use super::filter;
use super::packages::{Package, cut};
use super::reason::{Demand, LeftOut, told};
use crate::answers::search::Query;
use crate::answers::search::explain::{Rule, explain};
use crate::answers::search::question::Question;
use crate::config::selection::{KibanaRange, Take, What};
use crate::package::Spec;
use std::collections::{BTreeMap, BTreeSet};

/// All of them.
pub(super) fn all(chooser: &Chooser<'_>) -> BTreeMap<Key, LeftOut> {
    let mut left_out = BTreeMap::new();
    for (at, package) in chooser.packages.all.iter().enumerate() {
        let is_taken = (0..package.versions.len()).any(|place| chooser.has((at, place)));
        let is_meant = is_taken || chooser.selection.take.iter().any(|rule| means(rule, package));
        let accepted = if is_meant { Accepted::new(chooser, package) } else { Accepted::default() };
        for place in (0..package.versions.len()).filter(|place| !chooser.has((at, *place))) {
            let reason = match package.excluded[place] {
                Some(rule) => LeftOut::Excluded { rule: told("exclude", rule, &chooser.selection.exclude[rule].text) },
                None if !is_meant => LeftOut::NoRule,
                None if !is_taken => reason_of_meant(chooser, package, place, &accepted),
                None => reason(chooser, at, package, place, &accepted),
            };
            left_out.insert((package.name.to_owned(), package.facts()[place].version.clone()), reason);
        }
    }
    left_out
}

/// Which versions Kibanas of the selection accept.
#[derive(Default)]
struct Accepted {
    /// By those that ask for releases only.
    releases: BTreeSet<usize>,
    /// By any.
    any: BTreeSet<usize>,
    /// For each version the oldest one that a Kibana gets which accepts it.
    oldest: BTreeMap<usize, usize>,
}

impl Accepted {
    fn new(chooser: &Chooser<'_>, package: &Package<'_>) -> Self {
        let mut accepted = Self::default();
        for KibanaRange { first, .. } in cut(&chooser.packages.kibana, package.facts()) {
            for prerelease in [false, true] {
                let query = Query { all: true, ..chooser.packages.query(package.name, first, prerelease) };
                if query.experimental && prerelease {
                    continue;
                }
                let places = package.found(&query);
                let given = package.answer(&places, &Query { all: false, ..query });
                for place in places {
                    accepted.any.insert(place);
                    if !prerelease {
                        accepted.releases.insert(place);
                    }
                    if let Some(given) = given {
                        let oldest = accepted.oldest.entry(place).or_insert(given);
                        *oldest = (*oldest).min(given);
                    }
                }
            }
        }
        accepted
    }
}

/// Returns true if a rule is about a package, whether or not it takes any version of it.
fn means(rule: &Take, package: &Package<'_>) -> bool {
    match &rule.what {
        What::Packages { filter, .. } => package.versions.iter().any(|one| filter::is_package(filter, one)),
        What::Preset(preset) => preset.names().contains(&package.name),
        What::Pin(name, _) | What::Exact(name, _) => name == package.name,
        What::Query(query) => names(&query.text, package.name),
    }
}

/// Returns true if a query asks for a package by its name.
fn names(query: &str, name: &str) -> bool {
    matches!(Question::of_search(query), Ok(Question::Search(Some(query))) if query.package.as_deref() == Some(name))
}

/// The reason for a version of a package that rules mean and of which none takes anything.
fn reason_of_meant(chooser: &Chooser<'_>, package: &Package<'_>, place: usize, accepted: &Accepted) -> LeftOut {
    let version = package.versions[place];
    if version.is_hidden {
        return LeftOut::NoKibana { needs: vec![Demand::Hidden] };
    }
    if !accepted.any.contains(&place) {
        return LeftOut::NoKibana { needs: needs(chooser, package, place) };
    }
    let is_admitted = |rule: &Take| match &rule.what {
        What::Packages { filter, .. } => filter::admits(filter, version),
        What::Preset(_) => true,
        What::Pin(..) | What::Exact(..) | What::Query(_) => false,
    };
    if !chooser.selection.take.iter().any(is_admitted) {
        return LeftOut::NotAdmitted;
    }
    if !accepted.releases.contains(&place) {
        return LeftOut::Prerelease;
    }
    let than = accepted.oldest.get(&place).copied().unwrap_or(place);
    LeftOut::Older { than: package.facts()[than].version.clone() }
}

fn reason(chooser: &Chooser<'_>, at: usize, package: &Package<'_>, place: usize, accepted: &Accepted) -> LeftOut {
    if package.versions[place].is_hidden {
        return LeftOut::NoKibana { needs: vec![Demand::Hidden] };
    }
    if !accepted.any.contains(&place) {
        return LeftOut::NoKibana { needs: needs(chooser, package, place) };
    }
    if chooser.fullness(at) != Some(true) && !accepted.releases.contains(&place) {
        return LeftOut::Prerelease;
    }
    if chooser.fullness(at).is_none() {
        return LeftOut::NotAdmitted;
    }
    let than = accepted.oldest.get(&place).copied().unwrap_or(place);
    LeftOut::Older { than: package.facts()[than].version.clone() }
}

/// What the version demands that the first Kibana of the selection, which accepts none such, does not have.
fn needs(chooser: &Chooser<'_>, package: &Package<'_>, place: usize) -> Vec<Demand> {
    let facts = package.facts()[place];
    let first = chooser.packages.kibana[0].first;
    let explanation = explain(&[facts], &chooser.packages.query(package.name, first, true));
    let rules = explanation.newer.into_iter().flat_map(|(_, rules)| rules);
    let shown = |spec: &Spec| format!("{}.{}", spec.major, spec.minor);
    let demand = |rule| match rule {
        Rule::Hidden => Demand::Hidden,
        Rule::Kibana(constraint) => {
            Demand::Kibana { constraint, by_override: package.versions[place].is_kibana_overridden }
        }
        Rule::Agent(constraint) => Demand::Agent { constraint: constraint.to_string() },
        Rule::SpecMin(bound) => Demand::SpecMin { format: shown(&facts.spec), bound: shown(&bound) },
        Rule::SpecMax(bound) => Demand::SpecMax { format: shown(&facts.spec), bound: shown(&bound) },
        Rule::Capabilities(missing) => Demand::Capabilities { missing },
        Rule::Prerelease => Demand::Prerelease,
        Rule::ReleaseFirst | Rule::SameVersion => Demand::First,
    };
    rules.map(demand).collect()
}
