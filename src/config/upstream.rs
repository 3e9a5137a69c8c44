//! Upstreams: registries from which layers are mirrored, and how politely and patiently they are asked; or saved images, which
//! nobody has to ask.
//!
//! Builds look at none of this, so no key of the cache depends on it.

use std::path::PathBuf;
use std::time::Duration;

/// The public registry.
const PUBLIC_HOST: &str = "epr.elastic.co";
/// Where the public registry keeps what it serves.
const PUBLIC_STORAGE: &str = "package-storage.elastic.co";

/// A registry, or a saved image, that can be mirrored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Address of the registry, with a path if it lies below one; no slash at the end. For an image a made-up one, by which
    /// records and messages name what came out of it.
    pub url: String,
    /// The file or folder that holds the image, if it is one. Then nothing else but the address is of meaning.
    pub image: Option<PathBuf>,
    /// Address of a flat folder of zips and signatures, from which these are fetched instead; no slash at the end.
    pub artifacts: Option<String>,
    /// Hosts, beside that of the address, to which redirects may lead.
    pub redirects: Vec<String>,
    /// File with certificates, in PEM, of authorities that count beside those of the system.
    pub ca: Option<PathBuf>,
    /// Address of the proxy; if absent, that of the environment.
    pub proxy: Option<String>,
    /// File with headers, one a line, that are sent to this registry and to no other host.
    pub headers_from: Option<PathBuf>,
    /// How the operator of the registry reaches whoever mirrors it: a mail address or a page.
    pub contact: Option<String>,
    /// Requests at a time.
    pub jobs: usize,
    /// Requests in a time; absent for no bound.
    pub rate: Option<Rate>,
    /// Bytes in a second; absent for no bound.
    pub bandwidth: Option<u64>,
    /// Bounds on waiting.
    pub timeouts: Timeouts,
    /// Tries after failures that may pass.
    pub retries: Retries,
}

/// So many requests in so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Number of requests, above zero.
    pub requests: u32,
    /// The time, above zero.
    pub per: Duration,
}

/// Bounds on waiting for a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, with its TLS.
    pub connect: Duration,
    /// From the request to the head of the answer.
    pub answer: Duration,
    /// Between two parts of the answer; as much time without 1 KiB for each second counts as well.
    pub idle: Duration,
    /// For a whole listing.
    pub listing: Duration,
}

/// Tries after failures that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Tries of one request, the first one included.
    pub tries: u32,
    /// Longest pause before the second try; it doubles with each further one.
    pub first: Duration,
    /// Longest pause before any try.
    pub most: Duration,
    /// Longest wait that a registry may ask for.
    pub longest_wait: Duration,
    /// Failures in a row after which the registry is given up.
    pub give_up: u32,
}

impl Upstream {
    /// The registry at an address, with all defaults.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.trim_end_matches('/').to_owned(),
            image: None,
            artifacts: None,
            redirects: Vec::new(),
            ca: None,
            proxy: None,
            headers_from: None,
            contact: None,
            jobs: 4,
            rate: Some(Rate { requests: 10, per: Duration::from_secs(1) }),
            bandwidth: None,
            timeouts: Timeouts::default(),
            retries: Retries::default(),
        }
    }

    /// The image in this file or folder, as the upstream of this name.
    pub fn saved(name: &str, image: PathBuf) -> Self {
        let mut upstream = Self::at(&format!("image://{name}"));
        upstream.image = Some(image);
        upstream.rate = None;
        // As long as it takes to read it.
        upstream.timeouts.listing = Duration::from_secs(7 * 24 * 60 * 60);
        upstream
    }

    /// Returns true if a redirect from the registry's host may lead to this one.
    pub fn may_redirect_to(&self, own_host: &str, host: &str) -> bool {
        let is = |known: &str| known.eq_ignore_ascii_case(host);
        is(own_host)
            || self.redirects.iter().any(|known| is(known))
            || (own_host.eq_ignore_ascii_case(PUBLIC_HOST) && is(PUBLIC_STORAGE))
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), answer: seconds(60), idle: seconds(60), listing: seconds(600) }
    }
}

impl Default for Retries {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { tries: 6, first: seconds(1), most: seconds(60), longest_wait: seconds(600), give_up: 20 }
    }
}

#[cfg(test)]
mod tests {
    use super::Upstream;

    #[test]
    fn redirects_lead_to_the_host_itself_and_to_listed_ones() {
        let public = Upstream::at("https://epr.elastic.co/");
        assert_eq!(public.url, "https://epr.elastic.co");
        let own =
            Upstream { redirects: vec!["files.example.org".to_owned()], ..Upstream::at("http://epr.example.org") };
        for (upstream, from, to, expected) in [
            (&public, "epr.elastic.co", "epr.elastic.co", true),
            (&public, "epr.elastic.co", "Package-Storage.elastic.co", true),
            (&public, "epr.elastic.co", "elastic.co", false),
            (&own, "epr.example.org", "EPR.example.org", true),
            (&own, "epr.example.org", "files.example.org", true),
            (&own, "epr.example.org", "example.org", false),
            (&own, "epr.example.org", "package-storage.elastic.co", false),
            (&own, "epr.example.org", "files.example.org.evil.net", false),
        ] {
            assert_eq!(upstream.may_redirect_to(from, to), expected, "{from} {to}");
        }
    }
}
