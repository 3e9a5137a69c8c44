//! `history.json`: the generations of a distribution that are kept, what each changed against the one before, and releases.
//!
//! It tells of what was built before, which is no part of the input: so it lies beside the generations, outside of their
//! names, and hosts that serve whole folders publish it as `/ui/history.json`. It is written anew whenever another
//! generation is taken into use or a release comes or goes, and never read by a build.

use crate::base::fs::{Scrutiny, is_dated, remove_any, write_dated};
use crate::base::time;
use crate::generation::distribution::Distribution;
use crate::site::pages::version_digests::VersionDigests;
use anyhow::{Context, Result};
use serde::Serialize;

/// File name in the folder of the distribution.
pub const FILE: &str = "history.json";
/// Longer lists of changes are cut.
const MOST: usize = 500;

/// The file.
#[derive(Serialize)]
struct History<'a> {
    /// The one in use first.
    generations: Vec<GenerationChanges<'a>>,
    /// By name.
    releases: Vec<Pinned<'a>>,
}

#[derive(Serialize)]
struct Pinned<'a> {
    name: &'a str,
    generation: &'a str,
    /// The Kibana that it is restricted to.
    #[serde(skip_serializing_if = "Option::is_none")]
    kibana: Option<&'a str>,
    packages: usize,
    versions: usize,
}

#[derive(Serialize)]
struct GenerationChanges<'a> {
    id: &'a str,
    current: bool,
    /// When it was last taken into use: `2026-01-31T12:00:00Z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// The version of this program that first took it into use.
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    packages: usize,
    versions: usize,
    /// True if there is one before it to compare with.
    compared: bool,
    added: Vec<(&'a str, &'a str)>,
    removed: Vec<(&'a str, &'a str)>,
    changed: Vec<(&'a str, &'a str)>,
}

/// Writes the history of a distribution; one without pages has none.
///
/// # Errors
/// When the disk fails.
pub fn write(distribution: &Distribution) -> Result<()> {
    let current = distribution.current();
    let mut ids = distribution.generations()?;
    // What was made for a release alone never was in use, and follows upon nothing.
    let uses = distribution.uses();
    ids.retain(|id| uses.iter().any(|one| one.id == *id));
    // A rollback makes an earlier one current again: then it leads.
    ids.sort_by_key(|id| Some(id) != current.as_ref());
    let known: Vec<_> = ids.iter().map(|id| VersionDigests::read(&distribution.generation(id))).collect();
    if known.first().is_none_or(Option::is_none) {
        return Ok(());
    }
    let nothing = VersionDigests::default();
    let generations = ids.iter().zip(&known).enumerate().filter_map(|(at, (id, versions))| {
        let versions = versions.as_ref()?;
        let before = known[at + 1..].iter().flatten().next();
        let of_this = || uses.iter().filter(|one| one.id == *id);
        Some(GenerationChanges {
            since: of_this().filter_map(|one| one.since).next_back().map(time::rfc3339),
            program: of_this().find_map(|one| one.program.clone()),
            ..changes_of(id, Some(id) == current.as_ref(), versions, before.unwrap_or(&nothing), before.is_some())
        })
    });
    let releases = distribution.releases()?;
    let pinned = releases.iter().map(|release| {
        let versions = VersionDigests::read(&distribution.generation(&release.generation)).unwrap_or_default();
        Pinned {
            name: &release.name,
            generation: &release.generation,
            kibana: release.kibana.as_deref(),
            packages: versions.names(),
            versions: versions.pairs().count(),
        }
    });
    let history = History { generations: generations.collect(), releases: pinned.collect() };
    let text = serde_json::to_vec(&history).context("cannot write the history")?;
    write_dated(&distribution.folder().join(FILE), &text)
}

/// Writes the history when another generation is in use already, which a failure to write does not undo. What lies there
/// then goes, so that the next build makes it.
///
/// # Errors
/// As [`write()`].
pub fn renew(distribution: &Distribution) -> Result<()> {
    write(distribution).inspect_err(|_| {
        let _ = remove_any(&distribution.folder().join(FILE));
    })
}

/// Returns true if the history is there as it was written, or there is none.
pub fn is_intact(distribution: &Distribution) -> bool {
    let path = distribution.folder().join(FILE);
    if path.exists() {
        return is_dated(&path, Scrutiny::Read);
    }
    let current = distribution.current().map(|id| distribution.generation(&id));
    current.is_none_or(|current| VersionDigests::read(&current).is_none())
}

fn changes_of<'a>(
    id: &'a str,
    current: bool,
    now: &'a VersionDigests,
    before: &'a VersionDigests,
    compared: bool,
) -> GenerationChanges<'a> {
    let mut changes = GenerationChanges {
        id,
        current,
        since: None,
        program: None,
        packages: now.names(),
        versions: now.pairs().count(),
        compared,
        added: Vec::new(),
        removed: Vec::new(),
        changed: Vec::new(),
    };
    if compared {
        for (name, version, digest) in now.pairs() {
            match before.digest(name, version) {
                None => changes.added.push((name, version)),
                Some(earlier) if earlier != digest => changes.changed.push((name, version)),
                Some(_) => {}
            }
        }
        let is_gone = |(name, version, _): &(&str, &str, &str)| now.digest(name, version).is_none();
        changes.removed.extend(before.pairs().filter(is_gone).map(|(name, version, _)| (name, version)));
    }
    for list in [&mut changes.added, &mut changes.removed, &mut changes.changed] {
        list.truncate(MOST);
    }
    changes
}
