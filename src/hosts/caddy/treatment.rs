//! The few package files that the general rules for package files would get wrong.

use crate::base::file_notes::FileNotes;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Path, as a map looks for it, and treatment: a content type, or `plain` for a file that differs only in that what lies
/// beside it is no compressed copy of it. Neither kind is sent compressed.
pub(super) fn rows(notes: &FileNotes) -> Vec<(String, String)> {
    let mut treated: BTreeMap<&str, &str> = BTreeMap::new();
    for path in &notes.archives {
        treated.insert(path, "plain");
        if let Some(path) = path.strip_suffix(".gz") {
            treated.insert(path, "plain");
        }
    }
    treated.extend(notes.types.iter().map(|(path, kind)| (path.as_str(), kind.as_str())));
    treated.into_iter().map(|(path, kind)| (key(path), kind.to_owned())).collect()
}

/// A text as a map looks for it: as it is, or as a pattern where the Caddyfile reads some character itself.
fn key(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte);
    if text.bytes().all(is_plain) { text.to_owned() } else { format!("~^{}$", pattern(text)) }
}

/// A pattern that matches the text alone, without any character that a Caddyfile reads itself.
pub(super) fn pattern(text: &str) -> String {
    let mut pattern = String::new();
    for letter in text.chars() {
        if letter.is_ascii_alphanumeric() || letter == '/' || letter == '_' {
            pattern.push(letter);
        } else if u32::from(letter) < 0x80 {
            let _ = write!(pattern, "\\x{:02x}", u32::from(letter));
        } else {
            // Its letters are not read by the Caddyfile; patterns see characters, not bytes.
            pattern.push(letter);
        }
    }
    pattern
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
