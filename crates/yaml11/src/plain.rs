//! Plain values: what a text says before keys are split on dots.

/// A scalar after its type was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// `null`, `~` or nothing.
    Null,
    /// `true`, `yes`, `on`, `y` and their opposites.
    Bool(bool),
    /// An integer that fits into 64 bits with a sign.
    Int(i64),
    /// A larger integer that fits into 64 bits without a sign.
    Uint(u64),
    /// A float, an infinity or not-a-number.
    Float(f64),
    /// Everything else.
    String(String),
}

impl Scalar {
    /// Name of the type, as messages show it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Scalar::Null => "null",
            Scalar::Bool(_) => "bool",
            Scalar::Int(_) => "int",
            Scalar::Uint(_) => "uint",
            Scalar::Float(_) => "float",
            Scalar::String(_) => "string",
        }
    }

    /// A key as messages show it.
    pub(crate) fn quoted(&self) -> String {
        match self {
            Scalar::Null => "`null`".to_owned(),
            Scalar::Bool(value) => format!("`{value}`"),
            Scalar::Int(value) => format!("`{value}`"),
            Scalar::Uint(value) => format!("`{value}`"),
            Scalar::Float(value) => format!("`{value}`"),
            Scalar::String(value) => format!("`{value}`"),
        }
    }

    /// Cost of a copy: one, and more for long text.
    fn weight(&self) -> usize {
        match self {
            Scalar::String(text) => 1 + text.len() / 64,
            _ => 1,
        }
    }
}

/// A value with the line it begins on, from 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Plain {
    /// A scalar.
    Scalar(Scalar, u32),
    /// A sequence.
    List(Vec<Plain>, u32),
    /// A mapping in document order, with merge keys applied and each key once.
    Map(Vec<Entry>, u32),
}

/// One pair of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key, which may be any scalar.
    pub key: Scalar,
    /// Line of the key, from 1.
    pub line: u32,
    /// The value.
    pub value: Plain,
}

impl Plain {
    /// Returns the line the value begins on, from 1.
    pub fn line(&self) -> u32 {
        match self {
            Plain::Scalar(_, line) | Plain::List(_, line) | Plain::Map(_, line) => *line,
        }
    }

    /// Returns the value of a string key if this is a mapping that has it.
    pub fn get(&self, name: &str) -> Option<&Plain> {
        let Plain::Map(entries, _) = self else { return None };
        entries.iter().find(|entry| matches!(&entry.key, Scalar::String(key) if key == name)).map(|entry| &entry.value)
    }

    /// Returns the text if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Plain::Scalar(Scalar::String(text), _) => Some(text),
            _ => None,
        }
    }

    /// Returns true if this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Plain::Scalar(Scalar::Null, _))
    }

    /// Cost of a copy: the number of values, and more for long texts.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Plain::Scalar(value, _) => value.weight(),
            Plain::List(items, _) => 1 + items.iter().map(Plain::weight).sum::<usize>(),
            Plain::Map(entries, _) => {
                1 + entries.iter().map(|entry| entry.key.weight() + entry.value.weight()).sum::<usize>()
            }
        }
    }

    /// Number of levels below this value.
    pub(crate) fn height(&self) -> usize {
        match self {
            Plain::Scalar(..) => 0,
            Plain::List(items, _) => items.iter().map(|item| 1 + item.height()).max().unwrap_or(0),
            Plain::Map(entries, _) => entries.iter().map(|entry| 1 + entry.value.height()).max().unwrap_or(0),
        }
    }
}
