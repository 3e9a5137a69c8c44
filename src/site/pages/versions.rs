//! The data of a package for the page that compares versions: for each version its files as changes against the one before.

use super::changelog::{self, Release};
use super::markdown;
use super::shown::Files;
use crate::catalog::merge::Entry;
use crate::package::Facts;
use crate::store::Store;
use anyhow::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The file `/ui/data/package/<name>.json`.
#[derive(Serialize)]
pub(super) struct Versions<'a> {
    name: &'a str,
    title: &'a str,
    /// Ascending.
    versions: Vec<Line<'a>>,
    /// By version, the highest first.
    changelog: Vec<Release>,
}

#[derive(Serialize)]
struct Line<'a> {
    version: String,
    kibana: Option<String>,
    agent: Option<String>,
    format: String,
    layer: &'a str,
    size: u64,
    sha256: String,
    signed: bool,
    /// True if an override hides it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
    /// What the signature is worth, with the reason if it is not good.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<String>,
    /// Files that are new or have changed since the version before: path, beginning of the digest, size.
    put: Vec<(&'a str, String, u64)>,
    /// Files that are gone.
    gone: Vec<&'a str>,
}

pub(super) fn versions<'a>(
    title: &'a str,
    entries: &'a [Entry],
    files: &'a [Files],
    nothing: &'a Files,
    changelog: Vec<Release>,
) -> Versions<'a> {
    let before = std::iter::once(nothing).chain(files);
    let lines = entries.iter().zip(files).zip(before).map(|((entry, files), before)| line(entry, files, before));
    let name = entries.first().map_or("", |entry| entry.record.facts.name.as_str());
    Versions { name, title, versions: lines.collect(), changelog }
}

fn line<'a>(entry: &'a Entry, files: &'a Files, before: &'a Files) -> Line<'a> {
    let Facts { version, kibana, agent, spec, .. } = &entry.record.facts;
    let is_new = |(path, file): &(&String, &crate::store::content::StoredFile)| {
        before.get(*path).is_none_or(|earlier| earlier.blob.digest != file.blob.digest)
    };
    let put = files.iter().filter(is_new);
    Line {
        version: version.to_string(),
        kibana: kibana.as_ref().map(ToString::to_string),
        agent: agent.as_ref().map(ToString::to_string),
        format: format!("{}.{}", spec.major, spec.minor),
        layer: &entry.layer,
        size: entry.record.archive.size,
        sha256: entry.record.archive.digest.to_string(),
        signed: entry.record.signature.is_some(),
        hidden: entry.is_hidden(),
        verdict: entry.record.signature.map(|_| entry.verdict.text()),
        put: put.map(|(path, file)| (path.as_str(), file.blob.digest.short(12), file.blob.size)).collect(),
        gone: before.keys().filter(|path| !files.contains_key(*path)).map(String::as_str).collect(),
    }
}

/// The change logs of all versions as one, the highest version first. Mostly the newest one has all versions;
/// another one is read only if its own version is still missing.
pub(super) fn changelogs(entries: &[Entry], files: &[Files], store: &Store) -> Result<Vec<Release>> {
    let (mut seen, mut all) = (BTreeSet::new(), BTreeMap::new());
    for (entry, files) in entries.iter().zip(files).rev() {
        let own = entry.record.facts.version.to_string();
        let Some(file) = files.get("changelog.yml").filter(|file| file.blob.size <= markdown::LONGEST) else {
            continue;
        };
        if seen.contains(&own) {
            continue;
        }
        for release in changelog::read(&store.read_blob(&file.blob.digest)?) {
            if seen.insert(release.version.clone())
                && let Ok(version) = crate::dialect::version::Version::loose(&release.version)
            {
                all.insert(version, release);
            }
        }
    }
    Ok(all.into_values().rev().collect())
}
