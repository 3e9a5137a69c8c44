//! Words of messages that depend on a number.

use std::fmt::Display;

/// A count with its noun, which gets an `s` unless the count is one.
pub fn counted<N: Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{ending}")
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
