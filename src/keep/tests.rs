//! What is imported from each generation of Kibana, from saved answers and by asking; and lists that change while they are read.

use super::import::{Kibana, Reply, Spaces, Stop, import};
use super::{Imported, import_saved};
use crate::dialect::version::Version;
use anyhow::Result;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// When everything here is taken: 2026-11-28T22:00:00Z.
const TAKEN: u64 = 1_795_903_200;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/keep");
    let mut cases: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 9, "{cases:?}");
    cases
}

fn answers(case: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read(path).unwrap())).collect()
}

/// Asks a Kibana that answers so. Each question is remembered.
struct Scripted<F> {
    asked: Vec<String>,
    answer: F,
}

impl<F: FnMut(&str, usize) -> Reply> Kibana for Scripted<F> {
    fn ask(&mut self, path: &str) -> Result<Reply> {
        let before = self.asked.iter().filter(|asked| *asked == path).count();
        self.asked.push(path.to_owned());
        Ok((self.answer)(path, before))
    }
}

fn scripted<F: FnMut(&str, usize) -> Reply>(answer: F) -> Scripted<F> {
    Scripted { asked: Vec::new(), answer }
}

fn ask(kibana: &mut dyn Kibana) -> Imported {
    import(kibana, &Spaces::All, None, ("site", TAKEN)).unwrap_or_else(|stop| panic!("{stop:?}"))
}

/// The file of a case that answers a path.
fn file_of(path: &str) -> &'static str {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match path {
        "api/status" => "status",
        "api/fleet/settings" => "settings",
        "api/fleet/epm/verification_key_id" => "key",
        "api/saved_objects/_find" => "stored",
        "api/fleet/epm/packages" if query.ends_with("=true") => "shown",
        "api/fleet/epm/packages/installed" => "installed",
        "api/fleet/package_policies" => "policies",
        "api/spaces/space" => "spaces",
        path => panic!("{path}?{query}"),
    }
}

#[test]
fn saved_answers_of_every_generation_give_what_is_installed() {
    for case in cases() {
        let files: Vec<_> = answers(&case).into_iter().collect();
        let expected = std::fs::read_to_string(case.join("expected.keep")).unwrap();
        let Imported { file, problems } = import_saved(&files, None, ("site", TAKEN)).unwrap();
        assert_eq!(file.render(), expected, "{}", case.display());
        assert_eq!(problems.is_empty(), file.complete);
        // Neither order nor repetition of files changes anything.
        let twice: Vec<_> = files.iter().rev().chain(&files).cloned().collect();
        let shown_twice = import_saved(&twice, None, ("site", TAKEN)).unwrap().file;
        assert_eq!(shown_twice.render(), expected, "{}", case.display());
    }
}

#[test]
fn a_kibana_that_is_asked_gives_the_same_versions() {
    for case in cases() {
        let answers = answers(&case);
        let mut kibana = scripted(|path, _| match answers.get(file_of(path)) {
            Some(bytes) => Reply::Answer(serde_json::from_slice(bytes).unwrap()),
            None => Reply::Refused(if file_of(path) == "stored" { 403 } else { 404 }),
        });
        let Imported { file, problems } = ask(&mut kibana);
        let expected = std::fs::read(case.join("expected.keep")).unwrap();
        let expected = crate::select::keep_file::KeepFile::parse(&expected, Path::new("site.keep")).unwrap();
        assert_eq!(file.versions, expected.versions, "{}", case.display());
        assert_eq!(
            (file.complete, &file.kibana),
            (expected.complete, &expected.kibana),
            "{}: {problems:?}",
            case.display()
        );
        let wanted = if expected.kibana < Version::strict("8.6.0").ok() { "experimental" } else { "prerelease" };
        let shown: Vec<_> = kibana.asked.iter().filter(|path| path.starts_with("api/fleet/epm/packages?")).collect();
        assert_eq!(shown, [&format!("api/fleet/epm/packages?{wanted}=true")]);
        let spaces = kibana.asked.iter().filter(|path| *path == "api/spaces/space").count();
        assert_eq!(spaces, usize::from(expected.kibana >= Version::strict("8.17.0").ok()), "{}", case.display());
    }
}

/// Parts of the stored packages and of the policies, of a Kibana that has nothing else.
fn in_parts(total: impl Fn(usize, usize) -> u64 + Copy, parts: &[&[&str]]) -> impl FnMut(&str, usize) -> Reply {
    let parts: Vec<Vec<String>> =
        parts.iter().map(|part| part.iter().map(|name| (*name).to_owned()).collect()).collect();
    move |path, before| match file_of(path) {
        "status" => Reply::Answer(json!({"version": {"number": "9.1.3"}, "status": {}})),
        "stored" => {
            let page: usize = path.split("&page=").nth(1).unwrap().split('&').next().unwrap().parse().unwrap();
            let names = parts.get(page - 1).cloned().unwrap_or_default();
            let objects: Vec<Value> = names
                .iter()
                .map(|name| json!({"type": "epm-packages", "id": name, "attributes": {"name": name, "version": "1.0.0"}}))
                .collect();
            Reply::Answer(json!({"page": page, "per_page": 2, "total": total(before, page), "saved_objects": objects}))
        }
        "policies" => Reply::Answer(json!({"items": [], "total": 0, "page": 1, "perPage": 1000})),
        "spaces" => Reply::Answer(json!([{"id": "default", "name": "Default"}])),
        _ => Reply::Refused(404),
    }
}

#[test]
fn lists_are_read_to_their_end_and_once_more_if_they_change() {
    let mut good = scripted(in_parts(|_, _| 3, &[&["a", "b"], &["c"]]));
    let Imported { file, problems } = ask(&mut good);
    assert!(problems.is_empty() && file.versions.len() == 3, "{problems:?}");
    let stored = |asked: &[String]| asked.iter().filter(|path| path.starts_with("api/saved_objects")).count();
    assert_eq!(stored(&good.asked), 2);
    // A total that changes between two parts: the second try is whole.
    let first_try = |before: usize, page: usize| if before == 0 && page == 2 { 4 } else { 3 };
    let mut moved = scripted(in_parts(first_try, &[&["a", "b"], &["c"]]));
    let Imported { file, problems } = ask(&mut moved);
    assert!(problems.is_empty() && file.versions.len() == 3, "{problems:?}");
    assert_eq!(stored(&moved.asked), 4);
    let mut moving = scripted(in_parts(|before, page| 3 + (before + page) as u64, &[&["a", "b"], &["c"]]));
    let Imported { file, problems } = ask(&mut moving);
    assert!(
        !file.complete && problems[0].contains("changed while they were read: 5 were promised, then 6"),
        "{problems:?}"
    );
    assert_eq!(stored(&moving.asked), 4);
    for (parts, total, said) in [
        (&[&["a", "b"][..], &[][..]][..], 3, "3 were promised, and 2 came"),
        (&[&["a", "b"], &["b"]], 3, "3 were promised, and 2 came"),
        (&[&["a", "b"], &["c", "d"]], 3, "3 were promised, and 4 came"),
    ] {
        let mut short = scripted(in_parts(move |_, _| total, parts));
        let Imported { file, problems } = ask(&mut short);
        assert!(problems.iter().any(|problem| problem.contains(said)), "{problems:?}");
        assert!(!file.complete && file.versions.len() >= 2 && stored(&short.asked) >= 4, "{:?}", short.asked);
    }
}

#[test]
fn policies_of_all_spaces_count_and_a_space_that_is_closed_is_said() {
    let answer = |spaces: Reply, closed: bool| {
        let policies = |name: &str| {
            Reply::Answer(
                json!({"items": [{"id": name, "policy_id": "x", "package": {"name": name, "version": "1.0.0"}}],
                                 "total": 1, "page": 1, "perPage": 1000}),
            )
        };
        let object =
            |name: &str| json!({"type": "epm-packages", "id": name, "attributes": {"name": name, "version": "2.0.0"}});
        let stored = json!({"page": 1, "per_page": 1000, "total": 2, "saved_objects": [object("a"), object("b")]});
        scripted(move |path, _| match path.split('?').next().unwrap() {
            "api/status" => Reply::Answer(json!({"version": {"number": "9.1.3"}, "status": {}})),
            "api/saved_objects/_find" => Reply::Answer(stored.clone()),
            "api/spaces/space" => spaces.clone(),
            "api/fleet/package_policies" => policies("a"),
            "s/ops/api/fleet/package_policies" if closed => Reply::Refused(403),
            "s/ops/api/fleet/package_policies" => policies("b"),
            _ => Reply::Refused(404),
        })
    };
    let spaces = Reply::Answer(json!([{"id": "default", "name": "Default"}, {"id": "ops", "name": "Ops"}]));
    let Imported { file, problems } = ask(&mut answer(spaces.clone(), false));
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(file.versions.len(), 4);
    let Imported { file, problems } = ask(&mut answer(spaces, true));
    assert!(!file.complete && problems[0].contains("of space `ops` may not be read (403"), "{problems:?}");
    let Imported { file, problems } = ask(&mut answer(Reply::Refused(403), false));
    assert!(!file.complete && problems[0].contains("the spaces of Kibana may not be read"), "{problems:?}");
    let mut hostile = answer(Reply::Answer(json!([{"id": "../../x", "name": "x"}])), false);
    assert!(matches!(import(&mut hostile, &Spaces::All, None, ("a", 0)), Err(Stop::Failed(_))));
    assert!(hostile.asked.iter().all(|path| !path.contains("..")));
    let mut named = answer(Reply::Refused(500), false);
    let imported = import(&mut named, &Spaces::Named(vec!["ops".to_owned()]), None, ("a", 0))
        .unwrap_or_else(|stop| panic!("{stop:?}"));
    assert!(
        imported.problems.iter().any(|one| one.contains("only the policies of these spaces")),
        "{:?}",
        imported.problems
    );
}

#[test]
fn a_kibana_that_does_not_answer_is_not_an_empty_one() {
    let mut absent = scripted(|_, _| Reply::Unreachable("no connection".to_owned()));
    assert!(matches!(import(&mut absent, &Spaces::All, None, ("a", 0)), Err(Stop::Unreachable(_))));
    for (answer, said) in [
        (Reply::Refused(401), "does not accept the API key"),
        (Reply::Refused(404), "no Kibana at this address"),
        (Reply::Answer(json!({"hello": "world"})), "no Kibana at this address"),
        (Reply::Refused(403), "lets no list of packages be read"),
    ] {
        let mut kibana = scripted(|_, _| answer.clone());
        let stop = import(&mut kibana, &Spaces::All, None, ("a", 0)).unwrap_err();
        let Stop::Failed(error) = stop else { panic!("{stop:?}") };
        let text = format!("{error:#}");
        assert!(text.contains(said) && text.contains("hint: "), "{text}");
    }
}

#[test]
fn files_that_are_no_answers_are_named() {
    let status = |number: &str| json!({"version": {"number": number}, "status": {}}).to_string();
    for (files, said) in [
        (vec!["<html>".to_owned()], "`0.json` is no JSON"),
        (vec!["{\"a\":1}".to_owned()], "`0.json` is no answer that is known"),
        (vec!["[]".to_owned()], "`0.json` is no answer that is known"),
        (
            vec!["{\"saved_objects\":[{\"type\":\"dashboard\",\"id\":\"x\"}],\"total\":1}".to_owned()],
            "is no answer that is known",
        ),
        (vec!["{\"statusCode\":403,\"error\":\"Forbidden\",\"message\":\"no\"}".to_owned()], "is a refusal of Kibana"),
        (vec![status("9.0.0"), status("9.1.0")], "several Kibanas: 9.0.0, 9.1.0"),
        (vec![status("9.0.0")], "none of the files lists packages"),
        (vec!["[".repeat(100_000)], "`0.json` is no JSON"),
    ] {
        let files: Vec<_> =
            (0..).zip(files).map(|(number, text)| (format!("{number}.json"), text.into_bytes())).collect();
        let error = format!("{:#}", import_saved(&files, None, ("a", 0)).unwrap_err());
        assert!(error.contains(said) && error.contains("hint: "), "{error}");
    }
}

/// Parts of a list may be saved one by one.
#[test]
fn saved_parts_that_are_missing_are_noticed() {
    let part = |page: u64, names: &[&str]| {
        let objects: Vec<_> = names
            .iter()
            .map(|name| json!({"type": "epm-packages", "id": name, "attributes": {"name": name, "version": "1.0.0"}}))
            .collect();
        let text = json!({"page": page, "per_page": 2, "total": 3, "saved_objects": objects}).to_string();
        (format!("{page}.json"), text.into_bytes())
    };
    let none = json!({"items": [], "total": 0, "page": 1, "perPage": 20}).to_string();
    let policies = ("policies.json".to_owned(), none.into_bytes());
    let status =
        ("status.json".to_owned(), json!({"version": {"number": "9.1.0"}, "status": {}}).to_string().into_bytes());
    let parts = [part(1, &["a", "b"]), part(2, &["c"])];
    let read = |files: &[(String, Vec<u8>)]| import_saved(files, None, ("a", 0)).unwrap();
    let whole = read(&[status.clone(), parts[0].clone(), parts[1].clone(), policies.clone()]);
    assert!(whole.problems.is_empty(), "{:?}", whole.problems);
    let short = read(&[status, parts[0].clone(), policies]);
    assert!(short.problems[0].contains("3 were promised, and 2 came"), "{:?}", short.problems);
}

/// Nothing but names and versions passes, whatever else answers have.
#[test]
fn nothing_else_reaches_the_file() {
    let secret = "hunter2";
    let object = json!({"type": "epm-packages", "id": "nginx", "updated_by": secret, "attributes": {
        "name": "nginx", "version": "1.0.0", "install_source": secret, "install_status": secret, "verification_key_id": secret,
        "installed_es": [{"id": secret}]}});
    let stored = json!({"page": 1, "per_page": 1000, "total": 1, "saved_objects": [object]}).to_string();
    let policy = json!({"id": secret, "name": secret, "policy_id": secret, "vars": {"password": secret},
                        "package": {"name": "nginx", "version": "1.0.0", "title": secret}});
    let policies = json!({"items": [policy], "total": 1, "page": 1, "perPage": 20}).to_string();
    let files = [("a".to_owned(), stored.into_bytes()), ("b".to_owned(), policies.into_bytes())];
    let imported = import_saved(&files, None, ("site", TAKEN)).unwrap();
    assert_eq!(imported.file.versions.len(), 1);
    assert!(!imported.file.render().contains(secret), "{}", imported.file.render());
}

fn value() -> impl Strategy<Value = Value> {
    let keys = [
        "items",
        "response",
        "saved_objects",
        "type",
        "id",
        "attributes",
        "name",
        "version",
        "status",
        "package",
        "policy_id",
        "total",
        "page",
        "perPage",
        "installationInfo",
        "savedObject",
        "dataStreams",
        "searchAfter",
        "epm-packages",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        proptest::sample::select(keys.to_vec()).prop_map(Value::from),
        "[0-9]\\.[0-9]\\.[0-9]".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let key = proptest::sample::select(keys.to_vec());
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_answer_makes_an_import_panic(values in proptest::collection::vec(value(), 1..4)) {
        let files: Vec<_> = values.iter().map(|value| ("x".to_owned(), value.to_string().into_bytes())).collect();
        if let Ok(imported) = import_saved(&files, None, ("site", TAKEN)) {
            let text = imported.file.render();
            let read = crate::select::keep_file::KeepFile::parse(text.as_bytes(), Path::new("site.keep"));
            prop_assert_eq!(read.unwrap().render(), text);
        }
        let mut kibana = scripted(|_, before| Reply::Answer(values[before % values.len()].clone()));
        let _ = import(&mut kibana, &Spaces::All, None, ("site", TAKEN));
        prop_assert!(kibana.asked.len() < 2_000);
    }
}

/// The page explains what becomes of versions in the words of the answer.
#[test]
fn the_page_explains_what_becomes_of_versions() {
    use super::prune::Kind;
    let page = include_str!("../../docs/reference/reasons.md");
    let section = page.split("\n## ").find(|section| section.starts_with("What becomes of a version")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let words: Vec<_> = rows.map(|(word, _)| word.to_owned()).collect();
    let kinds = [Kind::Kept, Kind::Wanted, Kind::Published, Kind::Young, Kind::Changed, Kind::Unknown, Kind::Goes];
    assert_eq!(words, kinds.map(|kind| serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned()));
}
