//! What the built-in server keeps in memory: the same answers as from the disk, whatever happens there, and no more than
//! there is room for.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::built::build_samples;
use crate::harness::Case;
use crate::in_process::Server;
use crate::routers::client::{Client, Response};
use epr_build::base::digest::Digest;
use epr_build::serve::ServeOptions;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

const GZIP: (&str, &str) = ("Accept-Encoding", "gzip");

fn serve(current: &Path, change: impl FnOnce(&mut ServeOptions)) -> Server {
    let mut options = ServeOptions::new(current.to_owned());
    options.debug_header = true;
    change(&mut options);
    Server::start(options)
}

fn from_disk(options: &mut ServeOptions) {
    options.kept_bytes = 0;
}

/// All but the time of day.
fn told(response: Response) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let mut headers = response.headers;
    headers.retain(|(name, _)| name != "date");
    headers.sort();
    (response.status, headers, response.body)
}

/// One distribution `d` with a package whose files are of all sizes: none, small, above a block, above what is kept.
fn case() -> Case {
    let text = |bytes: usize| -> String {
        (0..bytes / 64).map(|number| Digest::of(&number.to_le_bytes()).to_string()).collect::<String>()
    };
    let folder = "layer/sized/1.0.0/docs";
    let case = Case::new()
        .config("distributions: {d: {layers: [l]}}\nlayers: {l: {paths: layer}}\n")
        .package("layer", "sized", "1.0.0", &"A long readme has a gzip copy. ".repeat(400))
        .file(&format!("{folder}/none.md"), "")
        .file(&format!("{folder}/small.bin"), &text(1_000))
        .file(&format!("{folder}/middle.md"), &text(200_000))
        .file(&format!("{folder}/large.bin"), &text(900_000))
        .file(&format!("{folder}/unlisted"), "<html> it seems to be");
    build(&case);
    case
}

#[track_caller]
fn build(case: &Case) {
    let built = case.run(&["--dist", "d", "--quiet"]);
    assert_eq!(built.code, 0, "{built:#?}");
}

fn current(case: &Case) -> PathBuf {
    case.path("out/d/current")
}

const README: &str = "/package/sized/1.0.0/docs/README.md";
const TARGETS: [&str; 19] = [
    "/",
    "/index.json",
    "/index/packages.json",
    "/search?package=sized&prerelease=true",
    "/search?package=nobody",
    "/categories",
    "/package/sized/1.0.0/",
    "/package/sized/1.0.1/",
    README,
    "/package/sized/1.0.0/docs/README.md.gz",
    "/package/sized/1.0.0/docs/none.md",
    "/package/sized/1.0.0/docs/small.bin",
    "/package/sized/1.0.0/docs/middle.md",
    "/package/sized/1.0.0/docs/large.bin",
    "/package/sized/1.0.0/docs/unlisted",
    "/package/sized/1.0.0/docs",
    "/epr/sized/sized-1.0.0.zip",
    "/favicon.ico",
    "/ui/",
];

/// Status, headers and bytes do not tell where they come from.
#[test]
fn answers_from_memory_and_disk_are_the_same() {
    let case = case();
    let (kept, plain) = (serve(&current(&case), |_| {}), serve(&current(&case), from_disk));
    // So little room that files push each other out.
    let tight = serve(&current(&case), |options| options.kept_bytes = 30_000);
    let mut clients = [&kept, &plain, &tight].map(|server| Client::connect(&server.address));
    let mut check = |method: &str, target: &str, headers: &[(&str, &str)]| {
        // What is read first is kept, and sent from memory then.
        clients[0].send(method, target, headers);
        let [kept, plain, tight] = clients.each_mut().map(|client| told(client.send(method, target, headers)));
        assert!(kept == plain && tight == plain, "{method} {target} {headers:?}: {:?} {:?}", kept.1, plain.1);
        plain
    };
    for target in TARGETS {
        for encoding in [None, Some(GZIP)] {
            let with = |more: Option<(&'static str, String)>| -> Vec<(&'static str, String)> {
                encoding.map(|(name, value)| (name, value.to_owned())).into_iter().chain(more).collect()
            };
            let mut ask = |method: &str, headers: Vec<(&'static str, String)>| {
                check(method, target, &headers.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
            };
            let (status, headers, body) = ask("GET", with(None));
            ask("HEAD", with(None));
            if status != 200 {
                continue;
            }
            let header = |name: &str| headers.iter().find(|(found, _)| found == name).unwrap().1.clone();
            assert_eq!(header("content-length"), body.len().to_string(), "{target}");
            for (name, value, expected) in [
                ("If-None-Match", header("etag"), 304),
                ("If-None-Match", "\"another\"".to_owned(), 200),
                ("If-Modified-Since", header("last-modified"), 304),
                ("If-Match", "\"another\"".to_owned(), 412),
                ("Range", "bytes=0-0".to_owned(), if body.is_empty() { 416 } else { 206 }),
                ("Range", format!("bytes={}-", body.len() / 3), if body.is_empty() { 416 } else { 206 }),
                ("Range", format!("bytes={}-", body.len()), 416),
            ] {
                let (status, _, part) = ask("GET", with(Some((name, value.clone()))));
                assert_eq!(status, expected, "{target} {name}: {value}");
                assert!(status != 206 || body.windows(part.len()).any(|window| window == part), "{target} {value}");
            }
        }
    }
}

/// Changes a file and keeps its time, as a disk does that forgets.
fn spoil(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let found = fs::metadata(path).unwrap();
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
    let time = rustix::fs::Timespec { tv_sec: found.mtime(), tv_nsec: found.mtime_nsec() };
    let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::empty()).unwrap();
}

/// Damage that was there first is not remembered once it is mended; what was right stays so, even if the file is gone.
#[test]
fn damage_is_never_kept_and_hurts_nothing_that_is() {
    let case = case();
    let site = current(&case).join("site");
    let file = |target: &str| site.join(&target[1..]);
    let right = fs::read(file(README)).unwrap();
    let flip = |bytes: &mut Vec<u8>| bytes[10] ^= 1;
    let server = serve(&current(&case), |_| {});
    let mut client = Client::connect(&server.address);
    let mut ask = |target: &str| client.get(target);

    spoil(&file(README), flip);
    assert_ne!(ask(README).body, right);
    spoil(&file(README), flip);
    assert_eq!(ask(README).body, right);
    spoil(&file(README), flip);
    assert_eq!(ask(README).body, right);
    fs::remove_file(file(README)).unwrap();
    assert_eq!(ask(README).body, right);

    // The history is no part of a generation: it is written anew, with the time of its content, while one is served.
    let history = case.path("out/d/history.json");
    for number in 0..2 {
        let text = format!("{{\"number\": {number}}}");
        fs::write(&history, &text).unwrap();
        let time = rustix::fs::Timespec { tv_sec: Digest::of(text.as_bytes()).modified(), tv_nsec: 0 };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(rustix::fs::CWD, &history, &times, rustix::fs::AtFlags::empty()).unwrap();
        assert_eq!(ask("/ui/history.json").body, text.as_bytes());
    }
}

/// A file that is copied without its time is sent as it is, and is not kept.
#[test]
fn copies_without_their_times_are_served() {
    let case = case();
    let copy = case.path("copy");
    for entry in walkdir::WalkDir::new(fs::canonicalize(current(&case)).unwrap()).follow_links(true) {
        let entry = entry.unwrap();
        let relative = entry.path().strip_prefix(fs::canonicalize(current(&case)).unwrap()).unwrap();
        match entry.file_type().is_dir() {
            true => fs::create_dir_all(copy.join(relative)).unwrap(),
            false => fs::write(copy.join(relative), fs::read(entry.path()).unwrap()).unwrap(),
        }
    }
    let server = serve(&copy, |_| {});
    let mut client = Client::connect(&server.address);
    let before = client.get(README);
    assert_eq!(before.body, fs::read(current(&case).join("site").join(&README[1..])).unwrap());
    fs::write(copy.join("site").join(&README[1..]), "changed").unwrap();
    assert_eq!(client.get(README).body, b"changed");
}

/// A switch drops what belonged to the generation before, and so does the way back.
#[test]
fn another_generation_answers_for_itself() {
    let case = case();
    let server = serve(&current(&case), |_| {});
    let mut client = Client::connect(&server.address);
    let mut expect = |text: &str| {
        let mut etag = String::new();
        crate::switching::wait_until(text, || {
            let (plain, packed) = (client.ask(README, &[]), client.ask(README, &[GZIP]));
            let unpacked = epr_build::base::compress::gunzip(&packed.body).unwrap();
            etag = plain.header("etag").unwrap().to_owned();
            String::from_utf8(plain.body).unwrap().contains(text) && String::from_utf8(unpacked).unwrap().contains(text)
        });
        assert_eq!(client.ask(README, &[("If-None-Match", &etag)]).status, 304);
    };
    expect("A long readme");
    let case = case.package("layer", "sized", "1.0.0", &"Another one has one, too. ".repeat(400));
    build(&case);
    expect("Another one");
    let back = case.run(&["rollback", "--dist", "d"]);
    assert_eq!(back.code, 0, "{back:#?}");
    expect("A long readme");
}

/// Many clients ask for one file that nobody has asked for before.
#[test]
fn many_clients_at_once_get_all_of_one_answer() {
    const CLIENTS: usize = 48;
    let home = build_samples();
    let current = home.path().join("out/production/current");
    for kept_bytes in [64 << 20, 50_000, 0] {
        let server = serve(&current, |options| options.kept_bytes = kept_bytes);
        for target in ["/search?prerelease=true", "/epr/acme_vault/acme_vault-1.1.0.zip", "/index.json", "/nowhere"] {
            let start = Barrier::new(CLIENTS);
            let ask = || {
                let mut client = Client::patient(&server.address);
                start.wait();
                told(client.get(target))
            };
            let answers: Vec<_> = std::thread::scope(|scope| {
                let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
                clients.into_iter().map(|client| client.join().unwrap()).collect()
            });
            assert_eq!(answers[0].0, if target == "/nowhere" { 404 } else { 200 }, "{target}");
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{target}");
        }
    }
}
