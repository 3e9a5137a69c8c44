//! Typed reading of a normalised tree (contract, "Typed reading").
//!
//! [`Fields`] stands for one struct of the model while it is read. It knows its dotted path, line and file, so a
//! conversion that fails is reported with its place, and reading goes on with the field's default. It must not know
//! which fields exist: the structs of the model do.

use super::numbers::{float_as_json, float_as_text};
use super::report::ProblemList;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::dialect::json;
use std::collections::BTreeMap;
use yaml11::{Node, Scalar, Value};

/// The struct that a null stands for.
static NOTHING: Node = Node { names: BTreeMap::new(), items: Vec::new(), line: 0, is_list: false };

/// The fields of one struct.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    node: &'a Node,
    path: String,
    line: u32,
    file: &'a str,
    report: &'a ProblemList,
}

impl<'a> Fields<'a> {
    /// The top level of a file.
    pub(super) fn of_file(node: &'a Node, file: &'a str, report: &'a ProblemList) -> Self {
        Self { node, path: String::new(), line: node.line.max(1), file, report }
    }

    /// A string; absent and null are empty.
    pub(super) fn text(&self, name: &str) -> String {
        self.optional_text(name).unwrap_or_default()
    }

    /// A string; `None` if absent or null.
    pub(super) fn optional_text(&self, name: &str) -> Option<String> {
        self.convert(name, "string", scalar_text)
    }

    /// A string that is reported if it is empty.
    pub(super) fn required_text(&self, name: &str) -> String {
        let before = self.text(name);
        if before.is_empty() && !self.has_node(name) {
            let message = format!("string value is not set accessing '{}'", self.path_of(name));
            self.report_with(name, Rule::MissingField, message, format!("give `{name}` a value that is not empty"));
        }
        before
    }

    /// A boolean; absent and null are false.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.optional_flag(name).unwrap_or_default()
    }

    /// A boolean; `None` if absent or null.
    pub(super) fn optional_flag(&self, name: &str) -> Option<bool> {
        self.convert(name, "bool", |value| match value {
            Value::Scalar(Scalar::Bool(flag), _) => Some(*flag),
            Value::Scalar(Scalar::String(text), _) => match text.as_str() {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
                "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
                _ => None,
            },
            _ => None,
        })
    }

    /// A list of strings; `None` if absent or null. A scalar is a list of one, and a map without items an empty list.
    pub(super) fn optional_texts(&self, name: &str) -> Option<Vec<String>> {
        let Value::Node(node) = self.value(name)? else {
            return self.optional_text(name).map(|text| vec![text]);
        };
        let item_text = |(index, item): (usize, &Value)| match item {
            Value::Scalar(Scalar::Null, _) => String::new(),
            _ => scalar_text(item).unwrap_or_else(|| {
                self.report_conversion(&format!("{name}.{index}"), item, "string");
                String::new()
            }),
        };
        Some(node.items.iter().enumerate().map(item_text).collect())
    }

    /// A list of strings; absent and null are empty.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.optional_texts(name).unwrap_or_default()
    }

    /// A struct; `None` if absent or null. An empty map is a struct with defaults.
    pub(super) fn structure<T>(&self, name: &str, read: impl FnOnce(&Fields<'_>) -> T) -> Option<T> {
        match self.value(name)? {
            Value::Node(node) => Some(read(&self.inner(node, name, node.line))),
            scalar => {
                self.report_conversion(name, scalar, "object");
                None
            }
        }
    }

    /// A list of structs; a null item is a struct with defaults, and a map without items is an empty list.
    pub(super) fn list<T>(&self, name: &str, read: impl Fn(&Fields<'_>) -> T) -> Vec<T> {
        let node = match self.value(name) {
            None => return Vec::new(),
            Some(Value::Node(node)) => node,
            Some(scalar) => {
                self.report_conversion(name, scalar, "list of objects");
                return Vec::new();
            }
        };
        let read_item = |(index, item): (usize, &Value)| {
            let path = format!("{name}.{index}");
            match item {
                Value::Node(node) => Some(read(&self.inner(node, &path, node.line))),
                Value::Scalar(Scalar::Null, line) => Some(read(&self.inner(&NOTHING, &path, *line))),
                scalar => {
                    self.report_conversion(&path, scalar, "object");
                    None
                }
            }
        };
        node.items.iter().enumerate().filter_map(read_item).collect()
    }

    /// A free value; `None` if absent, null or an empty map.
    pub(super) fn free_value(&self, name: &str) -> Option<json::Value> {
        match self.value(name)? {
            Value::Node(node) if is_empty_map(node) => None,
            value => Some(self.free(&self.path_of(name), value)),
        }
    }

    /// A free map. At the top level only names count, and names whose value is null or an empty map are dropped.
    pub(super) fn free_map(&self, name: &str) -> BTreeMap<String, json::Value> {
        let node = match self.value(name) {
            None => return BTreeMap::new(),
            Some(Value::Node(node)) => node,
            Some(scalar) => {
                self.report_conversion(name, scalar, "object");
                return BTreeMap::new();
            }
        };
        let path = self.path_of(name);
        let members = node.names.iter().map(|(key, value)| (key.clone(), self.free(&format!("{path}.{key}"), value)));
        members.filter(|(_, value)| *value != json::Value::Null).collect()
    }

    /// Returns true if the field has a value other than null.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Reports that the value of a field breaks a rule.
    pub(super) fn report(&self, name: &str, rule: Rule, message: impl Into<String>) {
        self.report.add(self.problem(name, rule, message));
    }

    /// Reports it with another hint than the rule's own.
    pub(super) fn report_with(&self, name: &str, rule: Rule, message: impl Into<String>, hint: impl Into<String>) {
        self.report.add(self.problem(name, rule, message).hint(hint));
    }

    /// The line is that of the value if there is one, else that of the struct which lacks it.
    fn problem(&self, name: &str, rule: Rule, message: impl Into<String>) -> Problem {
        let line = match self.child(name) {
            Some(Value::Scalar(_, line)) => *line,
            Some(Value::Node(node)) => node.line,
            None => self.line,
        };
        let problem = Problem::new(rule, message).file(self.file).field(self.path_of(name));
        if line == 0 { problem } else { problem.line(line) }
    }

    fn inner(&self, node: &'a Node, name: &str, line: u32) -> Fields<'a> {
        let line = if line == 0 { self.line } else { line };
        Fields { node, path: self.path_of(name), line, file: self.file, report: self.report }
    }

    fn path_of(&self, name: &str) -> String {
        match (self.path.is_empty(), name.is_empty()) {
            (true, _) => name.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{name}", self.path),
        }
    }

    /// The value at a dotted name; `None` if a scalar stands on the way.
    fn child(&self, name: &str) -> Option<&'a Value> {
        let mut parts = name.split('.');
        let mut value = self.node.names.get(parts.next()?)?;
        for part in parts {
            let Value::Node(node) = value else { return None };
            value = match part.parse::<usize>() {
                Ok(index) => node.items.get(index)?,
                Err(_) => node.names.get(part)?,
            };
        }
        Some(value)
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.child(name).filter(|value| !matches!(value, Value::Scalar(Scalar::Null, _)))
    }

    /// Returns true if the value is a list or map.
    pub(super) fn has_node(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Node(_)))
    }

    fn convert<T>(&self, name: &str, wanted: &str, read: impl FnOnce(&Value) -> Option<T>) -> Option<T> {
        let value = self.value(name)?;
        let converted = read(value);
        if converted.is_none() {
            self.report_conversion(name, value, wanted);
        }
        converted
    }

    fn report_conversion(&self, name: &str, value: &Value, wanted: &str) {
        let message =
            format!("can not convert '{}' into '{wanted}' accessing '{}'", kind_of(value), self.path_of(name));
        self.report_with(name, Rule::WrongType, message, format!("write a {wanted}"));
    }

    /// A free value as JSON: empty maps become null, and a node with both names and items becomes a map.
    fn free(&self, path: &str, value: &Value) -> json::Value {
        let node = match value {
            Value::Scalar(scalar, line) => return self.free_scalar(path, scalar, *line),
            Value::Node(node) => node,
        };
        if is_empty_map(node) {
            return json::Value::Null;
        }
        let names = node.names.iter().map(|(key, value)| (key.clone(), value));
        let items = node.items.iter().enumerate().map(|(index, value)| (index.to_string(), value));
        if node.names.is_empty() {
            return json::Value::List(items.map(|(index, item)| self.free(&format!("{path}.{index}"), item)).collect());
        }
        let members = items.chain(names).map(|(key, value)| {
            let member = self.free(&format!("{path}.{key}"), value);
            (key, member)
        });
        json::Value::Map(members.collect())
    }

    fn free_scalar(&self, path: &str, scalar: &Scalar, line: u32) -> json::Value {
        match scalar {
            Scalar::Null => json::Value::Null,
            Scalar::Bool(flag) => json::Value::Bool(*flag),
            Scalar::Int(number) => json::Value::Number(number.to_string()),
            Scalar::Uint(number) => json::Value::Number(number.to_string()),
            Scalar::String(text) => json::Value::Text(text.clone()),
            Scalar::Float(number) => float_as_json(*number).map_or_else(
                || {
                    let message = format!("{} cannot be written as JSON", float_as_text(*number));
                    let problem = Problem::new(Rule::NotAJsonNumber, message);
                    self.report.add(problem.file(self.file).field(path).line(line.max(1)));
                    json::Value::Null
                },
                json::Value::Number,
            ),
        }
    }
}

/// A scalar as a string; nodes have no text.
fn scalar_text(value: &Value) -> Option<String> {
    let Value::Scalar(scalar, _) = value else { return None };
    Some(match scalar {
        Scalar::Null => String::new(),
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::Int(number) => number.to_string(),
        Scalar::Uint(number) => number.to_string(),
        Scalar::Float(number) => float_as_text(*number),
        Scalar::String(text) => text.clone(),
    })
}

fn is_empty_map(node: &Node) -> bool {
    node.names.is_empty() && node.items.is_empty() && !node.is_list
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Node(node) if node.is_list || (node.names.is_empty() && !node.items.is_empty()) => "list",
        Value::Node(_) => "object",
        Value::Scalar(Scalar::Null, _) => "null",
        Value::Scalar(Scalar::Bool(_), _) => "bool",
        Value::Scalar(Scalar::Int(_) | Scalar::Uint(_), _) => "int",
        Value::Scalar(Scalar::Float(_), _) => "float",
        Value::Scalar(Scalar::String(_), _) => "string",
    }
}
