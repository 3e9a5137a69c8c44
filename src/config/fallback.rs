//! The fallback of hosts: a server that computes what their tables do not hold.
//!
//! Its address is written into configurations of servers as it is, so it holds nothing that any of them could read as
//! something else. It has no path: hosts pass on what they were asked for, unchanged.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Longest path of a socket: the kernel takes 107 bytes.
const LONGEST_SOCKET: usize = 100;
/// Longest name of a machine.
const LONGEST_HOST: usize = 253;
/// Begins the address of a socket.
const SOCKET: &str = "unix:";

/// Where hosts ask for what their tables do not hold. Its text is the one of the configuration; empty for [`Self::Off`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Fallback {
    /// Nowhere: they refuse it with 501.
    #[default]
    Off,
    /// At a machine.
    Address {
        /// True if it is asked by HTTPS.
        tls: bool,
        /// A name, or an address; one of IPv6 is in brackets.
        host: String,
        /// Its port.
        port: u16,
    },
    /// At a Unix socket of this path.
    Socket(String),
}

impl Fallback {
    /// Returns true if there is none.
    pub fn is_off(&self) -> bool {
        *self == Self::Off
    }

    /// The host for the header `Host`, with its port where that is not the scheme's own.
    pub fn authority(&self) -> String {
        match self {
            Self::Address { tls, host, port } if *port == default_port(*tls) => host.clone(),
            Self::Address { host, port, .. } => format!("{host}:{port}"),
            Self::Off | Self::Socket(_) => "localhost".to_owned(),
        }
    }

    /// Returns true if a server that listens on `listen` (a port, or an address and a port) is the fallback itself, as far as
    /// the texts tell.
    pub fn is_at(&self, listen: &str) -> bool {
        let Self::Address { host, port, .. } = self else { return false };
        let (name, own_port) = listen.rsplit_once(':').unwrap_or(("", listen));
        let is_local = |host: &str| matches!(host, "localhost" | "[::1]") || host.starts_with("127.");
        let is_any = matches!(name, "" | "0.0.0.0" | "[::]");
        own_port == port.to_string() && (host.eq_ignore_ascii_case(name) || (is_any && is_local(host)))
    }
}

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => Ok(()),
            Self::Address { tls, .. } => write!(f, "http{}://{}", if *tls { "s" } else { "" }, self.authority()),
            Self::Socket(path) => write!(f, "{SOCKET}{path}"),
        }
    }
}

/// Why a text is no address of a fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no address of a server, such as `http://127.0.0.1:8090`, and no socket, such as `unix:/run/epr-build/epr.sock`"
)]
pub struct NoFallback;

impl FromStr for Fallback {
    type Err = NoFallback;

    fn from_str(text: &str) -> Result<Self, NoFallback> {
        if text.is_empty() {
            return Ok(Self::Off);
        }
        if let Some(path) = text.strip_prefix(SOCKET) {
            return if is_socket(path) { Ok(Self::Socket(path.to_owned())) } else { Err(NoFallback) };
        }
        let (scheme, rest) = text.split_once("://").ok_or(NoFallback)?;
        let tls = match scheme {
            "http" => false,
            "https" => true,
            _ => return Err(NoFallback),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, number(port).ok_or(NoFallback)?),
            _ => (rest, default_port(tls)),
        };
        if is_host(host) { Ok(Self::Address { tls, host: host.to_owned(), port }) } else { Err(NoFallback) }
    }
}

impl TryFrom<String> for Fallback {
    type Error = NoFallback;

    fn try_from(text: String) -> Result<Self, NoFallback> {
        text.parse()
    }
}

impl From<Fallback> for String {
    fn from(fallback: Fallback) -> Self {
        fallback.to_string()
    }
}

fn number(port: &str) -> Option<u16> {
    let is_plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    is_plain.then(|| port.parse().ok()).flatten()
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    // What looks like an address of digits must be one: some servers read `127.1` as one, and others as a name.
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return host.parse::<Ipv4Addr>().is_ok();
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.len() <= LONGEST_HOST && host.split('.').all(is_label)
}

fn is_socket(path: &str) -> bool {
    let is_segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    path.len() <= LONGEST_SOCKET && path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_sockets_are_read_and_written_as_they_are() {
        for (text, written, authority) in [
            ("http://127.0.0.1:8090", "http://127.0.0.1:8090", "127.0.0.1:8090"),
            ("http://[::1]:8090", "http://[::1]:8090", "[::1]:8090"),
            ("http://epr:80", "http://epr", "epr"),
            ("https://epr.example.org", "https://epr.example.org", "epr.example.org"),
            ("https://epr.example.org:443", "https://epr.example.org", "epr.example.org"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]", "[2001:db8::1]"),
            ("unix:/run/epr-build/a.sock", "unix:/run/epr-build/a.sock", "localhost"),
            ("", "", "localhost"),
        ] {
            let fallback: Fallback = text.parse().unwrap();
            assert_eq!((fallback.to_string().as_str(), fallback.authority().as_str()), (written, authority), "{text}");
            assert_eq!(fallback.is_off(), text.is_empty());
            let json = serde_json::to_string(&fallback).unwrap();
            assert_eq!(serde_json::from_str::<Fallback>(&json).unwrap(), fallback);
        }
    }

    // Each is written into configurations of servers, where it could become something else.
    #[test]
    fn everything_else_is_refused() {
        let long = format!("unix:/{}", "a".repeat(LONGEST_SOCKET));
        for text in [
            "127.0.0.1:8090",
            "8090",
            "localhost",
            "ftp://a:1",
            "HTTP://a:1",
            "http:/a:1",
            "http://",
            "http://:80",
            "http://a:0",
            "http://a:080",
            "http://a:65536",
            "http://a:",
            "http://a:+1",
            "http://a:1/",
            "http://a:1/epr",
            "http://a:1?x",
            "http://a:1#x",
            "http://user@a:1",
            "http://user:word@a:1",
            "http://a b:1",
            "http://a;:1",
            "http://a$x:1",
            "http://{a}:1",
            "http://a\n:1",
            "http://a_b:1",
            "http://ä:1",
            "http://-a:1",
            "http://a..b:1",
            "http://999.1.1.1:8",
            "http://127.1:8",
            "http://[::1:80",
            "http://[x]:80",
            "http://::1:80",
            "unix:",
            "unix:/",
            "unix:run/a.sock",
            "unix://run/a.sock",
            "unix:/run/../a.sock",
            "unix:/run/a b.sock",
            "unix:/run/a;b",
            "unix:/run/a|http://x",
            "unix:/run/a.sock/",
            long.as_str(),
        ] {
            assert_eq!(text.parse::<Fallback>(), Err(NoFallback), "{text}");
        }
    }

    #[test]
    fn a_host_that_is_its_own_fallback_is_seen() {
        for (fallback, listen, expected) in [
            ("http://127.0.0.1:8080", "127.0.0.1:8080", true),
            ("http://127.0.0.1:8080", "8080", true),
            ("http://localhost:8080", "0.0.0.0:8080", true),
            ("http://[::1]:8080", "[::1]:8080", true),
            ("http://[::1]:8080", "[::]:8080", true),
            ("http://127.0.0.1:8090", "127.0.0.1:8080", false),
            ("http://10.0.0.1:8080", "127.0.0.1:8080", false),
            ("http://10.0.0.1:8080", "8080", false),
            ("unix:/run/8080", "8080", false),
            ("", "8080", false),
        ] {
            assert_eq!(fallback.parse::<Fallback>().unwrap().is_at(listen), expected, "{fallback} {listen}");
        }
    }
}
