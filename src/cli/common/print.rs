//! Printing results.

use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, Write};

/// Prints a result on standard output.
pub(in crate::cli) fn print(text: &str) -> Result<()> {
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Prints a result as indented JSON.
pub(in crate::cli) fn print_json(value: &impl Serialize) -> Result<()> {
    print(&(serde_json::to_string_pretty(value).context("cannot write the result as JSON")? + "\n"))
}

/// One line of a summary: a label and a value, indented below the line that names the subject.
pub(in crate::cli) fn field(label: &str, value: impl Display) -> String {
    format!("  {label:<18} {value}\n")
}
