//! Bytes to text: encodings, byte order marks, and characters that YAML forbids.
//!
//! A forbidden character may stand behind the end of the first document, where it does no harm. So the text is cut at it,
//! and the caller decides whether the cut was reached.

use std::borrow::Cow;

/// The readable part of a file.
pub(crate) struct Text<'a> {
    /// The text before the first forbidden character, without byte order mark.
    pub(crate) text: Cow<'a, str>,
    /// Reason why the text was cut; absent if it was not.
    pub(crate) cut: Option<&'static str>,
    pub(crate) is_utf16: bool,
}

impl Text<'_> {
    /// Number of the last line, from 1.
    pub(crate) fn last_line(&self) -> u32 {
        let is_break = |(at, character): &(usize, char)| match character {
            '\n' => !self.text[..*at].ends_with('\r'),
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => true,
            _ => false,
        };
        u32::try_from(1 + self.text.char_indices().filter(is_break).count()).unwrap_or(u32::MAX)
    }
}

/// Decodes UTF-8, with or without byte order mark, or UTF-16 with one.
pub(crate) fn decode(bytes: &[u8]) -> Text<'_> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Text<'_> {
    let (text, cut) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            (valid, Some("invalid UTF-8"))
        }
    };
    match first_forbidden(text) {
        Some(end) => {
            Text { text: Cow::Borrowed(&text[..end]), cut: Some("control characters are not allowed"), is_utf16: false }
        }
        None => Text { text: Cow::Borrowed(text), cut, is_utf16: false },
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Text<'static> {
    let pairs = bytes.chunks_exact(2);
    let mut cut = (!pairs.remainder().is_empty()).then_some("incomplete UTF-16 character");
    let mut text = String::with_capacity(bytes.len() / 2);
    for character in char::decode_utf16(pairs.map(|pair| unit([pair[0], pair[1]]))) {
        match character {
            Ok(character) if is_forbidden(character) => {
                cut = Some("control characters are not allowed");
                break;
            }
            Ok(character) => text.push(character),
            Err(_) => {
                cut = Some("invalid UTF-16");
                break;
            }
        }
    }
    Text { text: Cow::Owned(text), cut, is_utf16: true }
}

fn first_forbidden(text: &str) -> Option<usize> {
    // Nearly all texts are ASCII, so bytes are tested before characters are decoded.
    let suspicious = |byte: u8| (byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) || byte >= 0x7f;
    let start = text.bytes().position(suspicious)?;
    text[start..].char_indices().find(|(_, character)| is_forbidden(*character)).map(|(index, _)| start + index)
}

fn is_forbidden(character: char) -> bool {
    !matches!(character, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}
