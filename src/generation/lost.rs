//! What is lost with a whole folder, told in one line instead of one for each file.

use crate::base::words::counted;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files that are not there because a folder above them is not, by the topmost one.
#[derive(Debug)]
pub struct Lost<'a> {
    root: &'a Path,
    folders: BTreeMap<PathBuf, usize>,
}

impl<'a> Lost<'a> {
    /// Begins with none; folders above this one do not count.
    pub fn below(root: &'a Path) -> Self {
        Self { root, folders: BTreeMap::new() }
    }

    /// Returns true if a file that is not as it should be lies in a folder that is not there, and counts it.
    pub fn took(&mut self, file: &Path) -> bool {
        let above = file.ancestors().skip(1).take_while(|above| above.starts_with(self.root));
        let Some(lost) = above.filter(|above| !above.is_dir()).last() else { return false };
        self.add(lost.to_owned());
        true
    }

    /// Counts a file of a folder that is known to be lost.
    pub fn add(&mut self, folder: PathBuf) {
        *self.folders.entry(folder).or_default() += 1;
    }

    /// One line for each folder.
    pub fn lines(self) -> impl Iterator<Item = String> {
        self.folders
            .into_iter()
            .map(move |(folder, count)| format!("{} is lost, with {}", folder.display(), counted(count, "file")))
    }
}
