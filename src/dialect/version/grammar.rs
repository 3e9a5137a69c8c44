//! Reads constraints from text: ranges, OR-groups, terms (contract, "Constraint grammar").
//!
//! Written by hand because the common regular-expression ports accept texts that the registry refuses. The dialect's
//! odd corners are kept, since they decide whether a package is published; notably, `|` may stand inside a number until
//! the number is read. Must not know what terms mean.

use super::Version;
use super::read::{Pieces, pieces_at_start};
use super::term::{Open, Operator, Term};

/// Length of the longest constraint in bytes, before ranges are rewritten.
const LONGEST: usize = 512;
/// Largest number of OR-groups in a constraint.
const MOST_GROUPS: usize = 32;
/// The blanks of the grammar; a no-break space is not one.
const BLANKS: [char; 5] = [' ', '\t', '\n', '\u{c}', '\r'];
/// Spellings of the operators. A spelling stands before its own prefixes, so the empty one, which always fits, is last.
const OPERATORS: [(&str, Operator); 12] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
    ("", Operator::Equal),
];

/// Why a text is not a constraint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// This OR-group is not a list of terms, perhaps because it is empty.
    #[error("improper constraint: {0:?}")]
    Improper(String),
    /// A version of proper shape that does not read: `1x`, a number beyond 64 bits, PRE with a leading zero.
    #[error("constraint parser error")]
    Version,
    /// More than 512 bytes.
    #[error("constraint is too long (max 512 bytes)")]
    TooLong,
    /// More than 32 OR-groups.
    #[error("constraint has too many alternatives (max 32)")]
    TooManyGroups,
}

/// Reads a constraint into its OR-groups; neither the list nor a group is empty.
pub(super) fn groups(text: &str) -> Result<Vec<Vec<Term>>, ConstraintError> {
    if text.len() > LONGEST {
        return Err(ConstraintError::TooLong);
    }
    let text = rewrite_ranges(text);
    if text.split("||").count() > MOST_GROUPS {
        return Err(ConstraintError::TooManyGroups);
    }
    text.split("||").map(group).collect()
}

/// Rewrites each `A - B` to `>= A, <= B `.
///
/// The text around a range is not looked at, so `^1 - 2` becomes `^>= 1, <= 2 ` and is refused as a group.
fn rewrite_ranges(text: &str) -> String {
    let mut rewritten = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some((low, high, behind)) = range_at_start(rest) {
            rewritten.push_str(&format!(">= {low}, <= {high} "));
            rest = behind;
        } else {
            rewritten.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    rewritten
}

/// The two ends of the range at the start of `text`, and the text after it. Blanks around the range belong to it.
fn range_at_start(text: &str) -> Option<(&str, &str, &str)> {
    let (low, rest) = pieces_at_start(text.trim_start_matches(BLANKS), in_number)?;
    let dash = rest.trim_start_matches(BLANKS);
    let behind_dash = dash.strip_prefix('-')?;
    let high = behind_dash.trim_start_matches(BLANKS);
    if dash.len() == rest.len() || high.len() == behind_dash.len() {
        return None;
    }
    let (high, rest) = pieces_at_start(high, in_number)?;
    Some((low.text, high.text, rest.trim_start_matches(BLANKS)))
}

/// Reads one OR-group. Its whole shape is checked before any number is read, which decides the error that is reported.
fn group(text: &str) -> Result<Vec<Term>, ConstraintError> {
    let words = words(text).ok_or_else(|| ConstraintError::Improper(text.to_owned()))?;
    words.into_iter().map(|(operator, pieces)| term(operator, pieces)).collect()
}

/// Cuts a group into operators and versions; `None` if its shape is wrong.
fn words(text: &str) -> Option<Vec<(Operator, Pieces<'_>)>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start_matches(BLANKS);
    loop {
        let (spelling, operator) = OPERATORS.iter().find(|(spelling, _)| rest.starts_with(spelling))?;
        let (pieces, behind) = pieces_at_start(rest[spelling.len()..].trim_start_matches(BLANKS), in_number)?;
        words.push((*operator, pieces));
        let next = behind.trim_start_matches(BLANKS);
        if next.is_empty() {
            return Some(words);
        }
        rest = match next.strip_prefix(',') {
            Some(next) => next.trim_start_matches(BLANKS),
            None if next.len() < behind.len() => next,
            None => return None,
        };
    }
}

/// Bytes that may stand in a number's place: digits, wildcards, and `|`, which is refused when the number is read.
fn in_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'x' | b'X' | b'*' | b'|')
}

/// Reads the version of a term. Parts to the right of a wildcard are not looked at.
fn term(operator: Operator, pieces: Pieces<'_>) -> Result<Term, ConstraintError> {
    let pre = pieces.pre.map_or_else(String::new, |pre| format!("-{pre}"));
    let [major, minor, patch] = pieces.numbers.map(|part| part.filter(|part| !["x", "X", "*"].contains(part)));
    let (open, spelling) = match (major, minor, patch) {
        (None, _, _) => (Open::Major, format!("0.0.0{pre}")),
        (Some(major), None, _) => (Open::Minor, format!("{major}.0.0{pre}")),
        (Some(major), Some(minor), None) => (Open::Patch, format!("{major}.{minor}.0{pre}")),
        (Some(_), Some(_), Some(_)) => (Open::Nothing, pieces.text.to_owned()),
    };
    let value = Version::loose(&spelling).map_err(|_| ConstraintError::Version)?;
    Ok(Term { operator, value, open })
}
