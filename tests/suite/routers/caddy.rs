//! A real Caddy with the generated configuration.

use super::client::Client;
use super::driver::{self, all, options, write};
use super::fallback;
use super::site::{Dice, Site, catalog};
use super::{check_bytes, compare_below, queries};
use crate::running::{self, Running};
use epr_build::answers::route::build::build;
use epr_build::config::routing::Options;
use epr_build::hosts::HostOptions;
use epr_build::hosts::caddy::render;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

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

/// Writes the configuration for a site.
fn configure(site: &Site, distribution: &str, address: &str, prefix: &str, fallback: &str) {
    let (distribution, fallback) = (distribution.to_owned(), fallback.parse().unwrap());
    let options = HostOptions { distribution, fallback, ..options(site, prefix, address) };
    write(site, "caddy", render(&site.routes, &options).unwrap(), &options);
    // As below the output, where generations have a folder of their own.
    let generations = site.folder.path().join("generations");
    if !generations.exists() {
        std::os::unix::fs::symlink(".", generations).unwrap();
    }
}

/// Caddy with the configuration for a site below a path.
fn start(site: &Site, prefix: &str) -> Running {
    start_with_fallback(site, prefix, "")
}

fn start_with_fallback(site: &Site, prefix: &str, fallback: &str) -> Running {
    let binary = running::binary("caddy").unwrap();
    let home = site.folder.path();
    running::start("caddy", |address| {
        configure(site, "caddy", address, prefix, fallback);
        command(&binary, home, Path::new("current/hosts/caddy/Caddyfile"))
    })
}

#[test]
fn caddy_routes_as_the_reference_router() {
    if running::binary("caddy").is_some() {
        driver::by_chance(&start, all);
    }
}

#[test]
fn caddy_routes_below_a_path() {
    if running::binary("caddy").is_some() {
        driver::below_capitals(&start, 4_000);
    }
}

#[test]
fn caddy_routes_by_tables_of_a_catalog() {
    if running::binary("caddy").is_some() {
        driver::by_a_catalog(&start, all);
    }
}

#[test]
fn caddy_sees_through_every_spelling() {
    if running::binary("caddy").is_some() {
        driver::by_spelling(&start, all, 9);
    }
}

#[test]
fn caddy_takes_empty_tables() {
    if running::binary("caddy").is_some() {
        driver::empty_tables(&start);
    }
}

#[test]
fn caddy_says_500_for_a_lost_answer() {
    if running::binary("caddy").is_some() {
        driver::lost_answers(&start);
    }
}

#[test]
fn caddy_sends_bytes_as_asked_for() {
    if running::binary("caddy").is_some() {
        let site = Site::build();
        check_bytes(&site, || start(&site, ""), |server| server.address.clone());
    }
}

#[test]
fn caddy_asks_a_fallback_for_what_it_does_not_hold() {
    if running::binary("caddy").is_some() {
        fallback::all(&start_with_fallback, all, false);
    }
}

// Two distributions in one site, as in a Caddyfile that somebody has already.
#[test]
fn caddy_hosts_two_distributions_side_by_side() {
    let Some(binary) = running::binary("caddy") else { return };
    let sites = [Site::build(), Site::of(build(&catalog(), &Options::default()).routes)];
    let caddy = running::start("caddy", |address| {
        let mut text = format!("{{\nadmin off\nauto_https off\n}}\nhttp://{address} {{\n").replace("127.0.0.1", "");
        for (site, name) in sites.iter().zip(["one", "two"]) {
            configure(site, name, address, &format!("/epr/{name}"), "");
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
