//! The category and ingestion tables are those of the contract (sections 7.6 and 3.9).

use crate::package::{categories, ingestion};
use std::path::PathBuf;

/// The rows of a section's tables, as cells without back-ticks; `None`, with a word, when the contract is not at hand.
fn contract_rows(section: &str, end: &str) -> Option<Vec<Vec<String>>> {
    let shared = std::env::var_os("EPR_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = shared.join("docs/registry-contract.md");
    let Ok(contract) = std::fs::read_to_string(&path) else {
        let message = format!("skipped: {} is not there", path.display());
        assert!(std::env::var_os("EPR_REQUIRE_ALL").is_none(), "{message}");
        println!("{message}");
        return None;
    };
    let (_, after) = contract.split_once(section).expect("the contract has the section");
    let (table, _) = after.split_once(end).expect("the section ends");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    Some(rows.map(|row| row.split(" | ").map(|cell| cell.replace('`', "")).collect()).collect())
}

#[test]
fn categories_are_the_contracts() {
    let Some(rows) = contract_rows("### 7.6 ", "## 8.") else { return };
    let rows = &rows[1..];
    assert_eq!(rows.len(), 72);
    let listed: Vec<&str> = categories::CATEGORIES.iter().map(|category| category.id).collect();
    assert_eq!(listed, rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>());
    for row in rows {
        let [id, title, parent, parent_title] = row.as_slice() else { panic!("four cells: {row:?}") };
        let parent = Some(parent.as_str()).filter(|parent| *parent != "\u{2013}");
        assert!(categories::known(id));
        assert_eq!(categories::title(id), Some(title.as_str()), "{id}");
        assert_eq!(categories::parent(id), parent, "{id}");
        assert_eq!(parent.and_then(categories::title), parent.map(|_| parent_title.as_str()), "{id}");
    }
}

#[test]
fn unknown_categories_have_nothing() {
    assert!(!categories::known("nope"));
    assert_eq!(categories::parent("nope"), None);
    assert_eq!(categories::title(""), None);
}

#[test]
fn ingestion_methods_are_the_contracts() {
    let Some(rows) = contract_rows("### 3.9 ", "### 3.10 ") else { return };
    let mut inputs = 0;
    for row in &rows[1..] {
        for input in row[1].split(", ") {
            inputs += 1;
            assert_eq!(ingestion::method(input), Some(row[0].as_str()), "{input}");
        }
    }
    assert_eq!(inputs, ingestion::METHODS.len());
    assert_eq!(ingestion::method("nope"), None);
}
