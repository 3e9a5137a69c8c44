//! A file that is read for nothing but a check of validation (contract, section 5.5).
//!
//! It knows how its failures are reported; what its content must be is said by who checks it.

use super::package_files::Files;
use super::report::Report;
use crate::problem::Problem;
use crate::yaml::{self, Limits, Plain};

/// Where the file lies and what is said when it fails.
#[derive(Debug)]
pub(super) struct CheckedFile<'a> {
    pub(super) path: &'a str,
    pub(super) rule: &'a str,
    pub(super) hint: &'a str,
    pub(super) report: &'a Report,
}

impl CheckedFile<'_> {
    /// The content; if it cannot be read, that is reported.
    pub(super) fn read(&self, files: &Files<'_>) -> Option<Vec<u8>> {
        files.read(self.path).map_err(|message| self.fail(None, message)).ok()
    }

    /// The content as YAML whose keys are not split on dots; if it cannot be read, that is reported.
    pub(super) fn read_yaml(&self, files: &Files<'_>) -> Option<Plain> {
        let bytes = self.read(files)?;
        let document = yaml::parse_plain(&bytes, &Limits::default());
        document.map(|document| document.root).map_err(|error| self.fail(error.line, error.message)).ok()
    }

    /// Reports what is wrong with the file.
    pub(super) fn fail(&self, line: Option<u32>, message: impl Into<String>) {
        let problem = Problem::warning(self.rule, message).file(self.path).hint(self.hint);
        self.report.add_validation(match line {
            Some(line) => problem.line(line),
            None => problem,
        });
    }
}
