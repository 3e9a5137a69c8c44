//! From a sorted catalog to routing tables and the answers they point to.
//!
//! Look-ups of one package are exact for every combination of parameters; questions over many packages are, too, unless
//! that would be more than the [`Budget`](crate::config::routing::Budget). Knows nothing of documents, files or servers.

use super::answers::{Answers, Collector, SubjectKind};
use super::axes::Axes;
use super::diagram::{Arena, EMPTY, HashMap, Link, Outcome, REFUSED};
use super::emit::{Classes, Emitter, Subject};
use super::lookup::{Lookup, Mode};
use super::model::{Axis, Routes, Unkeyed};
use super::spelling;
use super::whole::{FamilyReport, Joiner, Parts};
use crate::answers::search::category;
use crate::config::routing::{self, Options};
use crate::package::Facts;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Range;

/// How large everything became.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteReport {
    /// Combinations of classes over all families.
    pub contexts: u64,
    /// Number of combinations that are refused because of the budget.
    pub refused_contexts: u64,
    /// Answers, those of package look-ups included.
    pub distinct_answers: usize,
    /// Routing nodes.
    pub nodes: usize,
    /// Rows of the nodes, defaults included.
    pub node_rows: usize,
    /// Rows of the profiles, defaults included.
    pub profile_rows: usize,
    /// Every subject over many packages.
    pub families: Vec<FamilyReport>,
}

/// Tables, answers, and how it went.
#[derive(Debug)]
pub struct Built {
    /// For every router.
    pub routes: Routes,
    /// To be rendered.
    pub answers: Answers,
    /// To be shown.
    pub report: RouteReport,
}

// Shares of the bytes for circles, in thousandths: of the whole list, of the type that Kibana asks for, of the other types, of
// all categories, and of both counts.
const LIST: u64 = 610;
const ASKED_TYPE: u64 = 85;
const OTHER_TYPES: u64 = 180;
const CATEGORIES: u64 = 45;
const COUNTS: u64 = 80;

/// What a version adds to a compressed answer where nothing is known of it, in bytes.
const USUAL_SIZE: u32 = 130;

/// Makes everything. The catalog is sorted by name (bytes), then version, without repeats.
pub fn build<F: Borrow<Facts>>(catalog: &[F], options: &Options) -> Built {
    build_sized(catalog, &vec![USUAL_SIZE; catalog.len()], options)
}

/// The same, with the bytes that each version adds to a compressed answer, more or less.
pub fn build_sized<F: Borrow<Facts>>(catalog: &[F], sizes: &[u32], options: &Options) -> Built {
    let catalog: Vec<&Facts> = catalog.iter().map(Borrow::borrow).collect();
    let mut labels = Routes { unkeyed: unkeyed(&catalog), ..Routes::default() };
    let sets: Vec<_> = options.clients.iter().filter_map(|client| client.capabilities.clone()).collect();
    let axes = Axes::new(&catalog, &sets, &mut labels);
    let joiner = Joiner { axes: &axes, routes: &labels, budget: options.budget, clients: &options.clients, sizes };
    let mut work = Work {
        catalog: &catalog,
        axes: &axes,
        names: names(&catalog),
        emitter: Emitter::new(&axes),
        answers: Collector::new(&catalog),
        families: Vec::new(),
    };
    // In the order of the subjects' keys, which is that of the numbers of nodes.
    work.every_version(Mode::All);
    work.packages(Mode::All);
    work.latest(Mode::Latest, &joiner);
    work.every_version(Mode::LegacyAll);
    work.packages(Mode::LegacyAll);
    work.latest(Mode::Legacy, &joiner);
    let Work { emitter, answers, families, .. } = work;
    let (answers, routes) = (answers.finish(), emitter.finish(labels.clone()));
    let report = report(&routes, answers.len(), families);
    Built { routes, answers, report }
}

/// More bytes than this make no name of a file, and are no category or type.
pub const LONGEST_WORD: usize = 128;

/// Returns true if a value may be part of a key and a path. Others get no subject: routers refuse them where [`Unkeyed`] says
/// that there are any.
pub fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.len() <= LONGEST_WORD && !value.starts_with('.') && value.bytes().all(spelling::in_word)
}

/// Says whether categories or types of the catalog get no subject. The empty word is left out, since no request can ask for it.
fn unkeyed(catalog: &[&Facts]) -> Unkeyed {
    let is_lost = |value: &str| !value.is_empty() && !is_plain(value);
    Unkeyed {
        categories: catalog.iter().flat_map(|facts| category::reachable(facts)).any(is_lost),
        types: catalog.iter().any(|facts| is_lost(&facts.package_type)),
    }
}

/// The versions of each name, as positions.
fn names(catalog: &[&Facts]) -> Vec<Range<usize>> {
    let mut first = 0;
    let range = |versions: &[&Facts]| {
        first += versions.len();
        first - versions.len()..first
    };
    catalog.chunk_by(|a, b| a.name == b.name).map(range).collect()
}

/// A subject over many packages.
struct Family {
    kind: SubjectKind,
    /// The second part of its key.
    word: String,
    /// Below `/answers/`.
    folder: String,
    mode: Mode,
    /// Where its parts are.
    arena: Arena,
    parts: Vec<Link>,
    /// The versions that may matter.
    versions: Vec<usize>,
}

/// Tables and answers on their way. A diagram is written down as soon as it is made: what is only needed for one subject
/// is never in memory together with what another one needs.
struct Work<'a> {
    catalog: &'a [&'a Facts],
    axes: &'a Axes,
    names: Vec<Range<usize>>,
    emitter: Emitter<'a>,
    answers: Collector<'a>,
    families: Vec<FamilyReport>,
}

/// The look-ups of all names in one mode.
struct Lookups {
    arena: Arena,
    /// By position of the name.
    links: Vec<Link>,
}

impl<'a> Work<'a> {
    fn lookup(&self, mode: Mode) -> Lookup<'a> {
        Lookup { catalog: self.catalog, axes: self.axes, mode }
    }

    /// Adds the look-ups of all packages.
    fn packages(&mut self, mode: Mode) {
        for range in self.names.clone() {
            let mut arena = Arena::new();
            let versions: Vec<_> = range.collect();
            let link = self.lookup(mode).diagram(&mut arena, &versions);
            self.package(mode, &arena, link, &versions);
        }
    }

    /// Adds the look-up of one package.
    fn package(&mut self, mode: Mode, arena: &Arena, link: Link, versions: &[usize]) {
        let name = &self.catalog[versions[0]].name;
        if is_plain(name) {
            let classes = Classes::of_versions(self.axes, mode, versions);
            let word = format!("package/{name}");
            self.add(mode, &word, SubjectKind::Package, &word, arena, &Subject { link, classes });
        }
    }

    /// Adds the list of every version, which is only answered without the other parameters that its filter knows.
    fn every_version(&mut self, mode: Mode) {
        let (lookup, mut arena) = (self.lookup(mode), Arena::new());
        let mut link = lookup.every_version(&mut arena);
        for axis in mode.axes().iter().rev().filter(|axis| **axis != Axis::Prerelease) {
            let mut links = vec![REFUSED; self.axes.table(*axis).labels.len()];
            links[0] = link;
            link = arena.ask(*axis, links);
        }
        let classes = Classes::any_or_not(self.axes);
        self.add(mode, "list", SubjectKind::List, "list", &arena, &Subject { link, classes });
    }

    fn add(&mut self, mode: Mode, word: &str, kind: SubjectKind, folder: &str, arena: &Arena, subject: &Subject) {
        let answers = &mut self.answers;
        let key = format!("{}/{word}", mode.word());
        self.emitter.add(arena, key, subject, &mut |end| answers.node(arena, end, kind, folder));
    }

    /// Joins a family and adds its subject.
    fn family(&mut self, joiner: &Joiner<'_>, family: Family, share: u64) -> FamilyReport {
        let Family { kind, word, folder, mode, mut arena, parts, versions } = family;
        let classes = Classes::of_versions(self.axes, mode, &versions);
        let key = format!("{}/{word}", mode.word());
        let is_category = kind == SubjectKind::Category;
        let parts = Parts { key: &key, mode, links: &parts, classes: &classes, share, is_category };
        let (link, report) = joiner.join(&mut arena, &parts);
        self.add(mode, &word, kind, &folder, &arena, &Subject { link, classes });
        report
    }

    /// Adds everything that asks for the latest version of names.
    fn latest(&mut self, mode: Mode, joiner: &Joiner<'_>) {
        let mut arena = Arena::new();
        let lookup = self.lookup(mode);
        let diagram = |range: &Range<usize>| lookup.diagram(&mut arena, &range.clone().collect::<Vec<_>>());
        let links = self.names.iter().map(diagram).collect();
        let lookups = Lookups { arena, links };
        let share = |per_mille: u64, part: usize, whole: usize| {
            let bytes = u128::from(joiner.budget.max_bytes) * u128::from(per_mille) * part as u128;
            u64::try_from(bytes / (1000 * whole.max(1) as u128)).unwrap_or(u64::MAX)
        };
        let counted = [("categories", false), ("categories-templates", true)].map(|(word, include_templates)| {
            let family = self.counted(mode, &lookups, word, include_templates);
            self.family(joiner, family, share(COUNTS, 1, 2))
        });
        let mut others = Vec::new();
        let categories = self.members(category::reachable);
        let all: usize = categories.values().map(Vec::len).sum();
        for (id, members) in categories {
            let family = self.category(mode, &lookups, id, &members);
            others.push(self.family(joiner, family, share(CATEGORIES, members.len(), all)));
        }
        let family = self.list(mode, &lookups);
        // The list comes first in the report.
        let list = self.family(joiner, family, share(LIST, 1, 1));
        for (range, link) in self.names.clone().into_iter().zip(&lookups.links) {
            self.package(mode, &lookups.arena, *link, &range.collect::<Vec<_>>());
        }
        drop(lookups);
        let types = self.members(|facts| [facts.package_type.as_str()]);
        let is_asked = |package_type: &str| package_type == routing::ASKED_TYPE;
        let unasked: usize = types.iter().filter(|(own, _)| !is_asked(own)).map(|(_, members)| members.len()).sum();
        for (package_type, members) in types {
            let family = self.package_type(mode, package_type, &members);
            let share = if is_asked(package_type) {
                share(ASKED_TYPE, 1, 1)
            } else {
                share(OTHER_TYPES, members.len(), unasked)
            };
            others.push(self.family(joiner, family, share));
        }
        self.families.push(list);
        self.families.extend(counted);
        self.families.extend(others);
    }

    /// The list.
    fn list(&self, mode: Mode, lookups: &Lookups) -> Family {
        let (mut arena, mut known) = (Arena::new(), HashMap::default());
        let mut copy = |arena: &mut Arena, end: Link| match lookups.arena.end(end) {
            Some(Outcome::Refused) => REFUSED,
            _ => arena.hits(lookups.arena.all_hits(end)),
        };
        let import = |link: &Link| arena.import(&lookups.arena, *link, &mut known, &mut copy);
        let parts = lookups.links.iter().map(import).collect();
        let (word, folder) = ("list".to_owned(), "list".to_owned());
        let versions = (0..self.catalog.len()).collect();
        Family { kind: SubjectKind::List, word, folder, mode, arena, parts, versions }
    }

    /// A category: the look-ups of its names with the category filter after them.
    fn category(&self, mode: Mode, lookups: &Lookups, id: &str, members: &[usize]) -> Family {
        let (mut arena, mut known) = (Arena::new(), HashMap::default());
        let mut filter = |arena: &mut Arena, end: Link| match lookups.arena.end(end) {
            Some(Outcome::Refused) => REFUSED,
            _ => {
                let mut hits = lookups.arena.all_hits(end);
                hits.retain_mut(|hit| match category::selection(self.catalog[hit.index], id) {
                    Some(templates) => {
                        hit.templates = templates;
                        true
                    }
                    None => false,
                });
                arena.hits(hits)
            }
        };
        let import = |&name: &usize| arena.import(&lookups.arena, lookups.links[name], &mut known, &mut filter);
        let parts = members.iter().map(import).collect();
        let word = format!("category/{id}");
        let versions = members.iter().flat_map(|&name| self.names[name].clone()).collect();
        Family { kind: SubjectKind::Category, folder: word.clone(), word, mode, arena, parts, versions }
    }

    /// Counts: what the packages that the look-ups find contribute.
    fn counted(&self, mode: Mode, lookups: &Lookups, word: &str, include_templates: bool) -> Family {
        let (mut arena, mut known) = (Arena::new(), HashMap::default());
        let mut count = |arena: &mut Arena, end: Link| match lookups.arena.end(end) {
            Some(Outcome::Refused) => REFUSED,
            _ if end == EMPTY => EMPTY,
            _ => {
                let mut counts = BTreeMap::new();
                for hit in lookups.arena.all_hits(end) {
                    category::count(self.catalog[hit.index], include_templates, &mut counts);
                }
                arena.counts(&counts)
            }
        };
        let import = |link: &Link| arena.import(&lookups.arena, *link, &mut known, &mut count);
        let parts = lookups.links.iter().map(import).collect();
        let (word, folder) = (word.to_owned(), "categories".to_owned());
        let versions = (0..self.catalog.len()).collect();
        Family { kind: SubjectKind::Categories, word, folder, mode, arena, parts, versions }
    }

    /// A type: the look-ups of those versions of its names that have it.
    fn package_type(&self, mode: Mode, package_type: &str, members: &[usize]) -> Family {
        let mut arena = Arena::new();
        let of_type = |name: &usize| {
            let versions = self.names[*name].clone();
            versions.filter(|&version| self.catalog[version].package_type == package_type).collect::<Vec<_>>()
        };
        let versions: Vec<_> = members.iter().map(of_type).collect();
        let lookup = self.lookup(mode);
        let parts = versions.iter().map(|versions| lookup.diagram(&mut arena, versions)).collect();
        let word = format!("type/{package_type}");
        let versions = versions.concat();
        Family { kind: SubjectKind::Type, folder: word.clone(), word, mode, arena, parts, versions }
    }

    /// The names that have a version with some property, by value of the property; only values that may be in a key.
    fn members<I: IntoIterator<Item = &'a str>>(
        &self,
        properties: impl Fn(&'a Facts) -> I,
    ) -> BTreeMap<&'a str, Vec<usize>> {
        let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (name, range) in self.names.iter().enumerate() {
            let values = self.catalog[range.clone()].iter().flat_map(|facts| properties(facts));
            for value in values.filter(|value| is_plain(value)) {
                let own = members.entry(value).or_default();
                if own.last() != Some(&name) {
                    own.push(name);
                }
            }
        }
        members
    }
}

fn report(routes: &Routes, distinct_answers: usize, families: Vec<FamilyReport>) -> RouteReport {
    let profiles = [&routes.kibana_profiles, &routes.spec_min_profiles, &routes.spec_max_profiles];
    let rows = routes.rows.values().map(|rows| rows.default.len() + rows.exact.rows());
    RouteReport {
        contexts: families.iter().map(|family| family.contexts).fold(0, u64::saturating_add),
        refused_contexts: families.iter().map(|family| family.refused_contexts).fold(0, u64::saturating_add),
        distinct_answers,
        nodes: routes.rows.values().map(|rows| rows.default.len()).sum(),
        node_rows: rows.sum(),
        profile_rows: profiles.into_iter().flatten().map(|profile| profile.exact.len() + 1).sum(),
        families,
    }
}
