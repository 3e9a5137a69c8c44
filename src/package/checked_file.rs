//! A file that is read only to be checked under validation (contract, "Checks of data streams under validation").
//!
//! It knows how its faults are reported; the caller knows what its content must be.

use super::findings::{Check, Fault, Finding};
use super::package_files::Files;
use super::report::ProblemList;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use std::sync::Arc;
use yaml11::{self as yaml, Limits, Plain};

/// A file's path, and the rule and hint to report if it fails its check.
#[derive(Debug)]
pub(super) struct CheckedFile<'a> {
    pub(super) path: &'a str,
    pub(super) rule: Rule,
    pub(super) report: &'a ProblemList,
}

impl CheckedFile<'_> {
    /// The result of `compute` for the content of this file or an equal one; `None` if the file cannot be read. A fault is
    /// reported.
    pub(super) fn check(
        &self,
        check: Check,
        files: &Files<'_>,
        compute: impl FnOnce(&[u8]) -> Finding,
    ) -> Option<Arc<Finding>> {
        let content = files.read(self.path).map_err(|message| self.fail(None, message)).ok()?;
        let compute = || compute(&content.bytes);
        let finding = match files.findings {
            Some(findings) => findings.of(check, &content.digest, compute),
            None => Arc::new(compute()),
        };
        if let Err(fault) = &*finding {
            self.fail(fault.line, fault.message.as_str());
        }
        Some(finding)
    }

    /// Reports a fault of the file.
    fn fail(&self, line: Option<u32>, message: impl Into<String>) {
        let problem = Problem::new(self.rule, message).file(self.path);
        self.report.add(match line {
            Some(line) => problem.line(line),
            None => problem,
        });
    }
}

/// Parses a content as YAML without splitting keys on dots.
pub(super) fn parse_yaml(bytes: &[u8]) -> Result<Plain, Fault> {
    let document = yaml::parse_plain(bytes, &Limits::default());
    document.map(|document| document.root).map_err(|error| Fault { line: error.line, message: error.message })
}
