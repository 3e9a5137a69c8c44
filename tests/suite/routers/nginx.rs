//! A real nginx with the generated configuration.

use super::client::Client;
use super::driver::{self, all, options, write};
use super::fallback;
use super::site::{Dice, Site, catalog};
use super::{check_bytes, compare_below, targets_below};
use crate::running::{self, Running};
use epr_build::answers::route::build::build;
use epr_build::config::routing::Options;
use epr_build::hosts::HostOptions;
use epr_build::hosts::nginx::origin::{self, Origin};
use epr_build::hosts::nginx::render;
use std::fs;
use std::path::PathBuf;

/// Writes the configuration for a site; gives its folder.
fn configure(site: &Site, distribution: &str, address: &str, prefix: &str, fallback: &str) -> PathBuf {
    let (distribution, fallback) = (distribution.to_owned(), fallback.parse().unwrap());
    let options = HostOptions { distribution, fallback, ..options(site, prefix, address) };
    write(site, "nginx", render(&site.routes, &options).unwrap(), &options)
}

/// nginx with the configuration for a site below a path.
fn start(site: &Site, prefix: &str) -> Running {
    start_with_fallback(site, prefix, "")
}

fn start_with_fallback(site: &Site, prefix: &str, fallback: &str) -> Running {
    let binary = running::binary("nginx").unwrap();
    running::start("nginx", |address| {
        configure(site, "My_Distribution-1.0", address, prefix, fallback);
        running::nginx_command(&binary, &site.folder.path().join("current/hosts/nginx"))
    })
}

#[test]
fn nginx_routes_as_the_reference_router() {
    if running::binary("nginx").is_some() {
        driver::by_chance(&start, all);
    }
}

#[test]
fn nginx_routes_below_a_path() {
    if running::binary("nginx").is_some() {
        driver::below_capitals(&start, 6_000);
    }
}

#[test]
fn nginx_routes_by_tables_of_a_catalog() {
    if running::binary("nginx").is_some() {
        driver::by_a_catalog(&start, all);
    }
}

#[test]
fn nginx_sees_through_every_spelling() {
    if running::binary("nginx").is_some() {
        driver::by_spelling(&start, all, 1);
    }
}

#[test]
fn nginx_takes_empty_tables() {
    if running::binary("nginx").is_some() {
        driver::empty_tables(&start);
    }
}

#[test]
fn nginx_says_500_for_a_lost_answer() {
    if running::binary("nginx").is_some() {
        driver::lost_answers(&start);
    }
}

#[test]
fn nginx_sends_bytes_as_asked_for() {
    if running::binary("nginx").is_some() {
        let site = Site::build();
        check_bytes(&site, || start(&site, ""), |server| server.address.clone());
    }
}

#[test]
fn nginx_asks_a_fallback_for_what_it_does_not_hold() {
    if running::binary("nginx").is_some() {
        fallback::all(&start_with_fallback, all, true);
    }
}

/// nginx in front of a store that has the site in a folder.
fn start_origin_with_fallback(site: &Site, prefix: &str, fallback: &str) -> Running {
    let binary = running::binary("nginx").unwrap();
    let store = super::haproxy::origin(site.folder.path(), &site.folder.path().join("store"));
    let (name, port) = store.address.split_once(':').unwrap();
    let folder = format!("{}/site", super::site::GENERATION);
    let origin = Origin {
        scheme: "http".to_owned(),
        name: name.to_owned(),
        port: port.parse().ok(),
        path: String::new(),
        places: [("nginx-1.2.3".to_owned(), folder.clone())].into(),
        folder,
    };
    let mut front = running::start("nginx", |address| {
        let options = HostOptions { fallback: fallback.parse().unwrap(), ..options(site, prefix, address) };
        let files = origin::render(&site.routes, &options, &origin).unwrap();
        running::nginx_command(&binary, &write(site, "nginx-origin", files, &options))
    });
    front.behind = Some(Box::new(store));
    front
}

#[test]
fn nginx_before_a_store_asks_a_fallback() {
    if running::binary("nginx").is_some() {
        fallback::all(&start_origin_with_fallback, all, true);
    }
}

// Two distributions in one server: neither may see a variable, a location or a file of the other.
#[test]
fn nginx_hosts_two_distributions_side_by_side() {
    let Some(binary) = running::binary("nginx") else { return };
    let sites = [Site::build(), Site::of(build(&catalog(), &Options::default()).routes)];
    let nginx = running::start("nginx", |address| {
        let folder = configure(&sites[0], "one", address, "/epr/one", "");
        let other = configure(&sites[1], "two", address, "/epr/two", "");
        let other = other.display();
        let root = sites[1].root();
        let generated = fs::read_to_string(folder.join("nginx.conf")).unwrap();
        let maps = format!("include tables.maps;\ninclude {other}/request.maps;\ninclude {other}/tables.maps;");
        let rules = format!("include server.inc;\nset $epr_two_root {};\ninclude {other}/server.inc;", root.display());
        let text = generated.replace("include tables.maps;", &maps).replace("include server.inc;", &rules);
        fs::write(folder.join("nginx.conf"), text).unwrap();
        running::nginx_command(&binary, &folder)
    });
    let mut client = Client::connect(&nginx.address);
    for (site, prefix) in sites.iter().zip(["/epr/one", "/epr/two"]) {
        let targets = targets_below(prefix, &mut Dice::new(23), site, 3_000);
        let own = targets.into_iter().filter(|target| !target.contains(".."));
        compare_below(prefix, site, &mut client, own);
    }
}
