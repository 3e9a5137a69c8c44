//! What builds remember, so that unchanged packages and answers need not be made again.
//!
//! Four tables lie in `OUT/cache`. `packages` maps the fingerprint of a package (its place, rules, and the size, times and
//! inode of every file) to its outcome; where files are too new for a fingerprint, a digest of the content stands for it.
//! `answers` maps the content of an answer to its files in the store. `pages` maps all versions of a name to its pages
//! there. `verdicts` maps archive, signature and keys to what the signature is worth. A line that is damaged, has another format or points to something incomplete in the store is ignored. Nothing
//! here decides what is published: a build without the cache gives the same bytes.

use super::page_record::PackagePages;
use super::record::Outcome;
use crate::base::fs::{Scrutiny, is_dated, list_if_there, make_folders, metadata};
use crate::base::table::Table;
use crate::openpgp::Verdict;
use crate::store::content::Blob;
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Tables of what is remembered between builds.
#[derive(Debug)]
pub struct Cache {
    /// Outcomes of packages, by fingerprint.
    pub packages: Table<Outcome>,
    /// The file of an answer and its gzip copy, by what the answer is made from.
    pub answers: Table<(Blob, Option<Blob>)>,
    /// The pages of all versions of a name, by what the pages are made from.
    pub pages: Table<PackagePages>,
    /// Verdicts on signatures, by the digests of archive, signature and keys.
    pub verdicts: Table<Verdict>,
}

/// Files up to this size are read even where a look is enough.
const SMALL: u64 = 1 << 16;

/// What lies in the cache of an output folder and is no file that has the time of its content.
///
/// # Errors
/// When the folder cannot be read.
pub fn damaged(out: &Path, scrutiny: Scrutiny) -> Result<Vec<PathBuf>> {
    let entries = list_if_there(&out.join("cache"))?.unwrap_or_default();
    let files = entries.into_iter().map(|entry| entry.path);
    // One that is being written is replaced by the next run.
    let is_written = |path: &PathBuf| path.extension().is_none_or(|extension| extension != "new");
    let is_small = |path: &PathBuf| metadata(path).is_ok_and(|stat| stat.len() <= SMALL);
    let is_good = |path: &PathBuf| is_dated(path, if is_small(path) { Scrutiny::Read } else { scrutiny });
    Ok(files.filter(is_written).filter(|path| !is_good(path)).collect())
}

impl Cache {
    /// Reads the cache of an output folder.
    pub fn read(out: &Path) -> Self {
        let folder = out.join("cache");
        Self {
            packages: Table::read(folder.join("packages")),
            answers: Table::read(folder.join("answers")),
            pages: Table::read(folder.join("pages")),
            verdicts: Table::read(folder.join("verdicts")),
        }
    }

    /// Returns true if an earlier build left a cache.
    pub fn exists(out: &Path) -> bool {
        out.join("cache/packages").exists()
    }

    /// A cache that is empty and stays so.
    pub fn none() -> Self {
        Self { packages: Table::none(), answers: Table::none(), pages: Table::none(), verdicts: Table::none() }
    }

    /// Writes what is new.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(self, out: &Path) -> Result<()> {
        make_folders(&out.join("cache"))?;
        self.packages.write()?;
        self.answers.write()?;
        self.pages.write()?;
        self.verdicts.write()
    }

    /// Number of packages and answers that are remembered.
    pub fn len(&self) -> (usize, usize) {
        (self.packages.len(), self.answers.len())
    }

    /// Returns true if nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == (0, 0)
    }
}
