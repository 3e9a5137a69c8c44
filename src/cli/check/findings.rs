//! Everything that a check found, as one list of problems with their files, for formats that know no distributions.

use crate::base::problem::{Problem, Severity};
use crate::base::rule::Rule;
use crate::base::words::few;
use crate::cli::common::located::{Located, locate};
use crate::input::excerpt::Excerpts;
use crate::site::report::{CopyReport, Report};
use std::collections::BTreeSet;

/// The file of a package that every package has.
const MANIFEST: &str = "manifest.yml";

/// The findings of all reports, the worst first; what distributions have in common is there once.
pub(super) fn findings(reports: &[Report], with_notes: bool, excerpts: &Excerpts<'_>) -> Vec<Located> {
    let mut problems = BTreeSet::new();
    for report in reports {
        problems.extend(report.advice.iter().chain(&report.problems).cloned());
        problems.extend(report.conflicts.iter().map(conflict));
        problems.extend(report.notes.iter().filter(|_| with_notes).cloned());
    }
    let problems: Vec<_> = problems.into_iter().filter(|problem| with_notes || !problem.is_note()).collect();
    locate(&problems, excerpts, &[])
}

/// A conflict as a problem of the package that is not used.
fn conflict(conflict: &CopyReport) -> Problem {
    let CopyReport { name, version, used, also_in, differing_files, package } = conflict;
    let files = few(differing_files);
    let message =
        format!("{name}-{version} in layer `{also_in}` differs from the one in `{used}`, which is used: {files}");
    let problem = Problem::new(Rule::DiffersBelow, message).severity(Severity::Warning);
    problem
        .file(MANIFEST)
        .within(also_in, package)
        .hint("give the changed package a new version, or remove one of the two")
}
