//! Counters of the server, in the text form that Prometheus reads.
//!
//! Names and labels are an interface to people's dashboards: they are listed in the README.

use anyhow::{Context, Result};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Mutex;
use std::time::Duration;

/// Seconds up to which responses are counted together.
const SECONDS: [f64; 8] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];

/// The purpose of a request. There are few values, whatever clients ask, because each is a time series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the values of the label")]
pub(super) enum Endpoint {
    search,
    categories,
    package,
    epr,
    health,
    other,
}

impl Endpoint {
    /// Reads the first component of a path.
    pub(super) fn of(path: &str) -> Self {
        match path.trim_start_matches('/').split('/').next().unwrap_or_default() {
            "search" => Self::search,
            "categories" => Self::categories,
            "package" => Self::package,
            "epr" => Self::epr,
            "health" => Self::health,
            _ => Self::other,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    endpoint: Endpoint,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Timed {
    endpoint: Endpoint,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Served {
    generation: String,
}

/// All counters.
pub(super) struct Metrics {
    registry: Mutex<Registry>,
    responses: Family<Answered, Counter>,
    bytes: Family<Timed, Counter>,
    seconds: Family<Timed, Histogram, fn() -> Histogram>,
    generation: Family<Served, Gauge>,
    /// Connections that are open.
    pub(super) connections: Gauge,
    /// Connections that were accepted.
    pub(super) accepted: Counter,
    /// Connections that did not get through the handshake of TLS.
    pub(super) handshakes_failed: Counter,
    /// Answers that no table held.
    pub(super) computed: Counter,
    /// Lines of the access log that were dropped.
    pub(super) lines_dropped: Counter,
    /// Number of switches to another generation.
    pub(super) switches: Counter,
    /// Number of generations and certificates that were refused.
    pub(super) refusals: Counter,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("epr")),
            responses: Family::default(),
            bytes: Family::default(),
            seconds: Family::new_with_constructor(histogram),
            generation: Family::default(),
            connections: Gauge::default(),
            accepted: Counter::default(),
            handshakes_failed: Counter::default(),
            computed: Counter::default(),
            lines_dropped: Counter::default(),
            switches: Counter::default(),
            refusals: Counter::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        registry.register("responses", "Responses by endpoint and status", self.responses.clone());
        registry.register_with_unit("sent", "Body bytes sent by endpoint", Unit::Bytes, self.bytes.clone());
        registry.register_with_unit(
            "response_duration",
            "Time until a response was sent",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register("generation", "The generation that is served, as a label", self.generation.clone());
        registry.register("connections", "Open connections", self.connections.clone());
        registry.register("connections_accepted", "Connections accepted", self.accepted.clone());
        registry.register("tls_handshakes_failed", "Failed TLS handshakes", self.handshakes_failed.clone());
        registry.register("answers_computed", "Answers that no table held", self.computed.clone());
        registry.register("access_log_lines_dropped", "Lines the access log lost", self.lines_dropped.clone());
        registry.register("generation_switches", "Generations taken into use", self.switches.clone());
        registry.register("refusals", "Generations and certificates not taken into use", self.refusals.clone());
    }

    /// Counts a response that ended.
    pub(super) fn answered(&self, endpoint: Endpoint, status: u16, bytes: u64, took: Duration) {
        self.responses.get_or_create(&Answered { endpoint, status }).inc();
        self.bytes.get_or_create(&Timed { endpoint }).inc_by(bytes);
        self.seconds.get_or_create(&Timed { endpoint }).observe(took.as_secs_f64());
    }

    /// Notes the generation that is served from now on.
    pub(super) fn serves(&self, generation: String) {
        self.generation.clear();
        self.generation.get_or_create(&Served { generation }).set(1);
    }

    /// All counters as text.
    pub(super) fn render(&self) -> Result<String> {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        encode(&mut text, &registry).context("cannot write the metrics")?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_the_beginning_of_a_path() {
        for (path, endpoint) in [
            ("/search", Endpoint::search),
            ("//search", Endpoint::search),
            ("/package/a/1.0.0/", Endpoint::package),
            ("/epr/a/a-1.0.0.zip", Endpoint::epr),
            ("/", Endpoint::other),
            ("/searching", Endpoint::other),
        ] {
            assert_eq!(Endpoint::of(path), endpoint, "{path}");
        }
    }

    #[test]
    fn what_was_counted_is_told() {
        let metrics = Metrics::new();
        metrics.answered(Endpoint::search, 200, 42, Duration::from_millis(2));
        metrics.answered(Endpoint::search, 200, 8, Duration::from_millis(2));
        metrics.serves("old".to_owned());
        metrics.serves("new".to_owned());
        let text = metrics.render().unwrap();
        for line in [
            "epr_responses_total{endpoint=\"search\",status=\"200\"} 2",
            "epr_sent_bytes_total{endpoint=\"search\"} 50",
            "epr_response_duration_seconds_count{endpoint=\"search\"} 2",
            "epr_generation{generation=\"new\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("old"), "{text}");
    }
}
