//! When the next request to a host may go: its rate, its wish to be left alone, and how often it failed.
//!
//! Whoever asks brings the time along. A gate is before a server, not before an upstream: what a server wishes counts for all
//! that is asked of it, under whatever name and for whichever layer.

use super::client::is_loopback;
use crate::config::upstream::{Rate, Retries, Upstream};
use reqwest::Url;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest pause that is added up; a doubling stops here.
const MOST_DOUBLINGS: u32 = 20;

/// The gates before all servers that a program asks, by host and port.
#[derive(Clone, Debug, Default)]
pub struct Gates(Arc<Mutex<BTreeMap<String, Arc<Mutex<Gate>>>>>);

impl Gates {
    /// The gate before a server. Of the bounds of several upstreams the narrower ones count.
    fn before(&self, server: &str, rate: Option<Rate>, bandwidth: Option<u64>, now: Instant) -> Arc<Mutex<Gate>> {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(gate) = gates.get(server) else {
            let gate = Arc::new(Mutex::new(Gate::new(rate, bandwidth, now)));
            gates.insert(server.to_owned(), Arc::clone(&gate));
            return gate;
        };
        gate.lock().unwrap_or_else(PoisonError::into_inner).narrow(rate, bandwidth, now);
        Arc::clone(gate)
    }
}

/// The gates before the servers to which one upstream leads: its own, that of its artifacts, and those of redirects.
#[derive(Debug)]
pub(super) struct GatesOf {
    gates: Gates,
    rate: Option<Rate>,
    bandwidth: Option<u64>,
    /// Those that were asked for, by server.
    known: Mutex<BTreeMap<String, Arc<Mutex<Gate>>>>,
}

impl GatesOf {
    pub(super) fn new(gates: &Gates, upstream: &Upstream) -> Self {
        let Upstream { rate, bandwidth, .. } = *upstream;
        Self { gates: gates.clone(), rate, bandwidth, known: Mutex::default() }
    }

    /// The gate before the server of an address.
    pub(super) fn before(&self, url: &Url) -> Arc<Mutex<Gate>> {
        let host = url.host_str().unwrap_or_default();
        let server = format!("{host}:{}", url.port_or_known_default().unwrap_or_default());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = known.get(&server) {
            return Arc::clone(gate);
        }
        // Who asks this machine disturbs nobody else.
        let rate = self.rate.filter(|_| !is_loopback(url));
        let gate = self.gates.before(&server, rate, self.bandwidth, Instant::now());
        known.insert(server, Arc::clone(&gate));
        gate
    }
}

/// A gate, for oneself.
pub(super) fn locked(gate: &Mutex<Gate>) -> MutexGuard<'_, Gate> {
    gate.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The gate before a server.
#[derive(Debug)]
pub(super) struct Gate {
    /// Nobody goes before this moment: the host said so.
    closed_until: Option<Instant>,
    /// Failures since the last success.
    failures: u32,
    /// Why the host was given up.
    given_up: Option<String>,
    requests: Option<Bucket>,
    bytes: Option<Bucket>,
}

/// What follows from a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    /// It may be tried again.
    Again,
    /// The host is given up, for this reason.
    GiveUp(String),
}

impl Gate {
    /// An open gate with these bounds.
    pub(super) fn new(rate: Option<Rate>, bandwidth: Option<u64>, now: Instant) -> Self {
        let requests = rate.map(|rate| Bucket::new(f64::from(rate.requests) / rate.per.as_secs_f64(), 1.0, now));
        // A second's worth may come at once.
        let bytes = bandwidth.map(|bandwidth| Bucket::new(bandwidth as f64, bandwidth as f64, now));
        Self { closed_until: None, failures: 0, given_up: None, requests, bytes }
    }

    /// Takes further bounds where they are narrower.
    fn narrow(&mut self, rate: Option<Rate>, bandwidth: Option<u64>, now: Instant) {
        let Self { requests, bytes, .. } = Self::new(rate, bandwidth, now);
        for (own, other) in [(&mut self.requests, requests), (&mut self.bytes, bytes)] {
            let is_narrower = |other: &Bucket| own.as_ref().is_none_or(|own| other.per_second < own.per_second);
            if let Some(other) = other.filter(is_narrower) {
                *own = Some(other);
            }
        }
    }

    /// Why the host was given up, if it was.
    pub(super) fn given_up(&self) -> Option<&str> {
        self.given_up.as_deref()
    }

    /// How long the gate is closed.
    pub(super) fn closed_for(&self, now: Instant) -> Duration {
        self.closed_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Counts a request that is about to go, and says how long it must wait for its turn.
    pub(super) fn take_turn(&mut self, now: Instant) -> Duration {
        self.requests.as_mut().map_or(Duration::ZERO, |bucket| bucket.take(1.0, now))
    }

    /// Counts bytes that came, and says how long nothing may be read.
    pub(super) fn count_bytes(&mut self, bytes: usize, now: Instant) -> Duration {
        self.bytes.as_mut().map_or(Duration::ZERO, |bucket| bucket.take(bytes as f64, now))
    }

    /// The host answered as it should.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The host failed, and asked for a wait if `wait` says so.
    pub(super) fn failed(&mut self, why: &str, wait: Option<Duration>, bounds: &Retries, now: Instant) -> Consequence {
        self.failures += 1;
        if let Some(wait) = wait {
            if wait > bounds.longest_wait {
                let reason = format!("{why}, and asks to be left alone for {}", spelled(wait));
                return self.give_up(reason);
            }
            let until = now.checked_add(wait).unwrap_or(now);
            self.closed_until = Some(self.closed_until.map_or(until, |before| before.max(until)));
        }
        if self.failures >= bounds.give_up {
            return self.give_up(format!("{} requests in a row failed, the last one: {why}", self.failures));
        }
        Consequence::Again
    }

    fn give_up(&mut self, reason: String) -> Consequence {
        Consequence::GiveUp(self.given_up.get_or_insert(reason).clone())
    }
}

/// The pause before a try, counted from 1 for the second one: up to `first`, doubled each time, at most `most`; `share` of 0
/// to 1 says how much of it, so that those who failed together do not come back together.
pub(super) fn pause(number: u32, bounds: &Retries, share: f64) -> Duration {
    let factor = 1_u32 << number.saturating_sub(1).min(MOST_DOUBLINGS);
    bounds.first.saturating_mul(factor).min(bounds.most).mul_f64(share.clamp(0.0, 1.0))
}

/// A time as people say it.
pub(super) fn spelled(time: Duration) -> String {
    match time.as_secs() {
        0..=1 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 2..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds.div_ceil(60)),
        seconds => format!("{} h", seconds.div_ceil(3600)),
    }
}

/// Tokens that come with time. One that is taken before it came is a debt that whoever takes the next ones waits for.
#[derive(Debug)]
struct Bucket {
    per_second: f64,
    capacity: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn new(per_second: f64, capacity: f64, now: Instant) -> Self {
        Self { per_second, capacity, tokens: capacity, at: now }
    }

    fn take(&mut self, amount: f64, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * self.per_second).min(self.capacity) - amount;
        if self.tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-self.tokens / self.per_second) }
    }
}

/// Shares of pauses: numbers from 0 to 1 without a pattern, the same for the same seed.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(super) fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of an upstream that leads from this machine to another, the other one is asked politely.
    #[test]
    fn every_server_has_a_gate_of_its_own() {
        let gates = Gates::default();
        let of = |upstream: Upstream| GatesOf::new(&gates, &upstream);
        let (one, other) = (of(Upstream::at("http://127.0.0.1:8080")), of(Upstream::at("https://epr.example")));
        let url = |text: &str| Url::parse(text).unwrap();
        let wait = |gates: &GatesOf, address: &str| {
            let now = Instant::now();
            let gate = gates.before(&url(address));
            (0..3).map(|_| locked(&gate).take_turn(now)).max().unwrap()
        };
        assert_eq!(wait(&one, "http://127.0.0.1:8080/search"), Duration::ZERO);
        assert!(wait(&one, "https://files.example/a.zip") > Duration::ZERO);
        assert!(Arc::ptr_eq(
            &one.before(&url("https://epr.example/a")),
            &other.before(&url("https://epr.example:443/b"))
        ));
        assert!(!Arc::ptr_eq(
            &one.before(&url("https://epr.example/a")),
            &one.before(&url("https://epr.example:8443/a"))
        ));
    }

    const SECOND: Duration = Duration::from_secs(1);

    fn after(begin: Instant, milliseconds: u64) -> Instant {
        begin + Duration::from_millis(milliseconds)
    }

    #[test]
    fn requests_are_spread_over_time() {
        let begin = Instant::now();
        let mut gate = Gate::new(Some(Rate { requests: 10, per: SECOND }), None, begin);
        let waits: Vec<_> = (0..4).map(|_| gate.take_turn(begin).as_millis()).collect();
        assert_eq!(waits, [0, 100, 200, 300]);
        assert_eq!(gate.take_turn(after(begin, 1000)).as_millis(), 0);
        // Silence is not saved up.
        assert_eq!(gate.take_turn(after(begin, 100_000)).as_millis(), 0);
        assert_eq!(gate.take_turn(after(begin, 100_000)).as_millis(), 100);
        let mut free = Gate::new(None, None, begin);
        assert!((0..100).all(|_| free.take_turn(begin).is_zero()));
    }

    #[test]
    fn bytes_are_spread_over_time() {
        let begin = Instant::now();
        let mut gate = Gate::new(None, Some(1000), begin);
        assert_eq!(gate.count_bytes(1000, begin).as_millis(), 0);
        assert_eq!(gate.count_bytes(500, begin).as_millis(), 500);
        assert_eq!(gate.count_bytes(500, after(begin, 500)).as_millis(), 500);
    }

    #[test]
    fn a_host_that_asks_to_wait_is_left_alone_and_one_that_asks_for_too_long_is_given_up() {
        let bounds = Retries { longest_wait: 10 * SECOND, give_up: 5, ..Retries::default() };
        let begin = Instant::now();
        let mut gate = Gate::new(None, None, begin);
        assert_eq!(gate.failed("429", Some(3 * SECOND), &bounds, begin), Consequence::Again);
        assert_eq!(gate.failed("429", Some(SECOND), &bounds, begin), Consequence::Again);
        assert_eq!(gate.closed_for(begin), 3 * SECOND);
        assert_eq!(gate.closed_for(after(begin, 4000)), Duration::ZERO);
        let Consequence::GiveUp(reason) = gate.failed("429", Some(86_400 * SECOND), &bounds, begin) else { panic!() };
        assert_eq!(reason, "429, and asks to be left alone for 24 h");
        assert_eq!(gate.given_up(), Some(reason.as_str()));
    }

    #[test]
    fn a_host_that_fails_in_a_row_is_given_up() {
        let bounds = Retries { give_up: 3, ..Retries::default() };
        let begin = Instant::now();
        let mut gate = Gate::new(None, None, begin);
        for _ in 0..2 {
            assert_eq!(gate.failed("500", None, &bounds, begin), Consequence::Again);
        }
        gate.succeeded();
        for _ in 0..2 {
            assert_eq!(gate.failed("500", None, &bounds, begin), Consequence::Again);
        }
        let reason = "3 requests in a row failed, the last one: 500".to_owned();
        assert_eq!(gate.failed("500", None, &bounds, begin), Consequence::GiveUp(reason));
    }

    /// Two names of one server share what it wishes and the narrower of their bounds; another port is another server.
    #[test]
    fn a_server_has_one_gate_whatever_it_is_called() {
        let (gates, begin) = (Gates::default(), Instant::now());
        let rate = |requests| Some(Rate { requests, per: SECOND });
        let one = gates.before("epr.example:443", rate(10), None, begin);
        let same = gates.before("epr.example:443", rate(2), Some(1000), begin);
        let other = gates.before("epr.example:8443", rate(10), None, begin);
        let failed = |gate: &Mutex<Gate>| {
            let bounds = Retries { longest_wait: SECOND, ..Retries::default() };
            gate.lock().unwrap().failed("429", Some(60 * SECOND), &bounds, begin)
        };
        let waits: Vec<_> = (0..2).map(|_| one.lock().unwrap().take_turn(begin).as_millis()).collect();
        assert_eq!(waits, [0, 500]);
        drop(gates.before("epr.example:443", None, None, begin));
        assert_eq!(one.lock().unwrap().count_bytes(3000, begin), 2 * SECOND);
        assert_ne!(failed(&same), Consequence::Again);
        assert!(one.lock().unwrap().given_up().is_some());
        assert!(other.lock().unwrap().given_up().is_none());
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_jitter_takes_a_share() {
        let bounds = Retries::default();
        let seconds: Vec<_> = (1..=8).map(|number| pause(number, &bounds, 1.0).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(3, &bounds, 0.5).as_secs(), 2);
        assert_eq!(pause(u32::MAX, &bounds, 0.0), Duration::ZERO);
        let (mut one, mut other) = (Dice::new(7), Dice::new(7));
        let shares: Vec<_> = (0..100).map(|_| one.share()).collect();
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share) && *share == other.share()));
        assert!(shares.iter().any(|share| *share < 0.2) && shares.iter().any(|share| *share > 0.8));
    }
}
