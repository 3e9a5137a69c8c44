//! What is taken because of what is taken: what packages require, replace and discover.
//!
//! Each step looks at all that is in, so it does not matter in which order things came in, and nothing is added to what is
//! closed. What is required wins over `exclude`: Kibana could not install the package that requires it.

use super::chooser::{Chooser, Place};
use super::packages::cut;
use super::reason::{Asks, Cause};
use super::requires::Need;
use crate::answers::search::{Query, search};
use crate::config::selection::{Closure, KibanaRange, Latest};
use std::collections::{BTreeMap, BTreeSet};

/// The first Kibana that installs content packages by itself when it finds their data.
const DISCOVERS_SINCE: [u64; 3] = [9, 2, 0];
/// The type of packages that are discovered.
const CONTENT: &str = "content";

/// A version that is in, and what it requires of one package.
type Wish<'a> = (Place, &'a Need);

impl<'a> Chooser<'a> {
    /// Takes until nothing more is asked for.
    pub(super) fn close(&mut self) {
        let mut before = None;
        while before != Some(self.chosen.len()) {
            before = Some(self.chosen.len());
            if self.selection.closure != Closure::None {
                for (package, wishes) in self.wishes(|place| &self.requires(place).content) {
                    self.require(package, &wishes);
                }
            }
            if self.selection.closure == Closure::Build {
                for (package, wishes) in self.wishes(|place| &self.requires(place).input) {
                    self.put_in(package, &wishes);
                }
            }
            self.replace();
            if self.selection.discovered {
                self.discover();
            }
        }
        if self.selection.closure != Closure::None {
            self.warn_of_cycles();
        }
    }

    fn requires(&self, (package, version): Place) -> &'a super::requires::Requires {
        &self.packages.all[package].versions[version].requires
    }

    /// What is required of each package.
    fn wishes(&self, needs: impl Fn(Place) -> &'a Vec<Need>) -> BTreeMap<&'a str, Vec<Wish<'a>>> {
        let mut wishes: BTreeMap<&str, Vec<Wish<'a>>> = BTreeMap::new();
        for place in self.chosen.keys() {
            for need in needs(*place) {
                wishes.entry(need.package.as_str()).or_default().push((*place, need));
            }
        }
        wishes
    }

    /// Takes for each Kibana what it would install for a wish, and for two wishes of different packages together.
    fn require(&mut self, name: &str, wishes: &[Wish<'a>]) {
        let Some(at) = self.packages.place(name) else {
            let unmet = wishes.iter().map(|wish| (*wish, self.packages.kibana.clone())).collect();
            return self.warn_of_unmet(unmet);
        };
        let package = &self.packages.all[at];
        let mut facts = package.facts().to_vec();
        facts.extend(wishes.iter().map(|(place, _)| self.facts(*place)));
        let mut taken: Vec<(usize, Cause, KibanaRange)> = Vec::new();
        let mut unmet: Vec<(Wish<'a>, Vec<KibanaRange>)> = Vec::new();
        for kibana in cut(&self.packages.kibana, &facts) {
            // Kibana resolves requirements among releases.
            let query = Query { all: true, ..self.packages.query(name, kibana.first, false) };
            let mut newest = package.found(&query);
            newest.reverse();
            let find = |needs: &[&Need]| {
                newest
                    .iter()
                    .copied()
                    .find(|place| needs.iter().all(|need| need.allows(&package.facts()[*place].version)))
            };
            let here: Vec<Wish<'a>> =
                wishes.iter().copied().filter(|(place, _)| self.is_accepted(*place, kibana)).collect();
            for (place, need) in &here {
                match find(&[need]) {
                    Some(found) => taken.push((found, self.required(*place, need), kibana)),
                    None => match unmet.iter_mut().find(|((other, known), _)| other == place && known == need) {
                        Some((_, ranges)) => ranges.push(kibana),
                        None => unmet.push(((*place, need), vec![kibana])),
                    },
                }
            }
            // Two versions of one package are never installed together.
            let distinct: BTreeMap<(usize, &str), Wish<'a>> =
                here.iter().map(|wish| ((wish.0.0, wish.1.version.as_str()), *wish)).collect();
            let distinct: Vec<Wish<'a>> = distinct.into_values().collect();
            for (number, (place, need)) in distinct.iter().enumerate() {
                for (_, other) in distinct[..number].iter().filter(|(one, _)| one.0 != place.0) {
                    if other.version != need.version
                        && let Some(found) = find(&[need, other])
                    {
                        taken.push((found, self.required(*place, need), kibana));
                    }
                }
            }
        }
        for (found, cause, kibana) in taken {
            self.add((at, found), cause, Some((kibana, Asks::Either)));
        }
        self.warn_of_unmet(unmet);
        self.answer_in_full(at, self.selection.prerelease, &Cause::RequiredPackage);
    }

    /// Takes what is put into packages when they are built.
    fn put_in(&mut self, name: &str, wishes: &[Wish<'a>]) {
        let at = self.packages.place(name);
        for (place, need) in wishes {
            let found = at.and_then(|at| {
                let facts = self.packages.all[at].facts();
                Some((at, facts.iter().rposition(|facts| need.allows(&facts.version))?))
            });
            match found {
                Some(found) => self.add(found, self.required(*place, need), None),
                None => self.warn_of_unmet(vec![((*place, *need), Vec::new())]),
            }
        }
        if let Some(at) = at {
            self.answer_in_full(at, self.selection.prerelease, &Cause::RequiredPackage);
        }
    }

    fn required(&self, place: Place, need: &Need) -> Cause {
        let facts = self.facts(place);
        Cause::Required {
            by: facts.name.clone(),
            by_version: facts.version.clone(),
            package: need.package.clone(),
            range: need.version.clone(),
        }
    }

    /// Returns true if a Kibana accepts a version when it asks for pre-releases.
    fn is_accepted(&self, place: Place, kibana: KibanaRange) -> bool {
        let facts = self.facts(place);
        let query = Query { all: true, ..self.packages.query(&facts.name, kibana.first, true) };
        !search(&[facts], &query).is_empty()
    }

    /// One warning for all versions of a package that require the same.
    fn warn_of_unmet(&mut self, unmet: Vec<(Wish<'a>, Vec<KibanaRange>)>) {
        let mut said: BTreeMap<(usize, &str), (Wish<'a>, Vec<KibanaRange>)> = BTreeMap::new();
        for ((place, need), ranges) in unmet {
            // The newest version comes last, and is named.
            let known = said.entry((place.0, need.version.as_str())).or_insert(((place, need), Vec::new()));
            known.0 = (place, need);
            known.1.extend(ranges);
        }
        for ((place, need), ranges) in said.into_values() {
            let facts = self.facts(place);
            let ranges = KibanaRange::joined(ranges);
            let kibana = match ranges.is_empty() || ranges == self.packages.kibana {
                true => String::new(),
                false => format!(" for Kibana {}", super::reason::ranges(&ranges)),
            };
            let why = if !need.is_range() {
                "which is no range of versions"
            } else if self.packages.place(&need.package).is_none() {
                "of which nothing is there"
            } else {
                "of which no such version is there"
            };
            self.warnings.insert(format!(
                "{} {} requires {} {}, {why}{kibana}",
                facts.name, facts.version, need.package, need.version
            ));
        }
    }

    /// Takes, or suggests, what takes the place of deprecated packages.
    fn replace(&mut self) {
        let packages: BTreeSet<usize> = self.chosen.keys().map(|place| place.0).collect();
        for at in packages {
            let package = &self.packages.all[at];
            // The newest block counts for all versions of the name.
            let newest = package.facts().iter().rev().find_map(|facts| facts.deprecated.as_ref());
            let Some(by) = newest.and_then(|block| block.replaced_by.as_ref()).map(|by| by.package.as_str()) else {
                continue;
            };
            let Some(other) = self.packages.place(by).filter(|other| *other != at) else { continue };
            if self.selection.follow_replacements {
                let cause = Cause::Replaces { deprecated: package.name.to_owned() };
                self.answer_in_full(other, self.selection.prerelease, &cause);
            }
        }
    }

    /// What is suggested: packages that take the place of deprecated ones and are not in.
    pub(super) fn suggestions(&self) -> Vec<String> {
        let packages: BTreeSet<usize> = self.chosen.keys().map(|place| place.0).collect();
        let suggestion = |at: &usize| {
            let package = &self.packages.all[*at];
            let newest = package.facts().iter().rev().find_map(|facts| facts.deprecated.as_ref())?;
            let by = newest.replaced_by.as_ref().map(|by| by.package.as_str()).filter(|by| !by.is_empty())?;
            let is_in = self.packages.place(by).is_some_and(|other| packages.contains(&other));
            (!is_in).then(|| format!("{} is deprecated; {by} takes its place and is not selected", package.name))
        };
        packages.iter().filter_map(suggestion).collect()
    }

    /// Takes content packages that Kibana would install by itself for data of packages that are in.
    fn discover(&mut self) {
        let since: Vec<KibanaRange> =
            self.packages.kibana.iter().filter_map(|range| from(*range, DISCOVERS_SINCE)).collect();
        let mut datasets: BTreeMap<&str, &str> = BTreeMap::new();
        for (package, version) in self.chosen.keys() {
            let candidate = self.packages.all[*package].versions[*version];
            for dataset in &candidate.datasets {
                datasets.entry(dataset.as_str()).or_insert(&candidate.facts.name);
            }
        }
        for (at, package) in self.packages.all.iter().enumerate() {
            if !package.facts().iter().any(|facts| facts.package_type == CONTENT) {
                continue;
            }
            let given =
                self.packages.given(package, &package.kept, &since, self.selection.prerelease, Latest::Newest(1));
            let found = given.iter().flat_map(|given| &given.places).find_map(|place| {
                let facts = package.facts()[*place];
                let dataset =
                    facts.discovery.datasets.iter().find(|dataset| datasets.contains_key(dataset.as_str()))?;
                (facts.package_type == CONTENT).then(|| (datasets[dataset.as_str()].to_owned(), dataset.clone()))
            });
            if let Some((by, dataset)) = found {
                self.answer_in_full(at, self.selection.prerelease, &Cause::Discovered { by, dataset });
            }
        }
    }

    /// Warns of packages that require each other.
    fn warn_of_cycles(&mut self) {
        let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for place in self.chosen.keys() {
            let needs = self.requires(*place).content.iter().map(|need| need.package.as_str());
            edges.entry(&self.facts(*place).name).or_default().extend(needs);
        }
        let reached = |from: &str| {
            let mut reached: BTreeSet<&str> = BTreeSet::new();
            let mut next: Vec<&str> = edges.get(from).into_iter().flatten().copied().collect();
            while let Some(name) = next.pop() {
                if reached.insert(name) {
                    next.extend(edges.get(name).into_iter().flatten());
                }
            }
            reached
        };
        let reached: BTreeMap<&str, BTreeSet<&str>> = edges.keys().map(|name| (*name, reached(name))).collect();
        let is_in_cycle = |name: &&&str| reached[**name].contains(**name);
        let circles: BTreeSet<Vec<&str>> = edges
            .keys()
            .filter(is_in_cycle)
            .map(|name| {
                let back = |other: &&&str| reached.get(**other).is_some_and(|far| far.contains(name));
                reached[name].iter().filter(back).copied().collect()
            })
            .collect();
        for circle in circles {
            self.warnings.insert(format!("packages require each other in a circle: {}", circle.join(", ")));
        }
    }
}

/// The part of a range from a version on.
fn from(range: KibanaRange, version: [u64; 3]) -> Option<KibanaRange> {
    let first = range.first.max(version);
    range.next.is_none_or(|next| first < next).then_some(KibanaRange { first, ..range })
}
