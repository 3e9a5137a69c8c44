//! A real nginx with the generated configuration.

use super::client::Client;
use super::site::{Dice, GENERATION, Site};
use super::{compare, queries};
use epr_build::hosts::nginx::{NginxOptions, render};
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

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
fn binary() -> Option<&'static str> {
    let found = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    assert!(found.is_some() || std::env::var_os("EPR_REQUIRE_ALL").is_none(), "no nginx");
    if found.is_none() {
        println!("skipped: no nginx");
    }
    found
}

fn start(site: &Site, binary: &str) -> Nginx {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let options = NginxOptions {
        generation_id: GENERATION.to_owned(),
        listen: address.clone(),
        state: site.folder.path().join("nginx").to_str().unwrap().to_owned(),
        debug_header: true,
        notes: site.notes.clone(),
        ..NginxOptions::default()
    };
    let folder = site.folder.path().join(GENERATION).join("hosts/nginx");
    fs::create_dir_all(&folder).unwrap();
    for (name, content) in render(&site.routes, &options).unwrap() {
        fs::write(folder.join(name), content).unwrap();
    }
    let prefix = site.folder.path().join("current/hosts/nginx");
    // Workers of a master that runs as root would lose access to the temporary folder.
    let user = if rustix::process::getuid().is_root() { " user root;" } else { "" };
    let process = Command::new(binary)
        .args(["-e", "stderr", "-c", "nginx.conf", "-g", &format!("daemon off;{user}"), "-p"])
        .arg(&prefix)
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
    compare(&site, &mut client, targets);
    println!("{count} queries in {:?}", clock.elapsed());
    compare(&site, &mut client, (0..3_000).map(|_| queries::path(&mut dice)));
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
