//! YAML as the registry reads it: YAML 1.1 scalars, dotted keys expanded, typed reading by fixed conversion rules.
//!
//! Three stages (contract, section 2): [`decode`] turns text into plain values, `expand` splits keys on dots and merges
//! into a [`tree`], and the readers on [`Node`] convert to the types of the manifest model. Nothing here knows what a
//! manifest is.

mod compose;
pub mod decode;
mod expand;
mod mapping;
mod plain;
mod resolve;
mod scan;
mod text;
pub mod tree;

#[cfg(test)]
mod tests;

pub use decode::{PlainDocument, parse_plain};
pub use plain::{Entry, Plain};
pub use tree::{Node, Scalar, Value};

use std::fmt;

/// How much a file may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of the file.
    pub bytes: usize,
    /// Levels of nesting, those made by dots in keys included. Reading takes stack in proportion.
    pub depth: usize,
    /// Values after aliases are copied; long texts count for more when copied.
    pub nodes: usize,
}

impl Default for Limits {
    /// Far above any real manifest (60 KB, 20 levels).
    fn default() -> Self {
        Limits { bytes: 8 << 20, depth: 100, nodes: 1_000_000 }
    }
}

/// A file with its keys split on dots.
#[derive(Clone, Debug)]
pub struct Document {
    /// The first document; empty when the file is.
    pub root: Node,
    /// What is odd but accepted, by line.
    pub warnings: Vec<Warning>,
}

/// Something odd that changes no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The line, from 1.
    pub line: u32,
    /// A lower-case fragment.
    pub message: String,
}

/// Why a file was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// The line, from 1, if one is to blame.
    pub line: Option<u32>,
    /// Near the registry's own text.
    pub message: String,
    /// `yaml-syntax` (contract, A2), `yaml-top-level` (A3), `yaml-key` (A4), `yaml-conflict` (A5),
    /// `yaml-negative-index` (A6) or `yaml-limit`.
    pub rule: &'static str,
}

impl YamlError {
    fn syntax(line: u32, message: &str) -> Self {
        YamlError { line: Some(line), message: format!("yaml: {message}"), rule: "yaml-syntax" }
    }

    fn limit(line: u32, message: String) -> Self {
        YamlError { line: Some(line), message: format!("yaml: {message}"), rule: "yaml-limit" }
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

/// Reads a manifest: the first document, keys split on dots, dotted and nested spellings merged.
///
/// # Errors
/// See [`YamlError::rule`].
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, YamlError> {
    let PlainDocument { root, mut warnings } = parse_plain(bytes, limits)?;
    let root = expand::expand(root, limits, &mut warnings)?;
    warnings.sort_by(|a, b| a.line.cmp(&b.line).then_with(|| a.message.cmp(&b.message)));
    Ok(Document { root, warnings })
}
