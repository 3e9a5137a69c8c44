//! From a request to a response: the router's decision, put into HTTP.

use super::body::ResponseBody;
use super::computed::{Answer, Computer, Form};
use super::files;
use super::head::CHANGED;
use super::headers::{accepts_gzip, is_another_wanted, names_tag};
use super::reply::{NO_STORE, bad_request, error, preflight, redirect, set, status, to_pages};
use super::site::Site;
use super::stretch::{Blocks, Permit};
use crate::answers::route::request::{
    self, BROKEN, Decision, Endpoint, File, Kind, NO_ARTIFACT, NO_RESOURCE, NO_REVISION, NO_ROUTE, NO_SIGNATURE,
};
use crate::base::headers::CacheClass;
use crate::base::media;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Text of the answer when a file exists and cannot be read.
const UNREADABLE: &str = "the registry cannot read its files at the moment";

/// Text of the answer when too many others are computed.
const BUSY: &str = "the registry computes too many answers at the moment";
/// Text of the answer to a host that serves another generation.
const ELSEWHERE: &str = "this server does not hold the generation that was asked for";

/// How long a response waits for other ones to close their files or to be computed.
const WAIT: Duration = Duration::from_secs(10);

/// What responses share with each other.
pub(super) struct Shares {
    /// A permit for each response that may have files open.
    pub(super) files: Arc<Semaphore>,
    /// A permit for each answer that may be computed at once, so that those of the tables need not wait for processors.
    pub(super) computing: Arc<Semaphore>,
    /// What large files are read into.
    pub(super) blocks: Arc<Blocks>,
}

/// Answers one request from one generation; without one, the client named a generation that is not here.
pub(super) async fn respond<B>(
    site: Option<Arc<Site>>,
    shares: &Shares,
    request: Request<B>,
) -> Response<ResponseBody> {
    let (parts, _) = request.into_parts();
    if let Some(what) = host_fault(parts.version, &parts.headers) {
        return bad_request(what);
    }
    let Some(site) = site else {
        let mut response = error(503, ELSEWHERE);
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
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
        Decision::File(found) => file(site, shares, found, parts.headers).await,
        Decision::Redirect(location) => redirect(&location),
        Decision::Health => Response::new(ResponseBody::empty()),
        Decision::Options => preflight(),
        // The tables read less than the registry does: what they call wrong may be hidden by an escape before it.
        Decision::Refuse(status @ (400 | 501), text) => match request::endpoint_below(&site.prefix, parts.uri.path()) {
            Some(endpoint) => {
                let query = parts.uri.query().unwrap_or_default().to_owned();
                let headers = parts.headers;
                let compute = move |_| computed(&site, endpoint, &query, &headers, (status, &text));
                aside(shares.computing.clone(), BUSY, compute).await
            }
            None => error(status, &text),
        },
        Decision::Refuse(status, text) => error(status, &text),
    };
    let answered = response.headers_mut();
    answered.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if is_earlier {
        // A cache does not know of the header that asked for it.
        answered.insert(header::CACHE_CONTROL, HeaderValue::from_static(NO_STORE));
    }
    if may_be_page {
        answered.append(header::VARY, HeaderValue::from_static("Accept"));
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
    let permit = match permits.clone().try_acquire_owned() {
        Ok(permit) => Some(permit),
        Err(_) => tokio::time::timeout(WAIT, permits.acquire_owned()).await.ok().and_then(Result::ok),
    };
    match permit {
        // A panic in there would be a fault of ours; the client gets an answer nevertheless.
        Some(permit) => tokio::task::spawn_blocking(move || work(permit)).await.unwrap_or_else(|_| error(500, BROKEN)),
        None => error(503, otherwise),
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
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media::JSON));
        headers.insert(header::CONTENT_LENGTH, size.into());
        if form == Form::Gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    };
    let headers = response.headers_mut();
    if varies {
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    set(headers, header::ETAG, &etag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CacheClass::Minutes.header()));
    if site.debug_header {
        headers.insert(HeaderName::from_static("x-epr-route"), HeaderValue::from_static("computed"));
    }
    response
}

/// Answers with a file. One that is kept is sent here and now: a change of threads would take longer than all the rest.
async fn file(site: Arc<Site>, shares: &Shares, file: File, headers: HeaderMap) -> Response<ResponseBody> {
    let takes_gzip = accepts_gzip(&headers) && files::may_vary(&site, &file);
    if let Some(kept) = site.shelf.get(&file.path, takes_gzip) {
        return kept.head.answer(&headers, |first, count| ResponseBody::Bytes(kept.stretch(first, count)));
    }
    let blocks = shares.blocks.clone();
    let find = move |permit| match files::find(&site, &file, takes_gzip, permit) {
        Ok(Some(found)) => found.head().answer(&headers, |first, count| found.stretch(first, count, &blocks)),
        Ok(None) => missing(&site, &file),
        // There all the same, so nothing may be said in its place; another time it may be read.
        Err(_) => error(503, UNREADABLE),
    };
    aside(shares.files.clone(), UNREADABLE, find).await
}

fn missing(site: &Site, file: &File) -> Response<ResponseBody> {
    match &file.kind {
        // The tables name it, so it is lost: nothing may be said in its place.
        Kind::Answer => error(500, BROKEN),
        Kind::Packaged(document) if files::exists(site, document) => error(404, NO_RESOURCE),
        Kind::Document | Kind::Packaged(_) => error(404, NO_REVISION),
        Kind::Archive => error(404, NO_ARTIFACT),
        Kind::Signature => error(404, NO_SIGNATURE),
        Kind::Index | Kind::Versions | Kind::Icon | Kind::Page => error(404, NO_ROUTE),
    }
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

/// Returns true if a client asks for a page rather than for JSON: browsers do, Kibana and health checks do not.
fn prefers_pages(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("text/html") && !accept.contains("application/json")
}
