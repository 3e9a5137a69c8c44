//! What others may put into a layer to publish files of the machine, or to make a build wait: links, fifos, endless files.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::harness::{Case, FOREIGN_SIGNATURE, Run};
use crate::running;
use rustix::fs::{CWD, FileType, Mode};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// One distribution of one layer.
const ONE: &str = "distributions: {d: {layers: [l]}}\nlayers: {l: {paths: layer}}\n";
const BUILD: [&str; 3] = ["--dist", "d", "--quiet"];
const SECRET: &str = "known to this machine only";

fn link(case: &Case, link: &str, target: impl AsRef<Path>) {
    let _ = fs::remove_file(case.path(link));
    symlink(target, case.path(link)).unwrap();
}

fn fifo(case: &Case, path: &str) {
    rustix::fs::mknodat(CWD, case.path(path), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

/// Runs the program, which must not wait for anything.
fn run(case: &Case, arguments: &[&str]) -> Run {
    let said = ["stdout", "stderr"].map(|name| case.path(&format!("said.{name}")));
    let [stdout, stderr] = said.each_ref().map(|path| fs::File::create(path).unwrap());
    let mut child = case.command(arguments).stdout(stdout).stderr(stderr).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("{arguments:?} waits for something");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let [stdout, stderr] = said.map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(path).unwrap();
        text
    });
    Run { code: status.code().unwrap(), stdout, stderr }
}

#[track_caller]
fn built(case: &Case, code: i32) -> Run {
    let built = run(case, &BUILD);
    assert_eq!(built.code, code, "{built:#?}");
    built
}

/// What the registry in use holds, `<name>/<version>`.
fn published(case: &Case) -> Vec<String> {
    let root = case.path("out/d/current/site/package");
    let found = walkdir::WalkDir::new(&root).min_depth(2).max_depth(2).sort_by_file_name().follow_links(true);
    found.into_iter().map(|entry| entry.unwrap().path().strip_prefix(&root).unwrap().display().to_string()).collect()
}

/// Rules and places of the report.
fn told(case: &Case) -> Vec<String> {
    let report = case.json("out/d/current/report.json");
    let problems = report["problems"].as_array().unwrap().iter();
    problems
        .map(|it| format!("{} {}", it["rule"].as_str().unwrap(), it["place"]["package"].as_str().unwrap()))
        .collect()
}

/// Files below a folder that hold a text, links not followed.
fn holding(folder: &Path, text: &str) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap).filter(|it| it.file_type().is_file());
    let holds = |path: &PathBuf| fs::read(path).unwrap().windows(text.len()).any(|part| part == text.as_bytes());
    files.map(walkdir::DirEntry::into_path).filter(holds).collect()
}

/// A layer with one good zip and one good folder, and secrets beside it: a file, a package, a zip.
fn world() -> Case {
    Case::new()
        .config(ONE)
        .zip("layer", "good", "1.0.0")
        .package("layer", "plain", "1.0.0", "")
        .file("secret.txt", SECRET)
        .package("private", "secret", "1.0.0", SECRET)
        .zip("private", "hidden", "1.0.0")
}

/// Signatures, zips, version folders and folders of packages that are links: none is followed, all are told.
#[test]
fn links_publish_no_file_of_the_machine() {
    let case = world();
    link(&case, "layer/good-1.0.0.zip.sig", "../secret.txt");
    link(&case, "layer/plain/1.0.0.sig", case.path("secret.txt"));
    link(&case, "layer/hidden-1.0.0.zip", "../private/hidden-1.0.0.zip");
    link(&case, "layer/plain/2.0.0", "../../private/secret/1.0.0");
    link(&case, "layer/secret", "../private/secret");
    built(&case, 0);
    assert_eq!(published(&case), ["good/1.0.0", "plain/1.0.0"]);
    assert_eq!(holding(&case.path("out"), SECRET), Vec::<PathBuf>::new());
    assert_eq!(
        told(&case),
        [
            "symlink-skipped good-1.0.0.zip",
            "symlink-skipped hidden-1.0.0.zip",
            "symlink-skipped plain/1.0.0",
            "symlink-skipped plain/2.0.0",
            "symlink-skipped secret",
        ]
    );
    let report = case.json("out/d/current/report.json");
    for problem in report["problems"].as_array().unwrap() {
        let message = problem["message"].as_str().unwrap();
        assert!(
            message.contains("is skipped: it is a symbolic link") || message.contains("link is skipped"),
            "{message}"
        );
    }
    // A layer that requires signatures has none here.
    let case = case.config(&ONE.replace("paths: layer", "paths: layer, signatures: require"));
    let run = run(&case, &["check", "--dist", "d"]);
    assert!(run.code == 1 && run.stderr.contains("is missing a required signature file"), "{run:#?}");
}

/// Nothing is waited for, and nothing endless is read, wherever it lies in a layer.
#[test]
fn neither_fifos_nor_devices_stop_a_build() {
    let mut case = world();
    for name in ["a", "b", "c", "e", "f", "g"] {
        case = case.package("layer", name, "1.0.0", "");
    }
    fs::remove_file(case.path("layer/a/1.0.0/manifest.yml")).unwrap();
    fifo(&case, "layer/a/1.0.0/manifest.yml");
    link(&case, "layer/b/1.0.0/manifest.yml", "/dev/zero");
    fifo(&case, "layer/c/1.0.0.sig");
    link(&case, "layer/e/1.0.0.sig", "/dev/zero");
    fs::create_dir(case.path("layer/f/1.0.0.sig")).unwrap();
    link(&case, "layer/g/1.0.0/docs/pipe", "../../../a/1.0.0/manifest.yml");
    fifo(&case, "layer/pipe-1.0.0.zip");
    fs::create_dir(case.path("layer/folder.zip")).unwrap();
    link(&case, "layer/zero-1.0.0.zip", "/dev/zero");
    fifo(&case, "layer/plain/2.0.0");
    fs::create_dir(case.path("layer/.epr-build")).unwrap();
    fifo(&case, "layer/.epr-build/log.jsonl");
    built(&case, 1);
    assert_eq!(published(&case), ["e/1.0.0", "good/1.0.0", "plain/1.0.0"]);
    assert_eq!(
        told(&case),
        [
            "signature-not-a-file c/1.0.0",
            "signature-not-a-file f/1.0.0",
            "special-file a/1.0.0",
            "special-file pipe-1.0.0.zip",
            "symlink-escapes b/1.0.0",
            "symlink-escapes g/1.0.0",
            "not-a-version-folder f/1.0.0.sig",
            "not-a-version-folder plain/2.0.0",
            "symlink-skipped e/1.0.0",
            "symlink-skipped zero-1.0.0.zip",
        ]
    );
    // The log is read when versions are gone.
    fs::remove_dir_all(case.path("layer/plain")).unwrap();
    built(&case, 1);
    assert_eq!(published(&case), ["e/1.0.0", "good/1.0.0"]);
}

/// A signature of more than 64 KiB is not read, however large it says it is.
#[test]
fn signatures_have_a_limit() {
    let case = world().package("layer", "long", "1.0.0", "").package("layer", "full", "1.0.0", "");
    fs::File::create(case.path("layer/good-1.0.0.zip.sig")).unwrap().set_len(100 << 30).unwrap();
    let text = |bytes: usize| "i".repeat(bytes);
    fs::write(case.path("layer/long/1.0.0.sig"), text((64 << 10) + 1)).unwrap();
    fs::write(case.path("layer/full/1.0.0.sig"), text(64 << 10)).unwrap();
    fs::write(case.path("layer/plain/1.0.0.sig"), "no signature").unwrap();
    built(&case, 1);
    assert_eq!(published(&case), ["full/1.0.0", "plain/1.0.0"]);
    let expected = [
        "signature-too-large good-1.0.0.zip",
        "signature-too-large long/1.0.0",
        "signature-not-armored full/1.0.0",
        "signature-not-armored plain/1.0.0",
    ];
    assert_eq!(told(&case), expected);
    let problems = case.json("out/d/current/report.json")["problems"].to_string();
    assert!(
        problems.contains("Kibana refuses it where it verifies signatures: the signature has no line"),
        "{problems}"
    );
    let served = case.path("out/d/current/site/epr/plain/plain-1.0.0.zip.sig");
    assert_eq!(fs::read_to_string(served).unwrap(), "no signature", "it is published as it is");
    let added = run(&case, &["add", "layer/long/1.0.0", "--to", "l"]);
    assert!(added.code == 1 && added.stderr.contains("its signature has more than 65536 bytes"), "{added:#?}");
    if running::binary("git").is_some() {
        let git = |arguments: &[&str]| {
            let who = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
            let mut command = Command::new("git");
            command.arg("-C").arg(case.path("layer")).args(arguments).envs(who.map(|name| (name, "someone")));
            assert!(command.output().unwrap().status.success(), "{arguments:?}");
        };
        fs::remove_file(case.path("layer/good-1.0.0.zip.sig")).unwrap();
        link(&case, "layer/full/1.0.0.sig", "../plain/1.0.0.sig");
        git(&["init", "-q", "-b", "main"]);
        git(&["add", "-A", "-f", "long", "full", "plain"]);
        git(&["commit", "-q", "-m", "All"]);
        let branch = Case::new()
            .config(&ONE.replace("paths: layer", &format!("paths: 'git+file:{}#main'", case.path("layer").display())));
        let branch_built = run(&branch, &BUILD);
        assert_eq!(branch_built.code, 1, "{branch_built:#?}");
        let expected =
            ["signature-too-large long/1.0.0", "signature-not-armored plain/1.0.0", "symlink-skipped full/1.0.0"];
        assert_eq!(told(&branch), expected);
    }
}

/// Who keeps zips in a pool and links to them says so; other links stay skipped.
#[test]
fn links_into_named_folders_are_followed() {
    let config = ONE.replace("paths: layer", "paths: layer, follow_links: pool");
    let case = Case::new().config(&config).zip("pool/deep", "acme", "1.0.0").zip("pool", "acme", "2.0.0");
    let case = case.zip("private", "hidden", "1.0.0").file("pool/deep/acme-1.0.0.zip.sig", FOREIGN_SIGNATURE);
    let case = case.zip("layer", "base", "1.0.0");
    link(&case, "layer/acme-1.0.0.zip", "../pool/deep/acme-1.0.0.zip");
    link(&case, "layer/acme-1.0.0.zip.sig", case.path("pool/deep/acme-1.0.0.zip.sig"));
    link(&case, "layer/hidden-1.0.0.zip", "../private/hidden-1.0.0.zip");
    built(&case, 0);
    assert_eq!(
        (published(&case), told(&case)),
        (vec!["acme/1.0.0".to_owned(), "base/1.0.0".to_owned()], vec!["symlink-skipped hidden-1.0.0.zip".to_owned()])
    );
    let served = |name: &str| fs::read(case.path(&format!("out/d/current/site/epr/acme/{name}"))).unwrap();
    assert_eq!(served("acme-1.0.0.zip"), fs::read(case.path("pool/deep/acme-1.0.0.zip")).unwrap());
    assert_eq!(served("acme-1.0.0.zip.sig"), FOREIGN_SIGNATURE.as_bytes());

    // The link leads elsewhere now: to another zip, out of the pool by a link in it, to nothing.
    std::thread::sleep(Duration::from_millis(200));
    built(&case, 0);
    link(&case, "layer/acme-1.0.0.zip", "../pool/acme-2.0.0.zip");
    built(&case, 0);
    assert_eq!(published(&case), ["acme/2.0.0", "base/1.0.0"]);
    link(&case, "pool/way", "../private");
    link(&case, "layer/hidden-1.0.0.zip", "../pool/way/hidden-1.0.0.zip");
    built(&case, 0);
    assert_eq!(published(&case), ["acme/2.0.0", "base/1.0.0"]);
    link(&case, "layer/hidden-1.0.0.zip", "../pool/nothing.zip");
    built(&case, 1);
    assert_eq!(told(&case), ["not-a-zip hidden-1.0.0.zip"]);

    // A pool that is not mounted does not empty the registry.
    fs::rename(case.path("pool"), case.path("away")).unwrap();
    let refused = built(&case, 2);
    assert!(refused.stderr.contains("follows links into `pool`, which is not there\nhint: mount it"), "{refused:#?}");
    assert_eq!(published(&case), ["acme/2.0.0", "base/1.0.0"]);
    // An empty one is a pool whose zips are missing, and that counts as a loss.
    fs::create_dir(case.path("pool")).unwrap();
    fs::rename(case.path("layer/base-1.0.0.zip"), case.path("base.zip")).unwrap();
    let refused = built(&case, 2);
    assert!(refused.stderr.contains("has lost all 2 of 2 versions"), "{refused:#?}");
}

/// A promotion takes the zip along that a link stands for, and the pool keeps its own.
#[test]
fn followed_links_are_promoted_as_files() {
    let config =
        "distributions: {d: {layers: [up, l]}}\nlayers: {up: {paths: up}, l: {paths: layer, follow_links: pool}}\n";
    let case =
        Case::new().config(config).zip("pool", "acme", "1.0.0").file("pool/acme-1.0.0.zip.sig", FOREIGN_SIGNATURE);
    ["layer", "up"].iter().for_each(|folder| fs::create_dir(case.path(folder)).unwrap());
    link(&case, "layer/acme-1.0.0.zip", "../pool/acme-1.0.0.zip");
    link(&case, "layer/acme-1.0.0.zip.sig", "../pool/acme-1.0.0.zip.sig");
    let moved = run(&case, &["promote", "acme@1.0.0", "--from", "l", "--to", "up"]);
    assert_eq!(moved.code, 0, "{moved:#?}");
    for name in ["acme-1.0.0.zip", "acme-1.0.0.zip.sig"] {
        let (there, pool) = (case.path("up").join(name), case.path("pool").join(name));
        assert!(fs::symlink_metadata(&there).unwrap().is_file(), "{name}");
        assert_eq!(fs::read(there).unwrap(), fs::read(pool).unwrap(), "{name}");
        assert!(fs::symlink_metadata(case.path("layer").join(name)).is_err(), "{name}");
    }
}

/// What is added comes in as files: a link is not followed for its signature, nor for a zip that was not meant.
#[test]
fn nothing_is_added_through_links() {
    let case = world().zip("incoming", "new", "1.0.0").package("incoming", "other", "1.0.0", "");
    link(&case, "incoming/new-1.0.0.zip.sig", "../secret.txt");
    link(&case, "incoming/other/1.0.0.sig", "../../secret.txt");
    link(&case, "incoming/link-1.0.0.zip", "../private/hidden-1.0.0.zip");
    let refused = run(&case, &["add", "incoming/link-1.0.0.zip", "--to", "l"]);
    assert_eq!(refused.code, 2, "{refused:#?}");
    assert!(refused.stderr.contains("it is a symbolic link; name the zip that it points to"), "{refused:#?}");
    let case = case.zip("incoming", "waiting", "1.0.0");
    fifo(&case, "incoming/waiting-1.0.0.zip.sig");
    let refused = run(&case, &["add", "incoming/waiting-1.0.0.zip", "--to", "l"]);
    assert!(refused.code == 2 && refused.stderr.contains("its signature is not a regular file"), "{refused:#?}");
    let added = run(&case, &["add", "incoming/new-1.0.0.zip", "incoming/other/1.0.0", "--to", "l"]);
    assert_eq!(added.code, 0, "{added:#?}");
    assert!(added.stderr.contains("its signature is skipped: it is a symbolic link"), "{added:#?}");
    assert_eq!(holding(&case.path("layer"), SECRET), Vec::<PathBuf>::new());
    for name in ["new-1.0.0.zip.sig", "other/1.0.0.sig", "link-1.0.0.zip", "hidden-1.0.0.zip"] {
        assert!(fs::symlink_metadata(case.path("layer").join(name)).is_err(), "{name}");
    }
    built(&case, 0);
    assert_eq!(published(&case), ["good/1.0.0", "new/1.0.0", "other/1.0.0", "plain/1.0.0"]);
    // The folder in which changes are prepared leads nowhere else, either.
    for name in ["log.jsonl", "pending.json", ".lock"] {
        link(&case, &format!("layer/.epr-build/{name}"), "../../secret.txt");
        let refused = run(&case, &["remove", "new@1.0.0", "--from", "l", "--reason", "x"]);
        assert_eq!(refused.code, 2, "{name}: {refused:#?}");
        fs::remove_file(case.path(&format!("layer/.epr-build/{name}"))).unwrap();
        assert_eq!(fs::read_to_string(case.path("secret.txt")).unwrap(), SECRET, "{name}");
    }
}

/// Zips that became links are told as skipped and count as no loss; but a registry is not emptied for it.
#[test]
fn skipped_links_are_not_lost() {
    let case =
        Case::new().config("distributions: {d: {layers: [u, l]}}\nlayers: {l: {paths: layer}, u: {paths: upper}}\n");
    let case = (0..12).fold(case, |case, minor| case.zip("layer", "acme", &format!("1.{minor}.0")));
    let case = case.package("upper", "other", "1.0.0", "");
    built(&case, 0);
    fs::rename(case.path("layer"), case.path("elsewhere")).unwrap();
    fs::create_dir(case.path("layer")).unwrap();
    for minor in 0..12 {
        let name = format!("acme-1.{minor}.0.zip");
        link(&case, &format!("layer/{name}"), format!("../elsewhere/{name}"));
    }
    built(&case, 0);
    assert_eq!((published(&case), told(&case).len()), (vec!["other/1.0.0".to_owned()], 12));
    // Others that are gone are lost as ever.
    fs::create_dir(case.path("kept")).unwrap();
    fs::rename(case.path("upper/other"), case.path("kept/other")).unwrap();
    let refused = built(&case, 2);
    assert!(refused.stderr.contains("layer `u` has lost all 1 of 1 version"), "{refused:#?}");

    // A folder that became a link is lost, whatever lies behind it; and an empty registry takes no place.
    for (folder, words) in [
        (true, "layer `l` has lost all 1 of 1 version: plain-1.0.0"),
        (false, "`d` would have no version at all: 1 that it has now lies behind a symbolic link"),
    ] {
        let case = world();
        if !folder {
            fs::remove_dir_all(case.path("layer/plain")).unwrap();
        }
        built(&case, 0);
        let before = published(&case);
        let names: &[&str] = if folder { &["good-1.0.0.zip", "plain"] } else { &["good-1.0.0.zip"] };
        for name in names {
            fs::rename(case.path("layer").join(name), case.path("private").join(name)).unwrap();
            link(&case, &format!("layer/{name}"), format!("../private/{name}"));
        }
        let refused = built(&case, 2);
        assert!(refused.stderr.contains(words), "{words}: {refused:#?}");
        assert_eq!(published(&case), before);
    }
}
