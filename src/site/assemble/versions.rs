//! `index/packages.json`: every version with what a program needs that copies a registry.
//!
//! ```json
//! {"schema":"epr-build/packages/1","packages":[
//! {"name":"acme","version":"1.0.0","type":"integration","spec":"3.4","size":1234,"sha256":"…",
//!  "signature":{"size":566,"sha256":"…","verdict":"good(46095ACC8548582C1A2699A9D27D666CD88E42B4)"}}
//! ]}
//! ```
//!
//! `size` (bytes) and `sha256` are those of `/epr/<name>/<name>-<version>.zip`, and within `signature`, which versions
//! without one lack, those of the file beside it; `verdict` says what the keys of the layer make of it. Each version has a
//! line, so that two lists compare well. Layers are not named: what clients see is the same wherever a version lies.
//!
//! The list says what the packages are, whatever overrides make of them. A version that an override hides is in it, with
//! `"hidden":true`: its archive is there, and no answer to `/search` has it. So that a program which knows the list also
//! knows whether `/search` has news, `"overrides"` before `"packages"` is a digest of what overrides and notices that mirrors
//! carried along change; without any it is absent.

use crate::base::digest::Digest;
use crate::catalog::merge::{Catalog, Entry};
use crate::openpgp::Verdict;
use crate::store::content::Blob;
use anyhow::{Context, Result};
use serde::Serialize;

#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    version: String,
    #[serde(rename = "type")]
    package_type: &'a str,
    /// Major and minor number of `format_version`, which `spec.min` and `spec.max` are compared with.
    spec: String,
    #[serde(flatten)]
    archive: File,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Signature<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hidden: bool,
}

#[derive(Serialize)]
struct Signature<'a> {
    #[serde(flatten)]
    file: File,
    verdict: &'a Verdict,
}

#[derive(Serialize)]
struct File {
    size: u64,
    sha256: Digest,
}

impl From<Blob> for File {
    fn from(blob: Blob) -> Self {
        Self { size: blob.size, sha256: blob.digest }
    }
}

/// The text of the list, in the order of the catalog.
pub(super) fn text(catalog: &Catalog) -> Result<String> {
    let overrides: Vec<_> = catalog.entries.iter().filter_map(Entry::overridden).collect();
    let overrides = match overrides.is_empty() && catalog.carried.is_empty() {
        true => String::new(),
        false => format!("\"overrides\":\"{}\",", Digest::of_value(&(overrides, &catalog.carried))),
    };
    let mut text = format!("{{\"schema\":\"epr-build/packages/1\",{overrides}\"packages\":[");
    for (position, entry) in catalog.entries.iter().enumerate() {
        text += if position == 0 { "\n" } else { ",\n" };
        text += &serde_json::to_string(&listed(entry)).context("cannot write the list of versions")?;
    }
    Ok(text + "\n]}\n")
}

fn listed(entry: &Entry) -> Listed<'_> {
    let (facts, record) = (&entry.record.facts, &entry.record);
    Listed {
        name: &facts.name,
        version: facts.version.to_string(),
        package_type: &facts.package_type,
        spec: format!("{}.{}", facts.spec.major, facts.spec.minor),
        archive: record.archive.into(),
        signature: record.signature.map(|blob| Signature { file: blob.into(), verdict: &entry.verdict }),
        hidden: entry.is_hidden(),
    }
}
