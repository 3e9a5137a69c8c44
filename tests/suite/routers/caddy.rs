//! A real Caddy with the generated configuration.

use super::client::Client;
use super::site::{Dice, GENERATION, Site, catalog};
use super::{check_bytes, compare, compare_below, queries, spellings, targets_below};
use crate::running::{self, Running};
use epr_build::answers::route::build::build;
use epr_build::answers::route::model::{Routes, Unkeyed};
use epr_build::base::file_notes::FileNotes;
use epr_build::config::routing::Options;
use epr_build::hosts::HostOptions;
use epr_build::hosts::caddy::render;
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

/// Caddy with the generated configuration of a distribution that was built, of which only the address is changed.
pub(crate) fn start_generated(binary: &Path, distribution: &Path) -> Running {
    let generated = fs::read_to_string(distribution.join("current/hosts/caddy/Caddyfile")).unwrap();
    running::start("caddy", |address| {
        let port = address.rsplit(':').next().unwrap();
        let text = generated
            .replace("http://:8080", &format!("http://:{port}"))
            .replace("admin unix/", "admin off #")
            .replace("import ../../../releases/", "import releases/")
            .replace("import server.caddy", "import current/hosts/caddy/server.caddy");
        assert!(text.contains(port), "the address is written in another way:\n{text}");
        fs::write(distribution.join("Caddyfile"), text).unwrap();
        command(binary, distribution, Path::new("Caddyfile"))
    })
}

/// Caddy with the configuration for a site.
fn start(site: &Site, binary: &Path) -> Running {
    start_below("", site, binary)
}

/// Writes the configuration for a site.
fn configure(site: &Site, distribution: &str, address: &str, prefix: &str) {
    let options = HostOptions {
        distribution: distribution.to_owned(),
        generation_id: GENERATION.to_owned(),
        listen: address.to_owned(),
        state: site.folder.path().join("caddy").to_str().unwrap().to_owned(),
        prefix: prefix.to_owned(),
        debug_header: true,
        notes: site.notes.clone(),
        ..HostOptions::default()
    };
    let folder = site.folder.path().join(GENERATION).join("hosts/caddy");
    fs::create_dir_all(&folder).unwrap();
    for (name, content) in render(&site.routes, &options).unwrap() {
        fs::write(folder.join(name), content).unwrap();
    }
    // As below the output, where generations have a folder of their own.
    let generations = site.folder.path().join("generations");
    if !generations.exists() {
        std::os::unix::fs::symlink(".", generations).unwrap();
    }
}

/// Caddy with the configuration for a site below a path.
fn start_below(prefix: &str, site: &Site, binary: &Path) -> Running {
    let home = site.folder.path();
    running::start("caddy", |address| {
        configure(site, "caddy", address, prefix);
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
    // What differs for the other tables shows in a part.
    for (routes, step) in [(usual, 1), (types, 9), (categories, 9)] {
        let site = Site::of(routes);
        let caddy = start(&site, &binary);
        let targets = spellings::spellings().into_iter().step_by(step);
        compare(&site, &mut Client::connect(&caddy.address), targets);
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

#[test]
fn caddy_routes_below_a_path() {
    let Some(binary) = running::binary("caddy") else { return };
    let site = Site::build();
    let prefix = "/epr.x/my-Registry";
    let caddy = start_below(prefix, &site, &binary);
    let targets = targets_below(prefix, &mut Dice::new(19), &site, 4_000);
    compare_below(prefix, &site, &mut Client::connect(&caddy.address), targets);
}

// Two distributions in one site, as in a Caddyfile that somebody has already.
#[test]
fn caddy_hosts_two_distributions_side_by_side() {
    let Some(binary) = running::binary("caddy") else { return };
    let sites = [Site::build(), Site::of(build(&catalog(), &Options::default()).routes)];
    let caddy = running::start("caddy", |address| {
        let mut text = format!("{{\nadmin off\nauto_https off\n}}\nhttp://{address} {{\n").replace("127.0.0.1", "");
        for (site, name) in sites.iter().zip(["one", "two"]) {
            configure(site, name, address, &format!("/epr/{name}"));
            let home = site.folder.path().display();
            text += &format!("import {home}/current/hosts/caddy/server.caddy {home}\n");
        }
        let home = sites[0].folder.path();
        fs::write(home.join("Caddyfile"), text + "respond \"elsewhere\"\n}\n").unwrap();
        command(&binary, home, Path::new("Caddyfile"))
    });
    let mut client = Client::connect(&caddy.address);
    for (site, prefix) in sites.iter().zip(["/epr/one", "/epr/two"]) {
        let mut dice = Dice::new(23);
        let targets = (0..1_500).map(|_| format!("{prefix}{}", queries::query(&mut dice, site)));
        compare_below(prefix, site, &mut client, targets);
        let file = format!("{prefix}/package/nginx/1.2.3/font");
        compare_below(prefix, site, &mut client, [file]);
    }
    assert_eq!(client.get("/search").body, b"elsewhere");
}
