//! Versions that somebody names and no listing has: their upstreams are asked for them, one by one.
//!
//! A listing leaves out what its registry hides, keeps in quarantine or has taken out of its index, and a Kibana that has such a
//! version installed downloads it again all the same. An upstream with an index tells what it hides and need not be asked for
//! the rest. Each version that is missing costs a request in runs that have something to do, and none where nothing is new.

use super::deliver::said;
use super::facts::{FactsTable, Hidden, Key};
use super::fault::Fault;
use super::holdings::Holdings;
use super::listings::{self, Hindrance};
use super::outcome::Event;
use super::plan::id;
use super::session::Run;
use futures_util::{StreamExt, stream};
use std::collections::BTreeMap;

impl Run<'_> {
    /// Finds out who gives what is named, not listed, and does not lie in the layer.
    pub(super) async fn ask_for_named(
        &mut self,
        facts: &mut FactsTable,
        hidden: &Hidden,
        holdings: &Holdings,
    ) -> Result<(), Hindrance> {
        let lies = |key: &Key| holdings.zips.contains_key(&id(key)) || holdings.folders.contains(&id(key));
        let is_known = |key: &Key| {
            let is_told = |upstream| hidden.versions.contains_key(key) || self.silent.contains_key(upstream);
            facts.get(key).is_some_and(|facts| facts.listed || facts.hidden && is_told(&facts.upstream))
        };
        let mut open: BTreeMap<Key, bool> = self.wants.named(self.request.only);
        open.retain(|key, _| !is_known(key) && !lies(key));
        for key in open.keys() {
            // What was given by name once may be so no more.
            if let Some(facts) = facts.get_mut(key) {
                facts.hidden = false;
            }
        }
        for transport in self.transports.iter().filter(|one| !self.silent.contains_key(&one.name)) {
            let tells_all = hidden.tellers.contains(&transport.name);
            let may_have = |key: &&Key| !tells_all || hidden.versions.get(*key) == Some(&transport.name);
            let keys: Vec<Key> = open.keys().filter(may_have).cloned().collect();
            let asked = stream::iter(keys).map(async |key| {
                let answer = listings::unlisted(transport, &key).await;
                (key, answer)
            });
            let mut answers = asked.buffer_unordered(transport.upstream().jobs);
            while let Some((key, answer)) = answers.next().await {
                let (fault, is_lasting) = match answer {
                    Ok(found) => {
                        open.remove(&key);
                        facts.insert(key, found);
                        continue;
                    }
                    Err(Fault::Status(404 | 410)) => continue,
                    Err(Fault::Machine(error)) => return Err(Hindrance::Failed(error)),
                    Err(Fault::Over(reason)) => {
                        return Err(Hindrance::Upstream(format!("upstream {}: {reason}", transport.name)));
                    }
                    Err(fault @ (Fault::Status(_) | Fault::Unfit(_))) => (fault, true),
                    Err(fault @ (Fault::Passing { .. } | Fault::Unreachable(_))) => (fault, false),
                };
                let why = format!("it is not listed, and its document cannot be had: {}", fault.words());
                if open.get(&key) == Some(&true) && !is_lasting {
                    let (name, what) = (&transport.name, said(&key));
                    return Err(Hindrance::Upstream(format!("upstream {name}: {what}: {why}")));
                }
                let place = transport.address(&listings::document_path(&key)).ok().map(|url| url.to_string());
                let events = if is_lasting { &mut self.outcome.refused } else { &mut self.outcome.failed };
                events.push(Event::new(said(&key), why, place));
            }
        }
        // What could not be asked for nobody knows.
        for (upstream, reason) in self.silent.iter().take(1) {
            if open.values().any(|is_needed| *is_needed) {
                return Err(Hindrance::Upstream(reason.clone()));
            }
            let why = format!("it is not listed, and upstream {upstream} cannot be asked for it now");
            self.outcome.failed.extend(open.keys().map(|key| Event::new(said(key), why.clone(), None)));
        }
        Ok(())
    }
}
