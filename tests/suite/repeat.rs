//! Equal input gives equal output: whatever the threads, the folder, the environment and the history of the files.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::built::{DISTRIBUTIONS, build_samples, program, run, sample_packages};
use crate::golden::fingerprint;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Compares all distributions in two output folders.
fn check_equal(left: &Path, right: &Path) {
    for distribution in DISTRIBUTIONS {
        let (left, right) = (fingerprint(left, distribution), fingerprint(right, distribution));
        assert!(left.len() > 200, "{distribution}: {}", left.len());
        let all = left.keys().chain(right.keys());
        let different: Vec<_> = all.filter(|path| left.get(*path) != right.get(*path)).collect();
        assert!(different.is_empty(), "{distribution}: {different:?}");
    }
}

fn build(command: &mut Command) {
    let built = run(command);
    assert_eq!(built.status, Some(0), "{built:#?}");
}

/// Nothing of the run reaches the output.
#[test]
fn runs_do_not_show() {
    let first = build_samples();
    let second = TempDir::new().unwrap();
    // Another working folder, relative paths with detours, another umask, zone and language, one thread.
    let deep = second.path().join("a folder/with spaces");
    fs::create_dir_all(&deep).unwrap();
    std::os::unix::fs::symlink(sample_packages(), second.path().join("link")).unwrap();
    let shell = "umask 077; exec \"$0\" --all-dists --packages ../../link/. --out ../x/../../out --jobs 1";
    fs::create_dir_all(second.path().join("a folder/x")).unwrap();
    build(
        Command::new("sh")
            .args(["-c", shell, env!("CARGO_BIN_EXE_epr-build")])
            .current_dir(&deep)
            .env("TZ", "Pacific/Kiritimati")
            .env("LC_ALL", "tr_TR.UTF-8")
            .env("HOME", "/nonexistent"),
    );
    check_equal(&first.path().join("out"), &second.path().join("out"));

    // One distribution after the other instead of all at once, many threads, and all of it twice.
    let third = TempDir::new().unwrap();
    for distribution in DISTRIBUTIONS.iter().rev().chain(&DISTRIBUTIONS) {
        build(program(third.path()).args(["--dist", distribution, "--jobs", "8", "--packages"]).arg(sample_packages()));
    }
    check_equal(&first.path().join("out"), &third.path().join("out"));
}

/// A copy that was written in another order, with other times, modes and links between files, is the same input.
#[test]
fn the_history_of_files_does_not_show() {
    let first = build_samples();
    let second = TempDir::new().unwrap();
    let packages = second.path().join("packages");
    let mut paths: Vec<PathBuf> = walkdir::WalkDir::new(sample_packages())
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    // An order that neither names nor folders explain.
    paths.sort_by_key(|path| crc32fast::hash(path.to_str().unwrap().as_bytes()).reverse_bits());
    for (position, path) in paths.iter().enumerate() {
        let place = packages.join(path.strip_prefix(sample_packages()).unwrap());
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(&place, fs::read(path).unwrap()).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1 + 86_400_123 * position as u64);
        File::options().write(true).open(&place).unwrap().set_modified(time).unwrap();
        let mode = [0o600, 0o755, 0o444, 0o664][position % 4];
        fs::set_permissions(&place, fs::Permissions::from_mode(mode)).unwrap();
    }
    build(program(second.path()).arg("--all-dists"));
    check_equal(&first.path().join("out"), &second.path().join("out"));
}
