//! Scalars: unquoted, in single or double quotes, and in blocks.
//!
//! Text that needs no change is borrowed, so that most scalars need no memory of their own.

use super::cursor::Cursor;
use super::token::TokenKind;
use crate::error::Result;
use std::borrow::Cow;

/// White space between two runs of text. It stays as it is unless it contains a line break.
#[derive(Default)]
struct Gap {
    blanks: String,
    first_break: &'static str,
    more_breaks: String,
    /// True if there was a line break.
    broken: bool,
}

impl Gap {
    fn line_break(&mut self, text: &str) {
        if self.broken {
            self.more_breaks.push_str(text);
        } else {
            self.blanks.clear();
            // `Cursor::skip_break` returns one of three texts.
            self.first_break = match text {
                "\u{2028}" => "\u{2028}",
                "\u{2029}" => "\u{2029}",
                _ => "\n",
            };
            self.broken = true;
        }
    }

    /// Writes the folded gap and starts over.
    fn fold_into(&mut self, value: &mut String) {
        if !self.broken {
            value.push_str(&self.blanks);
        } else if self.first_break != "\n" {
            value.push_str(self.first_break);
            value.push_str(&self.more_breaks);
        } else if self.more_breaks.is_empty() {
            value.push(' ');
        } else {
            value.push_str(&self.more_breaks);
        }
        self.clear();
    }

    fn clear(&mut self) {
        self.blanks.clear();
        self.first_break = "";
        self.more_breaks.clear();
        self.broken = false;
    }
}

/// Returns true for a byte that can neither end an unquoted scalar nor separate its parts.
fn is_ordinary(byte: u8) -> bool {
    byte > b' ' && !matches!(byte, b':' | b',' | b'?' | b'[' | b']' | b'{' | b'}')
}

impl<'a> Cursor<'a> {
    /// Reads an unquoted scalar, without trailing blanks and comments. Outside of flow collections it ends with the first
    /// line that is indented less than `indent`. Returns true if a line break follows it.
    pub(super) fn scan_plain(&mut self, flow: bool, indent: i64) -> Result<(TokenKind<'a>, bool)> {
        let mut value = Cow::Borrowed("");
        let mut gap = Gap::default();
        let mut broken = false;
        while !self.is_document_indicator() && self.at(0) != b'#' {
            let start = self.position;
            self.skip_plain_run(flow);
            if self.position > start {
                let run = self.slice(start);
                if value.is_empty() {
                    value = Cow::Borrowed(run);
                } else {
                    gap.fold_into(value.to_mut());
                    value.to_mut().push_str(run);
                }
                broken = false;
            }
            if !(self.is_blank(0) || self.is_break(0)) {
                break;
            }
            // If no text follows, the gap grows over several lines. It is written only before more text.
            while self.is_blank(0) || self.is_break(0) {
                if self.is_break(0) {
                    gap.line_break(self.skip_break());
                    broken = true;
                } else {
                    if gap.broken && (self.mark.column as i64) < indent && self.at(0) == b'\t' {
                        return self.error("found a tab character that violates indentation");
                    }
                    if !gap.broken {
                        gap.blanks.push(char::from(self.at(0)));
                    }
                    self.skip();
                }
            }
            if !flow && (self.mark.column as i64) < indent {
                break;
            }
        }
        Ok((TokenKind::Scalar { value, plain: true }, broken))
    }

    /// Steps over text up to white space or an indicator that ends a plain scalar.
    fn skip_plain_run(&mut self, flow: bool) {
        loop {
            self.skip_ascii(is_ordinary);
            match self.at(0) {
                b' ' | b'\t' | 0 => return,
                b':' if self.is_space_or_end(1) => return,
                b',' | b'?' | b'[' | b']' | b'{' | b'}' if flow => return,
                _ if self.is_break(0) => return,
                _ => self.skip(),
            }
        }
    }

    /// Reads a scalar in single or double quotes.
    pub(super) fn scan_quoted(&mut self) -> Result<TokenKind<'a>> {
        let quote = self.at(0);
        self.skip();
        let mut value = Cow::Borrowed("");
        let mut gap = Gap::default();
        loop {
            if self.is_document_indicator() {
                return self.error("found unexpected document indicator while scanning a quoted scalar");
            }
            if self.is_end() {
                return self.error("found unexpected end of stream while scanning a quoted scalar");
            }
            let escaped_break = self.scan_quoted_run(quote, &mut value)?;
            if self.at(0) == quote && !escaped_break {
                break;
            }
            while self.is_blank(0) || self.is_break(0) {
                if self.is_break(0) {
                    let line_break = self.skip_break();
                    if escaped_break {
                        gap.more_breaks.push_str(line_break);
                    } else {
                        gap.line_break(line_break);
                    }
                } else {
                    if !escaped_break && !gap.broken {
                        gap.blanks.push(char::from(self.at(0)));
                    }
                    self.skip();
                }
            }
            if escaped_break {
                value.to_mut().push_str(&gap.more_breaks);
                gap.clear();
            } else {
                gap.fold_into(value.to_mut());
            }
        }
        self.skip();
        Ok(TokenKind::Scalar { value, plain: false })
    }

    /// Reads up to white space or the closing quote. Returns true if an escaped line break ended the run.
    fn scan_quoted_run(&mut self, quote: u8, value: &mut Cow<'a, str>) -> Result<bool> {
        loop {
            let start = self.position;
            loop {
                self.skip_ascii(|byte| byte > b' ' && byte != quote && byte != b'\\');
                if self.is_space_or_end(0) || self.at(0) == quote || (quote == b'"' && self.at(0) == b'\\') {
                    break;
                }
                self.skip();
            }
            let run = self.slice(start);
            if value.is_empty() {
                *value = Cow::Borrowed(run);
            } else if !run.is_empty() {
                value.to_mut().push_str(run);
            }
            if quote == b'\'' && self.at(0) == quote && self.at(1) == quote {
                self.skip();
                self.skip();
                value.to_mut().push('\'');
            } else if quote == b'"' && self.at(0) == b'\\' && self.is_break(1) {
                self.skip();
                self.skip_break();
                return Ok(true);
            } else if quote == b'"' && self.at(0) == b'\\' {
                let character = self.scan_escape()?;
                value.to_mut().push(character);
            } else {
                return Ok(false);
            }
        }
    }

    fn scan_escape(&mut self) -> Result<char> {
        let digits = match self.at(1) {
            b'x' => 2,
            b'u' => 4,
            b'U' => 8,
            _ => 0,
        };
        let character = match self.at(1) {
            b'x' | b'u' | b'U' => '\0',
            b'0' => '\0',
            b'a' => '\x07',
            b'b' => '\x08',
            b't' | b'\t' => '\t',
            b'n' => '\n',
            b'v' => '\x0b',
            b'f' => '\x0c',
            b'r' => '\r',
            b'e' => '\x1b',
            b' ' => ' ',
            b'"' => '"',
            b'\'' => '\'',
            b'\\' => '\\',
            b'N' => '\u{85}',
            b'_' => '\u{a0}',
            b'L' => '\u{2028}',
            b'P' => '\u{2029}',
            _ => return self.error("found unknown escape character"),
        };
        self.skip();
        self.skip();
        if digits == 0 {
            return Ok(character);
        }
        let mut code: u32 = 0;
        for _ in 0..digits {
            let Some(digit) = char::from(self.at(0)).to_digit(16) else {
                return self.error("did not find expected hexdecimal number");
            };
            // Eight digits fill 32 bits exactly.
            code = code << 4 | digit;
            self.skip();
        }
        char::from_u32(code).map_or_else(|| self.error("found invalid Unicode character escape code"), Ok)
    }

    /// Reads a literal (`|`) or folded (`>`) block inside a collection at column `parent`, which is -1 for the root.
    pub(super) fn scan_block(&mut self, literal: bool, parent: i64) -> Result<TokenKind<'a>> {
        self.skip();
        let (chomping, increment) = self.scan_block_header()?;
        // Zero until the first line shows the indentation.
        let mut indent = match increment {
            0 => 0,
            _ => parent.max(0) as usize + increment,
        };
        let mut value = String::new();
        let mut line_break = "";
        let mut more_breaks = String::new();
        let mut after_blank = false;
        self.scan_block_breaks(parent, &mut indent, &mut more_breaks)?;
        while self.mark.column == indent && !self.is_end() {
            let blank = self.is_blank(0);
            if !literal && line_break == "\n" && !after_blank && !blank {
                if more_breaks.is_empty() {
                    value.push(' ');
                }
            } else {
                value.push_str(line_break);
            }
            value.push_str(&more_breaks);
            more_breaks.clear();
            after_blank = blank;
            let start = self.position;
            self.skip_to_line_end();
            value.push_str(self.slice(start));
            line_break = self.skip_break();
            self.scan_block_breaks(parent, &mut indent, &mut more_breaks)?;
        }
        if chomping != Some(b'-') {
            value.push_str(line_break);
        }
        if chomping == Some(b'+') {
            value.push_str(&more_breaks);
        }
        Ok(TokenKind::Scalar { value: Cow::Owned(value), plain: false })
    }

    /// Reads the chomping sign and the digit of indentation, in either order, and the rest of the line.
    fn scan_block_header(&mut self) -> Result<(Option<u8>, usize)> {
        let mut chomping = None;
        let mut increment = 0;
        for _ in 0..2 {
            match self.at(0) {
                sign @ (b'+' | b'-') if chomping.is_none() => chomping = Some(sign),
                b'0' if increment == 0 => return self.error("found an indentation indicator equal to 0"),
                digit @ b'1'..=b'9' if increment == 0 => increment = usize::from(digit - b'0'),
                _ => break,
            }
            self.skip();
        }
        while self.is_blank(0) {
            self.skip();
        }
        if self.at(0) == b'#' {
            self.skip_to_line_end();
        }
        if !self.is_break_or_end(0) {
            return self.error("did not find expected comment or line break while scanning a block scalar");
        }
        self.skip_break();
        Ok((chomping, increment))
    }

    /// Steps over empty lines and indentation. Finds the indentation if it is not known yet.
    fn scan_block_breaks(&mut self, parent: i64, indent: &mut usize, breaks: &mut String) -> Result<()> {
        let mut widest = 0;
        loop {
            while (*indent == 0 || self.mark.column < *indent) && self.at(0) == b' ' {
                self.skip();
            }
            widest = widest.max(self.mark.column);
            if (*indent == 0 || self.mark.column < *indent) && self.at(0) == b'\t' {
                return self.error("found a tab character where an indentation space is expected");
            }
            if !self.is_break(0) {
                break;
            }
            breaks.push_str(self.skip_break());
        }
        if *indent == 0 {
            *indent = widest.max((parent + 1).max(1) as usize);
        }
        Ok(())
    }
}
