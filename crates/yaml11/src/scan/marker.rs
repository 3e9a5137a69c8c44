//! Directives, anchors, aliases and tags.

use super::cursor::Cursor;
use super::token::{Token, TokenKind};
use crate::error::Result;
use std::borrow::Cow;

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

impl<'a> Cursor<'a> {
    fn scan_word(&mut self) -> &'a str {
        let start = self.position;
        while is_word(self.at(0)) {
            self.skip();
        }
        self.slice(start)
    }

    fn skip_blanks(&mut self) {
        while self.is_blank(0) {
            self.skip();
        }
    }

    /// Reads `%YAML 1.1` or `%TAG !handle! prefix`.
    pub(super) fn scan_directive(&mut self) -> Result<Token<'a>> {
        let mark = self.mark;
        self.skip();
        let name = self.scan_word();
        if name.is_empty() {
            return self.error("could not find expected directive name");
        }
        if !self.is_space_or_end(0) {
            return self.error("found unexpected non-alphabetical character");
        }
        self.skip_blanks();
        let kind = match name {
            "YAML" => {
                let major = self.scan_number()?;
                if self.at(0) != b'.' {
                    return self.error("did not find expected digit or '.' character");
                }
                self.skip();
                TokenKind::Version(major, self.scan_number()?)
            }
            "TAG" => self.scan_tag_prefix()?,
            _ => return self.error("found unknown directive name"),
        };
        self.skip_blanks();
        if self.at(0) == b'#' {
            self.skip_to_line_end();
        }
        if !self.is_break_or_end(0) {
            return self.error("did not find expected comment or line break");
        }
        self.skip_break();
        Ok(Token { kind, mark })
    }

    fn scan_number(&mut self) -> Result<u32> {
        let mut value = 0;
        let mut digits = 0;
        while self.at(0).is_ascii_digit() {
            digits += 1;
            if digits > 9 {
                return self.error("found extremely long version number");
            }
            value = value * 10 + u32::from(self.at(0) - b'0');
            self.skip();
        }
        if digits == 0 { self.error("did not find expected version number") } else { Ok(value) }
    }

    fn scan_tag_prefix(&mut self) -> Result<TokenKind<'a>> {
        let handle = self.scan_handle()?;
        if handle.len() > 1 && !handle.ends_with('!') {
            return self.error("did not find expected '!'");
        }
        if !self.is_blank(0) {
            return self.error("did not find expected whitespace");
        }
        self.skip_blanks();
        let prefix = self.scan_uri("")?;
        if !self.is_space_or_end(0) {
            return self.error("did not find expected whitespace or line break");
        }
        Ok(TokenKind::TagPrefix(handle, prefix))
    }

    /// Reads `!`, `!word` or `!word!`.
    fn scan_handle(&mut self) -> Result<&'a str> {
        let start = self.position;
        if self.at(0) != b'!' {
            return self.error("did not find expected '!'");
        }
        self.skip();
        self.scan_word();
        if self.at(0) == b'!' {
            self.skip();
        }
        Ok(self.slice(start))
    }

    /// Reads `&anchor` or `*alias`.
    pub(super) fn scan_anchor(&mut self) -> Result<TokenKind<'a>> {
        let alias = self.at(0) == b'*';
        self.skip();
        let name = self.scan_word();
        let ends_well =
            self.is_space_or_end(0) || matches!(self.at(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends_well {
            return self.error("did not find expected alphabetic or numeric character");
        }
        Ok(if alias { TokenKind::Alias(name) } else { TokenKind::Anchor(name) })
    }

    /// Reads `!<uri>`, `!suffix`, `!handle!suffix` or `!`.
    pub(super) fn scan_tag(&mut self) -> Result<TokenKind<'a>> {
        let kind = if self.at(1) == b'<' {
            self.skip();
            self.skip();
            let uri = self.scan_uri("")?;
            if self.at(0) != b'>' {
                return self.error("did not find the expected '>'");
            }
            self.skip();
            TokenKind::Tag(Cow::Borrowed(""), uri)
        } else {
            let handle = self.scan_handle()?;
            if handle.len() > 1 && handle.ends_with('!') {
                TokenKind::Tag(Cow::Borrowed(handle), self.scan_uri("")?)
            } else {
                let suffix = self.scan_uri(handle)?;
                if suffix.is_empty() {
                    TokenKind::Tag(Cow::Borrowed(""), "!".to_owned())
                } else {
                    TokenKind::Tag(Cow::Borrowed("!"), suffix)
                }
            }
        };
        if !self.is_space_or_end(0) {
            return self.error("did not find expected whitespace or line break");
        }
        Ok(kind)
    }

    /// Reads the URI of a tag. `head` was read before: its text behind `!` belongs to the URI, so that the rest may be empty.
    fn scan_uri(&mut self, head: &str) -> Result<String> {
        let mut bytes = head.as_bytes().get(1..).unwrap_or_default().to_vec();
        let start = self.position;
        while is_word(self.at(0)) || (self.at(0) != 0 && b";/?:@&=+$,.!~*'()[]%".contains(&self.at(0))) {
            if self.at(0) == b'%' {
                let digits = [self.at(1), self.at(2)].map(|digit| char::from(digit).to_digit(16));
                let [Some(high), Some(low)] = digits else {
                    return self.error("did not find URI escaped octet");
                };
                bytes.push((high * 16 + low) as u8);
                self.skip();
                self.skip();
            } else {
                bytes.push(self.at(0));
            }
            self.skip();
        }
        if head.is_empty() && self.position == start {
            return self.error("did not find expected tag URI");
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
