//! Types of scalars, as go-yaml 2 finds them.
//!
//! Only text and tag count here; the caller knows about quotes.

use crate::plain::Scalar;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;

/// Padding is required and stray bits at the end are ignored, as in Go's decoder.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

const TAGS: &str = "tag:yaml.org,2002:";

/// The tags of YAML 1.1 that its readers commonly know.
const KNOWN: &[&str] =
    &["binary", "bool", "float", "int", "map", "merge", "null", "omap", "pairs", "seq", "set", "str", "timestamp"];

/// Returns true for a tag of YAML's own, and for `!`, which only says that no type is to be looked for.
pub(crate) fn is_known(tag: &str) -> bool {
    tag == "!" || tag.strip_prefix(TAGS).is_some_and(|name| KNOWN.contains(&name))
}

/// Resolves a scalar with an explicit tag. An unknown tag makes a string.
///
/// # Errors
/// A message if the tag does not allow the value.
pub(crate) fn tagged(text: Cow<'_, str>, tag: &str) -> Result<Scalar, String> {
    let Some(kind) = tag.strip_prefix(TAGS) else { return Ok(Scalar::String(text.into_owned())) };
    let refuse = |value: &Scalar, text: &str| Err(format!("cannot decode !!{} `{text}` as a !!{kind}", name(value)));
    match kind {
        "binary" => binary(&text),
        "timestamp" if !is_timestamp(&text) => {
            let value = plain(Cow::Borrowed(text.as_ref()));
            refuse(&value, &text)
        }
        "bool" | "int" | "float" | "null" => match (kind, plain(Cow::Borrowed(text.as_ref()))) {
            ("float", Scalar::Int(value)) => Ok(Scalar::Float(value as f64)),
            (_, value) if name(&value) == kind => Ok(value),
            (_, value) => refuse(&value, &text),
        },
        _ => Ok(Scalar::String(text.into_owned())),
    }
}

fn name(value: &Scalar) -> &'static str {
    match value {
        Scalar::Null => "null",
        Scalar::Bool(_) => "bool",
        Scalar::Int(_) | Scalar::Uint(_) => "int",
        Scalar::Float(_) => "float",
        Scalar::String(_) => "str",
    }
}

fn binary(text: &str) -> Result<Scalar, String> {
    let packed: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    match BASE64.decode(packed) {
        Ok(bytes) => Ok(Scalar::String(String::from_utf8_lossy(&bytes).into_owned())),
        Err(_) => Err("!!binary value contains invalid base64 data".to_owned()),
    }
}

/// Resolves an unquoted, untagged scalar.
pub(crate) fn plain(text: Cow<'_, str>) -> Scalar {
    let value = match text.as_bytes().first() {
        None => Some(Scalar::Null),
        Some(b'~' | b'n' | b'N' | b'y' | b'Y' | b't' | b'T' | b'f' | b'F' | b'o' | b'O') => word(&text),
        Some(b'.') => special_float(&text).or_else(|| point_float(&text)),
        Some(b'+' | b'-' | b'0'..=b'9') => special_float(&text).or_else(|| number(&text)),
        Some(_) => None,
    };
    value.unwrap_or_else(|| Scalar::String(text.into_owned()))
}

/// Resolves an unquoted, untagged scalar to its text; nothing, `~` and `null` are null.
pub(crate) fn untyped(text: Cow<'_, str>) -> Scalar {
    match word(&text) {
        Some(Scalar::Null) => Scalar::Null,
        _ if text.is_empty() => Scalar::Null,
        _ => Scalar::String(text.into_owned()),
    }
}

fn word(text: &str) -> Option<Scalar> {
    Some(match text {
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Scalar::Bool(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Scalar::Bool(false),
        _ => return None,
    })
}

fn special_float(text: &str) -> Option<Scalar> {
    Some(Scalar::Float(match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => f64::INFINITY,
        "-.inf" | "-.Inf" | "-.INF" => f64::NEG_INFINITY,
        ".nan" | ".NaN" | ".NAN" => f64::NAN,
        _ => return None,
    }))
}

/// A float that begins with its point. Unlike in other numbers, underscores must stand between digits.
fn point_float(text: &str) -> Option<Scalar> {
    let bytes = text.as_bytes();
    let digit = |index: Option<usize>| index.and_then(|index| bytes.get(index)).is_some_and(u8::is_ascii_digit);
    let well_placed = |index: usize| digit(index.checked_sub(1)) && digit(Some(index + 1));
    if (0..bytes.len()).any(|index| bytes[index] == b'_' && !well_placed(index)) {
        return None;
    }
    float(&text.replace('_', ""))
}

fn number(text: &str) -> Option<Scalar> {
    // A cheap test that most strings fail.
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'+' | b'-')) {
        return None;
    }
    let text = if text.contains('_') { Cow::Owned(text.replace('_', "")) } else { Cow::Borrowed(text) };
    // go-yaml allows a sign behind this prefix only.
    let signed_binary = || i64::from_str_radix(text.strip_prefix("0b")?, 2).ok().map(Scalar::Int);
    integer(&text).or_else(|| float(&text)).or_else(signed_binary)
}

/// Base and digits of an integer literal without sign.
fn base_of(text: &str) -> (u32, &str) {
    match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &text[2..]),
        [b'0', b'o' | b'O', ..] => (8, &text[2..]),
        [b'0', b'b' | b'B', ..] => (2, &text[2..]),
        [b'0', _, ..] => (8, &text[1..]),
        _ => (10, text),
    }
}

/// An integer literal without underscores: a sign, then decimal, `0x`, `0o`, `0b` or a leading zero for octal.
fn integer(text: &str) -> Option<Scalar> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (base, digits) = base_of(unsigned);
    // The standard conversion would accept another sign.
    if !digits.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, base).ok()?;
    if text.starts_with('-') {
        return 0i64.checked_sub_unsigned(magnitude).map(Scalar::Int);
    }
    match i64::try_from(magnitude) {
        Ok(value) => Some(Scalar::Int(value)),
        // go-yaml reads these as floats.
        Err(_) if text.starts_with('+') => None,
        Err(_) => Some(Scalar::Uint(magnitude)),
    }
}

/// A float that matches `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?` and does not overflow.
fn float(text: &str) -> Option<Scalar> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let well_formed = digits(whole)
        && digits(part)
        && !(whole.is_empty() && part.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent));
    if !well_formed {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite()).map(Scalar::Float)
}

/// Returns true for four digits, month, day and possibly a time.
fn is_timestamp(text: &str) -> bool {
    let mut parts = text.splitn(3, '-');
    let (Some(year), Some(month), Some(rest)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (day, time) = rest.split_at(end);
    let within = |text: &str, most: u8| {
        (1..=2).contains(&text.len()) && text.parse::<u8>().is_ok_and(|value| (1..=most).contains(&value))
    };
    let clock =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'T' | b't' | b'Z' | b':' | b'.' | b'+' | b'-' | b' ');
    year.len() == 4 && year.parse::<u16>().is_ok() && within(month, 12) && within(day, 31) && time.bytes().all(clock)
}

/// Meaning of one part of a dotted key.
#[derive(Debug, PartialEq)]
pub(crate) enum Part {
    /// An index into a list.
    Index(usize),
    /// A name.
    Name,
    /// A negative integer, which is always refused.
    Negative,
}

/// Largest number that is an index; larger ones are names.
const LARGEST_INDEX: u64 = 1024;

/// Tells indexes from names. An index is an integer literal of at most 1,024; underscores must stand between digits.
pub(crate) fn part(text: &str) -> Part {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit()) {
        return Part::Name;
    }
    let value = if !unsigned.contains('_') {
        integer(text)
    } else if underscores_separate_digits(unsigned) {
        integer(&text.replace('_', ""))
    } else {
        None
    };
    match value {
        Some(Scalar::Int(value)) if value < 0 => Part::Negative,
        Some(Scalar::Int(value)) if value as u64 <= LARGEST_INDEX => Part::Index(value as usize),
        _ => Part::Name,
    }
}

/// Returns true if each underscore stands between two digits, or between the prefix of a base and a digit.
fn underscores_separate_digits(unsigned: &str) -> bool {
    let bytes = unsigned.as_bytes();
    let prefix = usize::from(base_of(unsigned).1.len() + 2 == bytes.len()) * 2;
    let hexadecimal = base_of(unsigned).0 == 16;
    let digit = |byte: &u8| if hexadecimal { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    (0..bytes.len()).filter(|index| bytes[*index] == b'_').all(|index| {
        let before = index > 0 && (index == prefix || digit(&bytes[index - 1]));
        before && bytes.get(index + 1).is_some_and(digit)
    })
}
