//! Queries of distribution files: what a registry answers to them.
//!
//! A query is asked for each row of the file's matrix, and may rightly find nothing for some of them, such as an old Kibana. So
//! what is told of a query is told of all its rows together.

use super::chooser::{Chooser, Place};
use super::mistakes::{self, Mistake};
use super::packages::Packages;
use super::reason::Cause;
use crate::answers::search::question::Question;
use crate::answers::search::search;
use crate::config::selection::Query;
use crate::package::Facts;
use std::collections::{BTreeMap, BTreeSet};

/// What is said of a query that finds nothing.
const IDLE: &str = "takes nothing, whichever row of the matrix it is asked for";
const IDLE_HINT: &str = "look at the versions of Kibana and of the format that are asked for";

/// A query that finds nothing, for who takes that for a mistake.
pub(super) fn idle(place: &str) -> Mistake {
    Mistake { rule: place.to_owned(), message: format!("it {IDLE}"), hint: Some(IDLE_HINT.to_owned()) }
}

/// Queries while they are answered.
pub(super) struct Queries<'a> {
    /// All that is not excluded or hidden; empty before somebody asks for more than one package.
    places: Vec<Place>,
    facts: Vec<&'a Facts>,
    packages: &'a Packages<'a>,
    /// What became of each query of a file, by where it stands.
    outcomes: BTreeMap<String, Outcome>,
    /// Where they stand, in order.
    order: Vec<String>,
}

/// What became of a query, in all rows.
#[derive(Default)]
struct Outcome {
    finds: bool,
    /// It would find something if nothing were excluded or hidden.
    is_excluded: bool,
    /// Names that no package has.
    unknown: BTreeSet<String>,
    /// What a registry would refuse, in its words.
    refused: BTreeSet<String>,
}

/// What became of a query in one row.
enum Found {
    Places(Vec<Place>),
    /// What there is, is excluded or hidden.
    Excluded,
    Unknown(String),
    Refused(String),
}

impl<'a> Queries<'a> {
    pub(super) fn new(packages: &'a Packages<'a>) -> Self {
        Self { places: Vec::new(), facts: Vec::new(), packages, outcomes: BTreeMap::new(), order: Vec::new() }
    }

    /// Takes what a registry answers. `rule` is the rule as it is told.
    pub(super) fn take(&mut self, chooser: &mut Chooser<'_>, query: &Query, rule: &str) {
        let found = self.found(&query.text);
        let own = [rule.to_owned()];
        for place in if query.asked_by.is_empty() { &own[..] } else { &query.asked_by } {
            if !self.outcomes.contains_key(place) {
                self.order.push(place.clone());
            }
            let outcome = self.outcomes.entry(place.clone()).or_default();
            match &found {
                Found::Places(places) => outcome.finds |= !places.is_empty(),
                Found::Excluded => outcome.is_excluded = true,
                Found::Unknown(name) => drop(outcome.unknown.insert(name.clone())),
                Found::Refused(why) => drop(outcome.refused.insert(why.clone())),
            }
        }
        if let Found::Places(places) = found {
            let cause = Cause::Rule { rule: rule.to_owned() };
            places.into_iter().for_each(|place| chooser.add_found(place, &cause));
        }
    }

    fn found(&mut self, text: &str) -> Found {
        let query = match Question::of_search(text) {
            Ok(Question::Search(Some(query))) => query,
            // It can find nothing, whatever there is.
            Ok(_) => return Found::Places(Vec::new()),
            Err(why) => return Found::Refused(why),
        };
        let Some(name) = &query.package else {
            if self.places.is_empty() {
                let all = self.packages.all.iter().enumerate();
                self.places = all.flat_map(|(at, package)| package.kept.iter().map(move |one| (at, *one))).collect();
                self.facts = self.places.iter().map(|(at, one)| self.packages.all[*at].facts()[*one]).collect();
            }
            let found = search(&self.facts, &query).iter().map(|hit| self.places[hit.index]).collect::<Vec<_>>();
            let all = || self.packages.all.iter().flat_map(|package| package.facts().iter().copied());
            let is_excluded = found.is_empty() && !search(&all().collect::<Vec<_>>(), &query).is_empty();
            return if is_excluded { Found::Excluded } else { Found::Places(found) };
        };
        let Some(at) = self.packages.place(name) else { return Found::Unknown(name.clone()) };
        let package = &self.packages.all[at];
        let facts: Vec<&Facts> = package.kept.iter().map(|one| package.facts()[*one]).collect();
        let found = search(&facts, &query).iter().map(|hit| (at, package.kept[hit.index])).collect::<Vec<_>>();
        let is_excluded = found.is_empty() && (package.kept.is_empty() || !search(package.facts(), &query).is_empty());
        if is_excluded { Found::Excluded } else { Found::Places(found) }
    }

    /// Warns of queries that find nothing in any row, and notes them. Names that nobody has, and what a registry would refuse, are mistakes.
    pub(super) fn finish(self, chooser: &mut Chooser<'_>) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (place, Outcome { finds, is_excluded, unknown, refused }) in
            self.order.iter().filter_map(|place| Some((place, self.outcomes.get(place)?)))
        {
            let mistake = |message: &String| Mistake { rule: place.clone(), message: message.clone(), hint: None };
            mistakes.extend(refused.iter().map(mistake));
            mistakes.extend(unknown.iter().map(|name| mistakes::unknown(self.packages, place, name)));
            if *finds || !unknown.is_empty() || !refused.is_empty() {
                continue;
            }
            if *is_excluded {
                chooser.warnings.insert(format!("{place}: everything that it would take is excluded or hidden"));
                continue;
            }
            chooser.warnings.insert(format!("{place} {IDLE}\nhint: {IDLE_HINT}"));
            chooser.idle.push(place.clone());
        }
        mistakes
    }
}
