//! What the program says to wrong arguments and configurations, and to those who ask for help.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::{check, good};
use crate::harness::Case;
use snapbox::str;
use std::fs;
use std::path::Path;

#[test]
fn wrong_usage_is_2_and_says_what_is_right() {
    let case = good().file("file", "").package("elsewhere/other", "alpha", "1.0.0", "").config("listen: 8081");
    let cases: [(&[&str], snapbox::data::Inline); 11] = [
        (
            &[],
            str![[r#"
error: no distribution is named
hint: name one with --dist (`production`, `snapshot`, `staging`), or choose all with --all-dists

"#]],
        ),
        (
            &["check"],
            str![[r#"
error: no distribution is named
hint: name one with --dist (`production`, `snapshot`, `staging`), or choose all with --all-dists

"#]],
        ),
        (
            &["--dist", "stagin"],
            str![[r#"
error: unknown distribution `stagin`
hint: did you mean `staging`?

"#]],
        ),
        (
            &["--dist", "x"],
            str![[r#"
error: unknown distribution `x`
hint: known are `production`, `snapshot`, `staging`

"#]],
        ),
        (
            &["--dist", "staging", "--all-dists"],
            str![[r#"
error: the argument '--dist <NAME>' cannot be used with '--all-dists'

Usage: epr-build --dist <NAME>

For more information, try '--help'.

"#]],
        ),
        (
            &["--dist", "staging", "--jobs", "0"],
            str![[r#"
error: invalid value '0' for '--jobs <N>': 0 is not in 1..=65535

For more information, try '--help'.

"#]],
        ),
        (
            &["--dist", "staging", "--packages", "nowhere"],
            str![[r#"
error: the packages folder `nowhere` does not exist
hint: name the folder that holds one folder for each layer (here `production`, `staging`) with --packages

"#]],
        ),
        (
            &["--dist", "staging", "--packages", "file"],
            str![[r#"
error: the packages folder `file` is not a folder
hint: name the folder that holds one folder for each layer (here `production`, `staging`) with --packages

"#]],
        ),
        (
            &["--dist", "staging", "--config", "nowhere.yml"],
            str![[r#"
error: cannot read `nowhere.yml`: No such file or directory (os error 2)
hint: name the configuration file with --config; epr-build.sample.yml is an example

"#]],
        ),
        (
            &["--dist", "staging", "--out", "file"],
            str![[r#"
error: cannot write to `file`: cannot create file: File exists (os error 17)
hint: a file is in the way; name another folder with --out

"#]],
        ),
        (
            &["generate", "powershell"],
            str![[r#"
error: invalid value 'powershell' for '<WHAT>'
  [possible values: man, bash, zsh, fish]

For more information, try '--help'.

"#]],
        ),
    ];
    for (arguments, expected) in cases {
        check(&case.run(arguments), 2, expected);
    }
    assert!(!case.path("out").exists());
}

/// Messages are tested beside the reader; here is that all of them are printed, and nothing is built.
#[test]
fn a_wrong_configuration_is_2_and_all_of_it_is_said() {
    let case = good().config("listn: 8080\nlayers:\n  staging:\n    immutable: 5\n    paths: []\n");
    let expected = str![[r#"
error: unknown key `listn`
  --> epr-build.yml:1
  |
1 | listn: 8080
  | ^^^^^^^^^^^
hint: did you mean `listen`?
error: `layers.staging.immutable` must be yes or no, not a number
  --> epr-build.yml:4
  |
4 |     immutable: 5
  |     ^^^^^^^^^^^^
hint: write `yes` or `no`, without quotes
error: `layers.staging.paths` is an empty list
  --> epr-build.yml:5
  |
5 |     paths: []
  |     ^^^^^^^^^
hint: write `paths: folder` or `paths: [folder, another]`

"#]];
    check(&case.run(&["--dist", "staging"]), 2, expected.clone());
    check(&case.run(&["check", "--all-dists"]), 2, expected);
    assert!(!case.path("out").exists());
    fs::rename(case.path("epr-build.yml"), case.path("other.yml")).unwrap();
    assert_eq!(case.run(&["check", "--dist", "staging"]).code, 0);
    let run = case.run(&["check", "--dist", "staging", "--config", "other.yml"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("\n  --> other.yml:4\n"), "{}", run.stderr);
}

/// Without its configuration, another registry would take the place of the one in use.
#[test]
fn a_misspelt_configuration_is_not_passed_over() {
    for name in ["epr-build.yaml", "epr_build.yml", ".epr-build.yml"] {
        let case = good().file(name, "listen: 8081");
        for arguments in [["build", "--dist", "staging"], ["check", "--dist", "staging"]] {
            let run = case.run(&arguments);
            let said = format!("error: `{name}` is not read: the configuration file is called `epr-build.yml`\nhint: ");
            assert!(run.code == 2 && run.stderr.starts_with(&said), "{run:?}");
        }
        assert!(!case.path("out").exists());
        assert_eq!(case.run(&["check", "--dist", "staging", "--config", name]).code, 0);
        assert_eq!(case.config("listen: 8082").run(&["check", "--dist", "staging"]).code, 0);
    }
}

#[test]
fn help_and_version_are_0() {
    let case = Case::new();
    let run = case.run(&["--version"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, concat!("epr-build ", env!("CARGO_PKG_VERSION"), "\n")));
    for arguments in [&["--help"][..], &["-h"], &["build", "--help"], &["check", "--help"], &["serve", "--help"]] {
        let run = case.run(arguments);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        for words in ["Usage: epr-build", "Examples:\n  epr-build ", "--dist <NAME>"] {
            assert!(run.stdout.contains(words), "{arguments:?} lacks {words}: {}", run.stdout);
        }
        assert_eq!(run.stdout.contains("Exit codes:\n  0  all well\n  1  "), arguments[0] != "serve", "{arguments:?}");
    }
}

#[test]
fn the_manual_and_completions_are_printed() {
    for (what, words) in [
        ("man", ".TH epr-build 1"),
        ("bash", "complete -F"),
        ("zsh", "#compdef epr-build"),
        ("fish", "complete -c epr-build"),
    ] {
        let run = Case::new().run(&["generate", what]);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""));
        // Roff escapes dashes.
        let text = run.stdout.replace('\\', "");
        assert!(text.contains(words) && text.contains("all-dists") && text.contains("debug-header"), "{what}: {text}");
    }
}

/// People begin with the sample: it works as it stands, with the packages beside it.
#[test]
fn the_sample_configuration_is_a_configuration() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (sample, packages) = (root.join("epr-build.sample.yml"), root.join("packages"));
    let mut command = Case::new().command(&["check", "--dist", "staging", "--quiet", "--strict"]);
    let output = command.arg("--config").arg(sample).arg("--packages").arg(packages).current_dir("/").output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{output:?}");
}
