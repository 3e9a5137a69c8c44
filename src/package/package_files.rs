//! Questions about the files of a package, and the list of assets (contract, sections 4 and 5.1).
//!
//! It looks at names and kinds; reading is passed on. Symbolic links are already resolved or refused by whoever found
//! the package.

use super::report::ProblemList;
use super::{Content, Entry, EntryKind, Findings, PackageFiles, PackageKind, lexical};
use crate::base::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// The files of a package, indexed.
pub(super) struct Files<'a> {
    source: &'a dyn PackageFiles,
    /// Place among the entries, and kind.
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

    /// What lies at a path; a folder counts as soon as something lies in it, entry or not.
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

    /// The content of a file, or the reason why there is none, in the words of the registry.
    pub(super) fn read(&self, path: &str) -> Result<Content, String> {
        match self.kind(path) {
            None => Err(format!("open {path}: no such file or directory")),
            Some(EntryKind::Folder) => Err(format!("read {path}: is a directory")),
            Some(EntryKind::File) => self.source.content(path).map_err(|error| format!("read {path}: {error}")),
        }
    }

    /// The folders below `data_stream` that have a manifest. Folder packages: sorted by name; zips: in their order.
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

    /// The readme of a policy template, cleaned; one that leads out of the package is none. A folder in its place is
    /// refused (A15).
    pub(super) fn template_readme(&self, template: &str, report: &ProblemList) -> Option<String> {
        let path = lexical::join("docs", &format!("{template}.md"))?;
        match self.kind(&path)? {
            EntryKind::File => Some(path),
            EntryKind::Folder => {
                let problem = Problem::quarantine("readme-is-folder", format!("{template}.md is a directory"));
                report
                    .add(problem.file(path).hint("rename the folder: the readme of a policy template must be a file"));
                None
            }
        }
    }

    /// All files, breadth first by depth.
    ///
    /// Within a depth, folder packages are in order of the path's components and zips in their own order. The list ends
    /// at the first depth at which nothing lies: in zips without entries for folders, deeper files are then missing, as
    /// they are in the registry.
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

    /// A16: no folder may have a dash in its name.
    pub(super) fn check_folder_names(&self, package: &str, only_warn: bool, report: &ProblemList) {
        let dashed = |entry: &&Entry| {
            let name = entry.path.rsplit('/').next().unwrap_or_default();
            entry.kind == EntryKind::Folder && name.contains('-') && !entry.path.contains(".DS_Store")
        };
        for entry in self.source.entries().iter().filter(dashed) {
            let message = format!("directory name inside package {package} contains -: {}", entry.path);
            let problem = if only_warn {
                Problem::warning("dash-in-folder-name", message)
            } else {
                Problem::quarantine("dash-in-folder-name", message)
            };
            report.add(problem.file(entry.path.as_str()).hint("rename the folder, for example with `_`"));
        }
    }

    /// A14: every package has a readme.
    pub(super) fn check_readme(&self, report: &ProblemList) {
        let path = "docs/README.md";
        let (rule, message) = match self.kind(path) {
            Some(EntryKind::File) => return,
            Some(EntryKind::Folder) => ("readme-is-folder", "README.md is a directory".to_owned()),
            None => ("missing-readme", format!("no readme file found, README.md is required: {path}")),
        };
        report.add(Problem::quarantine(rule, message).file(path).hint("write `docs/README.md`"));
    }
}
