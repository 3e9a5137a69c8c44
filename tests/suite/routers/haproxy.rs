//! A real HAProxy with the generated configuration, in front of an origin that only has files.

use super::check_parts;
use super::client::Client;
use super::driver::{self, options, write};
use super::fallback;
use super::site::Site;
use crate::conformance::copy_host;
use crate::running::{self, Running};
use epr_build::hosts::HostOptions;
use epr_build::hosts::haproxy::render;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// HAProxy, if it and something that can be its origin are there.
pub(crate) fn binary() -> Option<PathBuf> {
    running::binary("nginx").and(running::binary("haproxy"))
}

/// An nginx without any rule of ours, whose types are wrong: the files of a folder by their paths, and nothing else.
pub(crate) fn origin(root: &Path, state: &Path) -> Running {
    let binary = running::binary("nginx").unwrap();
    fs::create_dir_all(state).unwrap();
    running::start("origin", |address| {
        let state = state.display();
        let temporary =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path {state}/temp;"));
        let configuration = format!(
            "pid {state}/pid;\nevents {{}}\nhttp {{ access_log off; log_not_found off; error_log stderr crit; {} types {{ text/html yml json; }} default_type text/html;\n\
             server {{ listen {address}; root {}; }} }}\n",
            temporary.concat(),
            root.display()
        );
        fs::write(format!("{state}/nginx.conf"), configuration).unwrap();
        running::nginx_command(&binary, Path::new(&state.to_string()))
    })
}

/// HAProxy with a configuration file and an origin that holds the site below a path.
pub(crate) fn command(binary: &Path, file: &Path, origin: &str, below: &str) -> Command {
    let mut command = Command::new(binary);
    command.arg("-f").arg(file).env("EPR_ORIGIN", origin).env("EPR_ORIGIN_PREFIX", below);
    command.stdin(Stdio::null());
    command
}

fn start(site: &Site, prefix: &str) -> Running {
    start_with_fallback(site, prefix, "")
}

fn start_with_fallback(site: &Site, prefix: &str, fallback: &str) -> Running {
    let binary = binary().unwrap();
    // As if the site lay in a folder of a bucket.
    let origin = origin(site.folder.path(), &site.folder.path().join("origin"));
    let below = format!("/{}/site", super::site::GENERATION);
    let mut running = running::start("haproxy", |address| {
        let options = HostOptions { fallback: fallback.parse().unwrap(), ..options(site, prefix, address) };
        let folder = write(site, "haproxy", render(&site.routes, &options).unwrap(), &options);
        command(&binary, &folder.join("haproxy.cfg"), &origin.address, &below)
    });
    running.behind = Some(Box::new(origin));
    running
}

/// HAProxy with the configuration of a generation, in front of its files.
pub(crate) fn start_generated(generation: &Path) -> Option<Running> {
    binary()?;
    let origin = origin(&generation.join("site"), &copy_host(generation, "haproxy").join("origin"));
    start_before(generation, origin, "")
}

/// HAProxy with the configuration of a generation, of which only the address is changed, in front of an origin that holds
/// the site below a path.
pub(crate) fn start_before(generation: &Path, origin: Running, below: &str) -> Option<Running> {
    let binary = running::binary("haproxy")?;
    let folder = copy_host(generation, "haproxy");
    let generated = fs::read_to_string(folder.join("haproxy.cfg")).unwrap();
    let mut running = running::start("haproxy", |address| {
        let change = |line: &str| match line.trim_start().starts_with("bind ") {
            true => format!("  bind {address}\n"),
            false => format!("{line}\n"),
        };
        fs::write(folder.join("haproxy.cfg"), generated.lines().map(change).collect::<String>()).unwrap();
        command(&binary, &folder.join("haproxy.cfg"), &origin.address, below)
    });
    running.behind = Some(Box::new(origin));
    Some(running)
}

/// HAProxy with the configuration of a release, in front of its files.
pub(crate) fn start_release(release: &Path, state: &Path) -> Option<Running> {
    binary()?;
    let binary = running::binary("haproxy")?;
    let origin = origin(&fs::canonicalize(release.join("site")).unwrap(), state);
    let file = release.join("hosts/haproxy/haproxy.cfg");
    let mut running = running::start("haproxy", |address| {
        let mut command = command(&binary, &file, &origin.address, "");
        command.env("EPR_LISTEN", address);
        command
    });
    running.behind = Some(Box::new(origin));
    Some(running)
}

/// HAProxy itself refuses what a request line may not hold.
fn is_ascii(target: &str) -> bool {
    target.is_ascii()
}

#[test]
fn haproxy_routes_as_the_reference_router() {
    if binary().is_some() {
        driver::by_chance(&start, is_ascii);
    }
}

#[test]
fn haproxy_routes_below_a_path() {
    if binary().is_some() {
        driver::below_a_path(&start, is_ascii);
    }
}

#[test]
fn haproxy_routes_by_tables_of_a_catalog() {
    if binary().is_some() {
        driver::by_a_catalog(&start, is_ascii);
    }
}

#[test]
fn haproxy_sees_through_every_spelling() {
    if binary().is_some() {
        driver::by_spelling(&start, is_ascii, 1);
    }
}

#[test]
fn haproxy_takes_empty_tables() {
    if binary().is_some() {
        driver::empty_tables(&start);
    }
}

#[test]
fn haproxy_says_500_for_a_lost_answer() {
    if binary().is_some() {
        driver::lost_answers(&start);
    }
}

#[test]
fn haproxy_refuses_malformed_paths_with_text() {
    if binary().is_some() {
        driver::malformed(&start, &[400]);
    }
}

#[test]
fn haproxy_sends_bytes_as_asked_for() {
    if binary().is_some() {
        let site = Site::build();
        check_parts(&site, || start(&site, ""), |server| server.address.clone(), false);
    }
}

#[test]
fn haproxy_asks_a_fallback_for_what_it_does_not_hold() {
    if binary().is_some() {
        fallback::all(&start_with_fallback, is_ascii, false);
    }
}

// The copies of documents and answers are known from a list.
#[test]
fn haproxy_sends_copies_that_it_knows_of() {
    if binary().is_none() {
        return;
    }
    let site = Site::build();
    fs::write(site.root().join("documents/nginx/1.2.3.json.gz"), b"compressed").unwrap();
    let server = start(&site, "");
    let mut client = Client::connect(&server.address);
    for (path, accepted, body, encoding, vary) in [
        ("/package/nginx/1.2.3/", "deflate, gzip;q=0.5", &b"compressed"[..], Some("gzip"), Some("Accept-Encoding")),
        ("/package/nginx/1.2.3/", "gzip;q=0, *", b"1.2.3", None, Some("Accept-Encoding")),
        ("/package/nginx/2.0.0-beta+1/", "gzip", b"2.0.0-beta+1", None, None),
    ] {
        let response = client.send("GET", path, &[("Accept-Encoding", accepted)]);
        assert_eq!((response.status, response.body.as_slice()), (200, body), "{path}");
        assert_eq!((response.header("content-encoding"), response.header("vary")), (encoding, vary), "{path}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{path}");
    }
}

// Without an origin nothing may look like an answer.
#[test]
fn haproxy_says_503_without_its_origin() {
    if binary().is_none() {
        return;
    }
    let site = Site::build();
    let mut server = start(&site, "");
    server.behind = None;
    for target in ["/search?package=unknown", "/package/nginx/1.2.3/", "/epr/nginx/nginx-1.2.3.zip"] {
        let response = Client::connect(&server.address).get(target);
        assert!(matches!(response.status, 501..=503), "{target}: {response:?}");
        assert_eq!(response.header("access-control-allow-origin"), Some("*"), "{target}: {response:?}");
        assert_eq!(response.header("content-type"), Some("text/plain; charset=utf-8"), "{target}: {response:?}");
    }
}
