//! Puts versions into place in groups, so that the disk is waited for once for many of them.
//!
//! Whoever has a version ready queues it, and waits for the turn; who has the turn takes all that are queued. While one group
//! is on its way to the disk the next one gathers, so groups are as large as the disk is slow. The order is that of a single
//! version: contents and lines of the journal are on the disk, and only then come names into place. Files are flushed one by
//! one, some at the same time: one flush of the whole file system would wait for whatever else is written there.

use super::facts::Key;
use super::place;
use super::record::{Entry, Journal};
use crate::base::fs;
use anyhow::{Result, anyhow};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A version whose files were written and checked, and are not in place.
pub(super) struct Ready {
    pub(super) key: Key,
    /// What will be true when the files are in place.
    pub(super) entry: Entry,
    /// The zip; absent where it is in place already.
    pub(super) zip: Option<PathBuf>,
    /// The signature, if it is kept.
    pub(super) signature: Option<PathBuf>,
}

/// Versions that wait for their turn, and what became of those that had it.
#[derive(Default)]
struct Queue {
    next: u64,
    waiting: Vec<(u64, Ready)>,
    done: BTreeMap<u64, Result<()>>,
}

/// The way into the layer.
pub(super) struct Groups {
    root: PathBuf,
    queue: Mutex<Queue>,
    turn: Mutex<Journal>,
}

impl Groups {
    pub(super) fn new(root: PathBuf, journal: Journal) -> Self {
        Self { root, queue: Mutex::default(), turn: Mutex::new(journal) }
    }

    /// Puts a version into place, with whatever else is ready. Returns when the disk has it.
    pub(super) fn put(&self, ready: Ready) -> Result<()> {
        let number = {
            let mut queue = self.queue();
            queue.next += 1;
            let number = queue.next;
            queue.waiting.push((number, ready));
            number
        };
        let journal = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (group, done) = {
            let mut queue = self.queue();
            let done = queue.done.remove(&number);
            // Who was served by another leaves the rest to those who wait for their turn.
            (if done.is_none() { std::mem::take(&mut queue.waiting) } else { Vec::new() }, done)
        };
        if let Some(done) = done {
            return done;
        }
        let (numbers, group): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let results = match commit(&self.root, &journal, &group) {
            Ok(results) => results,
            Err(error) => group.iter().map(|_| Err(anyhow!("{error:#}"))).collect(),
        };
        let mut queue = self.queue();
        queue.done.extend(numbers.into_iter().zip(results));
        queue.done.remove(&number).unwrap_or(Ok(()))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Contents and journal, then names: the ones are on the disk before the others begin.
fn commit(root: &Path, journal: &Journal, group: &[Ready]) -> Result<Vec<Result<()>>> {
    journal.add(group.iter().map(|one| (&one.key, &one.entry)))?;
    let contents = group.iter().flat_map(|one| [&one.zip, &one.signature].into_iter().flatten());
    let contents: Vec<_> = contents.map(PathBuf::as_path).chain([journal.path()]).collect();
    fs::flush_each(&contents)?;
    let mut folders = BTreeSet::new();
    let results = group.iter().map(|one| {
        let usual = place::usual(&one.key);
        let folder = root.join(&usual).parent().map(Path::to_owned);
        // Names of folders are in the layer's own.
        let is_new = folder.as_ref().is_some_and(|folder| fs::link_metadata(folder).is_err());
        match (&one.zip, &one.signature) {
            (Some(zip), signature) => place::put(root, zip, signature.as_deref(), &usual)?,
            (None, Some(signature)) => place::put_signature(root, signature, &usual)?,
            (None, None) => {}
        }
        folders.extend(folder);
        folders.extend(is_new.then(|| root.to_owned()));
        Ok(())
    });
    let results: Vec<_> = results.collect();
    fs::flush_each(&folders.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::super::record::State;
    use super::*;
    use crate::base::digest::Digest;
    use crate::dialect::version::Version;

    fn ready(root: &Path, name: &str, number: usize) -> Ready {
        let zip = root.join(format!("{name}{number}.new"));
        std::fs::write(&zip, name).unwrap();
        let entry = Entry { sha256: Some(Digest::of(name.as_bytes())), ..Entry::new(State::Held, String::new()) };
        let version = Version::strict(&format!("1.{number}.0")).unwrap();
        Ready { key: (name.to_owned(), version), entry, zip: Some(zip), signature: None }
    }

    /// Everyone gets the answer about its own version, and all are in the journal.
    #[test]
    fn many_come_into_place_at_once_and_what_is_in_the_way_hinders_itself_alone() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("c"), "a file").unwrap();
        let groups = Groups::new(root.to_owned(), Journal::of(root));
        std::thread::scope(|scope| {
            for name in ["a", "b", "c"] {
                for number in 0..16 {
                    let groups = &groups;
                    scope.spawn(move || {
                        let put = groups.put(ready(root, name, number));
                        assert_eq!(put.is_ok(), name != "c", "{name} {number}: {put:?}");
                        if name != "c" {
                            let path = root.join(format!("{name}/{name}-1.{number}.0.zip"));
                            assert_eq!(std::fs::read(path).unwrap(), name.as_bytes());
                        }
                    });
                }
            }
        });
        assert_eq!(Journal::of(root).left().unwrap().len(), 48);
        let queue = groups.queue();
        assert!(queue.waiting.is_empty() && queue.done.is_empty());
    }
}
