//! The configuration for Caddy: the reference router as maps, the routing tables as rows in small buckets.
//!
//! Caddy has no hashed look-up: a map is a list that is searched from its beginning. So the text of a node names the axis
//! and the bucket of its row, and a request skips all buckets but six. Patterns of Caddy cannot look ahead, so they list
//! what remains where those of nginx exclude. Knows nothing of disks.

mod tables;
mod treatment;
mod versions;

use super::shared::options::HostOptions;
use super::shared::patterns::{METADATA_PARTS, PRERELEASE_PART, metadata, other_words, parameters, prerelease};
use super::shared::templates::{self, Template};
use super::shared::texts::{content_types, option_values, texts};
use crate::answers::route::build::LONGEST_WORD;
use crate::answers::route::model::Routes;
use crate::answers::route::spelling::{self, Bytes};
use crate::answers::route::{query, request};
use crate::base::headers::CacheClass;
use crate::base::media;
use minijinja::{Value, context};
use tables::Places;

/// The file that gets the steps of the walk after what its template says.
const TABLES: &str = "tables.caddy";
/// Templates by the name of the file they make.
const TEMPLATES: [Template; 7] = [
    ("Caddyfile", include_str!("../../../templates/caddy/Caddyfile")),
    ("README.md", include_str!("../../../templates/caddy/README.md")),
    ("files.caddy", include_str!("../../../templates/caddy/files.caddy")),
    ("request.caddy", include_str!("../../../templates/caddy/request.caddy")),
    ("server.caddy", include_str!("../../../templates/caddy/server.caddy")),
    ("site.caddy.in", include_str!("../../../templates/caddy/site.caddy.in")),
    (TABLES, include_str!("../../../templates/caddy/tables.caddy")),
];

/// Imported wherever a request is left to the fallback, and where errors are handled.
const FALLBACK: [Template; 2] = [
    ("errors.caddy", include_str!("../../../templates/caddy/errors.caddy")),
    ("fallback.caddy", include_str!("../../../templates/caddy/fallback.caddy")),
];

/// A malformed escape or a `;`: the registry drops a parameter that holds one.
const DROPPED: &str = "%(?:[^0-9A-Fa-f]|$|[0-9A-Fa-f](?:[^0-9A-Fa-f]|$))|;";

/// Makes the files of the folder `hosts/caddy`: name and content, sorted by name.
///
/// # Errors
/// Only when a template is broken.
pub fn render(routes: &Routes, options: &HostOptions) -> anyhow::Result<Vec<(String, String)>> {
    let places = Places::new(routes);
    let values = context! {
        ..request_values(routes),
        ..server_values(options),
        ..tables::start_values(routes, &places),
    };
    let mut files = templates::render_all("Caddy", &TEMPLATES, &values)?;
    if !options.fallback.is_off() {
        files.extend(templates::render_all("Caddy", &FALLBACK, &values)?);
        files.sort_unstable();
    }
    for (_, text) in files.iter_mut().filter(|(name, _)| name == TABLES) {
        tables::add_steps(routes, &places, text)?;
    }
    Ok(files)
}

fn request_values(routes: &Routes) -> Value {
    let unplussed = |byte: u8| spelling::in_version(byte) && byte != b'+';
    let first = |byte: u8| spelling::in_word(byte) && byte != b'.';
    context! {
        parameters => parameters(),
        prerelease => prerelease(),
        prerelease_part => PRERELEASE_PART,
        metadata => metadata(),
        strict => format!(
            r"^(?:0|[1-9]\d{{0,18}})(?:\.(?:0|[1-9]\d{{0,18}})){{2}}(?:-{PRERELEASE_PART}(?:\.{PRERELEASE_PART})*)?(?:\+{METADATA_PARTS})?$"
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
        are_usual => query::are_usual(&routes.capabilities),
        unread => query::UNREAD,
        filters => query::FILTERS,
        ..other_words(routes.unkeyed)
    }
}

/// Patterns for a set of bytes: the bytes as they are, for use between brackets, and the digits of their escapes.
fn set(bytes: Bytes) -> Value {
    context! { literals => spelling::literals(bytes), escapes => spelling::escapes(bytes) }
}

fn server_values(options: &HostOptions) -> Value {
    let (host, port) = options.listen.rsplit_once(':').unwrap_or(("", &options.listen));
    context! {
        id => options.slug(),
        prefix_pattern => treatment::literal(&options.prefix),
        host => host.trim_matches(['[', ']']),
        port,
        root => format!("{{args.0}}/generations/{}/site", options.generation_id),
        no_route => request::NO_ROUTE,
        no_store => "max-age=0, private, no-store",
        media => context! { text => media::TEXT, json => media::JSON, zip => media::ZIP, icon => media::ICON },
        ages => context! {
            answer => CacheClass::Minutes.header(),
            document => CacheClass::Seconds.header(),
            file => if options.notes.immutable { CacheClass::Immutable } else { CacheClass::Minutes }.header(),
        },
        texts => texts(),
        types => content_types(),
        page_types => ["css", "html", "js", "json", "svg", "xml"].into_iter().filter_map(|extension| {
            Some(context! { extension, name => media::by_extension(&format!("x.{extension}"))? })
        }).collect::<Vec<_>>(),
        treatments => treatment::rows(&options.notes),
        ..option_values(options)
    }
}
