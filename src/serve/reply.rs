//! Responses that are no file: errors, redirects and the like; and how a header is set.

use super::body::ResponseBody;
use crate::base::media;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};

pub(super) const NO_STORE: &str = "max-age=0, private, no-store";

pub(super) fn status(status: StatusCode, content: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(content);
    *response.status_mut() = status;
    response
}

/// An error with its text, which nobody is to keep.
pub(super) fn error(code: u16, text: &str) -> Response<ResponseBody> {
    let mut response =
        status(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), ResponseBody::text(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media::TEXT));
    // The body of a HEAD is dropped later; its length is not.
    headers.insert(header::CONTENT_LENGTH, (text.len() + 1).into());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if code == 405 {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    }
    response
}

/// A request that is none: what follows it on the connection cannot be trusted either.
pub(super) fn bad_request(what: &str) -> Response<ResponseBody> {
    let mut response = error(400, &format!("400 Bad Request: {what}"));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

pub(super) fn redirect(location: &str) -> Response<ResponseBody> {
    let mut response = status(StatusCode::MOVED_PERMANENTLY, ResponseBody::empty());
    set(response.headers_mut(), header::LOCATION, location);
    response
}

/// From `/` to the pages, never remembered by clients.
pub(super) fn to_pages(prefix: &str) -> Response<ResponseBody> {
    let mut response = status(StatusCode::FOUND, ResponseBody::empty());
    let headers = response.headers_mut();
    set(headers, header::LOCATION, &format!("{prefix}/ui/"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
    response
}

pub(super) fn preflight() -> Response<ResponseBody> {
    let mut response = status(StatusCode::NO_CONTENT, ResponseBody::empty());
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    response
}

/// Sets a header; a value that no header can hold, such as a path with a line break, is left out.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
