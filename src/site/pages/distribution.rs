//! The page about the distribution itself: its layers, what only one of them has, conflicts, and what was left out.

use super::PageWriter;
use crate::base::problem::{Problem, Severity};
use crate::catalog::merge::Catalog;
use crate::catalog::overlay::Overridden;
use crate::catalog::page_record::Page;
use crate::site::report::Report;
use anyhow::Result;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// More warnings than this are in `report.json` only.
const MOST_WARNINGS: usize = 500;
/// More differing files of a conflict are only counted.
const MOST_FILES: usize = 20;

/// The versions that come from one layer and from no other.
#[derive(Serialize)]
struct Alone<'a> {
    layer: &'a str,
    versions: usize,
    packages: BTreeMap<&'a str, Vec<String>>,
}

/// One thing that is wrong.
#[derive(Serialize)]
struct Trouble<'a> {
    rule: &'a str,
    place: String,
    message: &'a str,
    hint: Option<&'a str>,
}

pub(super) fn page(name: &str, catalog: &Catalog, report: &Report, writer: &PageWriter<'_>) -> Result<Page> {
    let troubles = |severity: Severity| -> Vec<Trouble<'_>> {
        report.problems.iter().filter(|problem| problem.severity == severity).map(trouble).collect()
    };
    let warnings = troubles(Severity::Warning);
    let conflicts: Vec<_> = report
        .conflicts
        .iter()
        .map(|conflict| {
            let files: Vec<_> = conflict.differing_files.iter().take(MOST_FILES).collect();
            json!({ "conflict": conflict, "files": files, "more": conflict.differing_files.len() - files.len() })
        })
        .collect();
    let values = json!({
        "distribution": name,
        "report": json!({
            "layers": &report.layers,
            "versions": report.versions,
            "packages": report.packages,
            "copies": report.copies.len()}),
        "signatures": &report.signatures,
        "coverage": &report.coverage,
        "alone": alone(catalog, report),
        "conflicts": conflicts,
        "overrides": report.overrides.iter().map(overridden).collect::<Vec<_>>(),
        "carried": &report.carried_notices,
        "quarantined": troubles(Severity::Quarantine),
        "more_warnings": warnings.len().saturating_sub(MOST_WARNINGS),
        "warnings": warnings.into_iter().take(MOST_WARNINGS).collect::<Vec<_>>()});
    writer.put("distribution/index.html", &writer.templates.render("distribution.html", 1, &values)?)
}

/// A version of which overrides change what the registry says, in words.
fn overridden(one: &Overridden) -> Value {
    json!({ "name": &one.name, "version": &one.version, "layer": &one.layer, "changes": one.overlay.lines() })
}

fn trouble(problem: &Problem) -> Trouble<'_> {
    let place = &problem.place;
    let mut text = [place.layer.as_str(), place.package.as_str(), place.file.as_deref().unwrap_or_default()]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("/");
    if let Some(line) = place.line {
        text += &format!(":{line}");
    }
    Trouble { rule: problem.rule.name(), place: text, message: &problem.message, hint: problem.hint.as_deref() }
}

/// For every layer but the first, which is what the others are added to.
fn alone<'a>(catalog: &'a Catalog, report: &'a Report) -> Vec<Alone<'a>> {
    let mut layers = Vec::new();
    for layer in report.layers.iter().skip(1) {
        let mut alone = Alone { layer: &layer.name, versions: 0, packages: BTreeMap::new() };
        for entry in catalog.entries.iter().filter(|entry| entry.layer == layer.name && entry.also_in.is_empty()) {
            let facts = &entry.record.facts;
            alone.versions += 1;
            alone.packages.entry(facts.name.as_str()).or_default().push(facts.version.to_string());
        }
        layers.push(alone);
    }
    layers
}
