//! The journal of a layer: the step under way and the log of all changes.
//!
//! ```text
//! LAYER/.epr-build/log.jsonl      every change, one a line: what, why and with which content, not who
//!                 /pending.json   the step under way
//!                 /incoming/      what is being copied; leaving/ what is being deleted
//! ```
//!
//! Readers of layers do not look in there. A change carries a time, which nothing that is built depends on.

pub use crate::input::changes::{Action, LayerChange};

use super::slot::Slot;
use crate::base::fs::{self, append, make_folders, write_over};
use crate::input::changes::{LOG, MOST_LOG_BYTES};
use crate::input::door::Spot;
use crate::input::source::JOURNAL_FOLDER;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The step under way.
const PENDING: &str = "pending.json";
/// Bytes of the longest description of a step.
const MOST_PENDING_BYTES: u64 = 1 << 20;
/// Ignores everything here but the log and the record of a mirror in a repository.
const IGNORED: &str = "*\n!.gitignore\n!log.jsonl\n!mirror.json\n";

/// A step that may be interrupted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) change: LayerChange,
    /// The place it is put to.
    pub(super) to: Option<Slot>,
    /// The place it is removed from after that.
    pub(super) from: Option<Slot>,
}

/// The folder of a layer that readers ignore.
#[derive(Clone, Debug)]
pub(crate) struct Journal(PathBuf);

impl Journal {
    /// That of a layer's folder.
    pub(crate) fn of(root: &Path) -> Self {
        Self(root.join(JOURNAL_FOLDER))
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes the folder, and keeps its passing parts out of repositories.
    pub(crate) fn make(&self) -> Result<()> {
        make_folders(&self.0)?;
        // Whoever may write into the layer must not lead this user's writing elsewhere.
        for path in [&self.0, &self.0.join(LOG), &self.0.join(PENDING), &self.0.join(".gitignore")] {
            if path.is_symlink() {
                bail!("{} is a symbolic link\nhint: remove it, or replace it by what it points to", path.display());
            }
        }
        let ignored = self.0.join(".gitignore");
        let is_there = fs::metadata(&ignored).is_ok_and(|stat| stat.len() > 0);
        if is_there { Ok(()) } else { write_over(&ignored, IGNORED.as_bytes()) }
    }

    /// An empty folder to prepare packages in.
    pub(super) fn incoming(&self) -> Result<PathBuf> {
        let folder = self.0.join("incoming");
        fs::remove_folder_if_there(&folder)?;
        make_folders(&folder)?;
        Ok(folder)
    }

    /// Removes what an interrupted step left.
    pub(super) fn tidy(&self) -> Result<()> {
        ["incoming", "leaving"].iter().try_for_each(|name| fs::remove_folder_if_there(&self.0.join(name)))
    }

    /// The files of it that belong into a repository.
    pub(super) fn kept(&self) -> [PathBuf; 2] {
        [LOG, ".gitignore"].map(|name| self.0.join(name))
    }

    /// The step that was under way, if any.
    pub(super) fn pending(&self) -> Result<Option<Pending>> {
        let path = self.0.join(PENDING);
        let text = match Spot::new(&self.0, PENDING).read(MOST_PENDING_BYTES) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("cannot read {}", path.display()))?.unwrap_or_default(),
        };
        let hint = "hint: both layers hold the package, or one of them; look, then remove the file";
        serde_json::from_slice(&text).map(Some).with_context(|| format!("cannot understand {}\n{hint}", path.display()))
    }

    /// Returns true if a command was interrupted here, which the next one finishes or undoes.
    pub(crate) fn has_pending(&self) -> bool {
        fs::link_metadata(&self.0.join(PENDING)).is_ok()
    }

    pub(super) fn begin(&self, pending: &Pending) -> Result<()> {
        let text = serde_json::to_vec(pending).context("cannot write down what is to be done")?;
        let temporary = self.0.join("pending.new");
        fs::remove_file_if_there(&temporary)?;
        fs::write_file(&temporary, &text)?;
        fs::flush(&temporary)?;
        fs::rename_for_good(&temporary, &self.0.join(PENDING))
    }

    pub(super) fn end(&self) -> Result<()> {
        fs::remove_file(&self.0.join(PENDING))?;
        fs::flush(&self.0)
    }

    /// Logs a change, once: an interrupted step may be finished after it was logged.
    pub(super) fn log(&self, change: &LayerChange) -> Result<()> {
        self.log_all(std::slice::from_ref(change))
    }

    /// Logs changes in order, each once: those that an interrupted command had logged are the last ones there.
    pub(crate) fn log_all(&self, changes: &[LayerChange]) -> Result<()> {
        let lines = changes.iter().map(serde_json::to_string).collect::<serde_json::Result<Vec<_>>>();
        let lines = lines.context("cannot write a line")?;
        let path = self.0.join(LOG);
        let known = match Spot::new(&self.0, LOG).read(MOST_LOG_BYTES) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            read => {
                let hint = "hint: move it away; a new one is begun";
                let too_long = || format!("{} is too long to be read\n{hint}", path.display());
                read.with_context(|| format!("cannot read {}", path.display()))?.with_context(too_long)?
            }
        };
        let known = String::from_utf8_lossy(&known);
        let last: BTreeSet<&str> = known.lines().rev().take(lines.len()).collect();
        let new: Vec<_> = lines.iter().filter(|line| !last.contains(line.as_str())).map(String::as_str).collect();
        if new.is_empty() {
            return if lines.is_empty() { Ok(()) } else { fs::flush(&path) };
        }
        if !known.is_empty() && !known.ends_with('\n') {
            // A line that was cut off stays alone.
            append(&path, "")?;
        }
        append(&path, &new.join("\n"))?;
        // Before the note of the step goes.
        fs::flush(&path)?;
        fs::flush(&self.0)
    }
}
