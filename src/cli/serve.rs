//! `epr-build serve`, the built-in server.

use super::common::Exit;
use super::common::failures::{error_kind, wanted_distribution};
use super::common::options::OutputFolder;
use super::common::print::print;
use super::common::registry_environment::{LowestTls, RegistryEnvironment, lowest_tls};
use super::common::summary::own_key_line;
use super::common::talk;
use crate::config::DEFAULT_LISTEN;
use crate::serve::{Event, MAX_CONNECTIONS, MORE_HANDLES, ServeOptions, TlsFiles};
use anyhow::{Error, Result, anyhow, bail};
use clap::Args;
use std::io::ErrorKind;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  epr-build serve --dist staging
  epr-build serve --dist staging --listen 8081            on all addresses
  epr-build serve --dist staging --listen 127.0.0.1:0     on any free port, which is printed
  epr-build serve --dist staging --listen unix:/run/epr-build/staging.sock    for a web server on this machine
  epr-build serve --dist staging --listen 8443 --tls-cert epr.crt --tls-key epr.key
  epr-build serve --dist staging --access-log - --metrics 127.0.0.1:9090
  EPR_ADDRESS=0.0.0.0:8080 epr-build serve --out /srv/epr in the place of Elastic's registry

The server picks up later builds, new certificate files and a rotated access log without a restart. Stop it with Ctrl-C or \
SIGTERM: it first finishes the responses that it is sending.

What starts Elastic's registry starts this: EPR_ADDRESS, EPR_TLS_CERT, EPR_TLS_KEY, EPR_TLS_MIN_VERSION, EPR_METRICS_ADDRESS and \
EPR_LOG_LEVEL are read where the option is absent; its other variables are named once, as not needed.";

/// Fewer connections than this may be too few for a fleet's browsers and Kibanas.
const FEW_CONNECTIONS: usize = 1000;

/// Serve a distribution, and compute the answers that its tables do not hold
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Distribution to serve [default: the only one in the output folder]
    #[arg(long, value_name = "NAME")]
    dist: Option<String>,
    #[command(flatten)]
    folder: OutputFolder,
    /// Address and port to listen on; a port alone means every address, and `unix:/PATH` a Unix socket, which the user and the
    /// group of the server may use [default: EPR_ADDRESS, or 127.0.0.1:8080]. `listen` of
    /// the configuration is for the generated server configurations, not for this server
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Certificate for HTTPS, followed by its intermediate certificates, in PEM [default: EPR_TLS_CERT]
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM [default: EPR_TLS_KEY]
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Lowest version of TLS, 1.2 or 1.3 [default: EPR_TLS_MIN_VERSION, or 1.2]
    #[arg(long, value_name = "VERSION")]
    tls_min_version: Option<String>,
    /// Append a line for each response to this file, in the combined log format; `-` means standard output
    #[arg(long, value_name = "FILE")]
    access_log: Option<PathBuf>,
    /// Serve Prometheus metrics at `/metrics` on this address [default: EPR_METRICS_ADDRESS, or none]
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
    let environment = RegistryEnvironment::of_process();
    let quiet = talk::quiet() || environment.is_quiet;
    if let Some(note) = environment.note().filter(|_| !quiet) {
        talk::say(&format!("note: {note}\n"))?;
    }
    let distribution = wanted_distribution(&arguments.folder.out, arguments.dist.as_deref())?;
    let name = distribution.name();
    let current = distribution.current().unwrap_or_default();
    let tls = tls(arguments, &environment)?;
    let prefix = distribution.hosting(&current)?.prefix;
    let own_key = distribution.report(&current).and_then(|report| own_key_line(&report));
    if let Some(line) = own_key.filter(|_| !quiet) {
        talk::say(&format!("note: kibana.yml needs {line}\n"))?;
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    let options = ServeOptions {
        debug_header: arguments.debug_header,
        tls,
        access_log: arguments.access_log.clone(),
        metrics: arguments.metrics.clone().or(environment.metrics),
        max_connections: arguments.max_connections,
        ..ServeOptions::new(distribution.current_link())
    };
    let listen = arguments.listen.clone().or(environment.address).unwrap_or_else(|| DEFAULT_LISTEN.to_owned());
    let served = crate::serve::serve(&options, &listen, move |event| {
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
            Event::ListeningAt(path) => {
                format!("serving {name} ({current}) on unix:{}, below `{prefix}/`", path.display())
            }
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

/// Certificate and key, from the options or else from the environment.
fn tls(arguments: &Arguments, environment: &RegistryEnvironment) -> Result<Option<TlsFiles>> {
    let path = |text: &Option<String>| text.as_ref().map(PathBuf::from);
    let files = match (&arguments.tls_cert, &arguments.tls_key) {
        (None, None) => (path(&environment.tls_cert), path(&environment.tls_key)),
        (certificate, key) => (certificate.clone(), key.clone()),
    };
    let version = arguments.tls_min_version.as_ref().or(environment.tls_min_version.as_ref());
    let lowest = version.map_or(Ok(LowestTls::V12 { is_raised: false }), |version| lowest_tls(version))?;
    let (certificate, key) = match files {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        _ => bail!("a certificate needs its key\nhint: set both EPR_TLS_CERT and EPR_TLS_KEY, or neither"),
    };
    if lowest == (LowestTls::V12 { is_raised: true }) {
        talk::say("warning: TLS 1.0 and 1.1 are not spoken; the lowest version is 1.2\n")?;
    }
    Ok(Some(TlsFiles { certificate, key, only_v13: lowest == LowestTls::V13 }))
}

/// Says how many connections the file handles suffice for: a warning if that is few.
fn say_limit(connections: usize, handles: u64) -> std::io::Result<()> {
    let text = format!("at most {connections} connections at once: the limit of file handles is {handles}");
    if connections >= FEW_CONNECTIONS {
        return talk::note(&text);
    }
    talk::say(&format!("warning: {text}\nhint: {MORE_HANDLES}\n"))
}

/// Adds a hint if the address or a file is the cause of a failure.
fn with_listen_hint(error: Error) -> Error {
    let hint = match error_kind(&error) {
        Some(ErrorKind::AddrInUse) => "stop the program that uses the port, or name another port with --listen",
        Some(ErrorKind::PermissionDenied) => {
            "you may not use this port or read this file; name a port above 1023 with --listen, or a file that you may read"
        }
        Some(ErrorKind::InvalidInput) => {
            "write `--listen 8080`, `--listen 127.0.0.1:8080` or `--listen unix:/run/epr-build/epr.sock`"
        }
        _ => return error,
    };
    if format!("{error:#}").contains("hint: ") { error } else { anyhow!("{error:#}\nhint: {hint}") }
}
