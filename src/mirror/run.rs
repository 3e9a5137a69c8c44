//! One run: from listings to a layer that holds what is wanted, with the record of it.

use super::deliver::{Demands, Site, said};
use super::facts::{self, FactsTable, Key};
use super::fingerprints::Fingerprints;
use super::group::Groups;
use super::index::{self, ToldTable};
use super::listings::{self, Heard, Hindrance, MOST_DOCUMENTS};
use super::outcome::{Event, Outcome};
use super::plan::{self, Fetch, Holdings, Plan, Terms, id};
use super::record::{Counts, Entry, Head, Journal, State};
use super::session::{Mode, Request, Run, key_of};
use super::transport::Transport;
use super::trust::Trust;
use super::unwanted::Unwanted;
use super::wanted::{Wanted, Wants};
use super::workshop::Workshop;
use super::{accept, audit, notices, saved};
use crate::base::digest::Digest;
use crate::base::progress::Progress;
use crate::base::time;
use crate::config::upstream::Upstream;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Semaphore;

/// Runs on one layer.
///
/// # Errors
/// When this machine fails, another command is at work, the configuration is wrong, or a listing lost most of its versions.
/// What an upstream does wrong is in the outcome.
pub fn mirror(request: &Request<'_>, progress: &Progress) -> Result<Outcome> {
    let layer = &request.layer.source.name;
    let trust = Trust::of(layer, &request.layer.rules, request.now)?;
    let wants = wants(request)?;
    let transports = upstreams(request)?;
    let transports = transports.iter().map(|(name, upstream)| Transport::new(name, upstream, request.gates));
    let mut transports = transports.collect::<Result<Vec<_>>>()?;
    let writes = !matches!(request.mode, Mode::DryRun | Mode::Offline);
    let workshop = Workshop::open(request.layer, writes)?;
    if writes {
        // Modes of files must not depend on the umask of whoever runs this.
        rustix::process::umask(rustix::fs::Mode::empty());
    }
    let (record, accepted, interrupted) = accept::recover(&workshop)?;
    let fingerprints = Fingerprints::read(&workshop.folder)?;
    let chooses = matches!(request.mode, Mode::Fetch | Mode::DryRun);
    let unwanted = if chooses { Unwanted::read(&workshop.folder)? } else { Unwanted::default() };
    let asks = !matches!(request.mode, Mode::Offline | Mode::Accept { .. } | Mode::Audit { offline: true, .. });
    if asks {
        saved::open(&mut transports, &workshop, &request.settings.config.limits, writes, progress)?;
    }
    let site = Arc::new(Site {
        layer: layer.clone(),
        root: workshop.root.clone(),
        partial: workshop.partial(),
        limits: request.settings.config.limits,
        trust,
        groups: Groups::new(workshop.root.clone(), Journal::of(&workshop.folder)),
        checks: Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)),
        now: time::rfc3339(request.now),
        is_over: AtomicBool::new(false),
    });
    let dry_run = matches!(request.mode, Mode::DryRun);
    let accepted = accepted.iter().map(said).collect();
    let warnings = interrupted.into_iter().collect();
    let outcome = Outcome { layer: layer.clone(), dry_run, accepted, warnings, ..Outcome::default() };
    let mut run = Run { request, workshop, site, transports, wants, record, unwanted, outcome, progress, fingerprints };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("cannot start the requests")?;
    let ended = runtime.block_on(run.go());
    progress.finish();
    let traffic = run.transports.iter().map(Transport::traffic);
    (run.outcome.requests, run.outcome.bytes) = traffic.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if matches!(request.mode, Mode::Fetch) {
        run.note_ending(&ended)?;
    }
    match ended {
        Ok(()) => {}
        Err(Hindrance::Upstream(reason)) => run.outcome.ended = Some(reason),
        Err(Hindrance::Failed(error)) => return Err(error),
    }
    Ok(run.outcome)
}

/// What the layer is to hold. Who takes what a plan or the record says asks nobody.
fn wants(request: &Request<'_>) -> Result<Wants> {
    let chooses = matches!(request.mode, Mode::Fetch | Mode::DryRun | Mode::Offline);
    let source = request.layer.rules.mirror.as_ref().filter(|_| chooses);
    let wants = source.map(|source| Wants::of(&request.layer.source.name, source, &request.settings.config));
    wants.transpose().map(Option::unwrap_or_default)
}

/// The upstreams of a layer, in order.
fn upstreams(request: &Request<'_>) -> Result<Vec<(String, Upstream)>> {
    let layer = &request.layer.source.name;
    let Some(source) = &request.layer.rules.mirror else {
        bail!("layer `{layer}` is not mirrored\nhint: give it `mirror: {{from: [UPSTREAM]}}` in the configuration");
    };
    let known = &request.settings.config.upstreams;
    let named = source.from.iter().map(|name| {
        let upstream = known.get(name).with_context(|| format!("there is no upstream `{name}`"))?;
        let mut upstream = upstream.clone();
        upstream.jobs = request.jobs.unwrap_or(upstream.jobs);
        upstream.rate = request.rate.unwrap_or(upstream.rate);
        Ok((name.clone(), upstream))
    });
    named.collect()
}

impl Run<'_> {
    async fn go(&mut self) -> Result<(), Hindrance> {
        match &self.request.mode {
            Mode::Fetch | Mode::DryRun => self.listed().await,
            Mode::Apply(fetches) => self.apply(fetches).await,
            Mode::Locked => self.locked().await,
            Mode::Offline => Ok(self.offline()?),
            Mode::Audit { most, offline } => audit::audit(self, *most, *offline).await,
            Mode::Accept { version, reason } => Ok(accept::accept(self, version, reason)?),
        }
    }

    /// True if nothing is changed.
    fn is_dry(&self) -> bool {
        matches!(self.request.mode, Mode::DryRun)
    }

    /// Digest of all but the listings that decides what a run does.
    fn policy(&self) -> Digest {
        let from = self.request.layer.rules.mirror.as_ref().map(|source| source.from.clone());
        let only: BTreeSet<_> =
            self.request.only.iter().map(|one| format!("{}@{:?}", one.name, one.version.as_ref())).collect();
        let wants = (!self.wants.are_open()).then_some(&self.wants);
        Digest::of_value(&(from, self.judgement(), only, wants))
    }

    /// Digest of what a version is judged by.
    fn judgement(&self) -> Digest {
        Digest::of_value(&(self.site.trust.digest(), self.site.limits, env!("CARGO_PKG_VERSION")))
    }

    /// An ordinary run.
    async fn listed(&mut self) -> Result<(), Hindrance> {
        let (policy, mut holdings) = (self.policy(), self.holdings()?);
        let before = self.record.head.clone();
        let Some(mut heard) = self.hear(&before, self.is_settled(policy, &holdings)).await? else {
            self.outcome.unchanged = true;
            self.tell_counts(before.counts);
            self.count_unwanted();
            (self.outcome.refused, self.outcome.missing) = (before.refused, before.missing);
            self.tell_changed();
            return Ok(());
        };
        let (versions, told) = listings::read(&mut heard, &before, self.request.accept_loss, &mut self.outcome)?;
        self.outcome.listed = versions.len();
        let mut facts = facts::merge(facts::read(&self.workshop.folder)?, versions);
        for (transport, (name, heard)) in self.transports.iter().zip(&mut heard) {
            heard.listed.service = match heard.is_known || self.is_dry() {
                true => before.upstreams.get(name).and_then(|listed| listed.service.clone()),
                false => listings::service(transport).await,
            };
        }
        let mut wanted = self.choose(&mut facts).await?;
        self.judge_again(&holdings)?;
        self.judge_folders(&mut holdings, &wanted);
        let plan = self.plan(&facts, &wanted, &holdings, &told);
        if self.is_dry() {
            self.take_over(&plan, &wanted);
            self.tell_selection(&wanted, &facts, &told);
            self.tell_unfit();
            self.compare_with(&told);
            self.tell_changed();
            return Ok(());
        }
        self.ask_for_documents(&plan, &mut facts, &mut wanted, &told).await?;
        facts::write(&self.workshop.folder, &facts)?;
        let plan = self.plan(&facts, &wanted, &holdings, &told);
        self.take_over(&plan, &wanted);
        self.tell_selection(&wanted, &facts, &told);
        self.note_events(&plan, &facts);
        self.record.head.settled = false;
        let adopted = self.adopt(&plan, &facts)?;
        self.compare_with(&told);
        let ended = self.fetch_all(&plan.fetch, |key| Demands::of(facts.get(key))).await;
        self.learn_formats(&mut facts);
        self.tell_unfit();
        self.tell_contradictions(&told);
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
        let head = Head { settled: is_whole, policy, judged_by, upstreams: heads, refused, missing, counts };
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

    /// Tells where another upstream than the one that gave a version tells other bytes of it.
    fn tell_contradictions(&mut self, told: &ToldTable) {
        let held = self.record.versions.iter().filter(|(_, entry)| entry.is_held());
        let events = held.filter_map(|(key, entry)| index::contradiction(key, entry, told.get(key)?));
        self.outcome.warnings.extend(events);
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

    fn plan(&self, facts: &FactsTable, wanted: &Wanted, holdings: &Holdings, told: &ToldTable) -> Plan {
        let terms = Terms {
            wants_signatures: self.site.trust.wants_signatures(),
            is_named: self.request.only.iter().any(|only| only.version.is_some()),
            tries_again: !self.request.only.is_empty(),
            trust: self.judgement(),
            now: self.request.now,
            told,
        };
        plan::plan(facts, wanted, &self.record, holdings, &terms)
    }

    fn take_over(&mut self, plan: &Plan, wanted: &Wanted) {
        let outcome = &mut self.outcome;
        outcome.wanted = wanted.versions.len();
        outcome.plan = plan.fetch.clone();
        let missing = plan.fetch.iter().filter(|fetch| !fetch.only_signature).count() + plan.later.len();
        let damaged = plan.damaged.iter().filter(|(key, _)| wanted.versions.contains_key(key)).count();
        outcome.held = wanted.versions.len().saturating_sub(missing + damaged);
        for (key, why) in &plan.later {
            let hint = format!("hint: it is tried again in a day, or with --only {}@{}", key.0, key.1);
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
        for (key, why) in &plan.damaged {
            outcome.refused.push(Event::new(said(key), why.clone(), None));
        }
        for key in &plan.lost {
            let why = "it was held, lies no more in the layer, and no upstream lists it any more\n\
                       hint: put it back from a backup";
            outcome.refused.push(Event::new(said(key), why, None));
        }
    }

    /// What happened upstream, in the record.
    fn note_events(&mut self, plan: &Plan, facts: &FactsTable) {
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
        // What was refused and is listed no more is nobody's business.
        let is_listed = |key: &Key| facts.get(key).is_some_and(|facts| facts.listed);
        self.record.versions.retain(|key, entry| entry.is_held() || is_listed(key));
    }

    /// Versions that are held and that an upstream gives with other bytes, until somebody decides.
    fn tell_changed(&mut self) {
        let changed = self.record.versions.iter().filter(|(_, entry)| entry.state == State::Changed);
        let events: Vec<_> = changed.map(|(key, entry)| audit::changed_event(key, entry, &self.workshop)).collect();
        self.outcome.changed = events;
    }

    async fn ask_for_documents(
        &mut self,
        plan: &Plan,
        facts: &mut FactsTable,
        wanted: &mut Wanted,
        told: &ToldTable,
    ) -> Result<(), Hindrance> {
        // What a document told may be why the version was refused, and it may have been mended.
        let planned = plan.fetch.iter().filter_map(key_of).chain(plan.adopt.iter().map(|(key, _)| key.clone()));
        for key in planned {
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

    /// A run that asks for nothing.
    fn offline(&mut self) -> Result<()> {
        let facts = facts::read(&self.workshop.folder)?;
        let mut holdings = self.holdings()?;
        let wanted = self.choose_by(&facts)?;
        self.judge_again(&holdings)?;
        self.judge_folders(&mut holdings, &wanted);
        let plan = self.plan(&facts, &wanted, &holdings, &ToldTable::new());
        self.outcome.listed = facts.values().filter(|facts| facts.listed).count();
        self.take_over(&plan, &wanted);
        self.tell_selection(&wanted, &facts, &ToldTable::new());
        self.count_kept();
        for fetch in &plan.fetch {
            let what = format!("{} {}", fetch.name, fetch.version);
            let is_lost = || key_of(fetch).and_then(|key| self.record.versions.get(&key)?.signature_sha256).is_some();
            match fetch.only_signature {
                false => {
                    self.outcome.refused.push(Event::new(what, format!("it is not held: {}", fetch.why), None));
                }
                // One that never was there is not missed.
                true if is_lost() => self.outcome.refused.push(Event::new(what, fetch.why.clone(), None)),
                true => {}
            }
        }
        self.tell_unfit();
        self.tell_changed();
        Ok(())
    }
}
