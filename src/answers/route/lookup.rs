//! The diagram of one package: which of its versions answer a look-up, for every combination of labels.
//!
//! The versions are filtered axis by axis, and each set of survivors is looked at once. Where only the best survivor
//! counts, those that can no longer be it are dropped first, so that sets which lead to the same answers become equal.

use super::axes::{Axes, Passes};
use super::diagram::{Arena, HashMap, Link, REFUSED};
use super::model::Axis;
use crate::answers::search::{Hit, TemplateSelection, select};
use crate::package::Facts;

/// Which filter, and which of the versions that pass it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Mode {
    /// The normal filter, the highest version.
    Latest,
    /// The normal filter, every version.
    All,
    /// The legacy filter, its choice of the highest.
    Legacy,
    /// The legacy filter, its choice of all.
    LegacyAll,
}

impl Mode {
    /// The first part of a subject's key.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::All => "all",
            Self::Legacy => "legacy",
            Self::LegacyAll => "legacy-all",
        }
    }

    /// The axes whose parameters the filter does not ignore.
    pub(super) fn axes(self) -> &'static [Axis] {
        match self {
            Self::Latest | Self::All => &Axis::ALL,
            Self::Legacy | Self::LegacyAll => &Axis::ALL[..1],
        }
    }
}

/// Makes diagrams of packages.
pub(super) struct Lookup<'a> {
    /// Sorted by name and version.
    pub(super) catalog: &'a [&'a Facts],
    /// Who passes where.
    pub(super) axes: &'a Axes,
    /// The filter and the choice of versions.
    pub(super) mode: Mode,
}

impl Lookup<'_> {
    /// The diagram of these versions of one name, ascending. Its ends are hits, the empty list, or refusals.
    pub(super) fn diagram(&self, arena: &mut Arena, versions: &[usize]) -> Link {
        let mut versions = versions.to_vec();
        if self.mode == Mode::Latest {
            // Best first: descending, but of those that differ only in build metadata the first stays first.
            let version = |index: usize| &self.catalog[index].version;
            versions.sort_by(|a, b| version(*b).precedence(version(*a)).then(a.cmp(b)));
        }
        self.residual(arena, self.mode.axes(), versions, &mut HashMap::default())
    }

    /// The diagram of every version of every name, for a filter that only asks for `prerelease`.
    pub(super) fn every_version(&self, arena: &mut Arena) -> Link {
        let axes = if self.mode.axes().contains(&Axis::Prerelease) { &Axis::ALL[5..] } else { &[] };
        self.residual(arena, axes, (0..self.catalog.len()).collect(), &mut HashMap::default())
    }

    /// The function of the axes that are left, when these versions have survived the others.
    fn residual(
        &self,
        arena: &mut Arena,
        axes: &[Axis],
        survivors: Vec<usize>,
        known: &mut HashMap<(usize, Vec<usize>), Link>,
    ) -> Link {
        let Some((axis, rest)) = axes.split_first() else { return self.end(arena, survivors) };
        if survivors.is_empty() {
            return arena.hits(Vec::new());
        }
        let key = (axes.len(), survivors);
        if let Some(link) = known.get(&key) {
            return *link;
        }
        let survivors = &key.1;
        let table = self.axes.table(*axis);
        let mut links = Vec::with_capacity(table.labels.len());
        for label in 0..table.labels.len() {
            let unknown = survivors.iter().any(|&version| table.passes(label, version) == Passes::Unknown);
            links.push(if unknown {
                REFUSED
            } else {
                let passing = survivors.iter().copied().filter(|&version| table.passes(label, version) == Passes::Yes);
                let passing = self.promising(passing, rest);
                self.residual(arena, rest, passing, known)
            });
        }
        let link = arena.ask(*axis, links);
        known.insert(key, link);
        link
    }

    /// The versions that may still be the best, when only the best counts: a version goes when a better one passes the
    /// remaining axes wherever it does.
    fn promising(&self, versions: impl Iterator<Item = usize>, rest: &[Axis]) -> Vec<usize> {
        if self.mode != Mode::Latest {
            return versions.collect();
        }
        let mut kept: Vec<usize> = Vec::new();
        for version in versions {
            let covered = |better: &usize| rest.iter().all(|axis| self.axes.table(*axis).covers(*better, version));
            if !kept.iter().any(covered) {
                kept.push(version);
            }
        }
        kept
    }

    /// The answer made of the versions that survive all axes.
    fn end(&self, arena: &mut Arena, survivors: Vec<usize>) -> Link {
        let chosen = match self.mode {
            Mode::Latest => survivors.into_iter().take(1).collect(),
            Mode::All => survivors,
            Mode::Legacy => select::legacy_latest(self.catalog, survivors),
            Mode::LegacyAll => select::legacy_all(self.catalog, survivors),
        };
        arena.hits(chosen.into_iter().map(|index| Hit { index, templates: TemplateSelection::All }).collect())
    }
}
