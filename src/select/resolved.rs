//! A selection with all that it refers to, ready to choose by: other files, and what sites have installed.

use super::candidate::Candidate;
use super::choice::Choice;
use super::choose::choose;
use super::keep_file::Pin;
use super::keep_file::{KeepFile, keep_files};
use super::load::{Loaded, load};
use super::mistakes::Mistakes;
use crate::config::selection::Selection;
use crate::config::settings::SelectionPlan;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A selection with all that it depends on. Equal ones choose the same of the same catalog.
#[derive(Clone, Debug, Serialize)]
pub struct Resolved {
    /// Name of the selection.
    pub name: String,
    /// The selection.
    pub selection: Selection,
    /// What sites have installed.
    pub pins: Vec<Pin>,
    /// Names of layers that are published as a whole.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub whole: BTreeSet<String>,
    /// What to know about the files that it was read from, in words.
    pub warnings: Vec<String>,
}

impl Resolved {
    /// Reads what a plan refers to.
    ///
    /// # Errors
    /// When a keep file is not there or wrong.
    pub fn read(plan: &SelectionPlan) -> Result<Self> {
        let Loaded { selection, warnings } = load(&plan.selection)?;
        Ok(Self { name: plan.name.clone(), selection, pins: pins(&plan.keep)?, whole: plan.whole.clone(), warnings })
    }

    /// Chooses from a catalog.
    ///
    /// # Errors
    /// All rules that take nothing.
    pub fn choose(&self, catalog: &[Candidate]) -> Result<Choice, Mistakes> {
        let mut choice = choose(&self.selection, catalog, &self.pins)?;
        choice.warnings.splice(..0, self.warnings.iter().cloned());
        Ok(choice)
    }
}

/// What sites have installed, by keep files or patterns of their names.
///
/// # Errors
/// When a keep file is not there or wrong, or a pattern matches none: a slip would cost a fleet what it has installed.
pub fn pins(patterns: &[PathBuf]) -> Result<Vec<Pin>> {
    let mut pins = Vec::new();
    for path in keep_files(patterns)? {
        pins.extend(KeepFile::read(&path)?.pins());
    }
    Ok(pins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_names_mean_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["b.keep", "a.keep", ".hidden.keep", "a.txt"] {
            std::fs::write(path(name), "").unwrap();
        }
        let names = |patterns: &[&str]| {
            let patterns: Vec<_> = patterns.iter().map(|pattern| path(pattern)).collect();
            let files = keep_files(&patterns).map_err(|error| format!("{error:#}"))?;
            Ok::<_, String>(
                files.iter().map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(names(&["*.keep"]).unwrap(), ["a.keep", "b.keep"]);
        assert_eq!(names(&["b.keep", "?.keep"]).unwrap(), ["a.keep", "b.keep"]);
        // Whether it is there shows when it is read.
        assert_eq!(names(&["c.keep"]).unwrap(), ["c.keep"]);
        for pattern in ["*.keeps", "no/*.keep"] {
            let error = names(&[pattern]).unwrap_err();
            assert!(
                error.contains("no keep file is like") && error.contains("hint: `epr-build keep import --kibana "),
                "{error}"
            );
        }
        assert!(pins(&[path("c.keep")]).is_err());
    }
}
