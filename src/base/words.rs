//! Words of messages that depend on a number.

use std::fmt::Display;

/// A count with its noun, which gets an `s` unless the count is one.
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// Names that are shown of many.
const SHOWN: usize = 5;

/// The first names, and how many more there are.
pub fn few(names: &[String]) -> String {
    first(names, SHOWN)
}

/// As many names as `most`, and how many more there are.
pub fn first(names: &[String], most: usize) -> String {
    let mut text = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    if let Some(more @ 1..) = names.len().checked_sub(most) {
        text += &format!(" and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn only_one_is_singular() {
        for (count, expected) in [(0, "0 versions"), (1, "1 version"), (2, "2 versions"), (11, "11 versions")] {
            assert_eq!(counted(count, "version"), expected);
            assert_eq!(counted(count as u64, "version"), expected);
        }
    }
}
