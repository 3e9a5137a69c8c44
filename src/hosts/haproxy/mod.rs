//! The configuration for HAProxy in front of an origin that holds the files and knows nothing of the registry.
//!
//! Requests are routed by patterns and look-ups in the maps of exact keys; the origin is only ever asked for paths that exist
//! if the generation is whole, or for files of packages. HAProxy cannot look at the origin's disk, so it has lists of the
//! versions and of the compressed copies. Knows nothing of disks.

use super::shared::escape::escape;
use super::shared::includes::FOLDER_MARK;
use super::shared::options::HostOptions;
use super::shared::package_files::notes_by_path;
use super::shared::patterns::literal;
use super::shared::tables::request_values;
use super::shared::templates::{self, Template};
use super::shared::texts::option_values;
use crate::answers::route::model::Routes;
use crate::answers::route::request::VERSIONS;
use crate::base::file_notes::FileNotes;
use crate::base::media;
use minijinja::{Value, context};
use std::collections::BTreeMap;

/// The rules for an HAProxy that exists.
const INCLUDED: &str = "registry.cfg.in";
/// Templates by the name of the file they make.
const TEMPLATES: [Template; 3] = [
    ("README.md", include_str!("../../../templates/haproxy/README.md")),
    (INCLUDED, include_str!("../../../templates/haproxy/haproxy.cfg")),
    ("haproxy.cfg", include_str!("../../../templates/haproxy/haproxy.cfg")),
];
/// The text of an error of the origin.
const UNREACHABLE: &str = "the files of this registry cannot be reached";
/// Clients at the same time: each may need two file handles, and shells often allow 1,024.
const CONNECTIONS: u32 = 480;

/// Makes the files of the folder `hosts/haproxy`: name and content.
///
/// # Errors
/// When a template is broken, or the prefix is no path.
pub fn render(routes: &Routes, options: &HostOptions) -> anyhow::Result<Vec<(String, String)>> {
    let values = context! { ..server_values(options)?, ..request_values(routes) };
    let types = media::EXTENSIONS.iter().map(|(extension, name)| format!("{extension} {name}\n")).collect();
    let mut files = vec![
        ("files.map".to_owned(), files(&options.notes)),
        ("pages.map".to_owned(), copies(&options.published.pages)),
        ("types.map".to_owned(), types),
        ("versions.map".to_owned(), copies(&options.published.versions) + &list(options)),
    ];
    for template in TEMPLATES {
        let (name, _) = template;
        let mut text = templates::render("HAProxy", template, &context! { ..names(name, options), ..values.clone() })?;
        if name == INCLUDED {
            let folder = format!("{FOLDER_MARK}/generations/{}/hosts/haproxy", options.generation_id);
            text = text.replace("map_str(", &format!("map_str({folder}/"));
        }
        files.push((name.to_owned(), text));
    }
    Ok(files)
}

fn server_values(options: &HostOptions) -> anyhow::Result<Value> {
    let bind = if options.listen.contains(':') { options.listen.clone() } else { format!(":{}", options.listen) };
    Ok(context! {
        local => if bind.starts_with(':') { format!("127.0.0.1{bind}") } else { bind.clone() },
        bind,
        prefix_pattern => literal(options.plain_prefix()?),
        unreachable => UNREACHABLE,
        connections => CONNECTIONS,
        ..option_values(options)
    })
}

/// The names of proxies, of which an HAProxy that exists has others, and maybe those of other distributions.
fn names(file: &str, options: &HostOptions) -> Value {
    let name = format!("epr_{}", options.distribution);
    match file == INCLUDED {
        true => context! { included => true, from => format!(" from {name}:defaults"), between => ":", proxy => name },
        false => context! { included => false, from => "", between => "_", proxy => "epr" },
    }
}

/// A map that says for each key whether there is a compressed copy.
fn copies(keys: &BTreeMap<String, bool>) -> String {
    keys.iter().map(|(key, has_copy)| format!("{key} {}\n", u8::from(*has_copy))).collect()
}

/// The row of the list of all versions, by its path.
fn list(options: &HostOptions) -> String {
    options.published.list.map_or(String::new(), |has_copy| format!("{VERSIONS} {}\n", u8::from(has_copy)))
}

/// The exceptions of [`notes_by_path`]; the keys are escaped as `url_enc` does.
fn files(notes: &FileNotes) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-._~".contains(letter);
    let row = |(path, note)| format!("{} {note}\n", escape(path, is_plain, |byte| format!("%{byte:02X}")));
    notes_by_path(notes).into_iter().map(row).collect()
}
