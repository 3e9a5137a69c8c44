//! The version of a package that its page shows in full, read back from the store.

use super::changelog::{self, Release};
use super::fields::{self, Field};
use super::markdown::{self, Links};
use super::templates::url;
use crate::catalog::merge::Entry;
use crate::catalog::record::{Listing, listing_text};
use crate::store::Store;
use crate::store::content::StoredFile;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Files by path.
pub(super) type Files = BTreeMap<String, StoredFile>;

/// A version with its files and its document.
pub(super) struct Shown<'a> {
    pub(super) entry: &'a Entry,
    store: &'a Store,
    pub(super) files: Files,
    /// The answer of `/package/<name>/<version>/`.
    pub(super) document: Value,
    known: Arc<BTreeSet<String>>,
    /// Documents beside the readme: path, address of their page below that of the package, title.
    pub(super) guides: Vec<(String, String, String)>,
}

/// The list of a version's files.
pub(super) fn files(entry: &Entry, store: &Store) -> Result<Files> {
    let Listing::Stored(blob) = &entry.record.listing else { bail!("a list of files is not in the store") };
    serde_json::from_slice(&listing_text(blob, store)?).context("cannot read a list of files from the store")
}

impl<'a> Shown<'a> {
    pub(super) fn read(entry: &'a Entry, files: Files, store: &'a Store) -> Result<Self> {
        let document = store.read_blob(&entry.record.document.digest)?;
        let document = serde_json::from_slice(&document).context("cannot read a document from the store")?;
        let known = Arc::new(files.keys().cloned().collect());
        let guides = guides(&files);
        Ok(Self { entry, store, files, document, known, guides })
    }

    /// A text of the document; absent is empty.
    pub(super) fn text(&self, pointer: &str) -> &str {
        self.document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The content of a file of the package, unless it is missing or too large for a page.
    pub(super) fn content(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.files.get(path) {
            Some(file) if file.blob.size <= markdown::LONGEST => Ok(Some(self.store.read_blob(&file.blob.digest)?)),
            _ => Ok(None),
        }
    }

    /// The address of a file from the root of the registry, given its path as the document has it.
    pub(super) fn address(&self, path: &str) -> Option<String> {
        self.linked(path).map(|(address, _)| address)
    }

    /// The same, with its bytes.
    pub(super) fn linked(&self, path: &str) -> Option<(String, u64)> {
        let facts = &self.entry.record.facts;
        let base = format!("/package/{}/{}/", facts.name, facts.version);
        let file = self.files.get(path.strip_prefix(&base)?)?;
        Some((url(path.trim_start_matches('/')), file.blob.size))
    }

    /// A Markdown file as HTML for a page that lies `depth` folders below that of the package.
    pub(super) fn markdown(&self, path: &str, depth: usize) -> Result<Option<String>> {
        let Some(bytes) = self.content(path)? else { return Ok(None) };
        let facts = &self.entry.record.facts;
        let up = "../".repeat(depth);
        let page = |(path, address, _): &(String, String, String)| (path.clone(), format!("{up}{address}"));
        let links = Links {
            files: format!("{up}../../../{}/", url(&format!("package/{}/{}", facts.name, facts.version))),
            folder: path.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned()),
            // The readme stands below a title and a heading, another document below a title.
            shift: if depth == 0 { 2 } else { 1 },
            known: Arc::clone(&self.known),
            pages: Arc::new(self.guides.iter().map(page).collect()),
        };
        Ok(Some(markdown::render(&String::from_utf8_lossy(&bytes), &links)))
    }

    pub(super) fn changelog(&self) -> Result<Vec<Release>> {
        Ok(self.content("changelog.yml")?.map(|bytes| changelog::read(&bytes)).unwrap_or_default())
    }

    /// The fields below a folder, `data_stream/<name>` or the package itself, in the order of their files.
    pub(super) fn fields(&self, folder: &str) -> Result<Vec<Field>> {
        let below = if folder.is_empty() { "fields/".to_owned() } else { format!("{folder}/fields/") };
        let mut fields = Vec::new();
        for path in self.files.keys().filter(|path| path.starts_with(&below) && path.ends_with(".yml")) {
            if let Some(bytes) = self.content(path)? {
                fields::read(&bytes, &mut fields);
            }
        }
        Ok(fields)
    }
}

/// Markdown files in `docs` beside the readme. A name that cannot be part of an address as it is gets a number.
fn guides(files: &Files) -> Vec<(String, String, String)> {
    let stem = |path: &String| path.strip_prefix("docs/")?.strip_suffix(".md").map(str::to_owned);
    let stems = files.keys().filter_map(|path| Some((path.clone(), stem(path)?)));
    let others = stems.filter(|(path, stem)| path != "docs/README.md" && !stem.contains('/'));
    let plain = |stem: &str| stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    let page = |(number, (path, stem)): (usize, (String, String))| {
        let name = if plain(&stem) && !stem.is_empty() { stem.clone() } else { format!("document.{number}") };
        (path, format!("docs/{name}.html"), stem.replace(['_', '-'], " "))
    };
    others.enumerate().map(page).collect()
}
