//! Properties of the router: any request has one answer, however it is spelled.

use super::packages::package;
use epr_build::answers::route::build::build;
use epr_build::answers::route::model::Routes;
use epr_build::answers::route::request::{Decision, route};
use epr_build::config::routing::Options;
use epr_build::package::Facts;
use std::fmt::Write;
use std::sync::LazyLock;

/// Packages that differ in everything that queries ask for.
static ROUTES: LazyLock<Routes> = LazyLock::new(|| {
    let manifest = |name: &str, version: &str, more: &str| {
        format!(
            "name: {name}\nversion: {version}\ntitle: Sample\ndescription: A sample.\nformat_version: 3.0.0\n\
             owner: {{github: acme/team, type: elastic}}\n{more}\n=== docs/README.md\n# Sample\n"
        )
    };
    let texts = [
        manifest("nginx", "1.0.0", "type: integration\ncategories: [web]\nconditions: {kibana: {version: '^8.0.0'}}"),
        manifest("nginx", "1.1.0-beta.1", "type: integration\nconditions: {kibana: {version: '^8.5.0 || ^9.0.0'}}"),
        manifest("otel", "0.3.0", "type: integration\nconditions: {elastic: {capabilities: [security]}}"),
        manifest(
            "apm",
            "2.0.0",
            "type: content\ncategories: [observability]\nconditions: {agent: {version: '^8.4.0'}}",
        ),
    ];
    let facts: Vec<Facts> = texts.iter().map(|text| package(text.as_bytes()).expect("a package").facts).collect();
    build(&facts.iter().collect::<Vec<_>>(), &Options::default()).routes
});

/// Checks one input: a raw path and, after `?`, a raw query.
///
/// # Panics
/// If a property does not hold.
pub fn check(data: &[u8]) {
    // No request line holds anything else; what escapes stand for is another matter.
    let Some(text) = std::str::from_utf8(data).ok().filter(|text| text.bytes().all(|byte| byte > b' ' && byte != 0x7f))
    else {
        return;
    };
    let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
    let decision = route(&ROUTES, "GET", path, query);
    match &decision {
        Decision::File(file) => {
            assert!(file.path.starts_with('/'), "{file:?}");
            assert!(!file.path.split('/').any(|name| matches!(name, "." | "..")), "{file:?} climbs");
        }
        Decision::Redirect(location) => {
            assert!(!location.contains(['\n', '\r']), "{location:?} splits the answer");
            assert!(location.starts_with('/') && !location.starts_with("//"), "{location:?} leads elsewhere");
        }
        Decision::Refuse(status, text) => assert!((400..=599).contains(status) && !text.is_empty(), "{status} {text}"),
        Decision::Health | Decision::Options => {}
    }
    let is_plain = |query: &&str| query.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"&=.-_".contains(&byte));
    if let Some(query) = query.filter(is_plain) {
        let asked = |query: &str| match route(&ROUTES, "GET", path, Some(query)) {
            // A redirect takes the query along as it is.
            Decision::Redirect(location) => {
                Decision::Redirect(location.split('?').next().unwrap_or_default().to_owned())
            }
            decision => decision,
        };
        let decision = asked(query);
        let again = asked(&escaped(query));
        // Tables do not know each spelling of a name; what they know is the same question.
        let is_refused = matches!(again, Decision::Refuse(501, _));
        assert!(is_refused || again == decision, "{query}: {decision:?}, escaped {again:?}");
        assert_eq!(asked(&format!("{query}&unknown=1")), decision, "{query} with more");
    }
}

/// The query with each letter written as its number.
fn escaped(query: &str) -> String {
    let mut escaped = String::new();
    for byte in query.bytes() {
        match byte {
            b'&' | b'=' => escaped.push(char::from(byte)),
            _ => write!(escaped, "%{byte:02x}").expect("a text takes any text"),
        }
    }
    escaped
}
