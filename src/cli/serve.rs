//! `epr-build serve`, the built-in server.

use super::common::Exit;
use super::common::failures::{built_distribution, error_kind};
use super::common::options::OutputFolder;
use super::common::print::print;
use super::common::talk;
use crate::serve::{Event, MAX_CONNECTIONS, ServeOptions, TlsFiles};
use anyhow::{Error, Result, anyhow};
use clap::Args;
use std::io::ErrorKind;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  epr-build serve --dist staging
  epr-build serve --dist staging --listen 8081            on all addresses
  epr-build serve --dist staging --listen 127.0.0.1:0     on any free port, which is printed
  epr-build serve --dist staging --listen 8443 --tls-cert epr.crt --tls-key epr.key
  epr-build serve --dist staging --access-log - --metrics 127.0.0.1:9090

The server picks up later builds, new certificate files and a rotated access log without a restart. Stop it with Ctrl-C or \
SIGTERM: it first finishes the responses that it is sending.";

/// Fewer connections than this may be too few for a fleet's browsers and Kibanas.
const FEW_CONNECTIONS: usize = 1000;

/// Serve a distribution exactly as the generated server configurations do
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Distribution to serve
    #[arg(long, value_name = "NAME")]
    dist: String,
    #[command(flatten)]
    folder: OutputFolder,
    /// Address and port to listen on; a port alone means every address. `listen` of the configuration is for the generated
    /// server configurations, not for this server
    #[arg(long, value_name = "ADDRESS", default_value = crate::config::DEFAULT_LISTEN)]
    listen: String,
    /// Certificate for HTTPS, followed by its intermediate certificates, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Append a line for each response to this file, in the combined log format; `-` means standard output
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    /// Serve Prometheus metrics at `/metrics` on this address
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<String>,
    /// Number of connections that may be open at once; further ones wait
    #[arg(long, value_name = "N", default_value_t = MAX_CONNECTIONS)]
    max_connections: usize,
    /// Name the file of each answer in the header `X-Epr-Route`
    #[arg(long)]
    debug_header: bool,
}

/// Serves until the process is asked to stop.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let distribution = built_distribution(&arguments.folder.out, &arguments.dist)?;
    let current = distribution.current().unwrap_or_default();
    let tls = arguments.tls_cert.clone().zip(arguments.tls_key.clone());
    let prefix = distribution.hosting(&current)?.prefix;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let options = ServeOptions {
        debug_header: arguments.debug_header,
        tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
        access_log: arguments.access_log.clone(),
        metrics: arguments.metrics.clone(),
        max_connections: arguments.max_connections,
        ..ServeOptions::new(distribution.current_link())
    };
    let (name, quiet) = (arguments.dist.clone(), talk::quiet());
    let served = crate::serve::serve(&options, &arguments.listen, move |event| {
        // A closed output must not stop the server.
        let text = match event {
            Event::Trouble(error) => {
                let _ = talk::say(&format!("warning: {error:#}\n"));
                return;
            }
            Event::Limited { connections, handles } => {
                let _ = say_limit(connections, handles);
                return;
            }
            _ if quiet => return,
            Event::Listening(address) => format!("serving {name} ({current}) on {scheme}://{address}{prefix}"),
            Event::Measuring(address) => format!("metrics on http://{address}/metrics"),
            Event::Generation(folder) => format!("now serving {}", folder.display()),
            Event::Releases(names) if names.is_empty() => "now serving no releases".to_owned(),
            Event::Releases(names) => format!("now serving the releases {}", names.join(", ")),
            Event::Certificate => "now using the new certificate".to_owned(),
        };
        let _ = print(&(text + "\n"));
    });
    served.map_err(with_listen_hint)?;
    Ok(Exit::Clean)
}

/// Says how many connections the file handles suffice for: a warning if that is few.
fn say_limit(connections: usize, handles: u64) -> std::io::Result<()> {
    let text = format!("at most {connections} connections at once: the limit of file handles is {handles}");
    if connections >= FEW_CONNECTIONS {
        return talk::note(&text);
    }
    let hint = "raise it, with `ulimit -n 65536` in a shell or `LimitNOFILE=65536` in a systemd unit";
    talk::say(&format!("warning: {text}\nhint: {hint}\n"))
}

/// Adds a hint if the address or a file is the cause of a failure.
fn with_listen_hint(error: Error) -> Error {
    let hint = match error_kind(&error) {
        Some(ErrorKind::AddrInUse) => "stop the program that uses the port, or name another port with --listen",
        Some(ErrorKind::PermissionDenied) => {
            "you may not use this port or read this file; name a port above 1023 with --listen, or a file that you may read"
        }
        Some(ErrorKind::InvalidInput) => "write `--listen 8080` or `--listen 127.0.0.1:8080`",
        _ => return error,
    };
    if format!("{error:#}").contains("hint: ") { error } else { anyhow!("{error:#}\nhint: {hint}") }
}
