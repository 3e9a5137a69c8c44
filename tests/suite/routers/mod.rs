//! Every router against the reference router: same status, same file, same text, for tens of thousands of requests.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

pub(crate) mod apache;
pub(crate) mod caddy;
pub(crate) mod client;
mod driver;
mod fallback;
pub(crate) mod haproxy;
mod kibana;
pub(crate) mod nginx;
mod edge;
pub(crate) mod edge_sites;
mod queries;
mod serve;
mod site;
mod spellings;

use client::{Client, Response};
use epr_build::answers::route::request::{
    Decision, Kind, NO_ARTIFACT, NO_RESOURCE, NO_REVISION, NO_ROUTE, NO_SIGNATURE, VERSIONS, route_below,
};
use site::{Dice, Site};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Puts requests to a server and compares each answer with the reference router's decision.
///
/// Gives the number of different bodies, which says how much of the site has been seen.
fn compare(site: &Site, client: &mut Client, targets: impl IntoIterator<Item = String>) -> usize {
    compare_below("", site, client, targets)
}

/// As [`compare`], for a registry that lies below a path.
fn compare_below(prefix: &str, site: &Site, client: &mut Client, targets: impl IntoIterator<Item = String>) -> usize {
    let mut statuses = BTreeMap::new();
    let mut bodies = BTreeSet::new();
    for target in targets {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target.as_str(), None),
        };
        let decision = route_below(prefix, &site.routes, "GET", path, query);
        let response = client.get(&target);
        *statuses.entry(response.status).or_insert(0_u32) += 1;
        assert!(
            response.status < 500 || response.status == 501,
            "{target}: a server error {response:?}, expected {decision:?}"
        );
        check(site, &target, &decision, &response);
        bodies.insert(response.body);
    }
    println!("statuses: {statuses:?}, {} different bodies", bodies.len());
    bodies.len()
}

/// Queries and paths below a prefix, and now and then beside it.
fn targets_below(prefix: &str, dice: &mut Dice, site: &Site, count: usize) -> Vec<String> {
    let mut target = || {
        let target = if dice.below(3) == 0 { queries::path(dice) } else { queries::query(dice, site) };
        if dice.below(20) == 0 { target } else { format!("{prefix}{target}") }
    };
    let mut targets: Vec<_> = (0..count).map(|_| target()).collect();
    for more in ["", "/", "/search/?a=b", "x/search", "/../search", "/./search", "%2Fsearch", "/%2e%2e/%2e%2e/%2e%2e/x"]
    {
        targets.push(format!("{prefix}{more}"));
    }
    let (first, last) = prefix.rsplit_once('/').unwrap();
    targets.push(format!("{first}//{last}//package/nginx/1.2.3/manifest.yml"));
    targets.push(format!("{first}%2F{last}/package/nginx/1.2.3/a%20b$&%22%7B%7D;%2541.x"));
    targets.push(format!("{first}/x/../{last}/package/nginx/1.2.3/img/../font"));
    targets.push(format!("{}/search", prefix.to_ascii_uppercase()));
    targets
}

fn check(site: &Site, target: &str, decision: &Decision, response: &Response) {
    let context = format!("{target}\n decision: {decision:?}\n response: {response:?}");
    let text = |status: u16, text: &str| {
        assert_eq!(response.status, status, "{context}");
        assert_eq!(response.body, format!("{text}\n").as_bytes(), "{context}");
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"), "{context}");
        assert_eq!(response.header("cache-control"), Some("max-age=0, private, no-store"), "{context}");
    };
    match decision {
        // A malformed path is refused before any rule of ours, with a page of the server's own.
        Decision::Refuse(400, message) if message == "bad request" => {
            assert!(matches!(response.status, 400 | 404), "{context}");
        }
        Decision::Refuse(status, message) => text(*status, message),
        Decision::Redirect(location) => {
            assert_eq!(response.status, 301, "{context}");
            assert_eq!(response.header("location"), Some(location.as_str()), "{context}");
        }
        Decision::Health => {
            assert_eq!((response.status, response.body.len()), (200, 0), "{context}");
            assert_eq!(response.header("content-type"), None, "{context}");
            assert_eq!(response.header("cache-control"), None, "{context}");
        }
        Decision::Options => assert_eq!(response.status, 204, "{context}"),
        Decision::File(file) => match site.read(&file.path) {
            Some((content, media)) => {
                assert_eq!(response.status, 200, "{context}");
                assert_eq!(response.body, content, "{context}");
                assert_eq!(response.header("x-epr-route"), Some(file.path.as_str()), "{context}");
                assert_eq!(response.header("content-type"), Some(&*media), "{context}");
            }
            None => match &file.kind {
                Kind::Document => text(404, NO_REVISION),
                Kind::Packaged(document) if site.read(document).is_some() => text(404, NO_RESOURCE),
                Kind::Packaged(_) => text(404, NO_REVISION),
                Kind::Archive => text(404, NO_ARTIFACT),
                Kind::Signature => text(404, NO_SIGNATURE),
                Kind::Page | Kind::Versions => text(404, NO_ROUTE),
                Kind::Answer | Kind::Index | Kind::Icon => panic!("the test's own site lacks a file: {context}"),
            },
        },
    }
    if !matches!(decision, Decision::Refuse(400, message) if message == "bad request") {
        assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{context}");
    }
}

/// An archive of the site that is large enough for ranges.
const ARCHIVE: &str = "/epr/nginx/nginx-1.2.3.zip";

/// Makes [`ARCHIVE`] a megabyte long.
fn put_large_archive(site: &Site) -> Vec<u8> {
    let large: Vec<u8> = (0..1_000_000_u32).map(|number| (number * 7 / 3) as u8).collect();
    fs::write(site.root().join(&ARCHIVE[1..]), &large).unwrap();
    large
}

/// Asks for the whole archive, for parts of it, and on conditions.
fn check_ranges(client: &mut Client, large: &[u8]) {
    let whole = client.send("GET", ARCHIVE, &[("Accept-Encoding", "gzip")]);
    assert_eq!((whole.status, whole.header("vary"), whole.header("content-encoding")), (200, None, None));
    assert!(whole.body == large);
    let head = client.send("HEAD", ARCHIVE, &[]);
    assert_eq!((head.status, head.header("content-length")), (200, Some("1000000")));
    let range = client.send("GET", ARCHIVE, &[("Range", "bytes=1000-199999")]);
    assert_eq!((range.status, range.header("content-range")), (206, Some("bytes 1000-199999/1000000")));
    assert!(range.body == large[1000..200_000]);
    let outside = client.send("GET", ARCHIVE, &[("Range", "bytes=1000000-")]);
    assert_eq!((outside.status, outside.header("content-range")), (416, Some("bytes */1000000")));
    for (name, value) in [("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")] {
        let unchanged = client.send("GET", ARCHIVE, &[(name, whole.header(value).unwrap())]);
        assert_eq!((unchanged.status, unchanged.header("cache-control")), (304, Some("max-age=600, public")));
    }
}

/// Ranges, conditions, compressed copies and methods: what every server owes to clients beyond routing.
fn check_bytes<S>(site: &Site, start: impl FnOnce() -> S, address: impl FnOnce(&S) -> String) {
    check_parts(site, start, address, true);
}

/// The same; whether the server `sees_copies` of package files beside them.
fn check_parts<S>(site: &Site, start: impl FnOnce() -> S, address: impl FnOnce(&S) -> String, sees_copies: bool) {
    let large = put_large_archive(site);
    let server = start();
    let mut client = Client::connect(&address(&server));
    check_ranges(&mut client, &large);

    let file = "/package/nginx/1.2.3/manifest.yml";
    if sees_copies {
        let packed = client.send("GET", file, &[("Accept-Encoding", "gzip, deflate")]);
        assert_eq!(packed.body, b"compressed");
        assert_eq!(packed.header("content-encoding"), Some("gzip"));
        assert_eq!(packed.header("content-type"), Some("text/yaml; charset=UTF-8"));
        let plain = client.get(file);
        assert_eq!((plain.header("vary"), plain.header("content-encoding")), (Some("Accept-Encoding"), None));
    }
    let other = client.send("GET", "/package/nginx/1.2.3/dump.txt", &[("Accept-Encoding", "gzip")]);
    assert_eq!((other.body.as_slice(), other.header("content-encoding")), (&b"not the same"[..], None));

    // Who copies the registry asks whether the list of versions is still the one that it has.
    let list = client.get(VERSIONS);
    assert_eq!((list.status, list.header("cache-control")), (200, Some("max-age=10, public")));
    let unchanged = client.send("GET", VERSIONS, &[("If-None-Match", list.header("etag").unwrap())]);
    assert_eq!((unchanged.status, &*unchanged.body), (304, &b""[..]));

    assert_eq!(client.send("OPTIONS", "/search", &[]).status, 204);
    let refused = client.send("DELETE", "/search", &[]);
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
}
