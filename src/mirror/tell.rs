//! What a run tells of its plan and of what happened upstream, and notes of it in the record.

use super::aside;
use super::deliver::{first_line, said};
use super::facts::{Facts, FactsTable, Hidden, Key};
use super::index::{self, ToldTable};
use super::outcome::Event;
use super::place;
use super::plan::Plan;
use super::record::{Entry, State};
use super::session::{self, Run, key_of};
use super::wanted::Wanted;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::config::layer::Policy;

/// Why a version without a signature is not fetched at all, where the layer requires one.
pub(super) const UNSIGNED: &str = "it has no signature, and the layer requires one\n\
                                   hint: ask who publishes it for signatures; `signatures: verify` of the layer takes what has none";

impl Run<'_> {
    /// Tells what is planned, and what is not to be had.
    pub(super) fn take_over(&mut self, plan: &Plan, wanted: &Wanted) {
        let outcome = &mut self.outcome;
        outcome.wanted = wanted.versions.len();
        outcome.plan = plan.fetch.clone();
        let missing = plan.fetch.iter().filter(|fetch| !fetch.only_signature).count();
        let missing = missing + plan.later.len() + plan.changed.len() + plan.unsigned.len();
        let damaged = plan.damaged.iter().filter(|(key, _)| wanted.versions.contains_key(key)).count();
        outcome.held = wanted.versions.len().saturating_sub(missing + damaged);
        let unsigned = plan.unsigned.iter().map(|(key, _)| Event::new(said(key), UNSIGNED, None).lasting());
        outcome.refused.extend(unsigned);
        for (key, why) in &plan.later {
            let again = format!("`epr-build mirror {} --only {}@{}`", outcome.layer, key.0, key.1);
            let hint = format!("hint: it is tried again in a day, or by {again}");
            outcome
                .refused
                .push(Event::new(said(key), format!("it was refused before: {why}\n{hint}"), None).lasting());
        }
        // Who only looks is told what the next run will try once more.
        let again = if outcome.dry_run { plan.fetch.as_slice() } else { &[] };
        for fetch in again.iter().filter(|fetch| fetch.again) {
            let known = key_of(fetch).and_then(|key| self.record.versions.get(&key));
            let why = known.map(|entry| entry.reasons.join("; ")).unwrap_or_default();
            let why = format!("it was refused before, and is tried again: {why}");
            outcome.refused.push(Event::new(format!("{} {}", fetch.name, fetch.version), why, None));
        }
        outcome.gone = plan.gone.iter().map(said).collect();
        outcome.back = plan.back.iter().map(said).collect();
        outcome.not_listed.extend(wanted.vain.iter().map(|words| Event::new("--only", words.clone(), None)));
        for (key, why) in plan.damaged.iter().chain(&plan.bared) {
            outcome.refused.push(Event::new(said(key), why.clone(), None));
        }
        for key in &plan.lost {
            let why = "it was held, lies no more in the layer, and no upstream lists it any more\n\
                       hint: put it back from a backup";
            outcome.refused.push(Event::new(said(key), why, None));
        }
    }

    /// What happened upstream, in the record.
    pub(super) fn note_events(&mut self, plan: &Plan, facts: &FactsTable) {
        for (keys, state) in [(&plan.gone, State::GoneUpstream), (&plan.back, State::Held)] {
            for key in keys {
                if let Some(entry) = self.record.versions.get_mut(key) {
                    entry.state = state;
                }
            }
        }
        for key in &plan.taken_out {
            self.record.versions.remove(key);
        }
        // What was refused and is given no more is nobody's business.
        let is_given = |key: &Key| facts.get(key).is_some_and(Facts::is_given);
        self.record.versions.retain(|key, entry| entry.is_held() || is_given(key));
        // Nothing is asked for, so nothing rests.
        for (key, upstream) in &plan.unsigned {
            let before = self.record.versions.get(key).map(|entry| entry.first_seen.clone());
            let first_seen = before.unwrap_or_else(|| self.site.now.clone());
            let entry = session::refused(upstream, first_line(UNSIGNED), first_seen);
            self.record.versions.insert(key.clone(), entry);
        }
    }

    /// Versions of the record that an upstream gives with other bytes, until somebody decides.
    pub(super) fn tell_changed(&mut self) {
        let changed = self.record.versions.iter().filter(|(_, entry)| entry.state == State::Changed);
        let events: Vec<_> = changed.map(|(key, entry)| self.changed_event(key, entry)).collect();
        self.outcome.changed = events;
    }

    /// True if a person may decide that a version gets other bytes.
    pub(super) fn allows_change(&self) -> bool {
        let rules = &self.request.layer.rules;
        !rules.immutable && rules.policies(&self.outcome.layer).0 != Policy::Refuse
    }

    fn changed_event(&self, key: &Key, entry: &Entry) -> Event {
        let (layer, version) = (&self.outcome.layer, format!("{}@{}", key.0, key.1));
        let short = |digest: Option<Digest>| digest.map(|digest| digest.short(16)).unwrap_or_default();
        let to = entry.changed_to.map(|digest| digest.to_string()).unwrap_or_default();
        let aside = aside::path(&self.workshop.changed(), key, &to);
        let is_here = fs::link_metadata(&aside).is_ok();
        let held = entry.path.clone().unwrap_or_else(|| place::usual(key));
        let is_held = fs::link_metadata(&self.workshop.root.join(held)).is_ok();
        let stays = if is_held { "held is" } else { "recorded is" };
        let then = if is_held {
            "what is held stays"
        } else {
            "it lies no more in the layer, and nothing else takes its place"
        };
        let back = if is_held { "" } else { "put the zip back from a backup; or " };
        let hint = match (is_here, self.allows_change()) {
            (true, true) => {
                format!(
                    "{back}compare the two; `epr-build mirror {layer} --accept-changed {version} --reason WHY` takes the new one"
                )
            }
            (false, true) => {
                format!(
                    "{back}`epr-build mirror {layer} --audit --only {version}` fetches the new one and lays it aside"
                )
            }
            (_, false) if is_held => {
                format!("layer `{layer}` lets no version be overwritten; ask the publisher why it changed")
            }
            (_, false) => format!("put the zip back from a backup; layer `{layer}` lets no version be overwritten"),
        };
        let why = format!(
            "the upstream gives other bytes under this version now: {}…, {stays} {}…; {then}\nhint: {hint}",
            short(entry.changed_to),
            short(entry.sha256)
        );
        Event::new(said(key), why, is_here.then(|| aside.display().to_string()))
    }

    /// What is to be said where another upstream than the one that gave a version tells other bytes of it.
    pub(super) fn contradictions(&self, told: &ToldTable) -> Vec<Event> {
        let held = self.record.versions.iter().filter(|(_, entry)| entry.is_held());
        held.filter_map(|(key, entry)| index::contradiction(key, entry, told.get(key)?)).collect()
    }

    /// Tells once which versions that are held an upstream has begun to hide.
    pub(super) fn tell_hidden(&mut self, known: &FactsTable, hidden: &Hidden) {
        for (key, upstream) in &hidden.versions {
            let is_held = self.record.versions.get(key).is_some_and(Entry::is_held);
            let is_listed = known.get(key).is_some_and(|facts| facts.listed);
            if is_held && is_listed && self.is_offered(key) {
                let why =
                    format!("upstream {upstream} hides it now; it is kept, and builds of this layer offer it still");
                self.warn_of_offer(key, why);
            }
        }
    }

    /// Tells once which versions came that no listing has: a build offers what its layer holds.
    pub(super) fn tell_unlisted(&mut self, facts: &FactsTable) {
        self.tell_offered(&self.mirrored(), facts);
    }

    /// Tells which of some versions no listing has and a build offers.
    pub(super) fn tell_offered<'k>(&mut self, keys: impl IntoIterator<Item = &'k Key>, facts: &FactsTable) {
        for key in keys {
            let Some(facts) = facts.get(key).filter(|facts| facts.hidden) else { continue };
            if self.is_offered(key) {
                let upstream = &facts.upstream;
                let why = format!(
                    "upstream {upstream} does not list it and gives it by name; builds of this layer offer it to every Kibana \
                     that accepts it"
                );
                self.warn_of_offer(key, why);
            }
        }
    }

    fn warn_of_offer(&mut self, key: &Key, why: String) {
        let hint = "hint: an override of the layer with `hide: yes` gives it to nobody but who has it installed";
        self.outcome.warnings.push(Event::new(said(key), format!("{why}\n{hint}"), None));
    }

    /// Returns true if no override of the layer hides a version.
    fn is_offered(&self, key: &Key) -> bool {
        let config = &self.request.settings.config;
        let overrides = config.layers.get(&self.outcome.layer).map_or(&[][..], |layer| &layer.overrides);
        !overrides.iter().any(|rule| rule.hide && rule.meets(&key.0, &key.1))
    }
}
