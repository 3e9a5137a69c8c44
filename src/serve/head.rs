//! What a response says of a file: its validators, its type, and what browsers may do with it. Made once for a file that is
//! kept in memory.

use super::body::ResponseBody;
use super::headers::{self as wanted, Part, Version};
use super::reply::{error, set, status};
use crate::answers::route::request::{File, Kind};
use crate::base::headers::{self, CacheClass};
use crate::base::time;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use std::borrow::Cow;

/// Text of the answer when the client wants another version than there is.
pub(super) const CHANGED: &str = "precondition failed";

/// What the disk says of a file.
pub(super) struct Traits {
    /// Version of the bytes that are sent, compressed or not.
    pub(super) version: Version,
    pub(super) media: Cow<'static, str>,
    /// True if they are the gzip copy.
    pub(super) is_gzip: bool,
    /// True if there is a gzip copy, so that answers depend on what clients accept.
    pub(super) varies: bool,
}

/// The version of a file and the headers of an answer that is the whole of it.
pub(super) struct Head {
    version: Version,
    headers: HeaderMap,
}

impl Head {
    /// `immutable` says whether files of packages never change, `shows_route` whether the path is told.
    pub(super) fn new(file: &File, traits: &Traits, immutable: bool, shows_route: bool) -> Self {
        let mut head = Self::bare(traits);
        let headers = &mut head.headers;
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(age(&file.kind, immutable)));
        let policy = match file.kind {
            Kind::Page => Some(headers::POLICY),
            Kind::Packaged(_) => Some(headers::SANDBOX),
            _ => None,
        };
        if let Some(policy) = policy {
            headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        if file.kind == Kind::Page {
            headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        if shows_route {
            set(headers, HeaderName::from_static("x-epr-route"), &file.path);
        }
        head
    }

    /// What does not depend on the kind of file.
    pub(super) fn bare(traits: &Traits) -> Self {
        let version = traits.version;
        let mut headers = HeaderMap::with_capacity(16);
        set(&mut headers, header::CONTENT_TYPE, &traits.media);
        headers.insert(header::CONTENT_LENGTH, version.length.into());
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if traits.is_gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if traits.varies {
            headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        }
        set(&mut headers, header::ETAG, &version.etag());
        set(&mut headers, header::LAST_MODIFIED, &time::http(version.modified));
        // Every answer has it; here it costs nothing.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        Self { version, headers }
    }

    /// The answer to a client with such headers; `content` is asked for the bytes to send: the first, and how many.
    pub(super) fn answer(
        &self,
        asked: &HeaderMap,
        content: impl FnOnce(u64, u64) -> ResponseBody,
    ) -> Response<ResponseBody> {
        let length = self.version.length;
        match wanted::part(asked, self.version) {
            Part::Changed => error(412, CHANGED),
            Part::OutOfRange => {
                let mut response = error(416, "invalid range: failed to overlap");
                set(response.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{length}"));
                response
            }
            Part::Unchanged => {
                let mut response = self.response(StatusCode::NOT_MODIFIED, ResponseBody::empty());
                let headers = response.headers_mut();
                for name in
                    [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::ACCEPT_RANGES, header::CONTENT_ENCODING]
                {
                    headers.remove(name);
                }
                response
            }
            Part::Whole => self.response(StatusCode::OK, content(0, length)),
            Part::Range(first, count) => {
                let mut response = self.response(StatusCode::PARTIAL_CONTENT, content(first, count));
                let (headers, last) = (response.headers_mut(), first + count - 1);
                set(headers, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"));
                headers.insert(header::CONTENT_LENGTH, count.into());
                response
            }
        }
    }

    fn response(&self, code: StatusCode, content: ResponseBody) -> Response<ResponseBody> {
        let mut response = status(code, content);
        *response.headers_mut() = self.headers.clone();
        response
    }
}

/// Cache-Control of a file.
fn age(kind: &Kind, immutable: bool) -> &'static str {
    let class = match kind {
        Kind::Packaged(_) | Kind::Archive | Kind::Signature if immutable => CacheClass::Immutable,
        Kind::Document | Kind::Index | Kind::Versions => CacheClass::Seconds,
        _ => CacheClass::Minutes,
    };
    class.header()
}
