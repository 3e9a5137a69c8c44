//! Problems with the paths of their files, for programs.

use crate::base::problem::Problem;
use crate::input::excerpt::Excerpts;
use crate::input::spot::Spot;
use serde::Serialize;
use std::path::PathBuf;

/// A problem, and where an editor finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Located {
    /// What is wrong.
    #[serde(flatten)]
    pub(in crate::cli) problem: Problem,
    /// Where it is on the disk.
    #[serde(flatten)]
    pub(in crate::cli) spot: Spot,
}

/// Finds the files of problems. `named` are packages that were named themselves.
pub(in crate::cli) fn locate(problems: &[Problem], excerpts: &Excerpts<'_>, named: &[PathBuf]) -> Vec<Located> {
    let locate = |problem: &Problem| Located { problem: problem.clone(), spot: excerpts.spot(problem, named) };
    problems.iter().map(locate).collect()
}
