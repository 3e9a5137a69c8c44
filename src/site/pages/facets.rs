//! Titles of categories, with their parents, for badges and filters.

use crate::package::categories;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A category as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Category {
    pub(super) id: String,
    pub(super) title: String,
}

/// One value of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Choice {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) count: usize,
    /// Choices below it.
    pub(super) below: Vec<Choice>,
}

pub(super) fn category(id: &str) -> Category {
    Category { id: id.to_owned(), title: categories::title(id).unwrap_or(id).to_owned() }
}

/// The ids of categories and their parents, each once.
pub(super) fn with_parents<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for id in ids {
        for id in [Some(id), categories::parent(id)].into_iter().flatten() {
            if !all.iter().any(|known| known == id) {
                all.push(id.to_owned());
            }
        }
    }
    all
}

/// Counts words, most frequent first, then by name.
pub(super) fn choices<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<Choice> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let choice =
        |(id, count): (&str, usize)| Choice { id: id.to_owned(), title: id.to_owned(), count, below: Vec::new() };
    let mut choices: Vec<_> = counts.into_iter().map(choice).collect();
    choices.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.id.cmp(&b.id)));
    choices
}

/// Counts categories and puts them below their parents, by title.
pub(super) fn category_tree<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<Choice> {
    let (mut tops, mut below) = (Vec::new(), BTreeMap::<&str, Vec<Choice>>::new());
    for mut choice in choices(ids) {
        choice.title = categories::title(&choice.id).unwrap_or(&choice.id).to_owned();
        match categories::parent(&choice.id) {
            Some(parent) => below.entry(parent).or_default().push(choice),
            None => tops.push(choice),
        }
    }
    for top in &mut tops {
        top.below = below.remove(top.id.as_str()).unwrap_or_default();
        top.below.sort_by(|a, b| a.title.cmp(&b.title));
    }
    tops.sort_by(|a, b| a.title.cmp(&b.title));
    tops
}
