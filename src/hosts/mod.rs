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
pub mod shared;
pub mod systemd;

pub use shared::includes::{FOLDER_MARK, INCOMPLETE};
pub use shared::options::{HostOptions, Published};

use crate::answers::route::model::Routes;
use crate::config::DEFAULT_LISTEN;
use crate::config::fallback::Fallback;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Name of the file in the root of a generation that holds [`Hosting`] as JSON.
pub const HOSTING: &str = "hosting.json";

/// Settings of a distribution, for servers that read a generation instead of a configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hosting {
    /// See [`HostOptions::prefix`].
    pub prefix: String,
    /// See [`HostOptions::debug_header`].
    pub debug_header: bool,
    /// See [`HostOptions::listen`]; empty stands for [`DEFAULT_LISTEN`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub listen: String,
    /// See [`HostOptions::fallback`].
    #[serde(default, skip_serializing_if = "Fallback::is_off")]
    pub fallback: Fallback,
}

impl Hosting {
    /// The settings, with an address only if it is not the default.
    pub fn new(prefix: &str, debug_header: bool, listen: &str, fallback: &Fallback) -> Self {
        let listen = if listen == DEFAULT_LISTEN { "" } else { listen };
        Self { prefix: prefix.to_owned(), debug_header, listen: listen.to_owned(), fallback: fallback.clone() }
    }

    /// Address, port, or both, to listen on.
    pub fn listen(&self) -> &str {
        if self.listen.is_empty() { DEFAULT_LISTEN } else { &self.listen }
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
    // Not a host, but files that several hosts read.
    ("tables", shared::tables::render),
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
