//! The routing tables as files of exact keys, for hosts that look one up at a time: a key, a blank and a value a line.
//!
//! A node is written as its number while the walk goes on, else as the number of an answer (`a7`, or `z7` where the answer has
//! a compressed copy), `[]` (the empty list) or `!` (refused). Versions are found by lists of numbers: `8.11.2`, else
//! `8.11.+`, else `8.+`, else `+`. Written once for all hosts. Knows no server.

#[cfg(test)]
mod tests;

use super::labels::{AXES, NumberAxis, published_modes, subjects};
use super::options::{HostOptions, Published};
use super::patterns::{self, PRERELEASE_PART, below, is_plain_path, literal};
use crate::answers::route::model::{Axis, Node, Profile, Routes};
use crate::answers::route::query;
use crate::answers::route::rows::Classes;
use crate::answers::route::walk::capability_word;
use minijinja::{Value, context};
use std::collections::BTreeMap;
use std::ops::Range;

/// More numbers than this between two listed ones become a pattern.
const LONGEST_GAP: u64 = 128;

/// A version as paths know it; `{PRE}` stands for a part of its pre-release.
const STRICT: &str = r"^(?=[\s\S]{1,256}\z)(?:0|[1-9]\d{0,18})\.(?:0|[1-9]\d{0,18})\.(?:0|[1-9]\d{0,18})(?:-{PRE}(?:\.{PRE})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?\z";

/// A range of numbers that is too long to be listed.
struct Gap {
    /// `kibana`, `agent`, `min` or `max`.
    axis: &'static str,
    /// Matches the numbers of a version, joined by dots and without leading zeros.
    pattern: String,
    /// The label of all of them.
    label: String,
}

/// Makes the files of the folder `hosts/tables`: name and content.
///
/// # Errors
/// None; hosts are called in the same way.
pub fn render(routes: &Routes, options: &HostOptions) -> anyhow::Result<Vec<(String, String)>> {
    let answers = Answers::new(routes, &options.published);
    let mut files = vec![
        ("labels.map".to_owned(), labels(routes).0),
        ("subjects.map".to_owned(), starts(routes, &answers)),
        ("profiles.map".to_owned(), profiles(routes)),
    ];
    for (axis, name) in AXES {
        files.push((format!("{name}.map"), steps(routes, axis, &answers)));
    }
    files.push(("answers.map".to_owned(), answers.rows()));
    Ok(files)
}

/// Adds a line.
fn push(text: &mut String, key: &str, value: &str) {
    text.extend([key, " ", value, "\n"]);
}

/// The answers that the tables lead to, numbered in the order of their paths.
struct Answers<'a> {
    names: BTreeMap<&'a str, String>,
}

impl<'a> Answers<'a> {
    fn new(routes: &'a Routes, published: &Published) -> Self {
        let starts = routes.subjects.values().map(|start| &start.node);
        let rows = routes.rows.values();
        let exact = rows.clone().flat_map(|rows| rows.exact.values().flat_map(Classes::values));
        let default = rows.flat_map(|rows| rows.default.values());
        let mut names = BTreeMap::new();
        for node in starts.chain(exact).chain(default) {
            match node {
                Node::Answer(path) if is_plain_path(path) => names.insert(&**path, String::new()),
                _ => continue,
            };
        }
        for (number, (path, name)) in names.iter_mut().enumerate() {
            let mark = if published.copies.contains(*path) { 'z' } else { 'a' };
            *name = format!("{mark}{number}");
        }
        Self { names }
    }

    /// A node as a value; an answer whose path is not plain is refused rather than answered wrongly.
    fn value(&self, node: &Node) -> String {
        match node {
            Node::Step(number) => number.to_string(),
            Node::Answer(path) => self.names.get(&**path).map_or("!", String::as_str).to_owned(),
            Node::Empty => "[]".to_owned(),
            Node::Refused => "!".to_owned(),
        }
    }

    fn rows(&self) -> String {
        let mut text = String::new();
        self.names.iter().for_each(|(path, name)| push(&mut text, name, path));
        text
    }
}

/// Where a subject's walk begins, and its two profiles: node, Kibana profile and spec profile, joined by `;`.
///
/// A mode alone is a key when it has subjects: then what is not listed in it is the empty list.
fn starts(routes: &Routes, answers: &Answers<'_>) -> String {
    let mut text = String::new();
    for (mode, subject, start) in subjects(routes) {
        let value = format!("{};{};{}", answers.value(&start.node), start.kibana, start.spec);
        push(&mut text, &format!("{mode}/{subject}"), &value);
    }
    for mode in published_modes(routes) {
        push(&mut text, mode, "[];0;0");
    }
    text
}

/// From a label to a subject's class: `kibana/3/8.11.2`, else `kibana/3` for the default.
fn profiles(routes: &Routes) -> String {
    let mut text = String::new();
    let mut add = |axis: &str, profiles: &[Profile]| {
        for (number, profile) in profiles.iter().enumerate() {
            push(&mut text, &format!("{axis}/{number}"), &profile.default);
            for (label, class) in profile.exact.iter().filter(|(_, class)| **class != profile.default) {
                push(&mut text, &format!("{axis}/{number}/{label}"), class);
            }
        }
    };
    add("kibana", &routes.kibana_profiles);
    add("min", &routes.spec_min_profiles);
    add("max", &routes.spec_max_profiles);
    text
}

/// One step of the walk: `17/8.0.0`, else `17` for the node's default, else the node stays.
fn steps(routes: &Routes, axis: Axis, answers: &Answers<'_>) -> String {
    let mut text = String::new();
    let Some(rows) = routes.rows.get(&axis) else { return text };
    for (node, next) in rows.default.iter() {
        push(&mut text, &node.to_string(), &answers.value(next));
    }
    for (node, classes) in rows.exact.iter() {
        for (class, next) in classes {
            push(&mut text, &format!("{node}/{class}"), &answers.value(next));
        }
    }
    text
}

/// Labels of the four axes of numbers: rows such as `kibana/8.11.+ 8.11.3`, and what is too long for rows.
fn labels(routes: &Routes) -> (String, Vec<Gap>) {
    let (mut text, mut gaps) = (String::new(), Vec::new());
    for axis in NumberAxis::all(routes) {
        let mut writer = LabelWriter { axis: &axis, text: &mut text, gaps: &mut gaps };
        writer.level(0..axis.bounds.len(), "", 0);
    }
    (text, gaps)
}

/// Writes the labels of one axis.
struct LabelWriter<'a> {
    axis: &'a NumberAxis<'a>,
    text: &'a mut String,
    gaps: &'a mut Vec<Gap>,
}

impl LabelWriter<'_> {
    /// Handles bounds that agree in the numbers before `depth`; `prefix` is these numbers, each with a dot behind it.
    fn level(&mut self, bounds: Range<usize>, prefix: &str, depth: usize) {
        let is_last = depth + 1 == self.axis.length;
        for listed in self.axis.listed(bounds.clone(), depth) {
            let (number, Range { start, end }) = (listed.number, listed.bounds);
            if number - listed.unlisted.start > LONGEST_GAP {
                self.gap(prefix, listed.unlisted, start);
            } else {
                for unlisted in listed.unlisted {
                    let more = if is_last { "" } else { ".+" };
                    self.row(&format!("{prefix}{unlisted}{more}"), start, false);
                }
            }
            if is_last {
                self.row(&format!("{prefix}{number}"), end, true);
            } else {
                self.level(start..end, &format!("{prefix}{number}."), depth + 1);
            }
        }
        self.row(&format!("{prefix}+"), bounds.end, false);
    }

    fn row(&mut self, key: &str, count: usize, is_equal: bool) {
        push(self.text, &format!("{}/{key}", self.axis.name), &(self.axis.label)(count, is_equal));
    }

    /// Adds a pattern for numbers that no bound has.
    fn gap(&mut self, prefix: &str, numbers: Range<u64>, count: usize) {
        let Range { start, end } = numbers;
        let lower = if start == 0 { String::new() } else { format!(r"(?!(?:{})(?:\.|\z))", below(start)) };
        let prefix = prefix.replace('.', r"\.");
        let pattern = format!(r"^{prefix}{lower}(?:{})(?:\.\d+)*\z", below(end));
        self.gaps.push(Gap { axis: self.axis.name, pattern, label: (self.axis.label)(count, false) });
    }
}

/// The patterns and texts for hosts that read these tables.
pub(in crate::hosts) fn request_values(routes: &Routes) -> Value {
    let (_, gaps) = labels(routes);
    let words: Vec<_> = routes.capabilities.iter().map(|known| capability_word(known)).collect();
    let known = routes.capabilities.iter().zip(&words);
    context! {
        axes => AXES.map(|(_, name)| name).to_vec(),
        gaps => gaps.into_iter().map(|Gap { axis, pattern, label }| context! { axis, pattern, label }).collect::<Vec<_>>(),
        capabilities => known.map(|(known, word)| context! { pattern => literal(known), word }).collect::<Vec<_>>(),
        all_capabilities => words.iter().map(|word| format!("-{word}")).collect::<String>(),
        strict => STRICT.replace("{PRE}", PRERELEASE_PART),
        unread_text => query::UNREAD,
        ..patterns::request_values(routes)
    }
}
