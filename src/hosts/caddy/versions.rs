//! Comparison of version numbers with a sorted list: rows for the whole version, its first two numbers, its first one.
//!
//! A version that is not among the rows of one length is looked for among the shorter ones; where nothing is found it is
//! above all that is listed. Numbers between two listed ones are rows too, when they are few, else one pattern. So the
//! number of rows depends on how many bounds there are, never on how large they are.

use super::super::nginx::below;

/// More numbers than this between two listed ones become a pattern.
const LONGEST_GAP: u64 = 64;

/// The label, given how many bounds are at or below the request's version, and whether the last of them is equal.
pub(super) type Label<'a> = &'a dyn Fn(usize, bool) -> String;

/// Rows by number of parts, the shortest first: key or pattern, and label. Then the label of all that is above.
pub(super) fn rows(bounds: &[&[u64]], parts: usize, label: Label<'_>) -> (Vec<Vec<(String, String)>>, String) {
    let mut rows = vec![Vec::new(); parts];
    level(bounds, 0..bounds.len(), &mut rows, 0, label);
    (rows, label(bounds.len(), false))
}

/// Handles a range of bounds that agree in the numbers before `depth`.
fn level(
    bounds: &[&[u64]],
    range: std::ops::Range<usize>,
    rows: &mut [Vec<(String, String)>],
    depth: usize,
    label: Label<'_>,
) {
    let before: String = bounds[range.start..]
        .first()
        .into_iter()
        .flat_map(|bound| &bound[..depth])
        .fold(String::new(), |text, number| format!("{text}{number}."));
    let (mut at, mut free) = (range.start, 0);
    while at < range.end {
        let number = bounds[at][depth];
        let next = at + bounds[at..range.end].partition_point(|bound| bound[depth] == number);
        if number - free > LONGEST_GAP {
            let pattern = format!("~^{}(?:{})$", before.replace('.', r"\."), below(number));
            rows[depth].push((pattern, label(at, false)));
        } else {
            rows[depth].extend((free..number).map(|free| (format!("{before}{free}"), label(at, false))));
        }
        let is_whole = depth + 1 == rows.len();
        rows[depth].push((format!("{before}{number}"), label(next, is_whole)));
        if !is_whole {
            level(bounds, at..next, rows, depth + 1, label);
        }
        (at, free) = (next, number.saturating_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_rows_hold_what_is_above_the_longer_ones() {
        let label = |count: usize, exact: bool| format!("{count}{}", if exact { "=" } else { "" });
        let bounds: [&[u64]; 3] = [&[1, 2], &[1, 4], &[300, 0]];
        let (rows, above) = rows(&bounds, 2, &label);
        let text = |rows: &[(String, String)]| {
            rows.iter().map(|(key, label)| format!("{key} {label}")).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(text(&rows[0]), r"0 0; 1 2; ~^(?:\d{1,2}|[0-2]\d{2})$ 2; 300 3");
        assert_eq!(text(&rows[1]), "1.0 0; 1.1 0; 1.2 1=; 1.3 1; 1.4 2=; 300.0 3=");
        assert_eq!(above, "3");
    }
}
