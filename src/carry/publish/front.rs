//! The configuration of a web server in front of the store, for the generation that was published.
//!
//! It belongs to one generation: until it is replaced and reloaded, answers come from the earlier generation as a whole.

use super::contents::Contents;
use crate::base::file_notes;
use crate::base::fs::{make_folders, read_json, read_json_if_there, write_over};
use crate::hosts::nginx::origin::{self, Origin};
use crate::hosts::{HOSTING, HostOptions, Hosting};
use anyhow::{Context, Result, anyhow, ensure};
use reqwest::Url;
use std::path::Path;

/// Writes the configuration of an nginx that reaches the prefix at the address `origin`.
///
/// # Errors
/// When the address cannot be understood, or the disk fails.
pub fn write_nginx(
    folder: &Path,
    origin: &str,
    distribution: &str,
    generation: &Path,
    contents: &Contents,
) -> Result<()> {
    let hosting: Hosting = read_json_if_there(&generation.join(HOSTING))?.unwrap_or_default();
    let options = HostOptions {
        distribution: distribution.to_owned(),
        generation_id: contents.current.generation.clone(),
        listen: hosting.listen().to_owned(),
        fallback: hosting.fallback,
        prefix: hosting.prefix,
        state: format!("/tmp/epr-origin-{distribution}"),
        notes: read_json(&generation.join(file_notes::FILE))?,
        ..HostOptions::default()
    };
    let routes = read_json(&generation.join("routes.json"))?;
    make_folders(folder)?;
    for (name, text) in origin::render(&routes, &options, &address(origin, contents)?)? {
        write_over(&folder.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// Parses the address of the store.
fn address(address: &str, contents: &Contents) -> Result<Origin> {
    let hint = "hint: write `--origin http://host:port/bucket/prefix`";
    let url = Url::parse(address).map_err(|error| anyhow!("`{address}` is not an address: {error}\n{hint}"))?;
    let name = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")).map(str::to_owned);
    let name = name.with_context(|| format!("`{address}` is not the address of a web server\n{hint}"))?;
    let path = object_store::path::Path::from_url_path(url.path())
        .map_err(|error| anyhow!("`{address}` has an odd path: {error}\n{hint}"))?;
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || " /._-+~:@=".contains(letter);
    ensure!(path.as_ref().chars().all(is_plain), "`{address}` has a path that nginx would misread\n{hint}");
    let path = if path.as_ref().is_empty() { String::new() } else { format!("/{path}") };
    let places =
        contents.current.versions.iter().map(|(stem, version)| (stem.clone(), version.folder.clone())).collect();
    let (scheme, folder) = (url.scheme().to_owned(), contents.answers.name.clone());
    Ok(Origin { scheme, name, port: url.port(), path, folder, places })
}
