//! The few package files that the general rules for package files would get wrong.

use crate::base::file_notes::FileNotes;
use crate::hosts::shared::escape::escape;
use crate::hosts::shared::package_files::exceptions;

/// Path, as a map looks for it, and treatment: a content type, or `plain` for a file that differs only in that the file
/// beside it in `.gz` is no compressed copy of it. Neither kind is sent compressed.
pub(super) fn rows(notes: &FileNotes) -> Vec<(String, String)> {
    let row = |(path, content_type): (&str, Option<&str>)| (key(path), content_type.unwrap_or("plain").to_owned());
    exceptions(notes).into_iter().map(row).collect()
}

/// A text as a map looks for it: as it is, or as a pattern where the Caddyfile reads some character itself.
fn key(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("~^{}$", literal(text)) }
}

/// A pattern that matches the text alone, without any character that a Caddyfile reads itself. Letters beyond ASCII stay,
/// since patterns see characters, not bytes.
pub(super) fn literal(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/_".contains(letter) || !letter.is_ascii();
    escape(text, is_plain, |byte| format!("\\x{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_become_patterns() {
        assert_eq!(key("/package/a-b/1.0.0+x/_"), "/package/a-b/1.0.0+x/_");
        assert_eq!(key("/a b$&\"{};%é"), "~^/a\\x20b\\x24\\x26\\x22\\x7b\\x7d\\x3b\\x25é$");
    }
}
