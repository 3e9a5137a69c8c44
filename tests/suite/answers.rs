//! The sample packages answer as somebody worked out by hand, query by query: `sample_answers.json`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use crate::built::{Generation, build_samples};
use crate::fixture_layer::read_json;
use epr_build::answers::route::query::FILTERS;
use epr_build::answers::route::request::Decision;
use serde_json::Value;
use std::collections::BTreeMap;

/// Compares every row of a table for the distributions that it names.
fn check_all<T: PartialEq + std::fmt::Debug>(table: &str, read: impl Fn(&Value) -> T, expected: impl Fn(&Value) -> T) {
    let (samples, fixture) = (build_samples(), read_json("sample_answers.json"));
    let mut wrong = Vec::new();
    let mut compared = 0;
    for distribution in ["production", "snapshot"] {
        let generation = Generation::open(&samples.path().join("out"), distribution);
        for row in fixture[table].as_array().unwrap() {
            let query = row["query"].as_str().unwrap();
            // Discovery filters are free text: no table of finite size answers them, and the answer says so.
            if query.contains("discovery=") {
                assert_eq!(generation.decide(query), Decision::Refuse(501, FILTERS.to_owned()), "{query}");
                continue;
            }
            let (found, wanted) = (read(&generation.get_json(query)), expected(&row[distribution]));
            if found != wanted {
                wrong.push(format!("{distribution} {query}\n  expected {wanted:?}\n  found    {found:?}"));
            }
            compared += 1;
        }
    }
    assert!(compared > 0 && wrong.is_empty(), "{} of {compared}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Filters, latest selection, overlay and order together.
#[test]
fn searches_find_what_a_person_would() {
    let id = |item: &Value| format!("{}-{}", item["name"].as_str().unwrap(), item["version"].as_str().unwrap());
    let strings = |list: &Value| list.as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned()).collect();
    check_all("search", |answer| answer.as_array().unwrap().iter().map(id).collect::<Vec<_>>(), strings);
}

/// The same for counts, parents of categories included.
#[test]
fn categories_count_what_a_person_would() {
    let counts = |answer: &Value| {
        let category = |item: &Value| (item["id"].as_str().unwrap().to_owned(), item["count"].as_u64().unwrap());
        let counts: Vec<_> = answer.as_array().unwrap().iter().map(category).collect();
        assert!(counts.is_sorted(), "categories come in the order of their ids: {counts:?}");
        counts.into_iter().collect::<BTreeMap<_, _>>()
    };
    let expected = |row: &Value| {
        row.as_object().unwrap().iter().map(|(id, count)| (id.clone(), count.as_u64().unwrap())).collect()
    };
    check_all("categories", counts, expected);
}
