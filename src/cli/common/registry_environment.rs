//! The environment that starts Elastic's registry: `serve` takes its place where an operator, a chart or a compose file sets
//! these variables.

use anyhow::{Result, bail};
use std::collections::BTreeMap;

/// Prefix of the registry's variables.
const PREFIX: &str = "EPR_";
/// Those that are ours, and no settings of a registry.
const OURS: [&str; 6] = ["EPR_BUILD_", "EPR_FUZZ_", "EPR_REQUIRE_ALL", "EPR_SHARED", "EPR_CONFORMANCE", "EPR_BENCH_"];
const ADDRESS: &str = "EPR_ADDRESS";
const TLS_CERT: &str = "EPR_TLS_CERT";
const TLS_KEY: &str = "EPR_TLS_KEY";
const TLS_MIN_VERSION: &str = "EPR_TLS_MIN_VERSION";
const METRICS_ADDRESS: &str = "EPR_METRICS_ADDRESS";
const LOG_LEVEL: &str = "EPR_LOG_LEVEL";
const KNOWN: [&str; 6] = [ADDRESS, TLS_CERT, TLS_KEY, TLS_MIN_VERSION, METRICS_ADDRESS, LOG_LEVEL];

/// What the environment asks for. An empty variable counts as absent, as it does there.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct RegistryEnvironment {
    /// Address to listen on.
    pub(in crate::cli) address: Option<String>,
    /// Path of the certificate.
    pub(in crate::cli) tls_cert: Option<String>,
    /// Path of its key.
    pub(in crate::cli) tls_key: Option<String>,
    /// Lowest version of TLS, as it is written there.
    pub(in crate::cli) tls_min_version: Option<String>,
    /// Address of the metrics.
    pub(in crate::cli) metrics: Option<String>,
    /// True if only warnings and errors are to be logged.
    pub(in crate::cli) is_quiet: bool,
    /// Variables of the registry that are not needed here, sorted.
    pub(in crate::cli) unneeded: Vec<String>,
}

impl RegistryEnvironment {
    /// Reads the environment of this process.
    pub(in crate::cli) fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        };
        Self::read(std::env::vars_os().filter_map(text))
    }

    fn read(variables: impl Iterator<Item = (String, String)>) -> Self {
        let set = variables.filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty());
        let mut set: BTreeMap<String, String> = set.collect();
        let mut take = |name: &str| set.remove(name);
        let mut found = Self {
            address: take(ADDRESS),
            tls_cert: take(TLS_CERT),
            tls_key: take(TLS_KEY),
            tls_min_version: take(TLS_MIN_VERSION),
            metrics: take(METRICS_ADDRESS),
            ..Self::default()
        };
        let level = take(LOG_LEVEL).unwrap_or_default().to_ascii_lowercase();
        found.is_quiet = !matches!(level.as_str(), "" | "debug" | "info");
        found.unneeded = set.into_keys().filter(|name| !OURS.iter().any(|ours| name.starts_with(ours))).collect();
        found
    }

    /// Says what has no effect here, once.
    pub(in crate::cli) fn note(&self) -> Option<String> {
        if self.unneeded.is_empty() {
            return None;
        }
        let names = self.unneeded.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        Some(format!("not needed here: {names}; what `serve` reads is {}", KNOWN.join(", ")))
    }
}

/// Lowest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum LowestTls {
    /// 1.2, which older ones become, too; true if one was asked for.
    V12 {
        /// An older version was asked for.
        is_raised: bool,
    },
    /// 1.3.
    V13,
}

/// Reads a version as the registry does, `1.2` or `TLSv1.2`.
///
/// # Errors
/// When there is no such version.
pub(in crate::cli) fn lowest_tls(text: &str) -> Result<LowestTls> {
    match text.trim_start_matches("TLSv").trim_start_matches("TLS") {
        "1.0" | "1.1" => Ok(LowestTls::V12 { is_raised: true }),
        "1.2" => Ok(LowestTls::V12 { is_raised: false }),
        "1.3" => Ok(LowestTls::V13),
        _ => bail!("`{text}` is no version of TLS\nhint: write 1.2 or 1.3"),
    }
}

#[cfg(test)]
mod tests {
    use super::{LowestTls, RegistryEnvironment, lowest_tls};

    #[test]
    fn variables_are_read_and_others_named_once() {
        let variables = [
            ("EPR_ADDRESS", "0.0.0.0:8080"),
            ("EPR_TLS_CERT", "/tls.crt"),
            ("EPR_TLS_KEY", ""),
            ("EPR_LOG_LEVEL", "WARN"),
            ("EPR_FEATURE_STORAGE_INDEXER", "true"),
            ("EPR_CONFIG", "/package-registry/config.yml"),
            ("EPR_BUILD_PASSPHRASE", "x"),
            ("EPR_REQUIRE_ALL", "1"),
            ("HOME", "/"),
        ];
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let found = RegistryEnvironment::read(owned);
        assert_eq!(found.address.as_deref(), Some("0.0.0.0:8080"));
        assert_eq!((found.tls_cert.as_deref(), found.tls_key.as_deref()), (Some("/tls.crt"), None));
        assert!(found.is_quiet);
        assert_eq!(found.unneeded, ["EPR_CONFIG", "EPR_FEATURE_STORAGE_INDEXER"]);
        assert!(found.note().unwrap().starts_with("not needed here: `EPR_CONFIG`, `EPR_FEATURE_STORAGE_INDEXER`;"));
        assert_eq!(RegistryEnvironment::read(std::iter::empty()), RegistryEnvironment::default());
    }

    #[test]
    fn old_versions_of_tls_are_raised() {
        for (text, expected) in [
            ("1.0", Some(LowestTls::V12 { is_raised: true })),
            ("TLSv1.1", Some(LowestTls::V12 { is_raised: true })),
            ("1.2", Some(LowestTls::V12 { is_raised: false })),
            ("1.3", Some(LowestTls::V13)),
            ("1.4", None),
            ("", None),
        ] {
            assert_eq!(lowest_tls(text).ok(), expected, "{text}");
        }
    }
}
