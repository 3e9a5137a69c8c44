#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! Each module uses only those above it.
//!
//! | module | what it does |
//! |---|---|
//! | `error`, `limits` | errors, warnings, limits |
//! | `plain`, `tree` | values before and after keys are split on dots |
//! | `text` | bytes to text: encodings and forbidden characters |
//! | `scan` | text to tokens |
//! | `resolve` | types of unquoted and tagged scalars |
//! | `pairs` | merge keys and duplicate keys of one mapping |
//! | `compose` | tokens to plain values: grammar, anchors, aliases |
//! | `expand` | plain values to trees: dotted keys |
//! | `read` | [`parse_plain`], [`parse_texts`] and [`parse`], which run these steps |

mod compose;
mod error;
mod expand;
mod limits;
mod pairs;
mod plain;
mod read;
mod resolve;
mod scan;
mod text;
mod tree;

#[cfg(test)]
mod tests;

pub use error::{Warning, WarningKind, YamlError};
pub use limits::Limits;
pub use plain::{Entry, Plain, Scalar};
pub use read::{Document, PlainDocument, parse, parse_plain, parse_texts};
pub use tree::{Node, Value};
