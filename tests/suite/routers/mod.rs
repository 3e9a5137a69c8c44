//! Every router against the reference router: same status, same file, same text, for tens of thousands of requests.

mod client;
mod nginx;
mod queries;
mod site;

use client::{Client, Response};
use epr_build::route::request::{Decision, Kind, NO_ARTIFACT, NO_RESOURCE, NO_REVISION, NO_SIGNATURE, route};
use site::Site;
use std::collections::{BTreeMap, BTreeSet};

/// Puts requests to a server and compares each answer with the reference router's decision.
fn compare(site: &Site, client: &mut Client, targets: impl IntoIterator<Item = String>) {
    let mut statuses = BTreeMap::new();
    let mut bodies = BTreeSet::new();
    for target in targets {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target.as_str(), None),
        };
        let decision = route(&site.routes, "GET", path, query);
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
        Decision::Refuse(400, message) if message == "bad request" => assert_eq!(response.status, 400, "{context}"),
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
                Kind::Answer | Kind::Index | Kind::Icon => panic!("the test's own site lacks a file: {context}"),
            },
        },
    }
    if response.status != 400 || !matches!(decision, Decision::Refuse(400, message) if message == "bad request") {
        assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{context}");
    }
}
