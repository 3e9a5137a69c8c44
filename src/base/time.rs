//! Times, in seconds since 1970, and the forms in which they are written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second of the year 9999: no form has room for a later one, so later ones are written as this.
const LAST: u64 = 253_402_300_799;

/// Returns the time of the machine's clock. Nothing that is published may depend on it.
#[expect(clippy::disallowed_methods, reason = "callers see to it that the time does not reach the output of a build")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Writes a time as feeds and journals do (RFC 3339): `1994-11-06T08:49:37Z`.
pub fn rfc3339(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(moment(seconds)).to_string()
}

/// Reads a time as [`rfc3339`] writes it.
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    let moment = humantime::parse_rfc3339(text).ok()?;
    Some(moment.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// Writes a time as headers of HTTP do: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn http(seconds: u64) -> String {
    httpdate::fmt_http_date(moment(seconds))
}

/// Reads a time in one of the three forms that HTTP knows.
pub fn parse_http(text: &str) -> Option<u64> {
    let moment = httpdate::parse_http_date(text).ok()?;
    Some(moment.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// Writes a time as access logs of web servers do: `06/Nov/1994:08:49:37 +0000`.
pub fn access_log(seconds: u64) -> String {
    let text = http(seconds);
    let (day, month, year, clock) = (&text[5..7], &text[8..11], &text[12..16], &text[17..25]);
    format!("{day}/{month}/{year}:{clock} +0000")
}

fn moment(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.min(LAST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times_are_written_and_read() {
        for (seconds, rfc, header, log) in [
            (0, "1970-01-01T00:00:00Z", "Thu, 01 Jan 1970 00:00:00 GMT", "01/Jan/1970:00:00:00 +0000"),
            (784_111_777, "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT", "06/Nov/1994:08:49:37 +0000"),
            (951_782_399, "2000-02-28T23:59:59Z", "Mon, 28 Feb 2000 23:59:59 GMT", "28/Feb/2000:23:59:59 +0000"),
            (951_782_400, "2000-02-29T00:00:00Z", "Tue, 29 Feb 2000 00:00:00 GMT", "29/Feb/2000:00:00:00 +0000"),
            (1_767_225_599, "2025-12-31T23:59:59Z", "Wed, 31 Dec 2025 23:59:59 GMT", "31/Dec/2025:23:59:59 +0000"),
            (4_107_542_400, "2100-03-01T00:00:00Z", "Mon, 01 Mar 2100 00:00:00 GMT", "01/Mar/2100:00:00:00 +0000"),
            (LAST, "9999-12-31T23:59:59Z", "Fri, 31 Dec 9999 23:59:59 GMT", "31/Dec/9999:23:59:59 +0000"),
        ] {
            assert_eq!(rfc3339(seconds), rfc);
            assert_eq!(parse_rfc3339(rfc), Some(seconds));
            assert_eq!(http(seconds), header);
            assert_eq!(parse_http(header), Some(seconds));
            assert_eq!(access_log(seconds), log);
        }
        assert_eq!(rfc3339(u64::MAX), rfc3339(LAST));
        assert_eq!(http(u64::MAX), http(LAST));
    }

    #[test]
    fn all_three_forms_of_http_are_read() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(parse_http(text), Some(784_111_777), "{text}");
        }
        for text in ["", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 GMT", "784111777", "1994-11-06T08:49:37Z"] {
            assert_eq!(parse_http(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_date_that_was_written_reads_the_same(seconds in 0..=LAST) {
            prop_assert_eq!(parse_http(&http(seconds)), Some(seconds));
        }
    }
}
