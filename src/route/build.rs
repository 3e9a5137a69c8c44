//! From a sorted catalog to routing tables and the answers they point to.
//!
//! Look-ups of one package are exact for every combination of parameters; questions over many packages are, too, unless
//! that would be more than the [`Budget`]. Knows nothing of documents, files or servers.

use super::answers::{Answer, Answers, SubjectKind};
use super::axes::Axes;
use super::clients::{self, Client};
use super::diagram::{Arena, Link, Outcome, REFUSED};
use super::emit::{Classes, Emitter, Subject};
use super::lookup::{Lookup, Mode};
use super::model::{Axis, Routes, Unkeyed};
use super::spelling;
use super::whole::{Budget, FamilyReport, Joiner};
use crate::package::Facts;
use crate::search::category;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// What may be decided from outside.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where exactness over many packages ends.
    pub budget: Budget,
    /// Whose combinations are answered beyond that.
    pub clients: Vec<Client>,
}

impl Default for Options {
    fn default() -> Self {
        Self { budget: Budget::default(), clients: clients::known() }
    }
}

/// How large everything became.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Combinations of classes over all families.
    pub contexts: u64,
    /// Those refused for the sake of the budget.
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
#[derive(Clone, Debug)]
pub struct Built {
    /// For every router.
    pub routes: Routes,
    /// To be rendered, in order of their paths.
    pub answers: Vec<Answer>,
    /// To be shown.
    pub report: Report,
}

/// Makes everything. The catalog is sorted by name (bytes), then version, without repeats.
pub fn build(catalog: &[Facts], options: &Options) -> Built {
    let mut routes = Routes { unkeyed: unkeyed(catalog), ..Routes::default() };
    let sets: Vec<_> = options.clients.iter().filter_map(|client| client.capabilities.clone()).collect();
    let axes = Axes::new(catalog, &sets, &mut routes);
    let mut work = Work { catalog, axes: &axes, arena: Arena::new(), subjects: BTreeMap::new() };
    let names = names(catalog);
    for mode in [Mode::All, Mode::LegacyAll] {
        work.packages(mode, &names);
        work.every_version(mode);
    }
    let mut families = Vec::new();
    for mode in [Mode::Latest, Mode::Legacy] {
        let links = work.packages(mode, &names);
        let joiner = Joiner { axes: &axes, routes: &routes, budget: options.budget, clients: &options.clients };
        for family in work.families(mode, &names, &links) {
            families.push(work.family(&joiner, family));
        }
    }
    let Work { arena, subjects, .. } = work;
    let mut answers = Answers::new(catalog);
    let mut emitter = Emitter::new(&arena, &axes, &mut routes);
    for (key, (kind, folder, subject)) in subjects {
        emitter.add(key, &subject, &mut |end| answers.node(&arena, end, kind, &folder));
    }
    let answers = answers.into_vec();
    let report = report(&routes, answers.len(), families);
    Built { routes, answers, report }
}

/// More bytes than this make no name of a file, and are no category or type.
pub const LONGEST_WORD: usize = 128;

/// Whether a value may be part of a key and a path. Others get no subject: routers refuse them where [`Unkeyed`] says
/// that there are any.
pub fn is_plain(value: &str) -> bool {
    !value.is_empty() && value.len() <= LONGEST_WORD && !value.starts_with('.') && value.bytes().all(spelling::in_word)
}

/// What the catalog has that gets no subject. The empty word is left out, since no request can ask for it.
fn unkeyed(catalog: &[Facts]) -> Unkeyed {
    let is_lost = |value: &str| !value.is_empty() && !is_plain(value);
    Unkeyed {
        categories: catalog.iter().flat_map(category::reachable).any(is_lost),
        types: catalog.iter().any(|facts| is_lost(&facts.package_type)),
    }
}

/// The versions of each name, as positions.
fn names(catalog: &[Facts]) -> Vec<Range<usize>> {
    let mut first = 0;
    let range = |versions: &[Facts]| {
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
    parts: Vec<Link>,
    /// The versions that may matter.
    versions: Vec<usize>,
}

/// Subjects on their way.
struct Work<'a> {
    catalog: &'a [Facts],
    axes: &'a Axes,
    arena: Arena,
    /// By key: kind, folder below `/answers/`, function.
    subjects: BTreeMap<String, (SubjectKind, String, Subject)>,
}

impl<'a> Work<'a> {
    fn lookup(&self, mode: Mode) -> Lookup<'a> {
        Lookup { catalog: self.catalog, axes: self.axes, mode }
    }

    /// Adds the look-ups of all packages, and returns their functions in order of names.
    fn packages(&mut self, mode: Mode, names: &[Range<usize>]) -> Vec<Link> {
        let mut links = Vec::with_capacity(names.len());
        for range in names {
            let versions: Vec<_> = range.clone().collect();
            let link = self.lookup(mode).diagram(&mut self.arena, &versions);
            links.push(link);
            let word = format!("package/{}", self.catalog[range.start].name);
            if is_plain(&self.catalog[range.start].name) {
                let classes = Classes::of_versions(self.axes, mode, &versions);
                self.add(mode, &word, SubjectKind::Package, word.clone(), Subject { link, classes });
            }
        }
        links
    }

    /// Adds the list of every version, which is only answered without the other parameters that its filter knows.
    fn every_version(&mut self, mode: Mode) {
        let lookup = self.lookup(mode);
        let mut link = lookup.every_version(&mut self.arena);
        for axis in mode.axes().iter().rev().filter(|axis| **axis != Axis::Prerelease) {
            let mut links = vec![REFUSED; self.axes.table(*axis).labels.len()];
            links[0] = link;
            link = self.arena.ask(*axis, links);
        }
        let classes = Classes::any_or_not(self.axes);
        self.add(mode, "list", SubjectKind::List, "list".to_owned(), Subject { link, classes });
    }

    fn add(&mut self, mode: Mode, word: &str, kind: SubjectKind, folder: String, subject: Subject) {
        self.subjects.insert(format!("{}/{word}", mode.word()), (kind, folder, subject));
    }

    /// Joins a family and adds its subject.
    fn family(&mut self, joiner: &Joiner<'_>, family: Family) -> FamilyReport {
        let Family { kind, word, folder, mode, parts, versions } = family;
        let classes = Classes::of_versions(self.axes, mode, &versions);
        let key = format!("{}/{word}", mode.word());
        let (link, report) = joiner.join(&mut self.arena, &key, mode, &parts, &classes);
        self.add(mode, &word, kind, folder, Subject { link, classes });
        report
    }

    /// All families of a mode; `links` are the look-ups of the names.
    fn families(&mut self, mode: Mode, names: &[Range<usize>], links: &[Link]) -> Vec<Family> {
        let all: Vec<_> = (0..self.catalog.len()).collect();
        let family = |kind, word: &str, folder: &str, parts, versions| {
            let (word, folder) = (word.to_owned(), folder.to_owned());
            Family { kind, word, folder, mode, parts, versions }
        };
        let mut families = vec![family(SubjectKind::List, "list", "list", links.to_vec(), all.clone())];
        for (word, include_templates) in [("categories", false), ("categories-templates", true)] {
            let parts = self.counted(links, include_templates);
            families.push(family(SubjectKind::Categories, word, "categories", parts, all.clone()));
        }
        for (id, members) in self.members(names, category::reachable) {
            let word = format!("category/{id}");
            let parts = self.filtered(members.iter().map(|&name| links[name]), id);
            let versions = members.iter().flat_map(|&name| names[name].clone()).collect();
            families.push(family(SubjectKind::Category, &word, &word, parts, versions));
        }
        for (package_type, members) in self.members(names, |facts| [facts.package_type.as_str()]) {
            let word = format!("type/{package_type}");
            let of_type = |name: &usize| {
                let versions = names[*name].clone();
                versions.filter(|&version| self.catalog[version].package_type == package_type).collect::<Vec<_>>()
            };
            let versions: Vec<_> = members.iter().map(of_type).collect();
            let lookup = Lookup { catalog: self.catalog, axes: self.axes, mode };
            let parts = versions.iter().map(|versions| lookup.diagram(&mut self.arena, versions)).collect();
            families.push(family(SubjectKind::Type, &word, &word, parts, versions.concat()));
        }
        families
    }

    /// The names that have a version with some property, by value of the property; only values that may be in a key.
    fn members<I: IntoIterator<Item = &'a str>>(
        &self,
        names: &[Range<usize>],
        properties: impl Fn(&'a Facts) -> I,
    ) -> BTreeMap<&'a str, Vec<usize>> {
        let mut members: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (name, range) in names.iter().enumerate() {
            for value in self.catalog[range.clone()].iter().flat_map(&properties).filter(|value| is_plain(value)) {
                let own = members.entry(value).or_default();
                if own.last() != Some(&name) {
                    own.push(name);
                }
            }
        }
        members
    }

    /// Look-ups with the category filter after them.
    fn filtered(&mut self, links: impl Iterator<Item = Link>, id: &str) -> Vec<Link> {
        let catalog = self.catalog;
        let mut known = HashMap::new();
        let mut replace = |arena: &mut Arena, end: Link| match arena.end(end) {
            Some(Outcome::Refused) => end,
            _ => {
                let mut hits = arena.all_hits(end);
                hits.retain_mut(|hit| match category::selection(&catalog[hit.index], id) {
                    Some(templates) => {
                        hit.templates = templates;
                        true
                    }
                    None => false,
                });
                arena.hits(hits)
            }
        };
        links.map(|link| self.arena.map(link, &mut known, &mut replace)).collect()
    }

    /// What the packages that look-ups find contribute to the counts.
    fn counted(&mut self, links: &[Link], include_templates: bool) -> Vec<Link> {
        let catalog = self.catalog;
        let mut known = HashMap::new();
        let mut replace = |arena: &mut Arena, end: Link| match arena.end(end) {
            Some(Outcome::Refused) => end,
            _ => {
                let mut counts = BTreeMap::new();
                for hit in arena.all_hits(end) {
                    category::count(&catalog[hit.index], include_templates, &mut counts);
                }
                arena.counts(&counts)
            }
        };
        links.iter().map(|link| self.arena.map(*link, &mut known, &mut replace)).collect()
    }
}

fn report(routes: &Routes, distinct_answers: usize, families: Vec<FamilyReport>) -> Report {
    let profiles = [&routes.kibana_profiles, &routes.spec_min_profiles, &routes.spec_max_profiles];
    let rows =
        routes.rows.values().map(|rows| rows.default.len() + rows.exact.values().map(BTreeMap::len).sum::<usize>());
    Report {
        contexts: families.iter().map(|family| family.contexts).fold(0, u64::saturating_add),
        refused_contexts: families.iter().map(|family| family.refused_contexts).fold(0, u64::saturating_add),
        distinct_answers,
        nodes: routes.rows.values().map(|rows| rows.default.len()).sum(),
        node_rows: rows.sum(),
        profile_rows: profiles.into_iter().flatten().map(|profile| profile.exact.len() + 1).sum(),
        families,
    }
}
