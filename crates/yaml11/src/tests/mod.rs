//! Tables of texts with what they read as, and properties of hostile input.

mod decoding;
mod expansion;
mod hostile;

use super::{Entry, Limits, Node, Plain, Scalar, Value, parse, parse_plain};

/// A value as one line: integers `1`, large ones `1u`, floats `1.0`, strings in quotes, keys as they are.
fn show_scalar(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Null => "~".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Uint(value) => format!("{value}u"),
        Scalar::Float(value) => format!("{value:?}"),
        Scalar::String(value) => format!("{value:?}"),
    }
}

fn show_plain(plain: &Plain) -> String {
    let key = |entry: &Entry| match &entry.key {
        Scalar::String(key) => key.clone(),
        other => format!("<{}>", show_scalar(other)),
    };
    match plain {
        Plain::Scalar(scalar, _) => show_scalar(scalar),
        Plain::List(items, _) => format!("[{}]", items.iter().map(show_plain).collect::<Vec<_>>().join(",")),
        Plain::Map(entries, _) => {
            let pairs = entries.iter().map(|entry| format!("{}:{}", key(entry), show_plain(&entry.value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        }
    }
}

fn show_value(value: &Value) -> String {
    match value {
        Value::Scalar(scalar, _) => show_scalar(scalar),
        Value::Node(node) => show_node(node),
    }
}

/// A node: list items in `[]`, names in `{}`, both one after the other when it has both.
fn show_node(node: &Node) -> String {
    let items = node.items.iter().map(show_value).collect::<Vec<_>>().join(",");
    let names = node.names.iter().map(|(name, value)| format!("{name}:{}", show_value(value)));
    let names = names.collect::<Vec<_>>().join(",");
    match (node.items.is_empty() && !node.is_list, node.names.is_empty()) {
        (true, _) => format!("{{{names}}}"),
        (false, true) => format!("[{items}]"),
        (false, false) => format!("[{items}]{{{names}}}"),
    }
}

/// The plain value of a text; an error is `!rule: message`.
fn plain(text: impl AsRef<[u8]>) -> String {
    match parse_plain(text.as_ref(), &Limits::default()) {
        Ok(document) => show_plain(&document.root),
        Err(error) => format!("!{}: {}", error.rule, error.message),
    }
}

/// The expanded value of a text; an error is `!rule: message`.
fn expanded(text: &str) -> String {
    match parse(text.as_bytes(), &Limits::default()) {
        Ok(document) => show_node(&document.root),
        Err(error) => format!("!{}: {}", error.rule, error.message),
    }
}

#[test]
fn texts_keep_what_types_lose() {
    let text = "a: 8.10\nb: yes\nc: [010, 1_000, ~, null, '', 0x1f]\n1.10: d\ne:\nf: !!int 7\ng: '8.10'";
    let document = crate::parse_texts(text.as_bytes(), &Limits::default()).unwrap();
    let value = |key: &str| document.root.get(key).unwrap();
    let texts = |key: &str| value(key).as_str();
    assert_eq!(
        [texts("a"), texts("b"), texts("1.10"), texts("g")],
        [Some("8.10"), Some("yes"), Some("d"), Some("8.10")]
    );
    let Plain::List(items, _) = value("c") else { panic!("a list") };
    let items: Vec<_> = items.iter().map(Plain::as_str).collect();
    assert_eq!(items, [Some("010"), Some("1_000"), None, None, Some(""), Some("0x1f")]);
    assert!(value("e").is_null());
    assert_eq!(value("f"), &Plain::Scalar(Scalar::Int(7), 6));
}
