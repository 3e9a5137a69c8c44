//! Generations have dates, are kept while they are needed, and are left with open eyes.

use crate::harness::Case;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

const BUILD: [&str; 3] = ["--dist", "production", "--quiet"];

/// Builds a new generation of a few versions and gives its name.
fn build(case: &Case, round: &str, arguments: &[&str]) -> String {
    let readme = case.path("packages/production/acme/1.0.0/docs/README.md");
    fs::write(readme, format!("# Acme\n\n{round}\n")).unwrap();
    let run = case.run(&[&BUILD[..], arguments].concat());
    assert_eq!(run.code, 0, "{run:?}");
    current(case)
}

fn case() -> Case {
    Case::new().package("packages/production", "acme", "1.0.0", "").package("packages/production", "other", "1.0.0", "")
}

fn current(case: &Case) -> String {
    let link = fs::read_link(case.path("out/production/current")).unwrap();
    link.file_name().unwrap().to_str().unwrap().to_owned()
}

fn is_there(case: &Case, id: &str) -> bool {
    case.path(&format!("out/production/generations/{id}")).exists()
}

#[test]
fn generations_have_a_date_and_the_version_of_the_program() {
    let case = case();
    let one = build(&case, "one", &[]);
    let two = build(&case, "two", &[]);
    let run = case.run(&["generations", "--dist", "production", "--format", "json"]);
    let listed: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    let since = listed[0]["since"].as_str().unwrap().to_owned();
    let expected = serde_json::json!([
        {"generation": two, "in_use": true, "versions": 2, "packages": 2, "since": since, "program": env!("CARGO_PKG_VERSION"),
         "releases": [], "included": [], "served": false},
        {"generation": one, "in_use": false, "versions": 2, "packages": 2, "since": listed[1]["since"],
         "program": env!("CARGO_PKG_VERSION"), "releases": [], "included": [], "served": false},
    ]);
    assert_eq!(listed, expected);
    assert!(since.len() == 20 && since.starts_with("20") && since.ends_with('Z'), "{since}");
    let history = case.json("out/production/history.json");
    assert_eq!(history["generations"][0]["since"], since.as_str());
    let text = case.run(&["generations", "--dist", "production"]).stdout;
    assert!(text.starts_with(&format!("{two}  2 versions of 2 packages  {since}  epr-build ")), "{text}");
    // A log of an earlier version.
    fs::write(case.path("out/production/generations.log"), format!("{one}\n{two}\n")).unwrap();
    let text = case.run(&["generations", "--dist", "production"]).stdout;
    assert_eq!(text, format!("{two}  2 versions of 2 packages  in use\n{one}  2 versions of 2 packages\n"));
    assert_eq!(case.run(&["rollback", "--dist", "production"]).code, 0);
    assert_eq!(current(&case), one);
}

#[test]
fn a_rollback_says_where_it_went_and_where_the_next_would_go() {
    let case = case();
    let one = build(&case, "one", &[]);
    let case = case.package("packages/production", "third", "1.0.0", "");
    let two = build(&case, "two", &[]);
    let run = case.run(&["rollback", "--dist", "production"]);
    assert!(run.stdout.starts_with(&format!("production: generation {one} is in use, first used 20")), "{run:?}");
    assert!(run.stdout.contains("  change             3 → 2 versions: 0 new, 1 gone\n"), "{run:?}");
    assert!(run.stdout.contains(&format!("  next rollback      goes to {two}, first used 20")), "{run:?}");
}

#[test]
fn a_rollback_that_loses_too_much_is_refused() {
    let case = case();
    let one = build(&case, "one", &[]);
    let case =
        (0..12).fold(case, |case, minor| case.package("packages/production", "more", &format!("1.{minor}.0"), ""));
    let two = build(&case, "two", &[]);
    let run = case.run(&["rollback", "--dist", "production"]);
    assert_eq!((run.code, current(&case)), (2, two), "{run:?}");
    assert!(run.stderr.contains("layer `production` has lost 12 of 14 versions"), "{run:?}");
    assert_eq!(case.run(&["rollback", "--dist", "production", "--accept-loss"]).code, 0);
    assert_eq!(current(&case), one);
}

#[test]
fn the_last_generation_that_was_served_for_a_day_stays() {
    let case = case();
    let good = build(&case, "good", &[]);
    let log = case.path("out/production/generations.log");
    fs::write(&log, format!("{good} 2020-01-31T12:00:00Z 0.1.0\n")).unwrap();
    let slips: Vec<_> = ["a", "b", "c", "d"].iter().map(|round| build(&case, round, &["--keep", "2"])).collect();
    assert!(is_there(&case, &good));
    assert_eq!(slips.iter().map(|id| is_there(&case, id)).collect::<Vec<_>>(), [false, false, true, true]);
    // Once another has proved good, it may go.
    let text = fs::read_to_string(&log).unwrap();
    let aged: Vec<_> = text.lines().map(|line| format!("{} 2020-02-0{}T00:00:00Z 0.1.0\n", &line[..16], 1)).collect();
    fs::write(&log, aged.concat()).unwrap();
    build(&case, "e", &["--keep", "2"]);
    assert!(!is_there(&case, &good));
}

#[test]
fn a_generation_that_serve_holds_is_not_removed() {
    let case = case();
    let held = build(&case, "one", &[]);
    fs::write(case.path("out/production/generations.log"), "").unwrap();
    let generation = format!("out/production/generations/{held}");
    let folder = fs::File::open(case.path(&generation)).unwrap();
    rustix::fs::flock(&folder, rustix::fs::FlockOperation::NonBlockingLockShared).unwrap();
    build(&case, "two", &["--keep", "1"]);
    assert!(is_there(&case, &held));
    drop(folder);
    build(&case, "three", &["--keep", "1"]);
    assert!(!is_there(&case, &held));
    // The server takes such a lock.
    let mut command = case.command(&["serve", "--dist", "production", "--listen", "127.0.0.1:0"]);
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let run = case.run(&["generations", "--dist", "production"]);
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(run.stdout.contains("  in use  served\n"), "{line} {run:?}");
}

#[test]
fn advice_lies_beside_the_generations_and_warnings_are_counted() {
    let case =
        (0..25).fold(case(), |case, minor| case.package("packages/production", "more", &format!("1.{minor}.0"), ""));
    build(&case, "one", &[]);
    for minor in 0..25 {
        fs::remove_dir_all(case.path(&format!("packages/production/more/1.{minor}.0"))).unwrap();
    }
    let run = case.run(&["--dist", "production", "--accept-loss", "--keep", "1"]);
    assert_eq!(run.code, 0, "{run:?}");
    let rest = "and 5 more (5 removed-version): `out/production/advice.json` lists what was said to the change\n";
    assert!(run.stderr.contains(rest), "{}", run.stderr);
    assert!(run.stderr.contains("warning: with `--keep 1` a generation is removed"), "{}", run.stderr);
    assert!(run.stdout.contains("  of the change      25 removed-version\n"), "{}", run.stdout);
    let advice = case.json("out/production/advice.json");
    assert_eq!((advice["problems"].as_array().unwrap().len(), &advice["generation"]), (25, &current(&case).into()));
}
