//! A selection with all that it names in other files.

use crate::answers::search::question::Question;
use crate::base::fs;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::config::file::Mistakes;
use crate::config::file::elastic_distribution::{self, AskedFor};
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
    let refused = file.rows.iter().filter_map(|AskedFor { line, path: key, text }| {
        let why = Question::of_search(text).err()?;
        let problem = Problem::new(Rule::Configuration, format!("`{key}`: {why}")).line(*line);
        let hint = "a registry would refuse it in every query; write versions as 9.1.0, and formats as 3.4";
        Some(problem.hint(hint).within("", &path.display().to_string()))
    });
    let problems: Vec<Problem> = refused.collect();
    if !problems.is_empty() {
        return Err(Mistakes { problems, text: String::from_utf8_lossy(&bytes).into_owned() }.into());
    }
    selection.take.extend(file.take);
    Ok(Loaded { selection, warnings: file.warnings })
}

#[cfg(test)]
mod tests {
    use super::load;
    use crate::config::selection::Selection;

    /// What a row of a matrix says wrongly is said once, where it stands, and not of each query that asks so.
    #[test]
    fn a_wrong_row_is_told_at_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.yaml");
        let text =
            "matrix:\n  - kibana.version: 9.1.0\n    spec.min: 1\nqueries:\n  - {package: a}\n  - {package: b}\n";
        std::fs::write(&path, text).unwrap();
        let selection = Selection { distribution: Some(path.clone()), ..Selection::default() };
        let error = format!("{:#}", load(&selection).unwrap_err());
        assert_eq!((error.matches("x.yaml:3").count(), error.matches("error: ").count()), (1, 1), "{error}");
        assert!(error.contains("`matrix.0.spec.min`: "), "{error}");
        std::fs::write(&path, text.replace("min: 1", "min: 1.0")).unwrap();
        assert!(load(&selection).is_ok());
    }
}
