//! A real nginx with the generated configuration.

use super::client::Client;
use super::site::{Dice, GENERATION, Site, catalog};
use super::{check_bytes, compare, compare_below, queries, spellings, targets_below};
use crate::running::{self, Running};
use epr_build::answers::route::build::build;
use epr_build::answers::route::model::{Routes, Unkeyed};
use epr_build::base::file_notes::FileNotes;
use epr_build::config::routing::Options;
use epr_build::hosts::HostOptions;
use epr_build::hosts::nginx::render;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// nginx with the configuration for a site.
fn start(site: &Site, binary: &Path) -> Running {
    start_below("", site, binary)
}

/// Writes the configuration for a site; gives its folder.
fn configure(site: &Site, distribution: &str, address: &str, prefix: &str) -> PathBuf {
    let options = HostOptions {
        distribution: distribution.to_owned(),
        generation_id: GENERATION.to_owned(),
        listen: address.to_owned(),
        state: site.folder.path().join("nginx").to_str().unwrap().to_owned(),
        prefix: prefix.to_owned(),
        debug_header: true,
        notes: site.notes.clone(),
        ..HostOptions::default()
    };
    let folder = site.folder.path().join(GENERATION).join("hosts/nginx");
    fs::create_dir_all(&folder).unwrap();
    for (name, content) in render(&site.routes, &options).unwrap() {
        fs::write(folder.join(name), content).unwrap();
    }
    folder
}

/// nginx with the configuration for a site below a path.
fn start_below(prefix: &str, site: &Site, binary: &Path) -> Running {
    running::start("nginx", |address| {
        configure(site, "My_Distribution-1.0", address, prefix);
        running::nginx_command(binary, &site.folder.path().join("current/hosts/nginx"))
    })
}

// The conformance driver: 20 000 queries and 3 000 paths by chance, the same in every run.
#[test]
fn nginx_routes_as_the_reference_router() {
    let Some(binary) = running::binary("nginx") else { return };
    let site = Site::build();
    let nginx = start(&site, &binary);
    let mut client = Client::connect(&nginx.address);
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
fn nginx_routes_by_tables_of_a_catalog() {
    let Some(binary) = running::binary("nginx") else { return };
    let site = Site::of(build(&catalog(), &Options::default()).routes);
    let nginx = start(&site, &binary);
    let mut client = Client::connect(&nginx.address);
    let mut dice = Dice::new(17);
    let seen = compare(&site, &mut client, (0..10_000).map(|_| queries::query(&mut dice, &site)));
    assert!(seen > 50, "only {seen} different answers have been asked for");
}

// Every byte in every spelling, by tables in which unusual words may have an answer, and by others.
#[test]
fn nginx_sees_through_every_spelling() {
    let Some(binary) = running::binary("nginx") else { return };
    let usual = build(&catalog(), &Options::default()).routes;
    assert_eq!(usual.unkeyed, Unkeyed::default());
    let types = Routes { unkeyed: Unkeyed { categories: false, types: true }, ..usual.clone() };
    let categories = Site::build().routes;
    assert_eq!(categories.unkeyed, Unkeyed { categories: true, types: false });
    for routes in [usual, types, categories] {
        let site = Site::of(routes);
        let nginx = start(&site, &binary);
        compare(&site, &mut Client::connect(&nginx.address), spellings::spellings());
    }
}

#[test]
fn nginx_sends_bytes_as_asked_for() {
    let Some(binary) = running::binary("nginx") else { return };
    let site = Site::build();
    check_bytes(&site, || start(&site, &binary), |nginx| nginx.address.clone());
}

// A generation without packages still needs a configuration that loads, and refuses what it cannot know.
#[test]
fn nginx_takes_empty_tables() {
    let Some(binary) = running::binary("nginx") else { return };
    let mut site = Site::build();
    site.routes = Routes::default();
    site.notes = FileNotes::default();
    let nginx = start(&site, &binary);
    let mut client = Client::connect(&nginx.address);
    let queries =
        ["/search", "/search?package=a&kibana.version=8.1&capabilities=a&spec.min=1.0&spec.max=2.0", "/categories"];
    compare(&site, &mut client, queries.map(str::to_owned));
}

// A table must never hide a lost file behind the empty list.
#[test]
fn nginx_says_500_for_a_lost_answer() {
    let Some(binary) = running::binary("nginx") else { return };
    let site = Site::build();
    let nginx = start(&site, &binary);
    fs::remove_dir_all(site.root().join("answers")).unwrap();
    let mut client = Client::connect(&nginx.address);
    for target in ["/search?package=unknown", "/search?package=nginx&kibana.version=8.11.0", "/categories"] {
        let response = client.get(target);
        assert!(matches!(response.status, 500 | 501), "{target}: {response:?}");
    }
}

#[test]
fn nginx_routes_below_a_path() {
    let Some(binary) = running::binary("nginx") else { return };
    let site = Site::build();
    let prefix = "/epr.x/my-Registry";
    let nginx = start_below(prefix, &site, &binary);
    let targets = targets_below(prefix, &mut Dice::new(19), &site, 6_000);
    compare_below(prefix, &site, &mut Client::connect(&nginx.address), targets);
}

// Two distributions in one server: neither may see a variable, a location or a file of the other.
#[test]
fn nginx_hosts_two_distributions_side_by_side() {
    let Some(binary) = running::binary("nginx") else { return };
    let sites = [Site::build(), Site::of(build(&catalog(), &Options::default()).routes)];
    let nginx = running::start("nginx", |address| {
        let folder = configure(&sites[0], "one", address, "/epr/one");
        let other = configure(&sites[1], "two", address, "/epr/two");
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

// The sample with TLS: HTTP/2, and redirects that name neither scheme nor host.
#[test]
fn nginx_speaks_tls_by_the_sample() {
    let Some(binary) = running::binary("nginx") else { return };
    let (Some(openssl), Some(curl)) = (running::binary("openssl"), running::binary("curl")) else { return };
    let site = Site::build();
    let home = site.folder.path();
    let (certificate, key) = (home.join("epr.pem"), home.join("epr.key"));
    let made = Command::new(openssl)
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-out"])
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let nginx = running::start("nginx", |address| {
        let folder = configure(&site, "tls", address, "");
        let plain = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let sample = fs::read_to_string(folder.join("tls.sample.conf")).unwrap();
        let text = sample
            .replace("listen 80;", &format!("listen {plain};"))
            .replace("listen 443 ", &format!("listen {address} "))
            .replace("/etc/ssl/certs/epr.pem", certificate.to_str().unwrap())
            .replace("/etc/ssl/private/epr.key", key.to_str().unwrap());
        assert!(!text.contains("/etc/ssl"), "{text}");
        fs::write(folder.join("nginx.conf"), text).unwrap();
        running::nginx_command(&binary, &folder)
    });
    let get = |target: &str| {
        let url = format!("https://{}{target}", nginx.address);
        let output = Command::new(&curl).args(["-sik", "--http2", &url]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let redirect = get("/search/?package=x");
    assert!(redirect.starts_with("HTTP/2 301"), "{redirect}");
    assert!(redirect.contains("\r\nlocation: /search?package=x\r\n"), "{redirect}");
    let index = get("/");
    assert!(index.starts_with("HTTP/2 200") && index.ends_with("\r\n\r\n{}\n"), "{index}");
}
