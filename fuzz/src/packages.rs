//! Properties of the reader of packages: manifests, fields, pipelines, images, readmes.

use epr_build::package::{Entry, EntryKind, Package, PackageFiles, PackageKind, ReadContext, read};
use std::collections::BTreeMap;
use std::io;

/// The line that begins a file.
const HEAD: &str = "=== ";

/// A package in one text: each file follows a line of `=== ` and its path.
struct InMemory {
    kind: PackageKind,
    entries: Vec<Entry>,
    files: BTreeMap<String, Vec<u8>>,
}

impl InMemory {
    fn new(data: &[u8], kind: PackageKind) -> Self {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut path = "manifest.yml".to_owned();
        for line in data.split_inclusive(|byte| *byte == b'\n') {
            let text = std::str::from_utf8(line).unwrap_or_default().trim_end();
            match text.strip_prefix(HEAD) {
                Some(named) if is_path(named) => path = named.to_owned(),
                _ => files.entry(path.clone()).or_default().extend(line),
            }
        }
        // A path below a file is none.
        let paths: Vec<String> = files.keys().cloned().collect();
        files.retain(|path, _| {
            !paths.iter().any(|other| path.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/')))
        });
        let mut entries = BTreeMap::new();
        for (path, bytes) in &files {
            for (end, _) in path.match_indices('/') {
                entries.insert(path[..end].to_owned(), (EntryKind::Folder, 0));
            }
            entries.insert(path.clone(), (EntryKind::File, bytes.len() as u64));
        }
        let entries = entries.into_iter().map(|(path, (kind, size))| Entry { path, kind, size }).collect();
        Self { kind, entries, files }
    }
}

fn is_path(text: &str) -> bool {
    text.len() < 200 && text.split('/').all(|name| !matches!(name, "" | "." | "..") && !name.contains(['\0', '\\']))
}

impl PackageFiles for InMemory {
    fn kind(&self) -> PackageKind {
        self.kind
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn root(&self) -> Option<&str> {
        (self.kind == PackageKind::Zip).then_some("sample-1.0.0")
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Reads a package as lenient as can be; also for targets that need one.
pub(crate) fn package(data: &[u8]) -> Option<Package> {
    outcome(data, PackageKind::Folder, false).0
}

fn outcome(data: &[u8], kind: PackageKind, require_validation: bool) -> (Option<Package>, Vec<String>) {
    let files = InMemory::new(data, kind);
    let context = ReadContext {
        folder_version: None,
        signed: false,
        require_validation,
        allow_dashed_folders: false,
        findings: None,
    };
    let (package, problems) = read(&files, &context);
    let is_refused = problems.iter().any(epr_build::base::problem::Problem::is_quarantine);
    assert_eq!(package.is_none(), is_refused, "{problems:?}");
    for problem in &problems {
        let place = &problem.place;
        let lines = place.file.as_ref().and_then(|file| files.files.get(file.as_str()));
        // Empty files have a first line, too; other readers count more kinds of line breaks.
        let last = lines
            .map(|bytes| 1 + bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r' | 0x85 | 0xa8 | 0xa9)).count());
        if let (Some(line), Some(last)) = (place.line, last) {
            assert!((1..=last).contains(&(line as usize)), "{problem} is outside of its file");
        }
    }
    (package, problems.iter().map(ToString::to_string).collect())
}

/// Checks one input.
///
/// # Panics
/// If a property does not hold.
pub fn check(data: &[u8]) {
    for kind in [PackageKind::Folder, PackageKind::Zip] {
        let (package, problems) = outcome(data, kind, false);
        let (again, problems_again) = outcome(data, kind, false);
        assert_eq!(problems, problems_again, "the same package read differently");
        let text = |package: &Package| {
            (
                serde_json::to_string(&package.item).expect("an element"),
                serde_json::to_string(&package.info).expect("a document"),
            )
        };
        assert_eq!(package.as_ref().map(text), again.as_ref().map(text), "the same package rendered differently");
        // Who asks for more gets no other answer.
        if let (Some(strict), _) = outcome(data, kind, true) {
            assert_eq!(package.as_ref().map(text), Some(text(&strict)), "validation changes the answer");
        }
    }
}
