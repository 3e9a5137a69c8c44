//! Options of the server and the events it reports.

use super::kept::KEPT_BYTES;
use super::tls::TlsFiles;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Default number of connections that may be open at once.
pub const MAX_CONNECTIONS: usize = 20_000;

/// Limits to how long clients may keep the server waiting.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Limit for the TLS handshake.
    pub handshake: Duration,
    /// Limit for the head of a request, from the end of the one before.
    pub head: Duration,
    /// Limit for the next byte, in either direction.
    pub silence: Duration,
    /// Limit for running responses, after the server was asked to stop.
    pub stop: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { handshake: seconds(10), head: seconds(30), silence: seconds(60), stop: seconds(10) }
    }
}

/// Options of the server.
#[derive(Clone, Debug)]
pub struct ServeOptions {
    /// The folder of a generation, or a link to one, which is followed when it changes.
    pub generation: PathBuf,
    /// Adds `X-Epr-Route`, which names the file of an answer.
    pub debug_header: bool,
    /// The certificate for HTTPS; plain HTTP without.
    pub tls: Option<TlsFiles>,
    /// File to which a line for each response is appended; `-` is standard output.
    pub access_log: Option<PathBuf>,
    /// Address on which `/metrics` is served, apart from the registry.
    pub metrics: Option<String>,
    /// Connections that may be open at once; further ones wait until others end.
    pub max_connections: usize,
    /// Responses that may have files open at once; further ones wait for a while.
    pub max_files: usize,
    /// Bytes of files that are kept in memory.
    pub kept_bytes: u64,
    /// Limits to how long clients may keep the server waiting.
    pub patience: Patience,
}

impl ServeOptions {
    /// Serves a generation over plain HTTP, without logs or metrics.
    pub fn new(generation: PathBuf) -> Self {
        Self {
            generation,
            debug_header: false,
            tls: None,
            access_log: None,
            metrics: None,
            max_connections: MAX_CONNECTIONS,
            max_files: MAX_CONNECTIONS,
            kept_bytes: KEPT_BYTES,
            patience: Patience::default(),
        }
    }
}

/// An event while serving, for a person to read.
#[derive(Debug)]
pub enum Event {
    /// Fewer connections than asked for may be open at once, because of the limit of file handles.
    Limited {
        /// So many.
        connections: usize,
        /// The limit.
        handles: u64,
    },
    /// The server accepts connections here.
    Listening(SocketAddr),
    /// The server accepts connections at this Unix socket.
    ListeningAt(PathBuf),
    /// Metrics are served here.
    Measuring(SocketAddr),
    /// A new generation is served from now on: its folder.
    Generation(PathBuf),
    /// These releases are served beside it from now on.
    Releases(Vec<String>),
    /// A new certificate is used from now on.
    Certificate,
    /// Something went wrong; the server goes on with what it has.
    Trouble(anyhow::Error),
}

/// Receives events.
pub(super) type EventSink = Arc<dyn Fn(Event) + Send + Sync>;
