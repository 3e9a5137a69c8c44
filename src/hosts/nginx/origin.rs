//! nginx in front of an object store: the same rules, but files come from a published generation.
//!
//! Which generation, and in which folder each version lies, is part of the configuration: nginx switches with a reload,
//! as it does with files, and never reads the store's pointer.

use super::map::{Map, with_own_names};
use super::{server_values, sizes, tables, treatment};
use crate::answers::route::model::Routes;
use crate::base::headers::CacheClass;
use crate::hosts::shared::options::HostOptions;
use crate::hosts::shared::patterns::{literal, request_values};
use crate::hosts::shared::templates::{self, Template};
use anyhow::Result;
use minijinja::context;
use std::collections::BTreeMap;

/// A published generation, as nginx reaches it.
#[derive(Clone, Debug)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: String,
    /// Name of the machine.
    pub name: String,
    /// Port of the machine, if the address names one.
    pub port: Option<u16>,
    /// Path of the prefix, decoded, without a slash at its end.
    pub path: String,
    /// The generation's folder below it.
    pub folder: String,
    /// The folders of versions below it, by `<name>-<version>`.
    pub places: BTreeMap<String, String>,
}

/// The file that gets the tables.
const TABLES: &str = "tables.maps";
/// Templates by the name of the file they make.
const TEMPLATES: [Template; 6] = [
    ("README.md", include_str!("../../../templates/nginx-origin/README.md")),
    ("nginx.conf", include_str!("../../../templates/nginx-origin/nginx.conf")),
    (
        "request.maps",
        concat!(
            include_str!("../../../templates/nginx/request.maps"),
            include_str!("../../../templates/nginx/fallback.maps")
        ),
    ),
    (
        "server.inc",
        concat!(
            include_str!("../../../templates/nginx-origin/server.inc"),
            include_str!("../../../templates/nginx/fallback.inc")
        ),
    ),
    ("sizes.inc", include_str!("../../../templates/nginx/sizes.inc")),
    (
        TABLES,
        concat!(
            include_str!("../../../templates/nginx/tables.maps"),
            include_str!("../../../templates/nginx-origin/origin.maps")
        ),
    ),
];

/// Makes the files of a configuration: name and content, sorted by name.
///
/// # Errors
/// Only when a template is broken.
pub fn render(routes: &Routes, options: &HostOptions, origin: &Origin) -> Result<Vec<(String, String)>> {
    // The server takes the prefix off before anything else looks at the path.
    let rootless = HostOptions { prefix: String::new(), ..options.clone() };
    let treatments = treatment::treatments(&options.notes);
    let [listed, places] = places(&origin.places);
    let mut maps = tables::tables(routes);
    maps.extend([treatments.listed, treatments.treatment, listed, places]);
    let host = origin.port.map_or_else(|| origin.name.clone(), |port| format!("{}:{port}", origin.name));
    let tls = origin.scheme == "https";
    let port = origin.port.unwrap_or(if tls { 443 } else { 80 });
    let packaged = if options.notes.immutable { CacheClass::Immutable } else { CacheClass::Minutes };
    let values = context! {
        ..context! {
            origin => context! {
                host, tls,
                address => format!("{}:{port}", origin.name),
                name => origin.name.as_str(), scheme => origin.scheme.as_str(), path => origin.path.as_str(),
                folder => origin.folder.as_str(),
            },
            below => options.plain_prefix()?, below_pattern => literal(&options.prefix),
            life => context! {
                seconds => CacheClass::Seconds.header(),
                minutes => CacheClass::Minutes.header(),
                packaged => packaged.header(),
            },
        },
        ..request_values(routes),
        ..server_values(&rootless, &treatments.locations),
        ..sizes(&maps),
    };
    let slug = options.slug();
    let mut files = Vec::new();
    for template in TEMPLATES {
        let (name, _) = template;
        let mut text = with_own_names(&templates::render("nginx", template, &values)?, &slug).into_owned();
        if name == TABLES {
            maps.iter().for_each(|map| map.render(&slug, &mut text));
        }
        files.push((name.to_owned(), text));
    }
    Ok(files)
}

/// Maps `<name>-<version>` to the folder, in two steps: exact keys ignore case, so a value repeats its key and the second
/// map compares. Keys that differ only in case become patterns.
fn places(places: &BTreeMap<String, String>) -> [Map; 2] {
    let mut spellings: BTreeMap<String, usize> = BTreeMap::new();
    for stem in places.keys() {
        *spellings.entry(stem.to_ascii_lowercase()).or_default() += 1;
    }
    let row = |(stem, folder): (&String, &String)| {
        let is_key = spellings[&stem.to_ascii_lowercase()] == 1;
        let key = if is_key { format!("\"{stem}\"") } else { format!("\"~^{}\\z\"", literal(stem)) };
        format!("{key} \"{stem} {folder}\"")
    };
    let rows = std::iter::once("default \"\"".to_owned()).chain(places.iter().map(row));
    let listed = Map::new("\"$eprc_name-$eprc_version\"", "epr_place_listed", rows);
    let rows = [r#"default """#, r#""~^(?<eprc_stem>\S+) \k{eprc_stem} (?<eprc_place>\S+)\z" $eprc_place"#];
    let found = Map::new("\"$eprc_name-$eprc_version $epr_place_listed\"", "epr_place", rows.map(str::to_owned));
    [listed, found]
}
