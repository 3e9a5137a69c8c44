//! `manifest.json`: every path of a generation with size, digest, type, cache class and layer.
//!
//! ```json
//! {
//!   "schema": "epr-build/manifest/1", "distribution": "staging", "generation": "0123456789abcdef",
//!   "files": { "/index.json": { "size": 92, "sha256": "…", "media_type": "application/json", "cache": "seconds" }, … },
//!   "packages": [
//!     { "path": "/package/acme/1.0.0", "layer": "production", "cache": "immutable", "files":
//!       { "manifest.yml": { "digest": "…", "size": 512, "media_type": "text/yaml; charset=UTF-8" }, … } }, …
//!   ]
//! }
//! ```
//!
//! The list of a package's files is stored with the package and copied as it is, so that a manifest costs a copy and
//! not a rendering.

use crate::catalog::Catalog;
use crate::intake::Listing;
use crate::site::{CacheClass, Site, package_path};
use crate::store::Store;
use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Manifest<'a> {
    schema: &'static str,
    distribution: &'a str,
    generation: &'a str,
    files: &'a std::collections::BTreeMap<String, crate::site::SiteFile>,
    packages: Vec<PackageManifest<'a>>,
}

#[derive(Serialize)]
struct PackageManifest<'a> {
    path: String,
    layer: &'a str,
    cache: CacheClass,
    files: Box<RawValue>,
}

/// The text of the manifest.
pub fn render(distribution: &str, generation: &str, catalog: &Catalog, site: &Site, store: &Store) -> Result<Vec<u8>> {
    let packages = catalog
        .entries
        .iter()
        .map(|entry| {
            let Listing::Stored(blob) = &entry.record.listing else { bail!("a list of files is not in the store") };
            let text = String::from_utf8(store.read_blob(&blob.digest)?).context("a list is text")?;
            Ok(PackageManifest {
                path: package_path(entry),
                layer: &entry.layer,
                cache: if entry.immutable { CacheClass::Immutable } else { CacheClass::Minutes },
                files: RawValue::from_string(text).context("a list of files in the store is not JSON")?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let manifest = Manifest { schema: "epr-build/manifest/1", distribution, generation, files: &site.files, packages };
    let mut text = serde_json::to_vec(&manifest).context("cannot write the manifest")?;
    text.push(b'\n');
    Ok(text)
}
