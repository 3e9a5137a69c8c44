//! The problems of one package, collected while it is read.
//!
//! Reading goes on after a problem, so that one run shows all of them; the collection is shared by everything that
//! reads, which is why it can be added to through a shared reference. It must not know where the package lies.

use crate::problem::{Problem, Severity};
use std::cell::RefCell;

/// Problems in the order in which they were found, which depends on the package alone.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: RefCell<Vec<Problem>>,
    require_validation: bool,
}

impl Report {
    /// An empty report; `require_validation` says what [`Report::add_validation`] makes of its problems.
    pub(super) fn new(require_validation: bool) -> Self {
        Self { problems: RefCell::default(), require_validation }
    }

    /// Adds a problem as it is.
    pub(super) fn add(&self, problem: Problem) {
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
