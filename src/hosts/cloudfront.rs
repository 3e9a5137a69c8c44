//! CloudFront in front of a bucket: a function that routes, its key-value store, and a template that sets up the rest.
//!
//! The function has room for some code but not for tables, so these are in a store of which it reads a value or two. Both
//! have hard limits. A catalog beyond them gets a folder with nothing but a README that says so.
//! Knows nothing of disks or of AWS itself.

use super::edge;
use super::edge::minify::minify;
use super::shared::options::HostOptions;
use super::shared::templates::{self, Template};
use super::shared::texts::{NO_FALLBACK, option_values};
use crate::answers::route::model::Routes;
use crate::config::fallback::Fallback;
use anyhow::Result;
use minijinja::context;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Most bytes of a function: its quota is 10 KB.
pub const LONGEST_CODE: usize = 10_000;
/// Most bytes of a store and of the file it is imported from: 5 MB.
pub const LARGEST_STORE: usize = 5_000_000;
/// Most bytes of a key.
pub const LONGEST_KEY: usize = 512;
/// Most bytes of a value.
pub const LONGEST_VALUE: usize = 1024;

const FUNCTION: Template = ("function.js", include_str!("../../templates/cloudfront/function.js"));
const RESPONSE: Template = ("response.js", include_str!("../../templates/cloudfront/response.js"));
const README: Template = ("README.md", include_str!("../../templates/cloudfront/README.md"));
const TOO_LARGE: Template = ("README.md", include_str!("../../templates/cloudfront/too-large.md"));
const STACK: Template = ("template.yaml", include_str!("../../templates/cloudfront/template.yaml"));
/// The text of the page for everything that the bucket does not hold.
const MISSING: &str = "resource not found\n";

/// Makes the files of the folder `hosts/cloudfront`: name and content.
///
/// # Errors
/// Only when a template is broken.
pub fn render(routes: &Routes, options: &HostOptions) -> Result<Vec<(String, String)>> {
    let mut table = edge::table(routes);
    table.extend(options.notes.archives.iter().map(|path| (edge::file_key(path), "z".to_owned())));
    let computes = is_origin(&options.fallback);
    let function = minify(&edge::render(FUNCTION, routes, options, context! { computes })?);
    let response = minify(&edge::render(RESPONSE, routes, options, context! {})?);
    let store = store(&table);
    let problems = problems(&table, &function, &store);
    let values = context! {
        problems => &problems,
        computes,
        name => plain(&format!("epr-{}", options.distribution), 40),
        version => plain(&options.generation_id, 20),
        bytes => store.len(),
        keys => table.len(),
        function => function.trim_end(),
        response => response.trim_end(),
        ..option_values(options)
    };
    let templates: &[Template] = if problems.is_empty() { &[README, STACK] } else { &[TOO_LARGE] };
    let mut files = templates::render_all("CloudFront", templates, &values)?;
    if problems.is_empty() {
        files.extend([
            ("function.js".to_owned(), function),
            ("kvs.json".to_owned(), store),
            ("missing.txt".to_owned(), MISSING.to_owned()),
            ("response.js".to_owned(), response),
        ]);
        if computes {
            files.push(("down.txt".to_owned(), format!("{NO_FALLBACK}\n")));
        }
    }
    Ok(files)
}

/// Returns true if CloudFront can have the fallback as an origin: a host with a public name, at a port that it takes.
fn is_origin(fallback: &Fallback) -> bool {
    let Fallback::Address { host, port, .. } = fallback else { return false };
    let is_name = host.contains('.') && host.bytes().any(|byte| byte.is_ascii_alphabetic()) && !host.starts_with('[');
    is_name && (matches!(port, 80 | 443) || *port >= 1024)
}

/// The table in the form in which a store is imported.
fn store(table: &BTreeMap<String, String>) -> String {
    let mut text = "{\"data\":[".to_owned();
    for (at, (key, value)) in table.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        // Neither holds anything that JSON would have to escape.
        let _ = write!(text, "{comma}\n{{\"key\":\"{key}\",\"value\":\"{value}\"}}");
    }
    text + "\n]}\n"
}

/// Which limits are exceeded.
fn problems(table: &BTreeMap<String, String>, function: &str, store: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut check = |what: &str, found: usize, most: usize| {
        if found > most {
            problems.push(format!("{what}: {found} bytes, of {most} that CloudFront takes"));
        }
    };
    check("the key-value store", store.len(), LARGEST_STORE);
    check("the function", function.len(), LONGEST_CODE);
    check("a key", table.keys().map(String::len).max().unwrap_or_default(), LONGEST_KEY);
    check("a value", table.values().map(String::len).max().unwrap_or_default(), LONGEST_VALUE);
    problems
}

/// A name as AWS takes them.
fn plain(name: &str, longest: usize) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    name.chars().take(longest).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::route::model::{Node, Start};

    fn files(routes: &Routes, options: &HostOptions) -> BTreeMap<String, String> {
        render(routes, options).unwrap().into_iter().collect()
    }

    #[test]
    fn a_small_catalog_has_everything() {
        let files = files(&Routes::default(), &HostOptions::default());
        assert_eq!(
            files.keys().collect::<Vec<_>>(),
            ["README.md", "function.js", "kvs.json", "missing.txt", "response.js", "template.yaml"]
        );
        let store: serde_json::Value = serde_json::from_str(&files["kvs.json"]).unwrap();
        assert_eq!(store["data"].as_array().unwrap().len(), 0);
        let code = &files["function.js"];
        assert!(code.len() < LONGEST_CODE - 500, "{} bytes leave no room for settings", code.len());
    }

    // What has no public name cannot be an origin: then the function refuses as it does without a fallback.
    #[test]
    fn only_a_host_with_a_name_is_a_second_origin() {
        for (fallback, expected) in [
            ("", false),
            ("unix:/run/a.sock", false),
            ("http://127.0.0.1:8090", false),
            ("https://[::1]", false),
            ("http://epr:8090", false),
            ("http://epr.example.org:81", false),
            ("https://epr.example.org", true),
            ("http://epr.example.org:8090", true),
        ] {
            let options = HostOptions { fallback: fallback.parse().unwrap(), ..HostOptions::default() };
            let files = files(&Routes::default(), &options);
            let found = (files.contains_key("down.txt"), files["template.yaml"].contains("Id: fallback"));
            assert_eq!(found, (expected, expected), "{fallback}");
            assert_eq!(files["function.js"].contains("selectRequestOriginById"), expected, "{fallback}");
            assert!(files["function.js"].len() < LONGEST_CODE - 500);
        }
    }

    // A half of a table would answer wrongly, so there is none at all.
    #[test]
    fn a_catalog_that_does_not_fit_gets_no_function() {
        let mut options = HostOptions::default();
        options.notes.archives.insert(format!("/package/a/1.0.0/{}.gz", "x/".repeat(300)));
        let long_key = files(&Routes::default(), &options);
        assert_eq!(long_key.keys().collect::<Vec<_>>(), ["README.md"]);
        assert!(long_key["README.md"].contains("a key: "), "{}", long_key["README.md"]);

        let mut routes = Routes::default();
        for number in 0..60_000 {
            let node = Node::Answer(format!("/answers/elsewhere/{}-{number}", "y".repeat(60)).into());
            routes.subjects.insert(format!("latest/package/a{number}"), Start { node, kibana: 0, spec: 0 });
        }
        let large = files(&routes, &HostOptions::default());
        assert_eq!(large.keys().collect::<Vec<_>>(), ["README.md"]);
        assert!(large["README.md"].contains("the key-value store: "), "{}", large["README.md"]);

        let routes =
            Routes { capabilities: (0..400).map(|n| format!("capability_{n}")).collect(), ..Routes::default() };
        let long_code = files(&routes, &HostOptions::default());
        assert!(long_code["README.md"].contains("the function: "), "{}", long_code["README.md"]);
    }
}
