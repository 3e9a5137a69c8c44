//! Tests of whole packages, from their files to their documents, and the package in memory that they share.

mod assets;
mod example;
mod hostile;
mod kibana;
mod refusals;
mod shapes;
mod tables;
mod told;
mod typed_reading;

use super::{Entry, EntryKind, InfoDocument, Package, PackageFiles, PackageKind, ReadContext, SearchItem, read};
use crate::base::problem::{Problem, Severity};
use crate::base::rule::Rule;
use std::io;

/// The least that passes every check. Kibana wants the key of an owner, and takes null for one.
const MANIFEST: &str =
    "format_version: 3.0.0\nname: foo\ntitle: Foo\nversion: 1.0.0\ndescription: About foo\nowner: ~\n";

/// The least data stream that passes every check.
const DATA_STREAM: &str = "title: Log\ntype: logs\n";

/// The fields that every data stream needs.
const FIELDS: &str = "- name: data_stream.type\n  type: constant_keyword\n\
                      - name: data_stream.dataset\n  type: constant_keyword\n\
                      - name: data_stream.namespace\n  type: constant_keyword\n\
                      - name: '@timestamp'\n  type: date\n";

/// How the registry reads by default.
const STRICT: ReadContext<'_> = ReadContext {
    folder_version: None,
    signed: false,
    require_validation: true,
    allow_dashed_folders: false,
    findings: None,
};

/// A package in memory; files in the order in which they were added.
#[derive(Clone)]
struct Memory {
    kind: PackageKind,
    entries: Vec<Entry>,
    contents: Vec<(String, Vec<u8>)>,
}

impl Memory {
    /// A folder package of these files.
    fn folder(files: &[(&str, &str)]) -> Self {
        let mut memory = Self { kind: PackageKind::Folder, entries: Vec::new(), contents: Vec::new() };
        for (path, content) in files {
            memory = memory.with(path, content);
        }
        memory
    }

    /// The least package, with these lines added to its manifest.
    fn minimal(lines: &str) -> Self {
        let manifest = if lines.contains("owner") { MANIFEST.replace("owner: ~\n", "") } else { MANIFEST.to_owned() };
        Self::folder(&[("manifest.yml", &(manifest + lines)), ("docs/README.md", "")])
    }

    /// The least package with a data stream `log` of this manifest.
    fn with_data_stream(manifest: &str) -> Self {
        Self::minimal("").with("data_stream/log/manifest.yml", manifest).with("data_stream/log/fields/base.yml", FIELDS)
    }

    fn zipped(mut self) -> Self {
        self.kind = PackageKind::Zip;
        self
    }

    fn with(mut self, path: &str, content: &str) -> Self {
        self.entries.retain(|entry| entry.path != path);
        self.contents.retain(|(known, _)| known != path);
        self.entries.push(Entry { path: path.to_owned(), kind: EntryKind::File, size: content.len() as u64 });
        self.contents.push((path.to_owned(), content.as_bytes().to_vec()));
        self
    }

    fn with_folder(mut self, path: &str) -> Self {
        self.entries.push(Entry { path: path.to_owned(), kind: EntryKind::Folder, size: 0 });
        self
    }

    fn without(mut self, path: &str) -> Self {
        self.entries.retain(|entry| entry.path != path);
        self
    }

    /// As a source would list it: folder packages with entries for all folders, depth first.
    fn listed(mut self) -> Self {
        if self.kind == PackageKind::Folder {
            let paths: Vec<String> = self.entries.iter().map(|entry| entry.path.clone()).collect();
            for path in paths {
                for (end, _) in path.match_indices('/') {
                    let folder = &path[..end];
                    if self.entries.iter().all(|entry| entry.path != folder) {
                        self = self.with_folder(folder);
                    }
                }
            }
            self.entries.sort_by(|a, b| a.path.split('/').cmp(b.path.split('/')));
        }
        self
    }
}

impl PackageFiles for Memory {
    fn kind(&self) -> PackageKind {
        self.kind
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let found = self.contents.iter().find(|(known, _)| known == path);
        found.map(|(_, content)| content.clone()).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

/// Reads as the registry does by default.
fn read_strictly(memory: Memory) -> (Option<Package>, Vec<Problem>) {
    read(&memory.listed(), &STRICT)
}

/// A package that the registry must take, even if Kibana would not.
fn accepted(memory: Memory) -> Package {
    let (_, problems) = read_strictly(memory.clone());
    let refused = problems.iter().any(|problem| problem.is_quarantine() && !is_kibanas(problem.rule));
    let (package, _) = read(&memory.listed(), &ReadContext { require_validation: false, ..STRICT });
    package.filter(|_| !refused).unwrap_or_else(|| panic!("refused: {problems:#?}"))
}

/// The rules for which the registry refuses a package.
fn refusals(memory: Memory) -> Vec<Rule> {
    let (package, problems) = read_strictly(memory);
    let quarantines = problems.into_iter().filter(|problem| problem.severity == Severity::Quarantine);
    let mut rules: Vec<Rule> = quarantines.map(|problem| problem.rule).collect();
    assert_eq!(package.is_none(), !rules.is_empty(), "no package is the same as a reason: {rules:?}");
    rules.retain(|rule| !is_kibanas(*rule));
    rules
}

/// Returns true for what the registry serves and Kibana refuses, which has tests of its own.
fn is_kibanas(rule: Rule) -> bool {
    rule.entry().is_some_and(|entry| entry.code.starts_with('K'))
}

/// The package document of the least package with these lines, on one line.
fn info(lines: &str) -> String {
    compact(&render_info(&accepted(Memory::minimal(lines)).info))
}

fn render_info(info: &InfoDocument) -> String {
    info.render(None)
}

fn render_item(item: &SearchItem) -> String {
    let mut out = String::new();
    item.render(&mut out, |_| true, None);
    out
}

/// JSON without its line breaks and indentation.
fn compact(json: &str) -> String {
    json.lines().map(str::trim_start).collect()
}

/// The document holds the fragment, which should name the neighbours of what it is about.
fn check_fragment(document: &str, fragment: &str, about: &str) {
    assert!(document.contains(fragment), "{about}\nwants: {fragment}\nin:    {document}");
}
