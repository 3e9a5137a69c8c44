//! The log of a layer: what commands changed in it, and why.
//!
//! `LAYER/.epr-build/log.jsonl` has one line for each change; in a repository the history of the branch is the log. Written by
//! the commands that change layers; a build reads it to tell what was taken away from what was lost.

use super::door::Spot;
use super::git::Repository;
use super::source::JOURNAL_FOLDER;
use crate::config::layer::LayerSource;
use crate::config::location::Location;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The log, in the workshop of a layer.
pub const LOG: &str = "log.jsonl";
/// Bytes of the longest log that is read: some hundred thousand changes.
pub const MOST_LOG_BYTES: u64 = 64 << 20;

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is new in the layer.
    Added,
    /// It has other content.
    Replaced,
    /// It moved to another layer.
    Promoted,
    /// It is gone.
    Removed,
    /// It came from an upstream.
    Mirrored,
    /// It has a new signature beside it.
    Signed,
    /// Nobody wanted it any more. A mirror brings it back as soon as somebody does.
    Pruned,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerChange {
    /// When, in UTC: `2026-01-31T12:00:00Z`.
    pub time: String,
    /// The kind of change.
    pub action: Action,
    /// Name of the package.
    pub package: String,
    /// Version of the package.
    pub version: String,
    /// The layer it left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The layer it came into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Digest of its files, the name of its folder in a store; that of its zip where it was mirrored.
    pub content: String,
    /// Digest of the signature that was put beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// Exceptions that allowed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The versions that commands took out of a layer and did not put back, as `<name>-<version>`.
///
/// # Errors
/// When a repository cannot be read.
pub fn taken_out(layer: &LayerSource) -> Result<BTreeSet<String>> {
    let mut out = BTreeSet::new();
    for path in &layer.paths {
        match Location::of(path) {
            Some(location) => out.extend(taken_out_of_branch(&layer.name, &location)?),
            None => out.extend(last_taken_out(&layer.name, &log(path))),
        }
    }
    Ok(out)
}

/// Those of them that went because nobody wanted them, as `<name>-<version>`.
pub fn pruned(layer: &LayerSource) -> BTreeSet<String> {
    let folders = layer.paths.iter().filter(|path| Location::of(path).is_none());
    folders.flat_map(|path| out_by(&layer.name, &log(path), |action| action == Action::Pruned)).collect()
}

/// Those of them that somebody removed for a reason of their own, as `<name>-<version>`: no layer has them in this one's place.
pub fn removed(layer: &LayerSource) -> BTreeSet<String> {
    let folders = layer.paths.iter().filter(|path| Location::of(path).is_none());
    folders.flat_map(|path| out_by(&layer.name, &log(path), |action| action == Action::Removed)).collect()
}

/// The log of a folder. A line that was cut off tells nothing, nor does a log that is no file or too long.
fn log(folder: &Path) -> Vec<LayerChange> {
    let log = Spot::new(folder, JOURNAL_FOLDER).join(LOG);
    let text = log.read(MOST_LOG_BYTES).unwrap_or_default().unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The versions whose last change took them out of the layer.
fn last_taken_out(layer: &str, log: &[LayerChange]) -> BTreeSet<String> {
    out_by(layer, log, |_| true)
}

/// The versions whose last change took them out of the layer in a certain way.
fn out_by(layer: &str, log: &[LayerChange], is_meant: impl Fn(Action) -> bool) -> BTreeSet<String> {
    let mut left = BTreeMap::new();
    for change in log {
        let id = format!("{}-{}", change.package, change.version);
        if change.to.as_deref() == Some(layer) {
            left.insert(id, false);
        } else if change.from.as_deref() == Some(layer) {
            left.insert(id, is_meant(change.action));
        }
    }
    left.into_iter().filter(|(_, is_out)| *is_out).map(|(id, _)| id).collect()
}

/// The versions that commits of commands took out of a branch: `[layer] Remove …`, with a line for each version.
fn taken_out_of_branch(layer: &str, location: &Location) -> Result<BTreeSet<String>> {
    let repository = Repository::open(&location.clone)?;
    let commit = repository.commit(location)?;
    let mut left = BTreeMap::new();
    for message in repository.messages(&commit, layer, MOST_LOG_BYTES)? {
        let is_out = message.starts_with(&format!("[{layer}] Remove "));
        let ids = message.lines().filter_map(|line| line.strip_prefix("- ")?.split(' ').next());
        for id in ids {
            // The newest comes first.
            left.entry(id.to_owned()).or_insert(is_out);
        }
    }
    Ok(left.into_iter().filter(|(_, is_out)| *is_out).map(|(id, _)| id).collect())
}

#[cfg(test)]
mod tests {
    use super::{Action, LayerChange, last_taken_out};
    use Action::{Added, Mirrored, Promoted, Pruned, Removed, Signed};

    #[test]
    fn the_last_change_counts() {
        let change = |(action, from, to): &(Action, Option<&str>, Option<&str>)| LayerChange {
            time: String::new(),
            action: *action,
            package: "acme".to_owned(),
            version: "1.0.0".to_owned(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
            content: String::new(),
            signature: None,
            allowed: Vec::new(),
            reason: None,
        };
        let (here, there) = (Some("staging"), Some("production"));
        for (changes, is_out) in [
            (&[][..], false),
            (&[(Added, None, here)], false),
            (&[(Removed, here, None)], true),
            (&[(Promoted, here, there)], true),
            (&[(Promoted, there, here)], false),
            (&[(Removed, there, None)], false),
            (&[(Removed, here, None), (Added, None, here)], false),
            (&[(Added, None, here), (Removed, here, None)], true),
            (&[(Added, None, here), (Signed, None, here)], false),
            (&[(Signed, None, here), (Removed, here, None)], true),
            (&[(Pruned, here, None)], true),
            (&[(Pruned, here, None), (Mirrored, None, here)], false),
        ] {
            let log: Vec<_> = changes.iter().map(change).collect();
            let out = last_taken_out("staging", &log);
            assert_eq!(out.contains("acme-1.0.0"), is_out, "{changes:?}");
            let is_pruned = is_out && changes.last().is_some_and(|(action, ..)| *action == Pruned);
            let pruned = super::out_by("staging", &log, |action| action == Pruned);
            assert_eq!(pruned.contains("acme-1.0.0"), is_pruned, "{changes:?}");
        }
    }
}
