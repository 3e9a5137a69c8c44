//! Whole sites served by the edges: the generated code between a plain HTTP server and a bucket, both made by node.

use super::client::{Client, Response};
use super::edge::{script, write_hosts};
use super::site::{Dice, Site, catalog};
use super::{check, check_bytes, check_ranges, compare, driver, fallback, put_large_archive, queries, spellings};
use crate::running::{self, Running};
use epr_build::answers::route::build::build;
use epr_build::answers::route::request::{Decision, File, route};
use epr_build::base::file_notes::FileNotes;
use epr_build::base::media;
use epr_build::config::routing::Options;
use epr_build::hosts::HostOptions;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What an upload would note of objects.
fn write_types(file: &Path, notes: &FileNotes) {
    let extensions: BTreeMap<_, _> = media::EXTENSIONS.iter().copied().collect();
    let types = json!({ "extensions": extensions, "types": notes.types, "text": media::TEXT });
    fs::write(file, types.to_string()).unwrap();
}

/// Targets as they may stand in a request line, which some servers insist on.
fn ascii(targets: Vec<String>) -> Vec<String> {
    let letter = |letter: char| match letter {
        '!'..='~' => letter.to_string(),
        _ => letter.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect(),
    };
    targets.iter().map(|target| target.chars().map(letter).collect()).collect()
}

/// An edge over a document root; `hosts` has the generated folders.
fn serve(node: &Path, edge: &str, hosts: &Path, site: &Path, types: &Path) -> Running {
    running::start(edge, |address| {
        let mut command = Command::new(node);
        command.arg(script("serve.js")).arg(edge).arg(hosts.join(edge)).args([site, types]).arg(address);
        command
    })
}

fn start(site: &Site, node: &Path, edge: &str) -> Running {
    start_with_fallback(site, node, edge, "", "")
}

fn start_with_fallback(site: &Site, node: &Path, edge: &str, prefix: &str, fallback: &str) -> Running {
    let home = site.folder.path();
    let options = HostOptions {
        generation_id: super::site::GENERATION.to_owned(),
        debug_header: true,
        notes: site.notes.clone(),
        prefix: prefix.to_owned(),
        fallback: fallback.parse().unwrap(),
        ..HostOptions::default()
    };
    write_hosts(&home.join("hosts"), &site.routes, &options);
    write_types(&home.join("types.json"), &site.notes);
    serve(node, edge, &home.join("hosts"), &site.root(), &home.join("types.json"))
}

/// An edge over the generation in use of a distribution that was built below `home`.
pub(crate) fn start_built(edge: &str, home: &Path, distribution: &str) -> Option<Running> {
    let node = running::binary("node")?;
    let generation = fs::canonicalize(home.join("out").join(distribution).join("current")).unwrap();
    let notes: FileNotes = serde_json::from_slice(&fs::read(generation.join("files.json")).unwrap()).unwrap();
    let types: PathBuf = home.join(format!("types-{distribution}.json"));
    write_types(&types, &notes);
    Some(serve(&node, edge, &generation.join("hosts"), &generation.join("site"), &types))
}

#[test]
fn the_worker_serves_as_the_reference_router() {
    let Some(node) = running::binary("node") else { return };
    let site = Site::build();
    let worker = start(&site, &node, "cloudflare");
    let mut client = Client::connect(&worker.address);
    let mut dice = Dice::new(47);
    let targets = (0..20_000).map(|_| queries::query(&mut dice, &site)).collect();
    let seen = compare(&site, &mut client, ascii(targets));
    assert!(seen > 400, "only {seen} different answers have been asked for");
    compare(&site, &mut client, (0..3_000).map(|_| queries::path(&mut dice)));
    compare(&site, &mut client, ascii(spellings::spellings().into_iter().step_by(7).collect()));
}

#[test]
fn the_worker_sends_bytes_as_asked_for() {
    let Some(node) = running::binary("node") else { return };
    let site = Site::build();
    check_bytes(&site, || start(&site, &node, "cloudflare"), |worker| worker.address.clone());
}

/// What a URL is without the changes that every edge makes before any code of ours sees it.
fn is_kept_by_urls(target: &str) -> bool {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_plain = |text: &str, odd: &str| {
        text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains(|one| odd.contains(one))
    };
    let has_dots = ["/.", "%2e", "%2E"].iter().any(|dots| path.contains(dots));
    is_plain(path, "\"<>`{}^#\\|") && is_plain(query, "\"<>'#") && !has_dots
}

#[test]
fn the_worker_asks_a_fallback_for_what_it_does_not_hold() {
    let Some(node) = running::binary("node") else { return };
    let start = move |site: &Site, prefix: &str, fallback: &str| {
        start_with_fallback(site, &node, "cloudflare", prefix, &fallback.replace("http://", "https://"))
    };
    fallback::at_ports(&start, is_kept_by_urls, false);
}

// Whether CloudFront does as its documentation says cannot be tested here.
#[test]
fn the_distribution_asks_a_fallback_for_what_it_does_not_hold() {
    let Some(node) = running::binary("node") else { return };
    let start = move |site: &Site, prefix: &str, fallback: &str| {
        start_with_fallback(site, &node, "cloudfront", prefix, &fallback.replace("127.0.0.1", "localhost.example"))
    };
    fallback::at_ports(&start, is_kept_by_urls, false);
}

#[test]
fn the_worker_says_500_for_a_lost_answer() {
    let Some(node) = running::binary("node") else { return };
    driver::lost_answers(&move |site: &Site, _: &str| start(site, &node, "cloudflare"));
}

/// CloudFront cannot see what is missing, so everything that is missing has one text.
fn check_missing(target: &str, response: &Response) {
    let context = format!("{target}: {response:?}");
    assert_eq!((response.status, &*response.body), (404, &b"resource not found\n"[..]), "{context}");
    assert_eq!(response.header("content-type"), Some(media::TEXT), "{context}");
    assert_eq!(response.header("cache-control"), Some("max-age=0, private, no-store"), "{context}");
    assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{context}");
}

#[test]
fn the_distribution_serves_as_the_reference_router() {
    let Some(node) = running::binary("node") else { return };
    let site = Site::build();
    let distribution = start(&site, &node, "cloudfront");
    let mut client = Client::connect(&distribution.address);
    let mut dice = Dice::new(53);
    let mut targets: Vec<_> = (0..10_000).map(|_| queries::query(&mut dice, &site)).collect();
    targets.extend((0..3_000).map(|_| queries::path(&mut dice)));
    for target in ascii(targets) {
        let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
        let decision = route(&site.routes, "GET", path, query);
        let response = client.get(&target);
        match &decision {
            Decision::File(File { path, .. }) if site.read(path).is_none() => check_missing(&target, &response),
            _ => check(&site, &target, &decision, &response),
        }
    }
}

// What the function and the objects owe to clients; ranges and conditions are the service's own.
#[test]
fn the_distribution_keeps_archives_as_they_are() {
    let Some(node) = running::binary("node") else { return };
    let site = Site::build();
    let distribution = start(&site, &node, "cloudfront");
    let mut client = Client::connect(&distribution.address);
    let gzip = [("Accept-Encoding", "gzip")];
    let zip = client.send("GET", "/epr/x/nginx-2.0.0-beta+1.zip", &gzip);
    assert_eq!((zip.status, &*zip.body, zip.header("content-encoding")), (200, &b"PK"[..], None));
    let archive = client.send("GET", "/package/nginx/1.2.3/dump.txt.gz", &gzip);
    assert_eq!((archive.status, &*archive.body), (200, &b"\x1f\x8b\x08"[..]));
    check_missing("a copy", &client.send("GET", "/package/nginx/1.2.3/manifest.yml.gz", &gzip));
    assert_eq!(client.send("OPTIONS", "/search", &[]).status, 204);
    let refused = client.send("DELETE", "/search", &[]);
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    let head = client.send("HEAD", "/search?package=%", &[]);
    assert_eq!((head.status, head.header("content-type")), (501, Some(media::TEXT)));
}

// The template is checked against the schemas of AWS.
#[test]
fn the_template_is_one_that_cloudformation_takes() {
    let Some(lint) = running::binary("cfn-lint") else { return };
    let site = Site::build();
    for (debug_header, fallback) in
        [(false, ""), (true, ""), (false, "https://epr.example.org"), (true, "http://epr.example.org:8090")]
    {
        let (notes, fallback) = (site.notes.clone(), fallback.parse().unwrap());
        let options = HostOptions { debug_header, notes, fallback, ..HostOptions::default() };
        let folder = tempfile::tempdir().unwrap();
        write_hosts(folder.path(), &site.routes, &options);
        let output = Command::new(&lint).arg(folder.path().join("cloudfront/template.yaml")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        let function = fs::read_to_string(folder.path().join("cloudfront/function.js")).unwrap();
        let template = fs::read_to_string(folder.path().join("cloudfront/template.yaml")).unwrap();
        for line in function.lines() {
            assert!(template.lines().any(|found| found.trim() == line.trim()), "the template lacks {line}");
        }
    }
}

/// The Worker in the runtime of Cloudflare, which is a package of npm (`npm ci` in `tests/edge`).
fn start_workerd(site: &Site, node: &Path) -> Running {
    let home = site.folder.path();
    let options = HostOptions { debug_header: true, notes: site.notes.clone(), ..HostOptions::default() };
    write_hosts(&home.join("hosts"), &site.routes, &options);
    running::start("workerd", |address| {
        let mut command = Command::new(node);
        command.arg(script("workerd.mjs")).args([&home.join("hosts/cloudflare"), &site.root()]).arg(address);
        command.env("R2_FOLDER", home.join("r2"));
        command
    })
}

/// Node, if the runtime is installed too.
fn workerd() -> Option<PathBuf> {
    let node = running::binary("node")?;
    let is_there = script("node_modules/miniflare").is_dir();
    running::skip_unless(is_there, "no miniflare in tests/edge").then_some(node)
}

#[test]
fn the_worker_serves_the_same_in_its_own_runtime() {
    let Some(node) = workerd() else { return };
    let site = Site::of(build(&catalog(), &Options::default()).routes);
    let workerd = start_workerd(&site, &node);
    let mut client = Client::connect(&workerd.address);
    let mut dice = Dice::new(59);
    let mut targets: Vec<_> = (0..3_000).map(|_| queries::query(&mut dice, &site)).collect();
    // The runtime resolves dot segments itself, as browsers do, and never leaves the root.
    let is_plain = |target: &String| !["/.", "%2e", "%2E"].iter().any(|dots| target.contains(dots));
    targets.extend((0..1_000).map(|_| queries::path(&mut dice)).filter(is_plain));
    compare(&site, &mut client, ascii(targets));
}

// The runtime compresses by itself what is not compressed, so only what it leaves alone can be compared.
#[test]
fn the_worker_sends_bytes_in_its_own_runtime() {
    let Some(node) = workerd() else { return };
    let site = Site::of(build(&catalog(), &Options::default()).routes);
    let large = put_large_archive(&site);
    let workerd = start_workerd(&site, &node);
    let mut client = Client::connect(&workerd.address);
    check_ranges(&mut client, &large);
    let file = "/package/nginx/1.2.3/manifest.yml";
    let packed = client.send("GET", file, &[("Accept-Encoding", "gzip, deflate")]);
    assert_eq!((&*packed.body, packed.header("content-encoding")), (&b"compressed"[..], Some("gzip")));
    let plain = client.get(file);
    assert_eq!((&*plain.body, plain.header("vary")), (&b"name: nginx"[..], Some("Accept-Encoding")));
    assert_eq!(plain.header("content-type"), Some("text/yaml; charset=UTF-8"));
}
