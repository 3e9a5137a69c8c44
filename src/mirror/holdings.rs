//! What a layer holds, as far as names, sizes and states of files tell.

use super::record::{Entry, State};
use crate::base::digest::Digest;
use crate::input::source::Candidate;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What a layer holds.
#[derive(Debug, Default)]
pub(super) struct Holdings {
    /// Zips by the name of their file, with their path below the layer's folder, and whether a signature lies beside.
    pub(super) zips: BTreeMap<String, HeldZip>,
    /// Version folders, as `<name>-<version>`.
    pub(super) folders: BTreeSet<String>,
    /// The folders themselves, by the same names.
    pub(super) folder_candidates: BTreeMap<String, Candidate>,
    /// Versions that commands took out, as `<name>-<version>`.
    pub(super) taken_out: BTreeSet<String>,
    /// Those of them that went because nobody wanted them: whoever wants them gets them back.
    pub(super) pruned: BTreeSet<String>,
    /// Those of them that somebody removed: nobody gets them back but who names them.
    pub(super) removed: BTreeSet<String>,
}

/// A zip of the layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HeldZip {
    pub(super) path: PathBuf,
    /// Its bytes; absent if it is no regular file.
    pub(super) size: Option<u64>,
    pub(super) is_signed: bool,
    /// Digest of the states of zip and signature, by which an exchange is seen.
    pub(super) state: Option<Digest>,
    /// Why it is not what was recorded, if it was read because its state is another one than when it was recorded.
    pub(super) exchanged: Option<String>,
}

impl HeldZip {
    /// Why it cannot be the zip that was recorded.
    pub(super) fn harm(&self, entry: &Entry) -> Option<String> {
        if self.exchanged.is_some() {
            return self.exchanged.clone();
        }
        match (self.size, entry.size) {
            (None, _) => Some("the zip in the layer is no regular file".to_owned()),
            (Some(found), Some(recorded)) if found != recorded => {
                Some(format!("the zip in the layer has {found} bytes, and {recorded} were mirrored"))
            }
            _ => None,
        }
    }

    /// Returns true if the record has a signature that lies there no more.
    pub(super) fn has_lost_signature(&self, entry: &Entry) -> bool {
        entry.signature_sha256.is_some() && !self.is_signed
    }
}

/// What to do about a zip that is not the one that was mirrored.
pub(super) fn mending(is_given: bool, state: State) -> &'static str {
    if state == State::Changed {
        "the upstream gives other bytes now, so it cannot be fetched anew: put the zip back from a backup"
    } else if is_given {
        "move it away; the next run fetches it anew"
    } else {
        "no upstream lists the version any more, so it cannot be fetched anew: put the zip back from a backup"
    }
}
