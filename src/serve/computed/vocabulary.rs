//! The words that some package has. A question may hold others, thousands of them and of any length: they change no
//! answer, or leave it empty, so they are taken out before the question is remembered.

use crate::answers::search::category::reachable;
use crate::answers::search::question::Question;
use crate::answers::search::{DiscoveryFilter, Query};
use crate::package::Facts;
use std::collections::HashSet;

/// The words of a catalog, by what they name.
pub(super) struct Vocabulary {
    names: HashSet<String>,
    categories: HashSet<String>,
    types: HashSet<String>,
    capabilities: HashSet<String>,
    /// Fields and datasets.
    discoverable: HashSet<String>,
}

impl Vocabulary {
    pub(super) fn of(facts: &[Facts]) -> Self {
        let discovery = facts.iter().map(|facts| &facts.discovery);
        Self {
            names: facts.iter().map(|facts| facts.name.clone()).collect(),
            categories: facts.iter().flat_map(reachable).map(str::to_owned).collect(),
            types: facts.iter().map(|facts| facts.package_type.clone()).collect(),
            capabilities: facts.iter().flat_map(|facts| &facts.capabilities).cloned().collect(),
            discoverable: discovery.flat_map(|facts| facts.fields.iter().chain(&facts.datasets)).cloned().collect(),
        }
    }

    /// The same question without foreign words.
    pub(super) fn known(&self, question: Question) -> Question {
        match question {
            Question::Search(query) => Question::Search(query.and_then(|query| self.known_query(query))),
            Question::Categories(query, templates) => {
                Question::Categories(query.and_then(|query| self.known_query(query)), templates)
            }
        }
    }

    /// `None` if no package can fulfil it.
    fn known_query(&self, mut query: Query) -> Option<Query> {
        let is_foreign =
            |word: &Option<String>, known: &HashSet<String>| word.as_ref().is_some_and(|word| !known.contains(word));
        if is_foreign(&query.package, &self.names)
            || is_foreign(&query.category, &self.categories)
            || is_foreign(&query.package_type, &self.types)
        {
            return None;
        }
        let keep = |words: &mut Vec<String>, known: &HashSet<String>| words.retain(|word| known.contains(word));
        query.capabilities.iter_mut().for_each(|words| keep(words, &self.capabilities));
        for filter in &mut query.discovery {
            let (DiscoveryFilter::Fields(words) | DiscoveryFilter::Datasets(words)) = filter;
            keep(words, &self.discoverable);
        }
        query.discovery.sort();
        query.discovery.dedup();
        Some(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::search;
    use crate::answers::search::samples::catalog;

    // Foreign words leave nothing behind, and no answer changes.
    #[test]
    fn foreign_words_are_taken_out() {
        let catalog = catalog(
            "a 1.0.0 cats=web caps=apm fields=f,g datasets=d type=content
             b 1.0.0 cats=firewall_security templates=odd;-
             c 1.0.0 caps=apm,security",
        );
        let vocabulary = Vocabulary::of(&catalog);
        let long = "x".repeat(50_000);
        for (raw, expected) in [
            ("package=a&type=content&category=web", "package=a&type=content&category=web"),
            ("category=odd", "category=odd"),
            ("category=security&capabilities=apm,LONG,security", "category=security&capabilities=apm,security"),
            ("capabilities=LONG", "capabilities=,"),
            ("discovery=fields:f,LONG,g&discovery=datasets:LONG", "discovery=fields:f,g&discovery=datasets:"),
            ("discovery=fields:LONG&discovery=fields:LONGER", "discovery=fields:"),
            ("package=LONG", "package=%ff"),
            ("type=LONG&all=true&experimental=true", "type=%ff"),
            ("category=LONG", "category=%ff"),
        ] {
            let read = |raw: &str| Question::of_search(raw).unwrap();
            let asked = read(&raw.replace("LONG", &long));
            let known = vocabulary.known(asked.clone());
            assert_eq!(known, vocabulary.known(read(expected)), "{raw}");
            assert!(format!("{known:?}").len() < 1_000, "{raw}");
            let hits = |question: &Question| match question {
                Question::Search(query) => {
                    query.as_ref().map(|query| search::search(&catalog, query)).unwrap_or_default()
                }
                Question::Categories(..) => unreachable!("only searches are asked"),
            };
            assert_eq!(hits(&known), hits(&asked), "{raw}");
        }
    }
}
