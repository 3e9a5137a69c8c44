//! Comparison of version numbers by exact look-ups: a tree of small maps over major, minor and patch.
//!
//! At each level the listed numbers are keys; numbers between them are listed too, when they are few, else described by a
//! pattern. So the size of the maps depends on how many boundaries there are, never on how large they are.

use super::map::Map;
use crate::hosts::shared::labels::NumberAxis;
use crate::hosts::shared::patterns::below;
use std::ops::Range;

/// More numbers than this between two listed ones become a pattern.
pub(super) const LONGEST_GAP: u64 = 64;

/// Builds the maps of one tree.
pub(super) struct Trie<'a> {
    /// Name of the variables, without the dollar sign.
    pub(super) name: &'a str,
    /// The variables that hold the numbers of a request, most significant first.
    pub(super) sources: &'a [&'a str],
    /// The bounds and the labels.
    pub(super) axis: &'a NumberAxis<'a>,
    /// The result.
    pub(super) maps: Vec<Map>,
}

impl Trie<'_> {
    /// Appends the maps, each after those it refers to. Returns the value of the whole tree: a label or a variable.
    pub(super) fn build(&mut self) -> String {
        self.level(0..self.axis.bounds.len(), 0)
    }

    /// Handles bounds that agree in the numbers before `depth`.
    pub(super) fn level(&mut self, bounds: Range<usize>, depth: usize) -> String {
        let label = |count, is_equal| (self.axis.label)(count, is_equal);
        if depth == self.sources.len() {
            return label(bounds.end, true);
        }
        if bounds.is_empty() {
            return label(bounds.start, false);
        }
        let mut rows = vec![format!("default \"{}\"", label(bounds.end, false))];
        for listed in self.axis.listed(bounds.clone(), depth) {
            let (number, unlisted) = (listed.number, listed.unlisted);
            let lower = (self.axis.label)(listed.bounds.start, false);
            if number - unlisted.start > LONGEST_GAP {
                rows.push(format!("\"~^(?:{})\\z\" \"{lower}\"", below(number)));
            } else {
                rows.extend(unlisted.map(|unlisted| format!("{unlisted} \"{lower}\"")));
            }
            rows.push(format!("{number} \"{}\"", self.level(listed.bounds, depth + 1)));
        }
        let numbers = &self.axis.bounds[bounds.start][..depth];
        let prefix: String = numbers.iter().map(|number| format!("_{number}")).collect();
        let name = format!("epr_{}{prefix}", self.name);
        self.maps.push(Map::new(self.sources[depth], &name, rows));
        format!("${name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the hosting notes: small maps, and everything larger is the default.
    #[test]
    fn gaps_are_filled_with_the_lower_bound() {
        let axis = NumberAxis {
            name: "min",
            length: 2,
            bounds: vec![&[1, 2], &[1, 4], &[300, 0]],
            label: Box::new(|count, _| count.to_string()),
        };
        let mut trie = Trie { name: "t", sources: &["$a", "$b"], axis: &axis, maps: Vec::new() };
        assert_eq!(trie.build(), "$epr_t");
        let text: Vec<_> = trie
            .maps
            .iter()
            .map(|map| format!("{}: {}", map.name, map.text.trim().replace(";\n  ", "; ").trim_end_matches(';')))
            .collect();
        assert_eq!(
            text,
            [
                "epr_t_1: default \"2\"; 0 \"0\"; 1 \"0\"; 2 \"1\"; 3 \"1\"; 4 \"2\"",
                "epr_t_300: default \"3\"; 0 \"3\"",
                r#"epr_t: default "3"; 0 "0"; 1 "$epr_t_1"; "~^(?:\d{1,2}|[0-2]\d{2})\z" "2"; 300 "$epr_t_300""#,
            ]
        );
    }
}
