//! Sees that a zip was exchanged for another one, also one of the same size, without reading it.
//!
//! Beside the record lies, for each version, a digest of what the record says of its files and of their state on this disk:
//! size, times, number of the file. Where it is the same, the files are those that were recorded. Where it is not, they are
//! read once: they may have been copied or put back. It is of this machine, so it is no part of the record.

use super::entry::Entry;
use super::workshop::FINGERPRINTS as FILE;
use crate::base::digest::Digest;
use crate::base::fs;
use anyhow::Result;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// The first line: who writes another form is not understood, and everything is read once.
const HEADER: &str = "epr-build/mirror-fingerprints/1";
/// Digits that are kept of each: files are exchanged by accident, and who does it on purpose has other ways.
const DIGITS: usize = 32;

/// What is known of the files of versions, as `<name>-<version>`.
#[derive(Debug, Default)]
pub(super) struct Fingerprints {
    known: BTreeMap<String, String>,
    /// True if there was no such file.
    pub(super) is_new: bool,
    is_changed: bool,
}

impl Fingerprints {
    /// Reads the file; what cannot be understood is not known.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let Some(text) = fs::read_if_there(&folder.join(FILE))? else {
            return Ok(Self { is_new: true, ..Self::default() });
        };
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines();
        let is_ours = lines.next() == Some(HEADER);
        let pairs = lines.filter(|_| is_ours).filter_map(|line| line.split_once(' '));
        let known = pairs.map(|(id, digest)| (id.to_owned(), digest.to_owned())).collect();
        Ok(Self { known, is_new: false, is_changed: !is_ours })
    }

    /// Returns true if the files of a version are in the state in which they were found to be what the record says.
    pub(super) fn knows(&self, id: &str, entry: &Entry, state: Digest) -> bool {
        self.known.get(id).is_some_and(|known| *known == of(entry, state))
    }

    /// Remembers the state of files that are what the record says.
    pub(super) fn learn(&mut self, id: String, entry: &Entry, state: Digest) {
        let now = of(entry, state);
        if self.known.get(&id) != Some(&now) {
            self.known.insert(id, now);
            self.is_changed = true;
        }
    }

    /// Forgets all but these.
    pub(super) fn retain(&mut self, is_held: impl Fn(&str) -> bool) {
        let before = self.known.len();
        self.known.retain(|id, _| is_held(id));
        self.is_changed |= self.known.len() != before;
    }

    /// Writes the file if anything in it changed. That it is lost with the power costs one reading.
    pub(super) fn write(&mut self, folder: &Path) -> Result<()> {
        if !std::mem::take(&mut self.is_changed) {
            return Ok(());
        }
        let mut text = format!("{HEADER}\n");
        for (id, digest) in &self.known {
            let _ = writeln!(text, "{id} {digest}");
        }
        fs::write_over(&folder.join(FILE), text.as_bytes())
    }
}

/// What the record says, and the state of the files that were found to be so.
fn of(entry: &Entry, state: Digest) -> String {
    Digest::of_value(&(entry.sha256, entry.signature_sha256, state)).short(DIGITS)
}

#[cfg(test)]
mod tests {
    use super::super::entry::State;
    use super::*;

    #[test]
    fn what_is_known_depends_on_the_record_and_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |zip: &[u8]| Entry { sha256: Some(Digest::of(zip)), ..Entry::new(State::Held, String::new()) };
        let (one, other) = (Digest::of(b"one state"), Digest::of(b"another"));
        let mut fingerprints = Fingerprints::read(folder.path()).unwrap();
        assert!(fingerprints.is_new);
        fingerprints.learn("a-1.0.0".to_owned(), &entry(b"zip"), one);
        fingerprints.learn("a-1.1.0".to_owned(), &entry(b"zip"), one);
        fingerprints.write(folder.path()).unwrap();
        let mut read = Fingerprints::read(folder.path()).unwrap();
        assert!(!read.is_new && !read.is_changed);
        assert!(read.knows("a-1.0.0", &entry(b"zip"), one));
        for (id, entry, state) in
            [("a-1.0.0", entry(b"zip"), other), ("a-1.0.0", entry(b"piz"), one), ("a-9.0.0", entry(b"zip"), one)]
        {
            assert!(!read.knows(id, &entry, state));
        }
        read.retain(|id| id == "a-1.1.0");
        read.write(folder.path()).unwrap();
        assert_eq!(Fingerprints::read(folder.path()).unwrap().known.len(), 1);
        std::fs::write(folder.path().join(FILE), "another form\na-1.0.0 x\n").unwrap();
        assert!(Fingerprints::read(folder.path()).unwrap().known.is_empty());
    }
}
