//! `manifest.json`: every path of a generation with size, digest, type, cache class and layer.
//!
//! ```json
//! {
//!   "schema": "epr-build/manifest/1", "distribution": "staging", "generation": "0123456789abcdef",
//!   "files": { "/index.json": { "size": 92, "sha256": "…", "media_type": "application/json", "cache": "seconds" }, … },
//!   "packages": [
//!     { "path": "/package/acme/1.0.0", "layer": "production", "cache": "immutable", "signature": "good(4609…)", "files":
//!       { "manifest.yml": { "digest": "…", "size": 512, "media_type": "text/yaml; charset=UTF-8" }, … } }, …
//!   ]
//! }
//! ```
//!
//! The list of a package's files is stored with the package and copied as it is, so that a manifest costs a copy and
//! not a rendering.

use crate::base::headers::CacheClass;
use crate::catalog::merge::{Catalog, Entry};
use crate::catalog::record::{Listing, listing_text};
use crate::openpgp::Verdict;
use crate::site::assemble::{Site, package_path};
use crate::store::Store;
use anyhow::{Context, Result, anyhow, bail};
use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::io::Write;

#[derive(Serialize)]
struct GenerationManifest<'a> {
    schema: &'static str,
    distribution: &'a str,
    generation: &'a str,
    files: Files<'a>,
    packages: Packages<'a>,
}

/// The files of a site: they are listed as they are written.
struct Files<'a> {
    catalog: &'a Catalog,
    site: &'a Site,
}

/// The packages of a catalog: their lists are read one at a time, when they are written.
struct Packages<'a> {
    catalog: &'a Catalog,
    store: &'a Store,
}

#[derive(Serialize)]
struct PackageManifest<'a> {
    path: String,
    layer: &'a str,
    cache: CacheClass,
    /// What its signature is worth, if it has one.
    #[serde(skip_serializing_if = "is_missing")]
    signature: &'a Verdict,
    files: Box<RawValue>,
}

/// As serde passes the field, by reference.
fn is_missing(verdict: &&Verdict) -> bool {
    **verdict == Verdict::Missing
}

/// Writes the manifest.
///
/// # Errors
/// When a list of files cannot be read, or the manifest not be written.
pub fn write(
    out: &mut dyn Write,
    distribution: &str,
    generation: &str,
    catalog: &Catalog,
    site: &Site,
    store: &Store,
) -> Result<()> {
    let (files, packages) = (Files { catalog, site }, Packages { catalog, store });
    let manifest = GenerationManifest { schema: "epr-build/manifest/1", distribution, generation, files, packages };
    serde_json::to_writer(&mut *out, &manifest).context("cannot write the manifest")?;
    out.write_all(b"\n").context("cannot write the manifest")
}

impl Serialize for Files<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut files = serializer.serialize_map(None)?;
        let mut failure = None;
        let written = self.site.each_file(self.catalog, &mut |path, file| {
            files.serialize_entry(path, &file).map_err(|error| {
                let message = error.to_string();
                failure = Some(error);
                anyhow!(message)
            })
        });
        match (written, failure) {
            (_, Some(error)) => Err(error),
            (Err(error), None) => Err(S::Error::custom(format!("{error:#}"))),
            (Ok(()), None) => files.end(),
        }
    }
}

impl Serialize for Packages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut packages = serializer.serialize_seq(Some(self.catalog.entries.len()))?;
        for entry in &self.catalog.entries {
            let package = package(entry, self.store).map_err(|error| S::Error::custom(format!("{error:#}")))?;
            packages.serialize_element(&package)?;
        }
        packages.end()
    }
}

fn package<'a>(entry: &'a Entry, store: &Store) -> Result<PackageManifest<'a>> {
    let Listing::Stored(blob) = &entry.record.listing else { bail!("a list of files is not in the store") };
    let text = String::from_utf8(listing_text(blob, store)?).context("a list is text")?;
    Ok(PackageManifest {
        path: package_path(entry),
        layer: &entry.layer,
        cache: if entry.immutable { CacheClass::Immutable } else { CacheClass::Minutes },
        signature: &entry.verdict,
        files: RawValue::from_string(text).context("a list of files in the store is not JSON")?,
    })
}
