//! How a value of a query is spelled, when nothing but patterns may look at it.
//!
//! Escapes are not decoded. But which bytes a value holds can be seen through them, and a value that holds a byte which
//! no accepted value has is known without being decoded: it is wrong, or names nothing. Every host takes its patterns
//! from the sets of bytes defined here, so that all see the same (contract, "Search parameters"). Knows nothing of
//! parameters.

use std::fmt::Write;

/// A set of bytes: whether it holds one.
pub type Bytes = fn(u8) -> bool;

/// Bytes of package names.
pub fn in_name(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// Bytes of the categories and types that have a subject.
pub fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)
}

/// Bytes of versions and spec bounds.
pub fn in_version(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".-+".contains(&byte)
}

/// Bytes of the words for true and false.
pub fn in_flag(byte: u8) -> bool {
    b"01truefalsTRUEFALS".contains(&byte)
}

/// Bytes of usual capabilities.
pub fn in_capability(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The result of looking at a value without decoding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// It is written as it is, in bytes of the set.
    Plain,
    /// Every byte that it holds is of the set, but some are escaped.
    Escaped,
    /// It holds a byte that is not of the set, for example the space that `+` stands for.
    Foreign,
    /// The registry drops it together with its name: an escape is malformed, or there is a `;`.
    Dropped,
}

/// Looks at a value.
pub(super) fn spelling(value: &str, set: Bytes) -> Spelling {
    let mut spelling = Spelling::Plain;
    let mut rest = value.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        let byte = match first {
            b';' => return Spelling::Dropped,
            b'+' => b' ',
            b'%' => {
                let Some((Some(high), Some(low))) = rest.get(..2).map(|pair| (digit(pair[0]), digit(pair[1]))) else {
                    return Spelling::Dropped;
                };
                rest = &rest[2..];
                if spelling == Spelling::Plain {
                    spelling = Spelling::Escaped;
                }
                high * 16 + low
            }
            other => other,
        };
        if !set(byte) {
            spelling = Spelling::Foreign;
        }
    }
    spelling
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The inside of the brackets of a pattern for the bytes that may be written as they are. `+` never may.
pub fn literals(set: Bytes) -> String {
    let mut text = String::new();
    let is_in = |byte: u8| set(byte) && byte != b'+';
    for byte in (0..=u8::MAX).filter(|byte| is_in(*byte)) {
        let (follows, leads) = (byte > 0 && is_in(byte - 1), byte < u8::MAX && is_in(byte + 1));
        match (follows, leads) {
            (true, true) => {}
            (true, false) => push(&mut text, "-", byte),
            _ => push(&mut text, "", byte),
        }
    }
    text
}

fn push(text: &mut String, before: &str, byte: u8) {
    text.push_str(before);
    if byte.is_ascii_alphanumeric() || byte == b'_' {
        text.push(char::from(byte));
    } else {
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// A pattern for the two digits of an escape of one of the bytes.
pub fn escapes(set: Bytes) -> String {
    let mut rows = Vec::new();
    for high in 0..16_u8 {
        let lows: String = (0..16_u8).filter(|low| set(high * 16 + low)).map(digit_class).collect();
        if !lows.is_empty() {
            rows.push(format!("[{}][{lows}]", digit_class(high)));
        }
    }
    format!("(?:{})", rows.join("|"))
}

/// A hexadecimal digit, in both cases.
fn digit_class(value: u8) -> String {
    let lower = format!("{value:x}");
    let upper = lower.to_ascii_uppercase();
    if lower == upper { lower } else { lower + &upper }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_seen_through_their_escapes() {
        for (value, expected) in [
            ("", Spelling::Plain),
            ("nginx_1", Spelling::Plain),
            ("ngin%78", Spelling::Escaped),
            ("%5f%5F", Spelling::Escaped),
            ("nginX", Spelling::Foreign),
            ("n+x", Spelling::Foreign),
            ("%2B", Spelling::Foreign),
            ("%00", Spelling::Foreign),
            ("%78%20%78", Spelling::Foreign),
            ("é", Spelling::Foreign),
            ("a%", Spelling::Dropped),
            ("a%4", Spelling::Dropped),
            ("%20%4g", Spelling::Dropped),
            ("%20%é", Spelling::Dropped),
            ("%+1", Spelling::Dropped),
            ("%20;", Spelling::Dropped),
        ] {
            assert_eq!(spelling(value, in_name), expected, "{value}");
        }
    }

    #[test]
    fn sets_become_patterns() {
        assert_eq!(literals(in_name), "0-9_a-z");
        assert_eq!(literals(in_version), r"\x2d-\x2e0-9A-Za-z");
        assert_eq!(literals(in_flag), "0-1AE-FLR-Uae-flr-u");
        assert_eq!(escapes(in_name), "(?:[3][0123456789]|[5][fF]|[6][123456789aAbBcCdDeEfF]|[7][0123456789aA])");
    }
}
