//! Stage b and c: keys split on dots, and typed reading.

use std::collections::BTreeMap;

/// A resolved scalar (contract, section 2.2).
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `null`, `~`, empty.
    Null,
    /// `true`, `yes`, `on`, `y` and their opposites.
    Bool(bool),
    /// An integer that fits 64 bits with a sign.
    Int(i64),
    /// A larger integer that fits 64 bits without a sign.
    Uint(u64),
    /// A float, infinities and not-a-number included.
    Float(f64),
    /// Everything else.
    String(String),
}

/// A value of the normalised tree.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A leaf and the line it stands on, from 1.
    Scalar(Scalar, u32),
    /// A mapping or list.
    Node(Node),
}

/// A mapping, a list, or both at once: dotted keys such as `a.0` mix them (contract, section 2.3).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// The named children, keys already split on dots.
    pub names: BTreeMap<String, Value>,
    /// The list items; gaps are null.
    pub items: Vec<Value>,
    /// The line it begins on, from 1.
    pub line: u32,
    /// Whether it was written as a list (an empty node may be either).
    pub is_list: bool,
}
