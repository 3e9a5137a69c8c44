//! The two ways to read a text: as it is written, or with keys split on dots.

use crate::compose::{Composed, compose};
use crate::error::{Result, Warning, YamlError, syntax};
use crate::expand::expand;
use crate::limits::Limits;
use crate::plain::Plain;
use crate::text;
use crate::tree::Node;

/// A document with its keys split on dots.
#[derive(Clone, Debug)]
pub struct Document {
    /// The root; an empty node if the text is empty.
    pub root: Node,
    /// Warnings, sorted by line.
    pub warnings: Vec<Warning>,
}

/// A document as it is written.
#[derive(Clone, Debug)]
pub struct PlainDocument {
    /// The root; null if the text is empty.
    pub root: Plain,
    /// Warnings, sorted by line.
    pub warnings: Vec<Warning>,
}

/// Reads the first document, splits its keys on dots and merges dotted with nested spellings.
///
/// # Errors
/// All kinds that [`YamlError::rule`] lists.
pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, YamlError> {
    let PlainDocument { root, mut warnings } = parse_plain(bytes, limits)?;
    let root = expand(root, limits, &mut warnings)?;
    warnings.sort_by(|a, b| a.line.cmp(&b.line).then_with(|| a.message.cmp(&b.message)));
    Ok(Document { root, warnings })
}

/// Reads the first document as it is written. Keys may be any scalar.
///
/// # Errors
/// `yaml-syntax` or `yaml-limit`.
pub fn parse_plain(bytes: &[u8], limits: &Limits) -> Result<PlainDocument, YamlError> {
    if bytes.len() > limits.bytes {
        let message = format!("larger than {} bytes", limits.bytes);
        return Err(YamlError { line: None, message, rule: "yaml-limit" });
    }
    let text = text::decode(bytes);
    let composed = compose(&text.text, limits);
    // The cut does not matter if reading ended before it.
    let reached_cut = match &composed {
        Ok(composed) => !composed.marked_end,
        Err(error) => error.rule != "yaml-limit",
    };
    if let Some(reason) = text.cut.filter(|_| reached_cut) {
        return syntax(text.last_line(), reason);
    }
    let Composed { root, mut warnings, .. } = composed?;
    warnings.sort_by_key(|warning| warning.line);
    Ok(PlainDocument { root, warnings })
}
