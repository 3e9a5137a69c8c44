//! The answer to a question, worked out package by package as the contract says ("Search" and "Categories").
//!
//! Everything is one group: how a package is stored never matters.

use super::catalog::{Catalog, Package};
use super::json::Node;
use super::read::{Discovery, Question};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The bytes of a `/search` answer.
pub(super) fn search(catalog: &Catalog, question: &Question) -> Vec<u8> {
    let mut texts = Vec::new();
    for package in chosen(catalog, question, question.all) {
        match &question.category {
            None => texts.push(package.text(None)),
            Some(category) => texts.extend(in_category(catalog, package, category)),
        }
    }
    if texts.is_empty() { b"[]".to_vec() } else { format!("[\n  {}\n]\n", texts.join(",\n  ")).into_bytes() }
}

/// The text of a package in the list of a category, unless it is not of that category.
fn in_category(catalog: &Catalog, package: &Package, category: &[u8]) -> Option<String> {
    let lists: Vec<&[String]> = package.templates.iter().map(|list| list.as_deref().unwrap_or_default()).collect();
    if catalog.has(&package.categories, category) {
        return Some(package.text(None));
    }
    if !lists.iter().any(|list| catalog.has(list, category)) {
        return None;
    }
    let literally = |position: &usize| lists[*position].iter().any(|id| id.as_bytes() == category);
    let kept: Vec<usize> = (0..lists.len()).filter(literally).collect();
    Some(package.text(Some(&kept)))
}

/// The bytes of a `/categories` answer.
pub(super) fn categories(catalog: &Catalog, question: &Question) -> Vec<u8> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for package in chosen(catalog, question, false) {
        for id in &package.categories {
            *counts.entry(id).or_default() += 1;
        }
        if question.include_policy_templates {
            count_templates(catalog, package, &mut counts);
        }
    }
    let items = counts.into_iter().map(|(id, count)| {
        let row = catalog.table.iter().find(|row| row.id == id);
        let mut pairs = vec![
            ("id".to_owned(), Node::Text(id.to_owned())),
            ("title".to_owned(), Node::Text(row.map_or(id, |row| &row.title).to_owned())),
            ("count".to_owned(), Node::Plain(count.to_string())),
        ];
        if let Some((parent, title)) = row.and_then(|row| row.parent.clone()) {
            pairs.push(("parent_id".to_owned(), Node::Text(parent)));
            pairs.push(("parent_title".to_owned(), Node::Text(title)));
        }
        Node::Map(pairs)
    });
    let mut text = String::new();
    Node::List(items.collect()).write(0, &mut text);
    text.push('\n');
    text.into_bytes()
}

fn count_templates<'a>(catalog: &Catalog, package: &'a Package, counts: &mut BTreeMap<&'a str, u64>) {
    let mut extras = BTreeSet::new();
    for list in &package.templates {
        if package.templates.len() == 1 && list.is_none() {
            return;
        }
        for id in &package.categories {
            *counts.entry(id).or_default() += 1;
        }
        for id in list.iter().flatten() {
            if !catalog.has(&package.categories, id.as_bytes()) && extras.insert(id) {
                *counts.entry(id).or_default() += 1;
            }
            *counts.entry(id).or_default() += 1;
        }
    }
}

/// The versions that pass the filter and the choice of versions, in the order of lists.
fn chosen<'a>(catalog: &'a Catalog, question: &Question, all: bool) -> Vec<&'a Package> {
    let passing =
        |package: &&Package| passes_both(package, question) && (question.experimental || passes(package, question));
    let passing: Vec<&Package> = catalog.packages.iter().filter(passing).collect();
    if question.experimental && all {
        let is_settled = |package: &&Package| !package.version.is_prerelease() && package.version.major >= 1;
        let settled: BTreeSet<&str> =
            passing.iter().filter(|package| is_settled(package)).map(|p| p.name.as_str()).collect();
        return passing.into_iter().filter(|p| is_settled(p) || !settled.contains(p.name.as_str())).collect();
    }
    if all {
        return passing;
    }
    let mut slots: BTreeMap<&[u8], &Package> = BTreeMap::new();
    for newcomer in passing {
        let slot = slots.entry(newcomer.name.as_bytes()).or_insert(newcomer);
        if replaces(newcomer, slot, question.experimental) {
            *slot = newcomer;
        }
    }
    slots.into_values().collect()
}

/// Whether a newcomer takes the place of the version chosen so far.
fn replaces(newcomer: &Package, slot: &Package, is_legacy: bool) -> bool {
    let is_newer = newcomer.version.precedence(&slot.version) == Ordering::Greater;
    match (newcomer.version.is_prerelease(), slot.version.is_prerelease()) {
        _ if !is_legacy => is_newer,
        (true, false) => false,
        (false, true) => true,
        _ => is_newer,
    }
}

/// The conditions that both filters have.
fn passes_both(package: &Package, question: &Question) -> bool {
    let kibana = match (&question.kibana, &package.kibana) {
        (Some(version), Some(constraint)) => constraint.matches(version),
        _ => true,
    };
    let is = |wanted: &Option<Vec<u8>>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found.as_bytes());
    kibana && is(&question.package, &package.name) && is(&question.kind, &package.kind)
}

/// The conditions of the normal filter alone.
fn passes(package: &Package, question: &Question) -> bool {
    if !question.prerelease && (package.release == "experimental" || package.version.is_prerelease()) {
        return false;
    }
    if let (Some(version), Some(constraint)) = (&question.agent, &package.agent)
        && !constraint.matches(version)
    {
        return false;
    }
    if let Some(given) = &question.capabilities {
        for needed in &package.capabilities {
            if !given.iter().any(|capability| capability == needed.as_bytes()) {
                return false;
            }
        }
    }
    let is_in = |list: &[Vec<u8>], name: &String| list.iter().any(|given| given == name.as_bytes());
    for value in &question.discovery {
        let matches = match value {
            Discovery::Fields(list) => {
                !package.fields.is_empty() && package.fields.iter().all(|name| is_in(list, name))
            }
            Discovery::Datasets(list) => package.datasets.iter().any(|name| is_in(list, name)),
        };
        if !matches {
            return false;
        }
    }
    question.bounds.iter().all(|bound| bound.matches(&package.format))
}
