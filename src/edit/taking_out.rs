//! Taking a zip out of a layer that a mirror fills, without reading it: its record knows what it is.
//!
//! The steps are those of every change: note, take away, log, delete the note. Whoever calls has the lock of the layer.

use super::journal::{Journal, LayerChange, Pending};
use super::slot::Slot;
use super::work::finish;
use anyhow::Result;
use std::path::Path;

/// Takes a zip and its signature out of a layer's folder: the zip first, since a signature alone is nothing.
pub(crate) fn take_out(root: &Path, package: &Path, change: LayerChange) -> Result<()> {
    let journal = Journal::of(root);
    let from = Some(Slot { root: root.to_owned(), package: package.to_owned() });
    let pending = Pending { change, to: None, from };
    journal.begin(&pending)?;
    finish(&journal, &pending)
}

/// Finishes or undoes the removal of a package that was interrupted; anything else is left for the command that began it.
pub(crate) fn end_taking_out(root: &Path) -> Result<()> {
    let journal = Journal::of(root);
    let Some(pending) = journal.pending()? else { return Ok(()) };
    let (None, Some(from)) = (&pending.to, &pending.from) else { return Ok(()) };
    if from.root != root {
        return Ok(());
    }
    journal.tidy()?;
    if from.is_taken() { journal.end() } else { finish(&journal, &pending) }
}
