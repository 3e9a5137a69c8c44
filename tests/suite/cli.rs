//! The command line as people and scripts meet it: exit codes, messages, and what is written where.
#![allow(clippy::unwrap_used, reason = "tests")]

mod defaults;
mod layout;
mod looking;
mod unseen;
mod slips;
mod options;
mod usage;

use crate::harness::{Case, Run, samples};
use snapbox::{assert_data_eq, str};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

/// Checks exit code and messages of a run that says nothing on standard output.
#[track_caller]
fn check(run: &Run, code: i32, stderr: impl snapbox::IntoData) {
    assert_eq!(run.code, code, "{run:?}");
    assert_eq!(run.stdout, "");
    assert_data_eq!(run.stderr.clone(), stderr);
}

/// Two layers that agree.
fn good() -> Case {
    Case::new().package("packages/production", "alpha", "1.0.0", "").package("packages/staging", "beta", "1.0.0", "")
}

#[test]
fn all_well_is_0_and_the_summary_says_how_to_go_on() {
    let run = good().run(&["--dist", "staging"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_data_eq!(
        run.stdout,
        str![[r#"
staging: 2 versions of 2 packages
  change             0 → 2 versions: 2 new, 0 gone
  layer production   1 found, 1 used
  layer staging      1 found, 1 used
  problems           0 quarantined, 0 conflicts, 0 warnings
  answers            [..] for 60 combinations of parameters, [..] routing rows
  sizes              packages [..] in 14 files, archives [..], documents [..], answers [..]
  generation         [..] in out/staging/current
  try it             epr-build serve --dist staging
  serve it           nginx -p out/staging/current/hosts/nginx -c nginx.conf
  kibana.yml         xpack.fleet.registryUrl: http://127.0.0.1:8080
time: look [..] s, read [..] s, merge [..] s, route [..] s, render [..] s, write [..] s, remember [..] s

"#]]
    );
}

#[test]
fn quarantined_packages_are_1_and_each_is_named() {
    let case = good().broken("packages/production", "gamma", "1.0.0");
    let run = case.run(&["--dist", "production"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_data_eq!(
        run.stderr,
        str![[r#"
error: open manifest.yml: no such file or directory
  --> production/gamma/1.0.0/manifest.yml
hint: every package and every data stream needs a readable `manifest.yml`

"#]]
    );
    assert!(run.stdout.contains("layer production   2 found, 1 used, 1 quarantined\n"), "{}", run.stdout);
    assert!(run.stdout.contains("problems           1 quarantined, 0 conflicts, 0 warnings\n"), "{}", run.stdout);
    assert!(case.path("out/production/current/site/package/alpha/1.0.0/manifest.yml").exists());
    assert!(!case.path("out/production/current/site/package/gamma").exists());
}

/// It has no record in the layer's list, but it is missing from the site all the same.
#[test]
fn packages_that_cannot_be_opened_count_as_quarantined() {
    let case = good().file("packages/production/alpha/1.0.0.sig/x", "");
    let run = case.run(&["check", "--dist", "production", "--quiet"]);
    let expected = str![[r#"
error: its signature is not a regular file
  --> production/alpha/1.0.0
hint: replace or remove the `.sig` beside the package
warning: the folder is skipped: `1.0.0.sig` is not a version such as `1.0.0`
  --> production/alpha/1.0.0.sig
hint: rename or remove it

"#]];
    check(&run, 1, expected);
    let run = case.run(&["check", "--dist", "production"]);
    assert!(run.stdout.contains("layer production   1 found, 0 used, 1 quarantined\n"), "{}", run.stdout);
}

#[test]
fn conflicts_and_warnings_are_1_with_strict_only() {
    let conflict = good().package("packages/staging", "alpha", "1.0.0", "other");
    let warning = good().file("packages/staging/beta/notes.txt", "x");
    let expected = [
        str![[r#"
warning: alpha-1.0.0 in layer `staging` differs from the one in `production`, which is used
  --> docs/README.md
hint: give the changed package a new version, or remove one of the two

"#]],
        str![[r#"
warning: the file is ignored: only version folders, zips and signatures are expected here
  --> staging/beta/notes.txt
hint: remove it

"#]],
    ];
    for (case, expected) in [conflict, warning].iter().zip(expected) {
        for command in [["build", "--dist", "staging", "--quiet"], ["check", "--dist", "staging", "--quiet"]] {
            check(&case.run(&command), 0, expected.clone());
            check(&case.run(&[&command[..], &["--strict"]].concat()), 1, expected.clone());
        }
    }
}

/// Nobody reads the hundredth problem; a check, which is for mending, prints them all.
#[test]
fn a_build_prints_the_first_twenty_problems() {
    let case = (0..25).fold(good(), |case, minor| case.broken("packages/production", "gamma", &format!("1.{minor}.0")));
    let run = case.run(&["--dist", "production", "--dist", "staging"]);
    assert_eq!((run.code, run.stderr.matches("error: ").count()), (1, 20), "{}", run.stderr);
    let last = "and 5 more (5 unreadable-manifest): `epr-build check` prints all, and report.json lists them";
    assert_eq!(run.stderr.lines().last(), Some(last));
    assert_eq!(case.json("out/staging/current/report.json")["problems"].as_array().unwrap().len(), 25);
    let run = case.run(&["check", "--dist", "production", "--dist", "staging"]);
    assert_eq!((run.code, run.stderr.matches("error: ").count()), (1, 25), "{}", run.stderr);
    assert!(!run.stderr.contains(" more: "), "{}", run.stderr);
}

/// The address that people are told leads to the registry, wherever it lies.
#[test]
fn addresses_hold_the_path_of_the_registry() {
    let case = good().config("distributions: {staging: {layers: [production], prefix: /epr/x}}");
    let run = case.run(&["--dist", "staging"]);
    assert!(run.stdout.contains("registryUrl: http://127.0.0.1:8080/epr/x\n"), "{run:?}");
    let mut command = case.command(&["serve", "--dist", "staging", "--listen", "127.0.0.1:0"]);
    let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let url = line.trim_end().rsplit_once(" on ").unwrap().1.to_owned();
    let probe = case.run(&["probe", &format!("{url}/")]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(url.ends_with("/epr/x"), "{line}");
    assert_eq!(probe.code, 0, "{probe:?}");
}

/// `epr-build … | head` ends well.
#[test]
fn a_reader_that_stops_reading_is_no_failure() {
    let case = good();
    for arguments in [&["--dist", "staging"][..], &["generate", "bash"], &["generate", "man"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = case.command(arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
    }
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    let case = good();
    for arguments in [["build", "--dist", "staging", "--quiet"], ["check", "--dist", "staging", "-q"]] {
        check(&case.run(&arguments), 0, "");
    }
}

#[test]
fn a_check_touches_nothing() {
    let case = good()
        .package("packages/staging", "alpha", "1.0.0", "other")
        .broken("packages/production", "gamma", "1.0.0")
        .zip("packages/production", "delta", "1.0.0");
    let before = case.tree();
    let run = case.run(&["check", "--dist", "staging"]);
    assert_eq!(run.code, 1, "{run:?}");
    assert_data_eq!(
        run.stdout,
        str![[r#"
staging: 3 versions of 3 packages
  layer production   3 found, 2 used, 1 quarantined
  layer staging      2 found, 1 used, 1 also in an earlier layer
  problems           1 quarantined, 1 conflict, 0 warnings
nothing written; time: read [..] s, merge [..] s

"#]]
    );
    assert_eq!(case.tree(), before);
}

/// The number of warnings, all of which are about the sample that Kibana refuses.
fn of_the_refused_sample(run: &Run) -> usize {
    let count = |words: &str| run.stderr.matches(words).count();
    let warnings = count("warning: Kibana refuses it: ");
    assert_eq!([count("warning:"), count("--> snapshot/acme_firewall/3.0.0-rc.1/")], [warnings; 2], "{run:?}");
    warnings
}

#[test]
fn two_distributions_are_built_in_one_run() {
    let case = Case::new();
    let samples = samples();
    let run = case.run(&["--dist", "snapshot", "--dist", "production", "--dist", "snapshot", "--packages", &samples]);
    assert_eq!((run.code, of_the_refused_sample(&run)), (0, 2), "{run:?}");
    let summaries: Vec<_> = run.stdout.lines().filter(|line| !line.starts_with([' ', 't'])).collect();
    assert_eq!(summaries, ["snapshot: 32 versions of 12 packages", "production: 21 versions of 11 packages"]);
    for (name, versions) in [("snapshot", 32), ("production", 21)] {
        let report = case.json(&format!("out/{name}/current/report.json"));
        assert_eq!((&report["distribution"], &report["versions"]), (&name.into(), &versions.into()));
    }
    assert!(!case.path("out/staging").exists());
}

/// What several teams want: Elastic's packages and their own, from several places, some of them zips.
#[test]
fn a_distribution_of_ones_own() {
    let case = Case::new()
        .config(
            "distributions:\n  approved: {layers: [production, in_house], listen: 9000}\n\
             layers:\n  in_house: {paths: [own/folders, own/zips], immutable: yes}\n",
        )
        .package("packages/production", "alpha", "1.0.0", "")
        .package("own/folders", "beta", "1.0.0", "")
        .package("own/folders", "alpha", "1.1.0", "")
        .zip("own/zips", "gamma", "1.0.0")
        .zip("own/zips", "gamma", "1.1.0");
    // Relative paths start at the configuration file, wherever the program runs.
    fs::create_dir(case.path("below")).unwrap();
    let (config, packages) = (case.path("epr-build.yml"), case.path("packages"));
    let arguments =
        ["--dist", "approved", "--config", config.to_str().unwrap(), "--packages", packages.to_str().unwrap()];
    let output = case.command(&arguments).current_dir(case.path("below")).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{stdout}");
    assert_data_eq!(
        stdout,
        str![[r#"
approved: 5 versions of 3 packages
  change             0 → 5 versions: 5 new, 0 gone
  layer production   1 found, 1 used
  layer in_house     4 found, 4 used
  problems           0 quarantined, 0 conflicts, 0 warnings
  answers            [..] for 60 combinations of parameters, [..] routing rows
  sizes              packages [..] in 35 files, archives [..], documents [..], answers [..]
  generation         [..] in out/approved/current
  try it             epr-build serve --dist approved --listen 9000
  serve it           nginx -p out/approved/current/hosts/nginx -c nginx.conf
  kibana.yml         xpack.fleet.registryUrl: http://<this host>:9000
time: look [..] s, read [..] s, merge [..] s, route [..] s, render [..] s, write [..] s, remember [..] s

"#]]
    );
    let manifest = case.json("below/out/approved/current/manifest.json");
    assert_eq!(manifest["distribution"], "approved");
    for package in ["alpha/1.0.0", "alpha/1.1.0", "beta/1.0.0", "gamma/1.0.0", "gamma/1.1.0"] {
        assert!(
            case.path(&format!("below/out/approved/current/site/package/{package}/manifest.yml")).exists(),
            "{package}"
        );
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (case, samples) = (Case::new(), samples());
    for jobs in ["1", "4"] {
        let run = case.run(&["--all-dists", "--packages", &samples, "--jobs", jobs, "--out", jobs, "--quiet"]);
        assert_eq!((run.code, run.stdout.as_str(), of_the_refused_sample(&run)), (0, "", 2), "{run:?}");
    }
    for name in ["production", "staging", "snapshot"] {
        let generation = |jobs: &str| fs::read_link(case.path(&format!("{jobs}/{name}/current"))).unwrap();
        assert_eq!(generation("1"), generation("4"), "{name}");
    }
}

#[test]
fn a_second_build_waits_for_nobody_and_names_the_first() {
    let case = good().file("out/.lock", "4711\n");
    let lock = fs::File::open(case.path("out/.lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let expected = str![[r#"
error: another build writes to out (process 4711)

"#]];
    check(&case.run(&["--dist", "staging"]), 2, expected);
    check(&case.run(&["check", "--dist", "staging", "--quiet"]), 0, "");
    drop(lock);
    check(&case.run(&["--dist", "staging", "--quiet"]), 0, "");
}

#[test]
fn serving_needs_a_build_and_a_free_port() {
    let case = good();
    let expected = str![[r#"
error: there is no distribution `staging` in `out`
hint: build it with `epr-build --dist staging`, or name its output folder with --out

"#]];
    check(&case.run(&["serve", "--dist", "staging"]), 2, expected);
    check(&case.run(&["--dist", "staging", "--quiet"]), 0, "");
    let expected = str![[r#"
error: there is no distribution `stagin` in `out`
hint: did you mean `staging`?

"#]];
    check(&case.run(&["serve", "--dist", "stagin"]), 2, expected);
    let expected = str![[r#"
error: cannot listen on `nonsense`: invalid socket address
hint: write `--listen 8080`, `--listen 127.0.0.1:8080` or `--listen unix:/run/epr-build/epr.sock`

"#]];
    check(&case.run(&["serve", "--dist", "staging", "--listen", "nonsense"]), 2, expected);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = case.run(&["serve", "--dist", "staging", "--listen", &address]);
    let expected = str![[r#"
error: cannot listen on `ADDRESS`: Address already in use (os error 98)
hint: stop the program that uses the port, or name another port with --listen

"#]];
    check(&Run { stderr: run.stderr.replace(&address, "ADDRESS"), ..run }, 2, expected);
}

/// What the summary tells to do works, and a request to stop is no failure.
#[test]
fn what_was_built_is_served() {
    let case = good();
    check(&case.run(&["--dist", "staging", "--quiet"]), 0, "");
    let mut command = case.command(&["serve", "--dist", "staging", "--listen", "127.0.0.1:0"]);
    let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().rsplit_once("http://").unwrap().1;
    assert!(line.starts_with("serving staging ("), "{line}");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /search?package=beta HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"name\": \"beta\""), "{answer}");
    let process = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
}
