//! Requests to one upstream: polite, patient within bounds, and never led astray.
//!
//! Redirects are followed here and not by the client, because where they may lead and which headers go along is ours to
//! decide ([`super::redirect`]). Nothing is decompressed unasked: who expects compressed content says so.

use super::fault::{Fault, may_pass, retry_after, status_words};
use super::gate::{Consequence, Dice, Gate, pause, spelled};
use super::record::Validators;
use super::stand_in::StandIn;
use super::{headers, redirect};
use crate::base::fs;
use crate::base::time;
use crate::config::upstream::{Rate, Upstream};
use anyhow::{Context, Result, ensure};
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Proxy, Response, Url};
use std::error::Error as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::rustls;

/// Slower than this for as long as silence is borne counts as silence. Bytes a second.
const SLOWEST: u64 = 1024;

/// The way to one upstream.
pub(crate) struct Transport {
    pub(super) name: String,
    upstream: Upstream,
    /// Who answers in the place of a server.
    pub(super) stand_in: Option<Arc<dyn StandIn>>,
    client: Client,
    base: Url,
    artifacts: Option<Url>,
    /// For the upstream's own server only.
    secret: HeaderMap,
    /// As many requests as may be under way.
    permits: Semaphore,
    gate: Mutex<Gate>,
    dice: Mutex<Dice>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

/// What is asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Ask<'a> {
    /// The first byte that is wanted, and a validator of what comes before it.
    pub(super) from: Option<(u64, &'a str)>,
    /// Nothing is wanted if it is still what these validators say.
    pub(super) unless: Option<&'a Validators>,
    /// No cache on the way may answer.
    pub(super) fresh: bool,
    /// The answer may be compressed.
    pub(super) gzip: bool,
}

/// The head of an answer that may be used: 200, 206, 304 or 416.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// The address that answered.
    pub(super) url: Url,
    response: Response,
}

impl Transport {
    /// Prepares the way; asks nothing.
    pub(super) fn new(name: &str, upstream: &Upstream) -> Result<Self> {
        let secret = upstream.headers_from.as_deref().map(headers::read).transpose()?.unwrap_or_default();
        Self::with(name, upstream, secret)
    }

    /// The same with headers that are sent to the upstream's own server and to no other.
    pub(crate) fn with(name: &str, upstream: &Upstream, secret: HeaderMap) -> Result<Self> {
        // Only the first call counts, and all of them ask for the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let parse = |text: &str| Url::parse(&format!("{text}/")).with_context(|| format!("`{text}` is no address"));
        let base = parse(&upstream.url)?;
        let artifacts = upstream.artifacts.as_deref().map(parse).transpose()?;
        let is_here = is_loopback(&base);
        let mut builder = Client::builder()
            .user_agent(headers::user_agent(upstream.contact.as_deref().filter(|_| !is_here)))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(upstream.timeouts.connect)
            .pool_max_idle_per_host(upstream.jobs);
        builder = match &upstream.proxy {
            Some(proxy) => builder.proxy(Proxy::all(proxy).with_context(|| format!("`{proxy}` is no proxy"))?),
            // No proxy of the environment reaches this machine better than itself.
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
        let client = builder.build().with_context(|| format!("cannot prepare requests to {}", upstream.url))?;
        // Who asks this machine disturbs nobody else.
        let rate: Option<Rate> = upstream.rate.filter(|_| !is_here);
        Ok(Self {
            name: name.to_owned(),
            stand_in: None,
            client,
            base,
            artifacts,
            secret,
            permits: Semaphore::new(upstream.jobs),
            gate: Mutex::new(Gate::new(rate, upstream.bandwidth, Instant::now())),
            dice: Mutex::new(Dice::new(RandomState::new().hash_one(name))),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            upstream: upstream.clone(),
        })
    }

    /// The address of something that the registry answers, as a path without a slash at its beginning.
    pub(crate) fn address(&self, path: &str) -> Result<Url, Fault> {
        self.base.join(path).map_err(|error| Fault::Unfit(format!("`{path}` is no path: {error}")))
    }

    /// The address of a zip.
    pub(super) fn zip_address(&self, name: &str, version: &str) -> Result<Url, Fault> {
        match &self.artifacts {
            Some(folder) => folder
                .join(&format!("{name}-{version}.zip"))
                .map_err(|error| Fault::Unfit(format!("{name}-{version}.zip is no path: {error}"))),
            None => self.address(&format!("epr/{name}/{name}-{version}.zip")),
        }
    }

    /// The bounds on waiting, and the number of requests at a time.
    pub(super) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Requests that went and bytes of content that came.
    pub(super) fn traffic(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Does something that asks, again and again while its failures may pass. `attempt` is told how often it was tried.
    pub(super) async fn retrying<T>(&self, mut attempt: impl AsyncFnMut(u32) -> Result<T, Fault>) -> Result<T, Fault> {
        let bounds = self.upstream.retries;
        let mut number = 0;
        loop {
            let permit = self.permits.acquire().await.context("nobody ends the requests")?;
            self.wait_for_gate().await?;
            let answer = attempt(number).await;
            drop(permit);
            let fault = match answer {
                Ok(found) => {
                    self.gate().succeeded();
                    return Ok(found);
                }
                Err(fault) => fault,
            };
            let Fault::Passing { text, wait } = fault else {
                if matches!(fault, Fault::Status(_) | Fault::Unfit(_)) {
                    self.gate().succeeded();
                }
                return Err(fault);
            };
            let consequence = self.gate().failed(&text, wait, &bounds, Instant::now());
            if let Consequence::GiveUp(reason) = consequence {
                return Err(Fault::Over(reason));
            }
            number += 1;
            if number >= bounds.tries {
                return Err(Fault::Unreachable(text));
            }
            if wait.is_none() {
                let share = self.dice.lock().unwrap_or_else(PoisonError::into_inner).share();
                tokio::time::sleep(pause(number, &bounds, share)).await;
            }
        }
    }

    /// Asks once, and follows redirects.
    pub(super) async fn ask(&self, url: &Url, ask: &Ask<'_>) -> Result<Answer, Fault> {
        if let Some(stand_in) = self.stand_in.clone() {
            let path = url.path().trim_start_matches('/').to_owned();
            let known = ask.unless.and_then(|validators| validators.etag.clone());
            let content = tokio::task::spawn_blocking(move || stand_in.answer(&path, known.as_deref())).await;
            let (status, headers, response) = content.context("nobody answered")??.given()?;
            return match status {
                404 => Err(Fault::Status(status)),
                status => Ok(Answer { status, headers, url: url.clone(), response }),
            };
        }
        let mut url = url.clone();
        for _ in 0..=redirect::MOST {
            self.requests.fetch_add(1, Ordering::Relaxed);
            let sent = self.client.get(url.clone()).headers(self.headers(&url, ask)).send();
            let patience = self.upstream.timeouts.answer;
            let response = match timeout(patience, sent).await {
                Err(_) => return Err(Fault::passing(format!("no answer within {}", spelled(patience)))),
                Ok(sent) => sent.map_err(|error| sort(&error))?,
            };
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            if let (301 | 302 | 303 | 307 | 308, Some(location)) = (status, text_of(&headers, header::LOCATION)) {
                url = redirect::target(&self.upstream, &self.base, &url, &location).map_err(Fault::Unfit)?;
                continue;
            }
            if may_pass(status) {
                let wait = text_of(&headers, header::RETRY_AFTER).and_then(|text| retry_after(&text, time::now()));
                return Err(Fault::Passing { text: format!("the answer is {}", status_words(status)), wait });
            }
            return match status {
                200 | 206 | 304 | 416 => Ok(Answer { status, headers, url, response }),
                status => Err(Fault::Status(status)),
            };
        }
        Err(Fault::Unfit(format!("more than {} redirects", redirect::MOST)))
    }

    /// Fetches something small, whole.
    pub(crate) async fn small(&self, url: &Url, fresh: bool, most: usize) -> Result<Vec<u8>, Fault> {
        self.retrying(async |_| {
            let answer = self.ask(url, &Ask { fresh, ..Ask::default() }).await?;
            let status = answer.status;
            if status != 200 {
                return Err(Fault::Unfit(format!("the answer is {}, which nobody asked for", status_words(status))));
            }
            answer.is_plain()?;
            let mut bytes = Vec::new();
            let too_long = || Fault::Unfit(format!("the answer has more than {most} bytes"));
            self.pour(answer, |part| {
                bytes.extend_from_slice(part);
                if bytes.len() > most { Err(too_long()) } else { Ok(()) }
            })
            .await?;
            Ok(bytes)
        })
        .await
    }

    /// Gives the content of an answer to `sink`, part by part as it comes.
    pub(super) async fn pour(
        &self,
        answer: Answer,
        mut sink: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut response = answer.response;
        let patience = self.upstream.timeouts.idle;
        let silent = || Fault::passing(format!("less than 1 KiB/s came within {}", spelled(patience)));
        let mut watch = Watch::new(patience, Instant::now());
        loop {
            let part = match timeout(patience, response.chunk()).await {
                Err(_) => return Err(Fault::passing(format!("nothing came for {}", spelled(patience)))),
                Ok(part) => part.map_err(|error| sort(&error))?,
            };
            let Some(part) = part else { return Ok(()) };
            self.bytes.fetch_add(part.len() as u64, Ordering::Relaxed);
            sink(&part)?;
            if watch.is_too_slow(part.len(), Instant::now()) {
                return Err(silent());
            }
            let wait = self.gate().count_bytes(part.len(), Instant::now());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
                watch = Watch::new(patience, Instant::now());
            }
        }
    }

    async fn wait_for_gate(&self) -> Result<(), Fault> {
        let turn = {
            let mut gate = self.gate();
            if let Some(reason) = gate.given_up() {
                return Err(Fault::Over(reason.to_owned()));
            }
            gate.take_turn(Instant::now())
        };
        tokio::time::sleep(turn).await;
        loop {
            let closed = self.gate().closed_for(Instant::now());
            if closed.is_zero() {
                return self.gate().given_up().map_or(Ok(()), |reason| Err(Fault::Over(reason.to_owned())));
            }
            tokio::time::sleep(closed).await;
        }
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn headers(&self, url: &Url, ask: &Ask<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut set = |name: header::HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(header::ACCEPT_ENCODING, if ask.gzip { "gzip" } else { "identity" });
        if let Some((from, validator)) = ask.from {
            set(header::RANGE, &format!("bytes={from}-"));
            set(header::IF_RANGE, validator);
        }
        if ask.fresh {
            set(header::CACHE_CONTROL, "no-cache");
        }
        if let Some(Validators { etag, modified }) = ask.unless {
            match (etag, modified) {
                (Some(etag), _) => set(header::IF_NONE_MATCH, etag),
                (None, Some(modified)) => set(header::IF_MODIFIED_SINCE, modified),
                (None, None) => {}
            }
        }
        if redirect::is_same_server(&self.base, url) {
            headers.extend(self.secret.clone());
        }
        headers
    }
}

impl Answer {
    /// The text of a header.
    pub(super) fn header(&self, name: header::HeaderName) -> Option<String> {
        text_of(&self.headers, name)
    }

    /// Bytes that the answer declares.
    pub(super) fn length(&self) -> Option<u64> {
        self.header(header::CONTENT_LENGTH)?.parse().ok()
    }

    /// Validators of the content.
    pub(super) fn validators(&self) -> Validators {
        Validators { etag: self.header(header::ETAG), modified: self.header(header::LAST_MODIFIED) }
    }

    /// Returns true if the content is compressed by gzip, which was asked for.
    pub(super) fn is_gzip(&self) -> Result<bool, Fault> {
        match self.header(header::CONTENT_ENCODING).as_deref().map(str::trim) {
            None | Some("" | "identity") => Ok(false),
            Some(encoding) if encoding.eq_ignore_ascii_case("gzip") => Ok(true),
            Some(encoding) => Err(unasked(encoding)),
        }
    }

    /// Fails if the content is compressed, which was not asked for.
    pub(super) fn is_plain(&self) -> Result<(), Fault> {
        if self.is_gzip()? { Err(unasked("gzip")) } else { Ok(()) }
    }
}

fn unasked(encoding: &str) -> Fault {
    let encoding = crate::base::shown::printable(encoding, 40);
    Fault::Unfit(format!("the answer is compressed (`{encoding}`), which nobody asked for"))
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Returns true for addresses of this machine.
fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Sorts a failure of the client: certificates do not get better by asking again.
fn sort(error: &reqwest::Error) -> Fault {
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

/// Sees to it that content comes at all.
struct Watch {
    patience: Duration,
    begin: Instant,
    bytes: u64,
}

impl Watch {
    fn new(patience: Duration, begin: Instant) -> Self {
        Self { patience, begin, bytes: 0 }
    }

    /// Counts bytes; true if too few came in the time that silence would be borne.
    fn is_too_slow(&mut self, bytes: usize, now: Instant) -> bool {
        self.bytes += bytes as u64;
        let passed = now.saturating_duration_since(self.begin);
        if passed < self.patience {
            return false;
        }
        let is_slow = (self.bytes as f64) < SLOWEST as f64 * passed.as_secs_f64();
        *self = Self::new(self.patience, now);
        is_slow
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_counts_as_silence() {
        let begin = Instant::now();
        let patience = Duration::from_secs(60);
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut watch = Watch::new(patience, begin);
        assert!(!watch.is_too_slow(1, after(30)));
        assert!(watch.is_too_slow(1, after(60)));
        let mut watch = Watch::new(patience, begin);
        assert!(!watch.is_too_slow(61 * 1024, after(59)));
        assert!(!watch.is_too_slow(0, after(60)));
        // The next window starts anew.
        assert!(watch.is_too_slow(100, after(120)));
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
