//! What is kept, and by which sites: all keep files as one table.

use crate::base::time;
use crate::dialect::version::Version;
use crate::select::keep_file::{KeepFile, Source, Why};
use serde::Serialize;
use std::collections::BTreeMap;

/// A site, as its keep file describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Site {
    /// Name of the site.
    pub site: String,
    /// The version of Kibana; absent if it is not known.
    pub kibana: Option<Version>,
    /// True if Kibana asks for pre-releases; absent if it is not known.
    pub prerelease: Option<bool>,
    /// When the file was taken.
    pub taken: String,
    /// True if everything that Kibana has installed is in it.
    pub complete: bool,
    /// What may be missing, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Id of the key by which Kibana verifies packages.
    pub key: Option<String>,
    /// Number of versions.
    pub versions: usize,
}

/// The sites, in the order of the files.
pub fn sites(files: &[KeepFile]) -> Vec<Site> {
    let site = |file: &KeepFile| Site {
        site: file.site.clone(),
        kibana: file.kibana.clone(),
        prerelease: file.prerelease,
        taken: time::rfc3339(file.taken),
        complete: file.complete,
        notes: file.notes.clone(),
        key: file.key.clone(),
        versions: file.versions.len(),
    };
    files.iter().map(site).collect()
}

/// A version with the sites that keep it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Name of the package.
    pub name: String,
    /// The version.
    pub version: Version,
    /// By site.
    pub sites: Vec<SiteReasons>,
}

/// Why one site keeps a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteReasons {
    /// The site.
    pub site: String,
    /// Why.
    pub reasons: Vec<Why>,
    /// Where Kibana had it from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// True if Kibana can do without it being in a registry.
    pub optional: bool,
}

/// The table, by name and version, with sites in order.
pub fn list(files: &[KeepFile]) -> Vec<Listed> {
    let mut table: BTreeMap<(String, Version), Vec<SiteReasons>> = BTreeMap::new();
    for file in files {
        for (key, kept) in &file.versions {
            let reasons = kept.reasons.iter().copied().collect();
            let site = SiteReasons { site: file.site.clone(), reasons, source: kept.source, optional: kept.optional };
            table.entry(key.clone()).or_default().push(site);
        }
    }
    let listed = table.into_iter().map(|((name, version), mut sites)| {
        sites.sort_by(|one, other| one.site.cmp(&other.site));
        Listed { name, version, sites }
    });
    listed.collect()
}

impl SiteReasons {
    /// The reasons in words: `installed and policy (bundled)`.
    pub fn words(&self) -> String {
        let reasons: Vec<_> = self.reasons.iter().map(ToString::to_string).collect();
        let source = self.source.filter(|source| *source != Source::Registry);
        let source = source.map(|source| format!(" ({source})")).unwrap_or_default();
        format!("{}{source}", reasons.join(" and "))
    }
}
