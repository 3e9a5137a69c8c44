//! A package that is a zip.
//!
//! Opening reads the central directory and every local header, and of contents only those of members that are no file of the
//! package, because nobody reads them later. Sizes in the directory are only claims: they are checked against the limits
//! here, and while content is read it must agree with them. Knows nothing of what the files mean.

use super::disk;
use super::folder::{special_file, unreadable};
use super::headers::{Header, ambiguous, damaged};
use super::layout::{Layout, directory_limit};
use super::members::{self, Members};
use super::names::shown;
use super::unpack::{Checker, Content, Place};
use super::{Candidate, Limits};
use crate::base::problem::{Problem, Severity};
use crate::base::rule::Rule;
use crate::input::door::{self, FileStat, Spot};
use crate::package::{Entry, PackageFiles, PackageKind};
use rustix::fs::FileType;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use zip::ZipArchive;
use zip::read::ZipArchiveMetadata;
use zip::result::ZipError;

/// Headers are small and far apart, so a large buffer would mostly read content.
const BUFFER_BYTES: usize = 1024;

/// An open zip package: its members, checked, and how to read them. Holds no file open.
#[derive(Debug)]
pub struct ZipPackage {
    spot: Spot,
    stat: FileStat,
    /// In the order of the directory.
    places: Vec<Place>,
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
        let spot = candidate.spot.clone();
        let found = match spot.look() {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_a_zip("it does not exist")),
            Err(error) => return Err(unreadable("")(error)),
        };
        match found.kind {
            FileType::RegularFile => {}
            FileType::Symlink => return Err(not_a_zip("it is a symbolic link that leads to nothing")),
            kind => return Err(special_file("", kind)),
        }
        let stat = found.stat;
        if stat.size > limits.max_package_bytes {
            let reason =
                format!("the zip has {} bytes, more than the limit of {}", stat.size, limits.max_package_bytes);
            return Err(Problem::new(Rule::PackageTooLarge, reason).into());
        }
        let file = spot.open_found(&stat).map_err(unreadable(""))?;
        let (places, members) = read_directory(&file, stat.size, limits)?;
        Ok(Self { spot, stat, places, members })
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
        let file = self.spot.open_found(&self.stat)?;
        let result = use_content(&mut disk::Exactly::new(&file, self.stat.size))?;
        door::check_unchanged(&file, &self.stat)?;
        Ok(result)
    }

    /// Reads the content of every file once, in the order in which they lie, and compares it with its headers.
    ///
    /// Fails with the path of the file that is not whole; with none if the zip changed since it was opened.
    pub fn check_contents(&self) -> Result<(), (Option<String>, io::Error)> {
        let whole = |error| (None, error);
        let file = self.spot.open_found(&self.stat).map_err(whole)?;
        let mut files: Vec<_> = self.members.files.iter().map(|(path, index)| (self.places[*index], path)).collect();
        files.sort_by_key(|(place, _)| place.begin());
        let mut checker = Checker::new();
        for (place, path) in files {
            checker.check(&file, place).map_err(|error| (Some(path.clone()), error))?;
        }
        door::check_unchanged(&file, &self.stat).map_err(whole)
    }

    /// Streams the content of one file into `use_content`.
    ///
    /// Fails if the content is not as long as listed, ends before its declared end or has another checksum, or if the zip
    /// changed since it was opened.
    pub fn with_file<T>(&self, path: &str, use_content: impl FnOnce(&mut dyn Read) -> io::Result<T>) -> io::Result<T> {
        let index = *self.members.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        let file = self.spot.open_found(&self.stat)?;
        let place = self.places[index];
        let mut content = disk::Exactly::new(Content::new(&file, place)?, place.size);
        let result = use_content(&mut content)?;
        content.finish()?;
        drop(content);
        door::check_unchanged(&file, &self.stat)?;
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

fn read_directory(file: &File, zip_bytes: u64, limits: &Limits) -> Result<(Vec<Place>, Members), Box<Problem>> {
    // The count of members is known only after all have been read, so what may be read is bounded.
    let reader = Budgeted { inner: file, left: directory_limit(limits) };
    let zip = ZipArchive::new(BufReader::with_capacity(BUFFER_BYTES, reader)).map_err(not_opened)?;
    let directory = zip.metadata();
    let layout = Layout::read(file, zip_bytes, limits)?;
    check_names(&layout.members, &directory)?;
    let mut members = members::check(&layout.members, &directory, zip_bytes, limits)?;
    let begins = layout.check_members(file)?;
    let places: Vec<_> = layout.members.iter().zip(begins).map(|(member, begin)| Place::new(member, begin)).collect();
    check_other_contents(file, &layout.members, &places, &members)?;
    members.warnings.extend(layout.members.iter().find_map(members::misread_name));
    Ok((places, members))
}

/// Unpacks what no reader of the package asks for: folders, which programs give an empty content, and what lies outside of
/// the root.
fn check_other_contents(
    file: &File,
    headers: &[Header],
    places: &[Place],
    members: &Members,
) -> Result<(), Box<Problem>> {
    let files: BTreeSet<usize> = members.files.values().copied().collect();
    let others = headers.iter().zip(places).enumerate().filter(|(index, _)| !files.contains(index));
    for (_, (header, place)) in others.filter(|(_, (_, place))| !place.is_empty()) {
        let content = Content::new(file, *place);
        let whole = content.and_then(|content| io::copy(&mut disk::Exactly::new(content, place.size), &mut io::sink()));
        whole.map_err(unreadable(&shown(&header.name)))?;
    }
    Ok(())
}

/// Compares the names in the directory with those that the zip crate made of them: it keeps one of two equal names, and
/// replaces a name by that of a Unicode extra field, which other readers may not.
fn check_names(members: &[Header], directory: &ZipArchiveMetadata) -> Result<(), Box<Problem>> {
    let is_other = |(index, header): &(usize, &Header)| {
        directory.entry(*index).ok().is_none_or(|entry| entry.name_raw() != header.name)
    };
    match members.iter().enumerate().find(is_other) {
        Some((_, header)) => Err(ambiguous(&header.name, "it has two different names, or is not counted as a member")),
        None if members.len() == directory.len() => Ok(()),
        None => Err(damaged("the directory counts other members than it holds")),
    }
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
struct Budgeted<'a> {
    inner: &'a File,
    left: u64,
}

impl Read for Budgeted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

impl Seek for Budgeted<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}
