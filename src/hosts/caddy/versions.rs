//! Comparison of version numbers with a sorted list: rows for the whole version, its first two numbers, its first one.
//!
//! A version that is not among the rows of one length is looked up among the shorter ones; if it is not there either, it is
//! above all bounds. Numbers between two listed ones are rows too, when they are few, else one pattern. So the
//! number of rows depends on how many bounds there are, never on how large they are.

use crate::hosts::shared::labels::NumberAxis;
use crate::hosts::shared::patterns::below;
use std::ops::Range;

/// More numbers than this between two listed ones become a pattern.
const LONGEST_GAP: u64 = 64;

/// Key or pattern, and label.
pub(super) type Row = (String, String);

/// The rows of an axis by the number of their numbers, the shortest first.
pub(super) fn rows(axis: &NumberAxis<'_>) -> Vec<Vec<Row>> {
    let mut rows = vec![Vec::new(); axis.length];
    level(axis, 0..axis.bounds.len(), &mut rows, 0);
    rows
}

/// Handles bounds that agree in the numbers before `depth`.
fn level(axis: &NumberAxis<'_>, bounds: Range<usize>, rows: &mut [Vec<Row>], depth: usize) {
    let Some(first) = axis.bounds[bounds.clone()].first() else { return };
    let before: String = first[..depth].iter().map(|number| format!("{number}.")).collect();
    for listed in axis.listed(bounds, depth) {
        let (number, unlisted) = (listed.number, listed.unlisted);
        let lower = (axis.label)(listed.bounds.start, false);
        if number - unlisted.start > LONGEST_GAP {
            let pattern = format!("~^{}(?:{})$", before.replace('.', r"\."), below(number));
            rows[depth].push((pattern, lower));
        } else {
            rows[depth].extend(unlisted.map(|unlisted| (format!("{before}{unlisted}"), lower.clone())));
        }
        let is_whole = depth + 1 == rows.len();
        rows[depth].push((format!("{before}{number}"), (axis.label)(listed.bounds.end, is_whole)));
        if !is_whole {
            level(axis, listed.bounds, rows, depth + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_rows_hold_what_is_above_the_longer_ones() {
        let axis = NumberAxis {
            name: "min",
            length: 2,
            bounds: vec![&[1, 2], &[1, 4], &[300, 0]],
            label: Box::new(|count, is_equal| format!("{count}{}", if is_equal { "=" } else { "" })),
        };
        let rows = rows(&axis);
        let text = |rows: &[(String, String)]| {
            rows.iter().map(|(key, label)| format!("{key} {label}")).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(text(&rows[0]), r"0 0; 1 2; ~^(?:\d{1,2}|[0-2]\d{2})$ 2; 300 3");
        assert_eq!(text(&rows[1]), "1.0 0; 1.1 0; 1.2 1=; 1.3 1; 1.4 2=; 300.0 3=");
    }
}
