//! The configuration for nginx: the reference router as maps, the routing tables as exact keys.
//!
//! nginx has no arithmetic, ignores case in exact keys, and evaluates maps only when they are needed; the templates are
//! built around these three facts. A request costs some patterns and about twenty hash look-ups. Knows nothing of disks.

pub mod origin;
mod tables;
pub(super) mod treatment;
pub(super) mod trie;

pub(super) use trie::below;

use super::HostOptions;
use crate::answers::route::build::LONGEST_WORD;
use crate::answers::route::model::Routes;
use crate::answers::route::{query, request, spelling};
use crate::base::{headers, media};
use anyhow::Context;
use minijinja::{Environment, Value, context};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A generated map of nginx.
pub(super) struct Map {
    /// The text that is looked up, quoted if need be.
    source: String,
    /// The variable it defines, without the dollar sign.
    name: String,
    /// Its lines, as they are written.
    text: String,
    /// Number of lines.
    rows: usize,
    /// Bytes of the longest key.
    longest: usize,
}

impl Map {
    /// A map of rows, each without semicolon. There may be hundreds of thousands: only their text is kept.
    pub(super) fn new(source: &str, name: &str, rows: impl IntoIterator<Item = String>) -> Self {
        let (source, name) = (source.to_owned(), name.to_owned());
        let mut map = Self { source, name, text: String::new(), rows: 0, longest: 0 };
        for row in rows {
            map.rows += 1;
            map.longest = map.longest.max(row.split(' ').next().map_or(0, str::len));
            map.text.extend(["  ", &row, ";\n"]);
        }
        map.text.shrink_to_fit();
        map
    }

    /// Adds it to a configuration, for the distribution of this slug.
    fn render(&self, slug: &str, out: &mut String) {
        let name = format!("${}", self.name);
        let map = ["map ", &own(&self.source, slug), " ", &own(&name, slug), " {\n", &own(&self.text, slug), "}\n"];
        out.extend(map);
    }
}

/// Gives variables and named locations names of their own for each distribution, so that the rules of several can be
/// included in one server. What patterns capture (`eprc_...`) is shared: it follows from the request alone, and the length
/// of such names is limited.
fn own<'a>(text: &'a str, slug: &str) -> Cow<'a, str> {
    // Neither sign is ever part of data.
    if !text.contains("$epr_") && !text.contains("@epr_") {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace("$epr_", &format!("$epr_{slug}_")).replace("@epr_", &format!("@epr_{slug}_")))
}

/// The file that gets the tables after what its template says.
const TABLES: &str = "tables.maps";
/// The complete configuration once more, with TLS.
const TLS: &str = "tls.sample.conf";
/// Templates by the name of the file they make.
const TEMPLATES: [(&str, &str); 7] = [
    ("README.md", include_str!("../../../templates/nginx/README.md")),
    ("nginx.conf", include_str!("../../../templates/nginx/nginx.conf")),
    ("request.maps", include_str!("../../../templates/nginx/request.maps")),
    ("server.inc", include_str!("../../../templates/nginx/server.inc")),
    ("sizes.inc", include_str!("../../../templates/nginx/sizes.inc")),
    (TLS, include_str!("../../../templates/nginx/nginx.conf")),
    (TABLES, include_str!("../../../templates/nginx/tables.maps")),
];

/// A part of PRE: a number without leading zero, or a word with something else than digits.
pub(super) const PRERELEASE_PART: &str = r"(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)";
/// Dot-separated parts of META.
pub(super) const PARTS: &str = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*";
/// An escape that is none, or a `;`: the registry drops such a pair.
const DROPPED: &str = r"%(?![0-9A-Fa-f]{2})|;";
/// Looks ahead for no more than the longest version, counting an escaped plus as one.
const LENGTH: &str = r"(?=(?:[^%]|%2[Bb]){1,256}\z)";

/// Makes the files of the folder `hosts/nginx`: name and content, sorted by name.
///
/// # Errors
/// Only when a template is broken.
pub fn render(routes: &Routes, options: &HostOptions) -> anyhow::Result<Vec<(String, String)>> {
    let tables = tables::tables(routes);
    let treatments = treatment::treatments(&options.notes);
    let mut maps = tables;
    maps.extend([treatments.listed, treatments.treatment]);
    let values = context! {
        ..request_values(routes),
        ..server_values(options, &treatments.locations),
        ..sizes(&maps),
    };
    let slug = options.slug();
    let environment = Environment::new();
    let mut files = Vec::new();
    for (name, template) in TEMPLATES {
        let values = context! { tls => name == TLS, ..values.clone() };
        let text = environment.render_str(template, values).with_context(|| format!("nginx template {name}"))?;
        let mut text = own(&text, &slug).into_owned() + "\n";
        if name == TABLES {
            text.reserve_exact(maps.iter().map(|map| map.text.len() + 256).sum());
            // They are many megabytes: each goes when it is written.
            maps.drain(..).for_each(|map| map.render(&slug, &mut text));
        }
        files.push((name.to_owned(), text));
    }
    Ok(files)
}

/// The parameters that count, by the names that the templates have for them.
pub(super) fn parameters() -> Vec<Value> {
    let parameters = [
        ("kibana", r"kibana\.version"),
        ("agent", r"agent\.version"),
        ("min", r"spec\.min"),
        ("max", r"spec\.max"),
        ("capabilities", "capabilities"),
        ("prerelease", "prerelease"),
        ("experimental", "experimental"),
        ("all", "all"),
        ("templates", "include_policy_templates"),
        ("package", "package"),
        ("category", "category"),
        ("type", "type"),
    ];
    parameters.map(|(id, pattern)| context! { id, pattern }).to_vec()
}

pub(super) fn request_values(routes: &Routes) -> Value {
    context! {
        parameters => parameters(),
        length => LENGTH,
        prerelease => format!(r"{PRERELEASE_PART}(?:\.{PRERELEASE_PART})*"),
        metadata => format!("(?:%2[Bb]{PARTS})?"),
        parts => PARTS,
        dropped => DROPPED,
        dot => r"(?:\.|%2[Ee])",
        not_dots => r"(?:[^.%]++|%(?!2[Ee]))*+",
        name => set(spelling::in_name),
        word => set(spelling::in_word),
        version => set(spelling::in_version),
        flag => set(spelling::in_flag),
        capability => set(spelling::in_capability),
        // What an unknown category or type comes to.
        other_category => if routes.unkeyed.categories { "unread" } else { "u" },
        other_type => if routes.unkeyed.types { "unread" } else { "u" },
        too_long => format!("{{{}}}", LONGEST_WORD + 1),
        are_usual => query::are_usual(&routes.capabilities),
        unread => query::UNREAD,
        filters => query::FILTERS,
        unpublished => request::UNPUBLISHED,
    }
}

/// Patterns for a set of bytes: the bytes as they are, for use between brackets; the digits of their escapes; and a byte
/// in either spelling that is not of the set. The last tells nothing of a value with a malformed escape.
fn set(bytes: spelling::Bytes) -> Value {
    let (literals, escapes) = (spelling::literals(bytes), spelling::escapes(bytes));
    let foreign = format!("(?<!%)(?<!%[0-9A-Fa-f])[^{literals}%]|%(?!{escapes})");
    context! { literals, escapes, foreign }
}

fn server_values(options: &HostOptions, locations: &[(String, Option<String>)]) -> Value {
    let mut types: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (extension, name) in media::EXTENSIONS {
        types.entry(name).or_default().push(extension);
    }
    let errors = [
        ("no_route", 404, request::NO_ROUTE),
        ("no_method", 405, request::NO_METHOD),
        ("invalid_version", 400, request::INVALID_VERSION),
        ("no_resource", 404, request::NO_RESOURCE),
        ("no_revision", 404, request::NO_REVISION),
        ("no_artifact", 404, request::NO_ARTIFACT),
        ("no_signature", 404, request::NO_SIGNATURE),
        ("broken", 500, request::BROKEN),
    ];
    context! {
        generation => options.generation_id.as_str(),
        slug => options.slug(),
        distribution => options.distribution.as_str(),
        prefix => options.prefix.as_str(),
        prefix_pattern => treatment::pattern(&options.prefix),
        listen => options.listen.as_str(),
        state => options.state_here(),
        debug_header => options.debug_header,
        immutable => options.notes.immutable,
        pages => options.notes.pages,
        policy => headers::POLICY,
        sandbox => headers::SANDBOX,
        text => media::TEXT,
        types => types.into_iter().map(|(name, extensions)| context! { name, extensions }).collect::<Vec<_>>(),
        texts => context! {
            no_revision => request::NO_REVISION,
            no_resource => request::NO_RESOURCE,
            no_method => request::NO_METHOD,
            no_route => request::NO_ROUTE,
        },
        errors => errors.map(|(name, status, text)| context! { name, status, text }).to_vec(),
        treatments => locations.iter().map(|(name, kind)| context! { name, type => kind }).collect::<Vec<_>>(),
    }
}

/// Hash sizes: nginx refuses to start when a key does not fit a bucket, and warns when there are too few buckets.
fn sizes(maps: &[Map]) -> Value {
    let rows = maps.iter().map(|map| map.rows).max().unwrap_or_default();
    let key = maps.iter().map(|map| map.longest).max();
    context! {
        map_rows => (2 * rows).next_power_of_two().max(2048),
        // A key is kept with its length and two pointers.
        map_bucket => (key.unwrap_or_default() + 32).next_power_of_two().max(128),
        // Several distributions and their releases may share a server.
        variables => (16 * maps.len()).next_power_of_two().max(1 << 14),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Two instances of a distribution on one machine must not take each other's process id for their own.
    #[test]
    fn the_state_of_every_address_is_its_own() {
        let state = |listen: &str| {
            let options =
                HostOptions { listen: listen.to_owned(), state: "/tmp/epr-a".to_owned(), ..HostOptions::default() };
            let files = render(&Routes::default(), &options).unwrap();
            let (_, text) = files.into_iter().find(|(name, _)| name == "nginx.conf").unwrap();
            let words: Vec<_> = text.split([' ', ';']).filter(|word| word.starts_with("/tmp/")).collect();
            assert_eq!(words.len(), 6, "{text}");
            (words[0].to_owned(), words[1].to_owned())
        };
        for (listen, name) in [("8080", "8080"), ("127.0.0.1:80", "127.0.0.1-80"), ("[::1]:80", "---1--80")] {
            let expected = (format!("/tmp/epr-a-{name}.pid"), format!("/tmp/epr-a-{name}-temp"));
            assert_eq!(state(listen), expected);
        }
    }
}
