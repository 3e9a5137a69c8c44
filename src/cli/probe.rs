//! `epr-build probe`, for health checks in images that have no curl.

use super::common::Exit;
use super::common::print::print;
use super::common::talk;
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const EXAMPLES: &str = "\
This does what `curl -f URL` does, in images that have no curl: it asks once, and says the status. It speaks plain HTTP only.

Exit codes:
  0  the answer is a success or a redirect
  2  the answer is an error, or there is none";

/// The time limit of each step: connecting, asking and answering.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The number of bytes that are read of an answer. Its first line is in them.
const HEAD: usize = 64;

/// Ask a registry whether it answers, for health checks
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Address to ask
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

/// Asks once.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let url = &arguments.url;
    let rest = url.strip_prefix("http://").with_context(|| format!("`{url}` does not begin with `http://`"))?;
    let (host, path) = rest.split_once('/').map_or((rest, ""), |(host, path)| (host, path));
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let address = if has_port { host.to_owned() } else { format!("{host}:80") };
    let status = ask(&address, host, path).with_context(|| format!("no answer from {url}"))?;
    ensure!((200..400).contains(&status), "{url} answers {status}");
    if !talk::quiet() {
        print(&format!("{url} answers {status}, as it should\n"))?;
    }
    Ok(Exit::Clean)
}

/// Asks each address of the host until one answers, and returns the status.
fn ask(address: &str, host: &str, path: &str) -> Result<u16> {
    let mut last = None;
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => return status(stream, host, path),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(error.into()),
        None => bail!("the host name has no address"),
    }
}

fn status(mut stream: TcpStream, host: &str, path: &str) -> Result<u16> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(HEAD as u64).read_to_end(&mut answer)?;
    let line = String::from_utf8_lossy(&answer);
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse().ok());
    status.context("the answer is not HTTP")
}
