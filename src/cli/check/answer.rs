//! The answer of `check` as JSON: a report of each distribution, with the paths of files.

use crate::catalog::deprecation::CarriedNotice;
use crate::catalog::overlay::Overridden;
use crate::cli::common::located::{Located, locate};
use crate::input::excerpt::Excerpts;
use crate::site::report::{Change, CopyReport, LayerReport, Report};
use crate::site::selection_report::SelectionReport;
use serde::Serialize;

/// All distributions.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    /// True if the exit code is 0.
    clean: bool,
    distributions: Vec<Checked<'a>>,
}

/// One distribution; fields are those of `report.json`.
#[derive(Serialize)]
struct Checked<'a> {
    distribution: &'a str,
    versions: usize,
    packages: usize,
    /// The change since the base; only with `--against`.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<Change>,
    layers: &'a [LayerReport],
    /// What the selection of the distribution leaves out; only if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    selection: Option<&'a SelectionReport>,
    problems: Vec<Located>,
    /// What policies say to the change since the base, and what was lost.
    advice: Vec<Located>,
    conflicts: &'a [CopyReport],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    overrides: &'a [Overridden],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    carried_notices: &'a [CarriedNotice],
    notes: Vec<Located>,
}

/// Makes the answer.
pub(super) fn answer<'a>(reports: &'a [Report], clean: bool, excerpts: &Excerpts<'_>) -> Answer<'a> {
    let checked = |report: &'a Report| Checked {
        distribution: &report.distribution,
        versions: report.versions,
        packages: report.packages,
        change: report.change,
        layers: &report.layers,
        selection: report.selection.as_ref(),
        problems: locate(&report.problems, excerpts, &[]),
        advice: locate(&report.advice, excerpts, &[]),
        conflicts: &report.conflicts,
        overrides: &report.overrides,
        carried_notices: &report.carried_notices,
        notes: locate(&report.notes, excerpts, &[]),
    };
    Answer { clean, distributions: reports.iter().map(checked).collect() }
}
