//! What is added to the record of a mirrored layer while a run goes on, so that a run that is killed loses nothing that it had.

use super::entry::{Entry, Line, key, line};
use super::facts::Key;
use crate::base::fs;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

/// Its file, beside the record.
pub(super) const JOURNAL: &str = "mirror.journal";

/// The journal of a run.
pub(super) struct Journal(PathBuf);

impl Journal {
    pub(super) fn of(folder: &Path) -> Self {
        Self(folder.join(JOURNAL))
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Adds what will be true when the files are in place. To let the disk have it is for the caller.
    pub(super) fn add<'a>(&self, entries: impl Iterator<Item = (&'a Key, &'a Entry)>) -> Result<()> {
        let lines = entries.map(|(key, entry)| serde_json::to_string(&line(key, entry)));
        let lines = lines.collect::<Result<Vec<_>, _>>().context("cannot write a line")?;
        fs::append(&self.0, &lines.join("\n"))
    }

    /// The lines of a run that was killed; one that was cut off tells nothing.
    pub(super) fn left(&self) -> Result<Vec<(Key, Entry)>> {
        let Some(bytes) = fs::read_if_there(&self.0)? else { return Ok(Vec::new()) };
        let text = String::from_utf8_lossy(&bytes);
        let mut left = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let understood = match serde_json::from_str::<Line<Entry>>(line) {
                Ok(Line { name, version, entry }) => key(name, &version).map(|key| left.push((key, entry))),
                // Whole, and says what no run writes.
                Err(error) if error.is_data() => Err(error.into()),
                Err(_) => Ok(()),
            };
            let hint = "hint: somebody else wrote it; move it away";
            let place = || format!("cannot understand line {} of {}\n{hint}", number + 1, self.0.display());
            understood.with_context(place)?;
        }
        Ok(left)
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::State;
    use super::*;
    use crate::dialect::version::Version;

    #[test]
    fn a_line_that_was_cut_off_tells_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::of(folder.path());
        let key = ("a".to_owned(), Version::strict("1.0.0").unwrap());
        journal.add([(&key, &Entry::new(State::Held, String::new()))].into_iter()).unwrap();
        let path = folder.path().join(JOURNAL);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], &whole[..whole.len() / 2]].concat()).unwrap();
        assert_eq!(journal.left().unwrap().len(), 1);
    }
}
