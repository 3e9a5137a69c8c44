//! The problems of one package, collected while it is read.
//!
//! Reading goes on after a problem, so that one run shows all of them. All readers of a package add to one collection
//! through a shared reference. It must not know where the package lies.

use crate::base::problem::Problem;
use crate::base::rule::Rule;
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
    pub(super) fn add(&self, problem: Problem) {
        let mut problem = problem.required(self.require_validation);
        problem.message = printable(&problem.message, MAX_SHOWN);
        problem.place.field = problem.place.field.as_deref().map(|field| printable(field, MAX_SHOWN));
        self.problems.borrow_mut().push(problem);
    }

    /// Adds those of the problems whose fields no other problem is about, nor the structs that the fields are in.
    pub(super) fn add_untold(&self, problems: Vec<Problem>) {
        for problem in problems {
            let is_told = self.problems.borrow().iter().any(|told| covers(told, &problem));
            if !is_told {
                self.add(problem);
            }
        }
    }

    /// Everything found.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }
}

/// Returns true if one problem is about the field of another, or about the struct that the field is in.
fn covers(told: &Problem, problem: &Problem) -> bool {
    let (Some(outer), Some(field)) = (&told.place.field, &problem.place.field) else { return false };
    let Some(rest) = field.strip_prefix(outer.as_str()) else { return false };
    told.place.file == problem.place.file
        && match told.rule {
            // These name the struct, but are about one field.
            Rule::InputTypeOrPackage => rest == ".type",
            Rule::StreamInputOrPackage => rest == ".input",
            _ => rest.is_empty() || rest.starts_with('.'),
        }
}
