//! How many versions Kibanas have from where, counted and told alike wherever keep files are.

use crate::select::keep_file::{KeepFile, Source};
use std::collections::BTreeMap;

/// The words for sources in texts; `unknown` is what no answer of Kibana tells.
const WORDS: [(&str, &str); 5] = [
    ("registry", "from a registry"),
    ("bundled", "bundled with Kibana"),
    ("upload", "uploaded"),
    ("custom", "made in Kibana"),
    ("unknown", "of unknown source"),
];

/// Counts the versions of keep files, each as often as sites have it: by `registry`, `bundled`, `upload`, `custom` and `unknown`.
pub fn sources<'a>(files: impl IntoIterator<Item = &'a KeepFile>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for kept in files.into_iter().flat_map(|file| file.versions.values()) {
        let source = kept.source.as_ref().map_or_else(|| "unknown".to_owned(), Source::to_string);
        *counts.entry(source).or_default() += 1;
    }
    counts
}

/// The counts in words: `2 from a registry, 1 bundled with Kibana`.
pub fn in_words(counts: &BTreeMap<String, usize>) -> String {
    let counted = WORDS.iter().filter_map(|(word, words)| Some(format!("{} {words}", counts.get(*word)?)));
    counted.collect::<Vec<_>>().join(", ")
}
