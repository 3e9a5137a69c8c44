//! What selections want of a layer, chosen twice: out of all that upstreams list, and out of what the layer holds. Where the
//! newest version is not held yet, Kibanas get an older one meanwhile, and that must not go.

use crate::config::selection::Selection;
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
    fn add(&mut self, name: &str, choice: Choice) {
        for (key, reasons) in choice.versions {
            let reason = reasons.first().map(|reason| format!("{name}, {reason}")).unwrap_or_else(|| name.to_owned());
            self.versions.entry(key).or_insert(reason);
        }
    }
}

/// Chooses by those rules that take something, and leaves nothing out if a rule that does names what is not there.
fn tolerant(selection: &Selection, candidates: &[Candidate], pins: &[Pin]) -> Choice {
    if let Ok(choice) = choose(selection, candidates, pins) {
        return choice;
    }
    let alone = |take| Selection { take: vec![take], exclude: Vec::new(), ..selection.clone() };
    let of_use = selection.take.iter().filter(|take| choose(&alone((*take).clone()), candidates, &[]).is_ok());
    let less = Selection { take: of_use.cloned().collect(), exclude: Vec::new(), ..selection.clone() };
    choose(&less, candidates, pins).unwrap_or_default()
}
