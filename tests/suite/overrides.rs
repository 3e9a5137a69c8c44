//! Overrides of layers: what every server answers, what stays as the packages are, and who is told of it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod laws;
mod served;
mod told;

use crate::harness::{Case, Run};
use std::fs;

/// What is built in most tests.
const BUILD: [&str; 3] = ["build", "--dist", "production"];

/// Two packages with several versions, one with one, and one that nothing is said of.
fn world() -> Case {
    let case = Case::new()
        .package("packages/production", "acme", "1.0.0", "one")
        .package("packages/production", "acme", "1.1.0", "two")
        .package("packages/production", "acme", "1.2.0", "three")
        .package("packages/production", "beta", "1.0.0", "one")
        .zip("packages/production", "beta", "2.0.0")
        .package("packages/production", "gamma", "1.0.0", "one")
        .package("packages/production", "gamma", "1.1.0", "two")
        .package("packages/production", "other", "1.0.0", "one");
    for version in ["1.0.0", "1.1.0"] {
        edit(&case, &format!("gamma/{version}"), "  - web", "  - security");
    }
    case
}

/// Replaces a text of a manifest, which must be there.
fn edit(case: &Case, package: &str, old: &str, new: &str) {
    let path = case.path(&format!("packages/production/{package}/manifest.yml"));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(old), "{text}");
    fs::write(&path, text.replace(old, new)).unwrap();
}

/// The configuration with these overrides, one a line.
fn config(overrides: &[&str]) -> String {
    let lines: String = overrides.iter().map(|line| format!("    - {{{line}}}\n")).collect();
    let overrides = if lines.is_empty() { String::new() } else { format!("\n    overrides:\n{lines}") };
    format!("layers:\n  production:\n    paths: packages/production{overrides}\n")
}

/// One of each kind.
const EACH: [&str; 4] = [
    "package: acme, versions: \"1.2.0\", hide: yes, reason: breaks <b>pipelines</b>",
    "package: beta, versions: \">=2.0.0\", kibana: ^9.0.0, reason: waits for the upgrade",
    "package: [\"oth*\"], deprecated: {description: Use acme, since: \"1.0.0\", replaced_by: acme}, reason: nobody keeps it up",
    "package: gamma, hide: yes, reason: not for us",
];

/// Runs a command that must end so.
fn run(case: &Case, arguments: &[&str], code: i32) -> Run {
    let run = case.run(arguments);
    assert_eq!(run.code, code, "{run:#?}");
    run
}
