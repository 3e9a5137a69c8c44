//! The configuration for nginx: the reference router as maps, the routing tables as exact keys.
//!
//! nginx has no arithmetic, ignores case in exact keys, and evaluates maps only when they are needed; the templates are
//! built around these three facts. What Kibana usually asks is found in a quick table (`quick`) by one pattern and about seven
//! hash look-ups; anything else costs some twenty patterns and a hundred look-ups. Knows nothing of disks.

mod map;
pub mod origin;
mod quick;
mod tables;
mod treatment;
mod trie;

use super::shared::options::HostOptions;
use super::shared::patterns::{literal, request_values};
use super::shared::templates::{self, Template};
use super::shared::texts::{content_types, errors, option_values};
use crate::answers::route::model::Routes;
use map::{Map, with_own_names};
use minijinja::{Value, context};

/// The file that gets the tables after what its template says.
const TABLES: &str = "tables.maps";
/// For the block `http` of a server that exists, with the sizes of hash tables and without.
const HTTP: &str = "http.conf.in";
const MAPS: &str = "maps.conf.in";
/// The complete configuration once more, with TLS.
const TLS: &str = "tls.sample.conf";
/// Templates by the name of the file they make.
const TEMPLATES: [Template; 10] = [
    ("README.md", include_str!("../../../templates/nginx/README.md")),
    (HTTP, include_str!("../../../templates/nginx/http.conf.in")),
    (MAPS, include_str!("../../../templates/nginx/http.conf.in")),
    ("nginx.conf", include_str!("../../../templates/nginx/nginx.conf")),
    (
        "request.maps",
        concat!(
            include_str!("../../../templates/nginx/request.maps"),
            include_str!("../../../templates/nginx/quick.maps"),
            include_str!("../../../templates/nginx/fallback.maps")
        ),
    ),
    ("server.conf.in", include_str!("../../../templates/nginx/server.conf.in")),
    (
        "server.inc",
        concat!(
            include_str!("../../../templates/nginx/server.inc"),
            include_str!("../../../templates/nginx/fallback.inc")
        ),
    ),
    ("sizes.inc", include_str!("../../../templates/nginx/sizes.inc")),
    (TLS, include_str!("../../../templates/nginx/nginx.conf")),
    (TABLES, include_str!("../../../templates/nginx/tables.maps")),
];

/// Makes the files of the folder `hosts/nginx`: name and content, sorted by name.
///
/// # Errors
/// Only when a template is broken.
pub fn render(routes: &Routes, options: &HostOptions) -> anyhow::Result<Vec<(String, String)>> {
    let treatments = treatment::treatments(&options.notes);
    let mut maps = tables::tables(routes);
    quick::add(routes, &mut maps);
    maps.extend([treatments.listed, treatments.treatment]);
    let values = context! {
        ..request_values(routes),
        ..server_values(options, &treatments.locations),
        ..sizes(&maps),
    };
    let slug = options.slug();
    let mut files = Vec::new();
    for template in TEMPLATES {
        let (name, _) = template;
        let values = context! { tls => name == TLS, sizes => name == HTTP, ..values.clone() };
        let mut text = with_own_names(&templates::render("nginx", template, &values)?, &slug).into_owned();
        if name == TABLES {
            text.reserve_exact(maps.iter().map(|map| map.text.len() + 256).sum());
            // They are many megabytes: each goes when it is written.
            maps.drain(..).for_each(|map| map.render(&slug, &mut text));
        }
        files.push((name.to_owned(), text));
    }
    Ok(files)
}

fn server_values(options: &HostOptions, locations: &[(String, Option<String>)]) -> Value {
    context! {
        prefix_pattern => literal(&options.prefix),
        upstream => format!("epr_{}_fallback", options.slug()),
        types => content_types(),
        errors => errors(),
        is_release => options.is_release(),
        treatments => locations.iter().map(|(name, kind)| context! { name, type => kind }).collect::<Vec<_>>(),
        ..option_values(options)
    }
}

/// Hash sizes: nginx refuses to start when a key does not fit a bucket, and warns when there are too few buckets.
fn sizes(maps: &[Map]) -> Value {
    let rows = maps.iter().map(|map| map.rows).max().unwrap_or_default();
    let key = maps.iter().map(|map| map.longest).max();
    let buckets = (2 * rows).next_power_of_two().max(2048);
    let fullest = maps.iter().map(|map| map.fullest(buckets)).max();
    context! {
        map_rows => buckets,
        // A key is kept with its length and two pointers, and a bucket ends with one.
        map_bucket => (key.unwrap_or_default() + 32).max(fullest.unwrap_or_default() + 8).next_power_of_two().max(128),
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
