//! The document root as one value: every path of a distribution, and what stands there.
//!
//! Nothing is published here: documents and answers go to the store, and the site is a tree of the store whose folders
//! other generations and distributions share as far as they are equal.

use crate::cache::{Table, are_whole};
use crate::catalog::{Catalog, Entry};
use crate::content::{Blob, Contents};
use crate::digest::{Digest, Hasher};
use crate::hosts::{self, notes::FileNotes};
use crate::media;
use crate::progress::Progress;
use crate::route::answers::{Answer, AnswerContent};
use crate::search;
use crate::store::{Folder, Store, TreeEntry};
use crate::ui::Page;
use anyhow::Result;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// The answer of `/` and `/index.json`: the service clients expect, and the version of the behaviour we conform to.
const INDEX: &str = "{\n  \"service.name\": \"package-registry\",\n  \"service.version\": \"1.40.1\"\n}\n";
/// An empty `/search` answer has no newline, an empty `/categories` answer has one.
const EMPTY: &str = "[]";
const EMPTY_CATEGORIES: &str = "[]\n";

/// How long clients may keep an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheClass {
    /// For ever: the path names a version that its layer promises never to change.
    Immutable,
    /// Ten minutes.
    Minutes,
    /// Ten seconds.
    Seconds,
}

/// A file of the document root, those below `/package/` aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteFile {
    /// Bytes.
    pub size: u64,
    /// Content.
    pub sha256: Digest,
    /// Its Content-Type.
    pub media_type: &'static str,
    /// How long it may be kept.
    pub cache: CacheClass,
    /// The layer it comes from; absent for answers over several packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// SHA-256 of its gzip twin (same path and `.gz`), where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gzip_sha256: Option<Digest>,
}

/// A document root in the store.
#[derive(Clone, Debug)]
pub struct Site {
    /// The root folder.
    pub tree: Digest,
    /// Its files by path, without those below `/package/`, which the records list.
    pub files: BTreeMap<String, SiteFile>,
    /// What servers must know of single package files.
    pub notes: FileNotes,
}

/// A file on its way into the site.
struct Placed {
    path: String,
    blob: Blob,
    gzip: Option<Blob>,
    media_type: &'static str,
    cache: CacheClass,
    layer: Option<String>,
}

/// Renders documents and answers and joins them with the packages and the pages for people, if there are any.
pub fn assemble(
    catalog: &Catalog,
    answers: &[Answer],
    pages: Vec<Page>,
    store: &Store,
    known: &AnswerTable,
    progress: &Progress,
) -> Result<Site> {
    let contents = Contents::new(Some(store));
    progress.begin("rendering answers", answers.len() as u64);
    let mut placed = fixed(&contents)?;
    placed.par_extend(
        answers
            .par_iter()
            .map(|answer| {
                progress.step();
                render_answer(catalog, answer, &contents, store, known)
            })
            .collect::<Result<Vec<_>>>()?,
    );
    for files in
        catalog.entries.par_iter().map(|entry| package_files(entry, store, &contents)).collect::<Result<Vec<_>>>()?
    {
        placed.extend(files);
    }
    let has_pages = !pages.is_empty();
    placed.extend(pages.into_iter().map(placed_page));
    let mut root = Folder::default();
    let mut files = BTreeMap::new();
    for Placed { path, blob, gzip, media_type, cache, layer } in placed {
        root.insert(&path[1..], TreeEntry::Blob(blob.digest));
        if let Some(twin) = gzip {
            root.insert(&format!("{}.gz", &path[1..]), TreeEntry::Blob(twin.digest));
        }
        let gzip_sha256 = gzip.map(|twin| twin.digest);
        files.insert(path, SiteFile { size: blob.size, sha256: blob.digest, media_type, cache, layer, gzip_sha256 });
    }
    let mut notes =
        FileNotes { immutable: catalog.entries.iter().all(|entry| entry.immutable), ..FileNotes::default() };
    notes.pages = has_pages;
    for entry in &catalog.entries {
        let base = package_path(entry);
        root.insert(&base[1..], TreeEntry::Tree(entry.record.tree));
        notes.extend(&base, &entry.record.notes);
    }
    Ok(Site { tree: root.store(store)?, files, notes })
}

fn placed_page(page: Page) -> Placed {
    let media_type = page.media_type();
    let Page { path, blob, gzip } = page;
    Placed { path, blob, gzip, media_type, cache: CacheClass::Minutes, layer: None }
}

/// Where the files of a package are.
pub fn package_path(entry: &Entry) -> String {
    format!("/package/{}/{}", entry.record.facts.name, entry.record.facts.version)
}

/// What does not depend on the catalog.
fn fixed(contents: &Contents<'_>) -> Result<Vec<Placed>> {
    [
        ("/index.json", INDEX.as_bytes(), media::JSON, CacheClass::Seconds),
        ("/answers/empty.json", EMPTY.as_bytes(), media::JSON, CacheClass::Minutes),
        ("/answers/empty-categories.json", EMPTY_CATEGORIES.as_bytes(), media::JSON, CacheClass::Minutes),
        ("/favicon.ico", hosts::FAVICON, media::ICON, CacheClass::Minutes),
    ]
    .into_iter()
    .map(|(path, bytes, media_type, cache)| {
        let blob = contents.put(bytes)?;
        Ok(Placed { path: path.to_owned(), blob, gzip: None, media_type, cache, layer: None })
    })
    .collect()
}

/// Files of answers by their keys.
type AnswerTable = Table<(Blob, Option<Blob>)>;

/// Renders an answer, unless an earlier build rendered the same.
fn render_answer(
    catalog: &Catalog,
    answer: &Answer,
    contents: &Contents<'_>,
    store: &Store,
    known: &AnswerTable,
) -> Result<Placed> {
    let key = answer_key(catalog, &answer.content);
    let remembered = known.get(&key).filter(|(blob, gzip)| are_whole(store, [blob].into_iter().chain(gzip)));
    let (blob, gzip) = match remembered {
        Some(files) => files,
        None => {
            let files = contents.put_text(&answer_text(catalog, &answer.content))?;
            known.put(key, files);
            files
        }
    };
    let path = format!("{}.json", answer.path);
    Ok(Placed { path, blob, gzip, media_type: media::JSON, cache: CacheClass::Minutes, layer: None })
}

/// A digest of everything that the text of an answer is made from.
fn answer_key(catalog: &Catalog, content: &AnswerContent) -> Digest {
    let mut hasher = Hasher::default();
    match content {
        AnswerContent::Items(hits) => {
            for hit in hits {
                let entry = &catalog.entries[hit.index];
                hasher.update(entry.record.item_digest.bytes());
                hasher.text(format!("{:?} {:?}", hit.templates, entry.deprecated));
            }
        }
        AnswerContent::Categories(counts) => hasher.text(search::render_categories(counts)),
    }
    hasher.finish()
}

fn answer_text(catalog: &Catalog, content: &AnswerContent) -> String {
    match content {
        AnswerContent::Items(hits) => {
            let mut text = String::from("[\n");
            for (position, hit) in hits.iter().enumerate() {
                if position > 0 {
                    text.push_str(",\n");
                }
                let entry = &catalog.entries[hit.index];
                entry.record.item.render(
                    &mut text,
                    |template| hit.templates.keeps(template),
                    entry.deprecated.as_ref(),
                );
            }
            text + "\n]\n"
        }
        AnswerContent::Categories(counts) => search::render_categories(counts),
    }
}

/// Document, archive and signature of a version.
fn package_files(entry: &Entry, store: &Store, contents: &Contents<'_>) -> Result<Vec<Placed>> {
    let record = &entry.record;
    let (name, version) = (&record.facts.name, &record.facts.version);
    let layer = Some(entry.layer.clone());
    let (document, gzip) = match &entry.deprecated {
        None => (record.document, record.document_gzip),
        deprecated => contents.put_text(&record.info(store)?.render(deprecated.as_ref()))?,
    };
    let lasting = if entry.immutable { CacheClass::Immutable } else { CacheClass::Minutes };
    let mut placed = vec![
        Placed {
            path: format!("/documents/{name}/{version}.json"),
            blob: document,
            gzip,
            media_type: media::JSON,
            cache: CacheClass::Seconds,
            layer: layer.clone(),
        },
        Placed {
            path: format!("/epr/{name}/{name}-{version}.zip"),
            blob: record.archive,
            gzip: None,
            media_type: media::ZIP,
            cache: lasting,
            layer: layer.clone(),
        },
    ];
    if let Some(blob) = record.signature {
        let path = format!("/epr/{name}/{name}-{version}.zip.sig");
        placed.push(Placed { path, blob, gzip: None, media_type: media::TEXT, cache: lasting, layer });
    }
    Ok(placed)
}
