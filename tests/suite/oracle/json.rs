//! JSON that keeps the order of keys, and its text as the registry writes it (contract, "Search answer").

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Write};

/// A JSON value; maps keep the order of their keys. Numbers are kept as text: no element of a list has one.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Plain(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().find(|(found, _)| found == key).map(|(_, value)| value)
    }

    /// The value at a path of keys.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.get(key))
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The items of a list; none if it is absent.
    pub(super) fn items(node: Option<&Node>) -> &[Node] {
        if let Some(Self::List(items)) = node { items } else { &[] }
    }

    /// The texts of a list; none if it is absent.
    pub(super) fn texts(node: Option<&Node>) -> Vec<String> {
        Self::items(node).iter().filter_map(Self::text).map(str::to_owned).collect()
    }

    /// A map of the keys that are there, in the order given.
    pub(super) fn pick(&self, keys: &[&str]) -> Node {
        Self::Map(keys.iter().filter_map(|key| Some(((*key).to_owned(), self.get(key)?.clone()))).collect())
    }

    /// Replaces the value of a key, or takes the key away.
    pub(super) fn set(&mut self, key: &str, value: Option<Node>) {
        let Self::Map(pairs) = self else { return };
        let Some(place) = pairs.iter().position(|(found, _)| found == key) else { return };
        match value {
            Some(value) => pairs[place].1 = value,
            None => drop(pairs.remove(place)),
        }
    }

    /// Writes the value at a depth of indentation.
    pub(super) fn write(&self, depth: usize, out: &mut String) {
        let line = |out: &mut String, depth: usize| {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
        };
        match self {
            Self::Plain(text) => out.push_str(text),
            Self::Text(text) => write_text(text, out),
            Self::List(items) if items.is_empty() => out.push_str("[]"),
            Self::Map(pairs) if pairs.is_empty() => out.push_str("{}"),
            Self::List(items) => {
                for (position, item) in items.iter().enumerate() {
                    out.push(if position == 0 { '[' } else { ',' });
                    line(out, depth + 1);
                    item.write(depth + 1, out);
                }
                line(out, depth);
                out.push(']');
            }
            Self::Map(pairs) => {
                for (position, (key, value)) in pairs.iter().enumerate() {
                    out.push(if position == 0 { '{' } else { ',' });
                    line(out, depth + 1);
                    write_text(key, out);
                    out.push_str(": ");
                    value.write(depth + 1, out);
                }
                line(out, depth);
                out.push('}');
            }
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Node;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Plain("null".to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Plain(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Plain(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Plain(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
                Ok(Node::Plain(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Node, E> {
                Ok(Node::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = access.next_element()? {
                    items.push(item);
                }
                Ok(Node::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = access.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Node::Map(pairs))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
