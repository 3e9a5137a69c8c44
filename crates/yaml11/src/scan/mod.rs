//! Text to tokens.
//!
//! The method is that of libyaml, from which go-yaml comes. A token that may turn out to be a key is remembered. If `:`
//! follows on the same line within 1,024 characters, a key token is put in front of it. Blocks open and close with the
//! indentation. `cursor` steps through the text, `scalar` and `marker` read single tokens, and this module knows
//! indentation and keys.

mod cursor;
mod marker;
mod scalar;
mod token;

use crate::error::{Result, syntax};
use cursor::Cursor;
use std::collections::VecDeque;
pub(crate) use token::{Mark, Token, TokenKind};

/// Largest distance between the start of a key and its `:`, in characters.
const KEY_REACH: usize = 1024;

const PAST_END: &str = "unexpected end of stream";

/// A token that becomes a key if `:` follows.
#[derive(Clone, Copy)]
struct SimpleKey {
    /// True if only a key may stand in its place.
    required: bool,
    /// Number of tokens before it.
    token: usize,
    mark: Mark,
}

pub(crate) struct Scanner<'a> {
    cursor: Cursor<'a>,
    tokens: VecDeque<Token<'a>>,
    /// True if no key token can come before the first token any more.
    ready: bool,
    /// Number of tokens that were taken.
    taken: usize,
    ended: bool,
    /// Column of the innermost block, -1 outside of all.
    indent: i64,
    /// Columns of the blocks around it.
    indents: Vec<i64>,
    simple_key_allowed: bool,
    /// The possible key of the block level and of each open flow collection; never empty.
    simple_keys: Vec<Option<SimpleKey>>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Scanner {
            cursor: Cursor::new(text),
            tokens: VecDeque::new(),
            ready: false,
            taken: 0,
            ended: false,
            indent: -1,
            indents: Vec::new(),
            simple_key_allowed: true,
            simple_keys: vec![None],
        }
    }

    /// Returns the next token and leaves it in place.
    pub(crate) fn peek(&mut self) -> Result<&Token<'a>> {
        if !self.ready {
            while self.needs_more()? {
                self.fetch()?;
            }
            self.ready = true;
        }
        self.tokens.front().map_or_else(|| self.cursor.error(PAST_END), Ok)
    }

    /// Takes the next token.
    pub(crate) fn take(&mut self) -> Result<Token<'a>> {
        self.peek()?;
        self.ready = false;
        self.taken += 1;
        self.tokens.pop_front().map_or_else(|| self.cursor.error(PAST_END), Ok)
    }

    fn needs_more(&mut self) -> Result<bool> {
        if self.tokens.is_empty() {
            return Ok(!self.ended);
        }
        let taken = self.taken;
        match self.simple_keys.iter().position(|key| key.is_some_and(|key| key.token == taken)) {
            Some(level) => Ok(self.possible_key(level)?.is_some()),
            None => Ok(false),
        }
    }

    /// Returns the possible key of a level, and forgets it if it is too far away.
    fn possible_key(&mut self, level: usize) -> Result<Option<SimpleKey>> {
        let now = self.cursor.mark;
        match self.simple_keys[level] {
            Some(key) if key.mark.line < now.line || key.mark.index + KEY_REACH < now.index => {
                self.remove_simple_key(level)?;
                Ok(None)
            }
            key => Ok(key),
        }
    }

    fn remove_simple_key(&mut self, level: usize) -> Result<()> {
        match self.simple_keys[level].take() {
            Some(key) if key.required => syntax(key.mark.line, "could not find expected ':'"),
            _ => Ok(()),
        }
    }

    /// Index of the innermost level in `simple_keys`.
    fn level(&self) -> usize {
        self.simple_keys.len() - 1
    }

    fn in_flow(&self) -> bool {
        self.simple_keys.len() > 1
    }

    fn push(&mut self, kind: TokenKind<'a>, mark: Mark) {
        self.tokens.push_back(Token { kind, mark });
    }

    fn push_indicator(&mut self, kind: TokenKind<'a>, width: usize) {
        let mark = self.cursor.mark;
        for _ in 0..width {
            self.cursor.skip();
        }
        self.push(kind, mark);
    }

    fn fetch(&mut self) -> Result<()> {
        self.skip_to_token();
        self.unroll_indent(self.cursor.mark.column as i64);
        let next = self.cursor.at(0);
        let flow = self.in_flow();
        match next {
            _ if self.cursor.is_end() => self.fetch_end(),
            b'%' if self.cursor.mark.column == 0 => self.fetch_directive(),
            b'-' | b'.' if self.cursor.is_document_indicator() => self.fetch_document_indicator(next),
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if self.cursor.is_space_or_end(1) => self.fetch_block_entry(),
            b'?' if flow || self.cursor.is_space_or_end(1) => self.fetch_key(),
            b':' if flow || self.cursor.is_space_or_end(1) => self.fetch_value(),
            b'*' | b'&' => self.fetch_with_key(Cursor::scan_anchor),
            b'!' => self.fetch_with_key(Cursor::scan_tag),
            b'|' | b'>' if !flow => self.fetch_block_scalar(next == b'|'),
            b'\'' | b'"' => self.fetch_with_key(Cursor::scan_quoted),
            b'-' | b'?' | b':' if next == b'-' || !flow => self.fetch_plain(),
            b'-' | b'?' | b':' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' | b'\t' => {
                self.cursor.error("found character that cannot start any token")
            }
            _ => self.fetch_plain(),
        }
    }

    fn skip_to_token(&mut self) {
        loop {
            self.cursor.skip_ascii(|byte| byte == b' ');
            // Tabs may separate tokens, but never indent a block.
            while self.cursor.at(0) == b' '
                || (self.cursor.at(0) == b'\t' && (self.in_flow() || !self.simple_key_allowed))
            {
                self.cursor.skip();
            }
            if self.cursor.at(0) == b'#' {
                self.cursor.skip_to_line_end();
            }
            if !self.cursor.is_break(0) {
                return;
            }
            self.cursor.skip_break();
            if !self.in_flow() {
                self.simple_key_allowed = true;
            }
        }
    }

    fn save_simple_key(&mut self) -> Result<()> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        self.remove_simple_key(self.level())?;
        let required = !self.in_flow() && self.indent == self.cursor.mark.column as i64;
        let level = self.level();
        self.simple_keys[level] =
            Some(SimpleKey { required, token: self.taken + self.tokens.len(), mark: self.cursor.mark });
        Ok(())
    }

    /// Opens a block if the column is to the right. `at` is the index of its token, the end if absent.
    fn roll_indent(&mut self, column: usize, at: Option<usize>, kind: TokenKind<'a>, mark: Mark) {
        let column = column as i64;
        if self.in_flow() || self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        let at = at.unwrap_or(self.tokens.len()).min(self.tokens.len());
        self.tokens.insert(at, Token { kind, mark });
    }

    fn unroll_indent(&mut self, column: i64) {
        while !self.in_flow() && self.indent > column {
            self.push(TokenKind::BlockEnd, self.cursor.mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn fetch_end(&mut self) -> Result<()> {
        self.unroll_indent(-1);
        // With unclosed brackets there may be several.
        for level in 0..self.simple_keys.len() {
            self.remove_simple_key(level)?;
        }
        self.simple_key_allowed = false;
        self.ended = true;
        self.push(TokenKind::StreamEnd, self.cursor.mark);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<()> {
        self.unroll_indent(-1);
        self.remove_simple_key(self.level())?;
        self.simple_key_allowed = false;
        let token = self.cursor.scan_directive()?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_document_indicator(&mut self, first: u8) -> Result<()> {
        self.unroll_indent(-1);
        self.remove_simple_key(self.level())?;
        self.simple_key_allowed = false;
        let kind = if first == b'-' { TokenKind::DocumentStart } else { TokenKind::DocumentEnd };
        self.push_indicator(kind, 3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: TokenKind<'a>) -> Result<()> {
        self.save_simple_key()?;
        self.simple_keys.push(None);
        self.simple_key_allowed = true;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: TokenKind<'a>) -> Result<()> {
        self.remove_simple_key(self.level())?;
        if self.in_flow() {
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<()> {
        self.remove_simple_key(self.level())?;
        self.simple_key_allowed = true;
        self.push_indicator(TokenKind::FlowEntry, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<()> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return self.cursor.error("block sequence entries are not allowed in this context");
            }
            self.roll_indent(self.cursor.mark.column, None, TokenKind::BlockSequenceStart, self.cursor.mark);
        }
        self.remove_simple_key(self.level())?;
        self.simple_key_allowed = true;
        self.push_indicator(TokenKind::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<()> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return self.cursor.error("mapping keys are not allowed in this context");
            }
            self.roll_indent(self.cursor.mark.column, None, TokenKind::BlockMappingStart, self.cursor.mark);
        }
        self.remove_simple_key(self.level())?;
        self.simple_key_allowed = !self.in_flow();
        self.push_indicator(TokenKind::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<()> {
        let level = self.level();
        if let Some(key) = self.possible_key(level)? {
            self.simple_keys[level] = None;
            let at = key.token.saturating_sub(self.taken).min(self.tokens.len());
            self.tokens.insert(at, Token { kind: TokenKind::Key, mark: key.mark });
            self.roll_indent(key.mark.column, Some(at), TokenKind::BlockMappingStart, key.mark);
            self.simple_key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.simple_key_allowed {
                    return self.cursor.error("mapping values are not allowed in this context");
                }
                self.roll_indent(self.cursor.mark.column, None, TokenKind::BlockMappingStart, self.cursor.mark);
            }
            self.simple_key_allowed = !self.in_flow();
        }
        self.push_indicator(TokenKind::Value, 1);
        Ok(())
    }

    /// Fetches a token that may be a key or begin one.
    fn fetch_with_key(&mut self, scan: fn(&mut Cursor<'a>) -> Result<TokenKind<'a>>) -> Result<()> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let mark = self.cursor.mark;
        let kind = scan(&mut self.cursor)?;
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_plain(&mut self) -> Result<()> {
        self.save_simple_key()?;
        let mark = self.cursor.mark;
        let (kind, broken) = self.cursor.scan_plain(self.in_flow(), self.indent + 1)?;
        self.simple_key_allowed = broken;
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<()> {
        self.remove_simple_key(self.level())?;
        self.simple_key_allowed = true;
        let mark = self.cursor.mark;
        let kind = self.cursor.scan_block(literal, self.indent)?;
        self.push(kind, mark);
        Ok(())
    }
}
