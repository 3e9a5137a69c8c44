//! A server for a generation, with the reference router.
//!
//! It follows `current`: it switches to a new generation while requests go on, and every response comes from one
//! generation. Certificates are replaced in the same way. There are limits to silent, slow and too many clients.
//! Knows nothing of packages or of how a generation is made.

mod access_log;
mod body;
mod computed;
mod connection;
mod files;
mod guard;
mod handles;
mod head;
mod headers;
mod kept;
mod listener;
mod metrics;
mod observed;
mod options;
mod releases;
mod reply;
mod respond;
mod server;
mod site;
mod stretch;
mod tls;

pub use handles::MORE_HANDLES;
pub use listener::{Listener, Socket};
pub use options::{Event, MAX_CONNECTIONS, Patience, ServeOptions};
pub use tls::TlsFiles;

use anyhow::{Context, Result};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use server::Server;
use site::Site;
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

/// Interval at which `current` is read, which costs next to nothing.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);
/// Interval at which the certificate is looked at.
const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(1);

/// Serves until the process is asked to stop by SIGINT or SIGTERM. `listen` is an address with port, a port alone, or a Unix
/// socket such as `unix:/run/epr-build/epr.sock`.
///
/// # Errors
/// When the generation, certificate or log cannot be opened, an address cannot be bound, or there are too few file handles.
pub fn serve(options: &ServeOptions, listen: &str, report: impl Fn(Event) + Send + Sync + 'static) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the server")?;
    let shares = handles::shares(options.max_connections)?;
    if let Some(limit) = shares.limit {
        report(Event::Limited { connections: shares.connections, handles: limit });
    }
    let options = &ServeOptions { max_connections: shares.connections, max_files: shares.files, ..options.clone() };
    runtime.block_on(async {
        let stop = stop_signal()?;
        run(options, open(listen).await?, stop, report).await
    })
}

async fn open(listen: &str) -> Result<Listener> {
    match listen.strip_prefix(listener::SOCKET) {
        Some(path) => Ok(Listener::Socket(Socket::bind(Path::new(path)).await?)),
        None => Ok(Listener::Address(bind(listen).await?)),
    }
}

async fn bind(listen: &str) -> Result<TcpListener> {
    let port = listen.trim_start_matches(':');
    let address = if port.parse::<u16>().is_ok() { format!("0.0.0.0:{port}") } else { listen.to_owned() };
    TcpListener::bind(&address).await.with_context(|| format!("cannot listen on `{address}`"))
}

/// Serves on a bound socket until `stop` is ready; then finishes the running responses.
///
/// # Errors
/// When the generation, certificate or log cannot be opened, or the address of the metrics cannot be bound.
pub async fn run(
    options: &ServeOptions,
    listener: impl Into<Listener>,
    stop: impl Future<Output = ()>,
    report: impl Fn(Event) + Send + Sync + 'static,
) -> Result<()> {
    let server = Arc::new(Server::open(options, Arc::new(report))?);
    let metrics = match &options.metrics {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let listener = listener.into();
    server.report(match &listener {
        Listener::Address(listener) => Event::Listening(listener.local_addr().context("ask for the address")?),
        Listener::Socket(socket) => Event::ListeningAt(socket.path().to_owned()),
    });
    let mut tasks = vec![tokio::spawn(watch(options.clone(), server.clone()))];
    if let Some(listener) = metrics {
        server.report(Event::Measuring(listener.local_addr().context("ask for the address")?));
        tasks.push(tokio::spawn(measure(listener, server.clone())));
    }
    if server.tls.is_some() {
        tasks.push(tokio::spawn(watch_certificate(server.clone())));
    }
    let graceful = GracefulShutdown::new();
    tokio::select! {
        () = accept_all(&listener, &server, &graceful, options.max_connections) => {}
        () = stop => {}
    }
    // Nobody is to wait for a connection that will not be accepted.
    drop(listener);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    // A client that stays silent must not keep the process; whether all have finished makes no difference here.
    let _ = tokio::time::timeout(options.patience.stop, graceful.shutdown()).await;
    Ok(())
}

/// Accepts connections of either kind for ever, at most `limit` at once.
async fn accept_all(listener: &Listener, server: &Arc<Server>, graceful: &GracefulShutdown, limit: usize) {
    match listener {
        Listener::Address(listener) => {
            let next = async || {
                let (stream, peer) = listener.accept().await?;
                // A body goes out in chunks, and the last one must not wait until the client has confirmed the others. Where
                // the option cannot be set, the connection is only slower.
                let _ = stream.set_nodelay(true);
                Ok((stream, Some(peer.ip())))
            };
            accept(next, server, graceful, limit).await;
        }
        Listener::Socket(socket) => {
            accept(async || Ok((socket.accept().await?, None)), server, graceful, limit).await;
        }
    }
}

/// Accepts connections for ever, at most `limit` at once.
async fn accept<S>(
    next: impl AsyncFn() -> std::io::Result<(S, Option<IpAddr>)>,
    server: &Arc<Server>,
    graceful: &GracefulShutdown,
    limit: usize,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let places = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
    loop {
        // Never closed, so there is a place some time.
        let place = places.clone().acquire_owned().await;
        match next().await {
            Ok((stream, peer)) => {
                let connection = connection::handle(server.clone(), stream, peer, graceful.watcher());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                server.report(Event::Trouble(anyhow::Error::new(error).context("accept a connection")));
                // Being out of file handles passes; without a pause this loop would only make it worse.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Serves the metrics.
async fn measure(listener: TcpListener, server: Arc<Server>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let server = server.clone();
        let service = service_fn(move |request| {
            let response = metrics_response(&request, &server);
            async { Ok::<_, Infallible>(response) }
        });
        tokio::spawn(async move {
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(WATCH_INTERVAL * 100);
            // An error here is a client that went away.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn metrics_response<B>(request: &Request<B>, server: &Server) -> Response<String> {
    let (status, text) = match (request.uri().path(), server.metrics.render()) {
        ("/metrics", Ok(text)) => (StatusCode::OK, text),
        ("/metrics", Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}\n")),
        _ => (StatusCode::NOT_FOUND, "metrics are at /metrics\n".to_owned()),
    };
    let mut response = Response::new(text);
    *response.status_mut() = status;
    let open_metrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let kind = if status == StatusCode::OK { open_metrics } else { crate::base::media::TEXT };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Switches to a new generation once the link points to one, and to new releases once they are there.
async fn watch(options: ServeOptions, server: Arc<Server>) {
    let mut refused = None;
    loop {
        tokio::time::sleep(WATCH_INTERVAL).await;
        server.close_earlier();
        let (looked, asked, kept) = (server.releases(), options.clone(), server.kept.clone());
        if let Ok(Some((releases, failed))) = tokio::task::spawn_blocking(move || looked.look(&asked, &kept)).await {
            server.take_releases(releases);
            failed.into_iter().for_each(|error| server.report(Event::Trouble(error)));
        }
        let Ok(folder) = tokio::fs::canonicalize(&options.generation).await else { continue };
        if folder == server.served().folder || refused.as_ref() == Some(&folder) {
            continue;
        }
        let opened = {
            let (options, kept) = (options.clone(), server.kept.clone());
            tokio::task::spawn_blocking(move || Site::open(&options, &kept))
                .await
                .unwrap_or_else(|error| Err(error.into()))
        };
        match opened {
            Ok(site) => server.take(site),
            Err(error) => {
                refused = Some(folder);
                server.report(Event::Trouble(error));
            }
        }
    }
}

/// Switches to a new certificate once there is one.
async fn watch_certificate(server: Arc<Server>) {
    loop {
        tokio::time::sleep(CERTIFICATE_INTERVAL).await;
        let Some(tls) = &server.tls else { return };
        match tls.refresh() {
            Ok(false) => {}
            Ok(true) => server.report(Event::Certificate),
            Err(error) => server.report(Event::Trouble(error)),
        }
    }
}

/// Ready when the process is asked to stop. From the call on, not from the first poll, a request to stop ends nothing by force.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let listen = |kind| signal(kind).context("cannot listen to signals");
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
