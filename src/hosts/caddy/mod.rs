//! The configuration for Caddy: the reference router as maps, the routing tables as rows in small buckets.
//!
//! Caddy knows no hashed look-up: a map is a list that is searched from its beginning. So each node says in which bucket
//! of which axis its row lies, and a request passes by all buckets but six. Its patterns cannot look ahead, so what the
//! templates for nginx exclude is here said by what is left. Knows nothing of disks.

mod tables;
mod treatment;
mod versions;

use super::HostOptions;
use super::nginx::{PARTS, PRERELEASE_PART, parameters};
use crate::answers::route::build::LONGEST_WORD;
use crate::answers::route::model::Routes;
use crate::answers::route::spelling::{self, Bytes};
use crate::answers::route::{query, request};
use crate::base::{headers, media};
use anyhow::Context;
use minijinja::{Environment, Value, context};
use std::collections::BTreeMap;

/// The file that gets the tables after what its template says.
const TABLES: &str = "tables.caddy";
/// Templates by the name of the file they make.
const TEMPLATES: [(&str, &str); 6] = [
    ("Caddyfile", include_str!("../../../templates/caddy/Caddyfile")),
    ("README.md", include_str!("../../../templates/caddy/README.md")),
    ("files.caddy", include_str!("../../../templates/caddy/files.caddy")),
    ("request.caddy", include_str!("../../../templates/caddy/request.caddy")),
    ("server.caddy", include_str!("../../../templates/caddy/server.caddy")),
    (TABLES, include_str!("../../../templates/caddy/tables.caddy")),
];

/// An escape that is none, or a `;`: the registry drops such a pair.
const DROPPED: &str = "%(?:[^0-9A-Fa-f]|$|[0-9A-Fa-f](?:[^0-9A-Fa-f]|$))|;";

/// Makes the files of the folder `hosts/caddy`: name and content, sorted by name.
///
/// # Errors
/// Only when a template is broken.
pub fn render(routes: &Routes, options: &HostOptions) -> anyhow::Result<Vec<(String, String)>> {
    let values = context! { ..request_values(routes), ..server_values(options) };
    let environment = Environment::new();
    let mut files = Vec::new();
    for (name, template) in TEMPLATES {
        let text = environment.render_str(template, &values).with_context(|| format!("Caddy template {name}"))?;
        let mut text = text + "\n";
        if name == TABLES {
            tables::render(routes, &mut text);
        }
        files.push((name.to_owned(), text));
    }
    Ok(files)
}

fn request_values(routes: &Routes) -> Value {
    let unplussed = |byte: u8| spelling::in_version(byte) && byte != b'+';
    let first = |byte: u8| spelling::in_word(byte) && byte != b'.';
    let other = |is_unkeyed: bool| if is_unkeyed { "unread" } else { "u" };
    context! {
        parameters => parameters(),
        prerelease => format!(r"{PRERELEASE_PART}(?:\.{PRERELEASE_PART})*"),
        prerelease_part => PRERELEASE_PART,
        metadata => format!("(?:%2[Bb]{PARTS})?"),
        strict => format!(
            r"^(?:0|[1-9]\d{{0,18}})(?:\.(?:0|[1-9]\d{{0,18}})){{2}}(?:-{PRERELEASE_PART}(?:\.{PRERELEASE_PART})*)?(?:\+{PARTS})?$"
        ),
        dropped => DROPPED,
        not_dots => "(?:[^.%]|%[^2].|%2[^Ee])*",
        unplussed => spelling::escapes(unplussed),
        name => set(spelling::in_name),
        word => set(spelling::in_word),
        version => set(spelling::in_version),
        flag => set(spelling::in_flag),
        capability => set(spelling::in_capability),
        // A category or type that has a key.
        key => format!(
            "^[{}][{}]{{0,{}}}$",
            spelling::literals(first),
            spelling::literals(spelling::in_word),
            LONGEST_WORD - 1
        ),
        other_category => other(routes.unkeyed.categories),
        other_type => other(routes.unkeyed.types),
        are_usual => query::are_usual(&routes.capabilities),
        unread => query::UNREAD,
        filters => query::FILTERS,
    }
}

/// Patterns for a set of bytes: the bytes as they are, for use between brackets, and the digits of their escapes.
fn set(bytes: Bytes) -> Value {
    context! { literals => spelling::literals(bytes), escapes => spelling::escapes(bytes) }
}

fn server_values(options: &HostOptions) -> Value {
    let mut types: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (extension, name) in media::EXTENSIONS {
        types.entry(name).or_default().push(extension);
    }
    let (host, port) = options.listen.rsplit_once(':').unwrap_or(("", &options.listen));
    let seconds = "max-age=10, public";
    let answer = "max-age=600, public";
    context! {
        id => options.slug(),
        prefix => options.prefix.as_str(),
        prefix_pattern => treatment::pattern(&options.prefix),
        example => format!("/srv/epr/{}", options.distribution),
        listen => options.listen.as_str(),
        host => host.trim_matches(['[', ']']),
        port,
        state => options.state_here(),
        root => format!("{{args.0}}/generations/{}/site", options.generation_id),
        debug_header => options.debug_header,
        pages => options.notes.pages,
        policy => headers::POLICY,
        sandbox => headers::SANDBOX,
        text => media::TEXT,
        no_route => request::NO_ROUTE,
        no_store => "max-age=0, private, no-store",
        media => context! { text => media::TEXT, json => media::JSON, zip => media::ZIP, icon => media::ICON },
        ages => context! {
            answer,
            document => seconds,
            file => if options.notes.immutable { "max-age=31536000, public, immutable" } else { answer },
        },
        texts => context! {
            no_route => request::NO_ROUTE,
            no_method => request::NO_METHOD,
            invalid_version => request::INVALID_VERSION,
            no_resource => request::NO_RESOURCE,
            no_revision => request::NO_REVISION,
            no_artifact => request::NO_ARTIFACT,
            no_signature => request::NO_SIGNATURE,
            broken => request::BROKEN,
            unpublished => request::UNPUBLISHED,
        },
        types => types.into_iter().map(|(name, extensions)| context! { name, extensions }).collect::<Vec<_>>(),
        page_types => ["css", "html", "js", "json", "svg", "xml"].into_iter().filter_map(|extension| {
            Some(context! { extension, name => media::by_extension(&format!("x.{extension}"))? })
        }).collect::<Vec<_>>(),
        treatments => treatment::rows(&options.notes),
    }
}
