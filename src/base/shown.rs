//! Text that may quote a package, fit for a terminal: what cannot be seen is written out.
//!
//! Names and values from packages may hold characters that move the cursor, turn the direction of reading or cannot be
//! seen at all, so that one thing looks like another. Everything that is printed for people goes through here; JSON does
//! not, because programs need the exact text.

use std::borrow::Cow;

/// Returns true if a character cannot be seen, or changes how others are seen: control characters, the separators of lines
/// and paragraphs, and what Unicode calls `Default_Ignorable_Code_Point`, which all marks of direction are.
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// Lines for people, with every unseen character but the ends of lines written out as in `\u{202e}`.
pub fn lines(text: &str) -> Cow<'_, str> {
    let is_unfit = |c: char| c != '\n' && is_unseen(c);
    if !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unfit(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// One line of no more than so many characters, with every unseen character written out.
pub fn printable(text: &str, max_characters: usize) -> String {
    let mut shown = String::new();
    for (position, c) in text.chars().enumerate() {
        if position == max_characters {
            shown.push('…');
            break;
        }
        if is_unseen(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{lines, printable};

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        for (text, expected) in [
            ("plain, caf\u{e9}, \u{65e5}\u{672c}\n", "plain, caf\u{e9}, \u{65e5}\u{672c}\n"),
            ("fdp.\u{202e}exe", r"fdp.\u{202e}exe"),
            ("a\u{200b}b\u{200f}c\u{61c}d\u{2066}e\u{feff}f", r"a\u{200b}b\u{200f}c\u{61c}d\u{2066}e\u{feff}f"),
            ("\u{1b}[31m\r\u{9b}\t", r"\u{1b}[31m\r\u{9b}\t"),
            ("\u{e0041}\u{3164}\u{ad}", r"\u{e0041}\u{3164}\u{ad}"),
            ("a\u{2028}b\u{85}", r"a\u{2028}b\u{85}"),
        ] {
            assert_eq!(lines(text), expected);
            assert_eq!(printable(text, 100), expected.replace('\n', "\\n"));
        }
        assert_eq!(printable("abcd", 3), "abc…");
    }
}
