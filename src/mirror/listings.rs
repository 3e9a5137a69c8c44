//! Asks upstreams for their listings, and finds out whether anything in them is new.

use super::facts::{Facts, FactsTable, Hidden, Key};
use super::fault::Fault;
use super::fetch::{self, Stash};
use super::index::{self, Asked, INDEX, Index, ToldTable};
use super::listing::{self, Listing, Refused};
use super::outcome::{Event, Outcome};
use super::record::{Head, Listed, Seen};
use super::scan::BOUNDS;
use super::transport::Transport;
use crate::base::shown::printable;
use anyhow::{Result, bail};
use futures_util::{StreamExt, stream};
use serde_json::Value;
use std::collections::BTreeMap;

/// The listing that leaves nothing out.
pub(super) const LISTING: &str = "search?all=true&prerelease=true";
/// Of what was listed the last time, so many hundredths must be listed again.
const LEAST_PERCENT: usize = 90;
/// As many versions are asked for their documents one by one.
pub(super) const MOST_DOCUMENTS: usize = 200;
/// Largest document of a version.
const MOST_DOCUMENT_BYTES: usize = 16 << 20;
/// Largest answer about the registry itself.
const MOST_ROOT_BYTES: usize = 64 << 10;

/// A listing that was fetched.
pub(super) struct Heard {
    /// Its text, until it was read.
    stash: Option<Stash>,
    /// The address that was asked.
    url: String,
    pub(super) listed: Listed,
    /// What its index tells, if it has one.
    index: Option<Index>,
    /// What lies on this machine and is no version that anybody could be given.
    refused: Vec<Refused>,
    /// True if the listing is that of the last run.
    pub(super) is_known: bool,
}

/// What all listings say together.
#[derive(Default)]
pub(super) struct ListedVersions {
    pub(super) versions: BTreeMap<Key, Facts>,
    /// What indexes tell, also of what is hidden.
    pub(super) told: ToldTable,
    pub(super) hidden: Hidden,
    /// Where upstreams tell different bytes of one version.
    pub(super) conflicts: Vec<Event>,
}

/// What hinders a run before it begins.
pub(super) enum Hindrance {
    /// The upstream could not be reached, or what it said is of no use.
    Upstream(String),
    /// This machine failed, or the run is refused.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Hindrance {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

pub(super) fn hindrance(fault: Fault, name: &str, url: &str) -> Hindrance {
    match fault {
        Fault::Machine(error) => Hindrance::Failed(error),
        fault => {
            let words = fault.words();
            let (words, hint) = words.split_once("\nhint: ").unwrap_or((&words, ""));
            let hint = match (&fault, hint) {
                (_, hint) if !hint.is_empty() => format!("\nhint: {hint}"),
                (Fault::Status(_) | Fault::Unfit(_), _) => {
                    format!("\nhint: check `url` of upstream {name}; {url} is no listing of a registry")
                }
                _ => String::new(),
            };
            Hindrance::Upstream(format!("the listing of upstream {name} cannot be had: {words}{hint}"))
        }
    }
}

/// Asks one upstream what it lists: its index if it may have one, and its listing. With `only_news` there is nothing if all is
/// as the last time; that an upstream has no index is believed as long as its listing is the same.
pub(super) async fn hear(
    transport: &Transport,
    before: Option<&Listed>,
    only_news: bool,
) -> Result<Option<Heard>, Hindrance> {
    let name = &transport.name;
    let seen = before.and_then(|before| before.index.as_ref());
    let had_none = seen.is_some_and(|seen| !seen.there);
    let address = |path: &str| transport.address(path).map_err(|fault| hindrance(fault, name, path));
    let index_of = async |known: Option<&Seen>| {
        let url = address(INDEX)?;
        index::ask(transport, known).await.map_err(|fault| hindrance(fault, name, url.as_str()))
    };
    let mut asked = Asked::Unknown;
    if !had_none {
        asked = index_of(seen.filter(|_| only_news)).await?;
        if matches!(asked, Asked::Same) {
            return Ok(None);
        }
    }
    let url = address(LISTING)?;
    let sort = |fault| hindrance(fault, name, url.as_str());
    let stash = fetch::listing(transport, &url, BOUNDS.bytes).await.map_err(sort)?;
    let unreadable = |error: std::io::Error| sort(Fault::Unfit(format!("it cannot be unpacked: {error}")));
    let listing = stash.digest(BOUNDS.bytes + 1).map_err(unreadable)?;
    let is_known = before.is_some_and(|before| before.listing == listing);
    if is_known && only_news && matches!(asked, Asked::Unknown) {
        return Ok(None);
    }
    if had_none && !is_known {
        asked = index_of(None).await?;
    }
    let (index, seen) = match asked {
        Asked::New(index) => {
            let seen = index.seen.clone();
            (Some(index), Some(seen))
        }
        Asked::Absent => (None, Some(Seen::default())),
        Asked::Same | Asked::Unknown => (None, seen.cloned()),
    };
    let listed = Listed { listing, versions: 0, service: None, index: seen };
    let stand_in = transport.stand_in.as_deref();
    let url = stand_in.map_or_else(|| url.to_string(), |one| one.path().display().to_string());
    let refused = stand_in.map_or(Ok(Vec::new()), |one| one.refused())?;
    Ok(Some(Heard { stash: Some(stash), url, listed, index, refused, is_known }))
}

/// Reads the listings, the first upstream first, and guards against one that lost most of its versions. Of an upstream with an
/// index only those versions count that both have.
pub(super) fn read(
    heard: &mut [(String, Heard)],
    head: &Head,
    accept_loss: bool,
    outcome: &mut Outcome,
) -> Result<ListedVersions, Hindrance> {
    let mut all = ListedVersions::default();
    for (name, heard) in heard {
        let url = heard.url.clone();
        let sort = |why: String| hindrance(Fault::Unfit(why), name, &url);
        let Some(stash) = heard.stash.take() else { continue };
        let text = stash.text().map_err(|error| sort(format!("it cannot be unpacked: {error}")))?;
        let mut listing = listing::read(text, name, &BOUNDS).map_err(|error| sort(error.to_string()))?;
        drop(stash);
        // What is hidden is there still.
        let hidden = heard.index.as_ref().map_or(0, |index| index.hidden.len());
        let torn = heard.index.take().map(|index| both(&mut listing, index, name, &mut all)).unwrap_or_default();
        // Between two requests a registry may have changed: the next run asks for both again.
        outcome.refused.extend(torn);
        let refused = listing.refused.into_iter().chain(std::mem::take(&mut heard.refused));
        let event = |refused: Refused| Event::new(refused.what, refused.why, Some(url.clone())).lasting();
        outcome.refused.extend(refused.map(event));
        heard.listed.versions = listing.versions.len();
        if !accept_loss {
            guard(name, &url, heard.listed.versions + hidden, head)?;
        }
        for (key, facts) in listing.versions {
            all.versions.entry(key).or_insert(facts);
        }
    }
    let ListedVersions { versions, hidden, .. } = &mut all;
    hidden.versions.retain(|key, _| !versions.contains_key(key));
    Ok(all)
}

/// Leaves in a listing what the index has as well, and returns what only one of them has. What the index tells beyond that,
/// also where an upstream before it told other bytes, goes to what all listings say.
fn both(listing: &mut Listing, index: Index, name: &str, all: &mut ListedVersions) -> Vec<Event> {
    let ListedVersions { told, hidden, conflicts, .. } = all;
    hidden.tellers.insert(name.to_owned());
    listing.refused.extend(index.refused);
    let mut missing = Vec::new();
    listing.versions.retain(|key, _| {
        let is_there = index.versions.contains_key(key);
        if !is_there {
            missing.push(key.clone());
        }
        is_there
    });
    let event = |key: &Key, why: String| Event::new(super::deliver::said(key), why, None);
    let why = format!("it is listed, and {INDEX} does not have it");
    let mut torn: Vec<_> = missing.iter().map(|key| event(key, why.clone())).collect();
    for (key, one) in index.versions {
        if listing.versions.contains_key(&key) {
            if let Some(why) = told.get(&key).and_then(|first| index::conflict(first, &one)) {
                conflicts.push(event(&key, why));
            }
            told.entry(key).or_insert(one);
        } else if index.hidden.contains(&key) {
            // It is not offered, and whoever has it installed may ask for it.
            hidden.versions.entry(key.clone()).or_insert_with(|| name.to_owned());
            told.entry(key).or_insert(one);
        } else if !missing.contains(&key) {
            torn.push(event(&key, format!("{INDEX} has it, and it is not listed")));
        }
    }
    torn
}

fn guard(name: &str, url: &str, now: usize, head: &Head) -> Result<()> {
    let before = head.upstreams.get(name).map(|listed| listed.versions);
    let hint = format!("hint: look at {url}; --accept-loss goes on");
    match before {
        Some(before) if now * 100 < before * LEAST_PERCENT => {
            bail!("upstream {name} lists {now} versions, the last time {before}: nothing was done\n{hint}")
        }
        None if now == 0 => bail!("upstream {name} lists no version: nothing was done\n{hint}"),
        _ => Ok(()),
    }
}

/// Asks what the registry calls itself. That it does not say so is no harm.
pub(super) async fn service(transport: &Transport) -> Option<String> {
    let url = transport.address("").ok()?;
    let bytes = transport.small(&url, false, MOST_ROOT_BYTES).await.ok()?;
    let root: Value = serde_json::from_slice(&bytes).ok()?;
    let text = |key: &str| root.get(key).and_then(Value::as_str).map(|text| printable(text, 60));
    Some([text("service.name")?, text("service.version").unwrap_or_default()].join(" ").trim_end().to_owned())
}

/// Asks for the documents of versions, which tell their formats. Returns the versions whose documents are not to be used.
pub(super) async fn documents(
    transport: &Transport,
    new: &[Key],
    facts: &mut FactsTable,
    outcome: &mut Outcome,
) -> Result<Vec<Key>, Hindrance> {
    let asked = stream::iter(new).map(async |key| (key, document(transport, key).await));
    let mut answers = asked.buffer_unordered(transport.upstream().jobs);
    let mut wrong = Vec::new();
    while let Some((key, answer)) = answers.next().await {
        let what = super::deliver::said(key);
        match answer {
            Ok(told) => {
                if let Some(facts) = facts.get_mut(key) {
                    facts.format_version = told.format_version;
                    facts.license = told.license;
                }
            }
            Err(Fault::Machine(error)) => return Err(Hindrance::Failed(error)),
            Err(Fault::Over(reason)) => {
                return Err(Hindrance::Upstream(format!("upstream {}: {reason}", transport.name)));
            }
            Err(Fault::Unfit(why)) => {
                wrong.push(key.clone());
                outcome.refused.push(Event::new(what, format!("its document is not to be used: {why}"), None));
            }
            // The zip tells as well; its document may be a file that was forgotten.
            Err(fault) => {
                let why = format!("its document cannot be had: {}", fault.words());
                outcome.warnings.push(Event::new(what, why, None));
            }
        }
    }
    outcome.refused.sort_by(|one, other| one.what.cmp(&other.what));
    outcome.warnings.sort_by(|one, other| one.what.cmp(&other.what));
    Ok(wrong)
}

/// Asks for the document of a version that no listing has.
pub(super) async fn unlisted(transport: &Transport, key: &Key) -> Result<Facts, Fault> {
    let url = transport.address(&document_path(key))?;
    let bytes = transport.small(&url, false, MOST_DOCUMENT_BYTES).await?;
    listing::of_document(&bytes, &transport.name, key).map_err(Fault::Unfit)
}

/// The path of a document.
pub(super) fn document_path((name, version): &Key) -> String {
    format!("package/{name}/{version}/")
}

/// What a document tells that no listing does.
struct Told {
    format_version: Option<String>,
    license: Option<String>,
}

async fn document(transport: &Transport, key: &Key) -> Result<Told, Fault> {
    let url = transport.address(&document_path(key))?;
    let (name, version) = key;
    let bytes = transport.small(&url, false, MOST_DOCUMENT_BYTES).await?;
    let document: Value =
        serde_json::from_slice(&bytes).map_err(|error| Fault::Unfit(format!("it is not JSON: {error}")))?;
    let text = |key: &str| document.get(key).and_then(Value::as_str);
    for (key, wanted) in [("name", name.as_str()), ("version", version.as_str())] {
        if text(key) != Some(wanted) {
            let told = printable(text(key).unwrap_or_default(), 80);
            return Err(Fault::Unfit(format!("its `{key}` is `{told}`, and it was asked for as `{wanted}`")));
        }
    }
    let short = |key: &str| text(key).filter(|text| text.len() <= 100).map(str::to_owned);
    Ok(Told { format_version: short("format_version"), license: short("license") })
}
