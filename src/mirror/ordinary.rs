//! An ordinary run: what upstreams list is heard, chosen from, compared with the layer, and fetched.

use super::deliver::Demands;
use super::facts::{self, FactsTable, Key};
use super::holdings::Holdings;
use super::index::ToldTable;
use super::listings::{self, Heard, Hindrance, ListedVersions, MOST_DOCUMENTS};
use super::notices;
use super::outcome::{Event, Outcome};
use super::plan::{self, Fetch, Plan, Terms, id};
use super::record::{Counts, Entry, Head, State};
use super::session::{Run, key_of};
use super::wanted::Wanted;
use crate::base::digest::Digest;
use std::collections::BTreeSet;

impl Run<'_> {
    /// An ordinary run.
    pub(super) async fn listed(&mut self) -> Result<(), Hindrance> {
        let mut holdings = self.holdings()?;
        let policy = self.policy();
        let before = self.record.head.clone();
        let Some(mut heard) = self.hear(&before, self.is_settled(policy, &holdings)).await? else {
            self.outcome.unchanged = true;
            self.tell_counts(before.counts);
            self.count_unwanted();
            (self.outcome.refused, self.outcome.missing) = (before.refused, before.missing);
            self.outcome.warnings.extend(before.conflicts);
            self.tell_changed();
            return Ok(());
        };
        let ListedVersions { versions, told, hidden, mut conflicts } =
            listings::read(&mut heard, &before, self.request.accept_loss, &mut self.outcome)?;
        self.outcome.listed = versions.len();
        let known = facts::read(&self.workshop.folder)?;
        self.tell_hidden(&known, &hidden);
        let mut facts = facts::merge(known, versions, &hidden);
        for (transport, (name, heard)) in self.transports.iter().zip(&mut heard) {
            heard.listed.service = match heard.is_known || self.is_dry() {
                true => before.upstreams.get(name).and_then(|listed| listed.service.clone()),
                false => listings::service(transport).await,
            };
        }
        let asked = self.ask_for_named(&mut facts, &hidden, &holdings).await?;
        let mut wanted = self.choose(&mut facts).await?;
        self.judge_again(&holdings)?;
        self.judge_folders(&mut holdings, &wanted);
        let plan = self.plan(&facts, &wanted, &holdings, &told);
        if self.is_dry() {
            self.take_over(&plan, &wanted);
            conflicts.extend(self.tell_selection(&wanted, &facts, &told));
            self.tell_unfit();
            self.compare_with(&told);
            conflicts.extend(self.contradictions(&told));
            self.outcome.warnings.extend(conflicts);
            self.tell_changed();
            return Ok(());
        }
        self.ask_for_documents(&plan, &asked, &mut facts, &mut wanted, &told).await?;
        facts::write(&self.workshop.folder, &facts)?;
        let plan = self.plan(&facts, &wanted, &holdings, &told);
        self.take_over(&plan, &wanted);
        conflicts.extend(self.tell_selection(&wanted, &facts, &told));
        self.note_events(&plan, &facts);
        self.record.head.settled = false;
        let adopted = self.adopt(&plan, &facts)?;
        self.compare_with(&told);
        let ended = self.fetch_all(&plan.fetch, |key| Demands::of(facts.get(key))).await;
        self.learn_formats(&mut facts);
        self.tell_unfit();
        self.tell_unlisted(&facts);
        conflicts.extend(self.contradictions(&told));
        self.outcome.warnings.extend(conflicts.iter().cloned());
        // Whatever hindered the run, what was done is recorded.
        let heads = heard.into_iter().map(|(name, heard)| (name, heard.listed)).collect();
        let refused = &self.outcome.refused;
        let is_whole = ended.is_ok()
            && self.outcome.failed.is_empty()
            && self.outcome.not_listed.is_empty()
            && refused.iter().all(Event::lasts);
        let refused = if is_whole { refused.clone() } else { Vec::new() };
        let missing = if is_whole { self.outcome.missing.clone() } else { Vec::new() };
        let judged_by = self.record.head.judged_by;
        self.outcome.held = wanted.versions.keys().filter(|key| self.is_held(key, &holdings)).count();
        self.count_kept();
        let Outcome { listed, wanted: count, held, .. } = self.outcome;
        let counts = Some(Counts { listed, wanted: count, held });
        let policy = Some(policy);
        let head = Head { settled: is_whole, policy, judged_by, upstreams: heads, refused, missing, conflicts, counts };
        self.note_reasons(&wanted);
        let kept = self.keep(head, &facts, &adopted);
        ended?;
        kept?;
        self.renew_unwanted(&wanted);
        self.count_unwanted();
        self.tell_changed();
        Ok(())
    }

    /// What upstreams list; nothing if they have no news and `is_settled`.
    async fn hear(&self, before: &Head, is_settled: bool) -> Result<Option<Vec<(String, Heard)>>, Hindrance> {
        let mut heard = Vec::new();
        for transport in &self.transports {
            heard.push(listings::hear(transport, before.upstreams.get(&transport.name), is_settled).await?);
        }
        if is_settled && heard.iter().all(Option::is_none) {
            return Ok(None);
        }
        // Of those without news all is needed as well.
        let mut whole = Vec::new();
        for (transport, heard) in self.transports.iter().zip(heard) {
            let name = transport.name.clone();
            let heard = match heard {
                None => listings::hear(transport, before.upstreams.get(&name), false).await?,
                heard => heard,
            };
            whole.extend(heard.map(|heard| (name, heard)));
        }
        Ok(Some(whole))
    }

    /// Compares what is held with what indexes tell. That one tells other bytes is an event, and no byte is fetched.
    fn compare_with(&mut self, told: &ToldTable) {
        for (key, entry) in self.record.versions.iter_mut().filter(|(_, entry)| entry.is_held()) {
            let Some(told) = told.get(key).filter(|told| entry.upstream.as_ref() == Some(&told.upstream)) else {
                continue;
            };
            match entry.sha256 {
                Some(held) if held != told.sha256 => {
                    (entry.state, entry.changed_to) = (State::Changed, Some(told.sha256));
                }
                Some(_) if entry.state == State::Changed => (entry.state, entry.changed_to) = (State::Held, None),
                _ => {}
            }
        }
    }

    fn is_held(&self, key: &Key, holdings: &Holdings) -> bool {
        // What came in this run did not lie there before.
        let is_whole = |entry: &Entry| holdings.zips.get(&id(key)).is_none_or(|zip| zip.harm(entry).is_none());
        let entry = self.record.versions.get(key).filter(|entry| entry.is_held());
        entry.is_some_and(is_whole) || holdings.folders.contains(&id(key))
    }

    /// True if the last run ended with all that is wanted, and the layer still holds it.
    fn is_settled(&self, policy: Digest, holdings: &Holdings) -> bool {
        let Head { settled, policy: before, .. } = &self.record.head;
        let wants_signatures = self.site.trust.wants_signatures();
        let is_here = |key: &Key, entry: &Entry| match holdings.zips.get(&id(key)) {
            Some(zip) => zip.harm(entry).is_none() && !(wants_signatures && zip.has_lost_signature(entry)),
            None => holdings.taken_out.contains(&id(key)),
        };
        let mut held = self.record.versions.iter().filter(|(_, entry)| entry.is_held());
        let mut refusals = self.record.versions.values().filter_map(|entry| entry.refusal.as_ref());
        refusals.all(|refusal| refusal.rests(self.request.now))
            && *settled
            && notices::are_written(&self.workshop.folder)
            && *before == Some(policy)
            && held.all(|(key, entry)| is_here(key, entry))
    }

    pub(super) fn plan(&self, facts: &FactsTable, wanted: &Wanted, holdings: &Holdings, told: &ToldTable) -> Plan {
        let terms = Terms {
            wants_signatures: self.site.trust.wants_signatures(),
            needs_signatures: self.site.trust.needs_signatures(),
            is_named: self.request.only.iter().any(|only| only.version.is_some()),
            tries_again: !self.request.only.is_empty(),
            trust: self.judgement(),
            now: self.request.now,
            told,
        };
        plan::plan(facts, wanted, &self.record, holdings, &terms)
    }

    async fn ask_for_documents(
        &mut self,
        plan: &Plan,
        asked: &BTreeSet<Key>,
        facts: &mut FactsTable,
        wanted: &mut Wanted,
        told: &ToldTable,
    ) -> Result<(), Hindrance> {
        // What a document told may be why the version was refused, and it may have been mended.
        let planned = plan.fetch.iter().filter_map(key_of).chain(plan.adopt.iter().map(|(key, _)| key.clone()));
        for key in planned.filter(|key| !asked.contains(key)) {
            let is_refused = self.record.versions.get(&key).is_some_and(|entry| entry.state == State::Refused);
            if let Some(facts) = facts.get_mut(&key).filter(|_| is_refused) {
                facts.format_version = None;
            }
        }
        for transport in &self.transports {
            let is_new = |fetch: &&Fetch| fetch.upstream == transport.name && !fetch.only_signature;
            let keys = plan.fetch.iter().filter(is_new).filter_map(key_of);
            let unknown = |key: &Key| facts.get(key).is_some_and(|facts| facts.format_version.is_none());
            // Whose bytes are known needs no promise about its format.
            let new: Vec<_> = keys.filter(|key| unknown(key) && !told.contains_key(key)).collect();
            // Of many their zips tell.
            if new.len() > MOST_DOCUMENTS {
                continue;
            }
            let wrong = listings::documents(transport, &new, facts, &mut self.outcome).await?;
            for key in wrong {
                wanted.versions.remove(&key);
            }
        }
        Ok(())
    }

    /// What the manifests of zips said of their format, for facts that nobody told.
    fn learn_formats(&self, facts: &mut FactsTable) {
        for (key, entry) in &self.record.versions {
            if let (Some(facts), Some(format_version)) = (facts.get_mut(key), &entry.format_version) {
                facts.format_version.get_or_insert_with(|| format_version.clone());
            }
        }
    }
}
