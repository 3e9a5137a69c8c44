//! What selections want of a layer, chosen more than once: out of all that upstreams list, and out of what layers hold. Where
//! the newest version is not held yet, Kibanas get an older one meanwhile, and that must not go.

use super::publisher::Publisher;
use crate::config::selection::Selection;
use crate::mirror::MirroredVersion;
use crate::select::{Candidate, Choice, Key, Pin, choose_leniently, choose_strictly};
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// What selections want, each version with the first reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// By version.
    pub versions: BTreeMap<Key, String>,
    /// All versions that could be chosen; of any other nothing is known.
    pub judged: BTreeSet<Key>,
}

/// Chooses by the selection of the layer, which has a name.
///
/// # Errors
/// When a rule, or a query of a file, takes nothing.
pub fn wanted(
    (name, selection): &(String, Selection),
    all: &[Candidate],
    held: &BTreeMap<Key, MirroredVersion>,
    pins: &[Pin],
) -> Result<Selected> {
    let here: Vec<_> = all.iter().filter(|one| held.contains_key(&one.facts.key())).cloned().collect();
    let mut selected = Selected { judged: all.iter().map(|one| one.facts.key()).collect(), ..Selected::default() };
    let choice = choose_strictly(selection, all, pins);
    let choice = choice.with_context(|| format!("selection `{name}` cannot be used"))?;
    selected.add(name, choice);
    selected.add(name, choose_leniently(selection, &here, pins));
    Ok(selected)
}

/// The reason for what a distribution without a selection publishes.
pub fn publishes_all(distribution: &str) -> String {
    format!("distribution {distribution} has no selection, and publishes everything")
}

/// Overrides may come and go, so what they leave out stays.
fn without_overrides(reason: &str) -> String {
    format!("{reason}, if no override changed it")
}

impl Selected {
    /// Adds what is chosen if no override changes anything.
    pub fn extend_without_overrides(&mut self, other: Self) {
        for (key, reason) in other.versions {
            self.versions.entry(key).or_insert_with(|| without_overrides(&reason));
        }
        self.judged.extend(other.judged);
    }

    /// Adds everything, for a distribution that publishes all that its layers hold.
    pub fn add_all(&mut self, distribution: &str) {
        for key in &self.judged {
            self.versions.entry(key.clone()).or_insert_with(|| publishes_all(distribution));
        }
    }

    /// Adds what a distribution publishes of a layer, with overrides or if none changes anything.
    pub fn add_published(&mut self, publisher: &Publisher, layer: &str, with_overrides: bool) {
        for (key, reason) in publisher.takes_of(layer) {
            let reason = if with_overrides { reason } else { without_overrides(&reason) };
            self.versions.entry(key).or_insert(reason);
        }
    }

    fn add(&mut self, name: &str, choice: Choice) {
        for (key, reasons) in choice.versions {
            let reason = reasons.first().map(|reason| format!("{name}, {reason}")).unwrap_or_else(|| name.to_owned());
            self.versions.entry(key).or_insert(reason);
        }
    }
}
