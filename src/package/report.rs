//! The problems of one package, collected while it is read.
//!
//! Reading goes on after a problem, so that one run shows all of them. All readers of a package add to one collection
//! through a shared reference. It must not know where the package lies.

use crate::base::problem::{Problem, Severity};
use crate::base::shown::printable;
use std::cell::RefCell;

/// Number of characters of a message or field path to keep.
const MAX_SHOWN: usize = 300;

/// Problems in the order in which they were found, which depends on the package alone.
#[derive(Debug, Default)]
pub(super) struct ProblemList {
    problems: RefCell<Vec<Problem>>,
    require_validation: bool,
}

impl ProblemList {
    /// An empty report; with `require_validation` the rules of validation quarantine.
    pub(super) fn new(require_validation: bool) -> Self {
        Self { problems: RefCell::default(), require_validation }
    }

    /// Adds a problem.
    pub(super) fn add(&self, mut problem: Problem) {
        if self.require_validation && problem.rule.is_validation() {
            problem.severity = Severity::Quarantine;
        }
        problem.message = printable(&problem.message, MAX_SHOWN);
        problem.place.field = problem.place.field.as_deref().map(|field| printable(field, MAX_SHOWN));
        self.problems.borrow_mut().push(problem);
    }

    /// Everything found.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}
