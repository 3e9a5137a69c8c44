//! `data/versions.json`: digests of archives by name and version, by which generations are compared.

use crate::base::fs::read_json;
use crate::catalog::merge::Catalog;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Path of the file below `/ui/`.
pub const PATH: &str = "data/versions.json";

/// Digests of archives by name and version.
#[derive(Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct VersionDigests(BTreeMap<String, BTreeMap<String, String>>);

impl VersionDigests {
    /// The digests of a catalog.
    pub fn of(catalog: &Catalog) -> Self {
        let mut versions = Self::default();
        for entry in &catalog.entries {
            let record = &entry.record;
            let digest = record.archive.digest.short(16);
            versions.0.entry(record.facts.name.clone()).or_default().insert(record.facts.version.to_string(), digest);
        }
        versions
    }

    /// The text of the file.
    ///
    /// # Errors
    /// Never in practice: plain texts always serialise.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).context("cannot write the list of versions")
    }

    /// The digests of the generation in this folder; `None` if it has no pages.
    pub fn read(generation: &Path) -> Option<Self> {
        read_json(&generation.join("site/ui").join(PATH)).ok()
    }

    /// Number of names.
    pub fn names(&self) -> usize {
        self.0.len()
    }

    /// Name, version and digest of each.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.0.iter().flat_map(|(name, versions)| {
            versions.iter().map(move |(version, digest)| (name.as_str(), version.as_str(), digest.as_str()))
        })
    }

    /// The digest of one.
    pub fn digest(&self, name: &str, version: &str) -> Option<&str> {
        self.0.get(name)?.get(version).map(String::as_str)
    }
}
