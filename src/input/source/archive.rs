//! A package that is a zip.
//!
//! Opening reads the central directory and every local header, no content. Sizes in the directory are only claims: they
//! are checked against the limits here, and while content is read it must agree with them. Knows nothing of what the
//! files mean.

use super::disk::{self, FileStat};
use super::folder::{special_file, unreadable};
use super::members::{self, Members, damaged};
use super::names::shown;
use super::{Candidate, Limits};
use crate::base::problem::{Problem, Severity};
use crate::base::rule::Rule;
use crate::package::{Entry, PackageFiles, PackageKind};
use rustix::fs::FileType;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use zip::ZipArchive;
use zip::read::{ZipArchiveMetadata, ZipReadOptions};
use zip::result::ZipError;

/// Headers are small and far apart, so a large buffer would mostly read content.
const BUFFER_BYTES: usize = 1024;

/// An open zip package: its members, checked, and how to read them. Holds no file open.
#[derive(Debug)]
pub struct ZipPackage {
    path: PathBuf,
    stat: FileStat,
    directory: Arc<ZipArchiveMetadata>,
    members: Members,
}

impl ZipPackage {
    /// Reads and checks the directory of the zip.
    ///
    /// The problem quarantines the candidate. A file inside a package that is not a zip is only warned about: it is
    /// published as a file of that package.
    pub fn open(candidate: &Candidate, limits: &Limits) -> Result<Self, Box<Problem>> {
        let mut package = Self::open_unplaced(candidate, limits).map_err(|problem| {
            let is_file = problem.rule == Rule::NotAZip && candidate.order.is_nested();
            let severity = if is_file { Severity::Warning } else { problem.severity };
            problem.severity(severity).within(&candidate.layer, &candidate.package)
        })?;
        for warning in &mut package.members.warnings {
            *warning = warning.clone().within(&candidate.layer, &candidate.package);
        }
        Ok(package)
    }

    fn open_unplaced(candidate: &Candidate, limits: &Limits) -> Result<Self, Box<Problem>> {
        let path = candidate.path.clone();
        let found = match disk::look_through(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_a_zip("it does not exist")),
            Err(error) => return Err(unreadable("")(error)),
        };
        match found.kind {
            FileType::RegularFile => {}
            FileType::Directory => return Err(not_a_zip("it is a link to a folder")),
            kind => return Err(special_file("", kind)),
        }
        let stat = found.stat;
        if stat.size > limits.max_package_bytes {
            let reason =
                format!("the zip has {} bytes, more than the limit of {}", stat.size, limits.max_package_bytes);
            return Err(Problem::new(Rule::PackageTooLarge, reason).into());
        }
        let file = disk::open_found(&path, &stat, true).map_err(unreadable(""))?;
        let (directory, members) = read_directory(file, stat.size, limits)?;
        Ok(Self { path, stat, directory, members })
    }

    /// State of the zip, for detecting changes.
    pub fn stat(&self) -> &FileStat {
        &self.stat
    }

    /// Warnings.
    pub fn warnings(&self) -> &[Problem] {
        &self.members.warnings
    }

    /// Streams the zip itself into `use_content`, as it is: it is published byte for byte.
    ///
    /// Fails if it is not the file that was opened, or changes while it is being read.
    pub fn with_archive<T>(&self, use_content: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> io::Result<T> {
        let file = disk::open_found(&self.path, &self.stat, true)?;
        let result = use_content(&mut disk::Exactly::new(&file, self.stat.size))?;
        disk::check_unchanged(&file, &self.stat)?;
        Ok(result)
    }

    /// Streams the content of one file into `use_content`.
    ///
    /// Fails if the content is not as long as listed or its checksum differs, or if the zip changed since it was opened.
    pub fn with_file<T>(&self, path: &str, use_content: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> io::Result<T> {
        let index = *self.members.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        let mut file = disk::open_found(&self.path, &self.stat, true)?;
        let entry = self.directory.entry(index)?;
        let size = entry.size();
        let content = entry.with_reader(&mut file, ZipReadOptions::new())?;
        let mut content = disk::Exactly::new(content, size);
        let result = use_content(&mut content)?;
        content.finish()?;
        drop(content);
        disk::check_unchanged(&file, &self.stat)?;
        Ok(result)
    }
}

impl PackageFiles for ZipPackage {
    fn kind(&self) -> PackageKind {
        PackageKind::Zip
    }

    fn entries(&self) -> &[Entry] {
        &self.members.entries
    }

    fn root(&self) -> Option<&str> {
        Some(&self.members.root)
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.with_file(path, |content| disk::read_all(content, 0))
    }
}

fn read_directory(
    file: File,
    zip_bytes: u64,
    limits: &Limits,
) -> Result<(Arc<ZipArchiveMetadata>, Members), Box<Problem>> {
    // The count of members is known only after all have been read, so what may be read is bounded.
    let budget = Rc::new(Cell::new((1 << 20) + 256 * limits.max_entries as u64));
    let reader = Budgeted { inner: file, left: Rc::clone(&budget) };
    let mut zip = ZipArchive::new(BufReader::with_capacity(BUFFER_BYTES, reader)).map_err(not_opened)?;
    budget.set(u64::MAX);
    let directory = zip.metadata();
    let overlap = zip.has_overlapping_entries();
    let names = raw_names(zip.central_directory_start(), zip.into_inner()).map_err(unreadable(""))?;
    check_raw_names(&names, &directory)?;
    let members = members::check(&directory, zip_bytes, limits)?;
    match overlap {
        Ok(false) => Ok((directory, members)),
        Ok(true) => Err(damaged("members overlap each other or the directory")),
        Err(error) => Err(damaged(format!("a member has no valid header: {error}"))),
    }
}

/// The names in the central directory as they stand there: the zip crate keeps one of two equal names, and replaces a
/// name by that of a Unicode extra field, which other readers may not.
fn raw_names(start: u64, mut zip: impl Read + Seek) -> io::Result<Vec<Vec<u8>>> {
    const HEADER_BYTES: usize = 46;
    const SIGNATURE: &[u8] = b"PK\x01\x02";
    let mut names = Vec::new();
    zip.seek(SeekFrom::Start(start))?;
    loop {
        let mut header = Vec::new();
        zip.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut header)?;
        if header.len() < HEADER_BYTES || !header.starts_with(SIGNATURE) {
            return Ok(names);
        }
        let length = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let mut name = Vec::new();
        zip.by_ref().take(length(28).into()).read_to_end(&mut name)?;
        names.push(name);
        zip.seek_relative(i64::from(length(30)) + i64::from(length(32)))?;
    }
}

/// Refuses a directory that readers of zips may understand differently.
fn check_raw_names(names: &[Vec<u8>], directory: &ZipArchiveMetadata) -> Result<(), Box<Problem>> {
    let mut seen = BTreeSet::new();
    if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
        let reason = "two members have the same name";
        return Err(Problem::new(Rule::ZipDuplicateMember, reason).file(shown(name)).into());
    }
    for (index, name) in names.iter().enumerate() {
        if directory.entry(index).ok().is_none_or(|entry| entry.name_raw() != name) {
            let reason = "the member has two different names, or is not counted as a member";
            return Err(Problem::new(Rule::ZipAmbiguousMember, reason).file(shown(name)).into());
        }
    }
    Ok(())
}

fn not_opened(error: ZipError) -> Box<Problem> {
    match error {
        ZipError::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Problem::new(Rule::TooManyEntries, "the directory of the zip is too large").into()
        }
        ZipError::Io(error) if !matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput) => {
            unreadable("")(error)
        }
        error => not_a_zip(error),
    }
}

fn not_a_zip(reason: impl std::fmt::Display) -> Box<Problem> {
    Problem::new(Rule::NotAZip, format!("the file cannot be opened as a zip: {reason}")).into()
}

/// A file of which only so many bytes may be read.
struct Budgeted {
    inner: File,
    left: Rc<Cell<u64>>,
}

impl Read for Budgeted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.get().checked_sub(count as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        self.left.set(left);
        Ok(count)
    }
}

impl Seek for Budgeted {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}
