//! An ordinary run: what upstreams list is heard, chosen from, compared with the layer, and fetched.

use super::demands::{Demands, Teller};
use super::facts::{self, Facts, FactsTable, Key};
use super::holdings::Holdings;
use super::index::{self, ToldTable};
use super::listings::{self, Heard, Hindrance, ListedVersions, MOST_DOCUMENTS};
use super::notices;
use super::outcome::{Event, Outcome};
use super::plan::{self, Fetch, Plan, Terms, id};
use super::record::{Counts, Entry, Head, State};
use super::session::{Run, answering, key_of};
use super::wanted::Wanted;
use crate::base::digest::Digest;
use std::collections::{BTreeMap, BTreeSet};

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
            return self.silence();
        };
        let ListedVersions { mut versions, told, hidden, mut conflicts } =
            listings::read(&mut heard, &before, self.request.accept_loss, &mut self.outcome)?;
        let known = facts::read(&self.workshop.folder)?;
        self.keep_of_silent(&mut versions, &known);
        self.outcome.listed = versions.len();
        self.tell_hidden(&known, &hidden);
        let mut facts = facts::merge(known, versions, &hidden);
        for (name, heard) in &mut heard {
            let Some(transport) = self.transports.iter().find(|one| one.name == *name) else { continue };
            heard.listed.service = match heard.is_known || self.is_dry() {
                true => before.upstreams.get(name).and_then(|listed| listed.service.clone()),
                false => listings::service(transport).await,
            };
        }
        let asked = self.ask_for_named(&mut facts, &hidden, &holdings).await?;
        index::learn_bytes(&mut facts, &told);
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
            return self.silence();
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
        let ended = self.fetch_all(&plan.fetch, |key| Demands::of(facts.get(key), Teller::Upstream)).await;
        let ended = ended.and_then(|()| self.silence());
        self.learn_formats(&mut facts);
        self.tell_unfit();
        self.tell_unlisted(&facts);
        conflicts.extend(self.contradictions(&told));
        self.outcome.warnings.extend(conflicts.iter().cloned());
        // Whatever hindered the run, what was done is recorded.
        let mut heads = before.upstreams.clone();
        heads.retain(|name, _| self.silent.contains_key(name));
        heads.extend(heard.into_iter().map(|(name, heard)| (name, heard.listed)));
        let refused = &self.outcome.refused;
        let is_whole = ended.is_ok()
            && self.outcome.failed.is_empty()
            && self.outcome.not_listed.is_empty()
            && refused.iter().all(Event::lasts);
        let refused = if is_whole { refused.clone() } else { Vec::new() };
        let missing = if is_whole { self.outcome.missing.clone() } else { Vec::new() };
        let judged_by = self.record.head.judged_by;
        let mirrored = self.mirrored();
        let is_held = |key: &&Key| mirrored.contains(*key) || self.is_held(key, &holdings);
        self.outcome.held = wanted.versions.keys().filter(is_held).count();
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

    /// What upstreams list; nothing if they have no news and `is_settled`. One that cannot be asked hinders no other.
    async fn hear(&mut self, before: &Head, is_settled: bool) -> Result<Option<Vec<(String, Heard)>>, Hindrance> {
        let mut silent = BTreeMap::new();
        let mut whole = Vec::new();
        // Of those without news all is needed as well, if another one has any.
        for only_news in [true, false].into_iter().filter(|only_news| is_settled || !only_news) {
            for transport in &self.transports {
                let name = &transport.name;
                if silent.contains_key(name) || whole.iter().any(|(heard, _)| heard == name) {
                    continue;
                }
                match listings::hear(transport, before.upstreams.get(name), only_news).await {
                    Ok(heard) => whole.extend(heard.map(|heard| (name.clone(), heard))),
                    Err(Hindrance::Upstream(reason)) => drop(silent.insert(name.clone(), reason)),
                    Err(failed) => return Err(failed),
                }
            }
            if silent.len() == self.transports.len() || (only_news && whole.is_empty()) {
                break;
            }
        }
        // The first one in order stands first.
        whole.sort_by_key(|(name, _)| self.transports.iter().position(|one| one.name == *name));
        self.silent = silent;
        if self.silent.len() == self.transports.len() {
            self.silence()?;
        }
        Ok((!whole.is_empty()).then_some(whole))
    }

    /// Ends a run in which an upstream could not be asked as one that may succeed later.
    fn silence(&self) -> Result<(), Hindrance> {
        // One that stands before others is told first.
        let first = self.transports.iter().find_map(|transport| self.silent.get(&transport.name));
        first.map_or(Ok(()), |reason| Err(Hindrance::Upstream(reason.clone())))
    }

    /// What upstreams listed the last time that cannot be asked now: nobody has taken it back.
    fn keep_of_silent(&self, versions: &mut BTreeMap<Key, Facts>, known: &FactsTable) {
        let place = |name: &str| self.transports.iter().position(|transport| transport.name == name);
        let kept = known.iter().filter(|(_, facts)| facts.listed && self.silent.contains_key(&facts.upstream));
        for (key, facts) in kept {
            if versions.get(key).is_none_or(|other| place(&other.upstream) > place(&facts.upstream)) {
                versions.insert(key.clone(), facts.clone());
            }
        }
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
                Some(_) if entry.state == State::Changed => {
                    (entry.state, entry.changed_to, entry.refusal) = (State::Held, None, None);
                }
                _ => {}
            }
        }
    }

    fn is_held(&self, key: &Key, holdings: &Holdings) -> bool {
        let is_whole = |entry: &Entry| holdings.zips.get(&id(key)).is_some_and(|zip| zip.harm(entry).is_none());
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
        for transport in answering(&self.transports, &self.silent) {
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
