//! The reference page of all rules, `docs/reference/rules.md`.

use super::{Entry, FAMILIES, Rule};
use crate::base::problem::Severity;
use std::fmt::Write;

const INTRODUCTION: &str = "\
<!-- Made by `epr-build generate rules`. Change src/base/rule/table.rs instead. -->

# Rules

Every problem that `epr-build` reports names the rule that was broken. `report.json` has the name of the rule in the field
`rule`. Codes and names never change their meaning.

A rule has one of four levels:

| Level | What follows |
|---|---|
| refusal | Nothing is taken into use or changed. |
| quarantine | The package is left out of the site; all others are published. The exit code is 1. |
| warning | The package is published. The exit code is 1 only with `--strict`. |
| note | Nothing is wrong. `--strict` and `--quiet` pass it over; `report.json` lists it under `notes`, not under `problems`. |
";

/// Markdown of the page.
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    for family in FAMILIES {
        let entries: Vec<&Entry> = family.rules.iter().copied().filter_map(Rule::entry).collect();
        // Writing to a text cannot fail.
        let _ = write!(page, "\n## {}\n\n| Code | Rule | Level |\n|---|---|---|\n", family.title);
        for entry in &entries {
            let _ = writeln!(page, "| {} | [`{}`](#{}) | {} |", entry.code, entry.name, entry.name, level(entry));
        }
        for Entry { code, name, summary, why, hint, .. } in &entries {
            let _ = write!(page, "\n### `{name}`\n\n{code}. {summary} {why}\n\nHint: {hint}.\n");
        }
    }
    page
}

fn level(entry: &Entry) -> String {
    let word = |severity| match severity {
        Severity::Refusal => "refusal",
        Severity::Quarantine => "quarantine",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let default = word(entry.level.default);
    entry
        .level
        .unless
        .map_or_else(|| default.to_owned(), |(when, severity)| format!("{default}; {} {when}", word(severity)))
}
