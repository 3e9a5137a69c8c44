//! A package that lies in a tree of a git repository.
//!
//! The rules are those for folders on disk: safe names, bounded sizes, links only to files inside the package. A tree never
//! changes, so its id is its fingerprint. A zip inside is not opened. Knows nothing of what the files mean.

use super::names::{Tally, check_component, check_length, shown};
use super::{Candidate, Limits};
use crate::base::problem::{Problem, reading_rule};
use crate::base::rule::Rule;
use crate::config::location::Location;
use crate::input::git::{Kind, Repository, TreeEntry};
use crate::package::{Entry, EntryKind, PackageFiles, PackageKind};
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::Arc;

/// Most links followed in a row, as in file systems.
const MAX_LINKS: usize = 40;
/// Most bytes of the target of a link, which is a path.
const MAX_TARGET_BYTES: u64 = 4096;

/// Where a package in a repository lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The repository.
    pub repository: Arc<Repository>,
    /// Id of the package's tree.
    pub tree: String,
    /// Id of the signature beside it.
    pub signature: Option<String>,
}

impl Origin {
    /// The package at a path below a location, as the branch has it now; without its signature.
    pub(super) fn at(location: &Location, package: &str) -> Option<Self> {
        let repository = Repository::open(&location.clone).ok()?;
        let commit = repository.commit(location).ok()?;
        let path =
            if location.folder.is_empty() { package.to_owned() } else { format!("{}/{package}", location.folder) };
        let tree = repository.tree_at(&commit, &path).ok()??;
        Some(Self { repository, tree, signature: None })
    }

    /// Reads the signature, of at most so many bytes; `None` if it has more.
    ///
    /// # Errors
    /// When there is no signature, or git fails.
    pub fn read_signature(&self, most: u64) -> io::Result<Option<Vec<u8>>> {
        let id = self.signature.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let size = self.repository.sizes(std::slice::from_ref(id))?.first().copied().unwrap_or_default();
        if size > most {
            return Ok(None);
        }
        self.repository.with_blob(id, size, |content| super::disk::read_all(content, size)).map(Some)
    }
}

/// An open package of a tree: what lies in it, checked, and how to read it.
#[derive(Debug)]
pub struct TreePackage {
    repository: Arc<Repository>,
    entries: Vec<Entry>,
    /// Id of the content of each file.
    blobs: BTreeMap<String, String>,
    warnings: Vec<Problem>,
}

/// Kind and id of the object at each path; links are not followed.
type Found = BTreeMap<String, (Kind, String)>;

impl TreePackage {
    /// Reads the trees; the problem, if any, quarantines it.
    pub fn open(candidate: &Candidate, origin: &Origin, limits: &Limits) -> Result<Self, Box<Problem>> {
        let place = |problem: Problem| problem.within(&candidate.layer, &candidate.package);
        let mut package = Self::read(origin, limits).map_err(|problem| Box::new(place(*problem)))?;
        package.warnings = package.warnings.into_iter().map(place).collect();
        Ok(package)
    }

    fn read(origin: &Origin, limits: &Limits) -> Result<Self, Box<Problem>> {
        let repository = Arc::clone(&origin.repository);
        let mut walk = Walk { repository: &repository, limits, order: Vec::new(), found: BTreeMap::new() };
        walk.folder(&origin.tree, "")?;
        let Walk { order, found, .. } = walk;
        let mut package = Self {
            repository: Arc::clone(&repository),
            entries: Vec::new(),
            blobs: BTreeMap::new(),
            warnings: Vec::new(),
        };
        for path in order {
            match &found[&path] {
                (Kind::Tree, _) => package.entries.push(Entry { path, kind: EntryKind::Folder, size: 0 }),
                (Kind::File, id) => package.file(path, id.clone()),
                (Kind::Link, _) => package.link(path, &found)?,
                (Kind::Other, _) => {
                    let problem = Problem::new(Rule::SpecialFile, "this is a repository inside the repository");
                    return Err(problem.file(path).hint("remove the submodule, or add its files").into());
                }
            }
        }
        package.measure(limits)?;
        Ok(package)
    }

    fn file(&mut self, path: String, id: String) {
        self.blobs.insert(path.clone(), id);
        self.entries.push(Entry { path, kind: EntryKind::File, size: 0 });
    }

    fn link(&mut self, path: String, found: &Found) -> Result<(), Box<Problem>> {
        let refuse = |rule, reason: &str| Err(Problem::new(rule, reason).file(path.clone()).into());
        match resolve(&self.repository, found, &path).map_err(unreadable(&path))? {
            LinkEnd::Dangling if path.contains(".DS_Store") => Ok(()),
            LinkEnd::Dangling => refuse(Rule::DanglingSymlink, "a symbolic link points to nothing"),
            LinkEnd::Outside => refuse(Rule::SymlinkEscapes, "a symbolic link leaves the package"),
            LinkEnd::Loop => refuse(Rule::SymlinkLoop, "a symbolic link leads to itself or to a folder it lies in"),
            LinkEnd::File(id) => {
                self.file(path, id);
                Ok(())
            }
            LinkEnd::Folder => {
                let warning = Problem::new(Rule::SymlinkToFolder, "files below a link to a folder are left out");
                self.warnings.push(warning.file(path.clone()));
                self.entries.push(Entry { path, kind: EntryKind::Folder, size: 0 });
                Ok(())
            }
        }
    }

    /// Asks for all sizes at once, and compares them with the limits.
    fn measure(&mut self, limits: &Limits) -> Result<(), Box<Problem>> {
        let files = self.entries.iter_mut().filter(|entry| entry.kind == EntryKind::File);
        let mut files: Vec<_> = files.collect();
        let ids: Vec<String> = files.iter().map(|entry| self.blobs[&entry.path].clone()).collect();
        let sizes = self.repository.sizes(&ids).map_err(unreadable(""))?;
        files.iter_mut().zip(sizes).for_each(|(entry, size)| entry.size = size);
        let mut tally = Tally::new(limits);
        for entry in &self.entries {
            tally.add(&entry.path, entry.size)?;
            if entry.kind == EntryKind::File && entry.path.ends_with(".zip") {
                let warning = Problem::new(
                    Rule::ZipInGit,
                    "a zip inside a package of a repository is not published as a package",
                );
                self.warnings.push(warning.file(entry.path.clone()).hint("put the zip into a layer that is a folder"));
            }
        }
        Ok(())
    }

    /// Warnings.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// Streams the content of one file into `use_content`.
    pub fn with_file<T>(&self, path: &str, use_content: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> io::Result<T> {
        let id = self.blobs.get(path).ok_or(io::ErrorKind::NotFound)?;
        self.repository.with_blob(id, self.size(path), use_content)
    }

    /// The entries stand in the order of their components, which is not that of whole paths.
    fn size(&self, path: &str) -> u64 {
        let found = self.entries.binary_search_by(|entry| entry.path.split('/').cmp(path.split('/')));
        found.map_or(0, |index| self.entries[index].size)
    }
}

impl PackageFiles for TreePackage {
    fn kind(&self) -> PackageKind {
        PackageKind::Folder
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.with_file(path, |content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            Ok(bytes)
        })
    }
}

/// A walk in progress.
struct Walk<'a> {
    repository: &'a Repository,
    limits: &'a Limits,
    /// Depth first.
    order: Vec<String>,
    found: Found,
}

impl Walk<'_> {
    /// Adds what lies in one tree; `prefix` is its path with a trailing slash, empty for the root.
    fn folder(&mut self, tree: &str, prefix: &str) -> Result<(), Box<Problem>> {
        let entries = self.repository.tree(tree).map_err(unreadable(prefix.trim_end_matches('/')))?;
        for TreeEntry { name, kind, id } in entries {
            let path = format!("{prefix}{}", check_component(prefix, &name)?);
            check_length(&path, self.limits)?;
            if self.order.len() >= self.limits.max_entries {
                let reason = format!("the package has more than {} files and folders", self.limits.max_entries);
                return Err(Problem::new(Rule::TooManyEntries, reason).into());
            }
            self.order.push(path.clone());
            if self.found.insert(path.clone(), (kind, id.clone())).is_some() {
                let problem = Problem::new(Rule::UnsafeName, "a tree holds this name twice").file(shown(&name));
                return Err(problem.hint("repair the repository").into());
            }
            if kind == Kind::Tree {
                self.folder(&id, &format!("{path}/"))?;
            }
        }
        Ok(())
    }
}

/// The end of a link, all links on the way followed.
#[derive(Debug)]
enum LinkEnd {
    File(String),
    Folder,
    Outside,
    Dangling,
    Loop,
}

/// Follows the link at a path.
fn resolve(repository: &Repository, found: &Found, path: &str) -> io::Result<LinkEnd> {
    let mut place: Vec<String> = Vec::new();
    // What is left to walk, the next component last.
    let mut left: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
    let mut links = 0;
    while let Some(name) = left.pop() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                if place.pop().is_none() {
                    return Ok(LinkEnd::Outside);
                }
                continue;
            }
            _ => place.push(name),
        }
        match found.get(&place.join("/")) {
            None => return Ok(LinkEnd::Dangling),
            Some((Kind::Link, id)) => {
                links += 1;
                if links > MAX_LINKS {
                    return Ok(LinkEnd::Loop);
                }
                let target = target(repository, id)?;
                if target.starts_with('/') {
                    return Ok(LinkEnd::Outside);
                }
                place.pop();
                left.extend(target.split('/').rev().map(str::to_owned));
            }
            Some((Kind::Tree, _)) => {}
            Some(_) if left.iter().any(|name| !matches!(name.as_str(), "" | ".")) => return Ok(LinkEnd::Dangling),
            Some((Kind::File, id)) => return Ok(LinkEnd::File(id.clone())),
            Some((Kind::Other, _)) => return Ok(LinkEnd::Outside),
        }
    }
    let inside = place.join("/");
    let is_above = inside.is_empty() || path == inside || path.starts_with(&format!("{inside}/"));
    Ok(if is_above { LinkEnd::Loop } else { LinkEnd::Folder })
}

fn target(repository: &Repository, id: &str) -> io::Result<String> {
    let size = repository.sizes(&[id.to_owned()])?.first().copied().unwrap_or_default();
    if size > MAX_TARGET_BYTES {
        return Err(io::ErrorKind::InvalidFilename.into());
    }
    let mut text = String::new();
    repository.with_blob(id, size, |content| content.read_to_string(&mut text))?;
    Ok(text)
}

fn unreadable(path: &str) -> impl FnOnce(io::Error) -> Box<Problem> {
    move |error| {
        let problem = Problem::new(reading_rule(&error), format!("cannot be read: {error}"));
        let problem = if path.is_empty() { problem } else { problem.file(path) };
        problem.hint("`git fsck` says whether the repository is whole").into()
    }
}
