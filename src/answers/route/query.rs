//! The raw query string of `/search` and `/categories`, read as far as a web server's regular expressions can read it.
//!
//! Nothing is decoded but what is said here, because every host must come to the same result with nothing but pattern
//! matching. A value is either read exactly, or wrong (400), or *unread* (501): never guessed. What is escaped is still
//! seen: a value with a byte that no accepted value has is wrong, or names nothing (contract, "Search parameters",
//! "Categories parameters" and "Loose version"). Knows of tables only what [`Unkeyed`] says, and nothing of HTTP.

use super::build::is_plain;
use super::model::Unkeyed;
use super::spelling::{Spelling, in_capability, in_flag, in_name, in_version, in_word, spelling};
use crate::answers::search::question::{FALSE, TRUE, invalid_param, invalid_parts, invalid_spec, invalid_version};
use crate::dialect::version::{Version, VersionError};
use crate::package::Spec;

/// Why a query is refused with 501 when part of it is spelled in a way that is not decoded.
pub const UNREAD: &str = "this server does not read this spelling of the query. Write it without escapes or let epr-build serve answer as the fallback of this server or alone";
/// Why a query is refused with 501 when its filters are not offered together, or not at all.
pub const FILTERS: &str = "this server holds no answers to these filters together. Leave one out or let epr-build serve answer as the fallback of this server or alone";

/// More bytes than this are no version.
const LONGEST_VERSION: usize = 256;
/// More digits than this, leading zeros apart, may not fit 64 bits.
const LONGEST_NUMBER: usize = 19;

/// A raw query that collects what is wrong with it while its parameters are read.
///
/// The first wrong value is kept, in the order of reading: hosts that check in the same order say the same.
pub(super) struct Query<'a> {
    raw: &'a str,
    /// The text of a 400.
    pub(super) invalid: Option<String>,
    /// True if some part was not decoded.
    is_unread: bool,
    /// True if some name was not decoded: it could be that of a parameter whose second value, which does not count, is wrong.
    has_hidden_names: bool,
    /// True if the filters are not offered together, or not at all.
    is_unanswered: bool,
}

impl<'a> Query<'a> {
    /// Looks at the spelling of the whole query.
    pub(super) fn new(raw: &'a str) -> Self {
        let mut query = Self { raw, invalid: None, is_unread: false, has_hidden_names: false, is_unanswered: false };
        // The registry drops a pair with `;`, and decodes names: either could hide or reveal a filter.
        query.has_hidden_names = query.pairs().any(|(name, _)| name.contains('%'));
        query.is_unread = query.has_hidden_names || raw.contains(';');
        query
    }

    /// Records that the filters are not offered.
    pub(super) fn refuse_filters(&mut self) {
        self.is_unanswered = true;
    }

    /// The text of a 501, which counts only when nothing is invalid.
    pub(super) fn unsupported(&self) -> Option<&'static str> {
        if self.is_unread { Some(UNREAD) } else { self.is_unanswered.then_some(FILTERS) }
    }

    fn invalid(&mut self, text: impl FnOnce() -> String) {
        if !self.has_hidden_names {
            self.invalid.get_or_insert_with(text);
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.raw.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }

    /// The first value of a parameter; `None` when it is empty or absent, which is the same.
    fn first(&self, name: &str) -> Option<&'a str> {
        self.pairs().find(|(found, _)| *found == name).map(|(_, value)| value).filter(|value| !value.is_empty())
    }

    /// Reads `kibana.version` or `agent.version`, which texts call `label`.
    pub(super) fn version(&mut self, name: &str, label: &str) -> Option<Version> {
        let raw = self.first(name)?;
        let seen = spelling(raw, in_version);
        // Of the escapes only that of `+` is decoded, since build metadata needs it.
        let text = raw.replace("%2B", "+").replace("%2b", "+");
        if seen == Spelling::Dropped || (seen == Spelling::Escaped && text.contains('%')) {
            self.is_unread = true;
            return None;
        }
        let (within_reach, text) = shorten(&text);
        match Version::loose(&text).ok().filter(|_| seen != Spelling::Foreign) {
            Some(version) if within_reach => return Some(version),
            Some(_) => self.is_unread = true,
            None => self.invalid(|| invalid_version(label, raw, &VersionError::Invalid)),
        }
        None
    }

    /// Reads `spec.min` or `spec.max`.
    pub(super) fn spec(&mut self, name: &str) -> Option<Spec> {
        let raw = self.first(name)?;
        let seen = spelling(raw, in_version);
        if matches!(seen, Spelling::Dropped | Spelling::Escaped) {
            self.is_unread = true;
            return None;
        }
        let dots: usize = [".", "%2E", "%2e"].iter().map(|dot| raw.matches(dot).count()).sum();
        if dots != 1 {
            self.invalid(|| invalid_parts(name, raw));
            return None;
        }
        let (within_reach, text) = shorten(raw);
        match Version::loose(&text).ok().filter(|_| seen == Spelling::Plain) {
            Some(version) if within_reach && !version.is_prerelease() => {
                return Some(Spec { major: version.major, minor: version.minor });
            }
            Some(_) => self.is_unread = true,
            None => self.invalid(|| invalid_spec(name, raw, &VersionError::Invalid)),
        }
        None
    }

    /// Reads a boolean; absent is false.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let Some(raw) = self.first(name) else { return false };
        if matches!(spelling(raw, in_flag), Spelling::Dropped | Spelling::Escaped) {
            self.is_unread = true;
        } else if !TRUE.contains(&raw) && !FALSE.contains(&raw) {
            self.invalid(|| invalid_param(name, raw));
        }
        TRUE.contains(&raw)
    }

    /// Reads the list of capabilities; its commas may be escaped.
    ///
    /// Where all known ones are usual words, an element with any other byte is none of them, and does not matter.
    pub(super) fn capabilities(&mut self, known: &[String]) -> Option<Vec<String>> {
        let raw = self.first("capabilities")?;
        let text = raw.replace("%2C", ",").replace("%2c", ",");
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.,-".contains(&byte);
        let is_read = if are_usual(known) {
            let hidden = |element| spelling(element, in_capability) == Spelling::Escaped;
            spelling(raw, in_capability) != Spelling::Dropped && !text.split(',').any(hidden)
        } else {
            text.bytes().all(plain)
        };
        if !is_read {
            self.is_unread = true;
        }
        Some(text.split(',').map(str::to_owned).collect())
    }

    /// Checks every `discovery` value; whether there is one.
    pub(super) fn discovery(&mut self) -> bool {
        let values: Vec<_> = self.pairs().filter(|(name, _)| *name == "discovery").map(|(_, value)| value).collect();
        for value in &values {
            let list = value.strip_prefix("fields").or_else(|| value.strip_prefix("datasets"));
            if list.is_some_and(|list| [":", "%3A", "%3a"].iter().any(|colon| list.starts_with(colon))) {
                continue;
            }
            if value.contains(['%', ';']) {
                self.is_unread = true;
            } else {
                self.invalid(|| invalid_param("discovery", value));
            }
        }
        !values.is_empty()
    }

    /// Reads `package`, `category` and `type`, of which at most one may be given.
    pub(super) fn filter(&mut self, unkeyed: Unkeyed) -> Filter<'a> {
        let package = self.first("package").map(|name| self.package(name));
        let category = self.first("category").map(|id| self.word(id, unkeyed.categories, Filter::Category));
        let kind = self.first("type").map(|word| self.word(word, unkeyed.types, Filter::Type));
        let mut given = [package, category, kind].into_iter().flatten();
        let filter = given.next().unwrap_or(Filter::None);
        if given.next().is_some() {
            self.refuse_filters();
        }
        filter
    }

    fn package(&mut self, name: &'a str) -> Filter<'a> {
        match spelling(name, in_name) {
            Spelling::Plain => return Filter::Package(name),
            Spelling::Foreign => {}
            Spelling::Escaped | Spelling::Dropped => self.is_unread = true,
        }
        Filter::Unknown
    }

    /// Reads a category or type, of which packages may name some that are `unkeyed`.
    fn word(&mut self, word: &'a str, unkeyed: bool, filter: impl FnOnce(&'a str) -> Filter<'a>) -> Filter<'a> {
        match spelling(word, in_word) {
            Spelling::Plain if is_plain(word) => return filter(word),
            Spelling::Plain | Spelling::Foreign if !unkeyed => {}
            _ => self.is_unread = true,
        }
        Filter::Unknown
    }
}

/// Returns true if all capabilities are words of usual bytes.
pub fn are_usual(capabilities: &[String]) -> bool {
    capabilities.iter().all(|capability| capability.bytes().all(in_capability))
}

/// The filter of a `/search` request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter<'a> {
    /// Everything.
    None,
    /// One package.
    Package(&'a str),
    /// The packages of a category.
    Category(&'a str),
    /// The packages of a type.
    Type(&'a str),
    /// Something that no package has.
    Unknown,
}

/// Returns true for a package name as paths know it: `[a-z0-9_]+`.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(in_name)
}

/// Replaces numbers that may not fit 64 bits by one that does, and says whether there was none.
///
/// Such a version is still checked for its shape: a wrong one is 400 on every host, a right one is out of reach of the
/// tables.
fn shorten(text: &str) -> (bool, String) {
    if text.len() > LONGEST_VERSION {
        return (true, text.to_owned());
    }
    let numbers = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, rest) = text.split_at(numbers);
    let mut within_reach = true;
    let parts: Vec<_> = numbers
        .split('.')
        .map(|part| {
            let digits = part.strip_prefix('v').unwrap_or(part);
            let is_long = digits.trim_start_matches('0').len() > LONGEST_NUMBER;
            if is_long && digits.bytes().all(|byte| byte.is_ascii_digit()) {
                within_reach = false;
                part.replace(digits, "1")
            } else {
                part.to_owned()
            }
        })
        .collect();
    (within_reach, parts.join(".") + rest)
}

/// Returns true if the text is a version as paths spell it (contract, "Strict version"), with numbers within reach of
/// every host.
pub(super) fn is_strict(text: &str) -> bool {
    const LIMIT: u64 = 10_u64.pow(LONGEST_NUMBER as u32);
    Version::strict(text).is_ok_and(|version| version.major.max(version.minor).max(version.patch) < LIMIT)
}
