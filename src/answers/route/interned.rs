//! Values that are stored once, packed one after the other: a list of lists, found again by content.
//!
//! A map from lists to positions would hold every list a second time, with some hundred bytes around it. Knows nothing
//! of what the lists mean.

use foldhash::fast::RandomState;
use std::hash::{BuildHasher, Hash};

/// Distinct lists.
#[derive(Debug)]
pub(super) struct Interned<T> {
    items: Vec<T>,
    /// Where each list ends; the next one begins there.
    ends: Vec<u32>,
    /// Positions of lists plus one, by hash; 0 is free. Its length is a power of two, and at most two thirds are used.
    slots: Vec<u32>,
    hasher: RandomState,
}

impl<T: Copy + Eq + Hash> Interned<T> {
    pub(super) fn new() -> Self {
        Self { items: Vec::new(), ends: Vec::new(), slots: vec![0; 16], hasher: RandomState::default() }
    }

    /// The list at a position.
    pub(super) fn get(&self, position: u32) -> &[T] {
        let at = position as usize;
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[begin as usize..self.ends[at] as usize]
    }

    /// The position of a list, which is stored if it is new.
    pub(super) fn position(&mut self, list: &[T]) -> u32 {
        if self.ends.len() * 3 >= self.slots.len() * 2 {
            self.grow();
        }
        let mut slot = self.slot(list);
        while let Some(position) = self.slots[slot].checked_sub(1) {
            if self.get(position) == list {
                return position;
            }
            slot = (slot + 1) % self.slots.len();
        }
        self.items.extend_from_slice(list);
        let position = self.len();
        self.ends.push(u32::try_from(self.items.len()).expect("four billion links do not fit into memory"));
        self.slots[slot] = position + 1;
        position
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.ends.len()).expect("there are no more lists than items")
    }

    /// Forgets how lists are found, when no more are added.
    pub(super) fn close(&mut self) {
        self.slots = Vec::new();
        self.items.shrink_to_fit();
        self.ends.shrink_to_fit();
    }

    fn slot(&self, list: &[T]) -> usize {
        self.hasher.hash_one(list) as usize % self.slots.len()
    }

    fn grow(&mut self) {
        self.slots = vec![0; self.slots.len() * 2];
        for position in 0..self.len() {
            let mut slot = self.slot(self.get(position));
            while self.slots[slot] != 0 {
                slot = (slot + 1) % self.slots.len();
            }
            self.slots[slot] = position + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_lists_have_one_position(lists in prop::collection::vec(prop::collection::vec(0_u8..3, 0..4), 0..60)) {
            let (mut interned, mut plain) = (Interned::new(), Vec::new());
            for list in lists {
                let expected = plain.iter().position(|own| *own == list).unwrap_or_else(|| {
                    plain.push(list.clone());
                    plain.len() - 1
                });
                prop_assert_eq!(interned.position(&list) as usize, expected);
            }
            for (position, list) in plain.iter().enumerate() {
                prop_assert_eq!(interned.get(position as u32), &list[..]);
            }
        }
    }
}
