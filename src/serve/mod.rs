//! A small server for a generation, with the reference router: for trying a site out, and for tests.
//!
//! It follows `current`: a new generation is taken over while requests go on, and every response comes from one
//! generation. Knows nothing of packages or of how a generation is made.

mod body;
mod date;
mod files;
mod headers;
mod respond;
mod site;

use anyhow::Context;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use site::Site;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long running responses may take after the server was asked to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How often `current` is looked at, which costs next to nothing.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// What is served, and how.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The folder of a generation, or a link to one, which is followed when it changes.
    pub generation: PathBuf,
    /// Whether answers say in `X-Epr-Route` which file they are.
    pub debug_header: bool,
}

/// What happens while serving, for a person to read.
#[derive(Debug)]
pub enum Event {
    /// The server accepts connections here.
    Listening(SocketAddr),
    /// A new generation is served from now on: its folder.
    Generation(PathBuf),
    /// Something went wrong; the server goes on with what it has.
    Trouble(anyhow::Error),
}

/// The generation that is served at the moment.
type Current = Arc<RwLock<Arc<Site>>>;

/// Serves until the process is asked to stop by SIGINT or SIGTERM. `listen` is an address with port, or a port alone.
///
/// # Errors
/// When the generation cannot be read or the address cannot be bound.
pub fn serve(
    options: &ServeOptions,
    listen: &str,
    report: impl Fn(Event) + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the server")?;
    let port = listen.trim_start_matches(':');
    let address = if port.parse::<u16>().is_ok() { format!("0.0.0.0:{port}") } else { listen.to_owned() };
    runtime.block_on(async {
        let listener = TcpListener::bind(&address).await.with_context(|| format!("cannot listen on `{address}`"))?;
        run(options, listener, stop_signal(), report).await
    })
}

/// Serves on a bound socket until `stop` is ready; then finishes the running responses.
///
/// # Errors
/// When the generation cannot be read.
pub async fn run(
    options: &ServeOptions,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
    report: impl Fn(Event) + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let current: Current = Arc::new(RwLock::new(Arc::new(Site::open(options)?)));
    let report = Arc::new(report);
    report(Event::Listening(listener.local_addr().context("ask for the address")?));
    let watcher = tokio::spawn(watch(options.clone(), current.clone(), report.clone()));
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, _)) => answer(stream, current.clone(), &graceful),
            Err(error) => {
                report(Event::Trouble(anyhow::Error::new(error).context("accept a connection")));
                // Being out of file handles passes; without a pause this loop would only make it worse.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    watcher.abort();
    // A client that stays silent must not keep the process; whether all have finished makes no difference here.
    let _ = tokio::time::timeout(STOP_TIMEOUT, graceful.shutdown()).await;
    Ok(())
}

/// Handles one connection in its own task.
fn answer(stream: TcpStream, current: Current, graceful: &GracefulShutdown) {
    // A body goes out in chunks, and the last one must not wait until the client has confirmed the others. A connection
    // that cannot be told so is only slower.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let service = service_fn(move |request| {
        let site = served(&current);
        async move { Ok::<_, Infallible>(respond::respond(site, request).await) }
    });
    // An error here is a client that went away.
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    tokio::spawn(graceful.watch(connection));
}

fn served(current: &Current) -> Arc<Site> {
    current.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Takes over a new generation once the link points to one.
async fn watch(options: ServeOptions, current: Current, report: Arc<impl Fn(Event) + Send + Sync + 'static>) {
    let mut refused = None;
    loop {
        tokio::time::sleep(WATCH_INTERVAL).await;
        let Ok(folder) = tokio::fs::canonicalize(&options.generation).await else { continue };
        if folder == served(&current).folder || refused.as_ref() == Some(&folder) {
            continue;
        }
        let opened = {
            let options = options.clone();
            tokio::task::spawn_blocking(move || Site::open(&options)).await.unwrap_or_else(|error| Err(error.into()))
        };
        match opened {
            Ok(site) => {
                let folder = site.folder.clone();
                *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
                report(Event::Generation(folder));
            }
            Err(error) => {
                refused = Some(folder);
                report(Event::Trouble(error));
            }
        }
    }
}

/// Ready when the process is asked to stop.
async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
