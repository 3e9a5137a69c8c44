//! What the edges have in common: the router in JavaScript, its settings, and the routing tables as keys and values.
//!
//! An edge function looks up one short text by its key and has little room for code. So everything that one subject may
//! be asked, in all modes, is one value (or several, where it is larger than a value may be), with bounds of its own:
//! it needs no list that all subjects share. `templates/edge/router.js` reads these values. Knows no vendor.

mod diagram;
pub(super) mod minify;
mod values;

use super::HostOptions;
use crate::answers::route::build::LONGEST_WORD;
use crate::answers::route::model::Routes;
use crate::answers::route::request::{self, is_published};
use crate::answers::route::walk::capability_word;
use crate::answers::route::{query, spelling};
use crate::base::headers;
use anyhow::{Context, Result};
use minijinja::{Environment, Value, context};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write;

const ROUTER: &str = include_str!("../../../templates/edge/router.js");

/// Modes in the order of the router.
const MODES: [&str; 4] = ["latest", "all", "legacy", "legacy-all"];

/// The routing tables, by key. Keys and values are ASCII without control characters, quotes and backslashes; keys hold no
/// space.
pub(super) fn table(routes: &Routes) -> BTreeMap<String, String> {
    let mut subjects: BTreeMap<&str, [Option<_>; MODES.len()]> = BTreeMap::new();
    for (subject, start) in &routes.subjects {
        let Some((mode, key)) = subject.split_once('/') else { continue };
        let Some(mode) = MODES.iter().position(|known| *known == mode) else { continue };
        let word = key.rsplit('/').next().unwrap_or(key);
        // No request can name anything else.
        if word.bytes().all(spelling::in_word) && word.len() <= LONGEST_WORD {
            subjects.entry(key).or_default()[mode] = Some(start);
        }
    }
    let labels = diagram::Labels::new(routes);
    let mut table = BTreeMap::new();
    for (key, starts) in subjects {
        let diagram = diagram::Diagram::new(routes, &labels, &starts);
        values::write(&diagram, key, &mut table);
    }
    table
}

/// The key of a package file that is not treated as its name suggests.
pub(super) fn file_key(path: &str) -> String {
    let mut key = "=".to_owned();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()/".contains(&byte) {
            key.push(char::from(byte));
        } else {
            let _ = write!(key, "%{byte:02X}");
        }
    }
    key
}

/// Fills a template with the router, its settings, and further values.
///
/// # Errors
/// Only when a template is broken.
pub(super) fn fill(template: &str, routes: &Routes, options: &HostOptions, more: Value) -> Result<String> {
    let environment = Environment::new();
    let texts = context! {
        no_route => request::NO_ROUTE,
        no_method => request::NO_METHOD,
        no_revision => request::NO_REVISION,
        no_resource => request::NO_RESOURCE,
        no_artifact => request::NO_ARTIFACT,
        no_signature => request::NO_SIGNATURE,
        invalid_version => request::INVALID_VERSION,
        broken => request::BROKEN,
        unpublished => request::UNPUBLISHED,
        unread => query::UNREAD,
        filters => query::FILTERS,
    };
    let sets = context! {
        name => spelling::literals(spelling::in_name),
        word => spelling::literals(spelling::in_word),
        version => spelling::literals(spelling::in_version),
        flag => spelling::literals(spelling::in_flag),
        capability => spelling::literals(spelling::in_capability),
        longest => LONGEST_WORD - 1,
        texts,
    };
    let router = environment.render_str(ROUTER, &sets).context("edge template router.js")?;
    let values = context! {
        router,
        settings => settings(routes, options)?,
        debug_header => options.debug_header,
        distribution => options.distribution.as_str(),
        generation => options.generation_id.as_str(),
        prefix => options.prefix.as_str(),
        immutable => options.notes.immutable,
        policy => headers::POLICY,
        sandbox => headers::SANDBOX,
    };
    let values = context! { ..values, ..more, ..sets };
    let text = environment.render_str(template, &values).context("edge template")?;
    Ok(text + "\n")
}

/// What the router must know besides the table, as JSON.
fn settings(routes: &Routes, options: &HostOptions) -> Result<String> {
    let capabilities: Vec<_> = routes.capabilities.iter().map(|name| [name.clone(), capability_word(name)]).collect();
    let settings = json!({
        "prefix": options.prefix,
        "pages": options.notes.pages,
        "modes": MODES.into_iter().filter(|mode| is_published(routes, &format!("{mode}/"))).collect::<Vec<_>>(),
        "unkeyed": routes.unkeyed,
        "usual": query::are_usual(&routes.capabilities),
        "capabilities": capabilities,
    });
    // JavaScript ends a line where JSON may not.
    let text = serde_json::to_string(&settings).context("cannot write the settings")?;
    Ok(text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029"))
}

#[cfg(test)]
mod tests;
