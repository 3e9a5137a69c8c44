//! The configuration for HAProxy in front of an origin that holds the files and knows nothing of the registry.
//!
//! Requests are routed by patterns and look-ups in the maps of exact keys; the origin is only ever asked for paths that exist
//! if the generation is whole, or for files of packages. HAProxy cannot look at the origin's disk, so it has lists of the
//! versions and of the compressed copies. Knows nothing of disks.

use super::nginx::request_values;
use super::nginx::treatment::pattern;
use super::{HostOptions, rows};
use crate::answers::route::model::Routes;
use crate::base::file_notes::FileNotes;
use crate::base::{headers, media};
use anyhow::Context;
use minijinja::{Environment, Value, context};
use std::fmt::Write;

/// Templates by the name of the file they make.
const TEMPLATES: [(&str, &str); 2] = [
    ("README.md", include_str!("../../../templates/haproxy/README.md")),
    ("haproxy.cfg", include_str!("../../../templates/haproxy/haproxy.cfg")),
];
/// The text of an error that is the origin's.
const UNREACHABLE: &str = "the files of this registry cannot be reached";
/// Clients at the same time: each may need two file handles, and shells often allow 1,024.
const CONNECTIONS: u32 = 480;

/// Makes the files of the folder `hosts/haproxy`: name and content.
///
/// # Errors
/// When a template is broken, or the prefix is no path.
pub fn render(routes: &Routes, options: &HostOptions) -> anyhow::Result<Vec<(String, String)>> {
    let values = context! {
        ..request_values(routes),
        ..rows::request_values(routes),
        ..values(options)?,
    };
    let environment = Environment::new();
    let types = media::EXTENSIONS.iter().map(|(extension, name)| format!("{extension} {name}\n")).collect();
    let pages = &options.published.pages;
    let pages = pages.iter().map(|(path, has_copy)| format!("{path} {}\n", u8::from(*has_copy))).collect();
    let versions = &options.published.versions;
    let versions = versions.iter().map(|(id, has_copy)| format!("{id} {}\n", u8::from(*has_copy))).collect();
    let mut files = vec![
        ("files.map".to_owned(), files(&options.notes)),
        ("pages.map".to_owned(), pages),
        ("types.map".to_owned(), types),
        ("versions.map".to_owned(), versions),
    ];
    for (name, template) in TEMPLATES {
        let text = environment.render_str(template, &values).with_context(|| format!("HAProxy template {name}"))?;
        files.push((name.to_owned(), text + "\n"));
    }
    Ok(files)
}

fn values(options: &HostOptions) -> anyhow::Result<Value> {
    let prefix = rows::prefix(options)?;
    let bind = if options.listen.contains(':') { options.listen.clone() } else { format!(":{}", options.listen) };
    Ok(context! {
        distribution => options.distribution.as_str(),
        generation => options.generation_id.as_str(),
        bind,
        prefix,
        prefix_pattern => pattern(prefix),
        debug_header => options.debug_header,
        pages => options.notes.pages,
        policy => headers::POLICY,
        sandbox => headers::SANDBOX,
        immutable => options.notes.immutable,
        text => media::TEXT,
        unreachable => UNREACHABLE,
        connections => CONNECTIONS,
    })
}

/// What is unusual about package files, as [`rows::file_notes`] says it; the keys are escaped as `url_enc` does.
fn files(notes: &FileNotes) -> String {
    let mut text = String::new();
    for (path, note) in rows::file_notes(notes) {
        for byte in path.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                text.push(char::from(byte));
            } else {
                let _ = write!(text, "%{byte:02X}");
            }
        }
        text.extend([" ", &note, "\n"]);
    }
    text
}
