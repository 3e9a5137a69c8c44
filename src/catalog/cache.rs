//! What earlier builds found out, so that unchanged packages and answers cost a look and not a build.
//!
//! Three files of lines lie in `OUT/cache`: `packages` maps the fingerprint of a package (its place, rules, and the size,
//! times and inode of every file) to what became of it, or, where files are too new for one, a digest of what was made
//! of it, which no build looks for; `answers` maps the content of an answer to its files in the
//! store; `pages` maps all versions of a name to its pages there. Each line carries a checksum; a line that is damaged, of another format or points to something that is no longer
//! whole in the store is as good as absent. Nothing here decides what is published: a build without the cache gives the
//! same bytes.

use super::page_record::PackagePages;
use super::record::Outcome;
use crate::base::fs::make_folders;
use crate::base::table::Table;
use crate::store::content::Blob;
use anyhow::Result;
use std::path::Path;

/// Everything that is remembered between builds.
#[derive(Debug)]
pub struct Cache {
    /// What became of packages.
    pub packages: Table<Outcome>,
    /// The file of an answer, and its gzip copy.
    pub answers: Table<(Blob, Option<Blob>)>,
    /// The pages of a package.
    pub pages: Table<PackagePages>,
}

impl Cache {
    /// Reads the cache of an output folder.
    pub fn read(out: &Path) -> Self {
        let folder = out.join("cache");
        Self {
            packages: Table::read(folder.join("packages")),
            answers: Table::read(folder.join("answers")),
            pages: Table::read(folder.join("pages")),
        }
    }

    /// Whether an earlier build left a cache.
    pub fn exists(out: &Path) -> bool {
        out.join("cache/packages").exists()
    }

    /// A cache that is empty and stays so.
    pub fn none() -> Self {
        Self { packages: Table::none(), answers: Table::none(), pages: Table::none() }
    }

    /// Writes what is new.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(self, out: &Path) -> Result<()> {
        make_folders(&out.join("cache"))?;
        self.packages.write()?;
        self.answers.write()?;
        self.pages.write()
    }

    /// Number of packages and answers that are remembered.
    pub fn len(&self) -> (usize, usize) {
        (self.packages.len(), self.answers.len())
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == (0, 0)
    }
}
