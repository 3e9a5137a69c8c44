//! A package with many oddities and its documents, byte for byte (contract, "Worked example").

use super::{FIELDS, Memory, accepted, render_info, render_item};
use crate::package::{Release, Spec, TemplateFacts};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/acme");

pub(super) fn fixture(path: &str) -> String {
    std::fs::read_to_string(format!("{FOLDER}/{path}")).expect("the fixture is in the repository")
}

fn example() -> Memory {
    Memory::folder(&[
        ("manifest.yml", &fixture("manifest.yml")),
        ("docs/README.md", ""),
        ("docs/acme.md", ""),
        ("img/acme.svg", ""),
        ("data_stream/access/manifest.yml", &fixture("data_stream.yml")),
        ("data_stream/access/fields/base.yml", FIELDS),
        ("data_stream/access/elasticsearch/ingest_pipeline/default.yml", "processors: []\n"),
    ])
}

#[test]
fn the_package_document_is_the_registrys() {
    assert_eq!(render_info(&accepted(example()).info), fixture("info.json"));
}

#[test]
fn the_search_item_is_the_registrys() {
    let answer = format!("[\n{}\n]\n", render_item(&accepted(example()).item));
    assert_eq!(answer, fixture("search.json"));
}

/// A category may keep none of the templates; the key then goes too.
#[test]
fn a_search_item_keeps_the_templates_it_is_told_to() {
    let mut out = String::new();
    accepted(example()).item.render(&mut out, |_| false, None);
    assert!(!out.contains("policy_templates"), "{out}");
}

#[test]
fn search_learns_what_it_filters_by() {
    let facts = accepted(example()).facts;
    assert_eq!((facts.name.as_str(), facts.version.as_str()), ("acme", "0.3.0-rc.1"));
    assert_eq!((facts.package_type.as_str(), facts.release), ("integration", Release::Beta));
    assert_eq!(facts.spec, Spec { major: 2, minor: 10 });
    assert_eq!(facts.kibana.map(|kibana| kibana.to_string()).as_deref(), Some("^8.5.0"));
    assert_eq!((facts.agent, facts.capabilities, facts.deprecated), (None, vec![], None));
    assert_eq!(facts.categories, ["web"], "unknown ids are gone");
    assert_eq!(facts.templates, [TemplateFacts { categories: Some(vec!["datastore".to_owned()]) }]);
}
