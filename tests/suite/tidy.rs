//! House rules that no compiler knows.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests fail and talk as tests do")]

use crate::fixture_layer::{fixtures, read_json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file of the repository that is not made by a build, by path.
fn tracked() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = |depth, name: &str| {
        (depth == 1 && ["out", ".git"].contains(&name)) || ["artifacts", "node_modules", "target"].contains(&name)
    };
    let walk = walkdir::WalkDir::new(root).sort_by_file_name().into_iter();
    let files = walk.filter_entry(|entry| !made(entry.depth(), entry.file_name().to_str().unwrap()));
    let files = files.map(Result::unwrap).filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
    files.map(|path| (path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), path)).collect()
}

/// Source files and their text.
fn sources() -> Vec<(String, String)> {
    let is_source = |name: &str| name.ends_with(".rs") && !name.starts_with("tests/fixtures/");
    let found: Vec<_> = tracked().into_iter().filter(|(name, _)| is_source(name)).collect();
    assert!(found.len() > 50, "{} sources", found.len());
    found.into_iter().map(|(name, path)| (name, fs::read_to_string(path).unwrap())).collect()
}

/// Whoever opens a file learns first what it is; long files are named, so that somebody may think about them.
#[test]
fn files_introduce_themselves() {
    let mut silent = Vec::new();
    for (name, text) in sources() {
        if !text.starts_with("//! ") && !text.starts_with("#![doc = include_str!(") {
            silent.push(name.clone());
        }
        let lines = text.lines().count();
        if lines > 400 {
            println!("{name} has {lines} lines");
        }
    }
    assert!(silent.is_empty(), "these do not open with `//!`: {silent:?}");
}

/// Clippy looks for `unwrap` as a method; this looks for it in any spelling, also where lints are allowed.
#[test]
fn nothing_unwraps_outside_of_tests() {
    let sources = sources();
    let tests: BTreeSet<&str> = sources.iter().flat_map(|(_, text)| test_modules(text)).collect();
    let is_test = |name: &str| name.split(['/', '.']).any(|part| tests.contains(part));
    let mut found = Vec::new();
    for (name, text) in sources.iter().filter(|(name, _)| name.starts_with("src/") && !is_test(name)) {
        let code = text.split("#[cfg(test)]\nmod").next().unwrap();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap();
            if line.contains("unwrap()") || line.contains("::unwrap") && !line.contains("::unwrap_or") {
                found.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Names of modules that are only there for tests.
fn test_modules(text: &str) -> impl Iterator<Item = &str> {
    let after = text.split("#[cfg(test)]\n").skip(1).filter_map(|after| after.lines().next());
    after.filter_map(|line| line.rsplit_once("mod ")?.1.strip_suffix(';'))
}

/// The repository says nothing of the machine it was written on.
#[test]
fn no_machine_shows() {
    // Put together here, so that this file does not hold them.
    let paths = ["root", "home", "work", "Users", "tmp/wt"].map(|name| format!("/{name}/"));
    let mut found = Vec::new();
    for (name, path) in tracked() {
        let Ok(text) = fs::read_to_string(path) else { continue };
        for (number, line) in text.lines().enumerate() {
            if paths.iter().any(|path| line.match_indices(path.as_str()).any(|(at, _)| begins_a_path(line, at))) {
                found.push(format!("{name}:{}: {}", number + 1, line.trim().chars().take(120).collect::<String>()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Whether a path begins here, and not in the middle of an address or of a relative path.
fn begins_a_path(line: &str, at: usize) -> bool {
    line[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && !"./_-}*".contains(before))
}

/// A fixture that no test reads protects nothing, and two cases of one name cannot be told apart.
#[test]
fn fixtures_are_used() {
    let code: String = sources().into_iter().map(|(_, text)| text).collect();
    let mut unused = Vec::new();
    for entry in fs::read_dir(fixtures()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if !code.contains(&format!("\"{name}\"")) && !code.contains(&format!("/{name}")) && name != "README.md" {
            unused.push(name);
        }
    }
    assert!(unused.is_empty(), "{unused:?}");
    for table in ["damaged.json", "accepted.json"] {
        let fixture = read_json(table);
        let mut names = BTreeSet::new();
        for case in fixture["cases"].as_array().unwrap() {
            let name = case["name"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{table}: `{name}` twice");
            let known = "contract expect files folder layer_files name published settings severity zip";
            let is_known = |key: &String| known.split(' ').any(|known| known == key);
            let odd: Vec<_> = case.as_object().unwrap().keys().filter(|key| !is_known(key)).collect();
            assert!(odd.is_empty(), "{table}: `{name}` has {odd:?}, which nothing reads");
        }
    }
}
