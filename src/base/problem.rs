//! What is wrong with the input, as values.
//!
//! A problem is something a person can mend in a package or a configuration: it names the place, the reason and a way
//! out, and never stops the program. Failures of the machine (disk, network) are `anyhow::Error` and do.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The rule of what says nothing about a package: the machine ran out of memory or file handles. It stops the run, for
/// a package that is left out because of it would be missed.
pub const EXHAUSTED: &str = "machine-exhausted";

/// The rule for something that cannot be read.
pub fn reading_rule(error: &std::io::Error) -> &'static str {
    use rustix::io::Errno;
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => EXHAUSTED,
        _ => "unreadable",
    }
}

/// How much a problem weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// What was built is not taken into use.
    Refusal,
    /// The package is left out of the site.
    Quarantine,
    /// Worth mending; the package is published.
    Warning,
}

/// Where a problem sits. Everything but the layer may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Name of the layer, empty outside of layers.
    pub layer: String,
    /// The package folder or zip, relative to the layer's path, with forward slashes.
    pub package: String,
    /// The file inside the package, for example `manifest.yml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The field, as a dotted path, for example `policy_templates.0.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// One thing that is wrong with the input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// What follows from it.
    pub severity: Severity,
    /// A short stable identifier for machines: the contract's condition in words, for example `missing-readme`.
    pub rule: String,
    /// Where it sits.
    pub place: Place,
    /// The reason, a lower-case fragment without a final period.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// A problem that keeps the package out of the site.
    pub fn quarantine(rule: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Quarantine, rule, message.into())
    }

    /// A problem that keeps the whole result from being used.
    pub fn refusal(rule: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Refusal, rule, message.into())
    }

    /// A problem that is only reported.
    pub fn warning(rule: &str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, rule, message.into())
    }

    /// Whether it keeps a package out of the site.
    pub fn is_quarantine(&self) -> bool {
        self.severity == Severity::Quarantine
    }

    fn new(severity: Severity, rule: &str, message: String) -> Self {
        Self { severity, rule: rule.to_owned(), place: Place::default(), message, hint: None }
    }

    /// Adds the file inside the package.
    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.place.file = Some(file.into());
        self
    }

    /// Adds the line in the file, from 1.
    #[must_use]
    pub fn line(mut self, line: u32) -> Self {
        self.place.line = Some(line);
        self
    }

    /// Adds the field as a dotted path.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.place.field = Some(field.into());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the layer and the package, which the reader of a single package does not know.
    #[must_use]
    pub fn within(mut self, layer: &str, package: &str) -> Self {
        self.place.layer = layer.to_owned();
        self.place.package = package.to_owned();
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [self.layer.as_str(), self.package.as_str(), self.file.as_deref().unwrap_or("")];
        f.write_str(&parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(field) = &self.field {
            write!(f, " ({field})")?;
        }
        Ok(())
    }
}

/// The form people read: severity and message, `-->` place, `hint:`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Refusal | Severity::Quarantine => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}: {}\n  --> {}", self.message, self.place)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}
