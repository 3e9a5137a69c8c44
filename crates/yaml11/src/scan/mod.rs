//! Text to tokens, YAML 1.1 as the registry's parser reads it.
//!
//! Own code rather than a library, after trying the two candidates on the contract's table (2.2). `libyaml-safer`, the
//! port closest to the registry's parser, panics on a block scalar without a final line break, on `"\` at the end and
//! where a comma follows a tag, misreads UTF-16, refuses `"\'"` and `{a:}`, accepts `"\/"`, counts the 1,024 characters
//! of a key in bytes, and is quadratic in `%TAG` lines. `granit-parser` (and `saphyr-parser`, its origin) is well kept
//! but reads YAML 1.2: it differs in line breaks, the end of block scalars, comments, unknown aliases, and in what may
//! follow a document. Neither could be mended from outside, since only the scanner knows what stands inside quotes.
//!
//! Compared by experiment with the YAML library that the registry uses (go-yaml 2.4): 12,454 real manifests and a
//! million made-up texts read alike. Known to differ: a second byte order mark at the start, and `[]: x` or `{}: x`,
//! which are refused here at once and there a step later. A control character close behind the end marker of a document
//! is passed over here; the registry sees it if it falls in the same 512 bytes.
//!
//! The method is libyaml's: a token that may turn out to be a key is remembered, and when `:` follows on the same line
//! within 1,024 characters, a key token is put in front of it. Blocks open and close with the indentation. Values and
//! their meaning must not be known here.

mod cursor;
mod marker;
mod scalar;

use super::YamlError;
use std::borrow::Cow;
use std::collections::VecDeque;

/// How far a `:` may stand from the start of the key it follows, in characters.
const KEY_REACH: usize = 1024;

/// A position in the text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    /// In characters from the beginning.
    index: usize,
    /// From 1.
    pub(super) line: u32,
    /// In characters from 0.
    column: usize,
}

#[derive(Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind<'a>,
    pub(super) mark: Mark,
}

#[derive(Debug, PartialEq)]
pub(super) enum TokenKind<'a> {
    StreamEnd,
    Version(u32, u32),
    TagPrefix(&'a str, String),
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    /// Handle and suffix; an empty handle means that the suffix is the whole tag.
    Tag(Cow<'a, str>, String),
    Scalar {
        value: Cow<'a, str>,
        plain: bool,
    },
}

/// A token that becomes a key if `:` follows.
#[derive(Clone, Copy, Default)]
struct SimpleKey {
    possible: bool,
    /// It stands where only a key may stand.
    required: bool,
    /// Counted over all tokens.
    token: usize,
    mark: Mark,
}

pub(super) struct Scanner<'a> {
    text: &'a str,
    /// In bytes; always at a character boundary.
    position: usize,
    mark: Mark,
    tokens: VecDeque<Token<'a>>,
    /// Whether the first of them can be handed out as it is.
    ready: bool,
    /// How many tokens were handed out.
    taken: usize,
    ended: bool,
    /// Column of the current block, -1 outside of all.
    indent: i64,
    indents: Vec<i64>,
    simple_key_allowed: bool,
    /// One for the block level and one for each open flow collection; never empty.
    simple_keys: Vec<SimpleKey>,
}

type Result<T> = std::result::Result<T, YamlError>;

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Scanner {
            text,
            position: 0,
            mark: Mark { index: 0, line: 1, column: 0 },
            tokens: VecDeque::new(),
            ready: false,
            taken: 0,
            ended: false,
            indent: -1,
            indents: Vec::new(),
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
        }
    }

    /// The next token, left in place.
    pub(super) fn peek(&mut self) -> Result<&Token<'a>> {
        if !self.ready {
            while self.needs_more()? {
                self.fetch()?;
            }
            self.ready = true;
        }
        self.tokens.front().ok_or_else(|| YamlError::syntax(self.mark.line, "unexpected end of stream"))
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Result<Token<'a>> {
        self.peek()?;
        self.ready = false;
        self.taken += 1;
        self.tokens.pop_front().ok_or_else(|| YamlError::syntax(self.mark.line, "unexpected end of stream"))
    }

    /// A token may be handed out only when no key token can come before it any more.
    fn needs_more(&mut self) -> Result<bool> {
        if self.tokens.is_empty() {
            return Ok(!self.ended);
        }
        let taken = self.taken;
        match self.simple_keys.iter().position(|key| key.possible && key.token == taken) {
            Some(level) => self.is_valid_key(level),
            None => Ok(false),
        }
    }

    fn is_valid_key(&mut self, level: usize) -> Result<bool> {
        let now = self.mark;
        let key = &mut self.simple_keys[level];
        if key.possible && (key.mark.line < now.line || key.mark.index + KEY_REACH < now.index) {
            if key.required {
                return Err(missing_colon(key.mark));
            }
            key.possible = false;
        }
        Ok(key.possible)
    }

    fn in_flow(&self) -> bool {
        self.simple_keys.len() > 1
    }

    fn error<T>(&self, message: &str) -> Result<T> {
        Err(YamlError::syntax(self.mark.line, message))
    }

    fn push(&mut self, kind: TokenKind<'a>, mark: Mark) {
        self.tokens.push_back(Token { kind, mark });
    }

    fn push_indicator(&mut self, kind: TokenKind<'a>, width: usize) {
        let mark = self.mark;
        for _ in 0..width {
            self.skip();
        }
        self.push(kind, mark);
    }

    fn fetch(&mut self) -> Result<()> {
        self.skip_to_token();
        self.unroll_indent(self.mark.column as i64);
        let next = self.at(0);
        let flow = self.in_flow();
        match next {
            _ if self.is_end() => self.fetch_end(),
            b'%' if self.mark.column == 0 => self.fetch_directive(),
            b'-' | b'.' if self.is_document_indicator() => self.fetch_document_indicator(next),
            b'[' => self.fetch_flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.fetch_flow_start(TokenKind::FlowMappingStart),
            b']' => self.fetch_flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.fetch_flow_end(TokenKind::FlowMappingEnd),
            b',' => self.fetch_flow_entry(),
            b'-' if self.is_space_or_end(1) => self.fetch_block_entry(),
            b'?' if flow || self.is_space_or_end(1) => self.fetch_key(),
            b':' if flow || self.is_space_or_end(1) => self.fetch_value(),
            b'*' | b'&' => self.fetch_with_key(Self::scan_anchor),
            b'!' => self.fetch_with_key(Self::scan_tag),
            b'|' | b'>' if !flow => self.fetch_block_scalar(next == b'|'),
            b'\'' | b'"' => self.fetch_with_key(Self::scan_quoted),
            b'-' | b'?' | b':' if next == b'-' || !flow => self.fetch_with_key(Self::scan_plain),
            b'-' | b'?' | b':' | b'#' | b'|' | b'>' | b'%' | b'@' | b'`' | b'\t' => {
                self.error("found character that cannot start any token")
            }
            _ => self.fetch_with_key(Self::scan_plain),
        }
    }

    fn skip_to_token(&mut self) {
        loop {
            self.skip_ascii(|byte| byte == b' ');
            // Tabs may separate tokens, but never indent a block.
            while self.at(0) == b' ' || (self.at(0) == b'\t' && (self.in_flow() || !self.simple_key_allowed)) {
                self.skip();
            }
            if self.at(0) == b'#' {
                self.skip_to_line_end();
            }
            if !self.is_break(0) {
                return;
            }
            self.skip_break();
            if !self.in_flow() {
                self.simple_key_allowed = true;
            }
        }
    }

    fn save_simple_key(&mut self) -> Result<()> {
        if !self.simple_key_allowed {
            return Ok(());
        }
        self.remove_simple_key()?;
        let required = !self.in_flow() && self.indent == self.mark.column as i64;
        let key = SimpleKey { possible: true, required, token: self.taken + self.tokens.len(), mark: self.mark };
        if let Some(last) = self.simple_keys.last_mut() {
            *last = key;
        }
        Ok(())
    }

    fn remove_simple_key(&mut self) -> Result<()> {
        match self.simple_keys.last_mut() {
            Some(key) if key.possible && key.required => Err(missing_colon(key.mark)),
            Some(key) => {
                key.possible = false;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Opens a block at a column to the right; `at` is the place among the tokens, the end if absent.
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
            self.push(TokenKind::BlockEnd, self.mark);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn fetch_end(&mut self) -> Result<()> {
        self.unroll_indent(-1);
        // With unclosed brackets several keys may still be waiting; nothing can follow them any more.
        for key in &mut self.simple_keys {
            if key.possible && key.required {
                return Err(missing_colon(key.mark));
            }
            key.possible = false;
        }
        self.simple_key_allowed = false;
        self.ended = true;
        self.push(TokenKind::StreamEnd, self.mark);
        Ok(())
    }

    fn fetch_directive(&mut self) -> Result<()> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let token = self.scan_directive()?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn fetch_document_indicator(&mut self, first: u8) -> Result<()> {
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        let kind = if first == b'-' { TokenKind::DocumentStart } else { TokenKind::DocumentEnd };
        self.push_indicator(kind, 3);
        Ok(())
    }

    fn fetch_flow_start(&mut self, kind: TokenKind<'a>) -> Result<()> {
        self.save_simple_key()?;
        self.simple_keys.push(SimpleKey::default());
        self.simple_key_allowed = true;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_end(&mut self, kind: TokenKind<'a>) -> Result<()> {
        self.remove_simple_key()?;
        if self.in_flow() {
            self.simple_keys.pop();
        }
        self.simple_key_allowed = false;
        self.push_indicator(kind, 1);
        Ok(())
    }

    fn fetch_flow_entry(&mut self) -> Result<()> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(TokenKind::FlowEntry, 1);
        Ok(())
    }

    fn fetch_block_entry(&mut self) -> Result<()> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return self.error("block sequence entries are not allowed in this context");
            }
            self.roll_indent(self.mark.column, None, TokenKind::BlockSequenceStart, self.mark);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        self.push_indicator(TokenKind::BlockEntry, 1);
        Ok(())
    }

    fn fetch_key(&mut self) -> Result<()> {
        if !self.in_flow() {
            if !self.simple_key_allowed {
                return self.error("mapping keys are not allowed in this context");
            }
            self.roll_indent(self.mark.column, None, TokenKind::BlockMappingStart, self.mark);
        }
        self.remove_simple_key()?;
        self.simple_key_allowed = !self.in_flow();
        self.push_indicator(TokenKind::Key, 1);
        Ok(())
    }

    fn fetch_value(&mut self) -> Result<()> {
        let level = self.simple_keys.len() - 1;
        if self.is_valid_key(level)? {
            let key = self.simple_keys[level];
            self.simple_keys[level].possible = false;
            let at = key.token.saturating_sub(self.taken).min(self.tokens.len());
            self.tokens.insert(at, Token { kind: TokenKind::Key, mark: key.mark });
            self.roll_indent(key.mark.column, Some(at), TokenKind::BlockMappingStart, key.mark);
            self.simple_key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.simple_key_allowed {
                    return self.error("mapping values are not allowed in this context");
                }
                self.roll_indent(self.mark.column, None, TokenKind::BlockMappingStart, self.mark);
            }
            self.simple_key_allowed = !self.in_flow();
        }
        self.push_indicator(TokenKind::Value, 1);
        Ok(())
    }

    /// Fetches a token that may be a key or begin one.
    fn fetch_with_key(&mut self, scan: fn(&mut Self) -> Result<TokenKind<'a>>) -> Result<()> {
        self.save_simple_key()?;
        self.simple_key_allowed = false;
        let mark = self.mark;
        let kind = scan(self)?;
        self.push(kind, mark);
        Ok(())
    }

    fn fetch_block_scalar(&mut self, literal: bool) -> Result<()> {
        self.remove_simple_key()?;
        self.simple_key_allowed = true;
        let mark = self.mark;
        let kind = self.scan_block(literal)?;
        self.push(kind, mark);
        Ok(())
    }
}

fn missing_colon(mark: Mark) -> YamlError {
    YamlError::syntax(mark.line, "could not find expected ':'")
}
