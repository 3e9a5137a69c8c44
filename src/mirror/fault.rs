//! Why a request gave nothing, sorted by what can be done about it.

use std::time::Duration;

/// Why a request gave nothing.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It may pass: the connection broke, or the server is in trouble. `wait` is what the server asks for.
    Passing {
        /// In words.
        text: String,
        /// How long the whole host wants to be left alone.
        wait: Option<Duration>,
    },
    /// It was tried as often as it may be.
    Unreachable(String),
    /// The server answers with this status, and will again.
    Status(u16),
    /// The answer is not one that may be used.
    Unfit(String),
    /// No further request to this upstream makes sense now.
    Over(String),
    /// This machine failed.
    Machine(anyhow::Error),
}

impl Fault {
    /// A failure that may pass.
    pub(super) fn passing(text: impl Into<String>) -> Self {
        Self::Passing { text: text.into(), wait: None }
    }

    /// The fault in words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Passing { text, .. } | Self::Unreachable(text) | Self::Unfit(text) | Self::Over(text) => text.clone(),
            Self::Status(status) => format!("the answer is {}", status_words(*status)),
            Self::Machine(error) => format!("{error:#}"),
        }
    }
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Self::Machine(error)
    }
}

/// A status with its meaning.
pub(super) fn status_words(status: u16) -> String {
    let reason = reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.map_or_else(|| status.to_string(), |reason| format!("{status} {reason}"))
}

/// Returns true if a status tells of trouble that may pass.
pub(super) fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// How long a server asks to be left alone: a number of seconds or a date. What is neither asks for nothing.
pub(super) fn retry_after(text: &str, now: u64) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    crate::base::time::parse_http(text).map(|date| Duration::from_secs(date.saturating_sub(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_seconds_or_dates() {
        let now = 784_111_777;
        for (text, expected) in [
            ("2", Some(2)),
            (" 120 ", Some(120)),
            ("86400", Some(86_400)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
        ] {
            assert_eq!(retry_after(text, now).map(|wait| wait.as_secs()), expected, "{text}");
        }
    }

    #[test]
    fn only_trouble_that_may_pass_is_tried_again() {
        let passing: Vec<_> = (100..600).filter(|status| may_pass(*status)).collect();
        assert_eq!(passing, [408, 425, 429, 500, 502, 503, 504]);
        assert_eq!(Fault::Status(410).words(), "the answer is 410 Gone");
        assert_eq!(Fault::Status(599).words(), "the answer is 599");
    }
}
