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
    let headings = contract_names();
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
            let contract = case["contract"].as_str().unwrap();
            assert!(headings.contains(contract), "{table}: `{name}` cites {contract:?}, which is not there");
        }
    }
}

/// The headings of the contract without their numbers, and the names of its conditions.
fn contract_names() -> BTreeSet<&'static str> {
    let contract = include_str!("../../docs/reference/registry-contract.md");
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let heading = |line: &'static str| {
        let text = line.strip_prefix('#')?.trim_start_matches('#').trim_start();
        Some(text.split_once(' ').filter(|(number, _)| is_number(number)).map_or(text, |(_, text)| text))
    };
    let condition = |line: &'static str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        cells.next().filter(|code| is_code(code)).and_then(|_| cells.next())
    };
    let names: Vec<_> = contract.lines().filter_map(|line| heading(line).or_else(|| condition(line))).collect();
    let distinct: BTreeSet<_> = names.iter().copied().collect();
    assert!(distinct.len() > 80 && names.len() == distinct.len(), "{} of {} names", distinct.len(), names.len());
    distinct
}

/// Whether a word is a code of the contract's conditions, which nobody can read without the contract.
fn is_code(word: &str) -> bool {
    let number = word.strip_prefix(['A', 'V']).unwrap_or_default();
    matches!(number.len(), 1 | 2) && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The comments of a source file, lines in a row as one, each with the number of the line behind it.
fn comments(text: &str) -> Vec<(usize, String)> {
    let mut comments = Vec::new();
    let mut comment = String::new();
    for (number, line) in text.lines().chain([""]).enumerate() {
        match line.trim_start().strip_prefix("//") {
            Some(line) => comment = comment + line.trim_start_matches(['/', '!']) + " ",
            None if comment.is_empty() => {}
            None => {
                let words: Vec<_> = comment.split_whitespace().collect();
                comments.push((number, words.join(" ")));
                comment.clear();
            }
        }
    }
    comments
}

/// Readers find what a comment cites, and need no list of codes to understand it.
#[test]
fn comments_cite_the_contract_by_name() {
    let names = contract_names();
    let (mut cited, mut wrong) = (0, Vec::new());
    for (name, text) in sources() {
        for (number, comment) in comments(&text) {
            for citation in comment.split("(contract, \"").skip(1) {
                let citation = citation.split(')').next().unwrap();
                for heading in citation.split('"').step_by(2) {
                    cited += 1;
                    if !names.contains(heading) {
                        wrong.push(format!("{name}:{number}: {heading:?} is not in the contract"));
                    }
                }
            }
            if name.starts_with("src/") {
                wrong.extend(bare_codes(&comment).map(|code| format!("{name}:{number}: `{code}` instead of a name")));
            }
        }
    }
    assert!(cited > 100, "only {cited} citations are found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Codes of conditions and numbers of sections and rows in a comment; the numbers of an RFC mean something to everybody.
fn bare_codes(comment: &str) -> impl Iterator<Item = &str> {
    let words = || comment.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let is_numbered = |word: &str| ["contract", "row", "rows", "section", "sections"].contains(&&*word.to_lowercase());
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let numbered = words().zip(words().skip(1)).filter(move |(word, next)| is_numbered(word) && is_number(next));
    let numbered = numbered.map(|(word, _)| word).filter(|_| !comment.contains("RFC"));
    words().filter(|word| is_code(word)).chain(numbered)
}

#[test]
fn bare_codes_are_seen() {
    let check = |comment: &str, expected: &[&str]| assert_eq!(bare_codes(comment).collect::<Vec<_>>(), expected);
    check("A9 and V3.", &["A9", "V3"]);
    check("An empty type is refused on its own (A8).", &["A8"]);
    check("Rules: contract, sections 6.1 and 7.1.", &["sections"]);
    check("Rows 13 to 17, contract 1.4.", &["Rows", "contract"]);
    check("Titles may be empty (contract, \"Title empty\"); R2, S3 and RFC 4880, section 5 are names.", &[]);
}

/// Calls that open files by their whole paths, or follow links, with the places where rooms that read layers may use them.
const DOORS: &[(&str, &[&str])] = &[
    ("fs::open(", &[]),
    ("fs::open_if_there(", &[]),
    ("fs::open_to_append(", &[]),
    ("fs::read(", &[]),
    ("fs::read_if_there(", &["src/input/image/unpacked.rs"]), // of the output folder
    ("fs::read_text(", &[]),
    ("fs::read_json(", &[]),
    ("fs::read_json_if_there(", &[]),
    ("File::from(", &["src/input/door.rs"]),
    ("openat(", &["src/input/door.rs", "src/input/source/disk.rs"]), // the latter opens folders
    ("openat2(", &["src/input/door.rs"]),
    ("hash-object", &["src/input/git/refs.rs"]), // gets copies
];

/// Every file of a layer is opened through `input::door`, which follows no link and waits for nothing.
#[test]
fn layers_have_one_door() {
    let is_reader = |name: &str| {
        ["src/input/", "src/edit/", "src/catalog/"].iter().any(|room| name.starts_with(room))
            && !name.contains("/tests")
    };
    let sources = sources();
    let (mut found, mut used) = (Vec::new(), BTreeSet::new());
    for (name, text) in sources.iter().filter(|(name, _)| is_reader(name)) {
        let code = text.split("#[cfg(test)]\nmod").next().unwrap();
        for (number, line) in code.lines().enumerate() {
            let line = line.split("//").next().unwrap();
            for (call, allowed) in DOORS {
                let is_call =
                    |at: usize| !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
                if !line.match_indices(call).any(|(at, _)| is_call(at)) {
                    continue;
                }
                used.insert((*call, name.as_str()));
                if !allowed.contains(&name.as_str()) {
                    found.push(format!("{name}:{}: `{call}` is not the door: {}", number + 1, line.trim()));
                }
            }
        }
        // Without the prefix a call would not be seen.
        let imports = code.split("use crate::base::fs::").skip(1).filter_map(|rest| rest.split(';').next());
        for name_of in imports.flat_map(|list| list.split(['{', '}', ',', ' ', '\n'])) {
            if DOORS.iter().any(|(call, _)| call.strip_prefix("fs::").is_some_and(|call| call == format!("{name_of}(")))
            {
                found.push(format!("{name}: imports `{name_of}` of base::fs, which opens files by their paths"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (call, allowed) in DOORS {
        assert!(allowed.iter().all(|name| used.contains(&(*call, *name))), "`{call}` is no longer used everywhere");
    }
}
