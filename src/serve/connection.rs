//! One connection from its first byte to its last.

use super::access_log::{self, Asked};
use super::body::ResponseBody;
use super::guard::Guarded;
use super::metrics::Endpoint;
use super::observed::Observed;
use super::respond;
use super::server::Server;
use super::tls::Tls;
use crate::base::time;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// Bytes of the head of a request.
const LONGEST_HEAD: usize = 64 * 1024;
/// Requests that one connection may have open at once.
const STREAMS: u32 = 128;

/// Handles one connection to its end.
///
/// `peer` is the address of the client, which those at a Unix socket do not have.
pub(super) async fn handle<S>(server: Arc<Server>, stream: S, peer: Option<IpAddr>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    server.metrics.accepted.inc();
    server.metrics.connections.inc();
    let stream = Guarded::new(stream, server.patience.silence);
    match server.tls.as_ref().map(Tls::acceptor) {
        None => talk(&server, stream, peer, watcher).await,
        Some(acceptor) => match timeout(server.patience.handshake, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => talk(&server, stream, peer, watcher).await,
            Ok(Err(_)) | Err(_) => _ = server.metrics.handshakes_failed.inc(),
        },
    }
    server.metrics.connections.dec();
}

/// Speaks HTTP, 1 or 2 as the client likes.
async fn talk<S>(server: &Arc<Server>, stream: S, peer: Option<IpAddr>, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let head = server.patience.head;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head).max_buf_size(LONGEST_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(LONGEST_HEAD as u32)
        .keep_alive_interval(head)
        .keep_alive_timeout(head);
    let shared = server.clone();
    let service = service_fn(move |request| answer(shared.clone(), peer, request));
    let ended = watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned()).await;
    // Any other error is a client that went away.
    if let Some(error) =
        ended.err().and_then(|error| error.downcast::<hyper::Error>().ok()).filter(|error| error.is_parse())
    {
        note_refused(server, peer, if error.is_parse_too_large() { 431 } else { 400 });
    }
}

/// Counts and logs a request that never became one: the parser refused it and answered.
fn note_refused(server: &Server, peer: Option<IpAddr>, status: u16) {
    server.metrics.answered(Endpoint::other, status, 0, Duration::ZERO);
    if let Some(log) = &server.log
        && !log.write(access_log::unreadable(peer, time::now(), status))
    {
        server.metrics.lines_dropped.inc();
    }
}

async fn answer(
    server: Arc<Server>,
    peer: Option<IpAddr>,
    request: Request<Incoming>,
) -> Result<Response<Observed>, Infallible> {
    let began = Instant::now();
    let endpoint = Endpoint::of(request.uri().path());
    let asked = server.log.is_some().then(|| Asked::new(peer, &request));
    let response = respond::respond(server.site(&request).await, &server.shares, request).await;
    let status = response.status().as_u16();
    if matches!(response.body(), ResponseBody::Computed { .. }) {
        server.metrics.computed.inc();
    }
    Ok(response.map(|content| Observed::new(content, status, began, endpoint, asked, server)))
}
