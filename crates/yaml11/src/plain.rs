//! Plain YAML values: what a file says before keys are split on dots.
//!
//! Manifests go on from here to [`super::expand`]; configuration, ingest pipelines and field lists are read as they are.

use super::Scalar;

/// A value with the line it begins on, from 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Plain {
    /// A leaf.
    Scalar(Scalar, u32),
    /// A sequence.
    List(Vec<Plain>, u32),
    /// A mapping in document order, merge keys applied, each key once.
    Map(Vec<Entry>, u32),
}

/// One pair of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key; anything but a string is refused in manifests.
    pub key: Scalar,
    /// The line of the key, from 1.
    pub line: u32,
    /// The value.
    pub value: Plain,
}

impl Plain {
    /// The line the value begins on, from 1.
    pub fn line(&self) -> u32 {
        match self {
            Plain::Scalar(_, line) | Plain::List(_, line) | Plain::Map(_, line) => *line,
        }
    }

    /// The value of a string key, if this is a mapping that has it.
    pub fn get(&self, name: &str) -> Option<&Plain> {
        let Plain::Map(entries, _) = self else { return None };
        entries.iter().find(|entry| matches!(&entry.key, Scalar::String(key) if key == name)).map(|entry| &entry.value)
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Plain::Scalar(Scalar::String(text), _) => Some(text),
            _ => None,
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Plain::Scalar(Scalar::Null, _))
    }
}
