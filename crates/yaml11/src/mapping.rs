//! The pairs of one mapping: merge keys and duplicate keys.
//!
//! Document order decides both: what comes later wins (contract, section 2.2). Must not know tokens or dotted keys.

use super::compose::syntax;
use super::{Entry, Plain, Scalar, Warning, YamlError};
use std::cmp::Ordering;

/// Up to so many pairs, comparing each with each costs less than sorting.
const FEW: usize = 8;

/// The pairs of one mapping while it is read: later ones win, in document order, merged ones included.
#[derive(Default)]
pub(super) struct Pairs {
    entries: Vec<Entry>,
    /// Index of each entry that a merge key brought; nearly always empty.
    merged: Vec<usize>,
}

impl Pairs {
    pub(super) fn add(&mut self, key: Plain, value: Plain, merge: bool) -> Result<(), YamlError> {
        let (key, line) = match key {
            Plain::Scalar(key, line) => (key, line),
            other => return syntax(other.line(), "invalid map key"),
        };
        if !merge {
            self.entries.push(Entry { key, line, value });
            return Ok(());
        }
        match value {
            Plain::Map(entries, _) => self.merge(entries),
            // Earlier items of the list win, so they come last.
            Plain::List(items, _) => {
                for item in items.into_iter().rev() {
                    match item {
                        Plain::Map(entries, _) => self.merge(entries),
                        other => return wrong_merge(other.line()),
                    }
                }
            }
            other => return wrong_merge(other.line()),
        }
        Ok(())
    }

    fn merge(&mut self, entries: Vec<Entry>) {
        self.merged.extend(self.entries.len()..self.entries.len() + entries.len());
        self.entries.extend(entries);
    }

    /// Whether any two keys are equal, by comparing each with each.
    fn has_equal_keys(&self) -> bool {
        let mut rest = self.entries.as_slice();
        while let Some((first, others)) = rest.split_first() {
            if others.iter().any(|other| compare(&first.key, &other.key).is_eq()) {
                return true;
            }
            rest = others;
        }
        false
    }

    /// Keeps the last entry of each key.
    pub(super) fn finish(mut self, warnings: &mut Vec<Warning>) -> Vec<Entry> {
        if self.entries.len() <= FEW && !self.has_equal_keys() {
            return self.entries;
        }
        let mut order: Vec<usize> = (0..self.entries.len()).collect();
        order.sort_by(|&a, &b| compare(&self.entries[a].key, &self.entries[b].key).then(a.cmp(&b)));
        let mut lost: Vec<usize> = Vec::new();
        for pair in order.windows(2) {
            let (earlier, later) = (&self.entries[pair[0]], &self.entries[pair[1]]);
            if compare(&earlier.key, &later.key).is_eq() {
                lost.push(pair[0]);
                if !pair.iter().any(|index| self.merged.binary_search(index).is_ok()) {
                    let message = format!("duplicate key {}; this last one counts", spelled(&later.key));
                    warnings.push(Warning { line: later.line, message });
                }
            }
        }
        if !lost.is_empty() {
            lost.sort_unstable();
            let mut index = 0;
            self.entries.retain(|_| {
                index += 1;
                lost.binary_search(&(index - 1)).is_err()
            });
        }
        self.entries
    }
}

fn wrong_merge<T>(line: u32) -> Result<T, YamlError> {
    syntax(line, "map merge requires map or sequence of maps as the value")
}

/// Any order will do that puts equal keys side by side; keys of different kinds are never equal.
fn compare(a: &Scalar, b: &Scalar) -> Ordering {
    let rank = |scalar: &Scalar| match scalar {
        Scalar::Null => 0,
        Scalar::Bool(_) => 1,
        Scalar::Int(_) => 2,
        Scalar::Uint(_) => 3,
        Scalar::Float(_) => 4,
        Scalar::String(_) => 5,
    };
    match (a, b) {
        (Scalar::String(a), Scalar::String(b)) => a.cmp(b),
        (Scalar::Bool(a), Scalar::Bool(b)) => a.cmp(b),
        (Scalar::Int(a), Scalar::Int(b)) => a.cmp(b),
        (Scalar::Uint(a), Scalar::Uint(b)) => a.cmp(b),
        (Scalar::Float(a), Scalar::Float(b)) => a.total_cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// A key as messages show it.
pub(super) fn spelled(key: &Scalar) -> String {
    match key {
        Scalar::Null => "`null`".to_owned(),
        Scalar::Bool(value) => format!("`{value}`"),
        Scalar::Int(value) => format!("`{value}`"),
        Scalar::Uint(value) => format!("`{value}`"),
        Scalar::Float(value) => format!("`{value}`"),
        Scalar::String(value) => format!("`{value}`"),
    }
}
