//! The reference router: from a raw request to the file that answers it, or to the reason why none does.
//!
//! Every other host must come to the same decision, so nothing happens here that patterns and tables cannot express.
//! Two laws: an answer is exact or the request is refused, and every request gets a decision (contract, "Search
//! parameters", "Categories parameters", "HTTP" and "Where a static site differs"). Knows nothing of disks or HTTP
//! libraries; whether a file exists is for the caller to see.

#[cfg(test)]
mod tests;

use super::model::{Node, Routes};
use super::path::{below, clean};
use super::query::{Filter, Query, is_name, is_strict};
use super::walk::Labels;
use crate::answers::search::question::Question;

/// Why a query is refused with 501 when its answer was not precomputed.
pub const UNPUBLISHED: &str = "this server holds no answer to this query. Add its client to clients in the configuration or raise the budget or let epr-build serve answer as the fallback of this server or alone";
/// The text of 404 for a path without a route.
pub const NO_ROUTE: &str = "404 page not found";
/// The text of 400 for a version in a path.
pub const INVALID_VERSION: &str = "invalid package version";
/// The text of 404 for a package version that does not exist.
pub const NO_REVISION: &str = "package revision not found";
/// The text of 404 for a file that a package does not hold.
pub const NO_RESOURCE: &str = "resource not found";
/// The text of 404 for an archive that does not exist.
pub const NO_ARTIFACT: &str = "artifact not found";
/// The text of 404 for a signature that does not exist.
pub const NO_SIGNATURE: &str = "signature file not found";
/// The text of 500.
pub const BROKEN: &str = "internal server error";
/// The text of 405.
pub const NO_METHOD: &str = "method not allowed";

/// The answer to a request. Texts come without their newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send a file.
    File(File),
    /// 301 to another path, query included.
    Redirect(String),
    /// 200 without body and content type.
    Health,
    /// 204: a preflight request.
    Options,
    /// An error status and its text.
    Refuse(u16, String),
}

/// A file that answers a request, if it exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Decoded path below the document root, with a leading slash and without dot segments.
    pub path: String,
    /// The kind of file, which decides the headers and the error if the file is absent.
    pub kind: Kind,
}

/// The kinds of files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of `/search` or `/categories`; it must exist.
    Answer,
    /// Of a package version.
    Document,
    /// `/index.json`.
    Index,
    /// `/favicon.ico`.
    Icon,
    /// Inside a package, whose document has this path.
    Packaged(String),
    /// A zip.
    Archive,
    /// The signature of a zip.
    Signature,
    /// Below `/ui/`: a page for people, or what one loads.
    Page,
}

impl File {
    fn decide(kind: Kind, path: impl Into<String>) -> Decision {
        Decision::File(Self { path: path.into(), kind })
    }
}

fn refuse(status: u16, text: impl Into<String>) -> Decision {
    Decision::Refuse(status, text.into())
}

/// Decides on a request, given its method, its raw path and its raw query.
pub fn route(routes: &Routes, method: &str, path: &str, query: Option<&str>) -> Decision {
    route_below("", routes, method, path, query)
}

/// The two requests that have a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/search`.
    Search,
    /// `/categories`.
    Categories,
}

impl Endpoint {
    /// The question of a raw query, read as the registry reads it.
    ///
    /// # Errors
    /// The text of the refusal, for values that are wrong.
    pub fn question(self, raw: &str) -> Result<Question, String> {
        match self {
            Self::Search => Question::of_search(raw),
            Self::Categories => Question::of_categories(raw),
        }
    }
}

/// The request that a raw path names, for a registry that lies below a path as in [`route_below`].
pub fn endpoint_below(prefix: &str, path: &str) -> Option<Endpoint> {
    match below(prefix, &clean(path)?)? {
        "/search" => Some(Endpoint::Search),
        "/categories" => Some(Endpoint::Categories),
        _ => None,
    }
}

/// The first of some registries below whose path a raw path leads. Each is empty or has no slash at its end.
pub fn position_below<'a>(path: &str, prefixes: impl IntoIterator<Item = &'a str>) -> Option<usize> {
    let path = clean(path)?;
    prefixes.into_iter().position(|prefix| below(prefix, &path).is_some())
}

/// Decides on a request like [`route`], for a registry that lies below a path, which is empty or has no slash at its end.
pub fn route_below(prefix: &str, routes: &Routes, method: &str, path: &str, query: Option<&str>) -> Decision {
    match method {
        "GET" | "HEAD" => {}
        "OPTIONS" => return Decision::Options,
        _ => return refuse(405, NO_METHOD),
    }
    let Some(path) = clean(path) else { return refuse(400, "bad request") };
    let Some(path) = below(prefix, &path) else { return refuse(404, NO_ROUTE) };
    let raw = query.unwrap_or_default();
    match path {
        "/" | "/index.json" => File::decide(Kind::Index, "/index.json"),
        "/favicon.ico" => File::decide(Kind::Icon, path),
        "/health" => Decision::Health,
        "/search" => search(routes, raw),
        "/categories" => categories(routes, raw),
        "/search/" | "/categories/" | "/ui" => {
            let mark = if raw.is_empty() { "" } else { "?" };
            let target = if path == "/ui" { "/ui/" } else { path.trim_end_matches('/') };
            Decision::Redirect(format!("{prefix}{target}{mark}{raw}"))
        }
        _ => {
            if let Some(rest) = path.strip_prefix("/package/") {
                packaged(rest)
            } else if let Some(rest) = path.strip_prefix("/epr/") {
                archive(rest)
            } else if path.starts_with("/ui/") {
                page(path)
            } else {
                refuse(404, NO_ROUTE)
            }
        }
    }
}

/// `<name>/<version>`, with or without slash, and `<name>/<version>/<file>`.
fn packaged(rest: &str) -> Decision {
    let mut segments = rest.splitn(3, '/');
    let (Some(name), Some(version), file) = (segments.next(), segments.next(), segments.next()) else {
        return refuse(404, NO_ROUTE);
    };
    let is_document = matches!(file, None | Some(""));
    if version.is_empty() || (is_document && !is_name(name)) {
        return refuse(404, NO_ROUTE);
    }
    if !is_strict(version) {
        return refuse(400, INVALID_VERSION);
    }
    let document = format!("/documents/{name}/{version}.json");
    match file {
        _ if is_document => File::decide(Kind::Document, document),
        Some(file) if file.ends_with('/') => refuse(404, NO_RESOURCE),
        _ => File::decide(Kind::Packaged(document), format!("/package/{rest}")),
    }
}

/// A file below `/ui/`, whose names are all plain; a folder is its index. Compressed copies are no files of their own.
fn page(path: &str) -> Decision {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
    if path.ends_with(".gz") || !path.bytes().all(is_plain) {
        return refuse(404, NO_ROUTE);
    }
    let index = if path.ends_with('/') { "index.html" } else { "" };
    File::decide(Kind::Page, format!("{path}{index}"))
}

/// `<anything>/<name>-<version>.zip` and its signature.
fn archive(rest: &str) -> Decision {
    let Some((_, file)) = rest.split_once('/').filter(|(_, file)| !file.contains('/')) else {
        return refuse(404, NO_ROUTE);
    };
    let (kind, zip) = match file.strip_suffix(".sig") {
        Some(zip) => (Kind::Signature, zip),
        None => (Kind::Archive, file),
    };
    let parts = zip.strip_suffix(".zip").and_then(|stem| stem.split_once('-'));
    let Some((name, version)) = parts.filter(|(name, version)| is_name(name) && !version.is_empty()) else {
        return refuse(404, NO_ROUTE);
    };
    if !is_strict(version) {
        return refuse(400, INVALID_VERSION);
    }
    File::decide(kind, format!("/epr/{name}/{file}"))
}

fn search(routes: &Routes, raw: &str) -> Decision {
    let mut query = Query::new(raw);
    let (labels, legacy) = axes(routes, &mut query);
    let all = query.flag("all");
    let filter = query.filter(routes.unkeyed);
    if all && matches!(filter, Filter::Category(_) | Filter::Type(_)) {
        query.refuse_filters();
    }
    let mode = match (legacy, all) {
        (false, false) => "latest",
        (false, true) => "all",
        (true, false) => "legacy",
        (true, true) => "legacy-all",
    };
    let subject = match filter {
        Filter::None => format!("{mode}/list"),
        Filter::Package(name) => format!("{mode}/package/{name}"),
        Filter::Category(id) => format!("{mode}/category/{id}"),
        Filter::Type(word) => format!("{mode}/type/{word}"),
        Filter::Unknown => String::new(),
    };
    // A mode without its own subjects was not computed at all, so even an unknown name has no known answer in it.
    let must_exist = if filter == Filter::None { subject.clone() } else { format!("{mode}/") };
    answer(routes, query, &labels, &subject, &must_exist, "/answers/empty.json")
}

fn categories(routes: &Routes, raw: &str) -> Decision {
    let mut query = Query::new(raw);
    let (labels, legacy) = axes(routes, &mut query);
    let mode = if legacy { "legacy" } else { "latest" };
    let templates = if query.flag("include_policy_templates") { "-templates" } else { "" };
    let subject = format!("{mode}/categories{templates}");
    answer(routes, query, &labels, &subject, &subject, "/answers/empty-categories.json")
}

/// Reads the parameters that both lists share; the second value is whether the legacy filter is asked for.
fn axes(routes: &Routes, query: &mut Query<'_>) -> (Labels, bool) {
    let labels = Labels {
        kibana: routes.label_kibana(query.version("kibana.version", "Kibana").as_ref()),
        agent: routes.label_agent(query.version("agent.version", "agent").as_ref()),
        spec_min: routes.label_spec_min(query.spec("spec.min")),
        spec_max: routes.label_spec_max(query.spec("spec.max")),
        capabilities: routes.label_capabilities(query.capabilities(&routes.capabilities).as_deref()),
        prerelease: Routes::label_prerelease(query.flag("prerelease")),
    };
    let legacy = query.flag("experimental");
    if query.discovery() && !legacy {
        query.refuse_filters();
    }
    (labels, legacy)
}

/// Turns a query that has been read into a decision; some subject must begin with `must_exist`.
fn answer(
    routes: &Routes,
    query: Query<'_>,
    labels: &Labels,
    subject: &str,
    must_exist: &str,
    empty: &str,
) -> Decision {
    if let Some(text) = query.unsupported().filter(|_| query.invalid.is_none()) {
        return refuse(501, text);
    }
    if let Some(text) = query.invalid {
        return refuse(400, text);
    }
    if !is_published(routes, must_exist) {
        return refuse(501, UNPUBLISHED);
    }
    match routes.walk(subject, labels) {
        Node::Answer(path) => File::decide(Kind::Answer, format!("{path}.json")),
        Node::Empty => File::decide(Kind::Answer, empty),
        Node::Refused => refuse(501, UNPUBLISHED),
        Node::Step(_) => refuse(500, BROKEN),
    }
}

/// Returns true if there is this subject, or, for a prefix that ends in a slash, any subject below it.
pub(crate) fn is_published(routes: &Routes, subject: &str) -> bool {
    let next = routes.subjects.range(subject.to_owned()..).next();
    next.is_some_and(|(key, _)| if subject.ends_with('/') { key.starts_with(subject) } else { key == subject })
}
