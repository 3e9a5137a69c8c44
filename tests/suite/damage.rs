//! Damage to an output folder: `verify` tells all of it, a build mends what a look tells, `--no-cache` and `--repair` the rest.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use crate::harness::{Case, Run};
use crate::incremental::{add, check_whole, settle};
use epr_build::base::digest::Digest;
use epr_build::base::progress::Progress;
use epr_build::build::verify::same;
use epr_build::carry::bundle::check;
use epr_build::store::Store;
use rustix::fs::{FileType, Mode};
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

const BUILD: [&str; 3] = ["--dist", "staging", "--quiet"];

/// What is damaged, and which damages to it a build mends (`+`), or leaves to `--no-cache` and `--repair` (`-`): a bit is
/// flipped (`f`), the second half is gone (`c`), all of it (`e`), the file (`g`); or something else lies in its place: a folder
/// with a file in it (`d`), a fifo (`p`), a socket (`s`), a link to the good one elsewhere (`l`). Capital letters change the
/// time of the file, small ones keep it.
const ROWS: [(&str, &str); 26] = [
    ("the content of a package's file", "F+ f- C+ c+ E+ e+ g+ D+ d+ P+ p+ s+ L+ l+"),
    ("an answer", "F+ f- c+ E+ e+ g+ d+ p+ l+"),
    ("a document", "F+ f- c+ e+ g+ d+ p+ l+"),
    ("a gzip copy", "f- c+ e+ g+ d+ p+ l+"),
    ("an archive", "F+ f- C+ c+ E+ e+ g+ D+ d+ P+ p+ L+ l+"),
    ("the list of a package's files", "f- c+ e+ d+ p+ l+"),
    ("an empty file", "g+ d+ p+ s+ l+"),
    // A file of a folder that is no further name of a blob is read.
    ("a file of a folder of the store", "F+ f+ C+ c+ E+ e+ g+ D+ d+ p+ s+ l+"),
    ("a link to a folder of the store", "g+ d+ p+ l+"),
    ("a folder of the store", "g+ p+ s+ L+ l+"),
    ("a part of the store", "g+ p+"),
    ("routes.json", "F+ f- C+ c+ E+ e+ g+ D+ d+ P+ p+ s+ L+ l+"),
    ("manifest.json", "F+ f- c+ e+ g+ d+ p+ l+"),
    ("report.json", "F+ f- c+ e+ g+ d+ p+ l+"),
    ("files.json", "f- c+ g+ d+ p+ l+"),
    ("own-files.json", "F+ f+ c+ e+ g+ d+ p+ l+"),
    ("hosts/nginx/nginx.conf", "F+ f- c+ E+ e+ g+ d+ p+ l+"),
    ("hosts/nginx", "g+ p+ s+ l+"),
    ("site", "g+ d+ p+ l+"),
    ("current", "g+ p+ s+ l+"),
    ("generations.log", "F+ f+ c+ e+ g+ d+ p+ l+"),
    ("history.json", "F+ f+ c+ e+ g+ d+ p+ l+"),
    ("release.json", "F+ f+ c+ e+ g+ d+ p+ l+"),
    ("hosting.json of the release", "f- e+ g+ d+ p+ l+"),
    ("releases.log", "F+ f+ C+ c+ E+ e+ g+ d+ p+ l+"),
    ("cache/packages", "F+ f+ C+ c+ E+ e+ d+ p+ l+"),
];

/// Three packages, two generations, a release of the second.
fn world() -> Case {
    let case = Case::new()
        .package("packages/production", "alpha", "1.0.0", &"A long readme has a gzip copy. ".repeat(400))
        .file("packages/production/alpha/1.0.0/docs/empty.md", "")
        .zip("packages/production", "zipped", "1.0.0");
    change(&case, 0);
    build(&case);
    change(&case, 1);
    settle();
    build(&case);
    good(&case, &["release", "8.5.0", "--dist", "staging"]);
    build(&case);
    good(&case, &[&BUILD[..], &["--out", "clean"]].concat());
    case
}

fn change(case: &Case, round: usize) {
    add(&case.path("packages/staging/moving/1.0.0"), "moving", "1.0.0", &format!("Round {round}"));
}

#[track_caller]
fn good(case: &Case, arguments: &[&str]) -> Run {
    let run = case.run(arguments);
    assert_eq!(run.code, 0, "{arguments:?}: {run:#?}");
    run
}

#[track_caller]
fn build(case: &Case) {
    good(case, &BUILD);
}

fn faults(case: &Case, out: &str) -> Vec<String> {
    check::folder(&case.path(out), &Progress::new(true)).unwrap().faults
}

fn real(case: &Case, path: &str) -> PathBuf {
    let path = case.path("out/staging").join(path);
    fs::canonicalize(path.parent().unwrap()).unwrap().join(path.file_name().unwrap())
}

/// The blob that a file of the document root is a further name of.
fn blob(case: &Case, path: &str) -> PathBuf {
    let bytes = fs::read(case.path("out/staging/current/site").join(path)).unwrap();
    case.path("out/store").join(Store::blob_path(&Digest::of(&bytes)))
}

/// The place of what a row names.
fn place(case: &Case, target: &str) -> PathBuf {
    match target {
        "the content of a package's file" => blob(case, "package/alpha/1.0.0/docs/README.md"),
        "an answer" => blob(case, "index.json"),
        "all blobs" => case.path("out/store/blobs"),
        "an empty file" => blob(case, "package/alpha/1.0.0/docs/empty.md"),
        "a part of the store" => blob(case, "index.json").parent().unwrap().to_owned(),
        "a document" => blob(case, "documents/alpha/1.0.0.json"),
        "a gzip copy" => blob(case, "package/alpha/1.0.0/docs/README.md.gz"),
        "an archive" => blob(case, "epr/zipped/zipped-1.0.0.zip"),
        "the list of a package's files" => {
            let text = fs::read_to_string(case.path("out/cache/packages")).unwrap();
            let line = text.lines().find(|line| line.contains("\"zipped\"")).unwrap();
            let (_, rest) = line.split_once("\"Stored\":{\"digest\":\"").unwrap();
            case.path("out/store").join(Store::blob_path(&rest[..64].parse().unwrap()))
        }
        "a file of a folder of the store" => {
            // A copy of its own in place of the link.
            let path = real(case, "current/site/package/alpha/1.0.0/docs/README.md");
            let (bytes, time) = (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
            fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
            path
        }
        "a link to a folder of the store" => real(case, "current/site/package/alpha/1.0.0/docs"),
        "a folder of the store" => {
            fs::canonicalize(case.path("out/staging/current/site/package/alpha/1.0.0/docs")).unwrap()
        }
        "current" | "generations.log" | "history.json" | "releases.log" => case.path("out/staging").join(target),
        "the folder of the generation" => fs::canonicalize(case.path("out/staging/current")).unwrap(),
        "the folder of the release" => case.path("out/staging/releases/8.5.0"),
        "release.json" => case.path("out/staging/releases/8.5.0/release.json"),
        "hosting.json of the release" => case.path("out/staging/releases/8.5.0/hosting.json"),
        "cache/packages" => {
            if !case.path("out/cache/packages").exists() {
                // What was dropped is remembered again by the next build that reads packages.
                fs::remove_file(case.path("out/cache/inputs.json")).unwrap();
                build(case);
            }
            case.path("out/cache/packages")
        }
        own => real(case, &format!("current/{own}")),
    }
}

/// Does a damage. Where the time is kept, the time of the folder is kept too.
fn damage(path: &Path, kind: char) {
    let times = [path, path.parent().unwrap()].map(|path| fs::symlink_metadata(path).unwrap().modified().unwrap());
    match kind.to_ascii_lowercase() {
        'g' => remove(path),
        'd' => {
            remove(path);
            fs::create_dir(path).unwrap();
            fs::write(path.join("file"), "").unwrap();
        }
        'p' => {
            remove(path);
            rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
        }
        's' => {
            remove(path);
            // Below a short path, as addresses of sockets are.
            let folder = tempfile::tempdir().unwrap();
            std::os::unix::fs::symlink(path.parent().unwrap(), folder.path().join("f")).unwrap();
            drop(UnixListener::bind(folder.path().join("f").join(path.file_name().unwrap())).unwrap());
        }
        'l' => {
            static COUNT: AtomicUsize = AtomicUsize::new(0);
            let name = format!("epr-build-elsewhere-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let elsewhere = path.ancestors().find(|above| above.ends_with("out")).unwrap().with_file_name(name);
            fs::rename(path, &elsewhere).unwrap();
            std::os::unix::fs::symlink(&elsewhere, path).unwrap();
        }
        kind => {
            let mut bytes = fs::read(path).unwrap();
            match kind {
                'f' => {
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                }
                'c' => bytes.truncate(bytes.len() / 2),
                _ => bytes.clear(),
            }
            fs::write(path, bytes).unwrap();
        }
    }
    let set = |path: &Path, time: SystemTime| {
        let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let time = rustix::fs::Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
        let times = rustix::fs::Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
    };
    if kind.is_ascii_lowercase() {
        if kind != 'g' {
            set(path, times[0]);
        }
        set(path.parent().unwrap(), times[1]);
    }
}

fn remove(path: &Path) {
    if fs::symlink_metadata(path).unwrap().is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
}

#[track_caller]
fn check_mended(case: &Case, out: &str, context: &str) {
    let faults = faults(case, out);
    assert!(faults.is_empty(), "{context}: {faults:#?}");
    let real = |out: &str| fs::canonicalize(case.path(out).join("staging/current")).unwrap();
    same(&real(out), &real("clean")).unwrap_or_else(|error| panic!("{context}: {error:#}"));
    check_whole(&case.path(out), "staging");
}

/// One damage; a build, and if that does not mend it one without cache; the same damage again, and a repair.
fn row(case: &Case, target: &str, kind: char, is_mended: bool) {
    let context = format!("{target}: {kind}");
    build(case);
    damage(&place(case, target), kind);
    let told = faults(case, "out");
    assert!(!told.is_empty(), "{context}: not told");
    build(case);
    assert_eq!(faults(case, "out").is_empty(), is_mended, "{context}: {:#?}", faults(case, "out"));
    if !is_mended {
        good(case, &[&BUILD[..], &["--no-cache"]].concat());
    }
    check_mended(case, "out", &context);
    build(case);
    damage(&place(case, target), kind);
    let run = good(case, &["verify", "out", "--repair"]);
    assert!(run.stdout.contains("mended"), "{context}: {run:#?}");
    check_mended(case, "out", &context);
}

#[test]
fn every_damage_is_told_and_mended() {
    let rows: Vec<(&str, char, bool)> = ROWS
        .iter()
        .flat_map(|(target, kinds)| {
            kinds.split(' ').map(move |kind| (*target, kind.chars().next().unwrap(), kind.ends_with('+')))
        })
        .collect();
    assert!(rows.len() >= 92, "{} rows", rows.len());
    let mended = rows.iter().filter(|(.., is_mended)| *is_mended).count();
    println!("{} damages: a build mends {mended}, --no-cache and --repair all", rows.len());
    std::thread::scope(|scope| {
        for worker in 0..3 {
            let rows = &rows;
            scope.spawn(move || {
                let case = world();
                for (target, kind, is_mended) in rows.iter().skip(worker).step_by(3) {
                    row(&case, target, *kind, *is_mended);
                }
            });
        }
    });
}

/// What no copy is at hand for is told until a bundle brings it; other generations are left as they are meanwhile.
#[test]
fn a_bundle_mends_what_layers_cannot() {
    let case = world();
    let log = fs::read_to_string(case.path("out/staging/generations.log")).unwrap();
    let old = &log[..16];
    good(&case, &["bundle", "--dist", "staging", "--generation", old, "--output", "old.bundle", "--no-program"]);
    let generation = case.path("out/staging/generations").join(old);
    damage(&generation.join("routes.json"), 'f');
    let readme = fs::canonicalize(generation.join("site/package/moving/1.0.0/docs/README.md")).unwrap();
    damage(&readme, 'e');
    let refused = case.run(&["rollback", "--dist", "staging"]);
    assert!(refused.code == 2 && refused.stderr.contains("verify --repair"), "{refused:#?}");
    build(&case);
    let left = case.run(&["verify", "out", "--repair"]);
    assert!(left.code == 1 && left.stderr.contains("name a bundle of the generation with `--from`"), "{left:#?}");
    let before = fs::read_link(case.path("out/staging/current")).unwrap();
    let run = good(&case, &["verify", "out", "--repair", "--from", "old.bundle"]);
    assert!(run.stdout.contains("mended"), "{run:#?}");
    assert_eq!(fs::read_link(case.path("out/staging/current")).unwrap(), before, "another generation is in use");
    check_mended(&case, "out", "from a bundle");
    good(&case, &["rollback", "--dist", "staging"]);
    check_whole(&case.path("out"), "staging");
}

/// What is damaged is not carried on, whichever file it is, and it is said what to do.
#[test]
fn damage_is_not_carried_on() {
    let case = world();
    let place_to = format!("file://{}", case.path("place").display());
    let commands: [&[&str]; 3] = [
        &["bundle", "--dist", "staging", "--output", "some.bundle", "--no-program"],
        &["publish", "--dist", "staging", "--to", &place_to],
        &["release", "8.6.0", "--dist", "staging"],
    ];
    for target in
        ["the content of a package's file", "a document", "an archive", "routes.json", "files.json", "manifest.json"]
    {
        for kind in ['f', 'e'] {
            for command in commands {
                let is_store = !target.ends_with("json");
                if is_store && command[0] == "release" {
                    continue;
                }
                damage(&place(&case, target), kind);
                let _ = fs::remove_dir_all(case.path("place"));
                let run = case.run(command);
                let context = format!("{target} {kind} {command:?}: {run:#?}");
                if run.code == 0 && command[0] == "bundle" {
                    // A recipe gave the right content.
                    good(&case, &["unbundle", "some.bundle", "--out", "far"]);
                    check_mended(&case, "far", &context);
                    ["some.bundle", "far"].iter().for_each(|path| remove(&case.path(path)));
                } else {
                    assert!(run.code == 2 && run.stderr.contains("verify --repair"), "{context}");
                    assert!(!case.path("some.bundle").exists(), "{context}");
                    assert!(!case.path("place/current.json").exists(), "{context}");
                }
                good(&case, &["verify", "out", "--repair"]);
            }
        }
    }
    for command in commands {
        good(&case, command);
    }
}

/// The generation in use is found again when the link to it is lost, and nothing is when nothing is there.
#[test]
fn the_link_to_what_is_in_use_comes_from_the_log() {
    let case = world();
    let link = case.path("out/staging/current");
    let before = fs::read_link(&link).unwrap();
    let breaks: [&dyn Fn(); 3] = [
        &|| fs::write(&link, "").unwrap(),
        &|| std::os::unix::fs::symlink("generations/0123456789abcdef", &link).unwrap(),
        &|| {},
    ];
    for damage in breaks {
        fs::remove_file(&link).unwrap();
        damage();
        let run = case.run(&["verify", "out"]);
        assert!(run.code == 1 && run.stderr.contains("current leads to no generation"), "{run:#?}");
        assert!(run.stderr.contains("add `--repair`"), "{run:#?}");
        build(&case);
        assert_eq!(fs::read_link(&link).unwrap(), before);
        check_mended(&case, "out", "current");
    }
}

/// What is not a generation by its name is somebody else's: it disturbs nothing, and stays.
#[test]
fn what_others_put_among_the_generations_stays() {
    let case = world();
    let folder = case.path("out/staging/generations");
    fs::write(folder.join("x"), "").unwrap();
    fs::create_dir_all(folder.join("notes/old")).unwrap();
    fs::create_dir(folder.join(".hidden")).unwrap();
    // A leftover of our own need not be a folder.
    fs::write(folder.join(".0123456789abcdef"), "").unwrap();
    change(&case, 2);
    settle();
    good(&case, &[&BUILD[..], &["--keep", "1"]].concat());
    for name in ["x", "notes/old", ".hidden"] {
        assert!(folder.join(name).exists(), "{name} is gone");
    }
    assert!(!folder.join(".0123456789abcdef").exists());
    assert!(faults(&case, "out").is_empty());
    let listed = good(&case, &["generations", "--dist", "staging"]).stdout;
    assert!(!listed.contains("notes"), "{listed}");
}

/// A folder in the place of the link is set aside, with all that is in it.
#[test]
fn a_folder_in_the_place_of_the_link_is_set_aside() {
    let case = world();
    let link = case.path("out/staging/current");
    let before = fs::read_link(&link).unwrap();
    let builds: [&[&str]; 3] =
        [&BUILD, &["--dist", "staging", "--quiet", "--no-cache"], &["verify", "out", "--repair"]];
    for (round, command) in builds.iter().enumerate() {
        fs::remove_file(&link).unwrap();
        fs::create_dir(&link).unwrap();
        good(&case, command);
        assert_eq!(fs::read_link(&link).unwrap(), before, "an empty folder");
        fs::remove_file(&link).unwrap();
        fs::create_dir(&link).unwrap();
        fs::write(link.join("mine"), "kept").unwrap();
        let run = good(&case, command);
        let aside = format!("out/staging/current.old-{}", round + 1);
        assert_eq!(fs::read_to_string(case.path(&aside).join("mine")).unwrap(), "kept");
        assert!(command[0] == "verify" || run.stderr.contains(&aside), "{run:#?}");
        assert_eq!(fs::read_link(&link).unwrap(), before);
        check_mended(&case, "out", "current");
    }
}

/// What is in use already is not undone by a history that cannot be written; the next build writes it.
#[test]
fn a_rollback_stands_without_its_history() {
    let case = world();
    let before = fs::read_link(case.path("out/staging/current")).unwrap();
    // The name beside which it is written is taken.
    fs::create_dir(case.path("out/staging/history.new")).unwrap();
    let run = good(&case, &["rollback", "--dist", "staging"]);
    assert!(run.stderr.contains("without its history"), "{run:#?}");
    assert_ne!(fs::read_link(case.path("out/staging/current")).unwrap(), before);
    assert!(!case.path("out/staging/history.json").exists(), "it tells of another generation");
    fs::remove_dir(case.path("out/staging/history.new")).unwrap();
    build(&case);
    check_mended(&case, "out", "history");
}

/// Modes of files and folders are set by who reads everything.
#[test]
fn modes_are_told_and_mended() {
    use std::os::unix::fs::PermissionsExt;
    let case = world();
    good(&case, &["bundle", "--dist", "staging", "--output", "some.bundle", "--no-program"]);
    let mends: [&[&str]; 3] = [
        &["--dist", "staging", "--quiet", "--no-cache"],
        &["verify", "out", "--repair"],
        &["verify", "out", "--repair", "--from", "some.bundle"],
    ];
    for command in mends {
        for (target, mode) in [
            ("the content of a package's file", 0o600),
            ("an answer", 0o666),
            ("a folder of the store", 0o700),
            ("routes.json", 0o600),
            ("release.json", 0o600),
            ("hosts/nginx", 0o700),
            ("the folder of the generation", 0o700),
            ("the folder of the release", 0o750),
        ] {
            let path = place(&case, target);
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(!faults(&case, "out").is_empty(), "{target}: not told");
            good(&case, command);
            check_mended(&case, "out", &format!("{target} {command:?}"));
        }
    }
}

/// The description of a release that is damaged is made from the log, and without that it is told: it is never believed.
#[test]
fn a_damaged_release_is_not_made_good() {
    let case = world();
    let (file, list) = (place(&case, "release.json"), case.path("out/staging/releases/8.5.0/own-files.json"));
    let good_text = fs::read_to_string(&file).unwrap();
    let bad_text = good_text.replace("\"distribution\": \"staging\"", "\"distribution\": \"stagimg\"");
    assert_ne!(bad_text, good_text);
    let spoil = || {
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, &bad_text).unwrap();
        fs::File::open(&file).unwrap().set_modified(time).unwrap();
    };
    spoil();
    fs::remove_file(&list).unwrap();
    build(&case);
    assert_eq!(fs::read_to_string(&file).unwrap(), good_text);
    check_mended(&case, "out", "release.json");
    spoil();
    fs::remove_file(case.path("out/staging/releases.log")).unwrap();
    for command in [&BUILD[..], &["verify", "out", "--repair"]] {
        case.run(command);
        let told = faults(&case, "out");
        assert!(told.iter().any(|fault| fault.contains("release.json is damaged")), "{told:#?}");
    }
}

/// Lines that are gone from the end of a log are told, although what is left of it is as it was written.
#[test]
fn lines_that_are_cut_from_a_log_are_told() {
    let case = world();
    good(&case, &["rollback", "--dist", "staging"]);
    good(&case, &["rollback", "--dist", "staging"]);
    good(&case, &["release", "8.6.0", "--dist", "staging"]);
    good(&case, &["release", "--remove", "8.6.0", "--dist", "staging", "--reason", "made by mistake"]);
    assert!(faults(&case, "out").is_empty(), "{:#?}", faults(&case, "out"));
    // The lines that are left of the one end with the generation in use, and of the other tell of all releases.
    for (log, lines) in [("generations.log", 2), ("releases.log", 2)] {
        for keeps_time in [false, true] {
            let path = case.path("out/staging").join(log);
            let (text, time) = (fs::read_to_string(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap());
            let count = text.lines().count();
            assert!(count > lines, "{text}");
            let left: String = text.split_inclusive('\n').take(count - lines).collect();
            fs::write(&path, left).unwrap();
            if keeps_time {
                fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
            }
            let told = faults(&case, "out");
            assert!(told.len() == 1 && told[0].contains(log), "{log}: {told:#?}");
            good(&case, &["verify", "out", "--repair"]);
            assert!(faults(&case, "out").is_empty(), "{log}");
            fs::write(&path, text).unwrap();
            fs::File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
            assert!(faults(&case, "out").is_empty(), "{log}: as it was");
        }
    }
}

/// What is lost with a folder is told once, and how much it is.
#[test]
fn a_folder_that_is_lost_is_one_line() {
    let case = world();
    let count = |target: &str| {
        let path = place(&case, target);
        remove(&path);
        let told = faults(&case, "out");
        good(&case, &["verify", "out", "--repair"]);
        assert!(faults(&case, "out").is_empty(), "{target}");
        told
    };
    for target in ["hosts", "a folder of the store"] {
        let told = count(target);
        let lost: Vec<_> = told.iter().filter(|fault| fault.contains(" is lost, with ")).collect();
        let generations = if target == "hosts" { 1 } else { 2 };
        assert_eq!(lost.len(), generations, "{target}: {told:#?}");
        assert!(told.len() <= 4, "{target}: {told:#?}");
    }
    let told = count("all blobs");
    let lost: Vec<_> = told.iter().filter(|fault| fault.contains("/blobs is lost, with ")).collect();
    assert!(lost.len() == 1 && told.len() == 1, "{told:#?}");
}

/// A distribution that is built with `--strict` is mended so: what was quarantined stays out.
#[test]
fn a_strict_build_is_mended_strictly() {
    let case = Case::new().package("packages/production", "alpha", "1.0.0", "Alpha");
    // Validation, which only a strict build requires, misses an image.
    let case = case.package("packages/staging", "loose", "1.0.0", "Loose");
    fs::remove_file(case.path("packages/staging/loose/1.0.0/img/icon.svg")).unwrap();
    let strict = [&BUILD[..], &["--strict"]].concat();
    let built = case.run(&strict);
    assert_eq!(built.code, 1, "{built:#?}");
    let before = fs::read_link(case.path("out/staging/current")).unwrap();
    assert!(!case.path("out/staging/current/site/package/loose").exists());
    damage(&real(&case, "current/routes.json"), 'e');
    let run = good(&case, &["verify", "out", "--repair", "--strict"]);
    assert!(run.stdout.contains("mended"), "{run:#?}");
    assert_eq!(fs::read_link(case.path("out/staging/current")).unwrap(), before);
    let alone = case.run(&["verify", "out", "--strict"]);
    assert_eq!(alone.code, 2, "{alone:#?}");
}
