//! What runs leave beside a layer, and how much of it stays: downloads that broke off, and what upstreams give now for versions
//! that are held with other bytes.
//!
//! A download stays while a run can go on with it: it has a note with a validator, it is not older than a week, and no run that
//! looks at everything has found that nobody wants it. Of what upstreams changed, the newest two contents of a version stay.

use super::entry::{Entry, State};
use super::facts::Key;
use super::fetch::Partial;
use super::outcome::Cleared;
use super::record::Record;
use super::workshop::Workshop;
use crate::base::fs;
use crate::dialect::version::Version;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Seconds for which a download that broke off stays.
const MOST_AGE: u64 = 7 * 24 * 60 * 60;
/// Contents of one version that stay in the folder of changed ones.
const MOST_CONTENTS: usize = 2;
/// Bytes beyond which an audit lays nothing more aside, unless a version was named.
pub(super) const MOST_CHANGED_BYTES: u64 = 2 << 30;

/// What a run may go on with: bytes by version, as `<name>-<version>`.
pub(super) type Resumable = BTreeMap<String, u64>;

/// Which downloads a run may need.
pub(super) enum Needed<'a> {
    /// These, and no later run any other.
    Only(&'a BTreeSet<String>),
    /// Any but those of versions that are held.
    NotHeld(&'a Record),
}

impl Needed<'_> {
    fn has(&self, id: &str) -> bool {
        match self {
            Self::Only(ids) => ids.contains(id),
            Self::NotHeld(record) => key_of(record, id).is_none_or(|(_, entry)| !entry.is_held()),
        }
    }
}

/// Removes downloads with which nobody will go on, and returns the others.
pub(super) fn clear_partial(
    workshop: &Workshop,
    needed: &Needed<'_>,
    now: u64,
    cleared: &mut Cleared,
) -> Result<Resumable> {
    let folder = workshop.partial();
    let mut resumable = Resumable::new();
    for entry in fs::list_if_there(&folder)?.unwrap_or_default() {
        let name = entry.name().unwrap_or_default();
        let content = name.strip_suffix(".json").unwrap_or(name);
        let id = content.strip_suffix(".zip").filter(|id| needed.has(id));
        let bytes = id.map(|_| Partial::new(&folder, content).resumable(now, MOST_AGE)).transpose()?.flatten();
        match (id, bytes) {
            (Some(id), Some(bytes)) => drop(resumable.insert(id.to_owned(), bytes)),
            _ => remove(&entry.path, cleared)?,
        }
    }
    // That it is not empty is no failure.
    let _ = fs::remove_empty_folder(&folder);
    Ok(resumable)
}

/// Removes what upstreams gave for versions of which they give something else now, and of versions that changed no more.
pub(super) fn clear_changed(workshop: &Workshop, record: &Record, cleared: &mut Cleared) -> Result<()> {
    let folder = workshop.changed();
    let mut contents: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for entry in fs::list_if_there(&folder)?.unwrap_or_default() {
        let name = entry.name().unwrap_or_default();
        let Some((id, digest)) = name.strip_suffix(".zip").and_then(|stem| stem.rsplit_once('.')) else { continue };
        let time = fs::link_metadata(&entry.path).map_or(0, |found| found.mtime());
        contents.entry(id.to_owned()).or_default().push((time, digest.to_owned()));
    }
    for (id, mut digests) in contents {
        let changed = key_of(record, &id).filter(|(_, entry)| entry.state == State::Changed);
        let now = changed.and_then(|(_, entry)| entry.changed_to).map(|digest| digest.to_string());
        // What the upstream gives now comes first, whenever it was fetched.
        digests.sort_by_key(|(time, digest)| (Some(digest) != now.as_ref(), -time));
        let stay = if changed.is_some() { MOST_CONTENTS } else { 0 };
        for (_, digest) in digests.iter().skip(stay) {
            for ending in ["zip", "zip.sig"] {
                remove(&folder.join(format!("{id}.{digest}.{ending}")), cleared)?;
            }
        }
    }
    let _ = fs::remove_empty_folder(&folder);
    Ok(())
}

/// Bytes of what is laid aside.
pub(super) fn changed_bytes(changed: &Path) -> Result<u64> {
    let entries = fs::list_if_there(changed)?.unwrap_or_default();
    Ok(entries.iter().filter_map(|entry| fs::link_metadata(&entry.path).ok()).map(|found| found.len()).sum())
}

fn remove(path: &Path, cleared: &mut Cleared) -> Result<()> {
    if let Ok(found) = fs::link_metadata(path) {
        fs::remove_file(path)?;
        cleared.add(found.len());
    }
    Ok(())
}

/// The version of a record that is called so.
fn key_of<'a>(record: &'a Record, name: &str) -> Option<(&'a Key, &'a Entry)> {
    // Names have no `-`.
    let (package, version) = name.split_once('-')?;
    record.versions.get_key_value(&(package.to_owned(), Version::strict(version).ok()?))
}

/// Ends a run: what belongs to a version that is held is of no use any more.
pub(super) fn tidy(workshop: &Workshop, record: &Record, now: u64, cleared: &mut Cleared) -> Result<()> {
    clear_partial(workshop, &Needed::NotHeld(record), now, cleared)?;
    clear_changed(workshop, record, cleared)
}
