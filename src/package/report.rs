//! The problems of one package, collected while it is read.
//!
//! Reading goes on after a problem, so that one run shows all of them. All readers of a package add to one collection
//! through a shared reference. It must not know where the package lies.

use crate::base::problem::{Problem, Severity};
use std::cell::RefCell;

/// Number of characters of a message or field path to keep.
const MAX_SHOWN: usize = 300;

/// Problems in the order in which they were found, which depends on the package alone.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: RefCell<Vec<Problem>>,
    require_validation: bool,
}

impl Report {
    /// An empty report; `require_validation` decides the severity of problems added by [`Report::add_validation`].
    pub(super) fn new(require_validation: bool) -> Self {
        Self { problems: RefCell::default(), require_validation }
    }

    /// Adds a problem.
    pub(super) fn add(&self, mut problem: Problem) {
        problem.message = printable(&problem.message);
        problem.place.field = problem.place.field.as_deref().map(printable);
        self.problems.borrow_mut().push(problem);
    }

    /// Adds a problem that the registry reports only under content validation (contract, "Why a package is refused").
    pub(super) fn add_validation(&self, problem: Problem) {
        let severity = if self.require_validation { Severity::Quarantine } else { Severity::Warning };
        self.add(Problem { severity, ..problem });
    }

    /// The problems found, in order.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// Makes a text that may quote a manifest safe to print: cut to a few lines, with escapes for characters that move a
/// cursor or turn the direction of reading.
fn printable(text: &str) -> String {
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
