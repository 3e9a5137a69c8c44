//! The built-in server, held to the same standard, and its handling of bytes.

use super::client::Client;
use super::site::{Dice, GENERATION, Site};
use super::{check_bytes, compare, compare_below, queries, targets_below};
use crate::in_process::Server;
use epr_build::serve::{Event, ServeOptions};
use std::fs;
use std::time::Duration;

fn start(site: &Site) -> Server {
    Server::start(ServeOptions { debug_header: true, ..ServeOptions::new(site.folder.path().join("current")) })
}

#[test]
fn the_server_routes_as_the_reference_router() {
    let site = Site::build();
    let server = start(&site);
    let mut client = Client::connect(&server.address);
    let mut dice = Dice::new(13);
    compare(&site, &mut client, (0..5_000).map(|_| queries::query(&mut dice, &site)));
    compare(&site, &mut client, (0..2_000).map(|_| queries::path(&mut dice)));
}

#[test]
fn the_server_routes_below_a_path() {
    let site = Site::build();
    let prefix = "/epr.x/my-Registry";
    fs::write(
        site.folder.path().join(GENERATION).join("hosting.json"),
        format!("{{\"prefix\":\"{prefix}\",\"debug_header\":false}}"),
    )
    .unwrap();
    let server = start(&site);
    let targets = targets_below(prefix, &mut Dice::new(19), &site, 2_000);
    compare_below(prefix, &site, &mut Client::connect(&server.address), targets);
}

#[test]
fn the_server_sends_bytes_as_asked_for() {
    let site = Site::build();
    check_bytes(&site, || start(&site), |server| server.address.clone());
}

// One connection sees the old generation until the link moves, then the new one, and no error between.
#[test]
fn a_new_generation_is_taken_over() {
    let site = Site::build();
    let server = start(&site);
    let mut client = Client::connect(&server.address);
    assert_eq!(client.get("/index.json").body, b"{}\n");
    let folder = site.folder.path();
    fs::create_dir_all(folder.join("generation-2/site")).unwrap();
    fs::copy(folder.join(GENERATION).join("routes.json"), folder.join("generation-2/routes.json")).unwrap();
    fs::write(folder.join("generation-2/site/index.json"), "new").unwrap();
    std::os::unix::fs::symlink("generation-2", folder.join("next")).unwrap();
    fs::rename(folder.join("next"), folder.join("current")).unwrap();
    let event = server.events.recv_timeout(Duration::from_secs(10)).unwrap();
    assert!(matches!(&event, Event::Generation(path) if path.ends_with("generation-2")), "{event:?}");
    assert_eq!(client.get("/index.json").body, b"new");
}
