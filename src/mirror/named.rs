//! Versions that somebody names and no listing has: their upstreams are asked for them, one by one.
//!
//! A listing leaves out what its registry hides, keeps in quarantine or has taken out of its index, and a Kibana that has such a
//! version installed downloads it again all the same. An upstream with an index tells what it hides and need not be asked for
//! the rest. Each version that is missing costs a request in runs that have something to do, and none where nothing is new.
//!
//! What lies in the layer and of which nothing is known, since a plan or a record brought it or the facts were lost, is asked for
//! as well, and where nobody tells of it, its zip does.

use super::deliver::said;
use super::facts::{FactsTable, Hidden, Key};
use super::fault::Fault;
use super::holdings::Holdings;
use super::listings::{self, Hindrance};
use super::outcome::Event;
use super::plan::id;
use super::saved;
use super::session::{Run, answering};
use super::transport::Transport;
use crate::input::source::Candidate;
use anyhow::anyhow;
use futures_util::{StreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};

/// Why an upstream did not tell of a version.
struct Hindered {
    event: Event,
    upstream: String,
    /// True if it may pass.
    passes: bool,
    /// Why the upstream was given up, if it was.
    over: Option<String>,
}

impl Run<'_> {
    /// Finds out who gives what is named, not listed, and does not lie in the layer. Returns the versions that were told of.
    pub(super) async fn ask_for_named(
        &mut self,
        facts: &mut FactsTable,
        hidden: &Hidden,
        holdings: &Holdings,
    ) -> Result<BTreeSet<Key>, Hindrance> {
        let lies = |key: &Key| holdings.zips.contains_key(&id(key)) || holdings.folders.contains(&id(key));
        let is_known = |key: &Key| {
            let is_told = |upstream| hidden.versions.contains_key(key) || self.silent.contains_key(upstream);
            facts.get(key).is_some_and(|facts| facts.listed || facts.hidden && is_told(&facts.upstream))
        };
        let mut open: BTreeMap<Key, bool> = self.wants.named(self.request.only);
        open.retain(|key, _| {
            let needs_no_question = is_known(key) || self.is_out(key) || lies(key) && facts.contains_key(key);
            !needs_no_question
        });
        for key in open.keys() {
            // What was given by name once may be so no more.
            if let Some(facts) = facts.get_mut(key) {
                facts.hidden = false;
            }
        }
        let (mut found, mut hindered) = (BTreeSet::new(), BTreeMap::<Key, Vec<Hindered>>::new());
        for transport in answering(&self.transports, &self.silent) {
            let tells_all = hidden.tellers.contains(&transport.name);
            let is_told = |key: &Key| hidden.versions.get(key) == Some(&transport.name);
            let may_have = |key: &&Key| !found.contains(*key) && (!tells_all || is_told(key));
            let keys: Vec<Key> = open.keys().filter(may_have).cloned().collect();
            let asked = stream::iter(keys).map(async |key| {
                let answer = listings::unlisted(transport, &key).await;
                (key, answer)
            });
            let mut answers = asked.buffer_unordered(transport.upstream().jobs);
            while let Some((key, answer)) = answers.next().await {
                match answer {
                    Ok(told) => {
                        found.insert(key.clone());
                        facts.insert(key, told);
                    }
                    Err(Fault::Status(404 | 410)) if !is_told(&key) => {}
                    Err(Fault::Machine(error)) => return Err(Hindrance::Failed(error)),
                    Err(fault) => {
                        let why = hindrance(transport, &key, fault, is_told(&key));
                        hindered.entry(key).or_default().push(why);
                    }
                }
            }
        }
        // What could not be asked for nobody knows.
        for upstream in self.silent.keys() {
            for key in open.keys() {
                let why = format!("it is not listed, and upstream {upstream} cannot be asked for it now");
                let event = Event::new(said(key), why, None);
                let hindrance = Hindered { event, upstream: upstream.clone(), passes: true, over: None };
                hindered.entry(key.clone()).or_default().push(hindrance);
            }
        }
        hindered.retain(|key, _| !found.contains(key));
        let mut lying: Vec<Key> = found.iter().filter(|key| lies(key)).cloned().collect();
        lying.extend(self.read_unknown(open.keys(), facts, holdings, |key| {
            hindered.contains_key(key) || hidden.versions.contains_key(key)
        }));
        self.tell_offered(&lying, facts);
        hindered.retain(|key, _| !facts.contains_key(key) || !lies(key));
        if let Some(reason) = hindered.values().flatten().find_map(|one| one.over.clone()) {
            return Err(Hindrance::Upstream(reason));
        }
        for (key, hindrances) in hindered {
            // Without it the selection cannot be made.
            if open.get(&key) == Some(&true) {
                let one = hindrances.iter().find(|one| one.passes).or(hindrances.first());
                let Some(Hindered { event, upstream, passes, .. }) = one else { continue };
                let words = format!("upstream {upstream}: {}: {}", event.what, event.why);
                return Err(if *passes { Hindrance::Upstream(words) } else { Hindrance::Failed(anyhow!("{words}")) });
            }
            for Hindered { event, passes, .. } in hindrances {
                // An index that tells of it and its document may be of two moments, which is seen when it is asked for again.
                let events = if passes { &mut self.outcome.failed } else { &mut self.outcome.refused };
                events.push(event);
            }
        }
        Ok(found)
    }

    /// Reads what lies in the layer, is named or recorded, and of which nothing is known. What could not be asked for counts as
    /// given still. Returns what was read.
    fn read_unknown<'a>(
        &'a self,
        named: impl Iterator<Item = &'a Key>,
        facts: &mut FactsTable,
        holdings: &Holdings,
        is_hindered: impl Fn(&Key) -> bool,
    ) -> Vec<Key> {
        let held = self.record.versions.iter().filter(|(_, entry)| entry.is_held()).map(|(key, _)| key);
        let unknown: BTreeSet<&Key> = held.chain(named).filter(|key| !facts.contains_key(*key)).collect();
        let mut read = Vec::new();
        for key in unknown {
            let folder = holdings.folder_candidates.get(&id(key)).cloned();
            let zip = holdings.zips.get(&id(key)).map(|zip| self.site.root.join(&zip.path));
            let candidate = zip.and_then(|path| Candidate::named(&path, &self.site.layer).ok()).or(folder);
            let entry = self.record.versions.get(key);
            let first = self.transports.first().map(|transport| &transport.name);
            let Some((candidate, upstream)) = candidate.zip(entry.and_then(|entry| entry.upstream.as_ref()).or(first))
            else {
                continue;
            };
            // What is damaged is told elsewhere.
            let Ok((found, mut told)) = saved::facts_of(&candidate, upstream, &self.site.limits) else { continue };
            if found == *key {
                told.hidden = is_hindered(key);
                told.signed = entry.is_some_and(|entry| entry.signature_sha256.is_some());
                facts.insert(found, told);
                read.push(key.clone());
            }
        }
        read
    }
}

/// What is said of a version of which an upstream did not tell.
fn hindrance(transport: &Transport, key: &Key, fault: Fault, is_told: bool) -> Hindered {
    let upstream = transport.name.clone();
    let over = match &fault {
        Fault::Over(reason) => Some(format!("upstream {upstream}: {reason}")),
        _ => None,
    };
    let passes = matches!(fault, Fault::Passing { .. } | Fault::Unreachable(_) | Fault::Over(_));
    let known = if is_told { "the upstream tells of it" } else { "it is not listed" };
    let why = format!("{known}, and its document cannot be had: {}", fault.words());
    let place = transport.address(&listings::document_path(key)).ok().map(|url| url.to_string());
    Hindered { event: Event::new(said(key), why, place), upstream, passes, over }
}
