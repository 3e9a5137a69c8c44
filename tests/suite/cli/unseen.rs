//! Characters that cannot be seen, or that turn the direction of reading, never reach a terminal as they are; programs get
//! them as they are.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::good;
use crate::harness::{Case, Run};
use std::fs;

/// Turns what follows around, hides nothing and is hidden.
const EVIL: &str = "a\u{202e}gpj\u{200b}\u{2066}";

fn run(case: &Case, line: &str) -> Run {
    case.run(&line.split(' ').collect::<Vec<_>>())
}

#[track_caller]
fn is_seen(run: &Run) {
    for text in [&run.stdout, &run.stderr] {
        let unseen = text.chars().find(|&c| c != '\n' && epr_build::base::shown::is_unseen(c));
        assert_eq!(unseen, None, "{text}");
    }
    assert!(format!("{}{}", run.stdout, run.stderr).contains(r"\u{202e}"), "{run:?}");
}

#[test]
fn names_and_values_are_written_out() {
    let case = good()
        .file(&format!("packages/production/{EVIL}/notes"), "x")
        .file(&format!("packages/production/{EVIL}/alpha/notaversion/manifest.yml"), "x")
        .file(&format!("packages/production/alpha/1.0.0/docs/{EVIL}.md"), "x");
    let manifest = case.path("packages/production/alpha/1.0.0/manifest.yml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\nversion: 1.0.0", &format!("\nversion: \"1.0.{EVIL}\""))).unwrap();
    is_seen(&run(&case, "check --dist production"));
    let found = run(&case, "check --dist production --format json");
    assert!(found.stdout.contains(EVIL), "the exact name: {}", found.stdout);
    let evil = case.config(&format!("layers:\n  \"{EVIL}\": {{immutable: yes}}\n"));
    is_seen(&run(&evil, "check --dist production"));
}

#[test]
fn differences_are_written_out() {
    let case = good().package("packages/staging", "alpha", "1.1.0", "");
    let manifest = case.path("packages/staging/alpha/1.1.0/manifest.yml");
    let text = fs::read_to_string(&manifest).unwrap();
    let title = text.lines().find(|line| line.starts_with("title:")).unwrap();
    let evil = text.replace(&format!("\n{title}\n"), &format!("\ntitle: \"{EVIL}\"\n"));
    fs::write(&manifest, evil).unwrap();
    let case = case.file(&format!("packages/staging/alpha/1.1.0/docs/{EVIL}.md"), "x");
    for format in ["text", "markdown"] {
        is_seen(&run(&case, &format!("diff packages/production packages/staging --format {format}")));
    }
    assert!(run(&case, "diff packages/production packages/staging --format json").stdout.contains(EVIL));
}
