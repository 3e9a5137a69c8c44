//! What docs/guides/first-hour.md promises: five commands from an empty folder to a registry that Kibana can be pointed to.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::built::build_samples;
use crate::harness::Case;
use crate::running::{self, Running};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

fn serve(folder: &Path, distribution: &str) -> Running {
    running::start("serve", |address| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_epr-build"));
        command.current_dir(folder).args(["serve", "--dist", distribution, "--listen", address]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    })
}

/// Zips and signatures below a folder, by name.
fn archives(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder).follow_links(true).into_iter().map(Result::unwrap);
    let names = files
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| (entry.file_name().to_str().unwrap().to_owned(), fs::read(entry.path()).unwrap()));
    names.filter(|(name, _)| name.contains(".zip")).collect()
}

#[test]
fn five_commands_make_a_registry() {
    let upstream = build_samples();
    let server = serve(upstream.path(), "snapshot");
    let url = format!("http://{}", server.address);
    let case = Case::new().package("in_house", "own", "1.0.0", "Our own.");
    let good = |arguments: &[&str]| {
        let run = case.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?}: {run:#?}");
        run
    };
    let told = good(&["init", "--yes", "--upstream", &url, "--no-keys", "--kibana", "9.1.0"]).stdout;
    let commands: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("  epr-build ")).collect();
    assert_eq!(commands.len(), 4, "{told}");
    // It does not write over what somebody may have changed.
    assert_eq!(case.run(&["init", "--yes"]).code, 2);
    good(&commands[0].split(' ').collect::<Vec<_>>());
    good(&commands[1].split(' ').collect::<Vec<_>>());
    let expected = archives(&upstream.path().join("out/snapshot/current/site/epr"));
    assert!(expected.len() > 20);
    let found = archives(&case.path("mirrored"));
    assert!(found == expected, "{:?} of {:?}", found.keys(), expected.keys());
    let mut served = archives(&case.path("out/ours/current/site/epr"));
    assert!(served.remove("own-1.0.0.zip").is_some());
    assert!(served == expected);
    assert!(commands[2].starts_with("serve --dist ours"), "{told}");
    let own = serve(&case.path("."), "ours");
    let answer = case.run(&["probe", &format!("http://{}/search?package=own", own.address)]);
    assert_eq!(answer.code, 0, "{answer:#?}");
    let lines = good(&commands[3].split(' ').collect::<Vec<_>>()).stdout;
    assert!(lines.contains("xpack.fleet.registryUrl"), "{lines}");
}
