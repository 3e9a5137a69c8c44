//! The tables of categories and ingestion methods equal those of the document (contract, "Category table" and
//! "Ingestion method table").

use crate::package::{categories, ingestion};

const CONTRACT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference/registry-contract.md"));

/// The rows of the table under a heading, as cells without back-ticks.
fn contract_rows(heading: &str) -> Vec<Vec<String>> {
    let (_, after) = CONTRACT.split_once(&format!(" {heading}\n")).expect("the contract has the heading");
    let (section, _) = after.split_once("\n#").expect("another heading follows");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(|cell| cell.replace('`', "")).collect()).collect()
}

#[test]
fn categories_are_the_contracts() {
    let rows = &contract_rows("Category table")[1..];
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
    let mut inputs = 0;
    for row in &contract_rows("Ingestion method table")[1..] {
        for input in row[1].split(", ") {
            inputs += 1;
            assert_eq!(ingestion::method(input), Some(row[0].as_str()), "{input}");
        }
    }
    assert_eq!(inputs, ingestion::METHODS.len());
    assert_eq!(ingestion::method("nope"), None);
}
