//! Configurations for the web servers that host a generation, all made from the same routing tables.
//!
//! Each host is a pure function from tables and options to files of its folder. Knows nothing of packages or disks.

pub mod apache;
pub mod caddy;
pub mod cloudflare;
pub mod cloudfront;
mod edge;
pub mod haproxy;
pub mod kubernetes;
pub mod nginx;
pub mod release;
pub mod rows;
pub mod systemd;

use crate::answers::route::model::Routes;
use crate::base::digest::Digest;
use crate::base::file_notes::FileNotes;
use anyhow::{Context, Result};
use rows::Published;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Name of the file in the root of a generation that holds [`Hosting`] as JSON.
pub const HOSTING: &str = "hosting.json";

/// How a distribution wants to be hosted, for servers that read a generation instead of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hosting {
    /// See [`HostOptions::prefix`].
    pub prefix: String,
    /// See [`HostOptions::debug_header`].
    pub debug_header: bool,
}

/// What configurations depend on besides the routing tables.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Name of the distribution.
    pub distribution: String,
    /// Name of the generation's folder, which `current` points to.
    pub generation_id: String,
    /// What to listen on: an address, a port, or both.
    pub listen: String,
    /// Beginning of the paths of the process id file and of the temporary folder, outside of every generation. What it
    /// listens on is appended, so that several instances on a machine keep apart.
    pub state: String,
    /// Path below which the registry lies: empty, or for example `/epr/staging`. It is taken off requests before they
    /// are routed and put before redirects; answers do not change, because Kibana puts it before paths itself.
    pub prefix: String,
    /// Whether answers say in `X-Epr-Route` which file they are.
    pub debug_header: bool,
    /// Exceptions among the package files.
    pub notes: FileNotes,
    /// What is published, for hosts that cannot look at a disk.
    pub published: Published,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            distribution: "epr".to_owned(),
            generation_id: "current".to_owned(),
            listen: "8080".to_owned(),
            state: "/tmp/epr-nginx".to_owned(),
            prefix: String::new(),
            debug_header: false,
            notes: FileNotes::default(),
            published: Published::default(),
        }
    }
}

/// Longer slugs become digests.
const LONGEST_SLUG: usize = 40;

impl HostOptions {
    /// The name of the distribution as part of other names, which may hold letters, digits and `_` and ignore case: no
    /// two distributions share it. A long one is a digest, since servers have limits for names.
    pub(crate) fn slug(&self) -> String {
        let mut slug = String::new();
        for byte in self.distribution.bytes() {
            if byte.is_ascii_lowercase() || byte.is_ascii_digit() {
                slug.push(char::from(byte));
            } else {
                let _ = write!(slug, "_{byte:02x}");
            }
        }
        if slug.len() > LONGEST_SLUG {
            format!("_{}", &Digest::of(self.distribution.as_bytes()).to_string()[..16])
        } else {
            slug
        }
    }

    /// The beginning of the paths outside of the generation, for this address alone.
    pub(crate) fn state_here(&self) -> String {
        let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '.' { letter } else { '-' };
        format!("{}-{}", self.state, self.listen.chars().map(plain).collect::<String>())
    }
}

/// Makes the files of the folder of one host: name and content.
type Render = fn(&Routes, &HostOptions) -> Result<Vec<(String, String)>>;

/// Every host, by the name of its folder.
const HOSTS: [(&str, Render); 9] = [
    ("apache", apache::render),
    ("caddy", caddy::render),
    ("cloudflare", cloudflare::render),
    ("cloudfront", cloudfront::render),
    ("haproxy", haproxy::render),
    ("kubernetes", kubernetes::render),
    ("nginx", nginx::render),
    ("systemd", systemd::render),
    // No host, but what several of them read.
    ("tables", rows::render),
];

/// Makes the files of all hosts, by their path below `hosts/`.
///
/// # Errors
/// Only when a template is broken.
pub fn render(routes: &Routes, options: &HostOptions) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for (host, render) in HOSTS {
        let made = render(routes, options).with_context(|| format!("cannot make the configuration for {host}"))?;
        files.extend(made.into_iter().map(|(name, text)| (format!("{host}/{name}"), text)));
    }
    Ok(files)
}
