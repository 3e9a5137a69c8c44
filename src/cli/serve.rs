//! `epr-build serve`: the built-in server.

use super::commands::{kind, not_built};
use super::{Exit, args};
use crate::generation::distribution::Distribution;
use crate::serve::{Event, MAX_CONNECTIONS, ServeOptions, TlsFiles};
use anyhow::{Error, Result, anyhow};
use clap::Args;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build serve --dist staging
  epr-build serve --dist staging --listen 8081            on all addresses
  epr-build serve --dist staging --listen 127.0.0.1:0     on any free port, which is printed
  epr-build serve --dist staging --listen 8443 --tls-cert epr.crt --tls-key epr.key
  epr-build serve --dist staging --access-log - --metrics 127.0.0.1:9090

A later build of the same distribution is taken over without a restart, and so are new certificate files and a log file
that was moved away. Stop it with Ctrl-C or SIGTERM: running responses are finished first.";

/// Arguments of `serve`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Distribution to serve
    #[arg(long = "dist", value_name = "NAME")]
    pub dist: String,
    /// Folder the distributions were written to
    #[arg(long, value_name = "DIR", default_value = args::DEFAULT_OUT)]
    pub out: PathBuf,
    /// Address and port, or a port alone
    #[arg(long, value_name = "ADDRESS", default_value = crate::config::DEFAULT_LISTEN)]
    pub listen: String,
    /// Certificate for HTTPS, followed by those between it and the authority, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Append a line for each response to this file, in the combined log format; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub access_log: Option<PathBuf>,
    /// Serve metrics for Prometheus at `/metrics` on this address
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<String>,
    /// Connections that may be open at once; further ones wait
    #[arg(long, value_name = "N", default_value_t = MAX_CONNECTIONS)]
    pub max_connections: usize,
    /// Say in a header of every answer which file it came from
    #[arg(long)]
    pub debug_header: bool,
}

/// Serves until the process is asked to stop.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let distribution = Distribution::new(&arguments.out, &arguments.dist);
    let Some(current) = distribution.current() else { return Err(not_built(&arguments.dist, &arguments.out)) };
    let tls = arguments.tls_cert.clone().zip(arguments.tls_key.clone());
    let scheme = if tls.is_some() { "https" } else { "http" };
    let options = ServeOptions {
        debug_header: arguments.debug_header,
        tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
        access_log: arguments.access_log.clone(),
        metrics: arguments.metrics.clone(),
        max_connections: arguments.max_connections,
        ..ServeOptions::new(distribution.current_link())
    };
    let name = arguments.dist.clone();
    let served = crate::serve::serve(&options, &arguments.listen, move |event| {
        // Nobody may be listening; serving matters more than saying so.
        let _ = match event {
            Event::Listening(address) => writeln!(io::stdout(), "serving {name} ({current}) on {scheme}://{address}"),
            Event::Measuring(address) => writeln!(io::stdout(), "metrics on http://{address}/metrics"),
            Event::Generation(folder) => writeln!(io::stdout(), "now serving {}", folder.display()),
            Event::Releases(names) if names.is_empty() => writeln!(io::stdout(), "now serving no release"),
            Event::Releases(names) => writeln!(io::stdout(), "now serving the releases {}", names.join(", ")),
            Event::Certificate => writeln!(io::stdout(), "now using the new certificate"),
            Event::Trouble(error) => writeln!(io::stderr(), "warning: {error:#}"),
        };
    });
    served.map_err(with_hint)?;
    Ok(Exit::Clean)
}

fn with_hint(error: Error) -> Error {
    let hint = match kind(&error) {
        Some(ErrorKind::AddrInUse) => "stop what uses the port, or name another one with --listen",
        Some(ErrorKind::PermissionDenied) => {
            "ports below 1024 and files of others are not for everybody; name another port with --listen"
        }
        Some(ErrorKind::InvalidInput) => "write `--listen 8080` or `--listen 127.0.0.1:8080`",
        _ => return error,
    };
    if format!("{error:#}").contains("hint: ") { error } else { anyhow!("{error:#}\nhint: {hint}") }
}
