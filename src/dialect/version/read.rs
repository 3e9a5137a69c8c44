//! Reads versions from text, strictly or loosely.
//!
//! One scanner serves loose versions and the versions inside constraints, which differ only in the characters that a
//! number may hold. Must not know operators or matching.

use super::{Version, VersionError};

/// Length of the longest version text in bytes (contract, "Strict version").
const LONGEST: usize = 256;

/// A version cut into its pieces, not yet read as numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pieces<'a> {
    /// The dot-separated parts, from the left; only the first is always present.
    pub(super) numbers: [Option<&'a str>; 3],
    /// PRE without its `-`.
    pub(super) pre: Option<&'a str>,
    /// The whole text of the version.
    pub(super) text: &'a str,
}

/// The longest version `[v]N[.N[.N]][-PRE][+META]` at the start of `text`, and the text after it. `in_number` accepts
/// the bytes of a number, and may accept only ASCII.
pub(super) fn pieces_at_start(text: &str, in_number: fn(u8) -> bool) -> Option<(Pieces<'_>, &str)> {
    let mut rest = text.strip_prefix('v').unwrap_or(text);
    let first = take_while(&mut rest, in_number)?;
    let second = take_after(&mut rest, '.', |rest| take_while(rest, in_number));
    let third = second.and_then(|_| take_after(&mut rest, '.', |rest| take_while(rest, in_number)));
    let pre = take_after(&mut rest, '-', take_identifiers);
    let _meta = take_after(&mut rest, '+', take_identifiers);
    let text = &text[..text.len() - rest.len()];
    Some((Pieces { numbers: [Some(first), second, third], pre, text }, rest))
}

/// Takes the non-empty run of accepted bytes at the start of `rest`.
fn take_while<'a>(rest: &mut &'a str, accepts: fn(u8) -> bool) -> Option<&'a str> {
    let length = rest.bytes().take_while(|byte| accepts(*byte)).count();
    // Accepted bytes are ASCII, so the cut lies between characters.
    let (part, left) = rest.split_at_checked(length).filter(|_| length > 0)?;
    *rest = left;
    Some(part)
}

/// Takes `mark` and then what `take` finds; takes nothing unless both are there.
fn take_after<'a>(
    rest: &mut &'a str,
    mark: char,
    take: impl FnOnce(&mut &'a str) -> Option<&'a str>,
) -> Option<&'a str> {
    let mut behind = rest.strip_prefix(mark)?;
    let part = take(&mut behind)?;
    *rest = behind;
    Some(part)
}

/// Takes dot-separated identifiers; a dot that no identifier follows is not taken.
fn take_identifiers<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let all = *rest;
    take_while(rest, in_identifier)?;
    while take_after(rest, '.', |rest| take_while(rest, in_identifier)).is_some() {}
    Some(&all[..all.len() - rest.len()])
}

fn in_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// See [`Version::loose`].
pub(super) fn loose(text: &str) -> Result<Version, VersionError> {
    if text.len() > LONGEST {
        return Err(VersionError::TooLong);
    }
    let Some((pieces, "")) = pieces_at_start(text, is_digit) else {
        return Err(VersionError::Invalid);
    };
    let [major, minor, patch] = pieces.numbers.map(|digits| number(digits.unwrap_or("0")));
    let numbers = [major?, minor?, patch?];
    if pieces.pre.is_some_and(has_leading_zero) {
        return Err(VersionError::LeadingZero);
    }
    Ok(version(text, numbers, pieces.pre))
}

/// See [`Version::strict`].
pub(super) fn strict(text: &str) -> Result<Version, VersionError> {
    if text.is_empty() {
        return Err(VersionError::Empty);
    }
    if text.len() > LONGEST {
        return Err(VersionError::TooLong);
    }
    let mut parts = text.splitn(3, '.');
    let (Some(major), Some(minor), Some(last)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(VersionError::Invalid);
    };
    let (last, meta) = cut(last, '+');
    let (patch, pre) = cut(last, '-');
    if meta.is_some_and(|meta| !are_identifiers(meta)) {
        return Err(VersionError::Metadata);
    }
    if pre.is_some_and(|pre| !are_identifiers(pre)) {
        return Err(VersionError::Prerelease);
    }
    if pre.is_some_and(has_leading_zero) {
        return Err(VersionError::LeadingZero);
    }
    let [major, minor, patch] = [major, minor, patch].map(strict_number);
    Ok(version(text, [major?, minor?, patch?], pre))
}

/// The text before the first `mark`, and the text after it if there is one.
fn cut(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

fn are_identifiers(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(in_identifier))
}

/// Returns true if any all-digit part of PRE begins with a needless zero.
fn has_leading_zero(pre: &str) -> bool {
    pre.split('.').any(|part| part.len() > 1 && part.starts_with('0') && part.bytes().all(is_digit))
}

fn strict_number(digits: &str) -> Result<u64, VersionError> {
    if digits.is_empty() {
        return Err(VersionError::Invalid);
    }
    if !digits.bytes().all(is_digit) {
        return Err(VersionError::Characters);
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(VersionError::LeadingZero);
    }
    number(digits)
}

/// Reads digits; the only possible fault is their size.
fn number(digits: &str) -> Result<u64, VersionError> {
    digits.parse().map_err(|_| VersionError::Overflow)
}

fn version(text: &str, [major, minor, patch]: [u64; 3], pre: Option<&str>) -> Version {
    let pre = pre.map_or_else(Vec::new, |pre| pre.split('.').map(str::to_owned).collect());
    Version { major, minor, patch, pre, text: text.to_owned() }
}
