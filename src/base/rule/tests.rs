//! Tests of the table of rules: it is sound, all of it is used, and its page is current.

use super::{FAMILIES, Rule, reference};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rules that no test names, and why.
const UNTESTED: &[(Rule, &str)] = &[
    (Rule::MachineExhausted, "it would take the memory or the file handles of the machine that runs the tests"),
    (Rule::ChangedWhileReading, "it needs a file that changes between two system calls"),
    (Rule::ArchiveTooLarge, "it takes a package of more than 4 GiB or 65,535 files"),
    (Rule::DiffersAbove, "tests/suite/life/moving.rs expects the whole text"),
    (Rule::PlaceTaken, "tests/suite/life/moving.rs expects the whole text"),
    (Rule::Nested, "it needs a zip inside a package that goes by the name of the package around it"),
];

#[test]
fn names_and_codes_are_unique_and_well_formed() {
    let (mut names, mut codes) = (BTreeSet::new(), BTreeSet::new());
    for family in FAMILIES {
        let letters: BTreeSet<&str> = family.rules.iter().map(|rule| &rule.entry().unwrap().code[..1]).collect();
        assert_eq!(letters.len(), 1, "{}: a family has one letter", family.title);
        assert!(family.rules.is_sorted_by_key(|rule| rule.entry().unwrap().code), "{}", family.title);
    }
    for rule in Rule::all() {
        let entry = rule.entry().unwrap();
        assert!(names.insert(entry.name) && codes.insert(entry.code), "{rule:?} has the name or code of another rule");
        let number = entry.code.strip_prefix(char::is_uppercase).unwrap_or_default();
        assert!(number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit()), "{}", entry.code);
        assert!(entry.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", entry.name);
        for sentences in [entry.summary, entry.why] {
            assert!(sentences.starts_with(char::is_uppercase) && sentences.ends_with('.'), "{rule:?}: {sentences}");
        }
        assert!(!entry.hint.is_empty() && !entry.hint.ends_with('.'), "{rule:?}: {}", entry.hint);
        assert_eq!(Rule::named(entry.name), rule);
    }
}

/// Reports of other versions stay readable, and those of this one are ordered and spelled by name.
#[test]
fn files_have_the_names_of_rules() {
    let read = |text: &str| serde_json::from_str::<Rule>(text).unwrap();
    assert_eq!(read("\"yaml-key\""), Rule::YamlKey);
    assert_eq!(read("\"of-another-version\""), Rule::Unknown);
    assert_eq!(serde_json::to_string(&Rule::YamlKey).unwrap(), "\"yaml-key\"");
    let mut rules: Vec<Rule> = Rule::all().collect();
    rules.sort_unstable();
    assert!(rules.is_sorted_by_key(|rule| rule.name()));
}

/// Source files below a folder of the repository, and their text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_source = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
    let files = walkdir::WalkDir::new(root.join(folder)).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = files.map(walkdir::DirEntry::into_path).filter(|path| is_source(path));
    let named = |path: PathBuf| (path.to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap());
    files.map(named).collect()
}

/// The code of the program without that of tests, and the code of tests, both without the table itself.
fn code_and_tests() -> (String, String) {
    let (mut code, mut tests): (String, String) = Default::default();
    for (path, text) in sources("src").into_iter().chain(sources("crates/yaml11/src")) {
        if path.contains("/base/rule/") {
            continue;
        }
        let (before, after) = text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((&text, ""));
        if path.contains("/tests/") || path.ends_with("/tests.rs") {
            tests += &text;
        } else {
            code += before;
            tests += after;
        }
    }
    sources("tests/suite").into_iter().for_each(|(_, text)| tests += &text);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/damaged.json");
    (code, tests + &fs::read_to_string(fixtures).unwrap())
}

/// Returns true if the code names a rule: `Rule::YamlKey`, not followed by more of a name, or `"yaml-key"`.
fn names(code: &str, rule: Rule) -> bool {
    let path = format!("Rule::{rule:?}");
    let is_end = |at: usize| !code[at..].starts_with(|c: char| c.is_alphanumeric());
    code.match_indices(&path).any(|(at, _)| is_end(at + path.len())) || code.contains(&format!("\"{}\"", rule.name()))
}

/// A row that nothing makes a problem of, or that no test knows, is a promise that nobody keeps.
#[test]
fn every_rule_is_used_and_tested() {
    let (code, tests) = code_and_tests();
    let is_exempt = |rule: Rule| UNTESTED.iter().any(|(known, _)| *known == rule);
    let unused: Vec<Rule> = Rule::all().filter(|rule| !names(&code, *rule)).collect();
    assert_eq!(unused, [], "nothing makes problems of these");
    let untested: Vec<Rule> = Rule::all().filter(|rule| !names(&tests, *rule) && !is_exempt(*rule)).collect();
    assert_eq!(untested, [], "no test names these");
    let exempt: Vec<Rule> = Rule::all().filter(|rule| names(&tests, *rule) && is_exempt(*rule)).collect();
    assert_eq!(exempt, [], "a test names these, so they need no exception");
}

#[test]
fn the_reference_page_is_current() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/rules.md"));
    let renew = "run `cargo run -p epr-build -- generate rules > docs/reference/rules.md`";
    assert!(page.unwrap_or_default() == reference(), "docs/reference/rules.md is not current; {renew}");
}
