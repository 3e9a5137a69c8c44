//! What selections want of a layer, chosen twice: out of all that upstreams list, and out of what the layer holds. Where the
//! newest version is not held yet, Kibanas get an older one meanwhile, and that must not go.

use crate::config::selection::Selection;
use crate::mirror::{FactsTable, MirroredVersion};
use crate::select::{Candidate, Choice, Key, Pin, choose};
use anyhow::{Context, Result};
use std::collections::BTreeMap;

/// What selections want, each version with the first reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// By version.
    pub versions: BTreeMap<Key, String>,
}

/// Chooses by the selection of the layer, and by those of distributions that publish it; each has a name.
///
/// # Errors
/// When a rule of the layer's own selection takes nothing, or facts cannot be read.
pub fn wanted(
    own: (&str, &Selection),
    published_by: &[(&str, &Selection)],
    facts: &FactsTable,
    held: &BTreeMap<Key, MirroredVersion>,
    pins: &[Pin],
) -> Result<Selected> {
    let known = facts.iter().filter(|(key, facts)| facts.listed || held.contains_key(*key));
    let candidates = known.map(|((name, version), facts)| {
        let (format, license) = (facts.format_version.as_deref(), facts.license.as_deref());
        Candidate::of_item(&facts.item, name, version, format, license)
    });
    let all = candidates.collect::<Result<Vec<_>>>()?;
    let is_held = |one: &&Candidate| held.contains_key(&(one.facts.name.clone(), one.facts.version.clone()));
    let here: Vec<_> = all.iter().filter(is_held).cloned().collect();
    let mut selected = Selected::default();
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
