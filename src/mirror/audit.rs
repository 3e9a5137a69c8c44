//! Compares what is held with the record, and with what upstreams give now.
//!
//! An upstream that gives other bytes for a version changes nothing that is held. What it gives is laid aside, and told until
//! somebody decides.

use super::aside;
use super::deliver::{said, signature};
use super::facts::Key;
use super::fault::Fault;
use super::fetch::{self, Partial};
use super::gate::Dice;
use super::holdings::{Holdings, mending};
use super::leftovers;
use super::listings::Hindrance;
use super::outcome::Event;
use super::place;
use super::plan::id;
use super::record::{Entry, State};
use super::session::{HeldVersions, Mode, Run};
use super::transport::Transport;
use super::workshop::Workshop;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::suggest::nearest;
use anyhow::Result;
use futures_util::{StreamExt, stream};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Compares so many versions, or all.
pub(super) async fn audit(run: &mut Run<'_>, most: Option<usize>, offline: bool) -> Result<(), Hindrance> {
    let record = run.record.clone();
    let only = run.request.only;
    let is_meant = |key: &Key| {
        only.is_empty()
            || only.iter().any(|one| one.name == key.0 && one.version.as_ref().is_none_or(|version| *version == key.1))
    };
    let all: Vec<_> = record.versions.iter().filter(|(key, entry)| entry.is_held() && is_meant(key)).collect();
    let chosen = chosen(&all, most, run.request.now);
    let holdings = run.workshop.holdings()?;
    run.tell_in_vain(&all);
    let lies = |key: &Key| holdings.zips.contains_key(&id(key));
    let lost = chosen.iter().filter(|(key, _)| !lies(key)).filter(|(key, _)| {
        let id = id(key);
        !holdings.folders.contains(&id) && !holdings.taken_out.contains(&id)
    });
    let hint = "a run without --audit fetches it anew, if an upstream still gives it";
    let lost = lost.map(|(key, _)| Event::new(said(key), format!("it lies no more in the layer\nhint: {hint}"), None));
    run.outcome.refused.extend(lost);
    let there: Vec<_> = chosen.iter().filter(|(key, _)| lies(key)).copied().collect();
    let damaged = compare(run, &there, &holdings)?;
    (run.outcome.wanted, run.outcome.held) = (chosen.len(), there.len() - damaged);
    // Whoever looks at everything wants to know as well what is held by a policy or keys of before.
    run.judge_again(&holdings)?;
    run.outcome.audited = there.len();
    let asked = if offline { Ok(()) } else { ask_again(run, &chosen).await };
    leftovers::tidy(&run.workshop, &run.record, run.request.now, &mut run.outcome.cleared)?;
    run.record.write(&run.workshop.folder)?;
    run.tell_unfit();
    run.tell_changed();
    asked
}

/// So many of the versions in a row, from a place that the time decides, so that every one has its turn.
fn chosen<'a>(all: &HeldVersions<'a>, most: Option<usize>, now: u64) -> Vec<(&'a Key, &'a Entry)> {
    let most = most.unwrap_or(all.len()).min(all.len());
    let begin = (Dice::new(now.wrapping_mul(0x9e37_79b9_7f4a_7c15)).share() * all.len() as f64) as usize;
    let mut chosen: Vec<_> = all.iter().cycle().skip(begin).take(most).copied().collect();
    chosen.sort_by_key(|(key, _)| *key);
    chosen
}

impl Run<'_> {
    /// Tells which of the versions that were named the layer does not hold, with the name that was perhaps meant.
    fn tell_in_vain(&mut self, held: &HeldVersions<'_>) {
        let names: BTreeSet<&str> = self.record.versions.keys().map(|(name, _)| name.as_str()).collect();
        let names: Vec<_> = names.into_iter().collect();
        for one in self.request.only {
            let is_meant =
                |key: &Key| one.name == key.0 && one.version.as_ref().is_none_or(|version| *version == key.1);
            if held.iter().any(|(key, _)| is_meant(key)) {
                continue;
            }
            let version = one.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
            let near = nearest(&one.name, &names).filter(|near| *near != one.name);
            let hint = near.map(|near| format!("\nhint: did you mean `{near}`?")).unwrap_or_default();
            let why = format!("the layer never held {}{version}{hint}", one.name);
            self.outcome.not_listed.push(Event::new("--only", why, None));
        }
    }
}

/// Compares zips and signatures of the layer with the record. Returns the number of those that are not what was mirrored.
pub(super) fn compare(run: &mut Run<'_>, held: &HeldVersions<'_>, holdings: &Holdings) -> Result<usize> {
    run.progress.begin("reading zips", held.len() as u64);
    let (root, progress) = (&run.workshop.root, run.progress);
    let compared = held.par_iter().map(|(key, entry)| {
        let found = match holdings.zips.get(&id(key)) {
            None => None,
            Some(zip) => {
                let zip = root.join(&zip.path);
                let is_lost = entry.signature_sha256.is_some() && !is_file(&place::signature_of(&zip));
                let lost = || is_lost.then(|| "its signature lies no more in the layer".to_owned());
                let differs = differs_from(&zip, entry, false)?;
                let is_damaged = differs.is_some();
                differs.or_else(lost).map(|why| (why, is_damaged))
            }
        };
        progress.step();
        Ok(found.map(|(why, is_damaged)| (*key, why, is_damaged, entry.state)))
    });
    let mut damaged = 0;
    for (key, why, is_damaged, state) in compared.collect::<Result<Vec<_>>>()?.into_iter().flatten() {
        damaged += usize::from(is_damaged);
        let hint = match (state, is_damaged, &run.request.mode) {
            (State::GoneUpstream | State::Changed, true, _) => mending(false, state),
            (_, true, Mode::Locked) => "move it away; the next run, also one with --locked, fetches it anew",
            (_, true, _) => "move it away; the next run without --audit fetches it anew",
            (_, false, _) => {
                "a run without --audit and --locked fetches it if an upstream has it; or put it back from a backup"
            }
        };
        run.outcome.refused.push(Event::new(said(key), format!("{why}\nhint: {hint}"), None));
    }
    Ok(damaged)
}

/// Why the files of a version are not those of the record. A signature that is lost is a matter of its own.
pub(super) fn differs_from(zip: &Path, entry: &Entry, leaves_signing_to_others: bool) -> Result<Option<String>> {
    let (digest, _) = fs::digest_of_file(zip)?;
    if entry.sha256.is_some_and(|recorded| recorded != digest) {
        return Ok(Some(format!("the zip in the layer is not the one that was mirrored: it has the digest {digest}")));
    }
    let beside = place::signature_of(zip);
    let recorded = entry.signature_sha256.filter(|_| !leaves_signing_to_others);
    let Some(recorded) = recorded.filter(|_| is_file(&beside)) else { return Ok(None) };
    let (digest, _) = fs::digest_of_file(&beside)?;
    Ok((recorded != digest).then(|| "the signature in the layer is not the one that was mirrored".to_owned()))
}

fn is_file(path: &Path) -> bool {
    fs::link_metadata(path).is_ok_and(|found| found.is_file())
}

/// What became of asking an upstream for a version again.
enum Again {
    Same,
    Other(Digest),
    Event(Event),
    Gone,
    Over(String),
}

async fn ask_again(run: &mut Run<'_>, chosen: &HeldVersions<'_>) -> Result<(), Hindrance> {
    fs::make_folders(&run.site.partial)?;
    run.progress.begin("asking again", chosen.len() as u64);
    let mut over = None;
    let (mut asked, mut not_asked) = (0, BTreeMap::new());
    let mut passed_over = |why: &'static str| *not_asked.entry(why).or_default() += 1;
    for (_, entry) in chosen {
        let is_its = |transport: &Transport| entry.upstream.as_ref() == Some(&transport.name);
        if entry.state == State::GoneUpstream {
            passed_over("no upstream lists it any more");
        } else if !run.transports.iter().any(is_its) {
            passed_over("it came from no upstream of the layer");
        }
    }
    for transport in &run.transports {
        let own = chosen.iter().filter(|(_, entry)| entry.upstream.as_ref() == Some(&transport.name));
        let own = own.filter(|(_, entry)| entry.state != State::GoneUpstream);
        let way = Way {
            workshop: &run.workshop,
            transport,
            most: run.site.limits.max_package_bytes,
            is_named: !run.request.only.is_empty(),
            wants_signatures: run.site.trust.wants_signatures(),
        };
        let work = stream::iter(own).map(async |(key, entry)| (*key, one(&way, key, entry).await));
        let mut work = work.buffer_unordered(transport.upstream().jobs);
        while let Some((key, again)) = work.next().await {
            run.progress.step();
            match again? {
                Again::Same => {
                    asked += 1;
                    if let Some(entry) = run.record.versions.get_mut(key).filter(|one| one.state == State::Changed) {
                        (entry.state, entry.changed_to, entry.refusal) = (State::Held, None, None);
                    }
                }
                Again::Other(digest) => {
                    asked += 1;
                    if let Some(entry) = run.record.versions.get_mut(key) {
                        (entry.state, entry.changed_to) = (State::Changed, Some(digest));
                    }
                }
                Again::Event(event) => {
                    passed_over("the upstream did not give it");
                    run.outcome.failed.push(event);
                }
                Again::Gone => {
                    passed_over("the upstream does not have it any more");
                    let why = "the upstream lists it and does not have it any more; it is kept";
                    run.outcome.warnings.push(Event::new(said(key), why, None));
                }
                Again::Over(reason) => {
                    passed_over("the upstream cannot be asked now");
                    over.get_or_insert(format!("upstream {}: {reason}", transport.name));
                }
            }
        }
    }
    (run.outcome.audited_upstream, run.outcome.not_audited) = (asked, not_asked);
    over.map_or(Ok(()), |reason| Err(Hindrance::Upstream(reason)))
}

/// By what a version is asked for again.
struct Way<'a> {
    workshop: &'a Workshop,
    transport: &'a Transport,
    /// Most bytes of a zip.
    most: u64,
    is_named: bool,
    /// True if the layer's policy looks at signatures.
    wants_signatures: bool,
}

async fn one(way: &Way<'_>, key: &Key, entry: &Entry) -> Result<Again> {
    let Way { workshop, transport, most, .. } = *way;
    let asked = async {
        let url = transport.zip_address(&key.0, key.1.as_str())?;
        let partial = Partial::new(&workshop.partial(), &format!("{}.again", id(key)));
        let found = fetch::if_other(transport, &url, &partial, &entry.validators, most).await?;
        let Some(found) = found.filter(|found| Some(found.sha256) != entry.sha256) else {
            partial.discard()?;
            return Ok(Again::Same);
        };
        // Also a version that had none may have one now, with its other bytes.
        let is_wanted = way.wants_signatures || entry.signature_sha256.is_some();
        let beside = signature(transport, &url, is_wanted, true).await?;
        aside::lay(&workshop.changed(), key, (&partial, &found), beside.as_deref(), way.is_named)?;
        Ok(Again::Other(found.sha256))
    };
    Ok(match asked.await {
        Ok(again) => again,
        Err(Fault::Machine(error)) => return Err(error),
        Err(Fault::Over(reason)) => Again::Over(reason),
        Err(Fault::Status(404 | 410)) => Again::Gone,
        Err(fault) => Again::Event(Event::new(said(key), fault.words(), None)),
    })
}
