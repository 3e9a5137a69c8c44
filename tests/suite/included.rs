//! The command `include`: a link that only it switches, through which servers that exist take in a generation.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

mod servers;

use crate::crash::{can_trace, traced};
use crate::harness::{Case, Run};
use crate::switching::DISTRIBUTION;
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// Builds a generation that differs from all others by a number, and keeps as few others as can be.
fn build(case: &Case, number: usize) -> String {
    crate::switching::write(case, number);
    let built = case.run(&["--dist", DISTRIBUTION, "--quiet", "--keep", "1"]);
    assert_eq!(built.code, 0, "{built:#?}");
    current(case)
}

fn current(case: &Case) -> String {
    let link = fs::read_link(case.path(&format!("out/{DISTRIBUTION}/current"))).unwrap();
    link.file_name().unwrap().to_str().unwrap().to_owned()
}

/// A case with a folder for a server's configuration.
fn case(prefix: &str) -> Case {
    case_with(prefix, |_| String::new())
}

/// The same, with more keys of the distribution, which may hold paths of the case.
fn case_with(prefix: &str, more: impl FnOnce(&Case) -> String) -> Case {
    let port = crate::switching::free_port();
    let case = Case::new();
    let more = more(&case);
    let case = case.config(&format!(
        "distributions: {{{DISTRIBUTION}: {{layers: [production], prefix: '{prefix}', listen: 127.0.0.1:{port}{more}}}}}\n"
    ));
    fs::create_dir(case.path("etc")).unwrap();
    case
}

fn try_include(case: &Case, host: &str, more: &[&str]) -> Run {
    case.run(&[&["include", host, "--dist", DISTRIBUTION, "--at", "etc/epr"], more].concat())
}

fn include(case: &Case, host: &str, more: &[&str]) -> Run {
    let run = try_include(case, host, more);
    assert_eq!(run.code, 0, "{run:#?}");
    run
}

/// The folder that the link leads to.
fn target(case: &Case) -> PathBuf {
    fs::read_link(case.path("etc/epr")).unwrap()
}

fn leads_to(case: &Case, generation: &str) -> bool {
    target(case).file_name().unwrap().to_str().unwrap().starts_with(generation)
}

fn generations(case: &Case) -> usize {
    fs::read_dir(case.path(&format!("out/{DISTRIBUTION}/generations"))).unwrap().count()
}

#[test]
fn builds_keep_what_servers_include() {
    let case = case("");
    let one = build(&case, 1);
    include(&case, "nginx", &[]);
    let two = build(&case, 2);
    build(&case, 3);
    assert!(leads_to(&case, &one));
    assert_eq!(generations(&case), 2, "the one in use, and that of the link");
    let at = fs::canonicalize(case.path("etc")).unwrap().join("epr");
    let listed = case.run(&["generations", "--dist", DISTRIBUTION]).stdout;
    let line = listed.lines().find(|line| line.starts_with(&one)).unwrap();
    assert!(line.ends_with(&format!("  included at {}", at.display())), "{listed}");
    assert!(!listed.contains(&two), "{listed}");

    // The server answers from the earlier one until it is reloaded.
    let three = current(&case);
    include(&case, "nginx", &[]);
    build(&case, 4);
    assert!(leads_to(&case, &three));
    assert!(case.path(&format!("out/{DISTRIBUTION}/generations/{one}/site")).exists());
    assert_eq!(generations(&case), 3);
    include(&case, "nginx", &[]);
    build(&case, 5);
    assert!(!case.path(&format!("out/{DISTRIBUTION}/generations/{one}")).exists());
    let folders =
        fs::read_dir(target(&case).parent().unwrap()).unwrap().filter(|e| e.as_ref().unwrap().path().is_dir());
    assert_eq!(folders.count(), 2, "the files of the one before are kept, and no others");

    let gone = include(&case, "nginx", &["--remove"]);
    assert_eq!(gone.stdout, format!("{DISTRIBUTION}: {} is removed\n", at.display()));
    assert!(fs::symlink_metadata(&at).is_err());
    build(&case, 6);
    assert_eq!(generations(&case), 1);
    let again = try_include(&case, "nginx", &["--remove"]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.starts_with("error: there is no link `"), "{}", again.stderr);
}

#[test]
fn a_link_that_is_gone_still_keeps_its_generation_until_it_is_removed() {
    let case = case("");
    let one = build(&case, 1);
    include(&case, "caddy", &[]);
    // As it looks from another machine.
    fs::rename(case.path("etc"), case.path("elsewhere")).unwrap();
    build(&case, 2);
    assert!(case.path(&format!("out/{DISTRIBUTION}/generations/{one}/site")).exists());
    include(&case, "caddy", &["--remove"]);
    build(&case, 3);
    assert_eq!(generations(&case), 1);
}

#[test]
fn a_second_run_changes_nothing_and_a_dry_one_neither() {
    let case = case("/epr");
    let one = build(&case, 1);
    let before = case.tree();
    let told = include(&case, "nginx", &["--dry-run"]).stdout;
    let at = fs::canonicalize(case.path("etc")).unwrap().join("epr");
    let at = at.display();
    let how = format!(
        "  in http            include {at}/http.conf;\n  in server          include {at}/server.conf;\n  \
         then               nginx -t && nginx -s reload\n"
    );
    assert_eq!(told, format!("{DISTRIBUTION}: {at} would lead to generation {one}\n{how}"));
    assert_eq!(case.tree(), before);
    assert_eq!(include(&case, "nginx", &[]).stdout, format!("{DISTRIBUTION}: {at} leads to generation {one}\n{how}"));
    let before = case.tree();
    let told = include(&case, "nginx", &[]).stdout;
    assert_eq!(told, format!("{DISTRIBUTION}: {at} leads already to generation {one}\n{how}"));
    include(&case, "nginx", &["--remove", "--dry-run"]);
    assert_eq!(case.tree(), before);

    let two = build(&case, 2);
    let told: serde_json::Value = serde_json::from_str(&include(&case, "nginx", &["--format", "json"]).stdout).unwrap();
    let files = ["http.conf", "maps.conf", "server.conf"].map(|name| format!("{at}/{name}"));
    let expected = json!({
        "distribution": DISTRIBUTION, "server": "nginx", "at": at.to_string(), "generation": two, "before": one,
        "switched": true, "files": files,
        "lines": [
            {"place": "http", "line": format!("include {at}/http.conf;")},
            {"place": "server", "line": format!("include {at}/server.conf;")},
        ],
        "reload": "nginx -t && nginx -s reload",
    });
    assert_eq!(told, expected);
    // Back again, and what somebody changed is mended.
    include(&case, "nginx", &["--generation", &one]);
    assert!(leads_to(&case, &one));
    let told = include(&case, "nginx", &["--generation", &one]).stdout;
    assert!(told.contains(&format!(" leads already to generation {one}\n  before             {two}\n")), "{told}");
    // A run was stopped between its note and its rename.
    let note = target(&case).parent().unwrap().join("link.json");
    let text = fs::read_to_string(&note)
        .unwrap()
        .replace(&one, "x")
        .replace(&two, &one)
        .replace("\"x\"", &format!("\"{two}\""));
    fs::write(&note, text).unwrap();
    let told = include(&case, "nginx", &["--generation", &one]).stdout;
    assert!(told.contains(&format!(" leads to generation {one}\n  before             {two}\n")), "{told}");
    fs::write(case.path("etc/epr/server.conf"), "").unwrap();
    include(&case, "nginx", &["--generation", &one]);
    assert!(fs::read_to_string(case.path("etc/epr/server.conf")).unwrap().contains(&one));
}

#[test]
fn what_is_no_link_of_this_command_stays() {
    let case = case("");
    build(&case, 1);
    let refused = |host: &str, at: &str, what: &str| {
        let before = case.tree();
        for more in [&[][..], &["--dry-run"], &["--remove"]] {
            let run = case.run(&[&["include", host, "--dist", DISTRIBUTION, "--at", at], more].concat());
            assert_eq!(run.code, 2, "{at}: {run:#?}");
            assert!(run.stderr.contains(what) && run.stderr.contains("\nhint: "), "{at}: {run:#?}");
        }
        assert_eq!(case.tree(), before, "{at}");
    };
    fs::write(case.path("etc/file"), "mine").unwrap();
    symlink("file", case.path("etc/link")).unwrap();
    symlink("nowhere", case.path("etc/dangling")).unwrap();
    refused("nginx", "etc/file", "is there and no link");
    refused("nginx", "etc", "is there and no link");
    refused("nginx", "etc/link", "leads to `file`");
    refused("nginx", "etc/dangling", "leads to `nowhere`");
    refused("nginx", &format!("out/{DISTRIBUTION}/current"), "leads to `generations/");
    refused("nginx", "/", "cannot be the path of a link");
    include(&case, "nginx", &[]);
    refused("apache", "etc/epr", "which is not of this distribution and server");
    // A folder that is not there is no place either; only the lock of the output is touched.
    let run = case.run(&["include", "nginx", "--dist", DISTRIBUTION, "--at", "nowhere/epr"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("hint: name a path with --at in a folder that you may write to"), "{run:#?}");
    assert!(!case.path("nowhere").exists());
    let links = fs::read_dir(case.path(&format!("out/{DISTRIBUTION}/includes"))).unwrap();
    assert_eq!(links.count(), 1);
}

// As earlier versions of the program made them.
#[test]
fn a_generation_without_files_to_include_is_refused() {
    let case = case("");
    let id = build(&case, 1);
    fs::remove_file(case.path(&format!("out/{DISTRIBUTION}/generations/{id}/hosts/caddy/site.caddy.in"))).unwrap();
    let before = case.tree();
    let run = try_include(&case, "caddy", &[]);
    let expected = format!(
        "error: generation {id} has no files to include: an earlier version of epr-build made it\n\
         hint: build again, or choose another one with --generation\n"
    );
    assert_eq!((run.code, run.stderr), (2, expected));
    assert_eq!(case.tree(), before);
}

#[test]
fn an_output_folder_may_be_moved() {
    let case = case("");
    build(&case, 1);
    include(&case, "nginx", &[]);
    fs::rename(case.path("out"), case.path("moved")).unwrap();
    include(&case, "nginx", &["--out", "moved"]);
    let moved = fs::canonicalize(case.path("moved")).unwrap();
    assert!(target(&case).starts_with(&moved));
    assert!(fs::read_to_string(case.path("etc/epr/http.conf")).unwrap().contains(moved.to_str().unwrap()));
    // What configurations would take for something else is no path for them.
    fs::rename(case.path("moved"), case.path("with blank")).unwrap();
    let before = case.tree();
    let run = try_include(&case, "nginx", &["--out", "with blank"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("configurations cannot hold the path `"), "{run:#?}");
    assert_eq!(case.tree(), before);
}

// Everything is on the disk before the link leads to it, and the link itself afterwards.
#[test]
fn the_link_is_switched_by_one_rename_between_two_flushes() {
    if !can_trace() {
        return;
    }
    let case = case("");
    build(&case, 1);
    include(&case, "nginx", &[]);
    build(&case, 2);
    let arguments = ["include", "nginx", "--dist", DISTRIBUTION, "--at", "etc/epr"];
    let trace = "trace=syncfs,fsync,?rename,renameat,?renameat2,symlinkat,?unlink,unlinkat";
    let (code, _) = traced(&case, &["-o", "trace", "-y", "-e", trace], &arguments);
    assert_eq!(code, Some(0));
    let text = fs::read_to_string(case.path("trace")).unwrap();
    let calls: Vec<_> = text.lines().filter(|line| line.contains("etc") || line.contains("syncfs(")).collect();
    let names: Vec<_> = calls.iter().filter_map(|line| line.split_whitespace().nth(1)?.split('(').next()).collect();
    let rename = names.iter().position(|name| name.starts_with("rename")).unwrap();
    assert_eq!(names[..rename], ["unlink", "symlinkat", "syncfs"].map(|name| name), "{text}");
    assert_eq!(names[rename + 1..], ["fsync"], "{text}");
    assert!(calls[rename].contains("/.epr.new"), "{text}");
}

// Whenever it is killed, the link leads to one generation, and the next run ends the work.
#[test]
fn a_killed_run_leaves_the_link_whole() {
    if !can_trace() {
        return;
    }
    let case = case("");
    build(&case, 1);
    include(&case, "nginx", &[]);
    let mut ends = Vec::new();
    for (number, (call, when)) in
        [("symlinkat", 1), ("write", 3), ("write", 5), ("syncfs", 1), ("?rename,renameat,?renameat2", 4), ("fsync", 1)]
            .into_iter()
            .enumerate()
    {
        let new = build(&case, number + 2);
        let before = target(&case);
        let inject = format!("inject={call}:signal=KILL:when={when}");
        let options = ["-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject];
        let (code, _) = traced(&case, &options, &["include", "nginx", "--dist", DISTRIBUTION, "--at", "etc/epr"]);
        ends.push(code);
        let now = target(&case);
        assert!(now == before || leads_to(&case, &new), "{call}");
        // A build in between must not take away what the link leads to.
        build(&case, number + 100);
        for name in ["http.conf", "server.conf"] {
            let text = fs::read_to_string(now.join(name)).unwrap();
            let paths = text.lines().filter_map(|line| line.strip_prefix("include \"")?.strip_suffix("\";"));
            for path in paths.filter(|path| !path.contains('*')) {
                assert!(fs::metadata(path).is_ok(), "{call}: {path}");
            }
        }
        include(&case, "nginx", &[]);
        assert!(leads_to(&case, &current(&case)), "{call}");
        let left = fs::read_dir(case.path("etc")).unwrap().count();
        assert_eq!(left, 1, "{call}");
    }
    assert!(ends.iter().filter(|end| end.is_none()).count() >= 5, "{ends:?}");
}
