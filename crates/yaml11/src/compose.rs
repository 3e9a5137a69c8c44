//! Tokens to plain values: grammar, anchors, aliases and tags.
//!
//! Aliases are copied, never shared, and every copy is paid for from one budget. So a small text cannot grow without bound.

use crate::error::{Result, Warning, WarningKind, YamlError, shortened, syntax};
use crate::limits::{Budget, Limits};
use crate::pairs::Pairs;
use crate::plain::{Plain, Scalar};
use crate::resolve;
use crate::scan::{Scanner, Token, TokenKind};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Largest number of directives. Each tag is looked up among them, so the cost of a tag grows with their number.
const MOST_DIRECTIVES: usize = 100;

const MERGE_TAG: &str = "tag:yaml.org,2002:merge";

pub(crate) struct Composer<'a> {
    scanner: Scanner<'a>,
    limits: &'a Limits,
    /// True if unquoted scalars have types.
    typed: bool,
    budget: Budget,
    /// Handles and prefixes of `%TAG` directives.
    tag_prefixes: Vec<(&'a str, String)>,
    /// Index into `anchored` by name; a name may be given again.
    anchors: BTreeMap<&'a str, usize>,
    /// Anchored values. A value is absent while it is being read, since an alias to it would contain itself.
    anchored: Vec<Option<Plain>>,
    /// True if the value just read was an unquoted `<<`.
    merge: bool,
    warnings: Vec<Warning>,
}

/// The first document of a text.
pub(crate) struct Composed {
    pub(crate) root: Plain,
    pub(crate) warnings: Vec<Warning>,
    /// True if a marker (`---` or `...`) ended the document; the rest of the text does not count then.
    pub(crate) marked_end: bool,
    /// Line of what follows that marker, even if it is malformed; absent if nothing does.
    pub(crate) more: Option<u32>,
}

/// Reads the first document; an empty text is null. Unless `typed`, unquoted scalars are their texts.
pub(crate) fn compose(text: &str, limits: &Limits, typed: bool) -> Result<Composed> {
    let mut composer = Composer {
        scanner: Scanner::new(text),
        limits,
        typed,
        budget: Budget::new(limits),
        tag_prefixes: Vec::new(),
        anchors: BTreeMap::new(),
        anchored: Vec::new(),
        merge: false,
        warnings: Vec::new(),
    };
    let root = composer.document()?;
    // This also fails if what follows the document is no token.
    let marked_end = matches!(composer.scanner.peek()?.kind, TokenKind::DocumentStart | TokenKind::DocumentEnd);
    let more = if marked_end { composer.more() } else { None };
    Ok(Composed { root, warnings: composer.warnings, marked_end, more })
}

/// True if the next token is one of these.
macro_rules! next_is {
    ($composer:expr, $($kind:ident)|+) => {
        matches!($composer.scanner.peek()?.kind, $(TokenKind::$kind)|+)
    };
}

impl<'a> Composer<'a> {
    fn document(&mut self) -> Result<Plain> {
        self.directives()?;
        if next_is!(self, StreamEnd) {
            return self.empty();
        }
        let explicit = next_is!(self, DocumentStart);
        if explicit {
            self.scanner.take()?;
        }
        let next = self.scanner.peek()?;
        match next.kind {
            TokenKind::Version(..) | TokenKind::TagPrefix(..) if explicit => self.empty(),
            TokenKind::DocumentStart | TokenKind::DocumentEnd | TokenKind::StreamEnd if explicit => self.empty(),
            _ => self.node(true, false, 0),
        }
    }

    fn directives(&mut self) -> Result<()> {
        let mut count = 0;
        let mut version = false;
        while matches!(self.scanner.peek()?.kind, TokenKind::Version(..) | TokenKind::TagPrefix(..)) {
            let Token { kind, mark } = self.scanner.take()?;
            count += 1;
            if count > MOST_DIRECTIVES {
                return Err(YamlError::limit(mark.line, format!("more than {MOST_DIRECTIVES} directives")));
            }
            match kind {
                TokenKind::Version(..) if version => return syntax(mark.line, "found duplicate %YAML directive"),
                TokenKind::Version(1, 1) => version = true,
                TokenKind::Version(..) => return syntax(mark.line, "found incompatible YAML document"),
                TokenKind::TagPrefix(handle, _) if self.tag_prefixes.iter().any(|(known, _)| *known == handle) => {
                    return syntax(mark.line, "found duplicate %TAG directive");
                }
                TokenKind::TagPrefix(handle, prefix) => self.tag_prefixes.push((handle, prefix)),
                _ => {}
            }
        }
        if count > 0 && !next_is!(self, DocumentStart) {
            return syntax(self.scanner.peek()?.mark.line, "did not find expected <document start>");
        }
        Ok(())
    }

    /// Line of what follows the end markers of the document. `---` begins another document, even an empty one.
    fn more(&mut self) -> Option<u32> {
        loop {
            match self.scanner.take() {
                Ok(Token { kind: TokenKind::DocumentEnd, .. }) => {}
                Ok(Token { kind: TokenKind::StreamEnd, .. }) => return None,
                Ok(Token { mark, .. }) => return Some(mark.line),
                Err(error) => return error.line.or(Some(1)),
            }
        }
    }

    fn spend(&mut self, line: u32, amount: usize) -> Result<()> {
        let most = self.limits.nodes;
        let message = || format!("document contains excessive aliasing or more than {most} values");
        self.budget.spend(line, amount, message)
    }

    /// A value that is not written, as in `key:`.
    fn empty(&mut self) -> Result<Plain> {
        let line = self.scanner.peek()?.mark.line;
        self.spend(line, 1)?;
        self.merge = false;
        Ok(Plain::Scalar(Scalar::Null, line))
    }

    /// Reads one value. `block` allows block collections; `indentless` allows a list at the indentation of its key.
    fn node(&mut self, block: bool, indentless: bool, depth: usize) -> Result<Plain> {
        let line = self.scanner.peek()?.mark.line;
        if depth > self.limits.depth {
            return Err(YamlError::too_deep(line, self.limits.depth));
        }
        if let TokenKind::Alias(name) = self.scanner.peek()?.kind {
            self.scanner.take()?;
            self.merge = false;
            return self.alias(name, line, depth);
        }
        self.spend(line, 1)?;
        let (anchor, tag) = self.properties()?;
        let slot = anchor.map(|name| {
            self.anchored.push(None);
            self.anchors.insert(name, self.anchored.len() - 1);
            self.anchored.len() - 1
        });
        let value = self.content(block, indentless, depth, anchor.is_some(), tag)?;
        if let Some(slot) = slot {
            self.spend(line, value.weight())?;
            self.anchored[slot] = Some(value.clone());
        }
        Ok(value)
    }

    fn alias(&mut self, name: &str, line: u32, depth: usize) -> Result<Plain> {
        let Some(&slot) = self.anchors.get(name) else {
            return syntax(line, &format!("unknown anchor '{name}' referenced"));
        };
        let (size, height) = match &self.anchored[slot] {
            Some(value) => (value.weight(), value.height()),
            None => return syntax(line, &format!("anchor '{name}' value contains itself")),
        };
        if depth + height > self.limits.depth {
            return Err(YamlError::too_deep(line, self.limits.depth));
        }
        self.spend(line, size)?;
        Ok(self.anchored[slot].clone().unwrap_or(Plain::Scalar(Scalar::Null, line)))
    }

    /// Reads an anchor and a tag, in either order.
    fn properties(&mut self) -> Result<(Option<&'a str>, Option<String>)> {
        let (mut anchor, mut tag) = (None, None);
        loop {
            match self.scanner.peek()?.kind {
                TokenKind::Anchor(name) if anchor.is_none() => {
                    self.scanner.take()?;
                    anchor = Some(name);
                }
                TokenKind::Tag(..) if tag.is_none() => {
                    let token = self.scanner.take()?;
                    if let TokenKind::Tag(handle, suffix) = token.kind {
                        let full = self.full_tag(&handle, suffix, token.mark.line)?;
                        if !resolve::is_known(&full) {
                            let message = format!("unknown tag `{}`", shortened(&full));
                            let kind = WarningKind::UnknownTag;
                            self.warnings.push(Warning { kind, line: token.mark.line, message });
                        }
                        tag = Some(full);
                    }
                }
                _ => return Ok((anchor, tag)),
            }
        }
    }

    fn full_tag(&self, handle: &str, suffix: String, line: u32) -> Result<String> {
        if handle.is_empty() {
            return Ok(suffix);
        }
        let declared = self.tag_prefixes.iter().find(|(known, _)| *known == handle).map(|(_, prefix)| prefix.as_str());
        match (declared, handle) {
            (Some(prefix), _) => Ok(format!("{prefix}{suffix}")),
            (None, "!") => Ok(format!("!{suffix}")),
            (None, "!!") => Ok(format!("tag:yaml.org,2002:{suffix}")),
            (None, _) => syntax(line, "found undefined tag handle"),
        }
    }

    fn content(
        &mut self,
        block: bool,
        indentless: bool,
        depth: usize,
        anchored: bool,
        tag: Option<String>,
    ) -> Result<Plain> {
        let next = self.scanner.peek()?;
        let line = next.mark.line;
        let value = match next.kind {
            TokenKind::BlockEntry if indentless => Plain::List(self.block_entries(true, depth)?, line),
            TokenKind::BlockSequenceStart if block => {
                self.scanner.take()?;
                Plain::List(self.block_entries(false, depth)?, line)
            }
            TokenKind::FlowSequenceStart => Plain::List(self.flow_sequence(depth)?, line),
            TokenKind::BlockMappingStart if block => self.block_mapping(line, depth)?,
            TokenKind::FlowMappingStart => self.flow_mapping(line, depth)?,
            TokenKind::Scalar { .. } => return self.scalar(tag),
            _ if anchored || tag.is_some() => return self.resolve(Cow::Borrowed(""), true, tag, line),
            _ => return syntax(line, "did not find expected node content"),
        };
        self.merge = false;
        Ok(value)
    }

    fn scalar(&mut self, tag: Option<String>) -> Result<Plain> {
        let token = self.scanner.take()?;
        match token.kind {
            TokenKind::Scalar { value, plain } => self.resolve(value, plain, tag, token.mark.line),
            _ => syntax(token.mark.line, "did not find expected node content"),
        }
    }

    fn resolve(&mut self, text: Cow<'_, str>, plain: bool, tag: Option<String>, line: u32) -> Result<Plain> {
        self.merge = text == "<<" && tag.as_deref().map_or(plain, |tag| tag == MERGE_TAG);
        let value = match tag {
            Some(tag) => resolve::tagged(text, &tag).or_else(|message| syntax(line, &message))?,
            None if plain && self.typed => resolve::plain(text),
            None if plain => resolve::untyped(text),
            None => Scalar::String(text.into_owned()),
        };
        Ok(Plain::Scalar(value, line))
    }

    fn block_entries(&mut self, indentless: bool, depth: usize) -> Result<Vec<Plain>> {
        let mut items = Vec::new();
        while next_is!(self, BlockEntry) {
            self.scanner.take()?;
            let absent = if indentless {
                next_is!(self, BlockEntry | Key | Value | BlockEnd)
            } else {
                next_is!(self, BlockEntry | BlockEnd)
            };
            items.push(if absent { self.empty()? } else { self.node(true, false, depth + 1)? });
        }
        if !indentless {
            self.end_block("did not find expected '-' indicator")?;
        }
        Ok(items)
    }

    fn end_block(&mut self, otherwise: &str) -> Result<()> {
        match self.scanner.take()? {
            Token { kind: TokenKind::BlockEnd, .. } => Ok(()),
            Token { mark, .. } => syntax(mark.line, otherwise),
        }
    }

    fn block_mapping(&mut self, line: u32, depth: usize) -> Result<Plain> {
        self.scanner.take()?;
        let mut pairs = Pairs::default();
        while next_is!(self, Key) {
            self.scanner.take()?;
            let key =
                if next_is!(self, Key | Value | BlockEnd) { self.empty()? } else { self.node(true, true, depth + 1)? };
            let merge = self.merge;
            let has_value = next_is!(self, Value);
            if has_value {
                self.scanner.take()?;
            }
            let value = if !has_value || next_is!(self, Key | Value | BlockEnd) {
                self.empty()?
            } else {
                self.node(true, true, depth + 1)?
            };
            pairs.add(key, value, merge)?;
        }
        self.end_block("did not find expected key")?;
        Ok(Plain::Map(pairs.finish(&mut self.warnings), line))
    }

    fn flow_sequence(&mut self, depth: usize) -> Result<Vec<Plain>> {
        self.scanner.take()?;
        let mut items = Vec::new();
        while !next_is!(self, FlowSequenceEnd) {
            if !items.is_empty() {
                self.flow_entry("did not find expected ',' or ']'")?;
                if next_is!(self, FlowSequenceEnd) {
                    break;
                }
            }
            let item =
                if next_is!(self, Key) { self.flow_pair(depth + 1)? } else { self.node(false, false, depth + 1)? };
            items.push(item);
        }
        self.scanner.take()?;
        Ok(items)
    }

    fn flow_entry(&mut self, otherwise: &str) -> Result<()> {
        match self.scanner.take()? {
            Token { kind: TokenKind::FlowEntry, .. } => Ok(()),
            Token { mark, .. } => syntax(mark.line, otherwise),
        }
    }

    /// Reads a single pair inside a flow list: `[key: value]`.
    fn flow_pair(&mut self, depth: usize) -> Result<Plain> {
        let line = self.scanner.take()?.mark.line;
        self.spend(line, 1)?;
        let mut pairs = Pairs::default();
        let key = if next_is!(self, Value | FlowEntry | FlowSequenceEnd) {
            // go-yaml skips this token, so `[? : x]` is a syntax error.
            self.scanner.take()?;
            self.empty()?
        } else {
            self.node(false, false, depth + 1)?
        };
        let merge = self.merge;
        let value = self.flow_value(depth + 1)?;
        pairs.add(key, value, merge)?;
        Ok(Plain::Map(pairs.finish(&mut self.warnings), line))
    }

    fn flow_value(&mut self, depth: usize) -> Result<Plain> {
        if !next_is!(self, Value) {
            return self.empty();
        }
        self.scanner.take()?;
        if next_is!(self, FlowEntry | FlowSequenceEnd | FlowMappingEnd) {
            self.empty()
        } else {
            self.node(false, false, depth)
        }
    }

    fn flow_mapping(&mut self, line: u32, depth: usize) -> Result<Plain> {
        self.scanner.take()?;
        let mut pairs = Pairs::default();
        let mut first = true;
        while !next_is!(self, FlowMappingEnd) {
            if !first {
                self.flow_entry("did not find expected ',' or '}'")?;
                if next_is!(self, FlowMappingEnd) {
                    break;
                }
            }
            first = false;
            if next_is!(self, Key) {
                self.scanner.take()?;
                let absent = next_is!(self, Value | FlowEntry | FlowMappingEnd);
                let key = if absent { self.empty()? } else { self.node(false, false, depth + 1)? };
                let merge = self.merge;
                let value = self.flow_value(depth + 1)?;
                pairs.add(key, value, merge)?;
            } else {
                let key = self.node(false, false, depth + 1)?;
                let merge = self.merge;
                let value = self.empty()?;
                pairs.add(key, value, merge)?;
            }
        }
        self.scanner.take()?;
        Ok(Plain::Map(pairs.finish(&mut self.warnings), line))
    }
}
