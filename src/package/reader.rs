//! Typed reading of a normalised tree (contract, section 2.5).
//!
//! A [`Fields`] is one struct of the model while it is read: it knows its dotted path, its line and its file, so that
//! every conversion that fails becomes a problem with a place, and reading goes on with the field's default. It must
//! not know which fields there are: the structs of the model say that, each in the order of the contract's tables.

use super::numbers::{float_as_json, float_as_text};
use super::report::ProblemList;
use crate::base::problem::Problem;
use crate::dialect::json;
use std::collections::BTreeMap;
use yaml11::{Node, Scalar, Value};

/// What a null stands for where a struct is expected.
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

    /// A string that tells absent from empty.
    pub(super) fn optional_text(&self, name: &str) -> Option<String> {
        self.convert(name, "string", scalar_text)
    }

    /// A string that must not be empty.
    pub(super) fn required_text(&self, name: &str) -> String {
        let before = self.text(name);
        if before.is_empty() && !self.has_node(name) {
            let message = format!("string value is not set accessing '{}'", self.path_of(name));
            let problem = self.quarantine(name, "missing-field", message);
            self.report.add(problem.hint(format!("give `{name}` a value that is not empty")));
        }
        before
    }

    /// A boolean; absent and null are false.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.optional_flag(name).unwrap_or_default()
    }

    /// A boolean that tells absent from false.
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

    /// A list of strings; absent and null are unset, a scalar is a list of one, and a map without items is empty.
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

    /// A list of strings for which unset and empty are the same.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.optional_texts(name).unwrap_or_default()
    }

    /// A struct; absent and null are none, an empty map is one with defaults.
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

    /// A free value; absent, null and an empty map are none.
    pub(super) fn free_value(&self, name: &str) -> Option<json::Value> {
        match self.value(name)? {
            Value::Node(node) if is_empty_map(node) => None,
            value => Some(self.free(&self.path_of(name), value)),
        }
    }

    /// A free map: of the top level only names count, and those that are null or an empty map are dropped.
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

    /// Whether there is anything but null.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Adds a problem that keeps the package out.
    pub(super) fn refuse(&self, name: &str, rule: &str, message: impl Into<String>, hint: &str) {
        self.report.add(self.quarantine(name, rule, message).hint(hint));
    }

    /// Adds a warning.
    pub(super) fn warn(&self, name: &str, rule: &str, message: impl Into<String>, hint: &str) {
        self.report.add(self.placed(Problem::warning(rule, message), name).hint(hint));
    }

    /// Adds a problem whose weight depends on how strictly packages are read.
    pub(super) fn fail_validation(&self, name: &str, rule: &str, message: impl Into<String>, hint: &str) {
        self.report.add_validation(self.placed(Problem::warning(rule, message), name).hint(hint));
    }

    fn quarantine(&self, name: &str, rule: &str, message: impl Into<String>) -> Problem {
        self.placed(Problem::quarantine(rule, message), name)
    }

    /// The line is that of the value if there is one, else that of the struct which lacks it.
    fn placed(&self, problem: Problem, name: &str) -> Problem {
        let line = match self.child(name) {
            Some(Value::Scalar(_, line)) => *line,
            Some(Value::Node(node)) => node.line,
            None => self.line,
        };
        let problem = problem.file(self.file).field(self.path_of(name));
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

    /// The value at a dotted name; a scalar on the way there hides it.
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

    fn has_node(&self, name: &str) -> bool {
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
        self.report.add(self.quarantine(name, "wrong-type", message).hint(format!("write a {wanted}")));
    }

    /// A value as it prints: empty maps below the top are null, and what mixes names and items is a map.
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
                    let problem = Problem::quarantine("not-a-json-number", message);
                    let problem = problem.file(self.file).field(path).line(line.max(1));
                    self.report.add(problem.hint("write a finite number, or put the value in quotes"));
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
