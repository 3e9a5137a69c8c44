//! Slips that leave something else in a layer than packages, or name the wrong folder: what is passed over, what is told,
//! and what is refused before anything is taken into use.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::harness::{Case, FOREIGN_SIGNATURE, Run};
use crate::running;
use serde_json::Value;
use std::fs;
use std::process::Command;

/// One distribution of one layer.
const ONE: &str = "distributions: {d: {layers: [l]}}\nlayers: {l: {paths: layer}}\n";

fn build(case: &Case) -> Run {
    case.run(&["--dist", "d", "--strict"])
}

/// What the registry in use holds.
fn published(case: &Case) -> Vec<String> {
    let root = case.path("out/d/current/site/package");
    let found = walkdir::WalkDir::new(&root).min_depth(2).max_depth(2).sort_by_file_name().follow_links(true);
    let path = |entry: walkdir::DirEntry| entry.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    found.into_iter().map(|entry| path(entry.unwrap())).collect()
}

/// Rules and places of one list of the report.
fn told(case: &Case, list: &str) -> Vec<String> {
    let report = case.json("out/d/current/report.json");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let problems = report.get(list).map(|list| list.as_array().unwrap().clone()).unwrap_or_default();
    let line = |problem: &Value| {
        format!("{} {} {}", text(&problem["severity"]), text(&problem["rule"]), text(&problem["place"]["package"]))
    };
    problems.iter().map(line).collect()
}

/// One of them.
fn line(severity: &str, rule: &str, place: &str) -> String {
    format!("{severity} {rule} {place}")
}

fn git(case: &Case, arguments: &[&str]) {
    let who = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
    let mut command = Command::new("git");
    command.arg("-C").arg(case.path("repository")).args(arguments).envs(who.map(|name| (name, "someone")));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Commits everything in the folder `repository` to its branch `main`.
fn commit(case: &Case) {
    git(case, &["init", "-q", "-b", "main"]);
    git(case, &["add", "-A", "-f"]);
    git(case, &["commit", "-q", "-m", "All"]);
}

/// A layer on a volume that keeps deleted and older packages in folders of its own.
fn volume(case: Case, layer: &str) -> Case {
    case.package(layer, "live", "1.0.0", "live")
        .package(&format!("{layer}/.Trash-1000/files"), "deleted", "1.0.0", "")
        .package(&format!("{layer}/.snapshot/hourly.0"), "live", "1.0.0", "older")
        .package(&format!("{layer}/.snapshot/hourly.0"), "gone", "1.0.0", "")
        .package(&format!("{layer}/node_modules"), "module", "1.0.0", "")
        .file(&format!("{layer}/live/@eaDir/thumbnail"), "")
        .file(&format!("{layer}/live/1.0.0/.hidden/data.json"), "{}")
        .file(&format!("{layer}/.epr-build/log.jsonl"), "")
}

const PASSED_OVER: &str = "4 folders are passed over: `.Trash-1000`, `.snapshot`, `live/@eaDir` and 1 more";

#[test]
fn hidden_folders_hold_no_packages() {
    let case = volume(Case::new().config(ONE), "layer").zip("layer/#recycle", "zipped", "1.0.0");
    let run = build(&case);
    assert_eq!((run.code, published(&case)), (0, vec!["live/1.0.0".to_owned()]), "{run:#?}");
    let note = PASSED_OVER.replace('4', "5").replace("`.Trash-1000`", "`#recycle`, `.Trash-1000`");
    let note = note.replace(", `live/@eaDir` and 1 more", " and 2 more");
    assert!(run.stderr.starts_with(&format!("note: {note}\n  --> l\nhint: ")), "{run:#?}");
    assert_eq!(run.stderr.matches("note: ").count(), 1, "{run:#?}");
    assert!(run.stdout.contains("0 warnings, 1 note\n"), "{run:#?}");
    assert_eq!((told(&case, "problems"), told(&case, "notes")), (vec![], vec!["note passed-over ".to_owned()]));
    let readme = fs::read_to_string(case.path("out/d/current/site/package/live/1.0.0/docs/README.md")).unwrap();
    assert!(readme.contains("live\n\nlive"), "{readme}");
    assert!(case.path("out/d/current/site/package/live/1.0.0/.hidden/data.json").exists());
    let quiet = case.run(&["check", "--dist", "d", "--strict", "--quiet"]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""), "{quiet:#?}");
}

#[test]
fn a_hidden_folder_that_the_configuration_names_is_a_layer() {
    let case = volume(Case::new().config(&ONE.replace("paths: layer", "paths: layer/.snapshot/hourly.0")), "layer");
    let run = build(&case);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{run:#?}");
    assert_eq!(published(&case), ["gone/1.0.0", "live/1.0.0"]);
}

#[test]
fn branches_pass_over_the_same_folders() {
    if running::binary("git").is_none() {
        return;
    }
    let config = ONE.replace("paths: layer", "paths: 'git+file:repository#main:layer'");
    let case = volume(Case::new().config(&config), "repository/layer");
    commit(&case);
    let run = build(&case);
    assert_eq!((run.code, published(&case)), (0, vec!["live/1.0.0".to_owned()]), "{run:#?}");
    assert!(run.stderr.starts_with(&format!("note: {PASSED_OVER}\n")), "{run:#?}");
}

/// Each layout with the words of its refusal, as folder and as branch. What is in use stays.
#[test]
fn a_layer_without_packages_but_with_their_sources_is_refused() {
    if running::binary("git").is_none() {
        return;
    }
    for (folder, words) in [
        ("layer", "holds sources of packages and no package: `acme`\nhint: build the sources first"),
        ("layer/packages", "holds sources of packages and no package: `packages/acme`\nhint: build the sources first"),
    ] {
        for in_git in [false, true] {
            let (root, path) = if in_git { ("repository/", "'git+file:repository#main:layer'") } else { ("", "layer") };
            let config = ONE.replace("paths: layer", &format!("paths: {path}"));
            let case = Case::new().config(&ONE.replace("paths: layer", "paths: good"));
            let case = case.package("good", "acme", "1.0.0", "").package("sources", "acme", "1.0.0", "");
            assert_eq!(build(&case).code, 0);
            let before = fs::read_link(case.path("out/d/current")).unwrap();
            fs::create_dir_all(case.path(&format!("{root}{folder}"))).unwrap();
            fs::rename(case.path("sources/acme/1.0.0"), case.path(&format!("{root}{folder}/acme"))).unwrap();
            if in_git {
                commit(&case);
            }
            let case = case.config(&config);
            for run in [build(&case), case.run(&["check", "--dist", "d"])] {
                assert_eq!(run.code, 2, "{run:#?}");
                let words = format!("error: cannot search layer `l`: `{}` {words}", path.trim_matches('\''));
                assert!(run.stderr.starts_with(&words), "{words}: {run:#?}");
            }
            assert_eq!(fs::read_link(case.path("out/d/current")).unwrap(), before);
        }
    }
}

#[test]
fn a_path_that_is_one_package_is_refused() {
    for (path, words) in [
        ("good/acme", "is the folder of one package, not of packages: it holds `1.0.0`\nhint: name the folder above"),
        ("good/acme/1.0.0", "is a package itself, not a folder of packages\nhint: "),
    ] {
        let case = Case::new().config(&ONE.replace("paths: layer", &format!("paths: {path}")));
        let case = case.package("good", "acme", "1.0.0", "");
        let run = build(&case);
        assert_eq!(run.code, 2, "{run:#?}");
        assert!(run.stderr.contains(&format!("`{path}` {words}")), "{run:#?}");
        assert!(!case.path("out").exists(), "{run:#?}");
    }
}

/// Beside packages, sources are told once each, and their own folders are not.
#[test]
fn sources_beside_packages_only_warn() {
    let case = Case::new().config(ONE).package("layer", "acme", "1.0.0", "").package("sources", "other", "1.0.0", "");
    fs::rename(case.path("sources/other/1.0.0"), case.path("layer/other")).unwrap();
    let run = case.run(&["--dist", "d"]);
    assert_eq!((run.code, published(&case)), (0, vec!["acme/1.0.0".to_owned()]), "{run:#?}");
    assert_eq!(told(&case, "problems"), ["warning not-a-version-folder other"]);
}

#[test]
fn what_is_no_zip_is_quarantined_under_its_name() {
    let case = Case::new().config(ONE).package("layer", "acme", "1.0.0", "").zip("layer", "cut", "1.0.0");
    let cut = fs::read(case.path("layer/cut-1.0.0.zip")).unwrap();
    fs::write(case.path("layer/cut-1.0.0.zip"), &cut[..cut.len() / 2]).unwrap();
    let case = case.file("layer/page-1.0.0.zip", "<!DOCTYPE html><title>404</title>");
    let case = case.file("layer/acme/1.0.0/data/no.zip", "a file of the package");
    let run = case.run(&["--dist", "d"]);
    assert_eq!((run.code, published(&case)), (1, vec!["acme/1.0.0".to_owned()]), "{run:#?}");
    let expected = [
        "quarantine not-a-zip cut-1.0.0.zip",
        "quarantine not-a-zip page-1.0.0.zip",
        "warning not-a-zip acme/1.0.0/data/no.zip",
    ];
    assert_eq!(told(&case, "problems"), expected);
    assert!(run.stdout.contains("2 quarantined"), "{run:#?}");
}

#[test]
fn other_archives_are_told_once_each() {
    let mut case = Case::new().config(ONE).package("layer", "acme", "1.0.0", "").zip("layer", "zipped", "1.0.0");
    for name in ["a-1.0.0.ZIP", "a-1.0.0.zip.1", "acme/a-1.0.0.tar.gz", "deep/er/est/a.tgz", "zipped-1.0.0.zip.sha256"]
    {
        case = case.file(&format!("layer/{name}"), "x");
    }
    let run = case.run(&["--dist", "d"]);
    assert_eq!((run.code, published(&case).len()), (0, 2), "{run:#?}");
    let expected = ["a-1.0.0.ZIP", "a-1.0.0.zip.1", "acme/a-1.0.0.tar.gz", "deep/er/est/a.tgz"];
    assert_eq!(told(&case, "problems"), expected.map(|name| line("warning", "other-archive", name)));
}

/// `elastic-package build` leaves a package as a folder and as a zip. Also when a build remembers both.
#[test]
fn a_folder_beside_its_zip_is_only_noted() {
    let case = Case::new().config(ONE).zip("layer", "acme", "1.0.0").package("layer", "acme", "1.0.0", "zipped");
    let run = build(&case);
    assert_eq!((run.code, published(&case)), (0, vec!["acme/1.0.0".to_owned()]), "{run:#?}");
    assert!(
        run.stderr.starts_with(
            "note: acme-1.0.0 is in this layer twice, with equal files; `acme-1.0.0.zip` counts\n  --> l/acme/1.0.0\nhint: "
        ),
        "{run:#?}"
    );
    assert_eq!(told(&case, "notes"), [line("note", "equal-duplicate", "acme/1.0.0")]);
    let served = fs::read(case.path("out/d/current/site/epr/acme/acme-1.0.0.zip")).unwrap();
    assert!(served == fs::read(case.path("layer/acme-1.0.0.zip")).unwrap(), "the zip wins");

    let again = build(&case.package("layer", "other", "1.0.0", ""));
    assert_eq!(again.code, 0, "{again:#?}");
}

#[test]
fn a_folder_that_differs_from_its_zip_is_quarantined() {
    let case = Case::new().config(ONE).zip("layer", "acme", "1.0.0").package("layer", "acme", "1.0.0", "changed");
    let run = case.run(&["--dist", "d"]);
    assert_eq!((run.code, published(&case)), (1, vec!["acme/1.0.0".to_owned()]), "{run:#?}");
    assert_eq!(told(&case, "problems"), ["quarantine duplicate acme/1.0.0"]);
}

/// Taking one of the two out of a layer would leave the other one there.
#[test]
fn what_lies_in_a_layer_twice_is_not_moved() {
    let config = "distributions: {d: {layers: [up, l]}}\nlayers: {l: {paths: layer}, up: {paths: upper}}\n";
    let case = Case::new().config(config).zip("layer", "acme", "1.0.0").package("layer", "acme", "1.0.0", "zipped");
    fs::create_dir_all(case.path("upper")).unwrap();
    let said = "error: acme-1.0.0 is in layer `l` twice, as `acme-1.0.0.zip` and as `acme/1.0.0`\n  --> l/acme/1.0.0\n";
    for arguments in [
        &["remove", "acme@1.0.0", "--from", "l"][..],
        &["promote", "acme@1.0.0", "--from", "l", "--to", "up"],
        &["promote", "acme", "--from", "l", "--to", "up", "--all-newer"],
    ] {
        let run = case.run(arguments);
        assert_eq!(run.code, 1, "{run:#?}");
        assert!(run.stderr.starts_with(said), "{run:#?}");
        assert!(case.path("layer/acme-1.0.0.zip").exists() && case.path("layer/acme/1.0.0").exists());
    }
}

#[test]
fn layers_and_output_lie_apart() {
    let case = Case::new().config(ONE).package("layer", "acme", "1.0.0", "").package("out/layer", "acme", "1.0.0", "");
    std::os::unix::fs::symlink("layer", case.path("link")).unwrap();
    std::os::unix::fs::symlink("out/layer", case.path("inside")).unwrap();
    let before = case.tree();
    for (out, paths, said) in [
        ("layer/out", "layer", "the output folder `layer/out` lies in layer `l` (`layer`)\nhint: "),
        ("layer", "layer", "the output folder `layer` lies in layer `l` (`layer`)\nhint: "),
        ("link/new/out", "layer", "the output folder `link/new/out` lies in layer `l` (`layer`)\nhint: "),
        ("layer/.out", "link", "the output folder `layer/.out` lies in layer `l` (`link`)\nhint: "),
        ("out", "out/layer", "layer `l` (`out/layer`) lies in the output folder `out`\nhint: "),
        ("out", "inside", "layer `l` (`inside`) lies in the output folder `out`\nhint: "),
    ] {
        let config = ONE.replace("paths: layer", &format!("paths: {paths}"));
        fs::write(case.path("epr-build.yml"), config).unwrap();
        let run = case.run(&["--dist", "d", "--out", out]);
        assert_eq!(run.code, 2, "{out} {paths} {run:#?}");
        assert!(run.stderr.starts_with(&format!("error: {said}")), "{run:#?}");
    }
    fs::write(case.path("epr-build.yml"), ONE).unwrap();
    let paths = |tree: std::collections::BTreeMap<std::path::PathBuf, String>| tree.into_keys().collect::<Vec<_>>();
    assert_eq!(paths(case.tree()), paths(before));
}

#[test]
fn several_packages_are_added_at_once_or_none() {
    let config = "distributions: {d: {layers: [l]}}\nlayers: {l: {paths: layer}}\n";
    let case = Case::new().config(config).package("new", "one", "1.0.0", "").zip("new", "two", "2.0.0");
    let case = case.broken("new", "three", "3.0.0");
    fs::create_dir_all(case.path("layer")).unwrap();
    let (one, two) = ("new/one/1.0.0", "new/two-2.0.0.zip");
    let refused = case.run(&["add", one, two, "new/three/3.0.0", "--to", "l"]);
    assert_eq!(refused.code, 1, "{refused:#?}");
    assert!(!case.path("layer/one").exists(), "{refused:#?}");
    let twice = case.run(&["add", one, one, "--to", "l"]);
    assert_eq!(twice.code, 1, "{twice:#?}");
    assert!(twice.stderr.starts_with("error: one-1.0.0 is named twice: `new/one/1.0.0` is another\n"), "{twice:#?}");
    let added = case.run(&["add", one, two, "--to", "l"]);
    assert_eq!((added.code, added.stdout.as_str()), (0, "added one-1.0.0 to l\nadded two-2.0.0 to l\n"), "{added:#?}");
    assert!(case.path("layer/one/1.0.0/manifest.yml").exists() && case.path("layer/two-2.0.0.zip").exists());
    let again = case.run(&["add", two, one, "--to", "l"]);
    assert_eq!(again.code, 0, "{again:#?}");
    assert_eq!(again.stdout.matches("nothing to do: layer `l` holds ").count(), 2, "{again:#?}");
}

/// Only the layers that a command names need a place; there is no folder `packages` here.
#[test]
fn layers_with_paths_are_changed_without_a_folder_of_all_layers() {
    let config = "distributions: {d: {layers: [up, l]}}\nlayers: {l: {paths: layer}, up: {paths: upper}}\n";
    let case = Case::new().config(config).package("layer", "acme", "1.0.0", "").package("new", "acme", "1.1.0", "");
    fs::create_dir_all(case.path("upper")).unwrap();
    for arguments in [
        &["add", "new/acme/1.1.0", "--to", "l"][..],
        &["promote", "acme@1.0.0", "--from", "l", "--to", "up"],
        &["remove", "acme@1.1.0", "--from", "l"],
    ] {
        let run = case.run(arguments);
        assert_eq!(run.code, 0, "{run:#?}");
    }
    assert!(case.path("upper/acme/1.0.0").exists() && !case.path("layer/acme/1.1.0").exists());
    let run = case.run(&["add", "new/acme/1.1.0", "--to", "snapshot"]);
    assert_eq!(run.code, 2, "{run:#?}");
    assert!(run.stderr.starts_with("error: the packages folder `packages` does not exist\n"), "{run:#?}");
}

/// A base is found in a folder of a branch; one that is not there is no empty base.
#[test]
fn a_base_in_a_branch_must_be_there() {
    if running::binary("git").is_none() {
        return;
    }
    let case = Case::new().config("layers: {production: {removal: refuse}}\n");
    let case = case.package("repository/all/packages/production", "acme", "1.0.0", "");
    let case = case.package("repository/all/packages/staging", "acme", "1.1.0", "").file("repository/docs/a.md", "");
    commit(&case);
    let case = case.package("packages/production", "acme", "1.2.0", "");
    for dist in ["production", "staging"] {
        let check = |base: &str| case.run(&["check", "--dist", dist, "--quiet", "--against", base]);
        for base in ["#main", "#main:all", "#main:all/packages"] {
            let run = check(&format!("git+file:repository{base}"));
            assert_eq!(run.code, 1, "{base}: {run:#?}");
            assert!(run.stderr.contains("acme-1.0.0"), "{base}: {run:#?}");
        }
        let absent = refusal(&check("git+file:repository#main:wrong"));
        assert!(absent.contains("`main` has no folder `wrong`\nhint: "), "{absent}");
        let empty = refusal(&check("git+file:repository#main:docs"));
        assert!(empty.contains("`git+file:repository#main:docs` is nothing to compare with\nhint: "), "{empty}");
    }
}

/// What a command that failed said.
fn refusal(run: &Run) -> String {
    assert_eq!(run.code, 2, "{run:#?}");
    run.stderr.clone()
}

/// Kibana cannot read these, whatever they sign. In a branch as well.
#[test]
fn signatures_that_are_none_are_told() {
    if running::binary("git").is_none() {
        return;
    }
    let good = FOREIGN_SIGNATURE;
    for (in_git, paths) in [(false, "repository/layer"), (true, "'git+file:repository#main:layer'")] {
        let mut case = Case::new().config(&ONE.replace("paths: layer", &format!("paths: {paths}")));
        let texts = [("a", good), ("b", ""), ("c", "<html>"), ("d", "\u{1}\u{0}"), ("e", &good[..40])];
        for (name, text) in texts {
            case = case.package("repository/layer", name, "1.0.0", "");
            case = case.file(&format!("repository/layer/{name}/1.0.0.sig"), text);
        }
        if in_git {
            commit(&case);
        }
        let run = case.run(&["--dist", "d"]);
        assert_eq!((run.code, published(&case).len()), (0, 5), "{run:#?}");
        let expected =
            ["b", "c", "d", "e"].map(|name| line("warning", "signature-not-armored", &format!("{name}/1.0.0")));
        assert_eq!(told(&case, "problems"), expected);
    }
}
