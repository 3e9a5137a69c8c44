//! What a run says of its layer's selection: what it saves, and what it costs.

use super::deliver::said;
use super::facts::FactsTable;
use super::index::ToldTable;
use super::listings::Hindrance;
use super::outcome::{Event, SelectionOutcome};
use super::session::Run;
use super::unwanted::Failure;
use super::wanted::{Wanted, candidates};
use crate::base::time;
use crate::select::{Choice, Key, Pin, seen_less_outside};
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

impl Run<'_> {
    /// Tells what the selection gives, and what sites have installed and nobody has. Returns what hinders nothing and is to be
    /// told as long as nothing changes.
    #[must_use]
    pub(super) fn tell_selection(&mut self, wanted: &Wanted, facts: &FactsTable, told: &ToldTable) -> Vec<Event> {
        for (key, sites) in Pin::by_version(&wanted.missing) {
            let (what, (name, version)) = (said(&key), &key);
            // Of what could not be asked for nobody knows.
            if self.outcome.refused.iter().chain(&self.outcome.failed).any(|event| event.what == what) {
                continue;
            }
            let why = if self.is_out(&key) {
                format!(
                    "it is {sites}, and was removed from the layer\n\
                     hint: --only {name}@{version} brings it back; or remove it at the site and import the keep file anew"
                )
            } else {
                format!(
                    "it is {sites}, and nobody has it: not upstream, not held\n\
                     hint: add it to the layer from where the site has it, or remove it there and import the keep file anew"
                )
            };
            self.outcome.missing.push(Event::new(what, why, None));
        }
        for ((name, version), reasons) in &wanted.removed {
            let why = format!(
                "it is wanted ({}), and was removed from the layer\n\
                 hint: --only {name}@{version} brings it back; or take it out of the selection",
                reasons.join("; ")
            );
            self.outcome.missing.push(Event::new(format!("{name} {version}"), why, None));
        }
        let mut lasting = Vec::new();
        for ((name, version), why) in &wanted.unread {
            lasting.push(Event::new(format!("{name} {version}"), why.clone(), None));
        }
        for ((name, version), given) in &wanted.withdrawn {
            let why = format!(
                "no upstream gives it any more, and builds of this layer offer it still, in place of {given}\n\
                 hint: an override of the layer with `hide: yes` gives {given}, and {version} to nobody but who has it installed"
            );
            lasting.push(Event::new(format!("{name} {version}"), why, None));
        }
        let (Some(choice), Some(selection)) = (&wanted.choice, self.wants.selection()) else { return lasting };
        let warnings =
            choice.warnings.iter().map(|words| Event::new(format!("selection `{}`", selection.name), words, None));
        lasting.extend(warnings);
        let outside = if self.outcome.dry_run {
            let is_held = |key: &Key| self.holds(key);
            let mut candidates = candidates(facts, &is_held, &self.wants.overrides, &mut Vec::new());
            candidates.retain(|one| !self.is_out(&one.facts.key()));
            seen_less_outside(&selection.selection, &candidates, choice)
        } else {
            Vec::new()
        };
        self.outcome.selection = Some(SelectionOutcome { outside, ..saved(&selection.name, choice, facts, told) });
        lasting
    }

    /// Writes into the record why versions are held.
    pub(super) fn note_reasons(&mut self, wanted: &Wanted) {
        if !self.request.only.is_empty() {
            return;
        }
        for (key, entry) in self.record.versions.iter_mut().filter(|(_, entry)| entry.is_held()) {
            entry.wanted = wanted.want(key).map(|want| want.reasons.clone()).unwrap_or_default();
        }
    }

    /// Brings up to date since when versions are held that are not wanted. A run on named versions wants no others, which says
    /// nothing.
    pub(super) fn renew_unwanted(&mut self, wanted: &Wanted) {
        if !self.request.only.is_empty() {
            return;
        }
        let held = self.record.versions.iter().filter(|(_, entry)| entry.is_held()).map(|(key, _)| key);
        self.unwanted.renew(held, |key| wanted.wants(key), self.request.now);
    }

    /// Notes what is not wanted, and whether upstreams could be reached: nobody is to decide what is of no use by an old
    /// listing. A run that failed on this machine says nothing of either.
    pub(super) fn note_ending(&mut self, ended: &Result<(), Hindrance>) -> Result<()> {
        self.unwanted.failure = match ended {
            Err(Hindrance::Upstream(why)) => Some(Failure { time: time::rfc3339(self.request.now), why: why.clone() }),
            Err(Hindrance::Failed(_)) => return Ok(()),
            Ok(()) => None,
        };
        self.unwanted.write(&self.workshop.folder)
    }

    /// Counts what is held and not wanted.
    pub(super) fn count_unwanted(&mut self) {
        let entries = self.unwanted.since.keys().filter_map(|key| self.record.versions.get(key));
        let held = entries.filter(|entry| entry.is_held());
        let (count, bytes) =
            held.fold((0, 0), |(count, bytes), entry| (count + 1, bytes + entry.size.unwrap_or_default()));
        (self.outcome.unwanted, self.outcome.unwanted_bytes) = (count, bytes);
    }
}

/// What a selection leaves out of all that is listed.
fn saved(name: &str, choice: &Choice, facts: &FactsTable, told: &ToldTable) -> SelectionOutcome {
    let is_listed = |key: &Key| facts.get(key).is_some_and(|facts| facts.listed);
    let left_out: Vec<_> = choice.left_out.iter().filter(|(key, _)| is_listed(key)).collect();
    let size = |key: &Key| told.get(key).map(|told| told.size).or_else(|| facts.get(key)?.bytes);
    let sizes: Vec<Option<u64>> = left_out.iter().map(|(key, _)| size(key)).collect();
    let mut reasons = BTreeMap::new();
    left_out.iter().for_each(|(_, why)| *reasons.entry(why.kind().to_owned()).or_default() += 1);
    let taken: BTreeSet<&str> = choice.versions.keys().map(|(name, _)| name.as_str()).collect();
    let names: BTreeSet<&str> = left_out.iter().map(|((name, _), _)| name.as_str()).collect();
    SelectionOutcome {
        name: name.to_owned(),
        left_out: left_out.len(),
        bytes: sizes.iter().flatten().sum(),
        are_bytes_known: sizes.iter().all(Option::is_some),
        names: names.difference(&taken).count(),
        reasons,
        rules: choice.rules.clone(),
        causes: choice.causes(),
        several: choice.several(),
        losses: choice.losses.clone(),
        outside: Vec::new(),
    }
}
