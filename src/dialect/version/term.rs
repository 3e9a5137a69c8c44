//! One term of a constraint, such as `^7.16.0`, and the versions that satisfy it (contract, "Constraint grammar").
//!
//! Must not know how terms are written; `grammar` does.

use super::{Version, compare_prereleases};
use std::cmp::Ordering;

/// The comparison that a term makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// None or `=`.
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=` or `=>`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=` or `=<`
    LessOrEqual,
    /// `~` or `~>`
    Tilde,
    /// `^`
    Caret,
}

/// The leftmost part of a term's version that is a wildcard or missing; all parts from there on count as 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// No part: three numbers were given.
    Nothing,
    /// `1.2` or `1.2.x`.
    Patch,
    /// `1` or `1.x`.
    Minor,
    /// `*`.
    Major,
}

/// An operator and the version to compare with.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) operator: Operator,
    pub(super) value: Version,
    pub(super) open: Open,
}

impl Term {
    /// Returns true if the version satisfies the term, apart from the pre-release rule, which belongs to the group.
    pub(super) fn matches(&self, version: &Version) -> bool {
        let order = version.precedence(&self.value);
        match self.operator {
            Operator::Equal if self.open == Open::Nothing => order.is_eq(),
            Operator::Equal | Operator::Tilde => order.is_ge() && self.is_in_tilde_range(version),
            Operator::NotEqual => self.differs(version, order),
            Operator::Greater => self.range_is_below(version, order),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => self.range_reaches(version, order),
            Operator::Caret => order.is_ge() && self.is_in_caret_range(version),
        }
    }

    /// The release versions at which the answer of [`Term::matches`] may change: the term's own, and the next patch,
    /// minor and major. A number that is at its maximum adds none, because the next larger step covers it.
    pub(super) fn boundaries(&self) -> impl Iterator<Item = [u64; 3]> {
        let Version { major, minor, patch, .. } = self.value;
        let behind_patch = patch.checked_add(1).map(|patch| [major, minor, patch]);
        let behind_minor = minor.checked_add(1).map(|minor| [major, minor, 0]);
        let behind_major = major.checked_add(1).map(|major| [major, 0, 0]);
        [Some([major, minor, patch]), behind_patch, behind_minor, behind_major].into_iter().flatten()
    }

    fn differs(&self, version: &Version, order: Ordering) -> bool {
        match self.open {
            Open::Nothing | Open::Major => order.is_ne(),
            Open::Minor => version.major != self.value.major,
            Open::Patch => !self.shares_minor(version) || compare_prereleases(&version.pre, &self.value.pre).is_ne(),
        }
    }

    /// `>`: the whole range that the open parts stand for must lie below the version.
    fn range_is_below(&self, version: &Version, order: Ordering) -> bool {
        match self.open {
            Open::Nothing | Open::Major => order.is_gt(),
            Open::Minor => version.major > self.value.major,
            Open::Patch => minor_of(version) > minor_of(&self.value),
        }
    }

    /// `<=`: the version may lie anywhere in the range that the open parts stand for. `<=*` is, oddly, `0.0.x`.
    fn range_reaches(&self, version: &Version, order: Ordering) -> bool {
        match self.open {
            Open::Nothing => order.is_le(),
            Open::Minor => version.major <= self.value.major,
            Open::Patch | Open::Major => minor_of(version) <= minor_of(&self.value),
        }
    }

    /// Returns true if a version that is not below the term's is below the upper end of `~`. `~0.0.0` and `*` have no
    /// end.
    fn is_in_tilde_range(&self, version: &Version) -> bool {
        match self.open {
            Open::Nothing | Open::Major if self.value.numbers() == [0, 0, 0] => true,
            Open::Minor => version.major == self.value.major,
            Open::Nothing | Open::Patch | Open::Major => self.shares_minor(version),
        }
    }

    /// Returns true if a version that is not below the term's is below the upper end of `^`: the leftmost number that
    /// is not 0, or the last one given, must be the same. `^*` is, oddly, `0.0.0` alone.
    fn is_in_caret_range(&self, version: &Version) -> bool {
        if self.value.major > 0 || self.open == Open::Minor {
            return version.major == self.value.major;
        }
        if self.value.minor > 0 || self.open == Open::Patch {
            return self.shares_minor(version);
        }
        version.numbers() == self.value.numbers()
    }

    fn shares_minor(&self, version: &Version) -> bool {
        minor_of(version) == minor_of(&self.value)
    }
}

fn minor_of(version: &Version) -> (u64, u64) {
    (version.major, version.minor)
}
