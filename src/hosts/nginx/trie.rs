//! Comparison of version numbers by exact look-ups: a tree of small maps over major, minor and patch.
//!
//! At each level the listed numbers are keys; numbers between them are listed too, when they are few, else described by a
//! pattern. So the size of the maps depends on how many boundaries there are, never on how large they are.

use super::Map;

/// More numbers than this between two listed ones become a pattern.
const LONGEST_GAP: u64 = 64;

/// Builds the maps of one tree.
pub(super) struct Trie<'a> {
    /// Name of the variables, without the dollar sign.
    pub(super) name: &'a str,
    /// The variables that hold the numbers of a request, most significant first.
    pub(super) sources: &'a [&'a str],
    /// Sorted lists of numbers, one of each for every source.
    pub(super) bounds: Vec<&'a [u64]>,
    /// The label, given how many bounds are at or below the request's version, and whether the last of them is equal.
    pub(super) label: &'a dyn Fn(usize, bool) -> String,
    /// The result.
    pub(super) maps: Vec<Map>,
}

impl Trie<'_> {
    /// Appends the maps, each after those it refers to; gives the value that stands for the whole: a label or a variable.
    pub(super) fn build(&mut self) -> String {
        self.level(0, self.bounds.len(), 0)
    }

    /// Handles the bounds from `first` to before `end`, which agree in the numbers before `depth`.
    fn level(&mut self, first: usize, end: usize, depth: usize) -> String {
        if depth == self.sources.len() {
            return (self.label)(end, true);
        }
        if first == end {
            return (self.label)(first, false);
        }
        let mut rows = Vec::new();
        let (mut at, mut free) = (first, 0);
        while at < end {
            let number = self.bounds[at][depth];
            let next = at + self.bounds[at..end].partition_point(|bound| bound[depth] == number);
            if number - free > LONGEST_GAP {
                rows.push(format!("\"~^(?:{})\\z\" \"{}\"", below(number), (self.label)(at, false)));
            } else {
                rows.extend((free..number).map(|free| format!("{free} \"{}\"", (self.label)(at, false))));
            }
            rows.push(format!("{number} \"{}\"", self.level(at, next, depth + 1)));
            (at, free) = (next, number.saturating_add(1));
        }
        rows.insert(0, format!("default \"{}\"", (self.label)(end, false)));
        let prefix: Vec<_> = self.bounds[first][..depth].iter().map(|number| format!("_{number}")).collect();
        let name = format!("epr_{}{}", self.name, prefix.concat());
        self.maps.push(Map::new(self.sources[depth], &name, rows));
        format!("${name}")
    }
}

/// A pattern for the numbers below a limit, written without leading zeros.
pub(in crate::hosts) fn below(limit: u64) -> String {
    let digits = limit.to_string();
    let mut patterns = Vec::new();
    if digits.len() > 1 {
        patterns.push(format!(r"\d{{1,{}}}", digits.len() - 1));
    }
    for (at, digit) in digits.bytes().enumerate() {
        if digit > b'0' {
            let lower = char::from(digit - 1);
            patterns.push(format!(r"{}[0-{lower}]\d{{{}}}", &digits[..at], digits.len() - at - 1));
        }
    }
    patterns.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_below_a_limit_have_a_pattern() {
        assert_eq!(below(7), r"[0-6]\d{0}");
        assert_eq!(below(205), r"\d{1,2}|[0-1]\d{2}|20[0-4]\d{0}");
    }

    // The example of the hosting notes: small maps, and everything larger is the default.
    #[test]
    fn gaps_are_filled_with_the_lower_bound() {
        let label = |count: usize, _: bool| count.to_string();
        let bounds: [&[u64]; 3] = [&[1, 2], &[1, 4], &[300, 0]];
        let mut trie =
            Trie { name: "t", sources: &["$a", "$b"], bounds: bounds.to_vec(), label: &label, maps: Vec::new() };
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
