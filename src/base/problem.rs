//! Problems of the input, as values.
//!
//! A problem is something that a person can correct in a package or a configuration. It names the place, the reason and a
//! remedy, and does not stop the program. Failures of the machine (disk, network) are `anyhow::Error`, and stop it.

pub use super::severity::Severity;

use super::rule::Rule;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why something cannot be read although the machine is well: the input itself is at fault. It travels in an
/// [`std::io::Error`], and [`reading_rule`] finds it there.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Misread {
    rule: Rule,
    message: String,
}

impl Misread {
    /// The reason is a lower-case fragment without a final period.
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        Self { rule, message: message.into() }
    }
}

impl From<Misread> for std::io::Error {
    fn from(misread: Misread) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, misread)
    }
}

/// The rule for something that cannot be read.
pub fn reading_rule(error: &std::io::Error) -> Rule {
    use rustix::io::Errno;
    if let Some(misread) = error.get_ref().and_then(|inner| inner.downcast_ref::<Misread>()) {
        return misread.rule;
    }
    match Errno::from_io_error(error) {
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => Rule::MachineExhausted,
        _ => Rule::Unreadable,
    }
}

/// Place of a problem. Everything but the layer may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Name of the layer, empty outside of layers.
    pub layer: String,
    /// Path of the package folder or zip below the layer's path, with forward slashes.
    pub package: String,
    /// Path of the file inside the package, for example `manifest.yml`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line in that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Dotted path of the field, for example `policy_templates.0.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// One thing that is wrong with the input.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Problem {
    /// Effect of the problem.
    pub severity: Severity,
    /// The rule that is broken; files have its name.
    pub rule: Rule,
    /// Where it is.
    pub place: Place,
    /// The reason, a lower-case fragment without a final period.
    pub message: String,
    /// Remedy, a lower-case fragment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// A problem with the severity and the hint that its rule has in the table.
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        let hint = rule.entry().map(|entry| entry.hint.to_owned());
        Self { severity: rule.level().default, rule, place: Place::default(), message: message.into(), hint }
    }

    /// Returns true if it keeps a package out of the site.
    pub fn is_quarantine(&self) -> bool {
        self.severity == Severity::Quarantine
    }

    /// Returns true if nothing is wrong.
    pub fn is_note(&self) -> bool {
        self.severity == Severity::Note
    }

    /// With `validation: require` the rules that it is for quarantine.
    #[must_use]
    pub fn required(self, require_validation: bool) -> Self {
        if require_validation && self.rule.is_validation() { self.severity(Severity::Quarantine) } else { self }
    }

    /// Sets the severity, where the configuration decides it.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
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

    /// Replaces the hint of the rule.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the layer and the package. The reader of a single package does not know them.
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

/// Severity and message, `-->` place, `hint:`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Refusal | Severity::Quarantine => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        write!(f, "{word}: {}\n  --> {}", self.message, self.place)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}
