//! What a mirrored layer may lose: what no selection wants, no site has installed, no generation or release shows, and what
//! was not wanted for long.
//!
//! Two steps: a list, which people look at, and the removal of exactly what is on it, if it is still of no use then. Whatever
//! is not known counts as wanted.

pub mod list_file;
mod needed;
mod published;
mod publisher;
mod wanted;

pub use list_file::{ListFile, Options};
pub use needed::keep_needed;
pub use published::published;
pub use publisher::{Offer, Publisher};
pub use wanted::{Selected, publishes_all, wanted};

use crate::base::progress::bytes;
use crate::base::time;
use crate::base::words::{counted, few, first};
use crate::config::layer::{LayerPlan, Policy};
use crate::keep::doubt::{Doubt, doubts};
use crate::mirror::MirroredVersion;
use crate::select::Key;
use crate::select::keep_file::KeepFile;
use anyhow::{Result, bail, ensure};
use list_file::Line;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The share of what a layer holds that may go at once, in percent.
const MOST_SHARE: usize = 20;
/// Versions that are named where too many would go.
const SHOWN: usize = 20;

/// What people allow.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Seconds since 1970.
    pub now: u64,
    /// Seconds for which a version must not have been wanted.
    pub older_than: u64,
    /// Seconds after which a keep file is too old to be believed.
    pub stale_keep: u64,
    /// True if no Kibana installs from the layer.
    pub no_fleet: bool,
    /// True if more than a fifth of the layer may go.
    pub accept_many: bool,
}

/// What becomes of a version that the layer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A selection wants it, for this reason.
    Wanted(String),
    /// A site keeps it, for this reason.
    Kept(String),
    /// A generation or release shows it.
    Published(String),
    /// An upstream gives other bytes for it, and nobody has decided yet.
    Changed,
    /// No upstream ever said what it is, so no selection can judge it.
    Unknown,
    /// It was not wanted for too short a time: since then, in seconds since 1970; or no run looked yet.
    Young(Option<u64>),
    /// It may go; it was not wanted since then.
    Goes(u64),
}

/// Kinds of fates, for a summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// See [`Fate::Wanted`].
    Wanted,
    /// See [`Fate::Kept`].
    Kept,
    /// See [`Fate::Published`].
    Published,
    /// See [`Fate::Changed`].
    Changed,
    /// See [`Fate::Unknown`].
    Unknown,
    /// See [`Fate::Young`].
    Young,
    /// See [`Fate::Goes`].
    Goes,
}

impl Fate {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Wanted(_) => Kind::Wanted,
            Self::Kept(_) => Kind::Kept,
            Self::Published(_) => Kind::Published,
            Self::Changed => Kind::Changed,
            Self::Unknown => Kind::Unknown,
            Self::Young(_) => Kind::Young,
            Self::Goes(_) => Kind::Goes,
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |seconds: u64| time::rfc3339(seconds).chars().take(10).collect::<String>();
        match self {
            Self::Wanted(why) => write!(f, "wanted: {why}"),
            Self::Kept(why) => write!(f, "kept: {why}"),
            Self::Published(why) => write!(f, "published: {why}"),
            Self::Changed => f.write_str("an upstream gives other bytes for it, and nobody has decided yet"),
            Self::Unknown => f.write_str("no upstream ever listed it"),
            Self::Young(Some(since)) => write!(f, "not wanted since {} only", day(*since)),
            Self::Young(None) => f.write_str("not wanted now; no mirror run has noted since when"),
            Self::Goes(since) => write!(f, "not wanted since {}", day(*since)),
        }
    }
}

/// Refuses where nothing may go at all.
///
/// # Errors
/// In words, with what to do.
pub fn check_terms(plan: &LayerPlan, keep: &[KeepFile], failure: Option<(&str, &str)>, terms: &Terms) -> Result<()> {
    let layer = &plan.source.name;
    if plan.rules.policies(layer).1 == Policy::Refuse {
        bail!("layer `{layer}` refuses the removal of versions\nhint: give it `removal: allow` if versions may go");
    }
    let source = plan.rules.mirror.as_ref();
    if source.is_none_or(|source| source.select.is_none()) {
        bail!("layer `{layer}` has no selection, so every version is wanted\nhint: give it `select` in `mirror`");
    }
    if keep.is_empty() && !terms.no_fleet {
        bail!(
            "layer `{layer}` has no keep file, so what Kibanas have installed is not known\n\
             hint: `epr-build keep import` writes one, and `keep` in `mirror` of the layer names it; --no-fleet says that no \
             Kibana installs from here"
        );
    }
    for file in keep {
        if let Some(Doubt { message, hint, is_age }) = doubts(file, terms.now, terms.stale_keep).into_iter().next() {
            let more = if is_age { "; --stale-keep allows more" } else { "" };
            bail!("{}.keep {message}\nhint: {hint}{more}", file.site);
        }
    }
    if let Some((time, why)) = failure {
        let why = why.lines().next().unwrap_or_default();
        bail!(
            "the last mirror run could not reach its upstreams ({time}: {why})\nhint: run `epr-build mirror {layer}` first"
        );
    }
    Ok(())
}

/// What becomes of each version that the layer holds.
pub fn fates(
    held: &BTreeMap<Key, MirroredVersion>,
    selected: &Selected,
    keep: &[KeepFile],
    published: &BTreeMap<Key, String>,
    terms: &Terms,
) -> BTreeMap<Key, Fate> {
    let mut kept: BTreeMap<&Key, Vec<String>> = BTreeMap::new();
    for file in keep {
        for (key, one) in &file.versions {
            let reasons: Vec<_> = one.reasons.iter().map(ToString::to_string).collect();
            kept.entry(key).or_default().push(format!("{} at {}", reasons.join(" and "), file.site));
        }
    }
    let fate = |key: &Key, version: &MirroredVersion| {
        if let Some(sites) = kept.get(key) {
            Fate::Kept(few(sites))
        } else if let Some(reason) = selected.versions.get(key) {
            Fate::Wanted(reason.clone())
        } else if !selected.judged.contains(key) {
            Fate::Unknown
        } else if let Some(place) = published.get(key) {
            Fate::Published(place.clone())
        } else if version.is_changed {
            Fate::Changed
        } else {
            match version.unwanted_since {
                Some(since) if since.saturating_add(terms.older_than) <= terms.now => Fate::Goes(since),
                since => Fate::Young(since),
            }
        }
    };
    held.iter().map(|(key, version)| (key.clone(), fate(key, version))).collect()
}

/// The list of what may go.
///
/// # Errors
/// When it is too much at once; the message names what would go.
pub fn listed(
    plan: &LayerPlan,
    held: &BTreeMap<Key, MirroredVersion>,
    fates: &BTreeMap<Key, Fate>,
    terms: &Terms,
    options: Options,
) -> Result<ListFile> {
    let mut lines = BTreeMap::new();
    for (key, fate) in fates {
        if let (Fate::Goes(_), Some(version)) = (fate, held.get(key)) {
            let line = Line { sha256: version.sha256, bytes: version.bytes, reason: fate.to_string() };
            lines.insert(key.clone(), line);
        }
    }
    let list = ListFile { layer: plan.source.name.clone(), made: terms.now, options, lines };
    let going: Vec<&Key> = list.lines.keys().collect();
    check_share(plan, &going, held.len(), list.bytes(), terms)?;
    Ok(list)
}

fn check_share(plan: &LayerPlan, going: &[&Key], held: usize, size: u64, terms: &Terms) -> Result<()> {
    if going.len() * 100 > held * MOST_SHARE && !terms.accept_many {
        let ids: Vec<String> = going.iter().map(|(name, version)| format!("{name} {version}")).collect();
        let select = plan.rules.mirror.as_ref().and_then(|source| source.select.as_deref()).unwrap_or("NAME");
        bail!(
            "{} of {held} would go, {}, which is more than {MOST_SHARE} %: {}\n\
             hint: if they are to go, say so with --accept-many, which also lists all of them; if not, look at the selection: \
             `epr-build select {select} --explain` says of each version why it is taken",
            counted(going.len(), "version"),
            bytes(size),
            first(&ids, SHOWN)
        );
    }
    Ok(())
}

/// What of a list is to go now. Versions that are gone already are passed over: a removal that was interrupted is repeated.
///
/// # Errors
/// When a version of the list is of use by now, has other bytes, or all of them are too much at once.
pub fn still_allowed(
    list: &ListFile,
    plan: &LayerPlan,
    held: &BTreeMap<Key, MirroredVersion>,
    fates: &BTreeMap<Key, Fate>,
    terms: &Terms,
) -> Result<Vec<Key>> {
    let layer = &plan.source.name;
    ensure!(
        list.layer == *layer,
        "the list is of layer `{}`, not of `{layer}`\nhint: make a list for this layer",
        list.layer
    );
    let (mut going, mut wrong) = (Vec::new(), Vec::new());
    for (key, line) in &list.lines {
        let (name, version) = key;
        match (held.get(key), fates.get(key)) {
            (None, _) => {}
            (Some(found), _) if found.sha256 != line.sha256 => wrong.push(format!("{name} {version} has other bytes")),
            (Some(_), Some(Fate::Goes(_))) => going.push(key.clone()),
            (Some(_), Some(fate)) => wrong.push(format!("{name} {version} is {fate}")),
            (Some(_), None) => wrong.push(format!("{name} {version} is not known")),
        }
    }
    if !wrong.is_empty() {
        bail!("the list is not allowed any more: {}\nhint: nothing was removed; make a new list", few(&wrong));
    }
    let size = going.iter().filter_map(|key| held.get(key)).map(|version| version.bytes).sum();
    check_share(plan, &going.iter().collect::<Vec<_>>(), held.len(), size, terms)?;
    Ok(going)
}
