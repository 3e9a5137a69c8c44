//! Reads what somebody may have exchanged: files of the layer in another state than when they were recorded.

use super::audit;
use super::facts::Key;
use super::holdings::Holdings;
use super::plan::id;
use super::session::Run;
use anyhow::Result;
use rayon::prelude::*;
use std::collections::BTreeSet;

impl Run<'_> {
    /// What the layer holds; zips in another state than when they were recorded are read, and those that are not what was
    /// recorded are marked.
    pub(super) fn holdings(&mut self) -> Result<Holdings> {
        let mut holdings = self.workshop.holdings()?;
        self.removed.clone_from(&holdings.removed);
        if self.fingerprints.is_new && !self.workshop.writes() {
            // Who only looks, and cannot keep what was found, does not read a whole layer for it.
            return Ok(holdings);
        }
        let fingerprints = &self.fingerprints;
        let unknown = self.record.versions.iter().filter(|(_, entry)| entry.is_held()).filter_map(|(key, entry)| {
            let zip = holdings.zips.get(&id(key)).filter(|zip| zip.harm(entry).is_none())?;
            let state = zip.state?;
            (!fingerprints.knows(&id(key), entry, state))
                .then(|| (key, entry, state, self.workshop.root.join(&zip.path)))
        });
        let unknown: Vec<_> = unknown.collect();
        let (progress, site) = (self.progress, &self.site);
        progress.begin("reading zips", unknown.len() as u64);
        let read = unknown.into_par_iter().map(|(key, entry, state, path)| {
            let differs = audit::differs_from(&path, entry, site.trust.leaves_signing_to_others());
            progress.step();
            Ok((key.clone(), entry.clone(), state, differs?))
        });
        for (key, entry, state, differs) in read.collect::<Result<Vec<_>>>()? {
            match differs {
                None => self.fingerprints.learn(id(&key), &entry, state),
                why => {
                    if let Some(zip) = holdings.zips.get_mut(&id(&key)) {
                        zip.exchanged = why;
                    }
                }
            }
        }
        if self.workshop.writes() {
            self.fingerprints.write(&self.workshop.folder)?;
        }
        Ok(holdings)
    }

    /// Remembers the state of the files that this run has put into place, or found to be as they should.
    pub(super) fn keep_fingerprints(&mut self, keys: impl Iterator<Item = Key>) -> Result<()> {
        for key in keys {
            let Some(entry) = self.record.versions.get(&key).filter(|entry| entry.is_held()) else { continue };
            if let Some(state) = self.workshop.state_of(&key, entry) {
                self.fingerprints.learn(id(&key), entry, state);
            }
        }
        let held: BTreeSet<_> =
            self.record.versions.iter().filter(|(_, entry)| entry.is_held()).map(|(key, _)| id(key)).collect();
        self.fingerprints.retain(|id| held.contains(id));
        self.fingerprints.write(&self.workshop.folder)
    }
}
