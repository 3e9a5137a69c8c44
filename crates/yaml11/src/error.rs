//! Errors and warnings.

use std::fmt::{self, Display, Write};

pub(crate) type Result<T, E = YamlError> = std::result::Result<T, E>;

/// The reason why a text was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// Line of the error, from 1; absent if the error concerns the whole text.
    pub line: Option<u32>,
    /// A message close to that of Go's parser.
    pub message: String,
    /// Kind of the error:
    ///
    /// * `yaml-syntax`: the text is not YAML 1.1, or a tag does not fit its value;
    /// * `yaml-limit`: the text exceeds one of the [`Limits`](crate::Limits);
    /// * `yaml-top-level`: the document is a scalar;
    /// * `yaml-key`: a key is not a string;
    /// * `yaml-conflict`: a dotted key contradicts another key;
    /// * `yaml-negative-index`: a part of a dotted key is a negative number.
    pub rule: &'static str,
}

impl YamlError {
    pub(crate) fn limit(line: u32, message: String) -> Self {
        YamlError { line: Some(line), message: format!("yaml: {message}"), rule: "yaml-limit" }
    }

    pub(crate) fn too_deep(line: u32, depth: usize) -> Self {
        YamlError::limit(line, format!("nested deeper than {depth} levels"))
    }
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for YamlError {}

/// Fails with a syntax error.
pub(crate) fn syntax<T>(line: u32, message: &str) -> Result<T> {
    Err(YamlError { line: Some(line), message: format!("yaml: {message}"), rule: "yaml-syntax" })
}

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// A mapping has a key twice.
    DuplicateKey,
    /// A dotted and a nested key give the same value.
    TwoSpellings,
    /// Something follows the first document.
    SeveralDocuments,
    /// The text is UTF-16.
    Utf16,
    /// A tag is none of YAML's own.
    UnknownTag,
}

/// Something that is accepted, but probably a mistake, or refused by other readers of YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// Line, from 1.
    pub line: u32,
    /// A sentence without capital letter and full stop.
    pub message: String,
}

/// A key or tag as messages show it. A short text can give many warnings for one long key, so long ones are cut.
pub(crate) fn shortened(key: &dyn Display) -> String {
    let mut short = Shortened(String::new());
    match write!(short, "{key}") {
        Ok(()) => short.0,
        Err(fmt::Error) => short.0 + "…",
    }
}

/// Accepts text up to a length, and fails when there is more.
struct Shortened(String);

impl Write for Shortened {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const LONGEST: usize = 200;
        for character in text.chars() {
            if self.0.len() >= LONGEST {
                return Err(fmt::Error);
            }
            self.0.push(character);
        }
        Ok(())
    }
}
