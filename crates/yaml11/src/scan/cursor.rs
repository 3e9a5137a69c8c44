//! A position in the text: looks at characters, steps over them, counts lines.

use super::token::Mark;
use crate::error::{Result, syntax};

/// A position in the text.
pub(super) struct Cursor<'a> {
    text: &'a str,
    /// In bytes; always at a character boundary.
    pub(super) position: usize,
    pub(super) mark: Mark,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Cursor { text, position: 0, mark: Mark { index: 0, line: 1, column: 0 } }
    }

    pub(super) fn error<T>(&self, message: &str) -> Result<T> {
        syntax(self.mark.line, message)
    }

    /// Returns the text from a byte position to here.
    pub(super) fn slice(&self, start: usize) -> &'a str {
        &self.text[start..self.position]
    }

    /// Returns the byte `ahead` of the position, or 0 behind the end. The text holds no zero bytes.
    pub(super) fn at(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.position + ahead).copied().unwrap_or(0)
    }

    pub(super) fn is_end(&self) -> bool {
        self.position >= self.text.len()
    }

    pub(super) fn is_blank(&self, ahead: usize) -> bool {
        matches!(self.at(ahead), b' ' | b'\t')
    }

    pub(super) fn is_break(&self, ahead: usize) -> bool {
        match self.at(ahead) {
            b'\n' | b'\r' => true,
            0xc2 => self.at(ahead + 1) == 0x85,
            0xe2 => self.at(ahead + 1) == 0x80 && matches!(self.at(ahead + 2), 0xa8 | 0xa9),
            _ => false,
        }
    }

    pub(super) fn is_break_or_end(&self, ahead: usize) -> bool {
        self.at(ahead) == 0 || self.is_break(ahead)
    }

    pub(super) fn is_space_or_end(&self, ahead: usize) -> bool {
        self.is_blank(ahead) || self.is_break_or_end(ahead)
    }

    /// Steps over one character that is not a line break.
    pub(super) fn skip(&mut self) {
        self.position += match self.at(0) {
            _ if self.is_end() => return,
            0..=0x7f => 1,
            0x80..=0xdf => 2,
            0xe0..=0xef => 3,
            _ => 4,
        };
        self.mark.index += 1;
        self.mark.column += 1;
    }

    /// Steps over ASCII characters as long as they are wanted. Most text is ASCII, and stepping over many characters at once
    /// makes reading fast.
    pub(super) fn skip_ascii(&mut self, is_wanted: impl Fn(u8) -> bool) {
        let rest = &self.text.as_bytes()[self.position..];
        let count = rest.iter().position(|byte| !(byte.is_ascii() && is_wanted(*byte))).unwrap_or(rest.len());
        self.position += count;
        self.mark.index += count;
        self.mark.column += count;
    }

    /// Steps over one line break. Returns how it reads: as itself for the two Unicode separators, as `\n` otherwise.
    pub(super) fn skip_break(&mut self) -> &'a str {
        let (width, characters) = match self.at(0) {
            b'\r' if self.at(1) == b'\n' => (2, 2),
            b'\n' | b'\r' => (1, 1),
            0xc2 => (2, 1),
            0xe2 => (3, 1),
            _ => return "",
        };
        let start = self.position;
        self.position += width;
        self.mark = Mark { index: self.mark.index + characters, line: self.mark.line + 1, column: 0 };
        if width == 3 { self.slice(start) } else { "\n" }
    }

    pub(super) fn skip_to_line_end(&mut self) {
        loop {
            self.skip_ascii(|byte| !matches!(byte, b'\n' | b'\r'));
            if self.is_break_or_end(0) {
                return;
            }
            self.skip();
        }
    }

    /// Returns true at `---` or `...` at the start of a line.
    pub(super) fn is_document_indicator(&self) -> bool {
        self.mark.column == 0
            && (self.text.as_bytes()[self.position..].starts_with(b"---")
                || self.text.as_bytes()[self.position..].starts_with(b"..."))
            && self.is_space_or_end(3)
    }
}
