//! Stage a: text to generic values, YAML 1.1.
//!
//! Ties the steps together: `text` decodes bytes, `scan` makes tokens, `compose` makes
//! values. Must not know dotted keys.

use super::compose::{Composed, compose};
use super::{Limits, Plain, Warning, YamlError, text};

/// A file as plain values, before keys are split on dots.
#[derive(Clone, Debug)]
pub struct PlainDocument {
    /// The first document; null when the file is empty.
    pub root: Plain,
    /// What is odd but accepted, in document order.
    pub warnings: Vec<Warning>,
}

/// Reads the first document of a file as plain values. Keys may be any scalar.
///
/// # Errors
/// `yaml-syntax` for text that the registry's parser refuses (contract, A2); `yaml-limit` beyond the limits.
pub fn parse_plain(bytes: &[u8], limits: &Limits) -> Result<PlainDocument, YamlError> {
    if bytes.len() > limits.bytes {
        let message = format!("larger than {} bytes", limits.bytes);
        return Err(YamlError { line: None, message, rule: "yaml-limit" });
    }
    let text = text::decode(bytes);
    let composed = compose(&text.text, limits);
    if let Some(reason) = text.cut {
        let behind_the_end = matches!(&composed, Ok(Composed { marked_end: true, .. }));
        if !behind_the_end {
            let line = 1 + text.text.matches('\n').count();
            return Err(YamlError::syntax(u32::try_from(line).unwrap_or(u32::MAX), reason));
        }
    }
    let Composed { root, mut warnings, .. } = composed?;
    warnings.sort_by_key(|warning| warning.line);
    Ok(PlainDocument { root, warnings })
}
