//! Short words for what the tables of edges name often: their size is limited.

/// What stands for a capability in labels: sets of capabilities are most of a table, and their names most of a set.
pub(super) fn short_word(position: usize) -> String {
    let digit = |rest: usize| char::from_digit((rest % 36) as u32, 36).expect("a rest of 36 is a digit");
    let digits = std::iter::successors(Some(position), |rest| Some(rest / 36).filter(|rest| *rest > 0)).map(digit);
    digits.collect()
}
