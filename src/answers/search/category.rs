//! The category filter and the counts of `/categories` (contract, "Category filter" and "Categories").

use super::{Query, TemplateSelection, selected};
use crate::package::{Facts, TemplateFacts, categories as table};
use serde::Serialize;
use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

/// One element of a `/categories` answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CategoryCount {
    /// The category.
    pub id: String,
    /// How often packages, and their templates if asked for, name it; at least 1.
    pub count: u64,
}

/// The templates that a package shows under a category, or `None` when it is not in it (contract, "Category filter").
///
/// A package whose own categories have it shows all; otherwise those templates that name it literally, maybe none,
/// because a sub-category brings the package in but does not count here.
pub fn selection(facts: &Facts, id: &str) -> Option<TemplateSelection> {
    if has(&facts.categories, id) {
        return Some(TemplateSelection::All);
    }
    if !facts.templates.iter().any(|template| has(ids(template), id)) {
        return None;
    }
    let kept = facts.templates.iter().enumerate().filter(|(_, template)| ids(template).iter().any(|own| own == id));
    let positions: Box<[usize]> = kept.map(|(position, _)| position).collect();
    Some(if positions.len() == facts.templates.len() {
        TemplateSelection::All
    } else {
        TemplateSelection::Only(positions)
    })
}

/// All ids under which [`selection`] may find something in this package: those it names, and their parents.
pub fn reachable(facts: &Facts) -> BTreeSet<&str> {
    let own = facts.categories.iter().chain(facts.templates.iter().flat_map(ids));
    own.flat_map(|id| [Some(id.as_str()), table::parent(id)]).flatten().collect()
}

/// Returns true if a list of categories has this one, itself or through a sub-category.
fn has(categories: &[String], id: &str) -> bool {
    categories.iter().any(|own| own == id || table::parent(own) == Some(id))
}

fn ids(template: &TemplateFacts) -> &[String] {
    template.categories.as_deref().unwrap_or_default()
}

/// The counts of a `/categories` answer, sorted by id. `category` and `all` of the query do not apply here; package and type are
/// unknown to this request as well and have to be absent.
pub fn categories<F: Borrow<Facts>>(
    catalog: &[F],
    query: &Query,
    include_policy_templates: bool,
) -> Vec<CategoryCount> {
    let catalog: Vec<&Facts> = catalog.iter().map(Borrow::borrow).collect();
    let mut counts = BTreeMap::new();
    for index in selected(&catalog, query, false) {
        count(catalog[index], include_policy_templates, &mut counts);
    }
    counts.into_iter().map(|(id, count)| CategoryCount { id: id.to_owned(), count }).collect()
}

/// Adds what one package contributes (contract, "Counting categories").
pub fn count<'a>(facts: &'a Facts, include_policy_templates: bool, counts: &mut BTreeMap<&'a str, u64>) {
    let mut add = |id: &'a str| *counts.entry(id).or_default() += 1;
    facts.categories.iter().for_each(|id| add(id));
    if !include_policy_templates || matches!(facts.templates.as_slice(), [TemplateFacts { categories: None }]) {
        return;
    }
    let mut extras = BTreeSet::new();
    for template in &facts.templates {
        facts.categories.iter().for_each(|id| add(id));
        for id in ids(template) {
            if !has(&facts.categories, id) && extras.insert(id) {
                add(id);
            }
            add(id);
        }
    }
}

/// An element as it is printed: keys in this order, those of the parent only when there is one.
#[derive(Serialize)]
struct CategoryView<'a> {
    id: &'a str,
    title: &'a str,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_title: Option<&'a str>,
}

/// The JSON text of the answer (contract, "Categories answer"), closing newline included. Unknown ids are their own
/// title and have no parent.
pub fn render_categories(counts: &[CategoryCount]) -> String {
    let views: Vec<_> = counts.iter().map(view).collect();
    let text = serde_json::to_string_pretty(&views).expect("texts and numbers always serialise");
    // The registry escapes these two, serde_json does not; they can only stand inside strings.
    text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029") + "\n"
}

fn view(CategoryCount { id, count }: &CategoryCount) -> CategoryView<'_> {
    let parent_id = table::parent(id);
    let parent_title = parent_id.and_then(table::title);
    CategoryView { id, title: table::title(id).unwrap_or(id), count: *count, parent_id, parent_title }
}
