//! The routers of the edges under node, decision by decision: the same as the reference router, within the limits of the
//! services.

use super::queries;
use super::site::{Dice, Site, catalog};
use super::spellings::spellings;
use crate::running;
use epr_build::answers::route::build::build;
use epr_build::answers::route::model::{Routes, Unkeyed};
use epr_build::answers::route::request::{Decision, Kind, route};
use epr_build::config::routing::Options;
use epr_build::hosts::{self, HostOptions};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// The folders of the hosts that are edges.
pub(super) const EDGES: [&str; 2] = ["cloudflare", "cloudfront"];

/// A file of the harness.
pub(super) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/edge").join(name)
}

/// Writes the folders of all edges.
pub(super) fn write_hosts(folder: &Path, routes: &Routes, options: &HostOptions) {
    for (name, text) in hosts::render(routes, options).unwrap() {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

/// A process that decides on one request after the other.
struct Router {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Most values that one decision took.
    reads: u64,
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Router {
    fn start(node: &Path, edge: &str, folder: &Path) -> Self {
        let mut process = Command::new(node)
            .arg(script("route.js"))
            .arg(edge)
            .arg(folder.join(edge))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Self { process, input, output, reads: 0 }
    }

    fn ask(&mut self, method: &str, path: &str, query: Option<&str>) -> Value {
        writeln!(self.input, "{}", json!([method, path, query])).unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let mut decision: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{path}?{query:?}: {line:?}"));
        let reads = decision.as_object_mut().unwrap().remove("reads").and_then(|reads| reads.as_u64());
        self.reads = self.reads.max(reads.unwrap_or_default());
        decision
    }
}

/// The decision as the routers in JavaScript put it.
fn told(decision: &Decision) -> Value {
    match decision {
        Decision::Options => json!({ "status": 204 }),
        Decision::Health => json!({ "status": 200 }),
        Decision::Redirect(location) => json!({ "status": 301, "location": location }),
        Decision::Refuse(status, text) => json!({ "status": status, "text": text }),
        Decision::File(file) => {
            let kind = match &file.kind {
                Kind::Answer => "answer",
                Kind::Document => "document",
                Kind::Index => "index",
                Kind::Versions => "versions",
                Kind::Icon => "icon",
                Kind::Archive => "archive",
                Kind::Signature => "signature",
                Kind::Page => "page",
                Kind::Packaged(document) => {
                    return json!({ "status": 200, "kind": "packaged", "file": file.path, "document": document });
                }
            };
            json!({ "status": 200, "kind": kind, "file": file.path })
        }
    }
}

/// Puts requests to all edges.
fn compare(routes: &Routes, targets: impl IntoIterator<Item = (&'static str, String)>) {
    let Some(node) = running::binary("node") else { return };
    let folder = TempDir::new().unwrap();
    write_hosts(folder.path(), routes, &HostOptions::default());
    let mut routers = EDGES.map(|edge| Router::start(&node, edge, folder.path()));
    for (method, target) in targets {
        let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
        let expected = told(&route(routes, method, path, query));
        for (edge, router) in EDGES.iter().zip(&mut routers) {
            assert_eq!(router.ask(method, path, query), expected, "{edge}: {method} {target}");
        }
    }
    println!("at most {} values for one decision", routers[1].reads);
}

fn get(targets: impl IntoIterator<Item = String>) -> impl Iterator<Item = (&'static str, String)> {
    targets.into_iter().map(|target| ("GET", target))
}

#[test]
fn edges_route_as_the_reference_router() {
    let site = Site::build();
    let mut dice = Dice::new(31);
    let mut targets: Vec<_> = get((0..20_000).map(|_| queries::query(&mut dice, &site))).collect();
    targets.extend(get((0..3_000).map(|_| queries::path(&mut dice))));
    for method in ["HEAD", "OPTIONS", "POST", "DELETE", "get"] {
        targets.extend((0..50).map(|_| (method, queries::query(&mut dice, &site))));
        targets.extend((0..50).map(|_| (method, queries::path(&mut dice))));
    }
    compare(&site.routes, targets);
}

// The tables that the program itself makes.
#[test]
fn edges_route_by_tables_of_a_catalog() {
    let site = Site::of(build(&catalog(), &Options::default()).routes);
    let mut dice = Dice::new(37);
    compare(&site.routes, get((0..10_000).map(|_| queries::query(&mut dice, &site))));
}

#[test]
fn edges_see_through_every_spelling() {
    let usual = build(&catalog(), &Options::default()).routes;
    let types = Routes { unkeyed: Unkeyed { categories: false, types: true }, ..usual.clone() };
    for routes in [usual, types, Site::build().routes] {
        compare(&routes, get(spellings()));
    }
}

#[test]
fn edges_without_packages_refuse_what_they_cannot_know() {
    let queries =
        ["/search", "/search?package=a&kibana.version=8.1&capabilities=a&spec.min=1.0&spec.max=2.0", "/categories"];
    compare(&Routes::default(), get(queries.map(str::to_owned)));
}

// The prefix is taken off requests and put before redirects; beside it there is nothing.
#[test]
fn edges_route_below_a_prefix() {
    let Some(node) = running::binary("node") else { return };
    let folder = TempDir::new().unwrap();
    let site = Site::build();
    let options = HostOptions { prefix: "/epr/staging".to_owned(), ..HostOptions::default() };
    write_hosts(folder.path(), &site.routes, &options);
    for edge in EDGES {
        let mut router = Router::start(&node, edge, folder.path());
        let index = json!({ "status": 200, "kind": "index", "file": "/index.json" });
        for path in ["/epr/staging", "/epr/staging/", "//epr/./staging/index.json"] {
            assert_eq!(router.ask("GET", path, None), index, "{edge}: {path}");
        }
        let redirect = json!({ "status": 301, "location": "/epr/staging/search?a=b" });
        assert_eq!(router.ask("GET", "/epr/staging/search/", Some("a=b")), redirect, "{edge}");
        for path in ["/", "/search", "/epr/stagingsearch", "/epr", "/epr/staging/../search"] {
            assert_eq!(router.ask("GET", path, None)["status"], 404, "{edge}: {path}");
        }
        let mut dice = Dice::new(41);
        for _ in 0..500 {
            let target = queries::query(&mut dice, &site);
            let (path, query) = target.split_once('?').unwrap();
            let expected = told(&route(&site.routes, "GET", path, Some(query)));
            let found = router.ask("GET", &format!("/epr/staging{path}"), Some(query));
            assert_eq!(found, expected, "{edge}: {target}");
        }
    }
}

// The engine of the functions is not node's: Debian's njs is the nearest that can be had.
#[test]
fn the_function_runs_in_njs() {
    let Some(njs) = running::binary("njs") else { return };
    let folder = TempDir::new().unwrap();
    let site = Site::build();
    write_hosts(folder.path(), &site.routes, &HostOptions::default());
    let mut dice = Dice::new(43);
    let mut targets: Vec<_> = (0..1_500).map(|_| queries::query(&mut dice, &site)).collect();
    targets.extend((0..1_500).map(|_| queries::path(&mut dice)));
    targets.extend(spellings().into_iter().step_by(5));
    // What it prints of a line ends after 2,048 bytes.
    targets.retain(|target| target.len() < 500);
    let parts = |target: &str| {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        (path.to_owned(), query.map(str::to_owned))
    };
    let requests: Vec<_> = targets.iter().map(|target| parts(target)).collect();
    fs::write(folder.path().join("requests.json"), json!(requests).to_string()).unwrap();
    // A function cannot import its table: here it is a module of that name.
    let store = fs::read_to_string(folder.path().join("cloudfront/kvs.json")).unwrap();
    let module = fs::read_to_string(script("njs-table.js")).unwrap().replace("STORE", &store);
    fs::write(folder.path().join("cloudfront.js"), module).unwrap();
    let function = fs::read_to_string(folder.path().join("cloudfront/function.js")).unwrap();
    let function = function.replace("'cloudfront'", "'cloudfront.js'");
    fs::write(folder.path().join("run.js"), function + &fs::read_to_string(script("njs-run.js")).unwrap()).unwrap();
    let output = Command::new(njs).arg("run.js").current_dir(folder.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text} {}", String::from_utf8_lossy(&output.stderr));
    let mut lines = text.lines();
    for (target, (path, query)) in targets.iter().zip(&requests) {
        let found: Value = lines.next().map(|line| serde_json::from_str(line).unwrap()).expect("a line a request");
        let expected = told(&route(&site.routes, "GET", path, query.as_deref()));
        assert_eq!(found, expected, "{target}");
    }
}
