//! The routing tables as files of exact keys, for hosts that look one up at a time: a key, a blank and a value a line.
//!
//! A node is written as its number while the walk goes on, else as the number of an answer (`a7`, or `z7` where the answer has
//! a compressed copy), `[]` (the empty list) or `!` (refused). Versions are found by lists of numbers: `8.11.2`, else
//! `8.11.+`, else `8.+`, else `+`. Written once for all hosts. Knows no server.

#[cfg(test)]
mod tests;

use super::HostOptions;
use super::nginx::PRERELEASE_PART;
use super::nginx::treatment::pattern;
use super::nginx::trie::below;
use crate::answers::route::model::{Axis, Node, Profile, Routes};
use crate::answers::route::query;
use crate::answers::route::request::{self, is_published};
use crate::answers::route::rows::Classes;
use crate::answers::route::spelling::in_word;
use crate::answers::route::walk::{ANY, LOWEST, NONE, boundary_label, capability_word, spec_label};
use crate::base::file_notes::FileNotes;
use minijinja::{Value, context};
use std::collections::{BTreeMap, BTreeSet};

/// More numbers than this between two listed ones become a pattern.
const LONGEST_GAP: u64 = 128;

/// A version as paths know it; `{PRE}` stands for a part of its pre-release.
const STRICT: &str = r"^(?=[\s\S]{1,256}\z)(?:0|[1-9]\d{0,18})\.(?:0|[1-9]\d{0,18})\.(?:0|[1-9]\d{0,18})(?:-{PRE}(?:\.{PRE})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?\z";

/// The axes and the names of their files.
pub(super) const AXES: [(Axis, &str); 6] = [
    (Axis::Kibana, "kibana"),
    (Axis::Agent, "agent"),
    (Axis::SpecMin, "min"),
    (Axis::SpecMax, "max"),
    (Axis::Capabilities, "capabilities"),
    (Axis::Prerelease, "prerelease"),
];

/// What a generation holds besides the answers that the tables name: for hosts that cannot look at a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// `<name>/<version>` of every package version, and whether its document has a compressed copy.
    pub versions: BTreeMap<String, bool>,
    /// Answers with a compressed copy, as paths without their extension `.json`.
    pub copies: BTreeSet<String>,
    /// Files below `/ui/`, and whether they have a compressed copy.
    pub pages: BTreeMap<String, bool>,
}

impl Published {
    /// Notes a file of the site, given its path and whether there is a compressed copy.
    pub fn note(&mut self, path: &str, has_copy: bool) {
        if path.starts_with("/ui/") {
            self.pages.insert(path.to_owned(), has_copy);
            return;
        }
        let Some(path) = path.strip_suffix(".json") else { return };
        if let Some(version) = path.strip_prefix("/documents/") {
            self.versions.insert(version.to_owned(), has_copy);
        } else if has_copy && path.starts_with("/answers/") {
            self.copies.insert(path.to_owned());
        }
    }
}

/// A range of numbers that is too long to be listed.
pub(super) struct Gap {
    /// `kibana`, `agent`, `min` or `max`.
    pub(super) axis: &'static str,
    /// Matches the numbers of a version, joined by dots and without leading zeros.
    pub(super) pattern: String,
    /// The label of all of them.
    pub(super) label: String,
}

/// Makes the files of the folder `hosts/tables`: name and content.
///
/// # Errors
/// None, but it is called as hosts are.
pub fn render(routes: &Routes, options: &HostOptions) -> anyhow::Result<Vec<(String, String)>> {
    let answers = Answers::new(routes, &options.published);
    let mut files = vec![
        ("labels.map".to_owned(), labels(routes).0),
        ("subjects.map".to_owned(), subjects(routes, &answers)),
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
                Node::Answer(path) if is_plain(path) => names.insert(&**path, String::new()),
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

/// Whether every host can hold the path as it is.
fn is_plain(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+~@-".contains(&byte))
}

/// Where a subject's walk begins, and its two profiles: node, Kibana profile and spec profile, joined by `;`.
///
/// A mode alone is a key when it has subjects: then what is not listed in it is the empty list.
fn subjects(routes: &Routes, answers: &Answers<'_>) -> String {
    let mut text = String::new();
    for (subject, start) in &routes.subjects {
        let word = subject.rsplit('/').next().unwrap_or(subject);
        // No request can name another one.
        if word.bytes().all(in_word) {
            push(&mut text, subject, &format!("{};{};{}", answers.value(&start.node), start.kibana, start.spec));
        }
    }
    for mode in ["latest", "all", "legacy", "legacy-all"] {
        if is_published(routes, &format!("{mode}/")) {
            push(&mut text, mode, "[];0;0");
        }
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

/// Gaps of the four axes of numbers.
pub(super) fn gaps(routes: &Routes) -> Vec<Gap> {
    labels(routes).1
}

/// Labels of the four axes of numbers: rows such as `kibana/8.11.+ 8.11.3`, and what is too long for rows.
fn labels(routes: &Routes) -> (String, Vec<Gap>) {
    let mut text = String::new();
    let mut gaps = Vec::new();
    let mut list = |axis: &'static str, bounds: Vec<&[u64]>, numbers: usize, label: &dyn Fn(usize, bool) -> String| {
        let mut numbers = Numbers { axis, numbers, bounds, label, text: String::new(), gaps: Vec::new() };
        numbers.level(0, numbers.bounds.len(), "", 0);
        text.push_str(&numbers.text);
        gaps.append(&mut numbers.gaps);
    };
    for (axis, bounds) in [("kibana", &routes.kibana_boundaries), ("agent", &routes.agent_boundaries)] {
        let floor = |count: usize, _: bool| {
            count.checked_sub(1).map_or_else(|| LOWEST.to_owned(), |last| boundary_label(bounds[last]))
        };
        list(axis, bounds.iter().map(<[u64; 3]>::as_slice).collect(), 3, &floor);
    }
    let specs = &routes.specs;
    let ceiling = |count: usize, exact: bool| {
        let below = count - usize::from(exact);
        match specs.get(below) {
            _ if below == 0 => ANY.to_owned(),
            Some(spec) => spec_label(*spec),
            None => NONE.to_owned(),
        }
    };
    let floor = |count: usize, _: bool| match count.checked_sub(1) {
        _ if count == specs.len() => ANY.to_owned(),
        Some(last) => spec_label(specs[last]),
        None => NONE.to_owned(),
    };
    let bounds = || specs.iter().map(<[u64; 2]>::as_slice).collect();
    list("min", bounds(), 2, &ceiling);
    list("max", bounds(), 2, &floor);
    (text, gaps)
}

/// Lists the numbers of one axis.
struct Numbers<'a> {
    axis: &'static str,
    /// How many numbers a version has here.
    numbers: usize,
    /// Sorted.
    bounds: Vec<&'a [u64]>,
    /// The label, given how many bounds are at or below the request's version, and whether the last of them is equal.
    label: &'a dyn Fn(usize, bool) -> String,
    text: String,
    gaps: Vec<Gap>,
}

impl Numbers<'_> {
    /// Handles the bounds from `first` to before `end`, which agree in the numbers before `depth`; `prefix` is these
    /// numbers, each with a dot behind it.
    fn level(&mut self, first: usize, end: usize, prefix: &str, depth: usize) {
        let is_last = depth + 1 == self.numbers;
        let (mut at, mut free) = (first, 0);
        while at < end {
            let number = self.bounds[at][depth];
            let next = at + self.bounds[at..end].partition_point(|bound| bound[depth] == number);
            if number - free > LONGEST_GAP {
                self.gap(prefix, free, number, at);
            } else {
                for free in free..number {
                    let more = if is_last { "" } else { ".+" };
                    self.row(&format!("{prefix}{free}{more}"), at, false);
                }
            }
            if is_last {
                self.row(&format!("{prefix}{number}"), next, true);
            } else {
                self.level(at, next, &format!("{prefix}{number}."), depth + 1);
            }
            (at, free) = (next, number.saturating_add(1));
        }
        self.row(&format!("{prefix}+"), end, false);
    }

    fn row(&mut self, key: &str, count: usize, exact: bool) {
        push(&mut self.text, &format!("{}/{key}", self.axis), &(self.label)(count, exact));
    }

    /// The numbers from `free` to before `number`.
    fn gap(&mut self, prefix: &str, free: u64, number: u64, count: usize) {
        let lower = if free == 0 { String::new() } else { format!(r"(?!(?:{})(?:\.|\z))", below(free)) };
        let prefix = prefix.replace('.', r"\.");
        let pattern = format!(r"^{prefix}{lower}(?:{})(?:\.\d+)*\z", below(number));
        self.gaps.push(Gap { axis: self.axis, pattern, label: (self.label)(count, false) });
    }
}

/// The path below which the registry lies.
///
/// # Errors
/// When it is more than plain segments, each with a slash before it: configurations could take it for something else.
pub(super) fn prefix(options: &HostOptions) -> anyhow::Result<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~-".contains(&byte);
    let prefix = options.prefix.as_str();
    let segments = || prefix.split('/').skip(1);
    let is_path =
        prefix.is_empty() || (prefix.starts_with('/') && segments().all(|segment| !matches!(segment, "" | "." | "..")));
    anyhow::ensure!(
        is_path && prefix.bytes().all(plain),
        "the prefix `{prefix}` is not a plain path\nhint: write it as `/epr/staging`"
    );
    Ok(prefix)
}

/// What configurations say of the query besides the patterns of its values.
pub(super) fn request_values(routes: &Routes) -> Value {
    let gaps = gaps(routes);
    let words: Vec<_> = routes.capabilities.iter().map(|known| capability_word(known)).collect();
    let known = routes.capabilities.iter().zip(&words);
    context! {
        axes => AXES.map(|(_, name)| name).to_vec(),
        gaps => gaps.into_iter().map(|Gap { axis, pattern, label }| context! { axis, pattern, label }).collect::<Vec<_>>(),
        capabilities => known.map(|(known, word)| context! { pattern => pattern(known), word }).collect::<Vec<_>>(),
        all_capabilities => words.iter().map(|word| format!("-{word}")).collect::<String>(),
        strict => STRICT.replace("{PRE}", PRERELEASE_PART),
        unread_text => query::UNREAD,
        texts => context! {
            no_route => request::NO_ROUTE,
            no_method => request::NO_METHOD,
            invalid_version => request::INVALID_VERSION,
            no_resource => request::NO_RESOURCE,
            no_revision => request::NO_REVISION,
            no_artifact => request::NO_ARTIFACT,
            no_signature => request::NO_SIGNATURE,
            broken => request::BROKEN,
        },
    }
}

/// What is unusual about package files: the path, then letters, a semicolon, and the content type if it is not that of
/// the name. `f`: a file in `.gz` that belongs to the package; `n`: what lies beside it in `.gz` is not its copy.
pub(super) fn file_notes(notes: &FileNotes) -> BTreeMap<&str, String> {
    let mut paths: BTreeSet<&str> = notes.types.keys().map(String::as_str).collect();
    paths.extend(notes.archives.iter().map(String::as_str));
    paths.extend(notes.archives.iter().filter_map(|path| path.strip_suffix(".gz")));
    let note = |path: &str| {
        let file = if notes.archives.contains(path) { "f" } else { "" };
        let no_copy = if notes.may_have_copy(path) { "" } else { "n" };
        format!("{file}{no_copy};{}", notes.types.get(path).map_or("", String::as_str))
    };
    paths.into_iter().map(|path| (path, note(path))).collect()
}
