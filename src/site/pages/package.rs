//! The pages of one package: its newest version in full, and all versions with what decides between them.

use super::changelog::{Release, is_web};
use super::facets::{self, Category};
use super::shown::{self, Files, Shown};
use super::versions::{changelogs, versions};
use super::{PageWriter, matrix, signature};
use crate::answers::search::{Query, search};
use crate::catalog::merge::Entry;
use crate::catalog::overlay::Overlay;
use crate::catalog::page_record::{News, PackagePages, Tile};
use crate::catalog::record::Record;
use crate::catalog::signatures::in_words;
use crate::package::{Facts, Release as Maturity};
use crate::select::requires::{Need, Unmet};
use crate::store::Store;
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// From so many bytes on an icon is shown on the page of its package only.
const HEAVY_ICON: u64 = 20 << 10;

/// How many bytes of words beside title and description the search knows of a package.
const MOST_WORDS: usize = 400;
/// How many changes of a version the feed tells.
const MOST_CHANGES: usize = 12;

/// How a page calls the distribution that it is a page of.
pub(super) const HERE: &str = "this registry";

/// A version in the table of versions.
#[derive(Serialize)]
struct VersionLine<'a> {
    version: String,
    kibana: Option<String>,
    agent: Option<String>,
    format: String,
    layer: &'a str,
    also_in: Vec<&'a str>,
    conflicts: Vec<&'a str>,
    size: u64,
    sha256: String,
    archive: String,
    is_signed: bool,
    /// `good`, `bad`, `other-key`, `weak`, `unreadable` or `missing`.
    verdict: String,
    /// The verdict in words.
    signature: String,
    /// The address of the key by which it is good.
    key: Option<String>,
    is_prerelease: bool,
    is_shown: bool,
    before: Option<String>,
    overlay: &'a Overlay,
    /// What overrides change, in words.
    overrides: Vec<String>,
}

/// A data stream, with its fields on a page of their own.
#[derive(Serialize)]
struct Stream<'a> {
    document: &'a Value,
    anchor: String,
    fields: Vec<super::fields::Field>,
}

/// Makes the pages of a package, given all its versions in catalog order.
pub(super) fn pages(
    entries: &[Entry],
    unmet: &[Vec<Unmet>],
    writer: &PageWriter<'_>,
    store: &Store,
) -> Result<PackagePages> {
    let offered: Vec<usize> = (0..entries.len()).filter(|at| !entries[*at].is_hidden()).collect();
    let facts: Vec<&Facts> = offered.iter().map(|at| &entries[*at].record.facts).collect();
    // Of a package that is hidden as a whole the newest version is shown.
    let top = offered.last().copied().unwrap_or(entries.len() - 1);
    let files: Vec<Files> = entries.iter().map(|entry| shown::files(entry, store)).collect::<Result<_>>()?;
    let place = newest(&facts).map_or(top, |at| offered[at]);
    let shown = Shown::read(&entries[place], files[place].clone(), store)?;
    let changelog = changelogs(entries, &files, store)?;
    let signature = entries[top].record.signature.filter(|blob| blob.size < 1 << 16);
    let signed_at = signature.map(|blob| store.read_blob(&blob.digest)).transpose()?;
    let signed_at = signed_at.and_then(|bytes| signature::made_at(&bytes));
    let tile = tile(&shown, entries, &entries[top].record, &facts, &changelog, signed_at);
    let name = tile.name.clone();
    let nothing = Files::new();
    let data = versions(&tile.title, entries, &files, &nothing, changelog);
    let data = serde_json::to_string(&data).context("cannot write the versions of a package")?;
    let mut pages = vec![writer.put(&format!("data/package/{name}.json"), &data)?];
    let streams = streams(&shown)?;
    let has_fields = streams.iter().any(|stream| !stream.fields.is_empty());
    if has_fields {
        let html = writer.templates.render("fields.html", 3, &json!({ "tile": &tile, "streams": &streams }))?;
        pages.push(writer.put(&format!("package/{name}/fields/index.html"), &html)?);
    }
    for (path, address, title) in &shown.guides {
        let Some(text) = shown.markdown(path, 1)? else { continue };
        let values =
            json!({ "tile": &tile, "title": title, "text": text, "source": shown.address(&path_of(&shown, path)) });
        let html = writer.templates.render("document.html", 3, &values)?;
        pages.push(writer.put(&format!("package/{name}/{address}"), &html)?);
    }
    let lines: Vec<_> = (0..entries.len()).rev().map(|at| line(entries, at, place)).collect();
    let mut values = values(&shown, &tile)?;
    let unmet = unmet[place].iter().map(|unmet| {
        let Need { package, version, .. } = &unmet.need;
        json!({ "package": package, "version": version, "why": unmet.why(HERE) })
    });
    values["unmet"] = unmet.collect();
    values["streams"] = json!(streams);
    values["lines"] = json!(lines);
    values["has_fields"] = json!(has_fields);
    let html = writer.templates.render("package.html", 2, &values)?;
    pages.push(writer.put(&format!("package/{name}/index.html"), &html)?);
    Ok(PackagePages { pages, tile })
}

/// The position of the newest release, or of the newest pre-release where there is none.
fn newest(facts: &[&Facts]) -> Option<usize> {
    let latest = |prerelease| search(facts, &Query { prerelease, ..Query::default() }).first().map(|hit| hit.index);
    latest(false).or_else(|| latest(true))
}

fn path_of(shown: &Shown<'_>, path: &str) -> String {
    let facts = &shown.entry.record.facts;
    format!("/package/{}/{}/{path}", facts.name, facts.version)
}

fn values(shown: &Shown<'_>, tile: &Tile) -> Result<Value> {
    let own = |path: &str| shown.address(&path_of(shown, path));
    let ids = shown.document.pointer("/categories").and_then(Value::as_array).into_iter().flatten();
    let categories: Vec<Category> = ids.filter_map(Value::as_str).map(facets::category).collect();
    let github = shown.text("/owner/github");
    Ok(json!({
        "tile": tile,
        "document": &shown.document,
        "categories": categories,
        "readme": shown.markdown("docs/README.md", 0)?,
        "guides": shown.guides.iter().map(|(_, address, title)| json!({ "address": address, "title": title })).collect::<Vec<_>>(),
        "screenshots": screenshots(shown),
        "changelog": shown.changelog()?,
        "deprecated": &shown.entry.deprecated,
        "record": json!({
            "layer": shown.entry.layer.as_str(),
            "package": shown.entry.package.as_str(),
            "kind": format!("{:?}", shown.entry.record.kind).to_lowercase(),
            "files": shown.entry.record.files,
            "bytes": shown.entry.record.bytes}),
        "sources": json!({
            "readme": own("docs/README.md"), "manifest": own("manifest.yml"), "changelog": own("changelog.yml")}),
        "owner_link": is_web(github).then_some(github)}))
}

/// Pictures of the package and of its policy templates that are there, each once.
fn screenshots(shown: &Shown<'_>) -> Vec<Value> {
    let templates = shown.document.pointer("/policy_templates").and_then(Value::as_array).into_iter().flatten();
    let lists =
        std::iter::once(&shown.document).chain(templates).filter_map(|holder| holder.get("screenshots")?.as_array());
    let mut seen = BTreeSet::new();
    let mut pictures = Vec::new();
    for picture in lists.flatten() {
        let text = |key: &str| picture.get(key).and_then(Value::as_str).unwrap_or_default();
        let Some(address) = shown.address(text("path")) else { continue };
        if seen.insert(address.clone()) {
            let title = if text("title").is_empty() { "Screenshot" } else { text("title") };
            pictures.push(json!({ "address": address, "title": title }));
        }
    }
    pictures
}

fn streams<'a>(shown: &'a Shown<'_>) -> Result<Vec<Stream<'a>>> {
    let mut streams = Vec::new();
    let listed = shown.document.pointer("/data_streams").and_then(Value::as_array).into_iter().flatten();
    for (number, document) in listed.enumerate() {
        let path = document.get("path").and_then(Value::as_str).unwrap_or_default();
        let fields = shown.fields(&format!("data_stream/{path}"))?;
        streams.push(Stream { document, anchor: format!("stream-{number}"), fields });
    }
    let own = shown.fields("")?;
    if !own.is_empty() {
        streams.push(Stream { document: &shown.document, anchor: "stream-package".to_owned(), fields: own });
    }
    Ok(streams)
}

fn line(entries: &[Entry], at: usize, shown: usize) -> VersionLine<'_> {
    let entry = &entries[at];
    let Facts { name, version, kibana, agent, spec, .. } = &entry.record.facts;
    let in_layers = |differ: bool| {
        let copies = entry.also_in.iter().filter(move |copy| copy.differing_files.is_empty() != differ);
        copies.map(|copy| copy.layer.as_str()).collect()
    };
    VersionLine {
        version: version.to_string(),
        kibana: kibana.as_ref().map(ToString::to_string),
        agent: agent.as_ref().map(ToString::to_string),
        format: format!("{}.{}", spec.major, spec.minor),
        layer: &entry.layer,
        also_in: in_layers(false),
        conflicts: in_layers(true),
        size: entry.record.archive.size,
        sha256: entry.record.archive.digest.to_string(),
        archive: super::templates::url(&format!("epr/{name}/{name}-{version}.zip")),
        is_signed: entry.record.signature.is_some(),
        verdict: entry.verdict.to_string().split('(').next().unwrap_or_default().to_owned(),
        signature: in_words(&entry.verdict),
        key: entry.verdict.good_key().map(|key| super::key_path(&key)),
        is_prerelease: is_prerelease(&entry.record.facts),
        is_shown: at == shown,
        before: at.checked_sub(1).map(|before| entries[before].record.facts.version.to_string()),
        overlay: &entry.overlay,
        overrides: entry.overlay.lines(),
    }
}

/// Not ready by its version or by its own word; the badge is for people, so major 0 counts.
fn is_prerelease(facts: &Facts) -> bool {
    facts.version.is_prerelease() || facts.release != Maturity::Ga
}

fn tile(
    shown: &Shown<'_>,
    entries: &[Entry],
    top: &Record,
    facts: &[&Facts],
    changelog: &[Release],
    signed_at: Option<u64>,
) -> Tile {
    let entry = shown.entry;
    let own = &entry.record.facts;
    let icons = shown.document.pointer("/icons").and_then(Value::as_array).into_iter().flatten();
    let (icon, icon_bytes) = icons.filter_map(|icon| shown.linked(icon.get("path")?.as_str()?)).next().unzip();
    let templates = own.templates.iter().filter_map(|template| template.categories.as_ref()).flatten();
    let title = if shown.text("/title").is_empty() { &own.name } else { shown.text("/title") };
    let next = (top.facts.version != own.version).then(|| top.facts.version.to_string());
    let layers: BTreeSet<&String> = entries.iter().map(|entry| &entry.layer).collect();
    Tile {
        name: own.name.clone(),
        title: title.to_owned(),
        description: shown.text("/description").to_owned(),
        version: own.version.to_string(),
        next,
        kind: own.package_type.clone(),
        is_icon_heavy: icon_bytes.is_some_and(|bytes| bytes > HEAVY_ICON),
        icon,
        categories: facets::with_parents(own.categories.iter().chain(templates).map(String::as_str)),
        layers: layers.into_iter().cloned().collect(),
        layer: entry.layer.clone(),
        owner: shown.text("/owner/type").to_owned(),
        subscription: shown.text("/conditions/elastic/subscription").to_owned(),
        is_prerelease: is_prerelease(own),
        is_deprecated: entry.deprecated.is_some(),
        is_hidden: facts.is_empty(),
        is_signed: entry.record.signature.is_some(),
        versions: entries.len(),
        words: words(shown),
        runs: matrix::runs(facts, false),
        prerelease_runs: matrix::runs(facts, true),
        news: news(top, changelog, signed_at),
    }
}

fn news(record: &Record, changelog: &[Release], signed_at: Option<u64>) -> News {
    let version = record.facts.version.to_string();
    let own = changelog.iter().find(|release| release.version == version);
    let changes = own.into_iter().flat_map(|release| &release.changes).take(MOST_CHANGES);
    News {
        archive: format!("epr/{0}/{0}-{version}.zip", record.facts.name),
        size: record.archive.size,
        signed_at,
        changes: changes.map(|change| change.description.clone()).collect(),
        version,
    }
}

/// Titles of policy templates and data streams.
fn words(shown: &Shown<'_>) -> String {
    let lists =
        ["/policy_templates", "/data_streams"].iter().filter_map(|list| shown.document.pointer(list)?.as_array());
    let mut seen = BTreeSet::new();
    let mut words = String::new();
    for text in lists.flatten().filter_map(|item| item.get("title")?.as_str()) {
        if seen.insert(text) && words.len() + text.len() <= MOST_WORDS {
            words += text;
            words.push(' ');
        }
    }
    words.trim_end().to_lowercase()
}
