//! Requests to one upstream: polite, patient within bounds, and never led astray.
//!
//! Redirects are followed here and not by the client, because where they may lead and which headers go along is ours to
//! decide ([`super::redirect`]). Nothing is decompressed unasked: who expects compressed content says so.

pub(super) use super::answer::{Answer, Ask};

use super::answer::text_of;
use super::client::{Clients, sort};
use super::fault::{Fault, may_pass, retry_after, status_words};
use super::gate::{Consequence, Dice, Gate, Gates, GatesOf, locked, pause, spelled};
use super::record::Validators;
use super::stand_in::StandIn;
use super::watch::Watch;
use super::{headers, redirect};
use crate::base::time;
use crate::config::upstream::Upstream;
use anyhow::{Context, Result};
use reqwest::Url;
use reqwest::header::{self, HeaderMap, HeaderValue};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The way to one upstream.
pub(crate) struct Transport {
    pub(super) name: String,
    upstream: Upstream,
    /// Who answers in the place of a server.
    pub(super) stand_in: Option<Arc<dyn StandIn>>,
    /// Why nobody is there to be asked, if that is known from the beginning.
    pub(super) absent: Option<String>,
    clients: Clients,
    base: Url,
    artifacts: Option<Url>,
    /// For the upstream's own server only.
    secret: HeaderMap,
    /// As many requests as may be under way.
    permits: Semaphore,
    /// Those before all servers that it leads to, shared with all upstreams on the same servers.
    gates: GatesOf,
    dice: Mutex<Dice>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Transport {
    /// Prepares the way; asks nothing.
    pub(super) fn new(name: &str, upstream: &Upstream, gates: &Gates) -> Result<Self> {
        let secret = upstream.headers_from.as_deref().map(headers::read).transpose()?.unwrap_or_default();
        Self::with(name, upstream, secret, gates)
    }

    /// The same with headers that are sent to the upstream's own server and to no other.
    pub(crate) fn with(name: &str, upstream: &Upstream, secret: HeaderMap, gates: &Gates) -> Result<Self> {
        let parse = |text: &str| Url::parse(&format!("{text}/")).with_context(|| format!("`{text}` is no address"));
        let base = parse(&upstream.url)?;
        let artifacts = upstream.artifacts.as_deref().map(parse).transpose()?;
        let clients = Clients::new(upstream, [&base].into_iter().chain(&artifacts))?;
        Ok(Self {
            name: name.to_owned(),
            stand_in: None,
            absent: None,
            clients,
            gates: GatesOf::new(gates, upstream),
            base,
            artifacts,
            secret,
            permits: Semaphore::new(upstream.jobs),
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

    /// Does something that asks for an address, again and again while its failures may pass. `attempt` is told how often it was
    /// tried.
    pub(super) async fn retrying<T>(
        &self,
        url: &Url,
        mut attempt: impl AsyncFnMut(u32) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let (bounds, gate) = (self.upstream.retries, self.gates.before(url));
        let mut number = 0;
        loop {
            let permit = self.permits.acquire().await.context("nobody ends the requests")?;
            pass(&gate).await?;
            let answer = attempt(number).await;
            drop(permit);
            let fault = match answer {
                Ok(found) => {
                    locked(&gate).succeeded();
                    return Ok(found);
                }
                Err(fault) => fault,
            };
            let Fault::Passing { text, wait } = fault else {
                if matches!(fault, Fault::Status(_) | Fault::Unfit(_)) {
                    locked(&gate).succeeded();
                }
                return Err(fault);
            };
            let consequence = locked(&gate).failed(&text, wait, &bounds, Instant::now());
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
        if let Some(reason) = &self.absent {
            return Err(Fault::Over(reason.clone()));
        }
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
        let (own, mut url) = (url, url.clone());
        for _ in 0..=redirect::MOST {
            // Where a redirect leads to there is a gate, too.
            let other = (!redirect::is_same_server(own, &url)).then(|| self.gates.before(&url));
            if let Some(gate) = &other {
                pass(gate).await?;
            }
            self.requests.fetch_add(1, Ordering::Relaxed);
            let sent = self.clients.to(&url)?.get(url.clone()).headers(self.headers(&url, ask)).send();
            let patience = self.upstream.timeouts.answer;
            let response = match timeout(patience, sent).await {
                Err(_) => return Err(Fault::passing(format!("no answer within {}", spelled(patience)))),
                Ok(sent) => sent.map_err(sort)?,
            };
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            if let (301 | 302 | 303 | 307 | 308, Some(location)) = (status, text_of(&headers, header::LOCATION)) {
                url = redirect::target(&self.upstream, &self.base, &url, &location).map_err(Fault::Unfit)?;
                continue;
            }
            if may_pass(status) {
                let wait = text_of(&headers, header::RETRY_AFTER).and_then(|text| retry_after(&text, time::now()));
                let text = format!("the answer is {}", status_words(status));
                // That it failed counts before both: who leads there is no better, and others may go there straight.
                if let Some(gate) = &other {
                    let _ = locked(gate).failed(&text, wait, &self.upstream.retries, Instant::now());
                }
                return Err(Fault::Passing { text, wait });
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
        self.retrying(url, async |_| {
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
        let (mut response, gate) = (answer.response, self.gates.before(&answer.url));
        let patience = self.upstream.timeouts.idle;
        let silent = || Fault::passing(format!("less than 1 KiB/s came within {}", spelled(patience)));
        let mut watch = Watch::new(patience, Instant::now());
        loop {
            let part = match timeout(patience, response.chunk()).await {
                Err(_) => return Err(Fault::passing(format!("nothing came for {}", spelled(patience)))),
                Ok(part) => part.map_err(sort)?,
            };
            let Some(part) = part else { return Ok(()) };
            self.bytes.fetch_add(part.len() as u64, Ordering::Relaxed);
            sink(&part)?;
            if watch.is_too_slow(part.len(), Instant::now()) {
                return Err(silent());
            }
            let wait = locked(&gate).count_bytes(part.len(), Instant::now());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
                watch = Watch::new(patience, Instant::now());
            }
        }
    }

    fn headers(&self, url: &Url, ask: &Ask<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut set = |name: header::HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        set(header::USER_AGENT, &self.clients.user_agent(url));
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

/// Waits until a gate is open and it is one's turn.
async fn pass(gate: &Mutex<Gate>) -> Result<(), Fault> {
    let given_up = |gate: &Gate| gate.given_up().map_or(Ok(()), |reason| Err(Fault::Over(reason.to_owned())));
    let turn = {
        let mut gate = locked(gate);
        given_up(&gate)?;
        gate.take_turn(Instant::now())
    };
    tokio::time::sleep(turn).await;
    loop {
        let closed = locked(gate).closed_for(Instant::now());
        if closed.is_zero() {
            return given_up(&locked(gate));
        }
        tokio::time::sleep(closed).await;
    }
}
