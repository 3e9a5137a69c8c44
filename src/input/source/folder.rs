//! A package that lies in a folder.
//!
//! Opening walks the whole tree once: one listing for each folder, one look at each entry, nothing opened but folders.
//! Content is read later, file by file. Knows nothing of what the files mean.

use super::disk::{self, Listed};
use super::links::{self, LinkEnd};
use super::names::{Tally, check_component, check_length};
use super::{Candidate, Limits};
use crate::base::problem::{Problem, reading_rule};
use crate::base::rule::Rule;
use crate::input::door::{self, FileStat, Spot};
use crate::package::{Entry, EntryKind, PackageFiles, PackageKind};
use rustix::fs::FileType;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

/// An open directory package: what lies in it, checked, and how to read it. Holds no file open.
#[derive(Debug)]
pub struct FolderPackage {
    candidate: Candidate,
    entries: Vec<Entry>,
    stats: Vec<FileStat>,
    root: FileStat,
    /// From a link to a file to the file's own path below the root.
    link_targets: BTreeMap<String, PathBuf>,
    has_links: bool,
    warnings: Vec<Problem>,
}

impl FolderPackage {
    /// Walks the folder; the problem, if any, quarantines it.
    pub fn open(candidate: &Candidate, limits: &Limits) -> Result<Self, Box<Problem>> {
        let mut package = Self {
            candidate: candidate.clone(),
            entries: Vec::new(),
            stats: Vec::new(),
            root: FileStat::default(),
            link_targets: BTreeMap::new(),
            has_links: false,
            warnings: Vec::new(),
        };
        let result = Walk { package: &mut package, limits, tally: Tally::new(limits) }.run();
        result.map_err(|problem| problem.within(&candidate.layer, &candidate.package))?;
        package.warnings =
            package.warnings.into_iter().map(|it| it.within(&candidate.layer, &candidate.package)).collect();
        Ok(package)
    }

    /// State of each of [`PackageFiles::entries`], for detecting changes; for a link the state of its target.
    pub fn stats(&self) -> &[FileStat] {
        &self.stats
    }

    /// State of the folder itself, for detecting that something was added or removed.
    pub fn root(&self) -> &FileStat {
        &self.root
    }

    /// Returns true if there is a symbolic link in the package.
    pub fn has_links(&self) -> bool {
        self.has_links
    }

    /// Warnings.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The zips inside the folder, which are packages of their own (contract, "Zip packages"). Their
    /// [`Candidate::order`] puts them where the walk would have met them.
    pub fn nested(&self) -> Vec<Candidate> {
        let zips = self.entries.iter().filter(|entry| entry.kind == EntryKind::File && entry.path.ends_with(".zip"));
        let nested = zips.enumerate().map(|(index, entry)| {
            let signature = format!("{}.sig", entry.path);
            let signed = self.find(&signature).is_some_and(|index| self.entries[index].kind == EntryKind::File);
            let spot = self.content_spot(&entry.path);
            Candidate {
                layer: self.candidate.layer.clone(),
                package: format!("{}/{}", self.candidate.package, entry.path),
                path: spot.path(),
                spot,
                kind: PackageKind::Zip,
                folder_version: None,
                signature: signed.then(|| self.content_spot(&signature)),
                has_linked_signature: false,
                order: self.candidate.order.nested_zip(index),
                origin: None,
            }
        });
        nested.collect()
    }

    /// Streams the content of one file into `use_content`.
    ///
    /// Fails if the file is not the one that was listed, or changes while it is being read.
    pub fn with_file<T>(&self, path: &str, use_content: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> io::Result<T> {
        let index = self.find(path).ok_or(io::ErrorKind::NotFound)?;
        if self.entries[index].kind == EntryKind::Folder {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let stat = &self.stats[index];
        let file = self.content_spot(path).open_found(stat)?;
        let result = use_content(&mut disk::Exactly::new(&file, stat.size))?;
        door::check_unchanged(&file, stat)?;
        Ok(result)
    }

    /// Where the content of a file lies. Links inside the package were followed when it was opened.
    fn content_spot(&self, path: &str) -> Spot {
        match self.link_targets.get(path) {
            Some(target) => self.candidate.spot.join(target),
            None => self.candidate.spot.join(path),
        }
    }

    /// The entries stand in the order of their components, which is not that of whole paths.
    fn find(&self, path: &str) -> Option<usize> {
        self.entries.binary_search_by(|entry| entry.path.split('/').cmp(path.split('/'))).ok()
    }
}

impl PackageFiles for FolderPackage {
    fn kind(&self) -> PackageKind {
        PackageKind::Folder
    }

    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let size = self.find(path).map_or(0, |index| self.entries[index].size);
        self.with_file(path, |content| disk::read_all(content, size))
    }
}

/// A walk in progress.
struct Walk<'a> {
    package: &'a mut FolderPackage,
    limits: &'a Limits,
    tally: Tally<'a>,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), Box<Problem>> {
        let mut root = self.package.candidate.spot.open_folder().map_err(unreadable(""))?;
        // Before the listing, so that what comes or goes later moves a time.
        self.package.root = root.fd().map_err(Into::into).and_then(door::look_at).map_err(unreadable(""))?.stat;
        let names = disk::list(&mut root, self.limits.max_entries).map_err(unreadable(""))?;
        let handle = root.fd().map_err(|error| unreadable("")(error.into()))?;
        self.visit(handle, handle, "", names)
    }

    /// Adds what lies in one folder; `prefix` is its path with a trailing slash, empty for the root.
    fn visit(
        &mut self,
        root: BorrowedFd<'_>,
        folder: BorrowedFd<'_>,
        prefix: &str,
        names: Vec<Listed>,
    ) -> Result<(), Box<Problem>> {
        for Listed { name, .. } in names {
            let path = format!("{prefix}{}", check_component(prefix, name.to_bytes())?);
            check_length(&path, self.limits)?;
            let found = door::look(folder, &name).map_err(unreadable(&path))?;
            match found.kind {
                FileType::RegularFile => self.add(path, EntryKind::File, found.stat)?,
                FileType::Directory => {
                    let mut inner = disk::open_folder(folder, &name).map_err(unreadable(&path))?;
                    let names = disk::list(&mut inner, self.limits.max_entries).map_err(unreadable(&path))?;
                    let inner = inner.fd().map_err(|error| unreadable(&path)(error.into()))?;
                    let prefix = format!("{path}/");
                    self.add(path, EntryKind::Folder, found.stat)?;
                    self.visit(root, inner, &prefix, names)?;
                }
                FileType::Symlink => self.add_link(root, path)?,
                kind => return Err(special_file(&path, kind)),
            }
        }
        Ok(())
    }

    fn add(&mut self, path: String, kind: EntryKind, stat: FileStat) -> Result<(), Box<Problem>> {
        let size = if kind == EntryKind::File { stat.size } else { 0 };
        self.tally.add(&path, size)?;
        self.package.entries.push(Entry { path, kind, size });
        self.package.stats.push(stat);
        Ok(())
    }

    fn add_link(&mut self, root: BorrowedFd<'_>, path: String) -> Result<(), Box<Problem>> {
        self.package.has_links = true;
        let target = links::resolve(&self.package.candidate.path, root, &path).map_err(unreadable(&path))?;
        let refuse = |rule, reason: &str| Err(Problem::new(rule, reason).file(path.clone()).into());
        match target {
            LinkEnd::Dangling if path.contains(".DS_Store") => Ok(()),
            LinkEnd::Dangling => refuse(Rule::DanglingSymlink, "a symbolic link points to nothing"),
            LinkEnd::Outside => refuse(Rule::SymlinkEscapes, "a symbolic link leaves the package"),
            LinkEnd::Loop => refuse(Rule::SymlinkLoop, "a symbolic link leads to itself or to a folder it lies in"),
            LinkEnd::Inside(target, found) if found.kind == FileType::RegularFile => {
                self.package.link_targets.insert(path.clone(), target);
                self.add(path, EntryKind::File, found.stat)
            }
            LinkEnd::Inside(_, found) if found.kind == FileType::Directory => {
                let warning = Problem::new(Rule::SymlinkToFolder, "files below a link to a folder are left out");
                self.package.warnings.push(warning.file(path.clone()));
                self.add(path, EntryKind::Folder, found.stat)
            }
            LinkEnd::Inside(_, found) => Err(special_file(&path, found.kind)),
        }
    }
}

/// The quarantine for something that cannot be read.
pub(super) fn unreadable(path: &str) -> impl FnOnce(io::Error) -> Box<Problem> {
    move |error| {
        let problem = Problem::new(reading_rule(&error), format!("cannot be read: {error}"));
        if path.is_empty() { problem.into() } else { problem.file(path).into() }
    }
}

/// The quarantine for what is neither file nor folder.
pub(super) fn special_file(path: &str, kind: FileType) -> Box<Problem> {
    let kind = match kind {
        FileType::Fifo => "a fifo",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        _ => "neither a file nor a folder",
    };
    let problem = Problem::new(Rule::SpecialFile, format!("this is {kind}"));
    if path.is_empty() { problem.into() } else { problem.file(path).into() }
}
