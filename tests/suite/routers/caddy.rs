//! A real Caddy with the generated configuration.

use super::client::Client;
use super::site::{Dice, GENERATION, Site, catalog};
use super::{check_bytes, compare, queries, spellings};
use crate::running::{self, Running};
use epr_build::hosts::HostOptions;
use epr_build::hosts::caddy::render;
use epr_build::hosts::notes::FileNotes;
use epr_build::route::build::{Options, build};
use epr_build::route::model::{Routes, Unkeyed};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Caddy with the Caddyfile in a folder, started where the folder of the generations is.
pub(crate) fn command(binary: &Path, folder: &Path, caddyfile: &Path) -> Command {
    let mut command = Command::new(binary);
    command.args(["run", "--adapter", "caddyfile", "--config"]).arg(caddyfile).current_dir(folder);
    // Caddy remembers its last configuration for the user.
    command
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder.join(".caddy"))
        .env("XDG_DATA_HOME", folder.join(".caddy"));
    command.stdin(Stdio::null());
    command
}

/// Caddy with the configuration for a site.
fn start(site: &Site, binary: &Path) -> Running {
    let home = site.folder.path();
    let generations = home.join("generations");
    if !generations.exists() {
        std::os::unix::fs::symlink(".", generations).unwrap();
    }
    let folder = home.join(GENERATION).join("hosts/caddy");
    fs::create_dir_all(&folder).unwrap();
    running::start("caddy", |address| {
        let options = HostOptions {
            generation_id: GENERATION.to_owned(),
            listen: address.to_owned(),
            state: home.join("caddy").to_str().unwrap().to_owned(),
            debug_header: true,
            notes: site.notes.clone(),
            ..HostOptions::default()
        };
        for (name, content) in render(&site.routes, &options).unwrap() {
            fs::write(folder.join(name), content).unwrap();
        }
        command(binary, home, Path::new("current/hosts/caddy/Caddyfile"))
    })
}

// The conformance driver: 20 000 queries and 3 000 paths by chance, the same in every run.
#[test]
fn caddy_routes_as_the_reference_router() {
    let Some(binary) = running::binary("caddy") else { return };
    let site = Site::build();
    let caddy = start(&site, &binary);
    let mut client = Client::connect(&caddy.address);
    let mut dice = Dice::new(11);
    let targets: Vec<_> = (0..20_000).map(|_| queries::query(&mut dice, &site)).collect();
    let clock = Instant::now();
    let count = targets.len();
    let seen = compare(&site, &mut client, targets);
    assert!(seen > 400, "only {seen} different answers have been asked for");
    println!("{count} queries in {:?}", clock.elapsed());
    compare(&site, &mut client, (0..3_000).map(|_| queries::path(&mut dice)));
}

// The tables that the program itself makes; their answers are those of the catalog by the builder's own tests.
#[test]
fn caddy_routes_by_tables_of_a_catalog() {
    let Some(binary) = running::binary("caddy") else { return };
    let site = Site::of(build(&catalog(), &Options::default()).routes);
    let caddy = start(&site, &binary);
    let mut client = Client::connect(&caddy.address);
    let mut dice = Dice::new(17);
    let seen = compare(&site, &mut client, (0..10_000).map(|_| queries::query(&mut dice, &site)));
    assert!(seen > 50, "only {seen} different answers have been asked for");
}

// Every byte in every spelling, by tables in which unusual words may have an answer, and by others.
#[test]
fn caddy_sees_through_every_spelling() {
    let Some(binary) = running::binary("caddy") else { return };
    let usual = build(&catalog(), &Options::default()).routes;
    let types = Routes { unkeyed: Unkeyed { categories: false, types: true }, ..usual.clone() };
    let categories = Site::build().routes;
    for routes in [usual, types, categories] {
        let site = Site::of(routes);
        let caddy = start(&site, &binary);
        compare(&site, &mut Client::connect(&caddy.address), spellings::spellings());
    }
}

#[test]
fn caddy_sends_bytes_as_asked_for() {
    let Some(binary) = running::binary("caddy") else { return };
    let site = Site::build();
    check_bytes(&site, || start(&site, &binary), |caddy| caddy.address.clone());
}

// A generation without packages still needs a configuration that loads, and refuses what it cannot know.
#[test]
fn caddy_takes_empty_tables() {
    let Some(binary) = running::binary("caddy") else { return };
    let mut site = Site::build();
    site.routes = Routes::default();
    site.notes = FileNotes::default();
    let caddy = start(&site, &binary);
    let mut client = Client::connect(&caddy.address);
    let queries =
        ["/search", "/search?package=a&kibana.version=8.1&capabilities=a&spec.min=1.0&spec.max=2.0", "/categories"];
    compare(&site, &mut client, queries.map(str::to_owned));
}

// A table must never hide a lost file behind the empty list.
#[test]
fn caddy_says_500_for_a_lost_answer() {
    let Some(binary) = running::binary("caddy") else { return };
    let site = Site::build();
    let caddy = start(&site, &binary);
    fs::remove_dir_all(site.root().join("answers")).unwrap();
    let mut client = Client::connect(&caddy.address);
    for target in ["/search?package=unknown", "/search?package=nginx&kibana.version=8.11.0", "/categories"] {
        let response = client.get(target);
        assert!(matches!(response.status, 500 | 501), "{target}: {response:?}");
        assert_ne!(response.body, b"[]", "{target}: {response:?}");
    }
}
