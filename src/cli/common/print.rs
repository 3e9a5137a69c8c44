//! Printing results.

use crate::base::shown;
use crate::dialect::version::Version;
use crate::select::Key;
use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, Write};

/// Prints a result for people on standard output. What cannot be seen in names and values is written out.
pub(in crate::cli) fn print(text: &str) -> Result<()> {
    print_exact(&shown::lines(text))
}

/// Prints a result for programs, as it is.
pub(in crate::cli) fn print_exact(text: &str) -> Result<()> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Prints a result as indented JSON.
pub(in crate::cli) fn print_json(value: &impl Serialize) -> Result<()> {
    print_exact(&(serde_json::to_string_pretty(value).context("cannot write the result as JSON")? + "\n"))
}

/// One line of a summary: a label and a value, indented below the line that names the subject.
pub(in crate::cli) fn field(label: &str, value: impl Display) -> String {
    format!("  {label:<18} {value}\n")
}

/// A version and nothing else, as JSON.
#[derive(Serialize)]
pub(in crate::cli) struct Id<'a> {
    pub(in crate::cli) name: &'a str,
    pub(in crate::cli) version: &'a Version,
}

/// Versions and nothing else.
pub(in crate::cli) fn ids<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Vec<Id<'a>> {
    keys.into_iter().map(|(name, version)| Id { name, version }).collect()
}

/// A word, quoted for the shell if need be.
pub(in crate::cli) fn shell_word(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "/._-:+,@".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
