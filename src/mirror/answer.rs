//! What is asked of an upstream, and the head of what it answers.

use super::fault::Fault;
use super::record::Validators;
use reqwest::header::{self, HeaderMap};
use reqwest::{Response, Url};

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask<'a> {
    /// The first byte that is wanted, and a validator of what comes before it.
    pub(super) from: Option<(u64, &'a str)>,
    /// Nothing is wanted if it is still what these validators say.
    pub(super) unless: Option<&'a Validators>,
    /// No cache on the way may answer.
    pub(super) fresh: bool,
    /// The answer may be compressed.
    pub(super) gzip: bool,
}

/// The head of an answer that may be used: 200, 206, 304 or 416.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// The address that answered.
    pub(super) url: Url,
    pub(super) response: Response,
}

impl Answer {
    /// The text of a header.
    pub(super) fn header(&self, name: header::HeaderName) -> Option<String> {
        text_of(&self.headers, name)
    }

    /// Bytes that the answer declares.
    pub(super) fn length(&self) -> Option<u64> {
        self.header(header::CONTENT_LENGTH)?.parse().ok()
    }

    /// Validators of the content.
    pub(super) fn validators(&self) -> Validators {
        Validators { etag: self.header(header::ETAG), modified: self.header(header::LAST_MODIFIED) }
    }

    /// Returns true if the content is compressed by gzip, which was asked for.
    pub(super) fn is_gzip(&self) -> Result<bool, Fault> {
        match self.header(header::CONTENT_ENCODING).as_deref().map(str::trim) {
            None | Some("" | "identity") => Ok(false),
            Some(encoding) if encoding.eq_ignore_ascii_case("gzip") => Ok(true),
            Some(encoding) => Err(unasked(encoding)),
        }
    }

    /// Fails if the content is compressed, which was not asked for.
    pub(super) fn is_plain(&self) -> Result<(), Fault> {
        if self.is_gzip()? { Err(unasked("gzip")) } else { Ok(()) }
    }
}

fn unasked(encoding: &str) -> Fault {
    let encoding = crate::base::shown::printable(encoding, 40);
    Fault::Unfit(format!("the answer is compressed (`{encoding}`), which nobody asked for"))
}

/// The text of a header, if it is text.
pub(super) fn text_of(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
