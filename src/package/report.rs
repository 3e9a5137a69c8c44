//! The problems of one package, collected while it is read.
//!
//! Reading goes on after a problem, so that one run shows all of them; the collection is shared by everything that
//! reads, which is why it can be added to through a shared reference. It must not know where the package lies.

use crate::base::problem::{Problem, Severity};
use std::cell::RefCell;

/// Characters of a message or a field's path that are kept.
const MAX_SHOWN: usize = 300;

/// Problems in the order in which they were found, which depends on the package alone.
#[derive(Debug, Default)]
pub(super) struct ProblemList {
    problems: RefCell<Vec<Problem>>,
    require_validation: bool,
}

impl ProblemList {
    /// An empty report; `require_validation` says what [`ProblemList::add_validation`] makes of its problems.
    pub(super) fn new(require_validation: bool) -> Self {
        Self { problems: RefCell::default(), require_validation }
    }

    /// Adds a problem.
    pub(super) fn add(&self, mut problem: Problem) {
        problem.message = shown(&problem.message);
        problem.place.field = problem.place.field.as_deref().map(shown);
        self.problems.borrow_mut().push(problem);
    }

    /// Adds what the registry only refuses with content validation on (contract, section 1.6, V1 to V9).
    pub(super) fn add_validation(&self, problem: Problem) {
        let severity = if self.require_validation { Severity::Quarantine } else { Severity::Warning };
        self.add(Problem { severity, ..problem });
    }

    /// Everything found.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// A text that may quote a manifest, fit for a terminal and a report: a few lines at most, and nothing that moves a cursor
/// or turns the direction of reading.
fn shown(text: &str) -> String {
    let is_unfit = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::new();
    for (position, c) in text.chars().enumerate() {
        if position == MAX_SHOWN {
            shown.push('…');
            break;
        }
        match c {
            _ if is_unfit(c) => shown.extend(c.escape_default()),
            _ => shown.push(c),
        }
    }
    shown
}
