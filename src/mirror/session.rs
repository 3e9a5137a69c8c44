//! What a run works with, and what every kind of run does: fetch what a plan says, and write down what came of it.

use super::deliver::{Delivery, Site, deliver, said};
use super::demands::Demands;
use super::facts::{self, FactsTable, Key};
use super::fingerprints::Fingerprints;
use super::gate::Gates;
use super::leftovers::{self, Needed, Resumable};
use super::listings::Hindrance;
use super::notices;
use super::outcome::{Event, Mirrored, Outcome};
use super::plan::Fetch;
use super::record::{Entry, Head, Record, Refusal, State};
use super::transport::Transport;
use super::unwanted::Unwanted;
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
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// Deliveries that are under way for each request that may be: the more of them wait for the disk, the fewer times it is waited
/// for.
const DELIVERIES: usize = 32;
/// But never more than this: each one that waits for the disk has a thread.
const MOST_DELIVERIES: usize = 128;
/// Bytes that must be free before anything is fetched, beside what is expected to come.
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
    /// The gates before the servers that are asked; runs on several layers share them.
    pub gates: &'a Gates,
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
    /// What somebody removed from the layer, as `<name>-<version>`; known as soon as the layer was looked at.
    pub(super) removed: BTreeSet<String>,
    /// Since when versions are held that are not wanted, and how the last run ended.
    pub(super) unwanted: Unwanted,
    pub(super) outcome: Outcome,
    pub(super) progress: &'a Progress,
    /// What is known of the files of the layer on this disk.
    pub(super) fingerprints: Fingerprints,
    /// Upstreams that could not be asked what they list, with the reason.
    pub(super) silent: BTreeMap<String, String>,
}

impl Run<'_> {
    /// The versions that came in this run.
    pub(super) fn mirrored(&self) -> BTreeSet<Key> {
        self.outcome.mirrored.iter().filter_map(|one| key_from(&one.name, &one.version)).collect()
    }

    /// Fetches everything in a plan, from each upstream as many at a time as it may be asked.
    pub(super) async fn fetch_all(
        &mut self,
        fetches: &[Fetch],
        demands: impl Fn(&Key) -> Demands,
    ) -> Result<(), Hindrance> {
        let left = self.clear_partial(fetches)?;
        if fetches.is_empty() {
            return Ok(());
        }
        self.check_room(fetches, &left)?;
        fs::make_folders(&self.site.partial)?;
        for transport in &self.transports {
            let Some(stand_in) = &transport.stand_in else { continue };
            let own = fetches.iter().filter(|fetch| fetch.upstream == transport.name && !fetch.only_signature);
            stand_in.bring(&own.filter_map(key_of).collect::<Vec<_>>(), &self.site.partial, self.progress)?;
        }
        self.progress.begin("fetching", fetches.len() as u64);
        let (mut over, mut failure) = (None, None);
        let begin = Instant::now();
        for transport in &self.transports {
            let own = fetches.iter().filter(|fetch| fetch.upstream == transport.name);
            if self.silent.contains_key(&transport.name) {
                let why = format!("upstream {} cannot be asked for it now", transport.name);
                let event = |key: Key| Event::new(said(&key), why.clone(), None);
                self.outcome.failed.extend(own.filter_map(key_of).map(event));
                continue;
            }
            let jobs = own.filter_map(|fetch| {
                let key = key_of(fetch)?;
                let demands = demands(&key).and_recorded(self.record.versions.get(&key)).and_told(fetch);
                Some((key, fetch, demands))
            });
            let jobs: Vec<_> = jobs.collect();
            let site = &self.site;
            let work = stream::iter(jobs).map(|(key, fetch, demands)| {
                let refusal = fetch.terms.map(|terms| Refusal { at: self.request.now, terms });
                async move { deliver(site, transport, key, fetch, demands).await.map(|done| (done, refusal)) }
            });
            // More than are asked for at a time: while some are checked and written, requests go on.
            let mut work = work.buffer_unordered((transport.upstream().jobs * DELIVERIES).min(MOST_DELIVERIES));
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
            if failure.is_some() {
                break;
            }
        }
        sort(&mut self.outcome);
        if let Some(error) = failure {
            // The disk may be full: what nobody can go on with makes room for the record of what was done.
            let _ = self.clear_partial(fetches);
            return Err(Hindrance::Failed(error));
        }
        over.map_or(Ok(()), |reason| Err(Hindrance::Upstream(reason)))
    }

    /// Removes unfinished downloads with which this run will not go on, and returns the others. A run that was asked for a part
    /// only leaves the rest to others.
    fn clear_partial(&mut self, fetches: &[Fetch]) -> Result<Resumable> {
        let is_whole = matches!(self.request.mode, Mode::Fetch) && self.request.only.is_empty();
        let zips = fetches.iter().filter(|fetch| !fetch.only_signature);
        let planned: BTreeSet<String> = zips.map(|fetch| format!("{}-{}", fetch.name, fetch.version)).collect();
        let needed = if is_whole { Needed::Only(&planned) } else { Needed::NotHeld(&self.record) };
        leftovers::clear_partial(&self.workshop, &needed, self.request.now, &mut self.outcome.cleared)
    }

    fn check_room(&self, fetches: &[Fetch], left: &Resumable) -> Result<()> {
        let largest = self.record.versions.values().filter_map(|entry| entry.size).max().unwrap_or(0);
        let jobs = self.transports.iter().map(|transport| transport.upstream().jobs).max().unwrap_or(1);
        let (free, needed) = (fs::free_bytes(&self.workshop.root)?, room(fetches, left, largest, jobs));
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
        let mirrored = self.outcome.mirrored.iter().filter_map(|one| key_from(&one.name, &one.version));
        let new: Vec<Key> = mirrored.chain(adopted.iter().cloned()).collect();
        self.keep_fingerprints(new.into_iter())?;
        leftovers::tidy(&self.workshop, &self.record, self.request.now, &mut self.outcome.cleared)
    }

    /// Logs what came into the layer, in order.
    pub(super) fn write_log(&self, adopted: &[Key]) -> Result<()> {
        let mirrored = self.outcome.mirrored.iter().filter_map(|one| key_from(&one.name, &one.version));
        let keys: BTreeSet<Key> = mirrored.chain(adopted.iter().cloned()).collect();
        let changes = keys.iter().filter_map(|key| Some(self.workshop.change(key, self.record.versions.get(key)?)));
        self.workshop.log(&changes.collect::<Vec<_>>())
    }
}

/// Bytes that must be free: what is planned and did not come yet, or, where sizes are not known, the largest zip for each request
/// at a time; and something for whatever else is written.
fn room(fetches: &[Fetch], left: &Resumable, largest: u64, jobs: usize) -> u64 {
    let missing = |fetch: &Fetch| {
        let here = left.get(&format!("{}-{}", fetch.name, fetch.version)).copied().unwrap_or_default();
        Some(fetch.bytes?.saturating_sub(here))
    };
    let planned = fetches.iter().filter_map(missing).fold(0, u64::saturating_add);
    let zips = fetches.iter().filter(|fetch| !fetch.only_signature).count();
    let under_way = largest.saturating_mul(zips.min(jobs) as u64);
    LEAST_FREE.saturating_add(planned.max(under_way))
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
                let entry = refused(&transport.name, why, before.unwrap_or_else(|| now.to_owned()));
                let refusal = refusal.filter(|_| event.lasts());
                record.versions.insert(key, Entry { refusal, ..entry });
            }
            outcome.refused.push(event);
        }
        Delivery::Changed(key, digest) => {
            if let Some(entry) = record.versions.get_mut(&key) {
                (entry.state, entry.changed_to, entry.refusal) = (State::Changed, Some(digest), refusal);
            }
        }
        Delivery::Failed(event) => outcome.failed.push(event),
        Delivery::Over(reason) => {
            over.get_or_insert_with(|| format!("upstream {}: {reason}", transport.name));
        }
        Delivery::Skipped => {}
    }
}

/// The upstreams that can be asked.
pub(super) fn answering<'a>(
    transports: &'a [Transport],
    silent: &BTreeMap<String, String>,
) -> impl Iterator<Item = &'a Transport> {
    transports.iter().filter(|transport| !silent.contains_key(&transport.name))
}

/// What the record says of a version that was refused.
pub(super) fn refused(upstream: &str, why: String, first_seen: String) -> Entry {
    Entry { upstream: Some(upstream.to_owned()), reasons: vec![why], ..Entry::new(State::Refused, first_seen) }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What lies there already takes no further room, and every request at a time needs its own.
    #[test]
    fn room_is_for_what_did_not_come_yet() {
        let fetch = |version: &str, bytes: Option<u64>| Fetch {
            name: "a".to_owned(),
            version: version.to_owned(),
            bytes,
            ..Fetch::default()
        };
        let left = Resumable::from([("a-1.0.0".to_owned(), 300), ("a-9.0.0".to_owned(), 1 << 40)]);
        let signature = Fetch { only_signature: true, ..fetch("1.2.0", None) };
        for (name, fetches, largest, jobs, expected) in [
            ("nothing", vec![], 70, 4, 0),
            ("told", vec![fetch("1.0.0", Some(1000)), fetch("1.1.0", Some(200))], 0, 4, 900),
            ("more there than told", vec![fetch("1.0.0", Some(200))], 0, 4, 0),
            ("not told", vec![fetch("1.0.0", None), fetch("1.1.0", None)], 70, 4, 140),
            ("more than at a time", vec![fetch("1.0.0", None), fetch("1.1.0", None)], 70, 1, 70),
            ("a signature", vec![signature], 70, 4, 0),
            ("hostile", vec![fetch("1.1.0", Some(u64::MAX)), fetch("1.2.0", Some(u64::MAX))], 70, 4, u64::MAX),
        ] {
            assert_eq!(room(&fetches, &left, largest, jobs), LEAST_FREE.saturating_add(expected), "{name}");
        }
    }
}
