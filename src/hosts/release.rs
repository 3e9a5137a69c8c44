//! The files that a release adds to the configurations of its distribution. These include them by a pattern, so releases
//! come and go while the generation in use stays the same.
//!
//! A release is one more registry of the same server, below a path of its own and with names of its own. Knows nothing of
//! disks.

use super::shared::includes::INCOMPLETE;
use super::shared::options::HostOptions;
use super::shared::tables;
use super::{apache, caddy, haproxy, nginx};
use crate::answers::route::model::Routes;
use anyhow::Result;
use std::collections::BTreeMap;

/// Makes the files of the folder `hosts` of a release. `options` are those of its distribution, but for the path.
///
/// # Errors
/// When a template is broken.
pub fn render(routes: &Routes, options: &HostOptions, name: &str) -> Result<BTreeMap<String, String>> {
    let around = options.slug();
    // No distribution has a slash in its name, so names made from this are the release's alone.
    let own = HostOptions { distribution: format!("{}/{name}", options.distribution), ..options.clone() };
    let mut files = BTreeMap::new();
    let nginx: BTreeMap<_, _> = nginx::render(routes, &own)?.into_iter().collect();
    // Looked up when a request needs it, and below the folder that the server says.
    let root = format!(
        "# Generated. Release {name}, for the block http; release.inc is for the server.\n\
         map $epr_{around}_generations $epr_{}_root {{ default $epr_{around}_generations/{}/site; }}\n",
        own.slug(),
        own.generation_id
    );
    files.insert(
        "nginx/release.maps".to_owned(),
        [&root, &nginx["request.maps"], &nginx["tables.maps"]].map(String::as_str).concat(),
    );
    files.insert("nginx/release.inc".to_owned(), nginx["server.inc"].clone());
    for (name, text) in caddy::render(routes, &own)? {
        if !matches!(name.as_str(), "Caddyfile" | "README.md") && !name.ends_with(INCOMPLETE) {
            files.insert(format!("caddy/{name}"), text);
        }
    }
    for (file, text) in apache::render(routes, &own)? {
        match file.as_str() {
            "registry.conf" => {
                let down = match own.fallback.is_off() {
                    true => String::new(),
                    false => format!("Define EPR_DOWN \"${{EPR_SITES}}/{}/hosts\"\n", own.generation_id),
                };
                let text = format!(
                    "# Generated. Release {name}, for a virtual host, before the rules of the distribution: EPR_RELEASES is\n\
                     # the folder of the releases, EPR_SITES that of the generations.\n\
                     Define EPR_HOSTS \"${{EPR_RELEASES}}/{name}/hosts\"\n\
                     Define EPR_SITE \"${{EPR_SITES}}/{generation}/site\"\n{down}{text}",
                    generation = own.generation_id
                );
                files.insert("apache/release.conf".to_owned(), text);
            }
            "httpd.conf" | "README.md" => {}
            name if name.ends_with(INCOMPLETE) => {}
            _ => drop(files.insert(format!("apache/{file}"), text)),
        }
    }
    // HAProxy includes nothing, and asks another origin for each release: a process of its own.
    let elsewhere = HostOptions { listen: "\"${EPR_LISTEN-127.0.0.1:8082}\"".to_owned(), ..own.clone() };
    for (name, text) in haproxy::render(routes, &elsewhere)? {
        if name != "README.md" && !name.ends_with(INCOMPLETE) {
            files.insert(format!("haproxy/{name}"), text);
        }
    }
    for (name, text) in tables::render(routes, &own)? {
        files.insert(format!("tables/{name}"), text);
    }
    Ok(files)
}
