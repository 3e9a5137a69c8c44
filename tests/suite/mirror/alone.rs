//! A run talks to its upstream and to nobody else, and a build beside it sees whole packages.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::kills::traced;
use super::upstream::Answer;
use super::world::{Sample, World};
use crate::crash::can_trace;
use std::time::Duration;

/// Addresses that a run connects to. Sockets of the machine itself count as well.
fn connected(world: &World, arguments: &[&str]) -> Vec<String> {
    let (code, stderr) = traced(world, arguments, &["-o", "calls", "-e", "trace=connect,sendto,sendmsg,sendmmsg"]);
    assert_eq!(code, Some(0), "{stderr}");
    let calls = std::fs::read_to_string(world.case.path("calls")).unwrap();
    let mut found: Vec<_> = calls.lines().filter(|line| line.contains("sa_family=")).map(address).collect();
    found.sort();
    found.dedup();
    found
}

/// The address in a line such as `7 connect(9, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16)`.
fn address(line: &str) -> String {
    let part =
        |from: &str, to: char| line.split_once(from).and_then(|(_, rest)| rest.split_once(to)).map(|(part, _)| part);
    match (part("inet_addr(\"", '"'), part("htons(", ')')) {
        (Some(address), Some(port)) => format!("{address}:{port}"),
        _ => line.to_owned(),
    }
}

#[test]
fn only_the_upstream_is_contacted_and_offline_nobody() {
    if !can_trace() {
        return;
    }
    let world = World::new(
        &[Sample::new("alpha", "1.0.0"), Sample::new("beta", "1.0.0")],
        "keys: trusted.asc, signatures: require",
        "",
    );
    assert_eq!(connected(&world, &[]), std::slice::from_ref(&world.upstream.address));
    assert_eq!(connected(&world, &["--audit"]), std::slice::from_ref(&world.upstream.address));
    world.upstream.asked();
    assert!(connected(&world, &["--offline"]).is_empty());
    assert!(connected(&world, &["--audit", "--offline"]).is_empty());
    assert!(world.upstream.asked().is_empty());
}

/// While packages come slowly, builds see those that are there, each with its signature, and no other.
#[test]
fn a_build_beside_a_run_sees_whole_packages() {
    let names = ["alpha", "beta", "gamma", "delta"];
    let samples = names.map(|name| Sample::new(name, "1.0.0"));
    let world = World::new(&samples, "keys: trusted.asc, signatures: require", "jobs: 2");
    for (number, sample) in samples.iter().enumerate() {
        let zip = sample.zip.clone();
        world.upstream.script(&sample.path(), move |_| {
            std::thread::sleep(Duration::from_millis(150 * number as u64));
            Answer::ok(&zip)
        });
    }
    std::fs::create_dir_all(world.case.path("up")).unwrap();
    let mut run = world.command(&["mirror", "--quiet"]).spawn().unwrap();
    let mut builds = 0;
    let status = loop {
        let ended = run.try_wait().unwrap();
        if !world.placed().keys().any(|path| path.ends_with(".zip")) {
            assert_eq!(ended, None);
            continue;
        }
        let build = world.case.run(&["--dist", "mirrored", "--quiet"]);
        assert_eq!((build.code, build.stderr.as_str()), (0, ""), "{build:#?}");
        builds += 1;
        for path in world.placed().keys().filter(|path| path.ends_with(".zip")) {
            assert!(world.case.path("up").join(format!("{path}.sig")).is_file(), "{path}");
        }
        if let Some(status) = ended {
            break status;
        }
    };
    assert!(status.success());
    assert!(builds > 1, "{builds}");
    assert_eq!(world.placed(), World::expected(&samples));
}

/// Descriptions of five megabytes are more than an element may have.
#[test]
fn an_element_of_five_megabytes_is_refused() {
    let sample = Sample::new("alpha", "1.0.0");
    let world = World::new(std::slice::from_ref(&sample), "", "");
    let long = sample.item().replace('{', &format!("{{\"description\":\"{}\",", "x".repeat(5 << 20)));
    world.list(&format!("[{long}]"));
    let run = world.mirror("");
    assert_eq!(run.code, 3, "{run:#?}");
    assert!(run.stderr.contains("it has more than 1048576 bytes in element 1"), "{run:#?}");
    assert!(world.placed().is_empty());
}
