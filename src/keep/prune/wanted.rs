//! What selections want of a layer, chosen twice: out of all that upstreams list, and out of what the layer holds. Where the
//! newest version is not held yet, Kibanas get an older one meanwhile, and that must not go.

use crate::config::selection::{Exclude, Selection, Take};
use crate::mirror::MirroredVersion;
use crate::select::{Candidate, Choice, Key, Pin, choose};
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

/// Chooses by the selection of the layer, and by those of distributions that publish it; each has a name.
///
/// # Errors
/// When a rule of the layer's own selection takes nothing.
pub fn wanted(
    own: &(String, Selection),
    published_by: &[(String, Selection)],
    all: Vec<Candidate>,
    held: &BTreeMap<Key, MirroredVersion>,
    pins: &[Pin],
) -> Result<Selected> {
    let key = |one: &Candidate| (one.facts.name.clone(), one.facts.version.clone());
    let here: Vec<_> = all.iter().filter(|one| held.contains_key(&key(one))).cloned().collect();
    let mut selected = Selected { judged: all.iter().map(key).collect(), ..Selected::default() };
    let (name, selection) = own;
    let choice = choose(selection, &all, pins).with_context(|| format!("selection `{name}` cannot be used"))?;
    selected.add(name, choice);
    selected.add(name, tolerant(selection, &here, pins));
    for (name, selection) in published_by {
        // A distribution has other layers, of which its rules may speak.
        selected.add(name, tolerant(selection, &all, pins));
        selected.add(name, tolerant(selection, &here, pins));
    }
    Ok(selected)
}

impl Selected {
    /// Adds what is chosen in another way.
    pub fn extend(&mut self, other: Self) {
        for (key, reason) in other.versions {
            self.versions.entry(key).or_insert(reason);
        }
        self.judged.extend(other.judged);
    }

    /// Adds everything, for a distribution that publishes all that its layers hold.
    pub fn add_all(&mut self, distribution: &str) {
        for key in &self.judged {
            let reason = || format!("distribution {distribution} has no selection, and publishes everything");
            self.versions.entry(key.clone()).or_insert_with(reason);
        }
    }

    fn add(&mut self, name: &str, choice: Choice) {
        for (key, reasons) in choice.versions {
            let reason = reasons.first().map(|reason| format!("{name}, {reason}")).unwrap_or_else(|| name.to_owned());
            self.versions.entry(key).or_insert(reason);
        }
    }
}

/// Chooses by those rules that take something. A rule of `exclude` that names what is not there leaves nothing out.
fn tolerant(selection: &Selection, candidates: &[Candidate], pins: &[Pin]) -> Choice {
    if let Ok(choice) = choose(selection, candidates, pins) {
        return choice;
    }
    let is_of_use = |take: Vec<Take>, exclude: Vec<Exclude>| {
        choose(&Selection { take, exclude, ..selection.clone() }, candidates, &[]).is_ok()
    };
    let take: Vec<_> =
        selection.take.iter().filter(|rule| is_of_use(vec![(*rule).clone()], Vec::new())).cloned().collect();
    let exclude = selection.exclude.iter().filter(|rule| is_of_use(take.clone(), vec![(*rule).clone()]));
    let less = Selection { exclude: exclude.cloned().collect(), take: take.clone(), ..selection.clone() };
    choose(&less, candidates, pins).unwrap_or_default()
}
