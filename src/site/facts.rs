//! `facts.json`: what filters know of each version, in the order of the catalog, as a JSON array of [`Facts`].
//!
//! A server computes from it the answers that no table holds. Their elements are those of the list of all versions, which
//! has the same order.

use crate::package::Facts;
use anyhow::{Context, Result};
use serde::Serializer;
use std::io::Write;

/// Name of the file.
pub const FILE: &str = "facts.json";

/// Writes the facts of a catalog.
///
/// # Errors
/// When the place cannot be written to.
pub fn write(facts: &[&Facts], out: &mut dyn Write) -> Result<()> {
    serde_json::Serializer::new(out).collect_seq(facts).context("cannot write the facts")
}
