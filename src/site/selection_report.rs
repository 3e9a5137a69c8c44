//! What a report says of the selection of a distribution: what is held and not published, and why.

use crate::catalog::merge::Selected;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Versions, losses and warnings that are listed; the counts are of all.
const MOST_LISTED: usize = 1000;

/// What a selection leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectionReport {
    /// Name of the selection.
    pub name: String,
    /// Versions that are held and left out.
    pub left_out: usize,
    /// Bytes of their archives.
    pub bytes: u64,
    /// Names of packages of which nothing is published.
    pub names: usize,
    /// How many there are of each kind of reason: `no_rule`, `excluded`, `no_kibana`, `prerelease`, `older`, `not_admitted`.
    pub reasons: BTreeMap<String, usize>,
    /// The first thousand of them.
    pub versions: Vec<LeftOutReport>,
    /// What Kibanas of the selection get less because it says so, in words; at most a thousand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<String>,
    /// What is odd about it, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A version that is held and left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOutReport {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: String,
    /// The layer that holds it.
    pub layer: String,
    /// Why it is left out, in one line.
    pub reason: String,
}

impl SelectionReport {
    /// Draws it up; `published` are the names that the catalog still has.
    pub(super) fn of(selected: &Selected, published: &BTreeSet<&str>) -> Self {
        let mut reasons = BTreeMap::new();
        for one in &selected.left_out {
            *reasons.entry(one.kind.to_owned()).or_default() += 1;
        }
        let left_out = selected.left_out.iter();
        let names: BTreeSet<&str> = left_out.clone().map(|one| one.entry.record.facts.name.as_str()).collect();
        let listed = left_out.clone().take(MOST_LISTED).map(|one| LeftOutReport {
            name: one.entry.record.facts.name.clone(),
            version: one.entry.record.facts.version.to_string(),
            layer: one.entry.layer.clone(),
            reason: one.reason.clone(),
        });
        Self {
            name: selected.name.clone(),
            left_out: selected.left_out.len(),
            bytes: left_out.clone().map(|one| one.entry.record.archive.size).sum(),
            names: names.difference(published).count(),
            reasons,
            versions: listed.collect(),
            losses: selected.losses.iter().take(MOST_LISTED).cloned().collect(),
            warnings: selected.warnings.iter().take(MOST_LISTED).cloned().collect(),
        }
    }
}
