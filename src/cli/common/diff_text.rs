//! Differences as lines for people, and as Markdown.
//!
//! Text from packages may hold anything. On a terminal it becomes one line without control characters, in Markdown it is
//! quoted as code.

use crate::base::progress::bytes;
use crate::base::shown;
use crate::base::words::counted;
use crate::compare::diff::details::{Details, Entry};
use crate::compare::diff::{Diff, Id, Retold, Seen};
use crate::compare::holdings::Change;
use std::fmt::Write;

/// The length in characters after which values are cut off. The JSON form is complete.
const LONGEST: usize = 120;

/// One line for each difference; empty if there is none.
pub(in crate::cli) fn render_text(diff: &Diff) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let mut line = |word: &str, rest: String| {
        let _ = writeln!(text, "{word:<8} {rest}");
    };
    let layer = |id: &Id| if id.layer.is_empty() { String::new() } else { format!(" ({})", id.layer) };
    diff.added.iter().for_each(|id| line("added", format!("{}-{}{}", id.name, id.version, layer(id))));
    diff.removed.iter().for_each(|id| line("removed", format!("{}-{}{}", id.name, id.version, layer(id))));
    for changed in &diff.changed {
        line("changed", format!("{}-{}, {}", changed.name, changed.version, size(&changed.details)));
        render_details(&changed.details, one_line).into_iter().for_each(|detail| line("", format!("  {detail}")));
    }
    diff.moved.iter().for_each(|moved| {
        line("moved", format!("{}-{}: {} -> {}", moved.name, moved.version, moved.from, moved.to));
    });
    for newest in &diff.newest {
        line("newest", format!("{}: {} -> {}, {}", newest.name, newest.was, newest.is, size(&newest.details)));
        let details =
            render_details(&newest.details, one_line).into_iter().chain(render_changelog(&newest.changelog, one_line));
        details.for_each(|detail| line("", format!("  {detail}")));
    }
    for seen in &diff.seen {
        let (was, is) = (version(seen.was.as_ref()), version(seen.is.as_ref()));
        line("seen", format!("{}: {was} -> {is} by {}", seen.name, range(seen)));
    }
    for retold in &diff.overrides {
        line("override", format!("{}-{}", retold.name, retold.version));
        render_retold(retold, one_line).into_iter().for_each(|detail| line("", format!("  {detail}")));
    }
    text
}

/// What overrides no longer change of a version, and what they change now.
fn render_retold(Retold { was, is, .. }: &Retold, shown: impl Fn(&str) -> String) -> Vec<String> {
    let (was, is) = (was.lines(), is.lines());
    let gone = was.iter().filter(|line| !is.contains(line)).map(|line| shown(&format!("- {line}")));
    let new = is.iter().filter(|line| !was.contains(line)).map(|line| shown(&format!("+ {line}")));
    gone.chain(new).collect()
}

/// Sections with lists; one sentence if there is no difference.
pub(in crate::cli) fn render_markdown(diff: &Diff) -> String {
    if diff.is_empty() {
        return "No differences.\n".to_owned();
    }
    let id = |id: &Id| format!("{} {}", code(&format!("{}-{}", id.name, id.version)), id.layer).trim_end().to_owned();
    let list = |head: String, details: Vec<String>| {
        head + &details.into_iter().map(|detail| format!("\n  - {detail}")).collect::<String>()
    };
    let changed = diff.changed.iter().map(|changed| {
        let head = format!("{}, {}", code(&format!("{}-{}", changed.name, changed.version)), size(&changed.details));
        list(head, render_details(&changed.details, code))
    });
    let moved = diff
        .moved
        .iter()
        .map(|moved| format!("{}: {} → {}", code(&format!("{}-{}", moved.name, moved.version)), moved.from, moved.to));
    let newest = diff.newest.iter().map(|newest| {
        let head = format!("{}: {} → {}, {}", code(&newest.name), newest.was, newest.is, size(&newest.details));
        let details =
            render_changelog(&newest.changelog, code).into_iter().chain(render_details(&newest.details, code));
        list(head, details.collect())
    });
    let retold = diff
        .overrides
        .iter()
        .map(|retold| list(code(&format!("{}-{}", retold.name, retold.version)), render_retold(retold, code)));
    let mut text = String::new();
    for (title, lines) in [
        ("Added", diff.added.iter().map(id).collect::<Vec<_>>()),
        ("Removed", diff.removed.iter().map(id).collect()),
        ("Changed", changed.collect()),
        ("Moved", moved.collect()),
        ("Newest versions", newest.collect()),
        ("Overrides", retold.collect()),
    ] {
        if !lines.is_empty() {
            text += &format!("### {title}\n\n{}\n", lines.iter().map(|line| format!("- {line}\n")).collect::<String>());
        }
    }
    if !diff.seen.is_empty() {
        text += "### What Kibana sees\n\n| package | Kibana | before | after |\n|---|---|---|---|\n";
        for seen in &diff.seen {
            let (was, is) = (version(seen.was.as_ref()), version(seen.is.as_ref()));
            text += &format!("| {} | {} | {was} | {is} |\n", seen.name, range(seen));
        }
    }
    text.trim_end().to_owned() + "\n"
}

/// The first lines of a Markdown text, so that all have no more than so many characters; the last one says how many are
/// missing. Every item is a line, so nothing is cut in its middle.
pub(in crate::cli) fn shortened(text: &str, max_characters: Option<u32>) -> String {
    let Some(max) = max_characters.map(|max| max as usize) else { return text.to_owned() };
    // Printing writes unseen characters out, which is longer.
    let text = shown::lines(text);
    let length = |text: &str| text.chars().count();
    if length(&text) <= max {
        return text.into_owned();
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let rest = |missing: usize| format!("\n… and {}\n", counted(missing, "more line"));
    let room = max.saturating_sub(length(&rest(lines.len())));
    let (mut short, mut taken, mut used) = (String::new(), 0, 0);
    for line in &lines {
        used += length(line);
        if used > room {
            break;
        }
        short += line;
        taken += 1;
    }
    short + &rest(lines.len() - taken)
}

/// Changed files with their sizes, then changed fields of the manifest.
fn render_details(details: &Details, shown: impl Fn(&str) -> String) -> Vec<String> {
    let files = details.files.iter().map(|(path, file)| {
        let sizes = match (file.was, file.is) {
            (Some(was), Some(is)) if was != is => format!("{} -> {}", bytes(was), bytes(is)),
            (Some(size), _) | (None, Some(size)) => bytes(size),
            (None, None) => String::new(),
        };
        format!("{} {} ({sizes})", sign(file.change), shown(path))
    });
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "nothing".to_owned(), &shown);
    let fields = details
        .manifest
        .iter()
        .map(|change| format!("manifest: {}: {} -> {}", shown(&change.field), value(&change.was), value(&change.is)));
    files.chain(fields).collect()
}

/// Entries of a changelog, one line for each change.
fn render_changelog(entries: &[Entry], shown: impl Fn(&str) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in entries {
        for change in &entry.changes {
            let kind = if change.kind.is_empty() { String::new() } else { format!("{}: ", shown(&change.kind)) };
            lines.push(format!("changelog {}: {kind}{}", shown(&entry.version), shown(&change.description)));
        }
    }
    lines
}

fn size(details: &Details) -> String {
    let [was, is] = details.bytes;
    if was == is { bytes(is) } else { format!("{} -> {}", bytes(was), bytes(is)) }
}

fn sign(change: Change) -> char {
    match change {
        Change::Added => '+',
        Change::Removed => '-',
        Change::Changed => '~',
    }
}

fn version(version: Option<&String>) -> &str {
    version.map_or("nothing", String::as_str)
}

/// A range of Kibanas in words.
fn range(Seen { kibana, before, prerelease, .. }: &Seen) -> String {
    let versions = match before {
        None if kibana == "0.0.0" => "every Kibana".to_owned(),
        None => format!("Kibana {kibana} and later"),
        Some(before) if kibana == "0.0.0" => format!("Kibana before {before}"),
        Some(before) => format!("Kibana {kibana} to before {before}"),
    };
    if *prerelease { format!("{versions} with pre-releases") } else { versions }
}

/// The text on one line, cut off if it is long. Ends of lines are blanks there; what else cannot be seen is written out.
fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
    shown::printable(&text, LONGEST)
}

/// The text as code in Markdown, between more back-ticks than it has in a row.
fn code(text: &str) -> String {
    let text = one_line(text);
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    if longest == 0 && !text.is_empty() { format!("`{text}`") } else { format!("{fence} {text} {fence}") }
}
