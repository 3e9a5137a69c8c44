//! Where there is one distribution only, it need not be named.
#![allow(clippy::unwrap_used, reason = "tests")]

use crate::harness::Case;

/// What the command says to the same arguments with and without the name.
fn both(case: &Case, arguments: &str, name: &str) -> [(i32, String); 2] {
    let run = |more: &[&str]| {
        let words: Vec<_> = arguments.split(' ').collect();
        let run = case.run(&[&words[..], more].concat());
        let settled = run.stdout.lines().filter(|line| !line.contains("time: ")).collect::<Vec<_>>().join("\n");
        (run.code, settled + &run.stderr)
    };
    [run(&["--dist", name]), run(&[])]
}

#[test]
fn the_only_distribution_of_the_configuration_is_meant() {
    let case = Case::new().config("distributions: {ours: [own]}\n").package("packages/own", "acme", "1.0.0", "");
    let built = case.run(&["build"]);
    assert!(built.code == 0 && built.stdout.starts_with("ours: 1 version of 1 package\n"), "{built:?}");
    for arguments in ["check", "which acme --kibana 8.17.3"] {
        let first = case.run(&arguments.split(' ').collect::<Vec<_>>());
        assert_eq!((first.code, first.stderr.as_str()), (0, ""), "{arguments}");
        let [named, unnamed] = both(&case, arguments, "ours");
        assert_eq!(named, unnamed, "{arguments}");
    }
    // Of two of them none is meant.
    case.reconfigure("distributions: {ours: [own], other: [own]}\n");
    let run = case.run(&["check"]);
    assert!(
        run.code == 2 && run.stderr.starts_with("error: no distribution is named\nhint: name one with --dist"),
        "{run:?}"
    );
}

#[test]
fn the_only_distribution_of_an_output_folder_is_meant() {
    let case =
        Case::new().config("distributions: {ours: [own], other: [own]}\n").package("packages/own", "acme", "1.0.0", "");
    assert_eq!(case.run(&["build", "--dist", "ours", "--quiet"]).code, 0);
    let target = format!("file://{}", case.path("store").display());
    let publish = format!("publish --dry-run --to {target}");
    let commands = [
        "generations",
        "release --list",
        "release 8.5.0",
        "coverage",
        "bundle --no-program --output a.bundle",
        "include nginx --at link --dry-run",
        publish.as_str(),
    ];
    for arguments in commands {
        let [named, unnamed] = both(&case, arguments, "ours");
        assert_eq!(named.0, 0, "{arguments}: {named:?}");
        assert_eq!(unnamed.0, 0, "{arguments}: {unnamed:?}");
    }
    assert_eq!(case.run(&["build", "--dist", "other", "--quiet"]).code, 0);
    for arguments in commands.iter().chain(&["rollback", "image --output a.tar"]) {
        let run = case.run(&arguments.split(' ').collect::<Vec<_>>());
        let said = "error: there are several distributions in `out`\nhint: name one with --dist: `other`, `ours`\n";
        assert_eq!((run.code, run.stderr.as_str()), (2, said), "{arguments}");
    }
}
