//! The pairs of one mapping: merge keys and duplicate keys.
//!
//! A later pair wins over an earlier one with the same key. A merge key counts where it stands: its pairs win over those
//! before it and lose against those behind it.

use crate::error::{Result, Warning, WarningKind, syntax};
use crate::plain::{Entry, Plain, Scalar};
use std::cmp::Ordering;

/// Largest number of pairs for which comparing each with each is faster than sorting.
const FEW: usize = 8;

/// The pairs of one mapping while it is read, in document order.
#[derive(Default)]
pub(crate) struct Pairs {
    entries: Vec<Entry>,
    /// Indexes of the entries that came from merge keys.
    merged: Vec<usize>,
}

impl Pairs {
    pub(crate) fn add(&mut self, key: Plain, value: Plain, merge: bool) -> Result<()> {
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

    /// Returns true if any two keys are equal, by comparing each with each.
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

    /// Returns the last entry of each key. Warns of duplicates unless a merge key brought one of them.
    pub(crate) fn finish(mut self, warnings: &mut Vec<Warning>) -> Vec<Entry> {
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
                    let message = format!("duplicate key {}; this last one counts", later.key.quoted());
                    warnings.push(Warning { kind: WarningKind::DuplicateKey, line: later.line, message });
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

fn wrong_merge<T>(line: u32) -> Result<T> {
    syntax(line, "map merge requires map or sequence of maps as the value")
}

/// A total order of keys. Keys of different types are never equal.
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
