//! A real nginx with the generated configuration.

use super::client::Client;
use super::driver::{self, all, options, write};
use super::fallback;
use super::kibana::{Asked, asked, neighbour};
use super::site::{Dice, Site, catalog};
use super::{check, check_bytes, compare_below, targets_below};
use crate::running::{self, Running};
use epr_build::answers::route::build::build;
use epr_build::answers::route::model::{Axis, Node};
use epr_build::answers::route::request::{Decision, route};
use epr_build::config::routing::Options;
use epr_build::hosts::HostOptions;
use epr_build::hosts::nginx::origin::{self, Origin};
use epr_build::hosts::nginx::render;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

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

/// The general way to answer, taken out: what the quick table does not hold is 418.
fn without_the_walk(folder: &Path) {
    let path = folder.join("server.inc");
    let rules = fs::read_to_string(&path).unwrap();
    let mut count = 0;
    let lines = rules.lines().map(|line| {
        let is_general =
            line.starts_with("location @epr_") && (line.contains("search {") || line.contains("categories {"));
        count += usize::from(is_general);
        if is_general { format!("{line}\n  return 418;\n") } else { format!("{line}\n") }
    });
    let text: String = lines.collect();
    assert_eq!(count, 2, "{rules}");
    fs::write(path, text).unwrap();
}

// Every row of the quick table, and all that has none: in the form that Kibana uses, and in others, which the walk answers.
#[test]
fn nginx_answers_kibana_by_the_quick_table_as_by_the_walk() {
    let Some(binary) = running::binary("nginx") else { return };
    for (routes, prefix) in [(None, ""), (Some(build(&catalog(), &Options::default()).routes), "/epr/x")] {
        let site = routes.map_or_else(Site::build, Site::of);
        let server = start(&site, prefix);
        let mut client = Client::connect(&server.address);
        let mut dice = Dice::new(29);
        let asked: Vec<_> = asked(&site).into_iter().filter(|asked| asked.is_sent || dice.below(8) == 0).collect();
        let below = |target: &str| format!("{prefix}{target}");
        let walked = asked.iter().map(|asked| format!("{}&x", below(&asked.target)));
        let seen = compare_below(prefix, &site, &mut client, walked);
        assert!(seen > 20, "only {seen} different answers have been asked for");
        let neighbours: Vec<_> = asked.iter().map(|asked| below(&neighbour(&mut dice, &asked.target))).collect();
        compare_below(prefix, &site, &mut client, neighbours);
        drop(server);
        let quick = running::start("nginx", |address| {
            let folder = configure(&site, "quick", address, prefix, "");
            without_the_walk(&folder);
            running::nginx_command(&binary, &folder)
        });
        let mut client = Client::connect(&quick.address);
        let mut rows = 0;
        for Asked { target, is_sent } in &asked {
            let (path, query) = target.split_once('?').unwrap();
            let decision = route(&site.routes, "GET", path, Some(query));
            let response = client.get(&below(target));
            let is_held = matches!(decision, Decision::File(_));
            assert!(is_held || response.status == 418, "{target}: {decision:?}, not {response:?}");
            if is_held && (*is_sent || response.status != 418) {
                check(&site, target, &decision, &response);
                rows += 1;
            }
        }
        assert!(rows > 1_000, "only {rows} questions were answered by the quick table");
    }
}

// Tables of the largest catalogs: nginx says when their rows do not spread over its buckets.
#[test]
fn nginx_takes_large_tables_without_a_warning() {
    let Some(binary) = running::binary("nginx") else { return };
    let mut site = Site::build();
    for node in 1_000..41_000 {
        let rows = site.routes.rows.entry(Axis::Capabilities).or_default();
        for class in ["-", "-apm-observability-security", "-observability", "any"] {
            rows.exact.insert(node, class, Node::Step(node + 100_000));
        }
    }
    let folder = configure(&site, "large", "127.0.0.1:1", "", "");
    let test =
        Command::new(binary).args(["-t", "-e", "stderr", "-c", "nginx.conf", "-p"]).arg(&folder).output().unwrap();
    let told = String::from_utf8_lossy(&test.stderr);
    assert!(test.status.success() && !told.contains("[warn]"), "{told}");
}

// An open file is kept for some seconds, by each worker: a repair takes that long to be seen, and a reload sees it at once.
#[test]
fn nginx_sees_repaired_files() {
    if running::binary("nginx").is_none() {
        return;
    }
    let site = Site::build();
    let server = start(&site, "");
    let target = "/documents/nginx/1.2.3.json";
    let file = site.root().join(&target[1..]);
    let ask = || Client::connect(&server.address).get("/package/nginx/1.2.3/");
    assert_eq!(ask().body, b"1.2.3");
    let mend = |content: &[u8]| {
        fs::write(file.with_extension("new"), content).unwrap();
        fs::rename(file.with_extension("new"), &file).unwrap();
    };
    mend(b"mended");
    let start = Instant::now();
    while ask().body != b"mended" {
        assert!(start.elapsed() < Duration::from_secs(20), "the former file is still sent");
        std::thread::sleep(Duration::from_millis(200));
    }
    // A file that was not there comes as late, and one that goes is gone.
    fs::remove_file(&file).unwrap();
    let start = Instant::now();
    while ask().status != 404 {
        assert!(start.elapsed() < Duration::from_secs(20), "a file that is gone is still sent");
        std::thread::sleep(Duration::from_millis(200));
    }
    mend(b"again");
    let start = Instant::now();
    while ask().body != b"again" {
        assert!(start.elapsed() < Duration::from_secs(20), "a file that came back is not sent");
        std::thread::sleep(Duration::from_millis(200));
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
