//! Damaged and odd packages, made from the contract without looking at the code: `damaged.json` and `accepted.json`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::fixture_layer::{make, read_json};
use epr_build::base::problem::{Problem, Severity};
use epr_build::base::progress::Progress;
use epr_build::catalog::cache::Cache;
use epr_build::catalog::intake::{IntakeContext, take_in};
use epr_build::catalog::merge::Catalog;
use epr_build::catalog::record::LayerIntake;
use epr_build::config::layer::{DashedFolders, Layer, LayerPlan, LayerSource, Signatures, Validation};
use epr_build::config::limits::Limits;
use epr_build::input::survey::{Inventories, ScanContext, Survey};
use epr_build::openpgp::KeyRing;
use epr_build::package::Findings;
use epr_build::store::Store;
use epr_build::store::content::Contents;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::sync::Arc;
use tempfile::TempDir;

/// What the layer of a case turns into.
struct Outcome {
    problems: Vec<Problem>,
    /// Name, document and search item of what is published.
    documents: Vec<(String, String, String)>,
}

fn read(case: &Value, store: &Store) -> Outcome {
    let folder = TempDir::new().unwrap();
    let layer = folder.path().join("layer");
    make(case, &layer);
    let asked = |name: &str| case["settings"][name].as_bool().unwrap_or_default();
    let rules = Layer {
        validation: if asked("require_validation") { Validation::Require } else { Validation::Warn },
        dashed_folders: if asked("allow_dashed_folders") { DashedFolders::Warn } else { DashedFolders::Refuse },
        signatures: if asked("require_signatures") { Signatures::Require } else { Signatures::Pass },
        ..Layer::default()
    };
    let plan = LayerPlan {
        source: LayerSource { name: "layer".to_owned(), paths: vec![layer], follow_links: Vec::new() },
        rules,
        keys: Arc::new(KeyRing::elastic()),
    };
    let look = ScanContext { limits: Limits::default(), now_ns: 0 };
    let desk = IntakeContext {
        contents: Contents::new(Some(store)),
        findings: Findings::default(),
        scan: look,
        cache: &Cache::none(),
        inventories: &Inventories::none(),
        store: Some(store),
    };
    let plans = [plan];
    let taken = take_in(&plans, Survey::new(&plans).unwrap(), &desk, &Progress::new(true)).unwrap();
    let layers: Vec<&LayerIntake> = taken.iter().collect();
    let catalog = Catalog::merge(&layers, Some(store)).unwrap();
    let documents = catalog.entries.iter().map(|entry| {
        let deprecated = entry.deprecated.as_ref();
        let mut item = String::new();
        entry.record.item.render(&mut item, |_| true, deprecated);
        (entry.record.facts.name.clone(), entry.record.info(store).unwrap().render(deprecated), item)
    });
    Outcome { problems: taken[0].all_problems().cloned().collect(), documents: documents.collect() }
}

/// Runs all cases before it fails, so that one run shows everything.
fn check_all<'a>(
    cases: impl IntoIterator<Item = (String, &'a Value)>,
    check: impl Fn(&Value, &Store) -> Result<(), String>,
) {
    let cases: Vec<_> = cases.into_iter().collect();
    let folder = TempDir::new().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    assert!(!cases.is_empty());
    let failed: Vec<_> = cases
        .iter()
        .filter_map(|(name, case)| {
            check(case, &store).err().map(|reason| format!("{name} ({}): {reason}", case["contract"]))
        })
        .collect();
    assert!(failed.is_empty(), "{} of {} cases fail:\n\n{}", failed.len(), cases.len(), failed.join("\n\n"));
}

fn cases(fixture: &Value) -> impl Iterator<Item = (String, &Value)> {
    fixture["cases"].as_array().unwrap().iter().map(|case| (case["name"].as_str().unwrap().to_owned(), case))
}

/// Every way of being damaged is told with severity, place and reason, and keeps the package out when it must.
#[test]
fn damaged_packages_are_reported() {
    check_all(cases(&read_json("damaged.json")), |case, store| {
        let outcome = read(case, store);
        let told = || outcome.problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>();
        if !outcome.problems.iter().any(|problem| is_expected(problem, case)) {
            return Err(format!("no problem as expected: {}{}", case["expect"], told()));
        }
        let published = outcome.documents.iter().any(|(name, ..)| name == "sample");
        match case["published"].as_bool() {
            Some(expected) if expected != published => Err(format!("published: {published}{}", told())),
            _ => Ok(()),
        }
    });
}

fn is_expected(problem: &Problem, case: &Value) -> bool {
    let expect = &case["expect"];
    let same = |key: &str, found: Option<&str>| expect[key].as_str().is_none_or(|wanted| found == Some(wanted));
    let message = problem.to_string().to_lowercase();
    let mut texts = expect["message_contains"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
    (match case["severity"].as_str().unwrap() {
        "quarantine" => problem.severity == Severity::Quarantine,
        "warning" => problem.severity == Severity::Warning,
        "any" => true,
        other => panic!("no such severity: {other}"),
    }) && same("file", problem.place.file.as_deref())
        && same("field", problem.place.field.as_deref())
        && same("rule", Some(problem.rule.name()))
        && expect["line"].as_u64().is_none_or(|line| problem.place.line.map(u64::from) == Some(line))
        && texts.all(|text| message.contains(&text.to_lowercase()))
}

/// Whatever the registry accepts is published, and the documents say the same.
#[test]
fn odd_packages_are_accepted() {
    check_all(cases(&read_json("accepted.json")), |case, store| {
        let outcome = read(case, store);
        let told = || outcome.problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>();
        let [(_, info, item)] = outcome.documents.as_slice() else { return Err(format!("not published{}", told())) };
        compare(info, &case["expect"]["info"], &case["expect"]["info_absent"])?;
        compare(item, &case["expect"]["item"], &case["expect"]["item_absent"])
    });
}

fn compare(document: &str, present: &Value, absent: &Value) -> Result<(), String> {
    let document: Value = serde_json::from_str(document).unwrap();
    for (pointer, expected) in present.as_object().into_iter().flatten() {
        let found = document.pointer(pointer);
        if found != Some(expected) {
            return Err(format!("`{pointer}`: expected {expected}\n  found {}", found.unwrap_or(&Value::Null)));
        }
    }
    for pointer in absent.as_array().into_iter().flatten() {
        if let Some(found) = document.pointer(pointer.as_str().unwrap()) {
            return Err(format!("{pointer} should be absent, is {found}"));
        }
    }
    Ok(())
}

/// Every YAML value comes out as the registry prints it, numbers to the letter.
#[test]
fn yaml_values_print_as_in_the_registry() {
    let fixture = read_json("accepted.json");
    let rows = fixture["values"].as_array().unwrap();
    let name = |row: &Value| format!("{} `{}`", row["place"], row["yaml"].as_str().unwrap());
    check_all(rows.iter().map(|row| (name(row), row)), |row, store| {
        let place = &fixture["places"][row["place"].as_str().unwrap()];
        let yaml = row["yaml"].as_str().unwrap();
        let lines = place["append"].as_array().unwrap_or_else(|| panic!("{place}")).iter();
        let lines: Vec<_> = lines.map(|line| line.as_str().unwrap().replace("@YAML@", yaml)).collect();
        let case = serde_json::json!({ "files": { "manifest.yml": { "append": lines } } });
        let outcome = read(&case, store);
        let told = || outcome.problems.iter().map(|problem| format!("\n  {problem}")).collect::<String>();
        let [(_, info, _)] = outcome.documents.as_slice() else { return Err(format!("not published{}", told())) };
        let pointer = place["pointer"].as_str().unwrap();
        let found = raw_at(info, pointer);
        match (found, row["omitted"].as_bool() == Some(true)) {
            (None, true) => Ok(()),
            (None, false) => Err("nothing there".to_owned()),
            (Some(found), true) => Err(format!("should be omitted, is {found}")),
            (Some(found), false) => {
                let value: Value = serde_json::from_str(&found).unwrap();
                let spelled = row["text"].as_str().is_none_or(|text| text == found);
                if value == row["json"] && spelled {
                    Ok(())
                } else {
                    Err(format!("expected {} {}, found {found}", row["json"], row["text"]))
                }
            }
        }
    });
}

/// The text of a value as it stands in the document.
fn raw_at(document: &str, pointer: &str) -> Option<String> {
    let mut text: Box<RawValue> = serde_json::from_str(document).unwrap();
    for part in pointer.split('/').skip(1) {
        text = if let Ok(index) = part.parse::<usize>() {
            let items: Vec<Box<RawValue>> = serde_json::from_str(text.get()).ok()?;
            items.into_iter().nth(index)?
        } else {
            let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text.get()).ok()?;
            members.remove(part)?
        };
    }
    Some(text.get().to_owned())
}
