//! A real nginx with the generated configuration.

use super::client::Client;
use super::site::{Dice, GENERATION, Site, catalog};
use super::{check_bytes, compare, queries, spellings};
use epr_build::hosts::nginx::{NginxOptions, render};
use epr_build::hosts::notes::FileNotes;
use epr_build::route::build::{Options, build};
use epr_build::route::model::{Routes, Unkeyed};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running nginx, stopped at the end of the test.
struct Nginx {
    process: Child,
    address: String,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // TERM, so that the master takes its workers along.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

/// The nginx of this machine.
pub(crate) fn binary() -> Option<&'static str> {
    let found = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    assert!(found.is_some() || std::env::var_os("EPR_REQUIRE_ALL").is_none(), "no nginx");
    if found.is_none() {
        println!("skipped: no nginx");
    }
    found
}

/// Starts nginx on a free port. Between finding the port and using it another test may take it: then the next one.
fn start(site: &Site, binary: &str) -> Nginx {
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut nginx = start_at(site, binary, format!("127.0.0.1:{port}"));
        while nginx.process.try_wait().unwrap().is_none() {
            if TcpStream::connect(&nginx.address).is_ok() {
                return nginx;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    panic!("nginx does not start");
}

fn start_at(site: &Site, binary: &str, address: String) -> Nginx {
    let options = NginxOptions {
        generation_id: GENERATION.to_owned(),
        listen: address.clone(),
        state: site.folder.path().join("nginx").to_str().unwrap().to_owned(),
        debug_header: true,
        notes: site.notes.clone(),
    };
    let folder = site.folder.path().join(GENERATION).join("hosts/nginx");
    fs::create_dir_all(&folder).unwrap();
    for (name, content) in render(&site.routes, &options).unwrap() {
        fs::write(folder.join(name), content).unwrap();
    }
    // Workers of a master that runs as root would lose access to the temporary folder.
    let user = if rustix::process::getuid().is_root() { " user root;" } else { "" };
    let process = Command::new(binary)
        .args(["-e", "stderr", "-c", "nginx.conf", "-g", &format!("daemon off;{user}"), "-p"])
        .arg(site.folder.path().join("current/hosts/nginx"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    Nginx { process, address }
}

// The conformance driver: 20 000 queries and 3 000 paths by chance, the same in every run.
#[test]
fn nginx_routes_as_the_reference_router() {
    let Some(binary) = binary() else { return };
    let site = Site::build();
    let nginx = start(&site, binary);
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
    let Some(binary) = binary() else { return };
    let site = Site::of(build(&catalog(), &Options::default()).routes);
    let nginx = start(&site, binary);
    let mut client = Client::connect(&nginx.address);
    let mut dice = Dice::new(17);
    let seen = compare(&site, &mut client, (0..10_000).map(|_| queries::query(&mut dice, &site)));
    assert!(seen > 50, "only {seen} different answers have been asked for");
}

// Every byte in every spelling, by tables in which unusual words may have an answer, and by others.
#[test]
fn nginx_sees_through_every_spelling() {
    let Some(binary) = binary() else { return };
    let usual = build(&catalog(), &Options::default()).routes;
    assert_eq!(usual.unkeyed, Unkeyed::default());
    let types = Routes { unkeyed: Unkeyed { categories: false, types: true }, ..usual.clone() };
    let categories = Site::build().routes;
    assert_eq!(categories.unkeyed, Unkeyed { categories: true, types: false });
    for routes in [usual, types, categories] {
        let site = Site::of(routes);
        let nginx = start(&site, binary);
        compare(&site, &mut Client::connect(&nginx.address), spellings::spellings());
    }
}

#[test]
fn nginx_sends_bytes_as_asked_for() {
    let Some(binary) = binary() else { return };
    let site = Site::build();
    check_bytes(&site, || start(&site, binary), |nginx| nginx.address.clone());
}

// A generation without packages still needs a configuration that loads, and refuses what it cannot know.
#[test]
fn nginx_takes_empty_tables() {
    let Some(binary) = binary() else { return };
    let mut site = Site::build();
    site.routes = Routes::default();
    site.notes = FileNotes::default();
    let nginx = start(&site, binary);
    let mut client = Client::connect(&nginx.address);
    let queries =
        ["/search", "/search?package=a&kibana.version=8.1&capabilities=a&spec.min=1.0&spec.max=2.0", "/categories"];
    compare(&site, &mut client, queries.map(str::to_owned));
}

// A table must never hide a lost file behind the empty list.
#[test]
fn nginx_says_500_for_a_lost_answer() {
    let Some(binary) = binary() else { return };
    let site = Site::build();
    let nginx = start(&site, binary);
    fs::remove_dir_all(site.root().join("answers")).unwrap();
    let mut client = Client::connect(&nginx.address);
    for target in ["/search?package=unknown", "/search?package=nginx&kibana.version=8.11.0", "/categories"] {
        let response = client.get(target);
        assert!(matches!(response.status, 500 | 501), "{target}: {response:?}");
    }
}
