//! A mirrored layer for commands that look at what it holds, or take versions out that nobody wants any more.

use super::accept;
use super::facts::{self, FactsTable, Key};
use super::place;
use super::plan::id;
use super::record::{Entry, Record, State};
use super::unwanted::Unwanted;
use super::wanted;
use super::workshop::Workshop;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::time;
use crate::config::layer::LayerPlan;
use crate::config::overrides::Override;
use crate::edit::journal::{Action, LayerChange};
use crate::edit::take_out;
use crate::select::Candidate;
use anyhow::{Context, Result, ensure};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// A mirrored layer.
pub struct MirroredLayer {
    workshop: Workshop,
    record: Record,
    unwanted: Unwanted,
    /// What upstreams said of every version that they ever listed.
    pub facts: FactsTable,
    /// Zips that the record has and that lie where it says.
    pub versions: BTreeMap<Key, MirroredVersion>,
    /// Versions that lie in the layer, in whatever form, as `<name>-<version>`.
    there: BTreeSet<String>,
    /// Versions that were taken out because nobody wanted them, as `<name>-<version>`.
    pruned: BTreeSet<String>,
    /// Versions that somebody removed, as `<name>-<version>`.
    removed: BTreeSet<String>,
}

/// A version that a run brought, or took into the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirroredVersion {
    /// Path of the zip below the layer's folder.
    pub path: PathBuf,
    /// Digest of the zip.
    pub sha256: Digest,
    /// Bytes of the zip and of its signature.
    pub bytes: u64,
    /// When a run first did not want it, in seconds since 1970; absent if the last one did, or none looked.
    pub unwanted_since: Option<u64>,
    /// True if an upstream gives other bytes for it, and nobody has decided yet.
    pub is_changed: bool,
}

impl MirroredLayer {
    /// Opens a layer; with `writes` it is locked, and what was interrupted is finished.
    ///
    /// # Errors
    /// When the layer is not there, another command is at work, or its records cannot be read.
    pub fn open(plan: &LayerPlan, writes: bool) -> Result<Self> {
        let workshop = Workshop::open(plan, writes)?;
        let (record, ..) = accept::recover(&workshop)?;
        let unwanted = Unwanted::read(&workshop.folder)?;
        let facts = facts::read(&workshop.folder)?;
        let mut layer = Self {
            workshop,
            record,
            unwanted,
            facts,
            versions: BTreeMap::new(),
            there: BTreeSet::new(),
            pruned: BTreeSet::new(),
            removed: BTreeSet::new(),
        };
        layer.look()?;
        Ok(layer)
    }

    fn look(&mut self) -> Result<()> {
        let holdings = self.workshop.holdings()?;
        for (key, entry) in self.record.versions.iter().filter(|(_, entry)| entry.is_held()) {
            let path = entry.path.clone().unwrap_or_else(|| place::usual(key));
            let Some(zip) = holdings.zips.get(&id(key)).filter(|zip| zip.path == path) else { continue };
            let (Some(sha256), Some(size), None) = (entry.sha256, zip.size, zip.harm(entry)) else { continue };
            let signature = place::signature_of(&self.workshop.root.join(&path));
            let beside = fs::link_metadata(&signature).map_or(0, |found| found.len());
            let version = MirroredVersion {
                path,
                sha256,
                bytes: size + beside,
                unwanted_since: self.unwanted.since.get(key).copied(),
                is_changed: entry.state == State::Changed,
            };
            self.versions.insert(key.clone(), version);
        }
        self.pruned = holdings.pruned;
        self.removed = holdings.removed;
        self.there = holdings.zips.into_keys().chain(holdings.folders).collect();
        Ok(())
    }

    /// What can be chosen from: versions that are listed or held, as far as it is understood what is said of them, and as
    /// overrides have them told.
    pub fn candidates(&self, overrides: &[Override]) -> Vec<Candidate> {
        let is_held = |key: &Key| self.holds(key);
        wanted::candidates(&self.facts, &is_held, overrides, &mut Vec::new())
    }

    /// Returns true if the layer holds a version, as a zip or a folder.
    pub fn holds(&self, key: &Key) -> bool {
        self.there.contains(&id(key))
    }

    /// Returns true if somebody removed a version, so that no run fetches it that does not name it.
    pub fn is_removed(&self, key: &Key) -> bool {
        self.removed.contains(&id(key))
    }

    /// When and why the last run could not reach its upstreams; nothing if it could.
    pub fn failure(&self) -> Option<(&str, &str)> {
        self.unwanted.failure.as_ref().map(|failure| (failure.time.as_str(), failure.why.as_str()))
    }

    /// Takes versions out, each as a whole, and logs why. The record forgets them: a run brings them back as soon as they are
    /// wanted again.
    ///
    /// # Errors
    /// When a zip is not the one that was mirrored, or the disk fails. What was taken out by then is logged.
    pub fn take_out(&mut self, keys: &[Key], now: u64, reason: &str) -> Result<()> {
        for key in keys {
            let version = self.versions.get(key).context("only what is held is taken out")?;
            place::check_way(&self.workshop.root, &version.path)?;
            let (found, _) = fs::digest_of_file(&self.workshop.root.join(&version.path))?;
            ensure!(
                found == version.sha256,
                "{} {} has other bytes than were mirrored: it was not taken out\nhint: look at it, and move it away",
                key.0,
                key.1
            );
        }
        for key in keys {
            let version = self.versions.get(key).context("only what is held is taken out")?;
            let change = self.change(key, now, reason);
            take_out(&self.workshop.root, &version.path, change)?;
            self.versions.remove(key);
            self.there.remove(&id(key));
        }
        // Killed before this, the log tells the next run what became of them.
        // So it may be with versions of a run that was.
        let (pruned, there) = (&self.pruned, &self.there);
        let is_gone = |key: &Key| keys.contains(key) || (pruned.contains(&id(key)) && !there.contains(&id(key)));
        self.record.versions.retain(|key, _| !is_gone(key));
        self.record.write(&self.workshop.folder)?;
        self.unwanted.since.retain(|key, _| self.record.versions.contains_key(key));
        self.unwanted.write(&self.workshop.folder)
    }

    fn change(&self, key: &Key, now: u64, reason: &str) -> LayerChange {
        let sha256 = self.record.versions.get(key).and_then(|entry: &Entry| entry.sha256);
        LayerChange {
            time: time::rfc3339(now),
            action: Action::Pruned,
            package: key.0.clone(),
            version: key.1.to_string(),
            from: Some(self.workshop.layer.clone()),
            to: None,
            content: sha256.map(|digest| digest.to_string()).unwrap_or_default(),
            signature: None,
            allowed: Vec::new(),
            reason: Some(reason.to_owned()),
        }
    }
}
