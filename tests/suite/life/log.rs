//! `log` over generations and releases, in both forms.

use crate::harness::Case;
use epr_build::generation::distribution::Distribution;
use serde_json::{Value, json};
use std::fs;

/// Four generations; the first one is a release, the second one is gone.
fn world() -> (Case, Vec<String>) {
    let case = Case::new()
        .config("layers: {staging: {overwrite: allow, removal: allow}}\n")
        .package("packages/staging", "acme", "1.0.0", "one")
        .package("packages/staging", "acme", "1.1.0", "two")
        .package("packages/production", "other", "1.0.0", "");
    let mut ids = Vec::new();
    let build = |case: &Case, ids: &mut Vec<String>, keep: &str| {
        let run = case.run(&["--dist", "staging", "--quiet", "--accept-loss", "--keep", keep]);
        assert_eq!(run.code, 0, "{run:#?}");
        ids.push(Distribution::new(&case.path("out"), "staging").current().unwrap());
    };
    build(&case, &mut ids, "3");
    assert_eq!(case.run(&["release", "8.5.0", "--dist", "staging"]).code, 0);
    let case = case.package("packages/production", "other", "1.1.0", "");
    build(&case, &mut ids, "3");
    fs::write(case.path("packages/staging/acme/1.0.0/docs/README.md"), "# Edited\n").unwrap();
    let case = case.package("packages/production", "acme", "1.1.0", "two");
    build(&case, &mut ids, "3");
    fs::remove_dir_all(case.path("packages/staging/acme/1.0.0")).unwrap();
    build(&case, &mut ids, "2");
    (case, ids)
}

#[test]
fn the_history_of_a_package() {
    let (case, ids) = world();
    let before = case.tree();
    let text = format!(
        "staging: acme in 3 generations
  {}  release 8.5.0
    added    acme-1.0.0 (staging)
    added    acme-1.1.0 (staging)
  {}
    changed  acme-1.0.0, 929 B -> 926 B
               ~ docs/README.md (12 B -> 9 B)
    moved    acme-1.1.0: staging -> production
  {}  in use
    removed  acme-1.0.0 (staging)
  release 8.5.0      1.0.0, 1.1.0
",
        ids[0], ids[2], ids[3]
    );
    let run = case.run(&["log", "acme"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, text.as_str()), "{run:#?}");
    let run = case.run(&["log", "acme", "--dist", "staging", "--format", "json"]);
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    let steps = found[0]["steps"].as_array().unwrap();
    assert_eq!(
        (found[0]["distribution"].as_str(), found[0]["generations"].as_u64(), steps.len()),
        (Some("staging"), Some(3), 3)
    );
    assert_eq!(steps[0]["releases"], json!(["8.5.0"]));
    assert_eq!(steps[2]["removed"], json!([{ "name": "acme", "version": "1.0.0", "layer": "staging" }]));
    assert_eq!(
        found[0]["releases"],
        json!([{ "release": "8.5.0", "generation": ids[0], "versions": ["1.0.0", "1.1.0"] }])
    );
    let run = case.run(&["log", "acmee"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (1, "staging: acmee is in none of 3 generations\nhint: did you mean `acme`?\n")
    );
    for (arguments, words) in [
        (["log", "acme", "--dist", "stagin"], "did you mean `staging`?"),
        (["log", "acme", "--out", "nowhere"], "nowhere"),
    ] {
        let run = case.run(&arguments);
        assert!(run.code == 2 && run.stderr.contains(words), "{run:#?}");
    }
    assert_eq!(case.tree(), before, "nothing is written");
}

/// Going back is told, too.
#[test]
fn generations_are_told_as_they_were_used() {
    let (case, ids) = world();
    assert_eq!(case.run(&["rollback", "--dist", "staging"]).code, 0);
    let run = case.run(&["log", "acme"]);
    let heads: Vec<_> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   ") && !line.starts_with("  release"))
        .collect();
    assert_eq!(
        heads,
        [
            format!("  {}  release 8.5.0", ids[0]),
            format!("  {}", ids[2]),
            format!("  {}", ids[3]),
            format!("  {}  in use", ids[2])
        ]
    );
}
