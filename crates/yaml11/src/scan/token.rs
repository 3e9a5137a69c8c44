//! Tokens and their positions.

use std::borrow::Cow;

/// A position in the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    /// In characters, from 0.
    pub(super) index: usize,
    /// From 1.
    pub(crate) line: u32,
    /// In characters, from 0.
    pub(super) column: usize,
}

#[derive(Debug)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind<'a>,
    pub(crate) mark: Mark,
}

#[derive(Debug, PartialEq)]
pub(crate) enum TokenKind<'a> {
    StreamEnd,
    Version(u32, u32),
    /// Handle and prefix.
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
    /// Handle and suffix; if the handle is empty, the suffix is the whole tag.
    Tag(Cow<'a, str>, String),
    Scalar {
        value: Cow<'a, str>,
        plain: bool,
    },
}
