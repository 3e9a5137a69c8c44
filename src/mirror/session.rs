//! What a run works with, and what every kind of run does: fetch what a plan says, and write down what came of it.

use super::deliver::{Delivery, Demands, Site, deliver};
use super::facts::{self, FactsTable, Key};
use super::listings::Hindrance;
use super::notices;
use super::outcome::{Mirrored, Outcome};
use super::plan::Fetch;
use super::record::{Entry, Head, Record, Refusal, State};
use super::transport::Transport;
use super::wanted::Wants;
use super::workshop::Workshop;
use crate::base::fs;
use crate::base::progress::{Progress, bytes};
use crate::config::layer::LayerPlan;
use crate::config::settings::Settings;
use crate::config::upstream::Rate;
use crate::dialect::version::Version;
use crate::edit::PackageSelector;
use anyhow::{Result, bail};
use futures_util::{StreamExt, stream};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// Deliveries that are under way for each request that may be.
const DELIVERIES: usize = 8;
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
    /// What the layer is to hold.
    pub(super) wants: Wants,
    pub(super) record: Record,
    pub(super) outcome: Outcome,
    pub(super) progress: &'a Progress,
}

impl Run<'_> {
    /// Fetches everything in a plan, from each upstream as many at a time as it may be asked.
    pub(super) async fn fetch_all(
        &mut self,
        fetches: &[Fetch],
        demands: impl Fn(&Key) -> Demands,
    ) -> Result<(), Hindrance> {
        if fetches.is_empty() {
            return Ok(());
        }
        self.check_room(fetches)?;
        fs::make_folders(&self.site.partial)?;
        for transport in &self.transports {
            let Some(stand_in) = &transport.stand_in else { continue };
            let own = fetches.iter().filter(|fetch| fetch.upstream == transport.name && !fetch.only_signature);
            stand_in.bring(&own.filter_map(key_of).collect::<Vec<_>>(), &self.site.partial, self.progress)?;
        }
        self.progress.begin("fetching", fetches.len() as u64);
        let mut over = None;
        let begin = Instant::now();
        for transport in &self.transports {
            let own = fetches.iter().filter(|fetch| fetch.upstream == transport.name);
            let jobs = own.filter_map(|fetch| Some((key_of(fetch)?, fetch)));
            let site = &self.site;
            let work = stream::iter(jobs).map(|(key, fetch)| {
                let demands = demands(&key).and_told(fetch);
                let refusal = fetch.terms.map(|terms| Refusal { at: self.request.now, terms });
                async move { deliver(site, transport, key, fetch, demands).await.map(|done| (done, refusal)) }
            });
            // More than are asked for at a time: while some are checked and written, requests go on.
            let mut work = work.buffer_unordered(transport.upstream().jobs * DELIVERIES);
            let mut failure = None;
            while let Some(done) = work.next().await {
                self.progress.step();
                let (_, came) = transport.traffic();
                let seconds = begin.elapsed().as_secs_f64().max(0.001);
                self.progress.say(format!("{}, {}/s", bytes(came), bytes((came as f64 / seconds) as u64)));
                match done {
                    Ok((done, refusal)) => {
                        let (record, outcome) = (&mut self.record, &mut self.outcome);
                        settle(done, refusal, record, outcome, &mut over, &self.site.now, transport);
                    }
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

    fn check_room(&self, fetches: &[Fetch]) -> Result<()> {
        let planned: u64 = fetches.iter().filter_map(|fetch| fetch.bytes).fold(0, u64::saturating_add);
        let largest = self.record.versions.values().filter_map(|entry| entry.size).max().unwrap_or(0);
        let (free, needed) =
            (fs::free_bytes(&self.workshop.root)?, LEAST_FREE.saturating_add(planned.max(2 * largest)));
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

    /// Writes log, facts and record, and clears up.
    pub(super) fn keep(&mut self, head: Head, facts: &FactsTable, adopted: &[Key]) -> Result<()> {
        self.write_log(adopted)?;
        facts::write(&self.workshop.folder, facts)?;
        notices::write(&self.workshop.folder, facts, &self.record)?;
        self.record.head = head;
        self.record.write(&self.workshop.folder)?;
        self.workshop.tidy(&self.record)
    }

    /// Logs what came into the layer, in order.
    pub(super) fn write_log(&self, adopted: &[Key]) -> Result<()> {
        let mirrored = self.outcome.mirrored.iter().filter_map(|one| key_from(&one.name, &one.version));
        let keys: BTreeSet<Key> = mirrored.chain(adopted.iter().cloned()).collect();
        let changes = keys.iter().filter_map(|key| Some(self.workshop.change(key, self.record.versions.get(key)?)));
        self.workshop.log(&changes.collect::<Vec<_>>())
    }
}

/// Takes what became of a delivery into record and outcome.
fn settle(
    done: Delivery,
    refusal: Option<Refusal>,
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
                let entry = refused(transport, why, before.unwrap_or_else(|| now.to_owned()));
                let refusal = refusal.filter(|_| event.lasts());
                record.versions.insert(key, Entry { refusal, ..entry });
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
    Entry { upstream: Some(transport.name.clone()), reasons: vec![why], ..Entry::new(State::Refused, first_seen) }
}

/// The order of results is that of versions, never that of completion.
fn sort(outcome: &mut Outcome) {
    let order = |one: &Mirrored| key_from(&one.name, &one.version);
    outcome.mirrored.sort_by_key(order);
    for events in [&mut outcome.refused, &mut outcome.failed, &mut outcome.warnings] {
        events.sort_by(|one, other| (&one.what, &one.why).cmp(&(&other.what, &other.why)));
    }
}

pub(super) fn key_from(name: &str, version: &str) -> Option<Key> {
    Some((name.to_owned(), Version::strict(version).ok()?))
}

pub(super) fn key_of(fetch: &Fetch) -> Option<Key> {
    key_from(&fetch.name, &fetch.version)
}

/// Versions of a record that are held, by key.
pub(super) type HeldVersions<'a> = [(&'a Key, &'a Entry)];
