//! Compares what is held with the record, and with what upstreams give now.
//!
//! An upstream that gives other bytes for a version changes nothing that is held. What it gives is laid aside, and told until
//! somebody decides.

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
use super::session::{HeldVersions, Run};
use super::transport::Transport;
use super::workshop::Workshop;
use crate::base::digest::Digest;
use crate::base::fs;
use anyhow::Result;
use futures_util::{StreamExt, stream};
use rayon::prelude::*;
use std::path::{Path, PathBuf};

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
    (run.outcome.wanted, run.outcome.held) = (chosen.len(), chosen.len());
    compare(run, &chosen, &holdings)?;
    // Whoever looks at everything wants to know as well what is held by a policy or keys of before.
    run.judge_again(&holdings)?;
    run.outcome.audited = chosen.len();
    let asked = if offline { Ok(()) } else { ask_again(run, &chosen).await };
    leftovers::tidy(&run.workshop, &run.record, run.request.now, &mut run.outcome.cleared)?;
    run.record.write(&run.workshop.folder)?;
    run.tell_unfit();
    let changed = run.record.versions.iter().filter(|(_, entry)| entry.state == State::Changed);
    run.outcome.changed = changed.map(|(key, entry)| changed_event(key, entry, &run.workshop)).collect();
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

/// Compares zips and signatures of the layer with the record.
pub(super) fn compare(run: &mut Run<'_>, held: &HeldVersions<'_>, holdings: &Holdings) -> Result<()> {
    run.progress.begin("reading zips", held.len() as u64);
    let (root, progress) = (&run.workshop.root, run.progress);
    let compared = held.par_iter().map(|(key, entry)| {
        let found = match holdings.zips.get(&id(key)) {
            None => None,
            Some(zip) => {
                let zip = root.join(&zip.path);
                let is_lost = entry.signature_sha256.is_some() && !is_file(&place::signature_of(&zip));
                let lost = || is_lost.then(|| "its signature lies no more in the layer".to_owned());
                Some(differs_from(&zip, entry, false)?.or_else(lost))
            }
        };
        progress.step();
        Ok(found.map(|why| (*key, why, entry.state)))
    });
    for (key, why, state) in compared.collect::<Result<Vec<_>>>()?.into_iter().flatten() {
        run.outcome.refused.extend(why.map(|why| {
            let hint = match state {
                State::GoneUpstream => mending(false),
                _ => "move it away, and run again without --audit and --locked; it is fetched anew",
            };
            Event::new(said(key), format!("{why}\nhint: {hint}"), None)
        }));
    }
    Ok(())
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
    for transport in &run.transports {
        let own = chosen.iter().filter(|(_, entry)| entry.upstream.as_ref() == Some(&transport.name));
        let own = own.filter(|(_, entry)| entry.state != State::GoneUpstream);
        let way = Way {
            workshop: &run.workshop,
            transport,
            most: run.site.limits.max_package_bytes,
            always_lays_aside: !run.request.only.is_empty(),
            wants_signatures: run.site.trust.wants_signatures(),
        };
        let work = stream::iter(own).map(async |(key, entry)| (*key, one(&way, key, entry).await));
        let mut work = work.buffer_unordered(transport.upstream().jobs);
        while let Some((key, again)) = work.next().await {
            run.progress.step();
            match again? {
                Again::Same => {
                    if let Some(entry) = run.record.versions.get_mut(key).filter(|one| one.state == State::Changed) {
                        (entry.state, entry.changed_to) = (State::Held, None);
                    }
                }
                Again::Other(digest) => {
                    if let Some(entry) = run.record.versions.get_mut(key) {
                        (entry.state, entry.changed_to) = (State::Changed, Some(digest));
                    }
                }
                Again::Event(event) => run.outcome.failed.push(event),
                Again::Gone => {
                    let why = "the upstream lists it and does not have it any more; it is kept";
                    run.outcome.warnings.push(Event::new(said(key), why, None));
                }
                Again::Over(reason) => drop(over.get_or_insert(format!("upstream {}: {reason}", transport.name))),
            }
        }
    }
    over.map_or(Ok(()), |reason| Err(Hindrance::Upstream(reason)))
}

/// By what a version is asked for again.
struct Way<'a> {
    workshop: &'a Workshop,
    transport: &'a Transport,
    /// Most bytes of a zip.
    most: u64,
    always_lays_aside: bool,
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
        let other = Again::Other(found.sha256);
        if !way.always_lays_aside && leftovers::changed_bytes(workshop)? + found.size > leftovers::MOST_CHANGED_BYTES {
            // The digest is told; whoever wants the bytes names the version.
            partial.discard()?;
            return Ok(other);
        }
        let aside = aside(workshop, key, &found.sha256.to_string());
        fs::make_folders(&workshop.changed())?;
        if let Some(text) = beside {
            fs::write_over_for_good(&place::signature_of(&aside), &text)?;
        }
        fs::flush(&partial.content)?;
        fs::rename_for_good(&partial.content, &aside)?;
        partial.discard()?;
        Ok(other)
    };
    Ok(match asked.await {
        Ok(again) => again,
        Err(Fault::Machine(error)) => return Err(error),
        Err(Fault::Over(reason)) => Again::Over(reason),
        Err(Fault::Status(404 | 410)) => Again::Gone,
        Err(fault) => Again::Event(Event::new(said(key), fault.words(), None)),
    })
}

/// Where the bytes lie that an upstream gives now.
pub(super) fn aside(workshop: &Workshop, key: &Key, digest: &str) -> PathBuf {
    workshop.changed().join(format!("{}.{digest}.zip", id(key)))
}

/// The event that an upstream changed a version.
pub(super) fn changed_event(key: &Key, entry: &Entry, workshop: &Workshop) -> Event {
    let text = |digest: Option<Digest>| digest.map(|digest| digest.short(16)).unwrap_or_default();
    let to = entry.changed_to.map(|digest| digest.to_string()).unwrap_or_default();
    let aside = aside(workshop, key, &to);
    let is_here = fs::link_metadata(&aside).is_ok();
    let hint = if is_here {
        format!("compare the two; --accept-changed {}@{} --reason WHY takes the new one", key.0, key.1)
    } else {
        format!("--audit --only {}@{} fetches the new one and lays it aside", key.0, key.1)
    };
    let why = format!(
        "the upstream gives other bytes under this version now: {}…, held is {}…; what is held stays\n\
         hint: {hint}",
        text(entry.changed_to),
        text(entry.sha256)
    );
    Event::new(said(key), why, is_here.then(|| aside.display().to_string()))
}
