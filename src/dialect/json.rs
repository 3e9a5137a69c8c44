//! JSON text exactly as the registry prints it (contract, "Search answer").
//!
//! Answers are compared byte for byte, and are joined from pieces. So the writer works on a plain `String`, keeps the
//! order in which members are written, and can continue an object that another piece began. It must not know what it
//! writes: the caller decides for each member whether it is left out when empty.

use std::collections::BTreeMap;
use std::fmt::Write;

/// A value of any shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// The digits to print.
    Number(String),
    /// A string, not yet escaped.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object; members print in the order of their keys' bytes.
    Map(BTreeMap<String, Value>),
}

/// Spaces per level.
const STEP: usize = 2;

/// Writes an object; `indent` is the number of spaces before the line on which it begins.
pub fn object(out: &mut String, indent: usize, fill: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    let mut object = Object { out, indent: indent + STEP, empty: true };
    fill(&mut object);
    let empty = object.empty;
    close(out, indent, empty, '}');
}

/// Writes the first members of an object whose braces are written elsewhere.
pub fn first_members(out: &mut String, indent: usize, fill: impl FnOnce(&mut Object<'_>)) {
    fill(&mut Object { out, indent: indent + STEP, empty: true });
}

/// Writes further members of an object whose braces and first member are written elsewhere: each begins with `,\n`.
pub fn more_members(out: &mut String, indent: usize, fill: impl FnOnce(&mut Object<'_>)) {
    fill(&mut Object { out, indent: indent + STEP, empty: false });
}

/// Writes an array; `write` gets the indentation of the items.
pub fn list<T>(
    out: &mut String,
    indent: usize,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, usize, T),
) {
    out.push('[');
    let mut empty = true;
    for item in items {
        separate(out, indent + STEP, &mut empty);
        write(out, indent + STEP, item);
    }
    close(out, indent, empty, ']');
}

/// Writes a quoted string.
pub fn text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..'\u{20}' | '\u{2028}' | '\u{2029}' => {
                write!(out, "\\u{:04x}", u32::from(character)).expect("a string accepts every text");
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// Writes any value.
pub fn value(out: &mut String, indent: usize, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Number(digits) => out.push_str(digits),
        Value::Text(content) => text(out, content),
        Value::List(items) => list(out, indent, items, self::value),
        Value::Map(members) => object(out, indent, |object| {
            members.iter().for_each(|(key, member)| object.value(key, member));
        }),
    }
}

fn separate(out: &mut String, indent: usize, empty: &mut bool) {
    if !std::mem::replace(empty, false) {
        out.push(',');
    }
    line(out, indent);
}

fn close(out: &mut String, indent: usize, empty: bool, bracket: char) {
    if !empty {
        line(out, indent);
    }
    out.push(bracket);
}

fn line(out: &mut String, indent: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
}

/// An object that is being written.
#[derive(Debug)]
pub struct Object<'a> {
    out: &'a mut String,
    indent: usize,
    empty: bool,
}

impl Object<'_> {
    /// A string, empty or not.
    pub fn text(&mut self, key: &str, content: &str) {
        text(self.key(key), content);
    }

    /// A string, left out when empty.
    pub fn text_if_set(&mut self, key: &str, content: &str) {
        if !content.is_empty() {
            self.text(key, content);
        }
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str, flag: bool) {
        self.key(key).push_str(if flag { "true" } else { "false" });
    }

    /// `true`, left out when false.
    pub fn flag_if_set(&mut self, key: &str, flag: bool) {
        if flag {
            self.flag(key, flag);
        }
    }

    /// A whole number.
    pub fn count(&mut self, key: &str, count: u64) {
        write!(self.key(key), "{count}").expect("a string accepts every text");
    }

    /// Any value.
    pub fn value(&mut self, key: &str, content: &Value) {
        let indent = self.indent;
        value(self.key(key), indent, content);
    }

    /// An object.
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) {
        let indent = self.indent;
        object(self.key(key), indent, fill);
    }

    /// An object, left out when there is none; one without members is printed as `{}`.
    pub fn object_if_some<T>(&mut self, key: &str, item: Option<&T>, fill: impl FnOnce(&mut Object<'_>, &T)) {
        if let Some(item) = item {
            self.object(key, |object| fill(object, item));
        }
    }

    /// An object of any members, left out when empty.
    pub fn members_if_any(&mut self, key: &str, members: &BTreeMap<String, Value>) {
        if !members.is_empty() {
            self.object(key, |object| members.iter().for_each(|(key, member)| object.value(key, member)));
        }
    }

    /// An array of strings, left out when empty.
    pub fn texts_if_any<T: AsRef<str>>(&mut self, key: &str, items: &[T]) {
        if !items.is_empty() {
            let indent = self.indent;
            list(self.key(key), indent, items, |out, _, item| text(out, item.as_ref()));
        }
    }

    /// An array of objects, left out when empty.
    pub fn objects_if_any<T>(&mut self, key: &str, items: &[T], mut fill: impl FnMut(&mut Object<'_>, &T)) {
        if !items.is_empty() {
            let indent = self.indent;
            list(self.key(key), indent, items, |out, indent, item| object(out, indent, |object| fill(object, item)));
        }
    }

    /// Begins a member; the caller pushes its value next.
    fn key(&mut self, key: &str) -> &mut String {
        separate(self.out, self.indent, &mut self.empty);
        text(self.out, key);
        self.out.push_str(": ");
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: &str) {
        let mut out = String::new();
        text(&mut out, input);
        assert_eq!(out, expected);
    }

    #[test]
    fn only_the_characters_of_the_contract_are_escaped() {
        check("a\"b\\c", r#""a\"b\\c""#);
        check("\n\r\t\u{8}\u{c}", r#""\n\r\t\b\f""#);
        check("\0\u{1b}\u{1f}", r#""\u0000\u001b\u001f""#);
        check("\u{2028}\u{2029}", r#""\u2028\u2029""#);
        check("<a href='x'>&/\u{7f}ä😀", "\"<a href='x'>&/\u{7f}ä😀\"");
    }

    #[test]
    fn members_keep_their_order_and_empty_containers_stay_on_their_line() {
        let mut out = String::new();
        object(&mut out, 0, |object| {
            object.text("b", "");
            object.text_if_set("left out", "");
            object.flag_if_set("left out", false);
            object.texts_if_any::<String>("left out", &[]);
            object.flag("a", false);
            object.count("n", 3);
            object.object("empty", |_| ());
            object.texts_if_any("texts", &["x", "y"]);
            object.objects_if_any("objects", &[1], |object, count| object.count("k", *count));
        });
        let expected = "{\n  \"b\": \"\",\n  \"a\": false,\n  \"n\": 3,\n  \"empty\": {},\n  \"texts\": [\n    \"x\",\n    \
                        \"y\"\n  ],\n  \"objects\": [\n    {\n      \"k\": 1\n    }\n  ]\n}";
        assert_eq!(out, expected);
    }

    #[test]
    fn a_continued_object_begins_with_a_comma() {
        let mut out = String::new();
        more_members(&mut out, 2, |object| object.text("a", "x"));
        assert_eq!(out, ",\n    \"a\": \"x\"");
    }

    #[test]
    fn values_nest() {
        let map = Value::Map(BTreeMap::from([
            ("b".to_owned(), Value::List(vec![Value::Null, Value::List(vec![])])),
            ("B".to_owned(), Value::Number("-0".to_owned())),
        ]));
        let mut out = String::new();
        value(&mut out, 0, &map);
        assert_eq!(out, "{\n  \"B\": -0,\n  \"b\": [\n    null,\n    []\n  ]\n}");
    }
}
