//! Plain values to trees: keys are split on dots, and dotted and nested spellings are merged.
//!
//! Go programs apply the keys of a mapping in random order. Here keys with fewer dots come first, and what is there stays.
//! So a nested value wins over a dotted one, with a warning. What Go programs refuse in most orders (a mapping against a
//! scalar, a list index given twice) is always refused.

use crate::error::{Result, Warning, WarningKind, YamlError, shortened};
use crate::limits::{Budget, Limits};
use crate::plain::{Entry, Plain, Scalar};
use crate::resolve::{Part, part};
use crate::tree::{Node, Value};
use std::fmt::Display;

/// Expands a whole document.
///
/// # Errors
/// `yaml-top-level`, `yaml-key`, `yaml-conflict`, `yaml-negative-index` or `yaml-limit`.
pub(crate) fn expand(root: Plain, limits: &Limits, warnings: &mut Vec<Warning>) -> Result<Node> {
    let mut expander = Expander { limits, budget: Budget::new(limits), warnings };
    match expander.value(root, 0)? {
        Value::Node(node) => Ok(node),
        Value::Scalar(Scalar::Null, line) => Ok(Node { line, ..Node::default() }),
        Value::Scalar(scalar, line) => {
            let message =
                format!("type '{}' is not supported on top level of config, only dictionary or list", scalar.kind());
            Err(YamlError { line: Some(line), message, rule: "yaml-top-level" })
        }
    }
}

struct Expander<'a> {
    limits: &'a Limits,
    /// Nodes and list gaps that dotted keys may still add.
    budget: Budget,
    warnings: &'a mut Vec<Warning>,
}

impl Expander<'_> {
    fn value(&mut self, plain: Plain, depth: usize) -> Result<Value> {
        if depth > self.limits.depth {
            return Err(YamlError::too_deep(plain.line(), self.limits.depth));
        }
        match plain {
            Plain::Scalar(scalar, line) => Ok(Value::Scalar(scalar, line)),
            Plain::List(items, line) => {
                let items = items.into_iter().map(|item| self.value(item, depth + 1)).collect::<Result<_>>()?;
                Ok(Value::Node(Node { items, line, is_list: true, ..Node::default() }))
            }
            Plain::Map(entries, line) => Ok(Value::Node(self.mapping(entries, line, depth)?)),
        }
    }

    fn mapping(&mut self, mut entries: Vec<Entry>, line: u32, depth: usize) -> Result<Node> {
        let dots = |entry: &Entry| match &entry.key {
            Scalar::String(key) => key.bytes().filter(|byte| *byte == b'.').count(),
            _ => 0,
        };
        if entries.iter().any(|entry| dots(entry) > 0) {
            entries.sort_by_key(dots);
        }
        let mut node = Node { line, ..Node::default() };
        for entry in entries {
            let key = match entry.key {
                Scalar::String(key) => key,
                other => {
                    let message = format!("string key required when merging into config, but found {}", other.quoted());
                    return Err(YamlError { line: Some(entry.line), message, rule: "yaml-key" });
                }
            };
            self.insert(&mut node, &key, entry.line, entry.value, depth)?;
        }
        Ok(node)
    }

    /// Puts a value where its dotted key points.
    fn insert(&mut self, node: &mut Node, key: &str, line: u32, value: Plain, depth: usize) -> Result<()> {
        let mut parts = key.split('.');
        let last = parts.next_back().unwrap_or_default();
        // Each part of the key is a level, which costs stack when the tree is read or dropped.
        let levels = parts.clone().count();
        if depth + levels >= self.limits.depth {
            return Err(YamlError::too_deep(line, self.limits.depth));
        }
        let mut value = self.value(value, depth + levels + 1)?;
        let mut here = node;
        for name in parts {
            let slot = self.slot(here, name, key, line)?;
            if matches!(slot, Value::Scalar(Scalar::Null, _)) {
                *slot = Value::Node(Node { line, ..Node::default() });
                self.spend(line, 1)?;
            }
            here = match slot {
                Value::Node(next) => next,
                // Nothing conflicts with null.
                Value::Scalar(..) if is_null(&value) => return Ok(()),
                Value::Scalar(scalar, _) => return Err(wrong_type(scalar.kind(), &key, line)),
            };
        }
        let slot = self.slot(here, last, key, line)?;
        let existing = std::mem::replace(slot, Value::Scalar(Scalar::Null, line));
        let in_list = matches!(part(last), Part::Index(_));
        value = self.merged(existing, value, in_list, &key, line)?;
        *slot = value;
        Ok(())
    }

    /// Returns the value at one part of a key, null if there was none.
    fn slot<'n>(&mut self, node: &'n mut Node, name: &str, key: &str, line: u32) -> Result<&'n mut Value> {
        match part(name) {
            Part::Name => {
                if !node.names.contains_key(name) {
                    node.names.insert(name.to_owned(), Value::Scalar(Scalar::Null, line));
                }
                node.names.get_mut(name).ok_or_else(|| wrong_type("nothing", &key, line))
            }
            Part::Index(index) => {
                if index >= node.items.len() {
                    self.spend(line, index + 1 - node.items.len())?;
                    node.items.resize(index + 1, Value::Scalar(Scalar::Null, line));
                }
                Ok(&mut node.items[index])
            }
            Part::Negative => {
                let message = format!("negative list index `{name}` in key `{key}`");
                Err(YamlError { line: Some(line), message, rule: "yaml-negative-index" })
            }
        }
    }

    /// Merges two values of the same key. The first one was written with fewer dots.
    fn merged(&mut self, first: Value, second: Value, in_list: bool, key: &dyn Display, line: u32) -> Result<Value> {
        match (first, second) {
            (first, second) if is_null(&first) => Ok(second),
            (first, second) if is_null(&second) => Ok(first),
            (Value::Node(mut first), Value::Node(second)) => {
                self.join(&mut first, second, key, line)?;
                Ok(Value::Node(first))
            }
            (Value::Scalar(..), Value::Scalar(..)) if in_list => {
                let message = format!("duplicate key accessing '{}'", shortened(key));
                Err(YamlError { line: Some(line), message, rule: "yaml-conflict" })
            }
            (first @ Value::Scalar(..), Value::Scalar(_, second)) => {
                let key = shortened(key);
                let message = format!("`{key}` is also given in nested form, which counts; this one is ignored");
                self.warnings.push(Warning { kind: WarningKind::TwoSpellings, line: second, message });
                Ok(first)
            }
            (Value::Node(_), Value::Scalar(scalar, _)) | (Value::Scalar(scalar, _), Value::Node(_)) => {
                Err(wrong_type(scalar.kind(), key, line))
            }
        }
    }

    fn join(&mut self, first: &mut Node, second: Node, key: &dyn Display, line: u32) -> Result<()> {
        first.is_list |= second.is_list;
        for (name, value) in second.names {
            let existing = first.names.remove(&name).unwrap_or(Value::Scalar(Scalar::Null, line));
            let value = self.merged(existing, value, false, &format_args!("{key}.{name}"), line)?;
            first.names.insert(name, value);
        }
        for (index, value) in second.items.into_iter().enumerate() {
            match first.items.get_mut(index) {
                Some(slot) => {
                    let existing = std::mem::replace(slot, Value::Scalar(Scalar::Null, line));
                    *slot = self.merged(existing, value, true, &format_args!("{key}.{index}"), line)?;
                }
                None => first.items.push(value),
            }
        }
        Ok(())
    }

    fn spend(&mut self, line: u32, amount: usize) -> Result<()> {
        let most = self.limits.nodes;
        self.budget.spend(line, amount, || format!("dotted keys make more than {most} values"))
    }
}

fn is_null(value: &Value) -> bool {
    matches!(value, Value::Scalar(Scalar::Null, _))
}

fn wrong_type(found: &str, key: &dyn Display, line: u32) -> YamlError {
    let message = format!("required 'object', but found '{found}' in field '{}'", shortened(key));
    YamlError { line: Some(line), message, rule: "yaml-conflict" }
}
