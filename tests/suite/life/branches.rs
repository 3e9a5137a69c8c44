//! Layers in branches of a bare repository: read, promoted, added to and removed from without a checkout, as folders are.

use super::kills::{LAYERS, held, world};
use crate::harness::{Case, Run};
use crate::running;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Output};

pub(super) const BARE: &str = "bare.git";

/// Runs git in the bare repository.
fn git(case: &Case, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("--git-dir").arg(case.path(BARE)).args(arguments);
    let who = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
    command.envs(who.map(|name| (name, "someone"))).env("GIT_INDEX_FILE", case.path("index"));
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().trim_end().to_owned()
}

/// Makes a bare repository of the layers, a branch each.
pub(super) fn commit_layers(case: &Case) {
    assert!(Command::new("git").args(["init", "-q", "--bare"]).arg(case.path(BARE)).status().unwrap().success());
    for layer in LAYERS {
        let _ = fs::remove_file(case.path("index"));
        let tree = case.path("packages").join(layer);
        git(case, &["--work-tree", tree.to_str().unwrap(), "-c", "core.bare=false", "add", "-A", "-f", "."]);
        let tree = git(case, &["write-tree"]);
        let commit = git(case, &["commit-tree", &tree, "-m", "All packages"]);
        git(case, &["update-ref", &format!("refs/heads/{layer}"), &commit]);
    }
}

/// The program, with the layers in the repository.
pub(super) fn run(case: &Case, arguments: &[&str]) -> Run {
    let packages = format!("git+file://{}", case.path(BARE).display());
    case.run(&[arguments, &["--packages", &packages]].concat())
}

fn generation(case: &Case, out: &str, distribution: &str) -> String {
    let link = fs::read_link(case.path(&format!("{out}/{distribution}/current"))).unwrap();
    link.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Builds from folders and from branches; both give the same generation of each distribution.
fn compare(case: &Case) -> BTreeMap<&'static str, String> {
    let (folders, branches) =
        (case.run(&["--all-dists", "--quiet"]), run(case, &["--all-dists", "--quiet", "--out", "from-git"]));
    assert!(folders.code < 2 && folders.code == branches.code, "{folders:#?} {branches:#?}");
    let ids = LAYERS.map(|name| (name, generation(case, "out", name)));
    for (name, id) in &ids {
        assert_eq!(*id, generation(case, "from-git", name), "{name}: {folders:#?} {branches:#?}");
    }
    ids.into()
}

fn small() -> Case {
    let case = Case::new()
        .package("packages/production", "acme", "1.0.0", "one")
        .package("packages/staging", "acme", "1.1.0", "two")
        .package("packages/snapshot", "acme", "1.2.0", "three")
        .package("packages/snapshot", "acme", "1.3.0", "four")
        .package("packages/snapshot", "other", "1.0.0", "")
        .package("packages/snapshot", "last", "1.0.0", "");
    fs::write(case.path("packages/snapshot/acme/1.2.0.sig"), "signed").unwrap();
    case
}

/// Everything is promoted upward, over folders and over branches alike: what is built is the same before, between and after.
#[test]
fn branches_do_as_folders() {
    if running::binary("git").is_none() {
        return;
    }
    let case = world();
    // A layer in a repository holds no zips.
    for entry in walkdir::WalkDir::new(case.path("packages")).into_iter().map(Result::unwrap) {
        if [".zip", ".sig"].iter().any(|end| entry.path().to_str().unwrap().ends_with(end)) {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    commit_layers(&case);
    let is_sample = case.path("packages/snapshot/acme_firewall").exists();
    let before = compare(&case);
    for (from, to) in [("staging", "production"), ("snapshot", "staging")] {
        // One stays: that a layer is empty would be said with its path.
        let versions: Vec<_> = held(&case.path("packages"), from).into_keys().skip(1).collect();
        let arguments: Vec<_> = ["promote", "--from", from, "--to", to, "--quiet"].into_iter().collect();
        let promote = [arguments, versions.iter().map(String::as_str).collect()].concat();
        for ended in [case.run(&promote), run(&case, &promote)] {
            // Kibana refuses one of the samples, and a few of the real packages.
            let mut heads =
                ended.stderr.lines().filter(|line| !line.starts_with("  -->") && !line.starts_with("hint: "));
            assert!(heads.all(|line| line.starts_with("warning: Kibana refuses it: ")), "{ended:#?}");
            assert_eq!(
                (ended.code, ended.stderr.contains("acme_firewall/3.0.0-rc.1")),
                (0, is_sample && from == "snapshot")
            );
        }
        let now = compare(&case);
        assert_ne!(before[to], now[to]);
        let subjects = format!("[{from}] Remove {} packages, promoted to {to}", versions.len());
        assert_eq!(git(&case, &["log", "-1", "--format=%s", from]), subjects);
        let subjects = format!("[{to}] Promote {} packages from {from}", versions.len());
        assert_eq!(git(&case, &["log", "-1", "--format=%s", to]), subjects);
    }
    let left = git(&case, &["ls-tree", "-r", "--name-only", "snapshot"]);
    assert_eq!(left.lines().filter(|path| path.ends_with("docs/README.md")).count(), 1, "{left}");
    assert_eq!(git(&case, &["for-each-ref", "refs/epr-build"]), "");
}

/// Each command makes one commit a layer that says what and why, and runs nothing that the repository brings.
#[test]
fn commits_say_what_was_done() {
    if running::binary("git").is_none() {
        return;
    }
    let case = small().package("new", "acme", "1.4.0", "five");
    commit_layers(&case);
    for hook in ["reference-transaction", "pre-commit", "post-index-change", "post-update"] {
        let path = case.path(&format!("{BARE}/hooks/{hook}"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\ntouch '{}'\n", case.path("executed").display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let monitor = format!("touch '{}'", case.path("executed").display());
    git(&case, &["config", "core.fsmonitor", &monitor]);
    let before = git(&case, &["show-ref"]);
    let promote = ["promote", "acme", "--from", "snapshot", "--to", "staging", "--all-newer", "--reason", "tested"];
    let dry = run(&case, &[&promote[..], &["--dry-run"]].concat());
    let expected =
        "would promote acme-1.2.0 from snapshot to staging\nwould promote acme-1.3.0 from snapshot to staging\n";
    assert_eq!((dry.code, dry.stdout.as_str(), git(&case, &["show-ref"])), (0, expected, before), "{dry:#?}");
    let done = run(&case, &promote);
    assert_eq!((done.code, done.stdout), (0, expected.replace("would promote", "promoted")));
    let done = run(&case, &["add", "new/acme/1.4.0", "--to", "snapshot"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "added acme-1.4.0 to snapshot\n"), "{done:#?}");
    let done = run(&case, &["remove", "last@1.0.0", "--from", "snapshot"]);
    assert_eq!((done.code, done.stdout.as_str()), (0, "removed last-1.0.0 from snapshot\n"), "{done:#?}");
    let subjects = "[snapshot] Remove last-1.0.0\n[snapshot] Add acme-1.4.0\n\
                    [snapshot] Remove 2 packages, promoted to staging\nAll packages";
    assert_eq!(git(&case, &["log", "--format=%s", "snapshot"]), subjects);
    assert_eq!(
        git(&case, &["log", "--format=%s", "staging"]),
        "[staging] Promote 2 packages from snapshot\nAll packages"
    );
    let message = git(&case, &["log", "-1", "--format=%B", "staging"]);
    assert!(message.contains("\n- acme-1.2.0 ") && message.contains("\nReason: tested"), "{message}");
    let files = git(&case, &["ls-tree", "-r", "--name-only", "snapshot"]);
    assert!(files.contains("acme/1.4.0/docs/README.md") && !files.contains("acme/1.2.0"), "{files}");
    assert!(git(&case, &["ls-tree", "--name-only", "staging", "acme/"]).contains("acme/1.2.0.sig"));
    assert!(!case.path("executed").exists(), "something of the repository was executed");
    let refused = run(&case, &["remove", "acme@1.2.0", "--from", "staging"]);
    assert!(refused.code == 1 && refused.stderr.contains("removed-version=acme@1.2.0"), "{refused:#?}");
}

/// What was interrupted between the two branches is finished by the next command, and forgotten if it had not begun.
#[test]
fn halves_are_finished_or_forgotten() {
    if running::binary("git").is_none() {
        return;
    }
    let case = small();
    commit_layers(&case);
    let commit = |branch: &str| git(&case, &["rev-parse", branch]);
    let before = (commit("staging"), commit("snapshot"));
    let promote = ["promote", "acme@1.2.0", "--from", "snapshot", "--to", "staging"];
    assert_eq!(run(&case, &promote).code, 0);
    let after = (commit("staging"), commit("snapshot"));
    let nothing = ["promote", "none", "--from", "snapshot", "--to", "staging", "--all-newer"];
    // Stopped between the two.
    git(&case, &["update-ref", "refs/heads/snapshot", &before.1]);
    git(&case, &["update-ref", "refs/epr-build/pending/snapshot", &after.1]);
    let next = run(&case, &nothing);
    let words = "finished an interrupted command: [snapshot] Remove acme-1.2.0, promoted to staging\n";
    assert!(next.code == 0 && next.stdout.starts_with(words), "{next:#?}");
    assert_eq!((commit("staging"), commit("snapshot")), after);
    // Stopped before the first.
    git(&case, &["update-ref", "refs/heads/snapshot", &before.1]);
    git(&case, &["update-ref", "refs/heads/staging", &before.0]);
    git(&case, &["update-ref", "refs/epr-build/pending/snapshot", &after.1]);
    assert_eq!(run(&case, &nothing).code, 0);
    assert_eq!((commit("staging"), commit("snapshot")), before);
    assert_eq!(git(&case, &["for-each-ref", "refs/epr-build"]), "");
    // In both layers, after the lower branch went on: promoting again takes it away below.
    git(&case, &["update-ref", "refs/heads/staging", &after.0]);
    let again = run(&case, &promote);
    assert_eq!((again.code, again.stdout.as_str()), (0, "promoted acme-1.2.0 from snapshot to staging\n"));
    assert_eq!(commit("staging"), after.0);
    assert!(!git(&case, &["ls-tree", "-r", "--name-only", "snapshot"]).contains("acme/1.2.0"));
}

/// A branch that is checked out, or is none, is not changed; a repository that is none is said.
#[test]
fn what_cannot_be_changed_is_said() {
    if running::binary("git").is_none() {
        return;
    }
    let case = small();
    commit_layers(&case);
    let clone = case.path("clone");
    let cloned = Command::new("git").args(["clone", "-q", "-b", "staging"]).arg(case.path(BARE)).arg(&clone).status();
    assert!(cloned.unwrap().success());
    let (bare, clone) = (case.path(BARE).display().to_string(), clone.display().to_string());
    let promote = ["promote", "acme@1.2.0", "--from", "snapshot", "--to", "staging"];
    for (packages, words, hint) in [
        (format!("git+file://{clone}"), "has no `production`", "hint: name a branch"),
        (format!("git+file://{bare}/nowhere"), "nowhere`", "hint: name a clone"),
        (format!("git+file://{bare}#main"), "has no `main`", "hint: name a branch"),
    ] {
        let run = case.run(&[&promote[..], &["--packages", &packages]].concat());
        let last = run.stderr.lines().last().unwrap_or_default();
        assert!(run.code == 2 && run.stderr.contains(words) && last.starts_with(hint), "{packages} {run:#?}");
    }
    git(&case, &["worktree", "add", "-q", case.path("tree").to_str().unwrap(), "staging"]);
    let checked_out = run(&case, &["promote", "acme@1.2.0", "--from", "snapshot", "--to", "staging"]);
    let words = "branch `staging` is checked out in ";
    assert!(checked_out.code == 2 && checked_out.stderr.contains(words), "{checked_out:#?}");
    assert!(checked_out.stderr.contains("\nhint: switch that work tree"), "{checked_out:#?}");
}

/// A check compares with a branch for each layer, with folders of a tree, and with a tree that is the one layer.
#[test]
fn checks_compare_with_references() {
    if running::binary("git").is_none() {
        return;
    }
    let case = small();
    commit_layers(&case);
    let _ = fs::remove_file(case.path("index"));
    let tree = case.path("packages");
    git(&case, &["--work-tree", tree.to_str().unwrap(), "-c", "core.bare=false", "add", "-A", "-f", "."]);
    let commit = git(&case, &["commit-tree", &git(&case, &["write-tree"]), "-m", "All layers"]);
    git(&case, &["tag", "v1", &commit]);
    let bare = case.path(BARE).display().to_string();
    let bases =
        [format!("git+file://{bare}"), format!("git+file://{bare}#v1"), format!("git+file://{bare}#production")];
    let check = |base: &str| case.run(&["check", "--dist", "production", "--quiet", "--against", base]);
    for base in &bases {
        let run = check(base);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{base}");
    }
    fs::write(case.path("packages/production/acme/1.0.0/docs/README.md"), "# Edited\n").unwrap();
    for base in &bases {
        let run = check(base);
        let words = "acme-1.0.0 is published from layer `production` with other content: docs/README.md";
        assert!(run.code == 1 && run.stderr.contains(words), "{base} {run:#?}");
    }
    let base = format!("git+file://{bare}#production");
    let run = case.run(&["check", "--dist", "staging", "--quiet", "--against", &base]);
    assert!(run.code == 2 && run.stderr.contains("is nothing to compare with\nhint: "), "{run:#?}");
}

/// Links are treated as on disk, and what was read once is not read again: with the contents gone the build goes on.
#[test]
fn trees_are_read_as_folders_and_only_once() {
    if running::binary("git").is_none() {
        return;
    }
    let case = small();
    let inside = case.path("packages/snapshot/other/1.0.0");
    symlink("README.md", inside.join("docs/link.md")).unwrap();
    symlink("../docs/./link.md", inside.join("docs/again.md")).unwrap();
    let refused = [("/etc/passwd", "a"), ("../../../secret", "b"), ("nothing.md", "c"), ("self.md", "d"), ("..", "e")];
    let mut case = case;
    for (target, name) in refused {
        case = case.package("packages/snapshot", name, "1.0.0", "");
        symlink(target, case.path(&format!("packages/snapshot/{name}/1.0.0/docs/self.md"))).unwrap();
    }
    let case =
        case.file("packages/snapshot/secret", "").file("packages/snapshot/sub/1.0.0/manifest.yml", "format_version: [");
    commit_layers(&case);
    let (folders, branches) = (
        case.run(&["--dist", "snapshot", "--quiet"]),
        run(&case, &["--dist", "snapshot", "--quiet", "--out", "from-git"]),
    );
    assert_eq!((folders.code, branches.code), (1, 1));
    assert_eq!(folders.stderr, branches.stderr);
    assert_eq!(generation(&case, "out", "snapshot"), generation(&case, "from-git", "snapshot"));
    // A version goes, all contents are lost, and the build has no need of them.
    assert_eq!(run(&case, &["remove", "last@1.0.0", "--from", "snapshot"]).code, 0);
    let objects = git(&case, &["cat-file", "--batch-all-objects", "--batch-check"]);
    for line in objects.lines().filter(|line| line.contains(" blob ")) {
        fs::remove_file(case.path(&format!("{BARE}/objects/{}/{}", &line[..2], &line[2..40]))).unwrap();
    }
    let again = run(&case, &["--dist", "snapshot", "--quiet", "--out", "from-git"]);
    let report = case.json("from-git/snapshot/current/report.json");
    assert_eq!((again.code, report["versions"].as_u64()), (1, Some(5)), "{again:#?}");
}

/// In a repository packages are folders.
#[test]
fn zips_in_branches_are_left_out() {
    if running::binary("git").is_none() {
        return;
    }
    let case = small().file("packages/snapshot/acme/acme-9.0.0.zip", "a zip");
    commit_layers(&case);
    let run = run(&case, &["--dist", "snapshot", "--quiet", "--out", "from-git"]);
    let report = case.json("from-git/snapshot/current/report.json");
    let mut problems = report["problems"].as_array().unwrap().iter();
    assert!(run.code == 0 && problems.any(|problem| problem["rule"] == "zip-in-git"), "{run:#?}");
}

/// In a work tree each layer gets a commit of its own, the upper one first, with nothing else that is changed there.
#[test]
fn work_trees_get_a_commit_a_layer() {
    if running::binary("git").is_none() {
        return;
    }
    let case = small();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=someone", "-c", "user.email=someone@localhost"]).args(arguments);
        let Output { status, stdout, stderr } = command.current_dir(case.path("")).output().unwrap();
        assert!(status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).unwrap().trim_end().to_owned()
    };
    let promote = ["promote", "acme@1.2.0", "--from", "snapshot", "--to", "staging", "--commit"];
    let run = case.run(&promote);
    assert!(run.code == 2 && run.stderr.contains("is not in a git work tree"), "{run:#?}");
    assert!(run.stderr.ends_with("\nhint: run the command without --commit\n"), "{run:#?}");
    git(&["init", "-q"]);
    git(&["config", "user.name", "someone"]);
    git(&["config", "user.email", "someone@localhost"]);
    git(&["add", "packages"]);
    git(&["commit", "-q", "-m", "All packages"]);
    fs::write(case.path("staged"), "").unwrap();
    fs::write(case.path("packages/snapshot/other/1.0.0/docs/README.md"), "# Being edited\n").unwrap();
    git(&["add", "staged"]);
    let run = case.run(&promote);
    assert_eq!((run.code, run.stdout.as_str()), (0, "promoted acme-1.2.0 from snapshot to staging\n"), "{run:#?}");
    let subjects = "[snapshot] Remove acme-1.2.0, promoted to staging\n[staging] Promote acme-1.2.0 from snapshot\n\
                    All packages";
    assert_eq!(git(&["log", "--format=%s"]), subjects);
    let changed = git(&["show", "--no-renames", "--format=", "--name-status", "HEAD"]);
    assert!(changed.lines().all(|line| line.contains("packages/snapshot/")), "{changed}");
    assert!(changed.contains("D\tpackages/snapshot/acme/1.2.0/manifest.yml"), "{changed}");
    assert!(changed.contains("D\tpackages/snapshot/acme/1.2.0.sig") && changed.contains(".epr-build/log.jsonl"));
    assert_eq!(git(&["status", "--porcelain"]), " M packages/snapshot/other/1.0.0/docs/README.md\nA  staged");
}
