//! What can be chosen from: what a layer's record knows of its upstreams, or what a registry lists now. Nothing is written.

use super::facts::{self, Facts, Key};
use super::fault::Fault;
use super::formats;
use super::gate::Gates;
use super::listings::{self, Hindrance, ListedVersions, hear};
use super::outcome::Outcome;
use super::place;
use super::record::{Entry, Head, Record};
use super::saved;
use super::transport::Transport;
use crate::base::fs;
use crate::base::progress::Progress;
use crate::config::limits::Limits;
use crate::config::overrides::Override;
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
pub fn of_layer(root: &Path, overrides: &[Override]) -> Result<Option<Offer>> {
    let folder = journal::Journal::of(root).path().to_owned();
    let known = facts::read(&folder)?;
    if known.is_empty() {
        return Ok(None);
    }
    let record = Record::read(&folder)?;
    let is_held = |key: &Key| record.versions.get(key).is_some_and(Entry::is_held);
    let offered = known.iter().filter(|(key, facts)| facts.is_given() || is_held(key));
    let mut offer = Offer::default();
    offer.add(
        offered.map(|(key, facts)| {
            let format = record.versions.get(key).and_then(|entry| entry.format_version.as_deref());
            (key, facts, facts.format_version.as_deref().or(format).or(facts.known_format()))
        }),
        overrides,
    );
    // What upstreams tell of everything, and what is known for certain of what is held.
    offer.bytes = known.iter().filter_map(|(key, facts)| Some((key.clone(), facts.bytes?))).collect();
    offer.bytes.extend(sizes(root, &record));
    Ok(Some(offer))
}

/// Bytes of the zips that a mirrored layer holds; none if it holds nothing yet.
///
/// # Errors
/// When the record of the layer cannot be read.
pub fn sizes_of_layer(root: &Path) -> Result<BTreeMap<Key, u64>> {
    Ok(sizes(root, &Record::read(journal::Journal::of(root).path())?))
}

/// What the record says, and the disk where it says nothing.
fn sizes(root: &Path, record: &Record) -> BTreeMap<Key, u64> {
    let on_disk = |key: &Key, entry: &Entry| {
        let path = entry.path.clone().unwrap_or_else(|| place::usual(key));
        fs::link_metadata(&root.join(path)).ok().filter(|found| found.is_file()).map(|found| found.len())
    };
    let size =
        |key: &Key, entry: &Entry| entry.size.or_else(|| if entry.is_held() { on_disk(key, entry) } else { None });
    record.versions.iter().filter_map(|(key, entry)| Some((key.clone(), size(key, entry)?))).collect()
}

/// What a registry or a saved image lists, as overrides have it told. Listings do not tell the format of packages, so a registry
/// is asked once more for each bound that Kibanas send.
///
/// # Errors
/// When the registry does not answer, or not as a registry does; when the image is none.
pub fn ask(upstream: &Upstream, overrides: &[Override], limits: &Limits, progress: &Progress) -> Result<Offer> {
    let mut transport = Transport::new(&upstream.url, upstream, &Gates::default())?;
    saved::open_alone(&mut transport, limits, progress)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the requests")?;
    match runtime.block_on(asked(&transport, overrides)) {
        Ok(offer) => Ok(offer),
        Err(Hindrance::Upstream(reason)) => Err(anyhow!("{reason}")),
        Err(Hindrance::Failed(error)) => Err(error),
    }
}

async fn asked(transport: &Transport, overrides: &[Override]) -> Result<Offer, Hindrance> {
    let Some(heard) = hear(transport, None, false).await? else { return Ok(Offer::default()) };
    let mut outcome = Outcome::default();
    let mut heard = [(transport.name.clone(), heard)];
    let ListedVersions { mut versions, told, .. } = listings::read(&mut heard, &Head::default(), true, &mut outcome)?;
    let mut offer = Offer::default();
    offer.warnings.extend(outcome.refused.iter().map(|event| format!("{}: {}", event.what, event.why)));
    let keys: Vec<Key> = versions.keys().cloned().collect();
    if transport.stand_in.is_some() {
        // What lies on this machine tells the formats themselves.
        listings::documents(transport, &keys, &mut versions, &mut Outcome::default()).await?;
        offer.add(versions.iter().map(|(key, facts)| (key, facts, facts.known_format())), overrides);
        offer.bytes = told.into_iter().map(|(key, told)| (key, told.size)).collect();
        return Ok(offer);
    }
    let formats = match formats::classes(transport, &keys).await {
        Ok(formats) => formats,
        Err(Fault::Machine(error)) => return Err(Hindrance::Failed(error)),
        Err(fault) => {
            let words = fault.words();
            offer.warnings.push(format!("{} tells no formats of packages: {words}", transport.name));
            BTreeMap::new()
        }
    };
    offer.add(versions.iter().map(|(key, facts)| (key, facts, formats.get(key).map(String::as_str))), overrides);
    offer.bytes = told.into_iter().map(|(key, told)| (key, told.size)).collect();
    Ok(offer)
}

impl Offer {
    /// Adds versions, each with its format if that is known.
    fn add<'a>(
        &mut self,
        versions: impl Iterator<Item = (&'a Key, &'a Facts, Option<&'a str>)>,
        overrides: &[Override],
    ) {
        for (key, facts, format) in versions {
            match facts.candidate(key, format, overrides) {
                Ok(candidate) => self.candidates.push(candidate),
                Err(error) => self.warnings.push(format!("{error:#}")),
            }
        }
    }
}
