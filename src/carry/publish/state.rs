//! The state: which folders earlier runs left in the store. The name of a folder is made from its content.
//!
//! Reading the state costs one request, however much is published. It carries its own digest: a state that was cut off,
//! edited or written by somebody else is refused. Knows nothing of stores.

use super::contents::Current;
use super::object::{Amount, folder_of};
use crate::base::digest::Digest;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io::Read;

const SCHEMA: &str = "epr-build/publish-state/1";
/// Limit to an unpacked state. Real ones are far smaller.
const MAX_BYTES: u64 = 1 << 30;

/// The folders in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    schema: String,
    /// Name of the distribution.
    pub distribution: String,
    /// Grows with every write, so that no two of them are equal.
    pub serial: u64,
    /// The generation that readers see since the last run that finished.
    pub current: Option<Current>,
    /// Folders by name.
    pub folders: BTreeMap<String, FolderState>,
}

/// State of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderState {
    /// Number and size of the objects.
    #[serde(flatten)]
    pub amount: Amount,
    /// Completeness of the folder.
    pub trust: Trust,
    /// Time since which no reader needs it, in seconds since 1970; absent while one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused: Option<u64>,
}

/// Completeness of a folder; the later the variant, the less is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Trust {
    /// All objects are there.
    Whole,
    /// A run began to write or to remove it: an object is either there as it should be, or not there.
    Begun,
    /// Something has this name, whoever wrote it.
    Unknown,
}

/// The state and its digest.
#[derive(Serialize, Deserialize)]
struct Sealed {
    sha256: Digest,
    state: Box<RawValue>,
}

impl State {
    /// The state of an empty store.
    pub fn new(distribution: &str) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            distribution: distribution.to_owned(),
            serial: 0,
            current: None,
            folders: BTreeMap::new(),
        }
    }

    /// A copy with the next serial number, to be changed and written.
    pub(super) fn next(&self) -> Self {
        Self { serial: self.serial.saturating_add(1), ..self.clone() }
    }

    /// Returns true if a folder is complete.
    pub fn is_whole(&self, folder: &str) -> bool {
        self.folders.get(folder).is_some_and(|known| known.trust == Trust::Whole)
    }

    /// Encodes the state with its digest.
    ///
    /// # Errors
    /// Only when memory runs out.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let failed = "cannot write the state";
        let state = serde_json::value::to_raw_value(self).context(failed)?;
        let sealed = Sealed { sha256: Digest::of(state.get().as_bytes()), state };
        zstd::encode_all(serde_json::to_vec(&sealed).context(failed)?.as_slice(), 3).context(failed)
    }

    /// Reads what [`State::encode`] wrote.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut text = Vec::new();
        let unpacked = zstd::Decoder::new(bytes).and_then(|stream| stream.take(MAX_BYTES).read_to_end(&mut text));
        unpacked.context("it is damaged")?;
        let sealed: Sealed = serde_json::from_slice(&text).context("it is no state of epr-build")?;
        ensure!(Digest::of(sealed.state.get().as_bytes()) == sealed.sha256, "it does not have the digest it names");
        let state: Self = serde_json::from_str(sealed.state.get()).context("it is of another version")?;
        ensure!(state.schema == SCHEMA, "it is of the form `{}`, not `{SCHEMA}`", state.schema);
        // What is named here may be removed one day.
        let stranger = state.folders.keys().find(|name| folder_of(&format!("{name}/x")) != Some(name));
        ensure!(stranger.is_none(), "it names `{}`, which is no folder of ours", stranger.map_or("", String::as_str));
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> State {
        let amount = Amount { objects: 3, bytes: 4 };
        let known = FolderState { amount, trust: Trust::Whole, unused: Some(7) };
        State { folders: BTreeMap::from([("v/1".to_owned(), known)]), ..State::new("staging") }
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        assert_eq!(State::decode(&example().encode().unwrap()).unwrap(), example());
    }

    // Every byte counts: a state that is believed wrongly leaves out uploads.
    #[test]
    fn nothing_else_is_read() {
        let good = example().encode().unwrap();
        for end in 0..good.len() {
            assert!(State::decode(&good[..end]).is_err(), "cut at {end}");
        }
        let text = zstd::decode_all(good.as_slice()).unwrap();
        for at in 0..text.len() {
            let mut bad = text.clone();
            bad[at] ^= 1;
            let bad = zstd::encode_all(bad.as_slice(), 3).unwrap();
            assert!(State::decode(&bad).is_err(), "changed at {at}: {}", char::from(text[at]));
        }
    }
}
