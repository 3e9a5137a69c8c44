//! The client that sends requests to an upstream: its proxy, its authorities, and what its failures mean.

use super::fault::Fault;
use super::headers;
use crate::base::fs;
use crate::config::upstream::Upstream;
use anyhow::{Context, Result, ensure};
use reqwest::{Certificate, Client, Proxy, Url};
use std::error::Error as _;
use std::sync::OnceLock;
use tokio_rustls::rustls;

/// The clients for what an upstream gives: one for servers on this machine, which no proxy of the environment reaches better
/// than the machine itself, and one for all others.
pub(super) struct Clients {
    upstream: Upstream,
    here: OnceLock<Client>,
    elsewhere: OnceLock<Client>,
}

impl Clients {
    /// Prepares requests to an upstream at these addresses; asks nothing.
    pub(super) fn new<'a>(upstream: &Upstream, addresses: impl Iterator<Item = &'a Url>) -> Result<Self> {
        let clients = Self { upstream: upstream.clone(), here: OnceLock::new(), elsewhere: OnceLock::new() };
        for address in addresses {
            clients.to(address)?;
        }
        Ok(clients)
    }

    /// The client for an address. One that only a redirect needs is prepared when it does.
    pub(super) fn to(&self, url: &Url) -> Result<&Client> {
        let is_here = is_loopback(url);
        let place = if is_here { &self.here } else { &self.elsewhere };
        if place.get().is_none() {
            // Two that are made at once are alike.
            let _ = place.set(client(&self.upstream, is_here)?);
        }
        place.get().context("a client was prepared")
    }

    /// Who asks: operators of other machines are told whom to write to.
    pub(super) fn user_agent(&self, url: &Url) -> String {
        headers::user_agent(self.upstream.contact.as_deref().filter(|_| !is_loopback(url)))
    }
}

/// Prepares a client. It follows no redirects: where they may lead is decided elsewhere.
fn client(upstream: &Upstream, is_here: bool) -> Result<Client> {
    // Only the first call counts, and all of them ask for the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(upstream.timeouts.connect)
        .pool_max_idle_per_host(upstream.jobs);
    builder = match &upstream.proxy {
        Some(proxy) => builder.proxy(Proxy::all(proxy).context("`proxy` of the upstream is no proxy")?),
        None if is_here => builder.no_proxy(),
        None => builder,
    };
    if let Some(file) = &upstream.ca {
        let unfit = || {
            let hint = "hint: `ca` names a file in PEM, with lines `BEGIN CERTIFICATE`";
            format!("`{}` holds no certificate\n{hint}", file.display())
        };
        let certificates = Certificate::from_pem_bundle(&fs::read(file)?).with_context(unfit)?;
        ensure!(!certificates.is_empty(), unfit());
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().with_context(|| format!("cannot prepare requests to {}", upstream.url))
}

/// Returns true for addresses of this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Sorts a failure of the client: certificates do not get better by asking again.
pub(super) fn sort(error: reqwest::Error) -> Fault {
    // A query may hold what gives access.
    let error = error.without_url();
    let mut causes = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(rustls::Error::InvalidCertificate(reason)) = tls_error(inner) {
            let hint = "hint: if the registry has its certificate from an authority of your own, name that in `ca` of the \
                        upstream; look at the clock of this machine, too";
            return Fault::Over(format!("the certificate of the server is not trusted: {reason:?}\n{hint}"));
        }
        causes.push(inner.to_string());
        cause = inner.source();
    }
    // The last one says what happened; those before it say who was told.
    causes.dedup();
    let text = match causes.as_slice() {
        [] => error.to_string(),
        [.., last] if error.is_connect() => format!("no connection: {last}"),
        [.., last] => format!("the connection broke: {last}"),
    };
    Fault::passing(text)
}

/// The failure of TLS in an error, if it is one.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = error.downcast_ref::<rustls::Error>() {
        return Some(found);
    }
    // Errors of the system may hold others, which are not their sources.
    tls_error(error.downcast_ref::<std::io::Error>()?.get_ref()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A registry on this machine may lead to others, whose operators are told whom to write to.
    #[test]
    fn operators_elsewhere_are_told_whom_to_write_to() {
        let upstream = Upstream { contact: Some("ops@example.org".to_owned()), ..Upstream::at("http://127.0.0.1") };
        let clients = Clients::new(&upstream, std::iter::empty()).unwrap();
        for (url, expected) in [("http://127.0.0.1/a", false), ("https://files.example/a.zip", true)] {
            let agent = clients.user_agent(&Url::parse(url).unwrap());
            assert_eq!(agent.contains("ops@example.org"), expected, "{url}: {agent}");
        }
    }

    #[test]
    fn this_machine_is_known() {
        for (url, expected) in [
            ("http://127.0.0.1:80/", true),
            ("http://127.9.9.9/", true),
            ("http://localhost/", true),
            ("http://[::1]:8080/", true),
            ("http://localhost.example.org/", false),
            ("http://10.0.0.1/", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
