//! Writes what may be a package of an image into a folder.

use super::layout::Image;
use super::outer::Outer;
use super::pile::{Sink, lay_over, placed};
use crate::base::fs;
use crate::base::progress::Progress;
use anyhow::{Context, Result, ensure};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Writes the packages of an image into a new folder; returns the number of files.
///
/// # Errors
/// When a layer is damaged or is not the one that the image's configuration names, or the disk fails.
pub(super) fn unpack(outer: &Outer, image: &Image, folder: &Path, progress: &Progress) -> Result<u64> {
    let mut sink = IntoFolder::new(folder, |_| true)?;
    lay_over(outer, image, &mut sink, progress)?;
    Ok(sink.files)
}

/// Writes files into a folder, where they lie below that of the packages.
pub struct IntoFolder<'a, F> {
    folder: &'a Path,
    wants: F,
    /// Number of files.
    files: u64,
}

impl<'a, F: Fn(&Path) -> bool> IntoFolder<'a, F> {
    /// Writes those files into a folder of which `wants` says so.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn new(folder: &'a Path, wants: F) -> Result<Self> {
        fs::make_folders(folder)?;
        Ok(Self { folder, wants, files: 0 })
    }

    /// The free place of a file; its folders hold no links, because nothing is written below one.
    fn make_place(&self, path: &Path) -> Result<PathBuf> {
        let place = self.folder.join(placed(path));
        fs::make_folders(place.parent().unwrap_or(self.folder))?;
        ensure!(fs::link_metadata(&place).is_err(), "it holds two files that are called {}", path.display());
        Ok(place)
    }
}

impl<F: Fn(&Path) -> bool> Sink for IntoFolder<'_, F> {
    fn wants(&self, path: &Path) -> bool {
        (self.wants)(path)
    }

    fn file(&mut self, _: usize, _: &Path, names: &[PathBuf], content: &mut dyn Read) -> Result<()> {
        let [first, others @ ..] = names else { return Ok(()) };
        let place = self.make_place(first)?;
        io::copy(content, &mut fs::create(&place)?).with_context(|| format!("cannot write {}", place.display()))?;
        for other in others {
            fs::hard_link(&place, &self.make_place(other)?)?;
        }
        self.files += names.len() as u64;
        Ok(())
    }

    /// A link stands for a link, so that the search of the layer tells of it. Where it led is left out.
    fn link(&mut self, path: &Path) -> Result<()> {
        fs::symlink("not-followed", &self.make_place(path)?)
    }
}
