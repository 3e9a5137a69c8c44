//! Code that the edges share: the router in JavaScript, its settings, and the routing tables as keys and values.
//!
//! An edge function looks up one short text by its key and has little room for code. So everything that one subject may
//! be asked, in all modes, is one value (or several, where it is larger than a value may be), with bounds of its own:
//! it needs no list that all subjects share. `templates/edge/router.js` reads these values. Knows no vendor.

mod diagram;
pub(super) mod minify;
mod sets;
mod values;
mod words;

use super::shared::escape::escape;
use super::shared::labels::{MODES, published_modes, subjects, word};
use super::shared::options::HostOptions;
use super::shared::templates::{self, Template};
use super::shared::texts::{option_values, texts};
use crate::answers::route::build::LONGEST_WORD;
use crate::answers::route::model::Routes;
use crate::answers::route::{query, spelling};
use anyhow::{Context, Result};
use minijinja::{Value, context};
use serde_json::json;
use std::collections::BTreeMap;
use words::short_word;

const ROUTER: &str = include_str!("../../../templates/edge/router.js");

/// The routing tables, by key. Keys and values are ASCII without control characters, quotes and backslashes; keys hold no
/// space.
pub(super) fn table(routes: &Routes) -> BTreeMap<String, String> {
    let mut starts_by_key: BTreeMap<&str, [Option<_>; MODES.len()]> = BTreeMap::new();
    for (mode, key, start) in subjects(routes) {
        let Some(mode) = MODES.iter().position(|known| *known == mode) else { continue };
        // No request can name a longer one.
        if word(key).len() <= LONGEST_WORD {
            starts_by_key.entry(key).or_default()[mode] = Some(start);
        }
    }
    let labels = diagram::Labels::new(routes);
    let mut table = BTreeMap::new();
    for (key, starts) in starts_by_key {
        let diagram = diagram::Diagram::new(routes, &labels, &starts);
        values::write(&diagram, key, &mut table);
    }
    table
}

/// The key of a package file that is not treated as its name suggests.
pub(super) fn file_key(path: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.!~*'()/".contains(letter);
    format!("={}", escape(path, is_plain, |byte| format!("%{byte:02X}")))
}

/// Renders a template with the router, its settings, and further values.
///
/// # Errors
/// Only when a template is broken.
pub(super) fn render(template: Template, routes: &Routes, options: &HostOptions, more: Value) -> Result<String> {
    let sets = context! {
        name => spelling::literals(spelling::in_name),
        word => spelling::literals(spelling::in_word),
        version => spelling::literals(spelling::in_version),
        flag => spelling::literals(spelling::in_flag),
        capability => spelling::literals(spelling::in_capability),
        longest => LONGEST_WORD - 1,
        texts => texts(),
    };
    let router = templates::render("edge", ("router.js", ROUTER), &sets)?;
    let settings = settings(routes, options)?;
    let own = context! { router => router.trim_end(), settings };
    let values = context! { ..own, ..more, ..option_values(options), ..sets };
    templates::render("edge", template, &values)
}

/// The settings of the router as JSON.
fn settings(routes: &Routes, options: &HostOptions) -> Result<String> {
    let capabilities: Vec<_> =
        routes.capabilities.iter().enumerate().map(|(position, name)| [name.clone(), short_word(position)]).collect();
    let settings = json!({
        "prefix": options.prefix,
        "pages": options.notes.pages,
        "modes": published_modes(routes).collect::<Vec<_>>(),
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
