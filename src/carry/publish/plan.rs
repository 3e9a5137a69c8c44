//! Plans a run: compares what shall be there with what is there. A pure function.

use super::contents::Contents;
use super::object::{Amount, Folder, Object, Sizes};
use super::state::{FolderState, State, Trust};
use std::collections::BTreeSet;
use std::time::Duration;

/// An object to send.
#[derive(Clone, Copy, Debug)]
pub struct Upload<'a> {
    /// Name of the folder.
    pub folder: &'a str,
    /// The object.
    pub object: &'a Object,
}

impl Upload<'_> {
    /// Key below the prefix.
    pub fn key(&self) -> String {
        format!("{}/{}", self.folder, self.object.key)
    }
}

/// The plan of a run.
#[derive(Clone, Debug)]
pub struct Work<'a> {
    /// Objects to send, one phase after the other: versions, answers, tables.
    pub phases: [Vec<Upload<'a>>; 3],
    /// Objects that are there already.
    pub unchanged: Amount,
    /// Folders to remove after the switch.
    pub doomed: Vec<String>,
    /// The state before the first upload.
    pub begun: State,
    /// The state before the switch.
    pub ready: State,
    /// The state after all.
    pub done: State,
}

impl Work<'_> {
    /// Number and size of what has to be sent.
    pub fn uploaded(&self) -> Amount {
        let sizes = self.phases.iter().flatten().map(|upload| upload.object.size);
        sizes.map(|bytes| Amount { objects: 1, bytes }).sum()
    }

    /// Returns true if nothing has to be done and the state stays as it is.
    pub fn is_nothing(&self, state: &State) -> bool {
        let Self { phases, doomed, done, .. } = self;
        phases.iter().all(Vec::is_empty)
            && doomed.is_empty()
            && done.folders == state.folders
            && done.current == state.current
    }
}

/// Plans a run. `present` are objects of folders that are not known to be whole; `now` is in seconds since 1970.
pub fn plan<'a>(
    contents: &'a Contents,
    state: &State,
    present: &Sizes,
    now: u64,
    prune_after: Option<Duration>,
) -> Work<'a> {
    let mut unchanged = Amount::default();
    let mut missing = |folder: &'a Folder| -> Vec<Upload<'a>> {
        if state.is_whole(&folder.name) {
            unchanged += folder.amount();
            return Vec::new();
        }
        let uploads = folder.objects.iter().map(|object| Upload { folder: &folder.name, object });
        let (there, missing): (Vec<_>, Vec<_>) =
            uploads.partition(|upload| present.get(&upload.key()) == Some(&upload.object.size));
        unchanged += there.iter().map(|upload| Amount { objects: 1, bytes: upload.object.size }).sum();
        missing
    };
    // Two versions never share a folder: keys hold the version.
    let versions = contents.versions.iter().flat_map(&mut missing).collect();
    let (answers, tables) = missing(&contents.answers).into_iter().partition(|upload| is_below(&upload.object.key));

    let wanted: BTreeSet<&str> = contents.folders().map(|folder| folder.name.as_str()).collect();
    let keep = prune_after.map(|age| age.as_secs());
    let is_doomed = |(name, known): &(&String, &FolderState)| {
        let age = now.saturating_sub(known.unused.unwrap_or(now));
        !wanted.contains(name.as_str()) && keep.is_some_and(|keep| age >= keep)
    };
    let doomed: Vec<String> = state.folders.iter().filter(is_doomed).map(|(name, _)| name.clone()).collect();

    let mut begun = state.next();
    for folder in contents.folders().filter(|folder| !state.is_whole(&folder.name)) {
        let new = FolderState { amount: folder.amount(), trust: Trust::Begun, unused: None };
        begun.folders.entry(folder.name.clone()).or_insert(new);
    }
    for known in begun.folders.iter_mut().filter(|(name, _)| doomed.contains(name)).map(|(_, known)| known) {
        known.trust = known.trust.max(Trust::Begun);
    }
    let mut ready = begun.next();
    for folder in contents.folders() {
        let known = FolderState { amount: folder.amount(), trust: Trust::Whole, unused: None };
        ready.folders.insert(folder.name.clone(), known);
    }
    let mut done = ready.next();
    done.current = Some(contents.current.clone());
    done.folders.retain(|name, _| !doomed.contains(name));
    for (_, known) in done.folders.iter_mut().filter(|(name, _)| !wanted.contains(name.as_str())) {
        known.unused.get_or_insert(now);
    }
    Work { phases: [versions, answers, tables], unchanged, doomed, begun, ready, done }
}

/// Returns true if a key lies in a folder: tables and the index do not, and are sent last.
fn is_below(key: &str) -> bool {
    key.contains('/')
}
