//! What several answers say together: the union of them, and whether anything can be missing from it.
//!
//! Each list of Kibana hides something: Fleet's own list drops packages that no registry has, and until 8.6.1 marks twenty of
//! them at most; the list of installed packages leaves out, for years, those without an index template; policies know only
//! packages that are in use. So the union counts, and each list is held against the others.

use super::answer::{PolicyPackage, Statement};
use crate::base::shown::printable;
use crate::base::words::few;
use crate::dialect::version::Version;
use crate::select::keep_file::{KeepFile, Kept, Source, Why, is_name};
use std::collections::{BTreeMap, BTreeSet};

/// The first Kibana whose own list of packages marks all that are installed (elastic/kibana#150780).
const ALL_MARKED_SINCE: [u64; 3] = [8, 6, 2];
/// As many packages as that list marked before.
const MARKED_BEFORE: usize = 20;
/// The first Kibana whose policies may belong to spaces.
pub(super) const SPACES_SINCE: [u64; 3] = [8, 17, 0];

/// What became of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard<T> {
    /// Nobody asked for it, or no file has it.
    Absent,
    /// It was not to be had, in words.
    Refused(String),
    /// It was not whole, in words; what came of it counts.
    Broken(String, Vec<T>),
    /// All of it.
    Whole(Vec<T>),
}

impl<T> Heard<T> {
    /// What came of the list.
    pub(super) fn items(&self) -> &[T] {
        match self {
            Self::Broken(_, items) | Self::Whole(items) => items,
            Self::Absent | Self::Refused(_) => &[],
        }
    }

    /// Returns true if the list is there to its end.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

/// All that Kibana said.
#[derive(Clone, Debug)]
pub(super) struct Gathered {
    pub(super) kibana: Option<Version>,
    pub(super) prerelease: Option<bool>,
    pub(super) key: Option<String>,
    /// The packages as Kibana stores them.
    pub(super) stored: Heard<Statement>,
    /// What Fleet shows.
    pub(super) shown: Heard<Statement>,
    /// What Fleet calls installed.
    pub(super) installed: Heard<Statement>,
    /// The packages of policies, of all spaces that were asked.
    pub(super) policies: Heard<PolicyPackage>,
    /// What else can be missing, in words.
    pub(super) problems: Vec<String>,
}

/// A keep file, and why it is not complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The file, for a site that the caller names.
    pub file: KeepFile,
    /// In words; empty if the file is complete.
    pub problems: Vec<String>,
}

impl Gathered {
    pub(super) fn new() -> Self {
        Self {
            kibana: None,
            prerelease: None,
            key: None,
            stored: Heard::Absent,
            shown: Heard::Absent,
            installed: Heard::Absent,
            policies: Heard::Absent,
            problems: Vec::new(),
        }
    }

    /// Draws the conclusion, for a site and a time.
    pub(super) fn conclude(self, site: &str, taken: u64) -> Imported {
        let mut union = Union::default();
        for list in [&self.stored, &self.shown, &self.installed] {
            list.items().iter().for_each(|statement| union.add(statement));
        }
        self.policies.items().iter().for_each(|policy| union.add_policy(policy));
        let mut problems = self.problems.clone();
        problems.extend(self.gaps());
        problems.extend(self.contradictions());
        problems.extend(union.problems());
        if self.kibana.is_none() {
            problems.push("the version of Kibana is not known: add the answer to /api/status".to_owned());
        }
        let file = KeepFile {
            site: site.to_owned(),
            kibana: self.kibana,
            prerelease: self.prerelease,
            taken,
            complete: problems.is_empty(),
            key: self.key,
            notes: problems.clone(),
            versions: union.versions,
        };
        Imported { file, problems }
    }

    /// Lists that are not there, or that hide something.
    fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        let mut gap = |list: &str, missing: &str, heard: &dyn Fn() -> Option<String>| {
            gaps.extend(heard().map(|why| format!("{list} {why}; {missing}")));
        };
        gap("the packages as Kibana stores them", "packages that the other lists hide may be missing", &|| {
            why(&self.stored)
        });
        gap("the policies", "versions that only policies name may be missing", &|| why(&self.policies));
        if self.stored.is_whole() {
            return gaps;
        }
        for (list, heard) in
            [("the list of installed packages", &self.installed), ("the list that Fleet shows", &self.shown)]
        {
            if let Heard::Broken(words, _) = heard {
                gaps.push(format!("{list} {words}"));
            }
        }
        let is_old = self.kibana.as_ref().map_or(self.looks_old(), |version| version.numbers() < ALL_MARKED_SINCE);
        let marked = self.shown.items().len();
        if is_old && marked == MARKED_BEFORE {
            gaps.push(format!(
                "Fleet's own list marks {MARKED_BEFORE} packages as installed, and a Kibana before 8.6.2 never marks more"
            ));
        } else if is_old && !self.policies.is_whole() {
            gaps.push("of a Kibana before 8.6.2 the stored packages or the policies are needed".to_owned());
        }
        let unfinished = [&self.shown, &self.installed].into_iter().flat_map(|list| list.items());
        let unfinished = unfinished.filter(|one| is_unfinished(one) && one.install_version.is_none());
        let names: BTreeSet<_> = unfinished.map(|one| printable(&one.name, 100)).collect();
        if !names.is_empty() {
            let names: Vec<_> = names.into_iter().collect();
            gaps.push(format!("it is not told which version is being installed of {}", few(&names)));
        }
        gaps
    }

    /// Returns true if a list looks as those of Kibanas before 8.9 do, of which the version is not known.
    fn looks_old(&self) -> bool {
        self.installed == Heard::Absent && !self.shown.items().is_empty()
    }

    /// What one list names and another one should name, too.
    fn contradictions(&self) -> Vec<String> {
        let names =
            |list: &Heard<Statement>| -> BTreeSet<String> { list.items().iter().map(|one| one.name.clone()).collect() };
        let stored = names(&self.stored);
        let listed = &names(&self.shown) | &names(&self.installed);
        let all = &stored | &listed;
        let mut found = Vec::new();
        let mut tell = |names: BTreeSet<String>, words: &str| {
            if !names.is_empty() {
                let names: Vec<_> = names.iter().map(|name| printable(name, 100)).collect();
                found.push(format!("{words}: {}", few(&names)));
            }
        };
        let of_policies =
            self.policies.items().iter().map(|policy| policy.name.clone()).filter(|name| !name.is_empty());
        let unlisted = of_policies.filter(|name| !all.contains(name)).collect();
        tell(unlisted, "policies name packages that no list of installed ones has");
        if self.stored.is_whole() {
            tell(&listed - &stored, "Fleet calls packages installed that Kibana has not stored");
        }
        found
    }
}

/// Why a list is not whole; nothing if it is.
fn why<T>(heard: &Heard<T>) -> Option<String> {
    match heard {
        Heard::Whole(_) => None,
        Heard::Absent => Some("were not among the answers".to_owned()),
        Heard::Refused(words) | Heard::Broken(words, _) => Some(words.clone()),
    }
}

/// Returns true if an installation is under way or ended badly.
fn is_unfinished(statement: &Statement) -> bool {
    matches!(statement.status.as_str(), "installing" | "install_failed")
}

/// Versions with all that is said of them.
#[derive(Default)]
struct Union {
    versions: BTreeMap<(String, Version), Kept>,
    /// Names of packages that are installed in a version that no list tells.
    unknown: BTreeSet<String>,
    /// Names that have a version.
    known: BTreeSet<String>,
    /// What is no name or no version, in words.
    odd: BTreeSet<String>,
    /// Names with where their installed versions came from.
    sources: BTreeMap<String, BTreeSet<Source>>,
}

impl Union {
    fn add(&mut self, statement: &Statement) {
        let Statement { name, version, source, .. } = statement;
        if let Some(version) = version {
            if self.put(name, version, Why::Installed, *source) {
                self.known.insert(name.clone());
            }
        } else {
            self.unknown.insert(name.clone());
        }
        self.sources.entry(name.clone()).or_default().extend(*source);
        if let Some(target) = &statement.install_version
            && (statement.version.as_ref() != Some(target) || is_unfinished(statement))
        {
            self.put(name, target, Why::Installing, *source);
        }
        // Kibana rolls back only what it had from a registry; that of an upload is nobody's to have.
        let own = source.filter(|source| !source.may_be_asked_for());
        if let Some(previous) = &statement.previous {
            self.put(name, previous, Why::Rollback, own);
        }
        for (name, version) in &statement.previous_dependencies {
            self.put(name, version, Why::RollbackDependency, None);
        }
        if let Some(target) = &statement.review {
            self.put(name, target, Why::Review, None);
        }
        if let (true, Some(version)) = (statement.is_dependency, version) {
            self.put(name, version, Why::Dependency, *source);
        }
        for (name, version) in &statement.dependencies {
            // A range is no version; what it resolved to is installed, and says so itself.
            if Version::strict(version).is_ok() {
                self.put(name, version, Why::Dependency, None);
            }
        }
    }

    fn add_policy(&mut self, policy: &PolicyPackage) {
        if policy.name.is_empty() {
            return;
        }
        // What was only ever uploaded is in no registry in any version.
        let uploaded = self.sources.get(&policy.name).filter(|sources| !sources.is_empty());
        let own = uploaded.filter(|sources| sources.iter().all(|source| !source.may_be_asked_for()));
        let source = own.and_then(|sources| sources.first().copied());
        self.put(&policy.name, &policy.version, Why::Policy, source);
    }

    /// Returns true if name and version are such.
    fn put(&mut self, name: &str, version: &str, why: Why, source: Option<Source>) -> bool {
        let Some(version) = Version::strict(version).ok().filter(|_| is_name(name)) else {
            self.odd.insert(printable(&format!("{name}@{version}"), 100));
            return false;
        };
        let kept = self.versions.entry((name.to_owned(), version)).or_default();
        kept.reasons.insert(why);
        // If answers differ, the one counts by which most is kept.
        kept.source = [kept.source, source].into_iter().flatten().min();
        kept.optional = kept.source == Some(Source::Bundled);
        true
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let unknown: Vec<_> = self.unknown.difference(&self.known).map(|name| printable(name, 100)).collect();
        if !unknown.is_empty() {
            problems.push(format!("no list tells in which version these are installed: {}", few(&unknown)));
        }
        if !self.odd.is_empty() {
            let odd: Vec<_> = self.odd.iter().cloned().collect();
            problems.push(format!("these are no names and versions of packages: {}", few(&odd)));
        }
        problems
    }
}
