//! The history of a package: what each generation that is kept changed about it.
//!
//! Generations are listed in the order in which they were put into use; one that came back stands twice. Knows nothing of how
//! it is printed.

use crate::compare::diff::{Changed, Diff, Id, Moved, Side, compare};
use crate::compare::holdings::Holdings;
use crate::generation::distribution::{Distribution, with_remedy};
use anyhow::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The changes that a generation brought when it was put into use.
#[derive(Debug, Serialize)]
pub struct Step {
    /// Name of the generation.
    pub generation: String,
    /// True if it is in use.
    pub in_use: bool,
    /// Names of the releases that are this generation.
    pub releases: Vec<String>,
    /// Versions that the generation before did not have; all versions for the first one.
    pub added: Vec<Id>,
    /// Versions that only the generation before had.
    pub removed: Vec<Id>,
    /// Versions with other files.
    pub changed: Vec<Changed>,
    /// Versions that come from another layer.
    pub moved: Vec<Moved>,
}

/// The versions of the package in a release.
#[derive(Debug, Serialize)]
pub struct InRelease {
    /// Name of the release.
    pub release: String,
    /// Name of the release's generation.
    pub generation: String,
    /// Versions, ascending.
    pub versions: Vec<String>,
}

/// The history of a package in one distribution.
#[derive(Debug, Serialize)]
pub struct PackageHistory {
    /// Name of the distribution.
    pub distribution: String,
    /// Name of the package.
    pub name: String,
    /// Number of generations that were read.
    pub generations: usize,
    /// The generations that changed something, in the order in which they were put into use.
    pub steps: Vec<Step>,
    /// The releases that hold it, by version.
    pub releases: Vec<InRelease>,
    /// Names of all packages, to say what may have been meant.
    #[serde(skip)]
    pub known: BTreeSet<String>,
}

impl PackageHistory {
    /// Returns true if no generation or release that is kept has the package.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.releases.is_empty()
    }

    /// Reads all generations that are kept.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn read(distribution: &Distribution, name: &str) -> Result<Self> {
        let releases = distribution.releases()?;
        let ids = distribution.generations()?;
        let mut known = BTreeSet::new();
        let mut sides = BTreeMap::new();
        for id in &ids {
            let mut holdings = Holdings::of_generation(&distribution.generation(id)).map_err(with_remedy)?;
            known.extend(holdings.versions.keys().map(|(name, _)| name.clone()));
            holdings.versions.retain(|(held, _), _| held == name);
            sides.insert(id.clone(), Side { holdings, ..Side::default() });
        }
        let mut used = distribution.used();
        used.retain(|id| sides.contains_key(id));
        used.dedup();
        let current = distribution.current();
        let (mut steps, nothing) = (Vec::new(), Side::default());
        let mut before = &nothing;
        let last_use: BTreeMap<&String, usize> = used.iter().enumerate().map(|(at, id)| (id, at)).collect();
        for (at, id) in used.iter().enumerate() {
            let Diff { added, removed, changed, moved, .. } = compare(before, &sides[id])?;
            before = &sides[id];
            let is_last = last_use.get(id) == Some(&at);
            if [added.len(), removed.len(), changed.len(), moved.len()] != [0; 4] {
                let named = releases.iter().filter(|release| release.generation == *id);
                steps.push(Step {
                    generation: id.clone(),
                    in_use: is_last && current.as_ref() == Some(id),
                    releases: named.map(|release| release.name.clone()).collect(),
                    added,
                    removed,
                    changed,
                    moved,
                });
            }
        }
        let held = |release: crate::generation::release::Release| {
            let versions: Vec<_> = sides
                .get(&release.generation)?
                .holdings
                .versions
                .keys()
                .map(|(_, version)| version.to_string())
                .collect();
            (!versions.is_empty()).then_some(InRelease {
                release: release.name,
                generation: release.generation,
                versions,
            })
        };
        Ok(Self {
            distribution: distribution.name(),
            name: name.to_owned(),
            generations: ids.len(),
            steps,
            releases: releases.into_iter().filter_map(held).collect(),
            known,
        })
    }
}
