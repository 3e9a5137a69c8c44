//! From a request to a response: the router's decision, put into HTTP.

use super::body::{Permit, ResponseBody};
use super::computed::{Answer, Computer, Form};
use super::files::{self, Opened};
use super::headers::{Part, accepts_gzip, is_another_wanted, names_tag};
use super::site::Site;
use crate::answers::route::request::{
    self, BROKEN, Decision, Endpoint, File, Kind, NO_ARTIFACT, NO_RESOURCE, NO_REVISION, NO_ROUTE, NO_SIGNATURE,
};
use crate::base::headers::{self, CacheClass};
use crate::base::media;
use crate::base::time;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Text of the answer when a file exists and cannot be read.
const UNREADABLE: &str = "the registry cannot read its files at the moment";

const NO_STORE: &str = "max-age=0, private, no-store";

/// Text of the answer when too many others are computed.
const BUSY: &str = "the registry computes too many answers at the moment";
/// Text of the answer to a host that serves another generation.
const ELSEWHERE: &str = "this server does not hold the generation that was asked for";

/// Text of the answer when the client wants another version than there is.
const CHANGED: &str = "precondition failed";

/// How long a response waits for other ones to close their files or to be computed.
const WAIT: Duration = Duration::from_secs(10);

/// What responses share with each other.
#[derive(Clone)]
pub(super) struct Shares {
    /// A permit for each response that may have files open.
    pub(super) files: Arc<Semaphore>,
    /// A permit for each answer that may be computed at once, so that those of the tables need not wait for processors.
    pub(super) computing: Arc<Semaphore>,
}

/// Answers one request from one generation; without one, the client named a generation that is not here.
pub(super) async fn respond<B>(site: Option<Arc<Site>>, shares: Shares, request: Request<B>) -> Response<ResponseBody> {
    let (parts, _) = request.into_parts();
    if let Some(what) = host_fault(parts.version, &parts.headers) {
        return bad_request(what);
    }
    let Some(site) = site else {
        let mut response = error(503, ELSEWHERE);
        set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        return response;
    };
    let is_earlier = site.is_earlier;
    let decision =
        request::route_below(&site.prefix, &site.routes, parts.method.as_str(), parts.uri.path(), parts.uri.query());
    let may_be_page = site.notes.pages && matches!(&decision, Decision::File(file) if file.kind == Kind::Index);
    let mut response = match decision {
        Decision::File(_)
            if may_be_page && !parts.uri.path().ends_with("index.json") && prefers_pages(&parts.headers) =>
        {
            to_pages(&site.prefix)
        }
        Decision::File(file) => {
            let headers = parts.headers;
            aside(shares.files, UNREADABLE, move |permit| file_response(&site, &file, &headers, permit)).await
        }
        Decision::Redirect(location) => redirect(&location),
        Decision::Health => Response::new(ResponseBody::empty()),
        Decision::Options => preflight(),
        // The tables read less than the registry does: what they call wrong may be hidden by an escape before it.
        Decision::Refuse(status @ (400 | 501), text) => match request::endpoint_below(&site.prefix, parts.uri.path()) {
            Some(endpoint) => {
                let query = parts.uri.query().unwrap_or_default().to_owned();
                let headers = parts.headers;
                let compute = move |_| computed(&site, endpoint, &query, &headers, (status, &text));
                aside(shares.computing, BUSY, compute).await
            }
            None => error(status, &text),
        },
        Decision::Refuse(status, text) => error(status, &text),
    };
    set(&mut response, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    if is_earlier {
        // A cache does not know of the header that asked for it.
        set(&mut response, header::CACHE_CONTROL, NO_STORE);
    }
    if may_be_page {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    }
    if parts.method == Method::HEAD {
        *response.body_mut() = ResponseBody::empty();
    }
    response
}

/// Does blocking work on a thread of its own, once there is a permit for it; else says that it cannot be done now.
async fn aside(
    permits: Arc<Semaphore>,
    otherwise: &str,
    work: impl FnOnce(Permit) -> Response<ResponseBody> + Send + 'static,
) -> Response<ResponseBody> {
    match tokio::time::timeout(WAIT, permits.acquire_owned()).await {
        // A panic in there would be a fault of ours; the client gets an answer nevertheless.
        Ok(Ok(permit)) => {
            tokio::task::spawn_blocking(move || work(permit)).await.unwrap_or_else(|_| error(500, BROKEN))
        }
        Ok(Err(_)) | Err(_) => error(503, otherwise),
    }
}

/// Answers what the tables refuse; a generation that cannot be computed from gives their answer.
fn computed(
    site: &Site,
    endpoint: Endpoint,
    query: &str,
    headers: &HeaderMap,
    (status, text): (u16, &str),
) -> Response<ResponseBody> {
    let computer = match site.computer() {
        Ok(Some(computer)) => computer,
        Ok(None) => return error(status, text),
        Err(_) => return error(500, BROKEN),
    };
    match endpoint.question(query).map(|question| computer.answer(question)) {
        Ok(Ok(answer)) => computed_response(site, &computer, answer, headers),
        Ok(Err(_)) => error(503, UNREADABLE),
        Err(text) => error(400, &text),
    }
}

fn computed_response(
    site: &Site,
    computer: &Arc<Computer>,
    answer: Arc<Answer>,
    headers: &HeaderMap,
) -> Response<ResponseBody> {
    let form = answer.form(accepts_gzip(headers));
    let (etag, size, varies) = (answer.etag(form), answer.size(form), answer.varies());
    if is_another_wanted(headers, &etag) {
        return error(412, CHANGED);
    }
    let mut response = if names_tag(headers, &etag) {
        status(StatusCode::NOT_MODIFIED, ResponseBody::empty())
    } else {
        let body = ResponseBody::Computed { answer, computer: Arc::clone(computer), form, from: 0, left: size };
        let mut response = status(StatusCode::OK, body);
        set(&mut response, header::CONTENT_TYPE, media::JSON);
        set(&mut response, header::CONTENT_LENGTH, &size.to_string());
        if form == Form::Gzip {
            set(&mut response, header::CONTENT_ENCODING, "gzip");
        }
        response
    };
    if varies {
        set(&mut response, header::VARY, "Accept-Encoding");
    }
    set(&mut response, header::ETAG, &etag);
    set(&mut response, header::CACHE_CONTROL, CacheClass::Minutes.header());
    if site.debug_header {
        set(&mut response, HeaderName::from_static("x-epr-route"), "computed");
    }
    response
}

fn file_response(site: &Site, file: &File, headers: &HeaderMap, permit: Permit) -> Response<ResponseBody> {
    match files::open(site, file, headers, accepts_gzip(headers), permit) {
        Ok(Some(opened)) => opened_response(site, file, opened),
        Ok(None) => missing(site, file),
        // There all the same, so nothing may be said in its place; another time it may be read.
        Err(_) => error(503, UNREADABLE),
    }
}

fn opened_response(site: &Site, file: &File, opened: Opened) -> Response<ResponseBody> {
    let Opened { part, version, .. } = opened;
    let mut response = match part {
        Part::Changed => return error(412, CHANGED),
        Part::OutOfRange => {
            let mut response = error(416, "invalid range: failed to overlap");
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{}", version.length));
            return response;
        }
        Part::Unchanged => status(StatusCode::NOT_MODIFIED, ResponseBody::empty()),
        Part::Whole => status(StatusCode::OK, opened.content),
        Part::Range(first, count) => {
            let mut response = status(StatusCode::PARTIAL_CONTENT, opened.content);
            let last = first + count - 1;
            set(&mut response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{}", version.length));
            response
        }
    };
    let count = match part {
        Part::Range(_, count) => count,
        _ => version.length,
    };
    if part != Part::Unchanged {
        set(&mut response, header::CONTENT_TYPE, &opened.media);
        set(&mut response, header::CONTENT_LENGTH, &count.to_string());
        set(&mut response, header::ACCEPT_RANGES, "bytes");
        if opened.is_gzip {
            set(&mut response, header::CONTENT_ENCODING, "gzip");
        }
    }
    if opened.varies {
        set(&mut response, header::VARY, "Accept-Encoding");
    }
    set(&mut response, header::ETAG, &version.etag());
    set(&mut response, header::LAST_MODIFIED, &time::http(version.modified));
    set(&mut response, header::CACHE_CONTROL, age(&file.kind, site.notes.immutable));
    let policy = match file.kind {
        Kind::Page => Some(headers::POLICY),
        Kind::Packaged(_) => Some(headers::SANDBOX),
        _ => None,
    };
    if let Some(policy) = policy {
        set(&mut response, header::CONTENT_SECURITY_POLICY, policy);
        set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    }
    if file.kind == Kind::Page {
        set(&mut response, header::REFERRER_POLICY, "no-referrer");
    }
    if site.debug_header {
        set(&mut response, HeaderName::from_static("x-epr-route"), &file.path);
    }
    response
}

/// Cache-Control of a file.
fn age(kind: &Kind, immutable: bool) -> &'static str {
    let class = match kind {
        Kind::Packaged(_) | Kind::Archive | Kind::Signature if immutable => CacheClass::Immutable,
        Kind::Document | Kind::Index => CacheClass::Seconds,
        _ => CacheClass::Minutes,
    };
    class.header()
}

fn missing(site: &Site, file: &File) -> Response<ResponseBody> {
    match &file.kind {
        // The tables name it, so it is lost: nothing may be said in its place.
        Kind::Answer => error(500, BROKEN),
        Kind::Packaged(document) if files::exists(site, document) => error(404, NO_RESOURCE),
        Kind::Document | Kind::Packaged(_) => error(404, NO_REVISION),
        Kind::Archive => error(404, NO_ARTIFACT),
        Kind::Signature => error(404, NO_SIGNATURE),
        Kind::Index | Kind::Icon | Kind::Page => error(404, NO_ROUTE),
    }
}

fn status(status: StatusCode, content: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(content);
    *response.status_mut() = status;
    response
}

fn error(code: u16, text: &str) -> Response<ResponseBody> {
    let mut response =
        status(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), ResponseBody::text(text));
    set(&mut response, header::CONTENT_TYPE, media::TEXT);
    // The body of a HEAD is dropped later; its length is not.
    set(&mut response, header::CONTENT_LENGTH, &(text.len() + 1).to_string());
    set(&mut response, header::CACHE_CONTROL, NO_STORE);
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if code == 405 {
        set(&mut response, header::ALLOW, "GET, HEAD, OPTIONS");
    }
    response
}

/// The fault of the header `Host`, which HTTP/1.1 demands once, in the words of the reference.
fn host_fault(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Some("too many Host headers"),
        (None, None) if version == Version::HTTP_11 => Some("missing required Host header"),
        (Some(host), None) if !host.as_bytes().iter().all(|byte| is_of_host(*byte)) => Some("malformed Host header"),
        _ => None,
    }
}

/// Returns true for the characters of host names, addresses and ports.
fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!$%&'()*+,-.:;=[]_~".contains(&byte)
}

/// A request that is none: what follows it on the connection cannot be trusted either.
fn bad_request(what: &str) -> Response<ResponseBody> {
    let mut response = error(400, &format!("400 Bad Request: {what}"));
    set(&mut response, header::CONNECTION, "close");
    response
}

fn redirect(location: &str) -> Response<ResponseBody> {
    let mut response = status(StatusCode::MOVED_PERMANENTLY, ResponseBody::empty());
    set(&mut response, header::LOCATION, location);
    response
}

/// Returns true if a client asks for a page rather than for JSON: browsers do, Kibana and health checks do not.
fn prefers_pages(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("text/html") && !accept.contains("application/json")
}

/// From `/` to the pages, never remembered by clients.
fn to_pages(prefix: &str) -> Response<ResponseBody> {
    let mut response = status(StatusCode::FOUND, ResponseBody::empty());
    set(&mut response, header::LOCATION, &format!("{prefix}/ui/"));
    set(&mut response, header::CACHE_CONTROL, NO_STORE);
    response
}

fn preflight() -> Response<ResponseBody> {
    let mut response = status(StatusCode::NO_CONTENT, ResponseBody::empty());
    set(&mut response, header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS");
    set(&mut response, header::ACCESS_CONTROL_ALLOW_HEADERS, "*");
    response
}

/// Sets a header; a value that no header can hold, such as a path with a line break, is left out.
fn set(response: &mut Response<ResponseBody>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}
