//! A selection with all that it names in other files.

use crate::base::fs;
use crate::config::file::elastic_distribution;
use crate::config::selection::Selection;
use anyhow::{Context, Result};

/// A selection that stands for itself, and what to know about the files that it was read from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The selection; it names no other file.
    pub selection: Selection,
    /// What to know, in words; a hint may follow in a line of its own.
    pub warnings: Vec<String>,
}

/// Reads the files that a selection names.
///
/// # Errors
/// [`crate::config::file::Mistakes`] in such a file; or when it cannot be read.
pub fn load(selection: &Selection) -> Result<Loaded> {
    let mut selection = selection.clone();
    let Some(path) = selection.distribution.take() else { return Ok(Loaded { selection, warnings: Vec::new() }) };
    let bytes = fs::read(&path)
        .with_context(|| format!("cannot read `{}`, which a selection names with `distribution`", path.display()))?;
    let file = elastic_distribution::parse(&bytes, &path)?;
    selection.take.extend(file.take);
    Ok(Loaded { selection, warnings: file.warnings })
}
