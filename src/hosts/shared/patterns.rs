//! Patterns that the templates of several hosts write.
//!
//! The patterns are those of PCRE. Hosts whose patterns cannot look ahead write their own.

use super::escape::escape;
use super::texts::texts;
use crate::answers::route::build::LONGEST_WORD;
use crate::answers::route::model::{Routes, Unkeyed};
use crate::answers::route::{query, request, spelling};
use minijinja::{Value, context};

/// A part of a pre-release: a number without leading zero, or a word with something else than digits.
pub(in crate::hosts) const PRERELEASE_PART: &str = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)";
/// Parts of build metadata, joined by dots.
pub(in crate::hosts) const METADATA_PARTS: &str = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*";
/// A malformed escape or a `;`: the registry drops a parameter that holds one.
const DROPPED: &str = r"%(?![0-9A-Fa-f]{2})|;";
/// Looks ahead for no more than the longest version, counting an escaped plus as one.
const LENGTH: &str = r"(?=(?:[^%]|%2[Bb]){1,256}\z)";

/// The parameters that count, by the names that the templates have for them.
pub(in crate::hosts) fn parameters() -> Vec<Value> {
    let parameters = [
        ("kibana", r"kibana\.version"),
        ("agent", r"agent\.version"),
        ("min", r"spec\.min"),
        ("max", r"spec\.max"),
        ("capabilities", "capabilities"),
        ("prerelease", "prerelease"),
        ("experimental", "experimental"),
        ("all", "all"),
        ("templates", "include_policy_templates"),
        ("package", "package"),
        ("category", "category"),
        ("type", "type"),
    ];
    parameters.map(|(id, pattern)| context! { id, pattern }).to_vec()
}

/// A pre-release without its dash.
pub(in crate::hosts) fn prerelease() -> String {
    format!(r"{PRERELEASE_PART}(?:\.{PRERELEASE_PART})*")
}

/// Build metadata with its plus, which is escaped in a query; or nothing.
pub(in crate::hosts) fn metadata() -> String {
    format!("(?:%2[Bb]{METADATA_PARTS})?")
}

/// What templates write for a category and for a type without a subject: `unread` (refused) where one may have an answer,
/// else `u` (the empty list).
pub(in crate::hosts) fn other_words(unkeyed: Unkeyed) -> Value {
    let other = |has_unkeyed: bool| if has_unkeyed { "unread" } else { "u" };
    context! { other_category => other(unkeyed.categories), other_type => other(unkeyed.types) }
}

/// The patterns for a query and the texts of errors.
pub(in crate::hosts) fn request_values(routes: &Routes) -> Value {
    context! {
        parameters => parameters(),
        length => LENGTH,
        prerelease => prerelease(),
        metadata => metadata(),
        parts => METADATA_PARTS,
        dropped => DROPPED,
        dot => r"(?:\.|%2[Ee])",
        not_dots => r"(?:[^.%]++|%(?!2[Ee]))*+",
        name => byte_set(spelling::in_name),
        word => byte_set(spelling::in_word),
        version => byte_set(spelling::in_version),
        flag => byte_set(spelling::in_flag),
        capability => byte_set(spelling::in_capability),
        too_long => format!("{{{}}}", LONGEST_WORD + 1),
        are_usual => query::are_usual(&routes.capabilities),
        unread => query::UNREAD,
        filters => query::FILTERS,
        unpublished => request::UNPUBLISHED,
        texts => texts(),
        ..other_words(routes.unkeyed)
    }
}

/// Patterns for a set of bytes: the bytes as they are, for use between brackets; the digits of their escapes; and a byte
/// in either spelling that is not of the set. The last does not apply to a value with a malformed escape.
fn byte_set(bytes: spelling::Bytes) -> Value {
    let (literals, escapes) = (spelling::literals(bytes), spelling::escapes(bytes));
    let foreign = format!("(?<!%)(?<!%[0-9A-Fa-f])[^{literals}%]|%(?!{escapes})");
    context! { literals, escapes, foreign }
}

/// A pattern that matches the text alone, without any character that a configuration could read itself.
pub(in crate::hosts) fn literal(text: &str) -> String {
    escape(text, |letter| letter.is_ascii_alphanumeric() || "/_".contains(letter), |byte| format!("\\x{byte:02x}"))
}

/// A pattern for the numbers below a limit, written without leading zeros.
pub(in crate::hosts) fn below(limit: u64) -> String {
    let digits = limit.to_string();
    let mut patterns = Vec::new();
    if digits.len() > 1 {
        patterns.push(format!(r"\d{{1,{}}}", digits.len() - 1));
    }
    for (at, digit) in digits.bytes().enumerate() {
        if digit > b'0' {
            let lower = char::from(digit - 1);
            patterns.push(format!(r"{}[0-{lower}]\d{{{}}}", &digits[..at], digits.len() - at - 1));
        }
    }
    patterns.join("|")
}

/// Returns true if every host can hold the path of an answer as it is.
pub(in crate::hosts) fn is_plain_path(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+~@-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_below_a_limit_have_a_pattern() {
        assert_eq!(below(7), r"[0-6]\d{0}");
        assert_eq!(below(205), r"\d{1,2}|[0-1]\d{2}|20[0-4]\d{0}");
    }

    #[test]
    fn literals_hold_no_character_with_a_meaning() {
        assert_eq!(literal("/a_B9"), "/a_B9");
        assert_eq!(literal("a.b-é"), r"a\x2eb\x2d\xc3\xa9");
    }
}
