//! Values after keys are split on dots.

use crate::plain::Scalar;
use std::collections::BTreeMap;

/// A value of an expanded document.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A scalar and its line, from 1.
    Scalar(Scalar, u32),
    /// A mapping or list.
    Node(Node),
}

/// A mapping, a list, or both at once, since `a.0: x` and `a.b: y` may stand side by side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Values by name.
    pub names: BTreeMap<String, Value>,
    /// List items; gaps are null.
    pub items: Vec<Value>,
    /// The line it begins on, from 1.
    pub line: u32,
    /// True if it was written as a list. This tells an empty list from an empty mapping.
    pub is_list: bool,
}
