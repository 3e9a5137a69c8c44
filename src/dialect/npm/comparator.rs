//! Comparisons of versions as npm makes them.

use crate::dialect::version::Version;
use std::cmp::Ordering;

/// Largest number in a version: beyond it numbers of JavaScript are not exact.
const MOST_NUMBER: u64 = (1 << 53) - 1;
/// Longest text of a version, in bytes.
const LONGEST_VERSION: usize = 256;
/// Longest text of a range, in bytes. (node-semver has no such bound; no package needs more.)
pub(super) const LONGEST: usize = 1024;

/// The reason why a text is not a range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// This part of it compares with nothing.
    #[error("`{0}` is not a range of versions as npm reads them")]
    Comparator(String),
    /// More than 1,024 bytes.
    #[error("a range of versions is too long (max {LONGEST} bytes)")]
    TooLong,
}

/// What a version must be in comparison with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// One comparison; a version that has no bound passes any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comparator {
    pub(super) operator: Operator,
    pub(super) bound: Option<Version>,
}

/// Reads a version as npm does: three numbers, perhaps after a `v`.
pub(super) fn full(text: &str) -> Option<Version> {
    let text = text.trim();
    let numbers = text.strip_prefix('v').unwrap_or(text);
    let version = Version::strict(numbers).ok().filter(|_| text.len() <= LONGEST_VERSION)?;
    version.numbers().iter().all(|number| *number <= MOST_NUMBER).then_some(version)
}

pub(super) fn allow(comparators: &[Comparator], version: &Version) -> bool {
    let names_it = |comparator: &Comparator| {
        let bound = comparator.bound.as_ref().filter(|bound| bound.is_prerelease());
        bound.is_some_and(|bound| bound.numbers() == version.numbers())
    };
    comparators.iter().all(|comparator| comparator.allows(version))
        && (!version.is_prerelease() || comparators.iter().any(names_it))
}

impl Comparator {
    /// Allows every version.
    pub(super) const ANY: Self = Self { operator: Operator::Equal, bound: None };

    fn allows(&self, version: &Version) -> bool {
        let Some(bound) = &self.bound else { return true };
        let order = order(version, bound);
        match self.operator {
            Operator::Equal => order.is_eq(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
        }
    }
}

/// The order of two versions. It differs from the registry's in pre-release parts of many digits, which here are numbers as
/// JavaScript has them.
fn order(one: &Version, other: &Version) -> Ordering {
    let releases = || one.pre.is_empty().cmp(&other.pre.is_empty());
    let parts = || {
        if one.pre.is_empty() || other.pre.is_empty() {
            return Ordering::Equal;
        }
        let mut pairs = one.pre.iter().zip(&other.pre);
        let different = pairs.find(|(one, other)| one != other);
        different.map_or_else(|| one.pre.len().cmp(&other.pre.len()), |(one, other)| order_of_parts(one, other))
    };
    one.numbers().cmp(&other.numbers()).then_with(releases).then_with(parts)
}

fn order_of_parts(one: &str, other: &str) -> Ordering {
    let number =
        |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<f64>().ok()).flatten();
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => one.cmp(other),
    }
}
