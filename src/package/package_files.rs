//! Look-ups in the files of a package, and the list of assets (contract, "Files and assets" and "Which files are data
//! streams").
//!
//! Only names and kinds matter here; contents are read through [`PackageFiles`]. Symbolic links have been resolved or
//! refused before.

use super::report::ProblemList;
use super::{Content, Entry, EntryKind, Findings, PackageFiles, PackageKind, lexical};
use crate::base::problem::{Problem, Severity};
use crate::base::rule::Rule;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// The files of a package, indexed.
pub(super) struct Files<'a> {
    source: &'a dyn PackageFiles,
    /// Index among the entries, and kind, by path.
    kinds: BTreeMap<&'a str, (usize, EntryKind)>,
    pub(super) findings: Option<&'a Findings>,
}

impl<'a> Files<'a> {
    pub(super) fn new(source: &'a dyn PackageFiles, findings: Option<&'a Findings>) -> Self {
        let kinds = source.entries().iter().enumerate();
        let kinds = kinds.map(|(index, entry)| (entry.path.as_str(), (index, entry.kind))).collect();
        Self { source, kinds, findings }
    }

    pub(super) fn package_kind(&self) -> PackageKind {
        self.source.kind()
    }

    /// Name of the folder in a zip that holds the package.
    pub(super) fn root(&self) -> Option<&'a str> {
        self.source.root()
    }

    /// All files, in the package's order.
    pub(super) fn listed(&self) -> impl Iterator<Item = &'a Entry> {
        self.source.entries().iter().filter(|entry| entry.kind == EntryKind::File)
    }

    /// Kind of the entry at a path. A folder without an entry of its own exists if something lies in it.
    pub(super) fn kind(&self, path: &str) -> Option<EntryKind> {
        self.kinds.get(path).map(|(_, kind)| *kind).or_else(|| {
            let inside = format!("{path}/");
            let (first, _) = self.kinds.range(inside.as_str()..).next()?;
            first.starts_with(&inside).then_some(EntryKind::Folder)
        })
    }

    /// The entries directly in a folder, in the package's order, with their names.
    pub(super) fn children(&self, folder: &str) -> Vec<(&'a str, EntryKind)> {
        let inside = format!("{folder}/");
        let below = self
            .kinds
            .range::<str, _>((Bound::Included(inside.as_str()), Bound::Unbounded))
            .map_while(|(path, entry)| Some((path.strip_prefix(&inside)?, *entry)));
        let mut children: Vec<_> = below.filter(|(name, _)| !name.contains('/')).collect();
        children.sort_unstable_by_key(|(_, (index, _))| *index);
        children.into_iter().map(|(name, (_, kind))| (name, kind)).collect()
    }

    /// The content of a file, or a message in the registry's words that says why it cannot be read.
    pub(super) fn read(&self, path: &str) -> Result<Content, String> {
        match self.kind(path) {
            None => Err(format!("open {path}: no such file or directory")),
            Some(EntryKind::Folder) => Err(format!("read {path}: is a directory")),
            Some(EntryKind::File) => self.source.content(path).map_err(|error| format!("read {path}: {error}")),
        }
    }

    /// Names of the folders below `data_stream` that have a manifest: sorted in folder packages, in archive order in
    /// zips.
    pub(super) fn data_streams(&self) -> Vec<&'a str> {
        let folder_of = |entry: &'a Entry| {
            let folder = entry.path.strip_prefix("data_stream/")?.strip_suffix("/manifest.yml")?;
            (!folder.is_empty() && !folder.contains('/')).then_some(folder)
        };
        let mut folders: Vec<&str> = self.source.entries().iter().filter_map(folder_of).collect();
        if self.package_kind() == PackageKind::Folder {
            folders.sort_unstable();
        }
        folders
    }

    /// Path of a policy template's readme, cleaned; `None` if there is no such file or the path leaves the package. A
    /// folder in its place is reported (contract, "Template readme is a folder").
    pub(super) fn template_readme(&self, template: &str, report: &ProblemList) -> Option<String> {
        let path = lexical::join("docs", &format!("{template}.md"))?;
        match self.kind(&path)? {
            EntryKind::File => Some(path),
            EntryKind::Folder => {
                let problem = Problem::new(Rule::ReadmeIsFolder, format!("{template}.md is a directory"));
                report
                    .add(problem.file(path).hint("rename the folder: the readme of a policy template must be a file"));
                None
            }
        }
    }

    /// Paths of the files in the order of `assets`: by depth, and within one depth by path components in folder
    /// packages and in archive order in zips.
    ///
    /// The list ends before the first depth without entries. Deeper files of a zip without folder entries may therefore
    /// be missing, as they are in the registry.
    pub(super) fn assets(&self) -> Vec<&'a str> {
        let depth = |path: &str| path.split('/').count();
        let entries = self.source.entries();
        let depths: BTreeSet<usize> = entries.iter().map(|entry| depth(&entry.path)).collect();
        let reached = (1..).take_while(|depth| depths.contains(depth)).count();
        let listed = |entry: &&Entry| {
            entry.kind == EntryKind::File && !entry.path.contains(".DS_Store") && depth(&entry.path) <= reached
        };
        let mut paths: Vec<&str> = entries.iter().filter(listed).map(|entry| entry.path.as_str()).collect();
        match self.package_kind() {
            PackageKind::Folder => paths.sort_by_cached_key(|path| (depth(path), path.split('/').collect::<Vec<_>>())),
            PackageKind::Zip => paths.sort_by_key(|path| depth(path)),
        }
        paths
    }

    /// Reports folders with a dash in their name (contract, "The dash rule").
    pub(super) fn check_folder_names(&self, package: &str, only_warn: bool, report: &ProblemList) {
        let dashed = |entry: &&Entry| {
            let name = entry.path.rsplit('/').next().unwrap_or_default();
            entry.kind == EntryKind::Folder && name.contains('-') && !entry.path.contains(".DS_Store")
        };
        for entry in self.source.entries().iter().filter(dashed) {
            let message = format!("directory name inside package {package} contains -: {}", entry.path);
            let severity = if only_warn { Severity::Warning } else { Severity::Quarantine };
            report.add(Problem::new(Rule::DashInFolderName, message).severity(severity).file(entry.path.as_str()));
        }
    }

    /// Reports a missing readme (contract, "Package readme missing").
    pub(super) fn check_readme(&self, report: &ProblemList) {
        let path = "docs/README.md";
        let (rule, message) = match self.kind(path) {
            Some(EntryKind::File) => return,
            Some(EntryKind::Folder) => (Rule::ReadmeIsFolder, "README.md is a directory".to_owned()),
            None => (Rule::MissingReadme, format!("no readme file found, README.md is required: {path}")),
        };
        report.add(Problem::new(rule, message).file(path).hint("write `docs/README.md`"));
    }
}
