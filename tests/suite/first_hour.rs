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
    let told = good(&["init", "--yes", "--upstream", &url, "--no-keys"]).stdout;
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
    assert_eq!(answer.stdout, format!("http://{}/search?package=own answers 200, as it should\n", own.address));
    let lines = good(&commands[3].split(' ').collect::<Vec<_>>()).stdout;
    assert!(lines.contains("xpack.fleet.registryUrl"), "{lines}");
}

/// Kibanas that are in use become a selection, of which the layer is filled; what is served is no more than was listed.
#[test]
fn kibanas_in_use_decide_what_is_copied() {
    let upstream = build_samples();
    let server = serve(upstream.path(), "snapshot");
    let url = format!("http://{}", server.address);
    let all = archives(&upstream.path().join("out/snapshot/current/site/epr"));
    for kibanas in [&["9.1.0"][..], &["8.5.0", "9.1.0"]] {
        let case = Case::new();
        let given = kibanas.iter().flat_map(|kibana| ["--kibana", kibana]);
        let init: Vec<_> =
            ["init", "--yes", "--upstream", &url, "--no-keys", "--no-in-house"].into_iter().chain(given).collect();
        let told = case.run(&init);
        assert_eq!(told.code, 0, "{told:#?}");
        let config = fs::read_to_string(case.path("epr-build.yml")).unwrap();
        assert!(config.contains("mirror: {from: [mirrored], select: in_use}"), "{config}");
        assert!(config.contains(&format!("    kibana: [{}]\n", kibanas.join(", "))), "{config}");
        let run = case.run(&["mirror"]);
        assert_eq!(run.code, 0, "{run:#?}");
        let found = archives(&case.path("mirrored"));
        assert!(
            !found.is_empty() && found.iter().all(|(name, bytes)| all.get(name) == Some(bytes)),
            "{:?}",
            found.keys()
        );
        let built = case.run(&["--dist", "ours", "--quiet"]);
        assert_eq!(built.code, 0, "{built:#?}");
        assert!(archives(&case.path("out/ours/current/site/epr")) == found);
    }
}

/// What was forgotten is said where it is missed.
#[test]
fn a_build_before_the_first_mirror_says_what_to_do() {
    let case = Case::new();
    assert_eq!(case.run(&["init", "--yes", "--upstream", "http://127.0.0.1:9", "--no-keys", "--no-in-house"]).code, 0);
    let run = case.run(&["--dist", "ours"]);
    assert_eq!(run.code, 2, "{run:#?}");
    let hint = "hint: `epr-build mirror mirrored` fetches its packages; if it did before, mount what it filled";
    assert!(run.stderr.contains("layer `mirrored` is not there") && run.stderr.contains(hint), "{run:#?}");
    // The folder is there and nothing in it.
    fs::create_dir(case.path("mirrored")).unwrap();
    let run = case.run(&["check", "--dist", "ours"]);
    assert!(run.stderr.contains("holds no packages") && run.stderr.contains(hint), "{run:#?}");
    // Files that were misspelt.
    for arguments in [&["--image", "no.tar"][..], &["--key", "no.asc"], &["--in-house-key", "no.asc"]] {
        let run = case.run(&[&["init", "--yes", "--force"], arguments].concat());
        assert_eq!(run.code, 2, "{run:#?}");
        assert!(run.stderr.contains("error: there is no ") && run.stderr.contains("hint: "), "{run:#?}");
    }
}
