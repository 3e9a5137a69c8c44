//! Stage b: keys split on dots, and dotted and nested spellings merged (contract, sections 2.3 and 2.4).
//!
//! The reference applies the keys of a mapping in no fixed order. Here the order is fixed: keys with fewer dots first,
//! and what is there stays. So a nested value wins over a dotted one, with a warning. What the reference refuses in most
//! runs (a map against a scalar, a list place filled twice) is always refused. Must not know field names or types.

use super::mapping::spelled;
use super::resolve::{Part, part};
use super::{Entry, Limits, Node, Plain, Scalar, Value, Warning, YamlError};

type Result<T> = std::result::Result<T, YamlError>;

/// Expands a whole document.
///
/// # Errors
/// `yaml-top-level`, `yaml-key`, `yaml-conflict`, `yaml-negative-index` (contract, A3 to A6); `yaml-limit`.
pub(super) fn expand(root: Plain, limits: &Limits, warnings: &mut Vec<Warning>) -> Result<Node> {
    let mut expander = Expander { limits, budget: limits.nodes, warnings };
    match expander.value(root, 0)? {
        Value::Node(node) => Ok(node),
        Value::Scalar(Scalar::Null, line) => Ok(Node { line, ..Node::default() }),
        Value::Scalar(scalar, line) => {
            let kind = kind(&scalar);
            let message = format!("type '{kind}' is not supported on top level of config, only dictionary or list");
            Err(YamlError { line: Some(line), message, rule: "yaml-top-level" })
        }
    }
}

struct Expander<'a> {
    limits: &'a Limits,
    /// Nodes and list gaps that dotted keys may still add.
    budget: usize,
    warnings: &'a mut Vec<Warning>,
}

impl Expander<'_> {
    fn value(&mut self, plain: Plain, depth: usize) -> Result<Value> {
        if depth > self.limits.depth {
            return Err(self.too_deep(plain.line()));
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
                    let message =
                        format!("string key required when merging into config, but found {}", spelled(&other));
                    return Err(YamlError { line: Some(entry.line), message, rule: "yaml-key" });
                }
            };
            self.insert(&mut node, &key, entry.line, entry.value, depth)?;
        }
        Ok(node)
    }

    /// Puts a value where its dotted key says.
    fn insert(&mut self, node: &mut Node, key: &str, line: u32, value: Plain, depth: usize) -> Result<()> {
        let mut parts = key.split('.');
        let last = parts.next_back().unwrap_or_default();
        // A key that is not text has as many levels as parts, and each costs stack when it is read or dropped.
        let levels = parts.clone().count();
        if depth + levels >= self.limits.depth {
            return Err(self.too_deep(line));
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
                Value::Scalar(scalar, _) => return Err(wrong_type("object", kind(scalar), key, line)),
            };
        }
        let slot = self.slot(here, last, key, line)?;
        let existing = std::mem::replace(slot, Value::Scalar(Scalar::Null, line));
        let in_list = matches!(part(last), Part::Index(_));
        value = self.merged(existing, value, in_list, key, line)?;
        *slot = value;
        Ok(())
    }

    /// The place of one part of a key, null if nothing was there.
    fn slot<'n>(&mut self, node: &'n mut Node, name: &str, key: &str, line: u32) -> Result<&'n mut Value> {
        match part(name) {
            Part::Name => {
                if !node.names.contains_key(name) {
                    node.names.insert(name.to_owned(), Value::Scalar(Scalar::Null, line));
                }
                node.names.get_mut(name).ok_or_else(|| wrong_type("object", "nothing", key, line))
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

    /// Joins two values of the same place; the first one was nested at least as deep in the text.
    fn merged(&mut self, first: Value, second: Value, in_list: bool, key: &str, line: u32) -> Result<Value> {
        match (first, second) {
            (first, second) if is_null(&first) => Ok(second),
            (first, second) if is_null(&second) => Ok(first),
            (Value::Node(mut first), Value::Node(second)) => {
                self.join(&mut first, second, key, line)?;
                Ok(Value::Node(first))
            }
            (Value::Scalar(..), Value::Scalar(..)) if in_list => {
                let message = format!("duplicate key accessing '{key}'");
                Err(YamlError { line: Some(line), message, rule: "yaml-conflict" })
            }
            (first @ Value::Scalar(..), Value::Scalar(_, second)) => {
                let message = format!("`{key}` is also given in nested form, which counts; this one is ignored");
                self.warnings.push(Warning { line: second, message });
                Ok(first)
            }
            (Value::Node(_), Value::Scalar(scalar, _)) | (Value::Scalar(scalar, _), Value::Node(_)) => {
                Err(wrong_type("object", kind(&scalar), key, line))
            }
        }
    }

    fn join(&mut self, first: &mut Node, second: Node, key: &str, line: u32) -> Result<()> {
        first.is_list |= second.is_list;
        for (name, value) in second.names {
            let path = format!("{key}.{name}");
            let existing = first.names.remove(&name).unwrap_or(Value::Scalar(Scalar::Null, line));
            let value = self.merged(existing, value, false, &path, line)?;
            first.names.insert(name, value);
        }
        for (index, value) in second.items.into_iter().enumerate() {
            match first.items.get_mut(index) {
                Some(slot) => {
                    let existing = std::mem::replace(slot, Value::Scalar(Scalar::Null, line));
                    *slot = self.merged(existing, value, true, &format!("{key}.{index}"), line)?;
                }
                None => first.items.push(value),
            }
        }
        Ok(())
    }

    fn spend(&mut self, line: u32, amount: usize) -> Result<()> {
        match self.budget.checked_sub(amount) {
            Some(rest) => {
                self.budget = rest;
                Ok(())
            }
            None => Err(YamlError::limit(line, format!("dotted keys make more than {} values", self.limits.nodes))),
        }
    }

    fn too_deep(&self, line: u32) -> YamlError {
        YamlError::limit(line, format!("nested deeper than {} levels", self.limits.depth))
    }
}

fn is_null(value: &Value) -> bool {
    matches!(value, Value::Scalar(Scalar::Null, _))
}

fn wrong_type(wanted: &str, found: &str, key: &str, line: u32) -> YamlError {
    let message = format!("required '{wanted}', but found '{found}' in field '{key}'");
    YamlError { line: Some(line), message, rule: "yaml-conflict" }
}

fn kind(scalar: &Scalar) -> &'static str {
    match scalar {
        Scalar::Null => "null",
        Scalar::Bool(_) => "bool",
        Scalar::Int(_) => "int",
        Scalar::Uint(_) => "uint",
        Scalar::Float(_) => "float",
        Scalar::String(_) => "string",
    }
}
