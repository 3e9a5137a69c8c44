//! The conformance driver for servers with a generated configuration: the same requests for all, by the same tables.
//!
//! A server is a function that starts it for a site, below a path. Knows no server.

use super::client::Client;
use super::site::{Dice, Site, catalog};
use super::{compare, compare_below, queries, spellings, targets_below};
use crate::running::Running;
use epr_build::answers::route::build::build;
use epr_build::answers::route::model::{Routes, Unkeyed};
use epr_build::answers::route::request::{Decision, route};
use epr_build::base::file_notes::FileNotes;
use epr_build::config::routing::Options;
use epr_build::hosts::HostOptions;
use epr_build::hosts::Published;
use epr_build::hosts::shared::tables::render;
use std::fs;
use std::path::PathBuf;

/// Starts a server with the configuration for a site below a path.
pub(super) type Start = dyn Fn(&Site, &str) -> Running;

/// The options of the tests, for a server that listens on an address.
pub(super) fn options(site: &Site, prefix: &str, address: &str) -> HostOptions {
    let files: Vec<_> = walkdir::WalkDir::new(site.root())
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_file())
        .map(|path| (format!("/{}", path.strip_prefix(site.root()).unwrap().to_str().unwrap()), path))
        .collect();
    let mut published = Published::default();
    for (path, file) in &files {
        published.note(path, PathBuf::from(format!("{}.gz", file.display())).exists());
    }
    HostOptions {
        generation_id: super::site::GENERATION.to_owned(),
        listen: address.to_owned(),
        state: site.folder.path().join("state").to_str().unwrap().to_owned(),
        prefix: prefix.to_owned(),
        debug_header: true,
        notes: site.notes.clone(),
        published,
        ..HostOptions::default()
    }
}

/// Writes the files of a host, and the tables that hosts share, and gives the host's folder.
pub(super) fn write(site: &Site, name: &str, files: Vec<(String, String)>, options: &HostOptions) -> PathBuf {
    let hosts = site.folder.path().join(super::site::GENERATION).join("hosts");
    for (folder, files) in [(name, files), ("tables", render(&site.routes, options).unwrap())] {
        fs::create_dir_all(hosts.join(folder)).unwrap();
        for (name, content) in files {
            fs::write(hosts.join(folder).join(name), content).unwrap();
        }
    }
    hosts.join(name)
}

/// 20 000 queries and 3 000 paths by chance, the same in every run; the tables tell apart more than any real ones.
pub(super) fn by_chance(start: &Start, wanted: fn(&str) -> bool) {
    let site = Site::build();
    let server = start(&site, "");
    let mut client = Client::connect(&server.address);
    let mut dice = Dice::new(11);
    let targets: Vec<_> = (0..20_000).map(|_| queries::query(&mut dice, &site)).collect();
    let seen = compare(&site, &mut client, targets.into_iter().filter(|target| wanted(target)));
    assert!(seen > 400, "only {seen} different answers have been asked for");
    compare(&site, &mut client, (0..3_000).map(|_| queries::path(&mut dice)).filter(|target| wanted(target)));
}

/// Queries and paths below a path with capitals, and beside it.
pub(super) fn below_capitals(start: &Start, count: usize) {
    const PREFIX: &str = "/epr.x/my-Registry";
    let site = Site::build();
    let server = start(&site, PREFIX);
    let targets = targets_below(PREFIX, &mut Dice::new(19), &site, count);
    compare_below(PREFIX, &site, &mut Client::connect(&server.address), targets);
}

/// Every request.
pub(super) fn all(_: &str) -> bool {
    true
}

/// Fewer of them below a path, which redirects must carry; and what does not lie below it is not found.
pub(super) fn below_a_path(start: &Start, wanted: fn(&str) -> bool) {
    const PREFIX: &str = "/epr.d/staging";
    let site = Site::build();
    let server = start(&site, PREFIX);
    let mut client = Client::connect(&server.address);
    let mut dice = Dice::new(23);
    let queries: Vec<_> = (0..3_000).map(|_| queries::query(&mut dice, &site)).collect();
    let paths: Vec<_> = (0..3_000).map(|_| queries::path(&mut dice)).collect();
    // What leaves the root of the registry may stay below that of the server.
    let is_within = |target: &String| {
        let path = target.split('?').next().unwrap_or_default();
        !matches!(route(&site.routes, "GET", path, None), Decision::Refuse(400, message) if message == "bad request")
    };
    let targets = queries.into_iter().chain(paths).filter(|target| wanted(target) && is_within(target));
    compare_below(PREFIX, &site, &mut client, targets.map(|target| format!("{PREFIX}{target}")));
    for target in ["/", "/search", "/eprxd/staging/search", "/epr.d/stagings/search", "/index.json", "/epr.d/staging"] {
        let response = client.get(target);
        assert_eq!((response.status, response.body.as_slice()), (404, &b"404 page not found\n"[..]), "{target}");
    }
}

/// The tables that the program itself makes; their answers are those of the catalog by the builder's own tests.
pub(super) fn by_a_catalog(start: &Start, wanted: fn(&str) -> bool) {
    let site = Site::of(build(&catalog(), &Options::default()).routes);
    let server = start(&site, "");
    let mut client = Client::connect(&server.address);
    let mut dice = Dice::new(17);
    let targets: Vec<_> = (0..10_000).map(|_| queries::query(&mut dice, &site)).collect();
    let seen = compare(&site, &mut client, targets.into_iter().filter(|target| wanted(target)));
    assert!(seen > 50, "only {seen} different answers have been asked for");
}

/// Every byte in every spelling, by tables in which unusual words may have an answer, and by others.
///
/// What differs for the other tables shows in a part: of those spellings every `part`th is asked for.
pub(super) fn by_spelling(start: &Start, wanted: fn(&str) -> bool, part: usize) {
    let usual = build(&catalog(), &Options::default()).routes;
    assert_eq!(usual.unkeyed, Unkeyed::default());
    let types = Routes { unkeyed: Unkeyed { categories: false, types: true }, ..usual.clone() };
    let categories = Site::build().routes;
    assert_eq!(categories.unkeyed, Unkeyed { categories: true, types: false });
    for (routes, step) in [(usual, 1), (types, part), (categories, part)] {
        let site = Site::of(routes);
        let server = start(&site, "");
        let targets = spellings::spellings().into_iter().step_by(step).filter(|target| wanted(target));
        compare(&site, &mut Client::connect(&server.address), targets);
    }
}

/// A generation without packages still needs a configuration that loads, and refuses what it cannot know.
pub(super) fn empty_tables(start: &Start) {
    let mut site = Site::build();
    site.routes = Routes::default();
    site.notes = FileNotes::default();
    let server = start(&site, "");
    let mut client = Client::connect(&server.address);
    let queries =
        ["/search", "/search?package=a&kibana.version=8.1&capabilities=a&spec.min=1.0&spec.max=2.0", "/categories"];
    compare(&site, &mut client, queries.map(str::to_owned));
}

/// A table must never hide a lost file behind the empty list.
pub(super) fn lost_answers(start: &Start) {
    let site = Site::build();
    let server = start(&site, "");
    fs::remove_dir_all(site.root().join("answers")).unwrap();
    let mut client = Client::connect(&server.address);
    for target in ["/search?package=unknown", "/search?package=nginx&kibana.version=8.11.0", "/categories"] {
        let response = client.get(target);
        assert!(matches!(response.status, 500 | 501), "{target}: {response:?}");
    }
}

/// Requests that no rule sees are refused with text.
pub(super) fn malformed(start: &Start, statuses: &[u16]) {
    let site = Site::build();
    let server = start(&site, "");
    for target in ["/%", "/%zz", "/package/%00", "/..", "/a/%2e%2e/%2e%2e/b"] {
        let response = Client::connect(&server.address).get(target);
        assert!(statuses.contains(&response.status), "{target}: {response:?}");
        assert!(!response.body.contains(&b'<'), "{target}: {response:?}");
    }
}
