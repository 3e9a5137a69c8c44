//! Takes zips that lie in the layer already into the record, if they are what they should be.

use super::deliver::{self, Site, said};
use super::facts::{FactsTable, Key};
use super::outcome::Event;
use super::place;
use super::plan::Plan;
use super::record::{Entry, State};
use super::session::Run;
use crate::base::digest::Digest;
use crate::base::fs;
use anyhow::Result;
use rayon::prelude::*;
use std::path::PathBuf;

impl Run<'_> {
    /// Takes zips that lie in the layer already into the record, if they are what they should be.
    pub(super) fn adopt(&mut self, plan: &Plan, facts: &FactsTable) -> Result<Vec<Key>> {
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
}

/// Looks at a zip that lies in the layer.
fn look(site: &Site, key: &Key, path: PathBuf, facts: &FactsTable) -> Result<Result<Entry, Event>> {
    let zip = site.root.join(&path);
    let beside = place::signature_of(&zip);
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
    let usual = place::usual(key);
    Ok(Ok(Entry {
        sha256: Some(digest),
        size: Some(size),
        signature_sha256: signature.as_deref().map(Digest::of),
        signature: Some(judged.words),
        format_version: Some(format_version),
        upstream: known.map(|facts| facts.upstream.clone()),
        // What lies in another folder of the layer has no path below this one.
        path: (path != usual && path.is_relative()).then_some(path),
        reasons: vec!["it lay in the layer before".to_owned()],
        ..Entry::new(State::Held, site.now.clone())
    }))
}
