//! The choice while it is made: which versions are in, with their reasons, and which packages are answered in full.

use super::keep_file::Pin;
use super::packages::{Given, Packages};
use super::reason::{Asks, Cause, Reason};
use crate::config::selection::{KibanaRange, Latest, Selection};
use crate::package::Facts;
use std::collections::{BTreeMap, BTreeSet};

/// Place of a package, and of one of its versions.
pub(super) type Place = (usize, usize);

/// Reasons of one version to which queries add another one.
const MOST_REASONS: usize = 100;

/// A choice that is being made.
pub(super) struct Chooser<'a> {
    pub(super) selection: &'a Selection,
    pub(super) packages: &'a Packages<'a>,
    /// The versions that are in.
    pub(super) chosen: BTreeMap<Place, Vec<Reason>>,
    /// Packages of which every Kibana of the selection gets from the choice what it gets from the whole, and whether that is
    /// so with pre-releases, too.
    full: BTreeMap<usize, bool>,
    /// What the rule at hand has taken.
    taken: BTreeSet<Place>,
    /// Rules, and how many versions each takes.
    pub(super) tallies: Vec<(String, usize)>,
    pub(super) missing: Vec<Pin>,
    pub(super) warnings: BTreeSet<String>,
    /// Where queries stand that find nothing.
    pub(super) idle: Vec<String>,
}

impl<'a> Chooser<'a> {
    pub(super) fn new(selection: &'a Selection, packages: &'a Packages<'a>) -> Self {
        Self {
            selection,
            packages,
            chosen: BTreeMap::new(),
            full: BTreeMap::new(),
            taken: BTreeSet::new(),
            tallies: Vec::new(),
            missing: Vec::new(),
            warnings: BTreeSet::new(),
            idle: Vec::new(),
        }
    }

    /// Begins to count what a rule takes.
    pub(super) fn begin_rule(&mut self) {
        self.taken.clear();
    }

    /// Notes how many versions a rule has taken.
    pub(super) fn end_rule(&mut self, name: String) {
        self.tallies.push((name, self.taken.len()));
    }

    /// Puts a version in.
    pub(super) fn add(&mut self, place: Place, cause: Cause, asked: Option<(KibanaRange, Asks)>) {
        let is_new = self.taken.insert(place);
        let reasons = self.chosen.entry(place).or_default();
        let asks = asked.map_or(Asks::Either, |(_, asks)| asks);
        // What a rule takes for the first time has no reason of this rule yet: there may be thousands of others.
        let known = match (is_new, &cause) {
            (true, Cause::Rule { .. }) => None,
            _ => reasons.iter_mut().find(|reason| reason.cause == cause && reason.asks == asks),
        };
        match (known, asked) {
            (Some(reason), Some((range, _))) => reason.kibana.push(range),
            (Some(_), None) => {}
            (None, _) => {
                reasons.push(Reason { cause, kibana: asked.iter().map(|(range, _)| *range).collect(), asks });
            }
        }
    }

    /// Puts in what a query finds. After many reasons another one tells nothing more.
    pub(super) fn add_found(&mut self, place: Place, cause: &Cause) {
        if self.chosen.get(&place).is_some_and(|reasons| reasons.len() >= MOST_REASONS) {
            self.taken.insert(place);
        } else {
            self.add(place, cause.clone(), None);
        }
    }

    /// Puts in what Kibanas are given.
    pub(super) fn add_given(&mut self, package: usize, given: &[Given], cause: &Cause) {
        for one in given {
            for place in &one.places {
                self.add((package, *place), cause.clone(), Some((one.kibana, one.asks)));
            }
        }
    }

    /// Puts in what every Kibana of the selection gets of a package. Returns true if that was not so before.
    pub(super) fn answer_in_full(&mut self, package: usize, prerelease: bool, cause: &Cause) -> bool {
        let before = self.full.get(&package).copied();
        if before == Some(true) || before == Some(prerelease) {
            return false;
        }
        let one = &self.packages.all[package];
        let given = self.packages.given(one, &one.kept, &self.packages.kibana, prerelease, Latest::Newest(1));
        self.add_given(package, &given, cause);
        self.full.insert(package, prerelease);
        true
    }

    /// Notes that rules have taken what every Kibana gets of a package.
    pub(super) fn is_answered_in_full(&mut self, package: usize, prerelease: bool) {
        *self.full.entry(package).or_default() |= prerelease;
    }

    /// Takes the next older versions below each one that is taken: releases for Kibanas that ask for these only.
    pub(super) fn previous(&mut self) {
        let taken: Vec<Place> = self.chosen.keys().copied().collect();
        for (at, place) in taken {
            if self.selection.previous == 0 {
                return;
            }
            let package = &self.packages.all[at];
            let below = Cause::Previous { below: package.versions[place].facts.version.clone() };
            let older = || package.kept.iter().rev().copied().filter(|older| *older < place);
            let is_release = |older: &usize| !crate::answers::search::only_with_prerelease(package.facts()[*older]);
            let releases = older().filter(is_release).take(self.selection.previous);
            let any = older().take(if self.selection.prerelease { self.selection.previous } else { 0 });
            for older in releases.chain(any).collect::<BTreeSet<_>>() {
                self.add((at, older), below.clone(), None);
            }
        }
    }

    /// Keeps what sites have installed, and what their Kibanas need to install it again.
    pub(super) fn keep(&mut self, pins: &[Pin]) {
        for pin in pins {
            let at = self.packages.place(&pin.name);
            let place = at.and_then(|at| Some((at, self.packages.all[at].place(&pin.version)?)));
            let Some((at, place)) = place else {
                if !pin.optional {
                    self.missing.push(pin.clone());
                }
                continue;
            };
            self.add((at, place), Cause::Kept { site: pin.site.clone(), reasons: pin.reasons.clone() }, None);
            self.answer_in_full(at, self.selection.prerelease || pin.prerelease, &Cause::KeptPackage);
            let Some(kibana) = &pin.kibana else { continue };
            // Excluded versions count here: without any, the site could not install again what it has.
            let package = &self.packages.all[at];
            let whole = package.offered.clone();
            let numbers @ [major, minor, patch] = kibana.numbers();
            let range = KibanaRange { first: numbers, next: Some([major, minor, patch.saturating_add(1)]) };
            let mut is_accepted = false;
            for among in [&package.kept, &whole] {
                let given = self.packages.given(package, among, &[range], pin.prerelease, Latest::Newest(1));
                is_accepted = given.iter().any(|given| !given.places.is_empty());
                if is_accepted {
                    self.add_given(at, &given, &Cause::KeptPackage);
                    break;
                }
            }
            if !is_accepted {
                self.warnings.insert(format!(
                    "Kibana {kibana} accepts no version of {}, so it cannot install {} again that {} has installed",
                    pin.name, pin.version, pin.site
                ));
            }
        }
    }

    /// Takes every version of a layer that is published as a whole, and what Kibanas get of these packages.
    pub(super) fn take_whole_layers(&mut self) {
        for (at, package) in self.packages.all.iter().enumerate() {
            let whole: Vec<usize> = (0..package.versions.len()).filter(|one| package.versions[*one].is_whole).collect();
            if whole.is_empty() {
                continue;
            }
            whole.into_iter().for_each(|place| self.add((at, place), Cause::Whole, None));
            self.answer_in_full(at, self.selection.prerelease, &Cause::Whole);
        }
    }

    /// Returns true if a version is in.
    pub(super) fn has(&self, place: Place) -> bool {
        self.chosen.contains_key(&place)
    }

    /// Facts of a version.
    pub(super) fn facts(&self, (package, version): Place) -> &'a Facts {
        &self.packages.all[package].versions[version].facts
    }

    /// Whether every Kibana gets of a package what it gets from the whole: absent if not, and whether with pre-releases.
    pub(super) fn fullness(&self, package: usize) -> Option<bool> {
        self.full.get(&package).copied()
    }
}
