//! What can be chosen from: what a layer's record knows of its upstreams, or what a registry lists now. Nothing is written.

use super::facts::{self, Facts, Key};
use super::fault::Fault;
use super::formats;
use super::gate::Gates;
use super::listings::{self, Hindrance, ListedVersions, hear};
use super::outcome::Outcome;
use super::record::{Head, Record};
use super::transport::Transport;
use crate::config::upstream::Upstream;
use crate::edit::journal;
use crate::select::Candidate;
use anyhow::{Context, Result, anyhow};
use std::collections::BTreeMap;
use std::path::Path;

/// Versions that can be chosen from.
#[derive(Debug, Default)]
pub struct Offer {
    /// The versions.
    pub candidates: Vec<Candidate>,
    /// Bytes of their zips, where they are known.
    pub bytes: BTreeMap<Key, u64>,
    /// What cannot be chosen from, and why, in words.
    pub warnings: Vec<String>,
}

/// What a mirrored layer knows: each version that an upstream gives, and each that the layer holds. Nothing if no upstream of it
/// was ever asked.
///
/// # Errors
/// When the records of the layer cannot be read.
pub fn of_layer(root: &Path) -> Result<Option<Offer>> {
    let folder = journal::Journal::of(root).path().to_owned();
    let known = facts::read(&folder)?;
    if known.is_empty() {
        return Ok(None);
    }
    let record = Record::read(&folder)?;
    let is_held = |key: &Key| record.versions.get(key).is_some_and(|entry| entry.is_held());
    let offered = known.iter().filter(|(key, facts)| facts.is_given() || is_held(key));
    let mut offer = Offer::default();
    offer.add(offered.map(|(key, facts)| {
        let format = record.versions.get(key).and_then(|entry| entry.format_version.as_deref());
        (key, facts, facts.format_version.as_deref().or(format).or(facts.known_format()))
    }));
    let sizes = record.versions.iter().filter_map(|(key, entry)| Some((key.clone(), entry.size?)));
    offer.bytes = sizes.collect();
    Ok(Some(offer))
}

/// What a registry lists. Listings do not tell the format of packages, so the registry is asked once more for each bound that
/// Kibanas send.
///
/// # Errors
/// When the registry does not answer, or not as a registry does.
pub fn ask(upstream: &Upstream) -> Result<Offer> {
    let transport = Transport::new(&upstream.url, upstream, &Gates::default())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the requests")?;
    match runtime.block_on(asked(&transport)) {
        Ok(offer) => Ok(offer),
        Err(Hindrance::Upstream(reason)) => Err(anyhow!("{reason}")),
        Err(Hindrance::Failed(error)) => Err(error),
    }
}

async fn asked(transport: &Transport) -> Result<Offer, Hindrance> {
    let Some(heard) = hear(transport, None, false).await? else { return Ok(Offer::default()) };
    let mut outcome = Outcome::default();
    let mut heard = [(transport.name.clone(), heard)];
    let ListedVersions { versions, told, .. } = listings::read(&mut heard, &Head::default(), true, &mut outcome)?;
    let mut offer = Offer::default();
    offer.warnings.extend(outcome.refused.iter().map(|event| format!("{}: {}", event.what, event.why)));
    let keys: Vec<Key> = versions.keys().cloned().collect();
    let formats = match formats::classes(transport, &keys).await {
        Ok(formats) => formats,
        Err(Fault::Machine(error)) => return Err(Hindrance::Failed(error)),
        Err(fault) => {
            let words = fault.words();
            offer.warnings.push(format!("{} tells no formats of packages: {words}", transport.name));
            BTreeMap::new()
        }
    };
    offer.add(versions.iter().map(|(key, facts)| (key, facts, formats.get(key).map(String::as_str))));
    offer.bytes = told.into_iter().map(|(key, told)| (key, told.size)).collect();
    Ok(offer)
}

impl Offer {
    /// Adds versions, each with its format if that is known.
    fn add<'a>(&mut self, versions: impl Iterator<Item = (&'a Key, &'a Facts, Option<&'a str>)>) {
        for ((name, version), facts, format) in versions {
            match Candidate::of_item(&facts.item, name, version, format, facts.license.as_deref()) {
                Ok(candidate) => self.candidates.push(Candidate { is_hidden: facts.hidden, ..candidate }),
                Err(error) => self.warnings.push(format!("{error:#}")),
            }
        }
    }
}
