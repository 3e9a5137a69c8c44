//! A file that is read for nothing but a check of validation (contract, section 5.5).
//!
//! It knows how its failures are reported; what its content must be is said by who checks it.

use super::findings::{Check, Fault, Finding};
use super::package_files::Files;
use super::report::ProblemList;
use crate::base::problem::Problem;
use std::sync::Arc;
use yaml11::{self as yaml, Limits, Plain};

/// Where the file lies and what is said when it fails.
#[derive(Debug)]
pub(super) struct CheckedFile<'a> {
    pub(super) path: &'a str,
    pub(super) rule: &'a str,
    pub(super) hint: &'a str,
    pub(super) report: &'a ProblemList,
}

impl CheckedFile<'_> {
    /// What `look` finds in the content, or found in an equal one; if there is a fault, that is reported.
    pub(super) fn check(
        &self,
        check: Check,
        files: &Files<'_>,
        look: impl FnOnce(&[u8]) -> Finding,
    ) -> Option<Arc<Finding>> {
        let content = files.read(self.path).map_err(|message| self.fail(None, message)).ok()?;
        let look = || look(&content.bytes);
        let finding = match files.findings {
            Some(findings) => findings.of(check, &content.digest, look),
            None => Arc::new(look()),
        };
        if let Err(fault) = &*finding {
            self.fail(fault.line, fault.message.as_str());
        }
        Some(finding)
    }

    /// Reports what is wrong with the file.
    fn fail(&self, line: Option<u32>, message: impl Into<String>) {
        let problem = Problem::warning(self.rule, message).file(self.path).hint(self.hint);
        self.report.add_validation(match line {
            Some(line) => problem.line(line),
            None => problem,
        });
    }
}

/// A content as YAML whose keys are not split on dots.
pub(super) fn parse_yaml(bytes: &[u8]) -> Result<Plain, Fault> {
    let document = yaml::parse_plain(bytes, &Limits::default());
    document.map(|document| document.root).map_err(|error| Fault { line: error.line, message: error.message })
}
