//! What a run found and did.

pub use super::event::Event;
use super::plan::Fetch;
use crate::select::{Loss, Outside, Several};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How a run ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything wanted is held and in order.
    Clean,
    /// Something wanted was refused or is not to be had, or an upstream changed what is held.
    Problems,
    /// An upstream could not be reached, or asks to wait; the same run may succeed later.
    TryAgain,
}

/// What a run found and did, or would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// Name of the layer.
    pub layer: String,
    /// True if nothing was changed because nobody wanted it to.
    pub dry_run: bool,
    /// True if the listings and all else were as at the end of the last run, so that nothing was looked at.
    pub unchanged: bool,
    /// Versions that the upstreams list.
    pub listed: usize,
    /// Versions that are wanted.
    pub wanted: usize,
    /// Versions that the layer holds of those.
    pub held: usize,
    /// Versions that the layer holds and that are not wanted any more; nothing removes them but `keep prune`.
    pub unwanted: usize,
    /// Bytes of their zips.
    pub unwanted_bytes: u64,
    /// What the selection of the layer gives; absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection: Option<SelectionOutcome>,
    /// What is to be fetched.
    pub plan: Vec<Fetch>,
    /// Versions that came into the layer.
    pub mirrored: Vec<Mirrored>,
    /// Versions that lay in the layer already and were taken into the record.
    pub adopted: Vec<String>,
    /// Versions of which the bytes that an upstream gives now were taken, because somebody had decided so.
    pub accepted: Vec<String>,
    /// What was named one by one, and no upstream lists.
    pub not_listed: Vec<Event>,
    /// What sites have installed and nobody has: no upstream lists it, and the layer does not hold it.
    pub missing: Vec<Event>,
    /// What went wrong and will again.
    pub refused: Vec<Event>,
    /// What went wrong and may pass.
    pub failed: Vec<Event>,
    /// What is wrong and hinders nothing.
    pub warnings: Vec<Event>,
    /// Versions that are held and that an upstream now gives with other bytes.
    pub changed: Vec<Event>,
    /// Versions that are held and that no upstream lists any more, since this run.
    pub gone: Vec<String>,
    /// All versions that are held and that no upstream lists any more. They are not among those that are wanted.
    pub kept: usize,
    /// Versions that are listed again.
    pub back: Vec<String>,
    /// Why the run ended before its time.
    pub ended: Option<String>,
    /// Versions whose bytes were compared with the record, in an audit.
    pub audited: usize,
    /// Versions whose bytes were compared with what their upstream gives now, in an audit.
    pub audited_upstream: usize,
    /// How many versions an audit could not compare with an upstream, by the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub not_audited: BTreeMap<&'static str, usize>,
    /// What was removed beside the layer because nobody will need it.
    pub cleared: Cleared,
    /// Requests that were sent.
    pub requests: u64,
    /// Bytes of content that were received.
    pub bytes: u64,
    /// Files of the saved images among the upstreams, of which nobody was asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// Those of them that are as they were before, so that nothing of them was read again.
    #[serde(skip)]
    pub unread_images: BTreeSet<String>,
}

/// Unfinished downloads, and what upstreams gave for versions that had changed, that were removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cleared {
    /// Number of files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

impl Cleared {
    /// Counts a file.
    pub(super) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

/// A version that came into the layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mirrored {
    /// Name of the package.
    pub name: String,
    /// Version of the package.
    pub version: String,
    /// Bytes of the zip.
    pub bytes: u64,
    /// What was found about its signature.
    pub signature: String,
}

/// What a selection gives of all that is listed or held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SelectionOutcome {
    /// Name of the selection.
    pub name: String,
    /// Versions that are listed and not wanted.
    pub left_out: usize,
    /// Bytes of their zips, as far as upstreams tell them.
    pub bytes: u64,
    /// True if upstreams tell the bytes of all of them.
    pub are_bytes_known: bool,
    /// Names of packages of which nothing is wanted.
    pub names: usize,
    /// How many versions are left out for each kind of reason.
    pub reasons: BTreeMap<String, usize>,
    /// Rules of the selection, each with the number of versions that it takes.
    pub rules: Vec<(String, usize)>,
    /// How many versions are wanted for other causes, by what these are called.
    pub causes: BTreeMap<&'static str, usize>,
    /// Versions that are counted more than once by rules and causes.
    pub several: Several,
    /// What Kibanas of the selection get less because it says so.
    pub losses: Vec<Loss>,
    /// Kibanas outside of the selection that get less of packages in it; told by runs that change nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<Outside>,
}

impl Outcome {
    /// Returns true if a run that only looks found something to fetch. What was refused before and is only tried again is told
    /// as such, and is nothing new.
    pub fn is_pending(&self) -> bool {
        self.dry_run && self.plan.iter().any(|fetch| !fetch.again)
    }

    /// How the run ended.
    pub fn ending(&self) -> Ending {
        if self.ended.is_some() || !self.failed.is_empty() {
            Ending::TryAgain
        } else if [&self.refused, &self.changed, &self.not_listed, &self.missing].iter().all(|events| events.is_empty())
        {
            Ending::Clean
        } else {
            Ending::Problems
        }
    }
}
