//! One run: from listings to a layer that holds what is wanted, with the record of it.

use super::deliver::{self, Delivery, Demands, Site, deliver, said};
use super::facts::{self, FactsTable, Key};
use super::listings::{self, Heard, Hindrance};
use super::outcome::{Event, Mirrored, Outcome};
use super::plan::{self, Fetch, Holdings, Plan, id};
use super::record::{Entry, Head, Journal, Record, State, Validators};
use super::transport::Transport;
use super::trust::Trust;
use super::wanted::{Wanted, wanted};
use super::workshop::Workshop;
use super::{accept, audit};
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::progress::{Progress, bytes};
use crate::base::time;
use crate::config::layer::LayerPlan;
use crate::config::settings::Settings;
use crate::config::upstream::{Rate, Upstream};
use crate::dialect::version::Version;
use crate::edit::PackageSelector;
use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, stream};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Bytes that must be free before anything is fetched, beside twice the largest zip that is known.
const LEAST_FREE: u64 = 256 << 20;

/// What a run is asked to do.
pub enum Mode<'a> {
    /// Fetch what is wanted.
    Fetch,
    /// Say what would be fetched.
    DryRun,
    /// Fetch what a plan says, and ask for no listing.
    Apply(&'a [Fetch]),
    /// Fetch what the record holds, to the byte, and ask for no listing.
    Locked,
    /// Say what is wanted and not held, and ask for nothing.
    Offline,
    /// Compare what is held with the record and, unless `offline`, with what upstreams give: so many versions, or all.
    Audit {
        /// Number of versions; all if absent.
        most: Option<usize>,
        /// True if only the layer is looked at.
        offline: bool,
    },
    /// Take what an upstream gives now for a version that is held with other bytes.
    Accept {
        /// The version.
        version: &'a PackageSelector,
        /// Why, for the layer's log.
        reason: &'a str,
    },
}

/// A run on one layer.
pub struct Request<'a> {
    /// Configuration and limits.
    pub settings: &'a Settings,
    /// The layer.
    pub layer: &'a LayerPlan,
    /// What to do.
    pub mode: Mode<'a>,
    /// Versions that are meant; all if there are none.
    pub only: &'a [PackageSelector],
    /// True if a listing may have lost most of its versions.
    pub accept_loss: bool,
    /// Requests at a time, in place of what the configuration says.
    pub jobs: Option<usize>,
    /// Requests in a time, in place of what the configuration says; `Some(None)` for no bound.
    pub rate: Option<Option<Rate>>,
    /// Seconds since 1970, for record and log.
    pub now: u64,
}

/// What a run works with.
pub(super) struct Run<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) workshop: Workshop,
    pub(super) site: Arc<Site>,
    pub(super) transports: Vec<Transport>,
    pub(super) record: Record,
    pub(super) outcome: Outcome,
    pub(super) progress: &'a Progress,
}

/// Runs on one layer.
///
/// # Errors
/// When this machine fails, another command is at work, the configuration is wrong, or a listing lost most of its versions.
/// What an upstream does wrong is in the outcome.
pub fn mirror(request: &Request<'_>, progress: &Progress) -> Result<Outcome> {
    let layer = &request.layer.source.name;
    let trust = Trust::of(layer, &request.layer.rules, request.now)?;
    let transports = upstreams(request)?;
    let transports = transports.iter().map(|(name, upstream)| Transport::new(name, upstream));
    let transports = transports.collect::<Result<Vec<_>>>()?;
    let writes = !matches!(request.mode, Mode::DryRun | Mode::Offline);
    let workshop = Workshop::open(request.layer, writes)?;
    if writes {
        // Modes of files must not depend on the umask of whoever runs this.
        rustix::process::umask(rustix::fs::Mode::empty());
    }
    let record = workshop.recover()?;
    let site = Arc::new(Site {
        layer: layer.clone(),
        root: workshop.root.clone(),
        partial: workshop.partial(),
        limits: request.settings.config.limits,
        trust,
        journal: Mutex::new(Journal::of(&workshop.folder)),
        now: time::rfc3339(request.now),
        is_over: AtomicBool::new(false),
    });
    let dry_run = matches!(request.mode, Mode::DryRun);
    let outcome = Outcome { layer: layer.clone(), dry_run, ..Outcome::default() };
    let mut run = Run { request, workshop, site, transports, record, outcome, progress };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("cannot start the requests")?;
    let ended = runtime.block_on(run.go());
    progress.finish();
    let traffic = run.transports.iter().map(Transport::traffic);
    (run.outcome.requests, run.outcome.bytes) = traffic.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    match ended {
        Ok(()) => {}
        Err(Hindrance::Upstream(reason)) => run.outcome.ended = Some(reason),
        Err(Hindrance::Failed(error)) => return Err(error),
    }
    Ok(run.outcome)
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
        Digest::of_value(&(from, self.site.trust.described(), only))
    }

    /// An ordinary run.
    async fn listed(&mut self) -> Result<(), Hindrance> {
        let mut heard: Vec<(String, Heard)> = Vec::new();
        for transport in &self.transports {
            heard.push((transport.name.clone(), listings::hear(transport).await?));
        }
        let (policy, holdings) = (self.policy(), self.workshop.holdings()?);
        let is_known = listings::are_known(&heard, &self.record.head);
        if is_known && self.is_settled(policy, &holdings) {
            self.outcome.unchanged = true;
            self.outcome.listed = self.record.head.upstreams.values().map(|listed| listed.versions).sum();
            self.outcome.held = self.record.versions.values().filter(|entry| entry.is_held()).count();
            self.outcome.wanted = self.outcome.held;
            self.tell_changed();
            return Ok(());
        }
        let before = self.record.head.clone();
        let versions = listings::read(&mut heard, &before, self.request.accept_loss, &mut self.outcome)?;
        self.outcome.listed = versions.len();
        let mut facts = facts::merge(facts::read(&self.workshop.folder)?, versions);
        if !is_known && !self.is_dry() {
            for (transport, (_, heard)) in self.transports.iter().zip(&mut heard) {
                heard.listed.service = listings::service(transport).await;
            }
        } else {
            for (name, heard) in &mut heard {
                heard.listed.service = before.upstreams.get(name).and_then(|listed| listed.service.clone());
            }
        }
        let mut wanted = wanted(&facts, self.request.only);
        let plan = self.plan(&facts, &wanted, &holdings);
        if self.is_dry() {
            self.take_over(&plan, &wanted);
            self.tell_changed();
            return Ok(());
        }
        self.ask_for_documents(&plan, &mut facts, &mut wanted).await?;
        facts::write(&self.workshop.folder, &facts)?;
        let plan = self.plan(&facts, &wanted, &holdings);
        self.take_over(&plan, &wanted);
        self.note_events(&plan);
        self.record.head.settled = false;
        let adopted = self.adopt(&plan, &facts)?;
        let ended = self.fetch_all(&plan.fetch, |key| Demands::of(facts.get(key))).await;
        self.learn_formats(&mut facts);
        // Whatever hindered the run, what was done is recorded.
        let heads = heard.into_iter().map(|(name, heard)| (name, heard.listed)).collect();
        let is_whole = ended.is_ok() && self.outcome.failed.is_empty() && self.outcome.refused.is_empty();
        let head = Head { settled: is_whole, policy: Some(policy), upstreams: heads };
        let kept = self.keep(head, &facts, &adopted);
        ended?;
        kept?;
        self.outcome.held = wanted.versions.keys().filter(|key| self.is_held(key, &holdings)).count();
        self.tell_changed();
        Ok(())
    }

    fn is_held(&self, key: &Key, holdings: &Holdings) -> bool {
        self.record.versions.get(key).is_some_and(Entry::is_held) || holdings.folders.contains(&id(key))
    }

    /// True if the last run ended with all that is wanted, and the layer still holds it.
    fn is_settled(&self, policy: Digest, holdings: &Holdings) -> bool {
        let Head { settled, policy: before, .. } = &self.record.head;
        let is_here = |key: &Key| {
            let id = id(key);
            holdings.zips.contains_key(&id) || holdings.taken_out.contains(&id)
        };
        let mut held = self.record.versions.iter().filter(|(_, entry)| entry.is_held());
        *settled && *before == Some(policy) && held.all(|(key, _)| is_here(key))
    }

    fn plan(&self, facts: &FactsTable, wanted: &Wanted, holdings: &Holdings) -> Plan {
        let is_named = self.request.only.iter().any(|only| only.version.is_some());
        plan::plan(facts, wanted, &self.record, holdings, (self.site.trust.wants_signatures(), is_named))
    }

    fn take_over(&mut self, plan: &Plan, wanted: &Wanted) {
        let outcome = &mut self.outcome;
        outcome.wanted = wanted.versions.len();
        outcome.plan = plan.fetch.clone();
        outcome.held =
            wanted.versions.len().saturating_sub(plan.fetch.iter().filter(|fetch| !fetch.only_signature).count());
        outcome.gone = plan.gone.iter().map(said).collect();
        outcome.back = plan.back.iter().map(said).collect();
        outcome.refused.extend(wanted.vain.iter().map(|words| Event::new("--only", words.clone(), None)));
        for key in &plan.lost {
            let why = "it was held, lies no more in the layer, and no upstream lists it any more";
            outcome.refused.push(Event::new(said(key), why, None));
        }
    }

    /// What happened upstream, in the record.
    fn note_events(&mut self, plan: &Plan) {
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
    ) -> Result<(), Hindrance> {
        for transport in &self.transports {
            let is_new = |fetch: &&Fetch| fetch.upstream == transport.name && !fetch.only_signature;
            let keys = plan.fetch.iter().filter(is_new).filter_map(key_of);
            let unknown = |key: &Key| facts.get(key).is_some_and(|facts| facts.format_version.is_none());
            let new: Vec<_> = keys.filter(unknown).collect();
            let wrong = listings::documents(transport, &new, facts, &mut self.outcome).await?;
            for key in wrong {
                wanted.versions.remove(&key);
            }
        }
        Ok(())
    }

    /// Takes zips that lie in the layer already into the record, if they are what they should be.
    fn adopt(&mut self, plan: &Plan, facts: &FactsTable) -> Result<Vec<Key>> {
        self.progress.begin("looking at zips", plan.adopt.len() as u64);
        let (site, progress) = (&self.site, self.progress);
        let looked = plan.adopt.par_iter().map(|(key, path)| {
            let found = look(site, key, path.clone(), facts);
            progress.step();
            found.map(|found| (key.clone(), found))
        });
        let looked = looked.collect::<Result<Vec<_>>>()?;
        let mut adopted = Vec::new();
        for (key, found) in looked {
            match found {
                Ok(entry) => {
                    self.outcome.adopted.push(said(&key));
                    adopted.push(key.clone());
                    self.record.versions.insert(key, entry);
                }
                Err(event) => self.outcome.refused.push(event),
            }
        }
        Ok(adopted)
    }

    /// Fetches everything in a plan, from each upstream as many at a time as it may be asked.
    pub(super) async fn fetch_all(
        &mut self,
        fetches: &[Fetch],
        demands: impl Fn(&Key) -> Demands,
    ) -> Result<(), Hindrance> {
        if fetches.is_empty() {
            return Ok(());
        }
        self.check_room()?;
        fs::make_folders(&self.site.partial)?;
        self.progress.begin("fetching", fetches.len() as u64);
        let mut over = None;
        let begin = Instant::now();
        for transport in &self.transports {
            let own = fetches.iter().filter(|fetch| fetch.upstream == transport.name);
            let jobs = own.filter_map(|fetch| Some((key_of(fetch)?, fetch)));
            let site = &self.site;
            let work = stream::iter(jobs).map(|(key, fetch)| {
                let demands = demands(&key);
                async move { deliver(site, transport, key, fetch, demands).await }
            });
            let mut work = work.buffer_unordered(transport.upstream().jobs);
            let mut failure = None;
            while let Some(done) = work.next().await {
                self.progress.step();
                let (_, came) = transport.traffic();
                let seconds = begin.elapsed().as_secs_f64().max(0.001);
                self.progress.say(format!("{}, {}/s", bytes(came), bytes((came as f64 / seconds) as u64)));
                match done {
                    Ok(done) => settle(done, &mut self.record, &mut self.outcome, &mut over, &self.site.now, transport),
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
            if let Some(error) = failure {
                return Err(Hindrance::Failed(error));
            }
        }
        sort(&mut self.outcome);
        over.map_or(Ok(()), |reason| Err(Hindrance::Upstream(reason)))
    }

    fn check_room(&self) -> Result<()> {
        let largest = self.record.versions.values().filter_map(|entry| entry.size).max().unwrap_or(0);
        let (free, needed) = (fs::free_bytes(&self.workshop.root)?, LEAST_FREE + 2 * largest);
        if free < needed {
            bail!(
                "{} has {} free, and {} are needed: nothing was fetched\n\
                 hint: free some space, or move the layer to a larger disk",
                self.workshop.root.display(),
                bytes(free),
                bytes(needed)
            );
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

    /// Writes log, facts and record, and clears up.
    fn keep(&mut self, head: Head, facts: &FactsTable, adopted: &[Key]) -> Result<()> {
        self.write_log(adopted)?;
        facts::write(&self.workshop.folder, facts)?;
        self.record.head = head;
        self.record.write(&self.workshop.folder)?;
        self.workshop.tidy(&self.record)
    }

    /// Logs what came into the layer, in order.
    fn write_log(&self, adopted: &[Key]) -> Result<()> {
        let mirrored = self.outcome.mirrored.iter().filter_map(|one| key_from(&one.name, &one.version));
        let keys: BTreeSet<Key> = mirrored.chain(adopted.iter().cloned()).collect();
        let changes = keys.iter().filter_map(|key| Some(self.workshop.change(key, self.record.versions.get(key)?)));
        self.workshop.log(&changes.collect::<Vec<_>>())
    }

    /// A run by a plan.
    async fn apply(&mut self, fetches: &[Fetch]) -> Result<(), Hindrance> {
        let holdings = self.workshop.holdings()?;
        let facts = facts::read(&self.workshop.folder)?;
        for fetch in fetches.iter().filter(|fetch| !self.transports.iter().any(|one| one.name == fetch.upstream)) {
            let (layer, name) = (&self.outcome.layer, &fetch.upstream);
            return Err(anyhow::anyhow!(
                "the plan takes {} {} from `{name}`, which is no upstream of layer `{layer}`\n\
                 hint: make the plan anew",
                fetch.name,
                fetch.version
            )
            .into());
        }
        let is_missing = |fetch: &&Fetch| {
            fetch.only_signature || !holdings.zips.contains_key(&format!("{}-{}", fetch.name, fetch.version))
        };
        let missing: Vec<_> = fetches.iter().filter(is_missing).cloned().collect();
        self.outcome.wanted = fetches.len();
        self.outcome.plan.clone_from(&missing);
        let ended = self.fetch_all(&missing, |key| Demands::of(facts.get(key))).await;
        self.outcome.held = fetches.len() - missing.len() + self.outcome.mirrored.len();
        let head = Head { settled: false, ..self.record.head.clone() };
        let kept = self.keep(head, &facts, &[]);
        ended?;
        Ok(kept?)
    }

    /// A run by the record.
    async fn locked(&mut self) -> Result<(), Hindrance> {
        let record = self.record.clone();
        let held: Vec<_> = record.versions.iter().filter(|(_, entry)| entry.is_held()).collect();
        if held.is_empty() {
            return Err(anyhow::anyhow!(
                "{} holds no version\nhint: run once without --locked, and keep the file that it writes",
                self.workshop.folder.join(super::record::RECORD).display()
            )
            .into());
        }
        let holdings = self.workshop.holdings()?;
        let mut missing = Vec::new();
        for (key, entry) in &held {
            let upstream = entry.upstream.clone().filter(|name| self.transports.iter().any(|one| one.name == *name));
            match (holdings.zips.get(&id(key)), upstream) {
                (Some(_), _) => {}
                (None, Some(upstream)) => missing.push(Fetch {
                    name: key.0.clone(),
                    version: key.1.to_string(),
                    upstream,
                    signed: entry.signature_sha256.is_some(),
                    only_signature: false,
                    why: "the record demands it".to_owned(),
                }),
                (None, None) => {
                    let why = "the record demands it, from an upstream that the layer does not have";
                    self.outcome.refused.push(Event::new(said(key), why, None));
                }
            }
        }
        audit::compare(self, &held, &holdings)?;
        let recorded: BTreeSet<String> = held.iter().map(|(key, _)| id(key)).collect();
        for id in holdings.zips.keys().filter(|id| !recorded.contains(*id)) {
            self.outcome.warnings.push(Event::new(id.clone(), "it lies in the layer, and is not in the record", None));
        }
        self.outcome.wanted = held.len();
        self.outcome.plan.clone_from(&missing);
        let demands = |key: &Key| {
            let entry = record.versions.get(key);
            let digests = entry.and_then(|entry| Some((entry.sha256?, entry.signature_sha256)));
            Demands { format_version: entry.and_then(|entry| entry.format_version.clone()), digests }
        };
        let ended = self.fetch_all(&missing, demands).await;
        self.outcome.held = held.len() - missing.len() + self.outcome.mirrored.len();
        // The record is what was demanded, and stays so to the byte.
        self.write_log(&[])?;
        record.write(&self.workshop.folder)?;
        self.workshop.tidy(&record)?;
        ended
    }

    /// A run that asks for nothing.
    fn offline(&mut self) -> Result<()> {
        let facts = facts::read(&self.workshop.folder)?;
        let holdings = self.workshop.holdings()?;
        let wanted = wanted(&facts, self.request.only);
        let plan = self.plan(&facts, &wanted, &holdings);
        self.outcome.listed = facts.values().filter(|facts| facts.listed).count();
        self.take_over(&plan, &wanted);
        for fetch in plan.fetch.iter().filter(|fetch| !fetch.only_signature) {
            let what = format!("{} {}", fetch.name, fetch.version);
            self.outcome.refused.push(Event::new(what, format!("it is not held: {}", fetch.why), None));
        }
        self.tell_changed();
        Ok(())
    }
}

/// Looks at a zip that lies in the layer.
fn look(site: &Site, key: &Key, path: PathBuf, facts: &FactsTable) -> Result<Result<Entry, Event>> {
    let zip = site.root.join(&path);
    let beside = super::place::signature_of(&zip);
    let signature =
        if fs::link_metadata(&beside).is_ok_and(|found| found.is_file()) { Some(fs::read(&beside)?) } else { None };
    let known = facts.get(key);
    let format_version = known.and_then(|facts| facts.format_version.as_deref());
    let (format_version, judged) = match deliver::examine(site, key, &zip, signature.as_deref(), format_version)? {
        Ok(found) => found,
        Err((why, _)) => {
            let why = format!("it lies in the layer, and is not taken into the record: {why}");
            return Ok(Err(Event::new(said(key), why, Some(zip.display().to_string()))));
        }
    };
    let (digest, size) = fs::digest_of_file(&zip)?;
    let usual = super::place::usual(key);
    Ok(Ok(Entry {
        state: State::Held,
        sha256: Some(digest),
        size: Some(size),
        signature_sha256: signature.as_deref().map(Digest::of),
        signature: Some(judged.words),
        format_version: Some(format_version),
        upstream: known.map(|facts| facts.upstream.clone()),
        url: None,
        validators: Validators::default(),
        path: (path != usual).then_some(path),
        first_seen: site.now.clone(),
        changed_to: None,
        reasons: vec!["it lay in the layer before".to_owned()],
    }))
}

/// Takes what became of a delivery into record and outcome.
fn settle(
    done: Delivery,
    record: &mut Record,
    outcome: &mut Outcome,
    over: &mut Option<String>,
    now: &str,
    transport: &Transport,
) {
    match done {
        Delivery::Placed(key, entry, warnings) => {
            outcome.mirrored.push(Mirrored {
                name: key.0.clone(),
                version: key.1.to_string(),
                bytes: entry.size.unwrap_or_default(),
                signature: entry.signature.clone().unwrap_or_default(),
            });
            outcome.warnings.extend(warnings);
            let mut entry = *entry;
            // A signature that came later changes nothing else.
            if let Some(before) = record.versions.get(&key).filter(|before| before.is_held() && entry.url.is_none()) {
                let (signature, signature_sha256) = (entry.signature, entry.signature_sha256);
                entry = Entry { signature, signature_sha256, ..before.clone() };
            }
            record.versions.insert(key, entry);
        }
        Delivery::Refused(key, event) => {
            if record.versions.get(&key).is_none_or(|before| !before.is_held()) {
                let why = event.why.lines().next().unwrap_or_default().to_owned();
                let before = record.versions.get(&key).map(|before| before.first_seen.clone());
                record.versions.insert(key, refused(transport, why, before.unwrap_or_else(|| now.to_owned())));
            }
            outcome.refused.push(event);
        }
        Delivery::Failed(event) => outcome.failed.push(event),
        Delivery::Over(reason) => {
            over.get_or_insert_with(|| format!("upstream {}: {reason}", transport.name));
        }
        Delivery::Skipped => {}
    }
}

fn refused(transport: &Transport, why: String, first_seen: String) -> Entry {
    Entry {
        state: State::Refused,
        sha256: None,
        size: None,
        signature_sha256: None,
        signature: None,
        format_version: None,
        upstream: Some(transport.name.clone()),
        url: None,
        validators: Validators::default(),
        path: None,
        first_seen,
        changed_to: None,
        reasons: vec![why],
    }
}

/// The order of results is that of versions, never that of completion.
fn sort(outcome: &mut Outcome) {
    let order = |one: &Mirrored| key_from(&one.name, &one.version);
    outcome.mirrored.sort_by_key(order);
    for events in [&mut outcome.refused, &mut outcome.failed, &mut outcome.warnings] {
        events.sort_by(|one, other| (&one.what, &one.why).cmp(&(&other.what, &other.why)));
    }
}

fn key_from(name: &str, version: &str) -> Option<Key> {
    Some((name.to_owned(), Version::strict(version).ok()?))
}

pub(super) fn key_of(fetch: &Fetch) -> Option<Key> {
    key_from(&fetch.name, &fetch.version)
}

/// Versions of a record that are held, by key.
pub(super) type HeldVersions<'a> = [(&'a Key, &'a Entry)];
