//! Properties of the YAML reader, `yaml11`.

use std::fmt::Write;
use yaml11::{Limits, Node, Plain, PlainDocument, Scalar, Value, YamlError, parse, parse_plain};

/// Limits that small inputs reach.
const NARROW: Limits = Limits { bytes: 2_000, depth: 6, nodes: 60 };

/// Checks one input.
///
/// # Panics
/// If a property does not hold.
pub fn check(data: &[u8]) {
    let wide = Limits::default();
    let result = read(data, &wide);
    assert_eq!(result, read(data, &wide), "the same bytes read differently");
    narrow_limits_only_refuse(data, &result);
    a_comment_in_front_only_moves_lines(data, &wide, &result);
    encodings_read_alike(data, &wide, &result);
    canonical_text_reads_alike(data, &wide);
}

/// Reads an input both ways and shows each result as text, which, unlike floats, can be compared.
fn read(data: &[u8], limits: &Limits) -> [Shown; 2] {
    let plain = parse_plain(data, limits);
    let expanded = parse(data, limits);
    let last_line = 1 + data.iter().filter(|byte| matches!(byte, b'\n' | b'\r' | 0x85 | 0xa8 | 0xa9)).count();
    let check_error = |error: &YamlError, rules: &[&str]| {
        assert!(rules.contains(&error.rule), "{error:?} has an unexpected rule");
        assert!(error.line.is_none_or(|line| (1..=last_line).contains(&(line as usize))), "{error:?} is outside");
    };
    match &plain {
        Ok(document) => {
            let mut size = Size { last_line, ..Size::default() };
            size.add_plain(&document.root, 0);
            assert!(size.nodes <= limits.nodes && size.depth <= limits.depth, "{size:?} exceeds {limits:?}");
            assert!(document.warnings.iter().all(|warning| (1..=last_line).contains(&(warning.line as usize))));
        }
        Err(error) => {
            check_error(error, &["yaml-syntax", "yaml-limit"]);
            assert_eq!(expanded.as_ref().err(), Some(error), "expanding accepts what cannot be read");
        }
    }
    match &expanded {
        Ok(document) => {
            let mut size = Size { last_line, ..Size::default() };
            size.add_node(&document.root, 0);
            // Reading and expanding have a budget each.
            assert!(size.nodes <= 2 * limits.nodes && size.depth <= limits.depth, "{size:?} exceeds {limits:?}");
            assert!(document.warnings.iter().all(|warning| (1..=last_line).contains(&(warning.line as usize))));
        }
        Err(error) if plain.is_err() => check_error(error, &["yaml-syntax", "yaml-limit"]),
        Err(error) => {
            check_error(error, &["yaml-top-level", "yaml-key", "yaml-conflict", "yaml-negative-index", "yaml-limit"])
        }
    }
    [Shown::new(plain.map(|document| document.root)), Shown::new(expanded.map(|document| document.root))]
}

/// The result of a reading.
#[derive(Debug, PartialEq)]
struct Shown {
    /// The error's rule.
    rule: Option<&'static str>,
    text: String,
}

impl Shown {
    fn new<T: std::fmt::Debug>(result: Result<T, YamlError>) -> Self {
        Shown { rule: result.as_ref().err().map(|error| error.rule), text: format!("{result:?}") }
    }
}

#[derive(Debug, Default)]
struct Size {
    nodes: usize,
    depth: usize,
    last_line: usize,
}

impl Size {
    fn add(&mut self, line: u32, depth: usize) {
        self.nodes += 1;
        self.depth = self.depth.max(depth);
        assert!((1..=self.last_line).contains(&(line as usize)), "line {line} of {}", self.last_line);
    }

    fn add_plain(&mut self, plain: &Plain, depth: usize) {
        self.add(plain.line(), depth);
        match plain {
            Plain::Scalar(..) => {}
            Plain::List(items, _) => items.iter().for_each(|item| self.add_plain(item, depth + 1)),
            Plain::Map(entries, _) => entries.iter().for_each(|entry| {
                self.add(entry.line, depth + 1);
                self.add_plain(&entry.value, depth + 1);
            }),
        }
    }

    fn add_node(&mut self, node: &Node, depth: usize) {
        self.add(node.line, depth);
        for value in node.items.iter().chain(node.names.values()) {
            match value {
                Value::Scalar(_, line) => self.add(*line, depth + 1),
                Value::Node(node) => self.add_node(node, depth + 1),
            }
        }
    }
}

/// Narrower limits refuse more, but change no other answer.
fn narrow_limits_only_refuse(data: &[u8], wide: &[Shown; 2]) {
    for (narrow, wide) in read(data, &NARROW).iter().zip(wide) {
        assert!(narrow.rule == Some("yaml-limit") || narrow == wide, "narrow limits: {narrow:?}\nwide: {wide:?}");
    }
}

fn a_comment_in_front_only_moves_lines(data: &[u8], limits: &Limits, expected: &[Shown; 2]) {
    // A byte order mark has a meaning only at the start.
    if data.len() + 2 > limits.bytes || matches!(data, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0xef, 0xbb, 0xbf, ..]) {
        return;
    }
    let moved = [b"#\n", data].concat();
    let plain = parse_plain(&moved, limits).map(|document| lines_up(document.root)).map_err(line_up);
    assert_eq!(Shown::new(plain), expected[0], "behind a comment");
    let rule = parse(&moved, limits).err().map(|error| error.rule);
    assert_eq!(rule, expected[1].rule, "behind a comment");
}

fn line_up(error: YamlError) -> YamlError {
    YamlError { line: error.line.map(|line| line - 1), ..error }
}

fn lines_up(plain: Plain) -> Plain {
    match plain {
        Plain::Scalar(scalar, line) => Plain::Scalar(scalar, line - 1),
        Plain::List(items, line) => Plain::List(items.into_iter().map(lines_up).collect(), line - 1),
        Plain::Map(mut entries, line) => {
            for entry in &mut entries {
                entry.line -= 1;
                entry.value = lines_up(std::mem::replace(&mut entry.value, Plain::Scalar(Scalar::Null, 1)));
            }
            Plain::Map(entries, line - 1)
        }
    }
}

/// UTF-8 and both forms of UTF-16 read alike.
fn encodings_read_alike(data: &[u8], limits: &Limits, expected: &[Shown; 2]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if 2 * text.len() + 2 > limits.bytes || text.starts_with('\u{feff}') {
        return;
    }
    let mut little = vec![0xff, 0xfe];
    let mut big = vec![0xfe, 0xff];
    for unit in text.encode_utf16() {
        little.extend(unit.to_le_bytes());
        big.extend(unit.to_be_bytes());
    }
    for bytes in [little, big, [b"\xef\xbb\xbf", data].concat()] {
        assert_eq!(Shown::new(parse_plain(&bytes, limits).map(|document| document.root)), expected[0], "encoded");
    }
}

/// What was read can be written and read again: plainly with the same values, expanded with the same outcome.
fn canonical_text_reads_alike(data: &[u8], limits: &Limits) {
    let Ok(PlainDocument { root, .. }) = parse_plain(data, limits) else { return };
    let text = canonical(&root);
    if text.len() > limits.bytes {
        return;
    }
    match parse_plain(text.as_bytes(), limits) {
        Ok(again) => assert_eq!(canonical(&again.root), text, "written and read again"),
        Err(error) => panic!("{error}: {text}"),
    }
    let outcome = |data: &[u8]| parse(data, limits).map(|document| tree(&document.root)).map_err(|error| error.rule);
    assert_eq!(outcome(data), outcome(text.as_bytes()), "expanded from {text}");
}

/// A value in flow style, with every string quoted.
fn canonical(plain: &Plain) -> String {
    match plain {
        Plain::Scalar(value, _) => scalar(value),
        Plain::List(items, _) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(", ")),
        Plain::Map(entries, _) => {
            let pair = |key, value| format!("? {} : {}", scalar(key), canonical(value));
            let pairs: Vec<_> = entries.iter().map(|entry| pair(&entry.key, &entry.value)).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

fn scalar(value: &Scalar) -> String {
    match value {
        Scalar::Null => "~".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Uint(value) => value.to_string(),
        Scalar::Float(value) if value.is_nan() => ".nan".to_owned(),
        Scalar::Float(value) if value.is_infinite() => format!("{value:+}").to_lowercase().replace("inf", ".inf"),
        Scalar::Float(value) => format!("{value:?}"),
        Scalar::String(text) => {
            let mut quoted = String::from("\"");
            for character in text.chars() {
                match character {
                    'a'..='z' | 'A'..='Z' | '0'..='9' | '.' => quoted.push(character),
                    _ => write!(quoted, "\\U{:08x}", u32::from(character)).expect("a string takes any text"),
                }
            }
            quoted + "\""
        }
    }
}

/// An expanded tree without lines.
fn tree(node: &Node) -> String {
    let value = |value: &Value| match value {
        Value::Scalar(value, _) => scalar(value),
        Value::Node(node) => tree(node),
    };
    let names: Vec<_> = node.names.iter().map(|(name, child)| format!("{name:?}: {}", value(child))).collect();
    let items: Vec<_> = node.items.iter().map(value).collect();
    format!("{}{{{}}}[{}]", node.is_list, names.join(", "), items.join(", "))
}
