//! What a client says about the bytes it wants: validators, ranges and encodings (RFC 9110).

use crate::base::time::parse_http;
use hyper::header::{self, HeaderMap, HeaderName};

/// A file version, as headers name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// Seconds since 1970.
    pub(super) modified: u64,
    /// Bytes.
    pub(super) length: u64,
}

/// Which part of a file to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// 200.
    Whole,
    /// 206: the first byte, and how many.
    Range(u64, u64),
    /// 304.
    Unchanged,
    /// 412.
    Changed,
    /// 416.
    OutOfRange,
}

impl Version {
    /// The same as nginx writes, so that clients may switch between hosts.
    pub(super) fn etag(self) -> String {
        format!("\"{:x}-{:x}\"", self.modified, self.length)
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Returns true if a client has the version with this tag.
pub(super) fn names_tag(headers: &HeaderMap, etag: &str) -> bool {
    text(headers, header::IF_NONE_MATCH).is_some_and(|list| names(list, etag))
}

/// Returns true if a client wants a version (`If-Match`), and not the one with this tag.
pub(super) fn is_another_wanted(headers: &HeaderMap, etag: &str) -> bool {
    text(headers, header::IF_MATCH).is_some_and(|list| !names(list, etag))
}

/// Returns true if a list of tags names this one.
fn names(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// Applies the conditions and the range of a request.
pub(super) fn part(headers: &HeaderMap, version: Version) -> Part {
    let time = |name| text(headers, name).and_then(parse_http);
    let is_changed = match text(headers, header::IF_MATCH) {
        Some(list) => !names(list, &version.etag()),
        None => time(header::IF_UNMODIFIED_SINCE).is_some_and(|time| version.modified > time),
    };
    if is_changed {
        return Part::Changed;
    }
    let is_unchanged = match text(headers, header::IF_NONE_MATCH) {
        Some(list) => names(list, &version.etag()),
        None => time(header::IF_MODIFIED_SINCE).is_some_and(|time| version.modified <= time),
    };
    if is_unchanged {
        return Part::Unchanged;
    }
    let is_same = text(headers, header::IF_RANGE)
        .is_none_or(|validator| validator == version.etag() || parse_http(validator) == Some(version.modified));
    match text(headers, header::RANGE).filter(|_| is_same) {
        Some(range) => range_part(range, version.length),
        None => Part::Whole,
    }
}

/// Reads a single range; several ranges or an unknown unit count as none, as the RFC allows.
fn range_part(range: &str, length: u64) -> Part {
    let Some((first, last)) = range.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Part::Whole;
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(first) || !is_number(last) || (first.is_empty() && last.is_empty()) {
        return Part::Whole;
    }
    // More digits than fit are only a large number.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    if first.is_empty() {
        let count = number(last).min(length);
        return if count == 0 { Part::OutOfRange } else { Part::Range(length - count, count) };
    }
    let first = number(first);
    let end = if last.is_empty() { length } else { number(last).saturating_add(1).min(length) };
    if !last.is_empty() && number(last) < first {
        return Part::Whole;
    }
    if first >= length { Part::OutOfRange } else { Part::Range(first, end - first) }
}

/// Returns true if the client accepts gzip.
pub(super) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut accepted = None;
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for item in value.to_str().unwrap_or_default().split(',') {
            let mut words = item.split(';').map(str::trim);
            let name = words.next().unwrap_or_default();
            let is_refused = words.filter_map(|word| word.strip_prefix("q=")).any(|weight| weight.parse() == Ok(0.0));
            if name.eq_ignore_ascii_case("gzip") {
                return !is_refused;
            }
            if name == "*" {
                accepted = Some(!is_refused);
            }
        }
    }
    accepted.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: Version = Version { modified: 784_111_777, length: 100 };

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn conditions_and_ranges_select_a_part() {
        let check = |lines: &[(&'static str, &str)], expected| {
            assert_eq!(part(&headers(lines), VERSION), expected, "{lines:?}");
        };
        let etag = VERSION.etag();
        check(&[], Part::Whole);
        check(&[("if-none-match", &etag)], Part::Unchanged);
        check(&[("if-none-match", &format!("\"x\", W/{etag}"))], Part::Unchanged);
        check(&[("if-none-match", "*")], Part::Unchanged);
        check(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")], Part::Unchanged);
        check(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")], Part::Whole);
        check(&[("if-none-match", "\"x\""), ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")], Part::Whole);
        check(&[("if-match", "\"x\"")], Part::Changed);
        check(&[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT")], Part::Changed);
        check(&[("range", "bytes=0-0")], Part::Range(0, 1));
        check(&[("range", "bytes=10-")], Part::Range(10, 90));
        check(&[("range", "bytes=90-1000")], Part::Range(90, 10));
        check(&[("range", "bytes=-30")], Part::Range(70, 30));
        check(&[("range", "bytes=-1000")], Part::Range(0, 100));
        check(&[("range", "bytes=100-")], Part::OutOfRange);
        check(&[("range", "bytes=-0")], Part::OutOfRange);
        check(&[("range", "bytes=5-4")], Part::Whole);
        check(&[("range", "bytes=0-1,3-4")], Part::Whole);
        check(&[("range", "lines=0-1")], Part::Whole);
        check(&[("range", "bytes=0-0"), ("if-range", "\"x\"")], Part::Whole);
        check(&[("range", "bytes=0-0"), ("if-range", &etag)], Part::Range(0, 1));
    }

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (value, expected) in [
            ("gzip,deflate", true),
            ("", false),
            ("br", false),
            ("*", true),
            ("GZIP;q=0.5", true),
            ("gzip;q=0, *", false),
        ] {
            assert_eq!(accepts_gzip(&headers(&[("accept-encoding", value)])), expected, "{value}");
        }
    }
}
