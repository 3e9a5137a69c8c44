//! The catalog for people: pages under `/ui/` that show what a distribution holds.
//!
//! The build makes all pages from the catalog and the store, in the same tree as the answers: a page changes only when
//! its content changes. Pages of a package are remembered between builds and
//! shared between generations and distributions, so they name neither. Reading needs no script; scripts only filter what
//! a page holds already, or fetch files of the same tree. Knows no disk and no host.

mod assets;
mod changelog;
mod distribution;
mod facets;
mod feed;
mod fields;
mod matrix;
mod markdown;
mod overview;
mod package;
mod shown;
mod signature;
mod templates;
#[cfg(test)]
mod tests;
pub mod version_digests;
mod versions;

use crate::base::digest::{Digest, Hasher};
use crate::base::progress::Progress;
use crate::base::table::Table;
use crate::catalog::merge::{Catalog, Entry};
use crate::catalog::page_record::{PackagePages, Page};
use crate::openpgp::Fingerprint;
use crate::select::requires::{Unmet, unmet_in};
use crate::site::report::Report;
use crate::store::Store;
use crate::store::content::{Contents, are_whole};
use anyhow::Result;
use rayon::prelude::*;
use std::ops::Range;
use templates::Templates;
use version_digests::VersionDigests;

/// Pages of packages by what they are made from.
pub type PageTable = Table<PackagePages>;

/// Puts pages into the store.
struct PageWriter<'a> {
    contents: Contents<'a>,
    templates: Templates,
}

impl PageWriter<'_> {
    /// Stores a text under a path below `/ui/`.
    fn put(&self, path: &str, text: &str) -> Result<Page> {
        let (blob, gzip) = self.contents.put_text(text)?;
        Ok(Page { path: format!("/ui/{path}"), blob, gzip })
    }
}

/// Makes all pages of a distribution. Pages of packages are reused if `known` has them.
///
/// # Errors
/// When the store fails, or a template is broken.
pub fn build(
    name: &str,
    catalog: &Catalog,
    report: &Report,
    store: &Store,
    known: &PageTable,
    progress: &Progress,
) -> Result<Vec<Page>> {
    let writer = PageWriter { contents: Contents::new(Some(store)), templates: Templates::new()? };
    let groups = groups(&catalog.entries);
    progress.begin("rendering pages", groups.len() as u64);
    let packages = groups
        .par_iter()
        .map(|group| {
            progress.step();
            let entries = &catalog.entries[group.clone()];
            let unmet = entries.iter().map(|entry| unmet_in(catalog, entry)).collect::<Vec<_>>();
            one_package(entries, &unmet, &writer, store, known)
        })
        .collect::<Result<Vec<_>>>()?;
    let tiles: Vec<_> = packages.iter().map(|package| &package.tile).collect();
    let mut pages = assets::pages(&writer)?;
    pages.extend(overview::pages(name, &tiles, report, &writer)?);
    pages.extend(matrix::pages(name, &tiles, &writer)?);
    pages.push(distribution::page(name, catalog, report, &writer)?);
    pages.push(feed::page(name, &tiles, &writer)?);
    for (key, armored) in &catalog.keys {
        pages.push(writer.put(&key_path(key), armored)?);
    }
    pages.push(writer.put(version_digests::PATH, &VersionDigests::of(catalog).to_json()?)?);
    pages.extend(packages.into_iter().flat_map(|package| package.pages));
    Ok(pages)
}

/// The path below `/ui/` of a key that has signed packages.
pub fn key_path(key: &Fingerprint) -> String {
    format!("keys/{key}.txt")
}

/// Where each name begins and ends among the entries.
fn groups(entries: &[Entry]) -> Vec<Range<usize>> {
    let mut end = 0;
    let same_name = |a: &Entry, b: &Entry| a.record.facts.name == b.record.facts.name;
    let bounds = entries.chunk_by(same_name).map(|group| {
        let first = end;
        end += group.len();
        first..end
    });
    bounds.collect()
}

fn one_package(
    entries: &[Entry],
    unmet: &[Vec<Unmet>],
    writer: &PageWriter<'_>,
    store: &Store,
    known: &PageTable,
) -> Result<PackagePages> {
    let key = key(entries, unmet, writer);
    let is_whole = |pages: &PackagePages| {
        let blobs = pages.pages.iter().flat_map(|page| [Some(&page.blob), page.gzip.as_ref()]);
        are_whole(store, blobs.flatten())
    };
    if let Some(pages) = known.get(&key).filter(is_whole) {
        return Ok(pages);
    }
    let pages = package::pages(entries, unmet, writer, store)?;
    known.put(key, pages.clone());
    Ok(pages)
}

/// A digest of everything that the pages of a package are made from.
fn key(entries: &[Entry], unmet: &[Vec<Unmet>], writer: &PageWriter<'_>) -> Digest {
    let mut hasher = Hasher::default();
    hasher.update(writer.templates.digest().bytes());
    for (entry, unmet) in entries.iter().zip(unmet) {
        let record = &entry.record;
        // What others hold shows on a page only where something is unmet.
        for unmet in unmet {
            hasher.text(format!("{} {}", unmet.what(), unmet.why(package::HERE)));
        }
        hasher.update(record.item_digest.bytes());
        for blob in [Some(record.document), Some(record.archive), record.signature] {
            hasher.text(blob.map_or_else(String::new, |blob| format!("{} {}", blob.digest, blob.size)));
        }
        hasher.text(format!("{} {}", record.tree, entry.layer));
        hasher.text(entry.verdict.text());
        hasher.value(&record.kind);
        hasher.value(&entry.deprecated);
        hasher.value(&entry.overlay);
        hasher.text(&entry.package);
        for copy in &entry.also_in {
            hasher.text(format!("{} {}", copy.layer, copy.differing_files.len()));
        }
        hasher.text("");
    }
    hasher.finish()
}
