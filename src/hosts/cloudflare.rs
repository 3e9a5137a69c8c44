//! A Cloudflare Worker in front of an R2 bucket.
//!
//! The whole table is a text module beside the code, in which the Worker searches for a line; nothing has to be read or
//! parsed when it starts. What the Worker must know of files comes from it too, so the bucket needs no metadata. Knows
//! nothing of disks or of Cloudflare itself.

use super::edge;
use super::shared::options::HostOptions;
use super::shared::templates::Template;
use crate::answers::route::model::Routes;
use crate::base::media;
use crate::config::fallback::Fallback;
use anyhow::{Context, Result};
use minijinja::context;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Templates by the name of the file they make.
const TEMPLATES: [Template; 3] = [
    ("README.md", include_str!("../../templates/cloudflare/README.md")),
    ("worker.js", include_str!("../../templates/cloudflare/worker.js")),
    ("wrangler.toml", include_str!("../../templates/cloudflare/wrangler.toml")),
];

/// Makes the files of the folder `hosts/cloudflare`: name and content.
///
/// # Errors
/// Only when a template is broken.
pub fn render(routes: &Routes, options: &HostOptions) -> Result<Vec<(String, String)>> {
    let table = tables(routes, options);
    let types: BTreeMap<_, _> = media::EXTENSIONS.iter().copied().collect();
    let values = context! {
        types => serde_json::to_string(&types).context("cannot write the content types")?,
        json => media::JSON,
        name => name(&options.distribution),
        bytes => table.len(),
        computes => matches!(options.fallback, Fallback::Address { tls: true, .. }),
    };
    let mut files = vec![("tables.txt".to_owned(), table)];
    for template in TEMPLATES {
        files.push((template.0.to_owned(), edge::render(template, routes, options, values.clone())?));
    }
    Ok(files)
}

/// Lines of key and value, sorted by key.
fn tables(routes: &Routes, options: &HostOptions) -> String {
    let mut table = edge::table(routes);
    for path in options.notes.types.keys().chain(&options.notes.archives) {
        let mark = if options.notes.archives.contains(path) { "z" } else { "" };
        let content_type = options.notes.types.get(path).map_or("", String::as_str);
        table.insert(edge::file_key(path), format!("{mark}{content_type}"));
    }
    let mut text = String::new();
    for (key, value) in &table {
        let _ = writeln!(text, "{key} {value}");
    }
    text
}

/// A name as Workers and buckets have them.
fn name(distribution: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    format!("epr-{}", distribution.chars().take(40).map(plain).collect::<String>()).trim_end_matches('-').to_owned()
}
