//! The document root as one value: every path of a distribution, and its content.
//!
//! Nothing is published here: documents and answers go to the store, and the site is a tree of the store whose folders
//! other generations and distributions share as far as they are equal.

mod folders;
mod lists;
mod versions;

use crate::answers::route::answers::{Answer, Answers, Text};
use crate::answers::route::request::VERSIONS;
use crate::base::digest::Digest;
use crate::base::file_notes::FileNotes;
use crate::base::headers::CacheClass;
use crate::base::media;
use crate::base::progress::Progress;
use crate::catalog::merge::{Catalog, Entry};
use crate::catalog::page_record::Page;
use crate::store::content::{Blob, Contents};
use crate::store::{Store, TreeEntry};
use anyhow::Result;
use folders::Folders;
use lists::{AnswerTable, Lists};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The answer of `/` and `/index.json`: the service clients expect, and the version of the behaviour we conform to.
const INDEX: &str = "{\n  \"service.name\": \"package-registry\",\n  \"service.version\": \"1.40.1\"\n}\n";
/// An empty `/search` answer has no newline, an empty `/categories` answer has one.
const EMPTY: &str = "[]";
const EMPTY_CATEGORIES: &str = "[]\n";

/// A content and, where it saves space, its gzip copy.
pub(crate) type Files = (Blob, Option<Blob>);

/// A file of the document root, those below `/package/` aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteFile<'a> {
    /// Bytes.
    pub size: u64,
    /// Content.
    pub sha256: Digest,
    /// Content type.
    pub media_type: &'static str,
    /// How long it may be kept.
    pub cache: CacheClass,
    /// The layer it comes from; absent for answers over several packages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<&'a str>,
    /// SHA-256 of the gzip copy (same path and `.gz`), where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gzip_sha256: Option<Digest>,
}

/// The path of an answer.
#[derive(Clone, Debug)]
struct AnswerPath {
    /// Without `.json`.
    path: Arc<str>,
    /// Position of its text in [`Site::texts`].
    text: usize,
}

/// A document root in the store.
#[derive(Clone, Debug)]
pub struct Site {
    /// The root folder.
    pub tree: Digest,
    /// Exceptions among the package files, for servers.
    pub notes: FileNotes,
    /// In the order of the paths with `.json`.
    answers: Vec<AnswerPath>,
    /// Every distinct answer.
    texts: Vec<Files>,
    /// Documents that are not those of the records, by position in the catalog.
    documents: BTreeMap<usize, Files>,
    icon: Blob,
    index: Blob,
    versions: Files,
    /// Pages for people, in the order of their paths.
    pages: Vec<Page>,
}

/// Renders documents and answers and joins them with the packages and the pages for people, if there are any.
pub fn assemble(
    catalog: &Catalog,
    answers: Answers,
    pages: Vec<Page>,
    store: &Store,
    known: &AnswerTable,
    progress: &Progress,
) -> Result<Site> {
    let contents = Contents::new(Some(store));
    progress.begin("rendering answers", u64::from(answers.lists()) + u64::from(answers.counts()));
    let lists = Lists::new(catalog, &answers, &contents, store, known)?;
    let (paths, texts) = render(&answers, &lists, progress)?;
    drop(lists);
    drop(answers);
    let mut site = Site {
        tree: Digest::of(b""),
        notes: FileNotes { immutable: catalog.entries.iter().all(|entry| entry.immutable), ..FileNotes::default() },
        answers: paths,
        texts,
        documents: told_documents(catalog, store, &contents)?,
        icon: contents.put(media::FAVICON)?,
        index: contents.put(INDEX.as_bytes())?,
        versions: contents.put_text(&versions::text(catalog)?)?,
        pages,
    };
    site.notes.pages = !site.pages.is_empty();
    site.pages.sort_by(|a, b| a.path.cmp(&b.path));
    for (path, text) in [("/answers/empty", EMPTY), ("/answers/empty-categories", EMPTY_CATEGORIES)] {
        site.answers.push(AnswerPath { path: path.into(), text: site.texts.len() });
        site.texts.push((contents.put(text.as_bytes())?, None));
    }
    site.answers.sort_by(|a, b| a.path.bytes().chain(*b".json").cmp(b.path.bytes().chain(*b".json")));
    let mut folders = Folders::new(store);
    site.each_file(catalog, &mut |path, file| {
        folders.insert(path, TreeEntry::Blob(file.sha256))?;
        file.gzip_sha256.map_or(Ok(()), |copy| folders.insert(&format!("{path}.gz"), TreeEntry::Blob(copy)))
    })?;
    for entry in &catalog.entries {
        let base = package_path(entry);
        folders.insert(&base, TreeEntry::Tree(entry.record.tree))?;
        site.notes.extend(&base, &entry.record.notes);
    }
    site.tree = folders.finish()?;
    Ok(site)
}

/// Every distinct answer, and which path shows which of them.
fn render(answers: &Answers, lists: &Lists<'_>, progress: &Progress) -> Result<(Vec<AnswerPath>, Vec<Files>)> {
    let all = (0..answers.lists()).map(Text::Items).chain((0..answers.counts()).map(Text::Categories));
    let rendered = all.collect::<Vec<_>>().into_par_iter().map(|text| {
        progress.step();
        match text {
            Text::Items(list) => lists.list(list),
            Text::Categories(counts) => lists.counts(answers.count(counts)),
        }
    });
    let mut texts = rendered.collect::<Result<Vec<_>>>()?;
    texts.shrink_to_fit();
    let position = |text| match text {
        Text::Items(list) => list as usize,
        Text::Categories(counts) => (answers.lists() + counts) as usize,
    };
    let path = |answer: &Answer| AnswerPath { path: Arc::clone(&answer.path), text: position(answer.text) };
    Ok((answers.iter().map(path).collect(), texts))
}

/// Documents that say something else than those of the packages, by position in the catalog: names are deprecated, or an
/// override changes a constraint.
fn told_documents(catalog: &Catalog, store: &Store, contents: &Contents<'_>) -> Result<BTreeMap<usize, Files>> {
    let render = |(position, entry): (usize, &Entry)| {
        let Entry { overlay, deprecated, .. } = entry;
        if deprecated.is_none() && overlay.kibana.is_none() {
            return None;
        }
        let info = entry.record.info(store).map(|info| overlay.document(info));
        Some(info.and_then(|info| Ok((position, contents.put_text(&info.render(deprecated.as_ref()))?))))
    };
    catalog.entries.par_iter().enumerate().filter_map(render).collect()
}

impl Site {
    /// Every file with its path, without those below `/package/`, which the records list; in order of the paths.
    ///
    /// # Errors
    /// Errors of `visit`.
    pub fn each_file(&self, catalog: &Catalog, visit: &mut dyn FnMut(&str, SiteFile<'_>) -> Result<()>) -> Result<()> {
        for AnswerPath { path, text } in &self.answers {
            let file = site_file(&self.texts[*text], media::JSON, CacheClass::Minutes, None);
            visit(&format!("{path}.json"), file)?;
        }
        let mut first = 0;
        let same_name = |a: &Entry, b: &Entry| a.record.facts.name == b.record.facts.name;
        for versions in catalog.entries.chunk_by(same_name) {
            in_order(versions.iter().enumerate().map(|(at, entry)| self.document(first + at, entry)), visit)?;
            first += versions.len();
        }
        for versions in catalog.entries.chunk_by(same_name) {
            in_order(versions.iter().flat_map(archives), visit)?;
        }
        visit("/favicon.ico", site_file(&(self.icon, None), media::ICON, CacheClass::Minutes, None))?;
        visit("/index.json", site_file(&(self.index, None), media::JSON, CacheClass::Seconds, None))?;
        visit(VERSIONS, site_file(&self.versions, media::JSON, CacheClass::Seconds, None))?;
        self.pages.iter().try_for_each(|page| {
            let files = (page.blob, page.gzip);
            visit(&page.path, site_file(&files, page.media_type(), CacheClass::Minutes, None))
        })
    }

    fn document<'a>(&self, position: usize, entry: &'a Entry) -> (String, SiteFile<'a>) {
        let record = &entry.record;
        let own = (record.document, record.document_gzip);
        let files = self.documents.get(&position).unwrap_or(&own);
        let path = format!("/documents/{}/{}.json", record.facts.name, record.facts.version);
        (path, site_file(files, media::JSON, CacheClass::Seconds, Some(&entry.layer)))
    }
}

/// Visits files in order of their paths.
fn in_order<'a>(
    files: impl Iterator<Item = (String, SiteFile<'a>)>,
    visit: &mut dyn FnMut(&str, SiteFile<'_>) -> Result<()>,
) -> Result<()> {
    let mut files: Vec<_> = files.collect();
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    files.into_iter().try_for_each(|(path, file)| visit(&path, file))
}

/// Archive and signature of a version.
fn archives(entry: &Entry) -> impl Iterator<Item = (String, SiteFile<'_>)> {
    let record = &entry.record;
    let (name, version) = (&record.facts.name, &record.facts.version);
    let path = format!("/epr/{name}/{name}-{version}.zip");
    let lasting = if entry.immutable { CacheClass::Immutable } else { CacheClass::Minutes };
    let file = |blob, media_type| site_file(&(blob, None), media_type, lasting, Some(&entry.layer));
    let signature = record.signature.map(|blob| (format!("{path}.sig"), file(blob, media::TEXT)));
    std::iter::once((path, file(record.archive, media::ZIP))).chain(signature)
}

fn site_file<'a>(
    (blob, gzip): &Files,
    media_type: &'static str,
    cache: CacheClass,
    layer: Option<&'a str>,
) -> SiteFile<'a> {
    let gzip_sha256 = gzip.map(|copy| copy.digest);
    SiteFile { size: blob.size, sha256: blob.digest, media_type, cache, layer, gzip_sha256 }
}

/// Where the files of a package are.
pub fn package_path(entry: &Entry) -> String {
    format!("/package/{}/{}", entry.record.facts.name, entry.record.facts.version)
}
