//! The ways to read a text: as it is written, with or without types, or with keys split on dots.

use crate::compose::{Composed, compose};
use crate::error::{Result, Warning, WarningKind, YamlError, syntax};
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
    parse_plain(bytes, limits)?.expand(limits)
}

impl PlainDocument {
    /// Splits its keys on dots and merges dotted with nested spellings, as [`parse`] does.
    ///
    /// # Errors
    /// All kinds that [`YamlError::rule`] lists, except `yaml-syntax`.
    pub fn expand(self, limits: &Limits) -> Result<Document, YamlError> {
        let Self { root, mut warnings } = self;
        let root = expand(root, limits, &mut warnings)?;
        warnings.sort_by(|a, b| a.line.cmp(&b.line).then_with(|| a.message.cmp(&b.message)));
        Ok(Document { root, warnings })
    }
}

/// Reads the first document as it is written. Keys may be any scalar.
///
/// # Errors
/// `yaml-syntax` or `yaml-limit`.
pub fn parse_plain(bytes: &[u8], limits: &Limits) -> Result<PlainDocument, YamlError> {
    read(bytes, limits, true)
}

/// Reads the first document as it is written, with unquoted scalars as their texts: `8.10` stays different from `8.1`, and
/// `yes` is a word. Nothing, `~` and `null` are null; tags force types.
///
/// # Errors
/// `yaml-syntax` or `yaml-limit`.
pub fn parse_texts(bytes: &[u8], limits: &Limits) -> Result<PlainDocument, YamlError> {
    read(bytes, limits, false)
}

fn read(bytes: &[u8], limits: &Limits, typed: bool) -> Result<PlainDocument, YamlError> {
    if bytes.len() > limits.bytes {
        let message = format!("larger than {} bytes", limits.bytes);
        return Err(YamlError { line: None, message, rule: "yaml-limit" });
    }
    let text = text::decode(bytes);
    let composed = compose(&text.text, limits, typed);
    // The cut does not matter if reading ended before it.
    let reached_cut = match &composed {
        Ok(composed) => !composed.marked_end,
        Err(error) => error.rule != "yaml-limit",
    };
    if let Some(reason) = text.cut.filter(|_| reached_cut) {
        return syntax(text.last_line(), reason);
    }
    let Composed { root, mut warnings, marked_end, more } = composed?;
    // What was cut lies behind the document, so there is something.
    if let Some(line) = more.or((marked_end && text.cut.is_some()).then(|| text.last_line())) {
        let message = "something follows the first document, and is ignored".to_owned();
        warnings.push(Warning { kind: WarningKind::SeveralDocuments, line, message });
    }
    if text.is_utf16 {
        warnings.push(Warning { kind: WarningKind::Utf16, line: 1, message: "the text is UTF-16".to_owned() });
    }
    warnings.sort_by_key(|warning| warning.line);
    Ok(PlainDocument { root, warnings })
}
