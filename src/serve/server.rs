//! What all connections share, and the life of one connection.

use super::access_log::{AccessLog, Asked};
use super::guard::Guarded;
use super::metrics::{Endpoint, Metrics};
use super::observed::Observed;
use super::releases::Releases;
use super::site::Site;
use super::tls::Tls;
use super::{Event, Patience, Report, ServeOptions, respond};
use crate::answers::route::request::position_below;
use anyhow::Result;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Bytes of the head of a request.
const LONGEST_HEAD: usize = 64 * 1024;
/// Requests that one connection may have open at once.
const STREAMS: u32 = 128;

/// What all connections share.
pub(super) struct Server {
    /// The generation that is served at the moment.
    current: RwLock<Arc<Site>>,
    /// The releases beside it.
    releases: RwLock<Arc<Releases>>,
    pub(super) tls: Option<Tls>,
    pub(super) log: Option<AccessLog>,
    pub(super) metrics: Metrics,
    patience: Patience,
    report: Report,
}

impl Server {
    /// Opens everything that is served from or written to.
    pub(super) fn open(options: &ServeOptions, report: Report) -> Result<Self> {
        let site = Site::open(options)?;
        let (releases, failed) = Releases::default().look(options).unwrap_or_default();
        failed.into_iter().for_each(|error| report(Event::Trouble(error)));
        let metrics = Metrics::new();
        metrics.serves(site.name());
        Ok(Self {
            current: RwLock::new(Arc::new(site)),
            releases: RwLock::new(Arc::new(releases)),
            tls: options.tls.as_ref().map(Tls::open).transpose()?,
            log: options.access_log.as_deref().map(AccessLog::open).transpose()?,
            metrics,
            patience: options.patience,
            report,
        })
    }

    /// The generation of this moment.
    pub(super) fn served(&self) -> Arc<Site> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The releases of this moment.
    pub(super) fn releases(&self) -> Arc<Releases> {
        self.releases.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What answers a request: the release below whose path it lies, else the generation.
    fn site(&self, path: &str) -> Arc<Site> {
        let releases = self.releases();
        let found = position_below(path, releases.sites().map(|site| site.prefix.as_str()));
        found.and_then(|position| releases.sites().nth(position)).map_or_else(|| self.served(), Arc::clone)
    }

    /// Takes releases into use.
    pub(super) fn take_releases(&self, releases: Releases) {
        let names = releases.sites().map(|site| site.name()).collect();
        *self.releases.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(releases);
        self.report(Event::Releases(names));
    }

    /// Takes a generation into use.
    pub(super) fn take(&self, site: Site) {
        let folder = site.folder.clone();
        self.metrics.serves(site.name());
        self.metrics.switches.inc();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
        self.report(Event::Generation(folder));
    }

    /// Tells a person.
    pub(super) fn report(&self, event: Event) {
        if matches!(event, Event::Trouble(_)) {
            self.metrics.refusals.inc();
        }
        (self.report)(event);
    }
}

/// Handles one connection to its end.
pub(super) async fn handle(server: Arc<Server>, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
    // A body goes out in chunks, and the last one must not wait until the client has confirmed the others. A connection
    // that cannot be told so is only slower.
    let _ = stream.set_nodelay(true);
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
async fn talk<S>(server: &Arc<Server>, stream: S, peer: SocketAddr, watcher: Watcher)
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
    // An error here is a client that went away.
    let _ = watcher.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned()).await;
}

async fn answer(
    server: Arc<Server>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Observed>, Infallible> {
    let began = Instant::now();
    let endpoint = Endpoint::of(request.uri().path());
    let asked = server.log.is_some().then(|| Asked::new(peer.ip(), &request));
    let response = respond::respond(server.site(request.uri().path()), request).await;
    let status = response.status().as_u16();
    Ok(response.map(|content| Observed::new(content, status, began, endpoint, asked, server)))
}
