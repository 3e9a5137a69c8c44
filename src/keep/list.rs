//! What is kept, and by which sites: all keep files as one table.

use crate::dialect::version::Version;
use crate::select::keep_file::{KeepFile, Source, Why};
use serde::Serialize;
use std::collections::BTreeMap;

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
    /// The reasons in words: `installed and policy at site-a (bundled)`.
    pub fn words(&self) -> String {
        let reasons: Vec<_> = self.reasons.iter().map(ToString::to_string).collect();
        let source = self.source.filter(|source| *source != Source::Registry);
        let source = source.map(|source| format!(" ({source})")).unwrap_or_default();
        format!("{} at {}{source}", reasons.join(" and "), self.site)
    }
}
