//! The rows of one axis, packed: there are hundreds of thousands, and maps of maps would take ten times the memory.
//!
//! Read like the map of maps that they stand for, and written as such. Knows nothing of what nodes and classes mean.

use super::node::Node;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

/// Rows of one axis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// From node and class to the next node.
    pub exact: Exact,
    /// Where a class has no row.
    pub default: Defaults,
}

/// From node and class to the next node; ordered by both.
#[derive(Clone, Default)]
pub struct Exact {
    nodes: Vec<u32>,
    /// Where the rows of each node end; those of the next one begin there.
    ends: Vec<u32>,
    /// Positions of the rows' classes in `words`.
    classes: Vec<u32>,
    nexts: Vec<Node>,
    /// Few classes serve all rows.
    words: Vec<Arc<str>>,
    positions: BTreeMap<Arc<str>, u32>,
}

/// From node to the next node, ordered.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    nodes: Vec<u32>,
    nexts: Vec<Node>,
}

/// The rows of one node, by class.
#[derive(Clone, Copy)]
pub struct Classes<'a> {
    classes: &'a [u32],
    nexts: &'a [Node],
    words: &'a [Arc<str>],
}

impl Rows {
    /// Gives back the memory that was reserved for further rows.
    pub(super) fn shrink(&mut self) {
        self.exact.nodes.shrink_to_fit();
        self.exact.ends.shrink_to_fit();
        self.exact.classes.shrink_to_fit();
        self.exact.nexts.shrink_to_fit();
        self.default.nodes.shrink_to_fit();
        self.default.nexts.shrink_to_fit();
    }
}

impl Exact {
    /// Every node that has rows, with its rows.
    pub fn iter(&self) -> impl Iterator<Item = (&u32, Classes<'_>)> {
        self.nodes.iter().enumerate().map(|(at, node)| (node, self.at(self.range(at))))
    }

    /// Every node that has rows.
    pub fn keys(&self) -> impl Iterator<Item = &u32> {
        self.nodes.iter()
    }

    /// Returns true if a node has rows.
    pub fn contains_key(&self, node: &u32) -> bool {
        self.nodes.binary_search(node).is_ok()
    }

    /// The rows of every node that has some.
    pub fn values(&self) -> impl Iterator<Item = Classes<'_>> {
        self.iter().map(|(_, classes)| classes)
    }

    /// The rows of a node, if it has any.
    pub fn get(&self, node: &u32) -> Option<Classes<'_>> {
        let at = self.nodes.binary_search(node).ok()?;
        Some(self.at(self.range(at)))
    }

    /// How many nodes have rows.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns true if there are no rows.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many rows all nodes have.
    pub fn rows(&self) -> usize {
        self.nexts.len()
    }

    /// Adds a row or replaces the one of this node and class. Cheap in ascending order.
    pub fn insert(&mut self, node: u32, class: &str, next: Node) {
        let at = match self.nodes.last() {
            Some(last) if *last == node => self.nodes.len() - 1,
            Some(last) if *last > node => self.place(node),
            _ => self.add_node(self.nodes.len(), node),
        };
        let word = self.word(class);
        let range = self.range(at);
        match self.at(range.clone()).search(class) {
            Ok(row) => self.nexts[range.start + row] = next,
            Err(row) => {
                self.classes.insert(range.start + row, word);
                self.nexts.insert(range.start + row, next);
                self.ends[at..].iter_mut().for_each(|end| *end += 1);
            }
        }
    }

    /// The position of a node between others, made where it is absent.
    fn place(&mut self, node: u32) -> usize {
        self.nodes.binary_search(&node).unwrap_or_else(|at| self.add_node(at, node))
    }

    fn add_node(&mut self, at: usize, node: u32) -> usize {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.nodes.insert(at, node);
        self.ends.insert(at, begin);
        at
    }

    fn word(&mut self, class: &str) -> u32 {
        if let Some(position) = self.positions.get(class) {
            return *position;
        }
        let position = u32::try_from(self.words.len()).expect("four billion classes do not fit into memory");
        let word: Arc<str> = Arc::from(class);
        self.words.push(Arc::clone(&word));
        self.positions.insert(word, position);
        position
    }

    fn range(&self, at: usize) -> Range<usize> {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        begin as usize..self.ends[at] as usize
    }

    fn at(&self, range: Range<usize>) -> Classes<'_> {
        Classes { classes: &self.classes[range.clone()], nexts: &self.nexts[range], words: &self.words }
    }
}

impl Defaults {
    /// Every node that has a default, and that.
    pub fn iter(&self) -> impl Iterator<Item = (&u32, &Node)> {
        self.nodes.iter().zip(&self.nexts)
    }

    /// Every node that has a default.
    pub fn keys(&self) -> impl Iterator<Item = &u32> {
        self.nodes.iter()
    }

    /// Returns true if a node has a default.
    pub fn contains_key(&self, node: &u32) -> bool {
        self.nodes.binary_search(node).is_ok()
    }

    /// All defaults.
    pub fn values(&self) -> impl Iterator<Item = &Node> {
        self.nexts.iter()
    }

    /// The default of a node, if it has one.
    pub fn get(&self, node: &u32) -> Option<&Node> {
        Some(&self.nexts[self.nodes.binary_search(node).ok()?])
    }

    /// How many nodes have a default.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns true if no node has a default.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Sets the default of a node. Cheap in ascending order.
    pub fn insert(&mut self, node: u32, next: Node) {
        let at = if self.nodes.last() < Some(&node) { Err(self.nodes.len()) } else { self.nodes.binary_search(&node) };
        match at {
            Ok(at) => self.nexts[at] = next,
            Err(at) => {
                self.nodes.insert(at, node);
                self.nexts.insert(at, next);
            }
        }
    }
}

impl<'a> Classes<'a> {
    /// Every class with the next node, in order of the classes.
    pub fn iter(self) -> impl Iterator<Item = (&'a Arc<str>, &'a Node)> {
        let words = self.words;
        self.classes.iter().map(move |class| &words[*class as usize]).zip(self.nexts)
    }

    /// All classes, in order.
    pub fn keys(self) -> impl Iterator<Item = &'a Arc<str>> {
        self.iter().map(|(class, _)| class)
    }

    /// The next node of every class.
    pub fn values(self) -> impl Iterator<Item = &'a Node> {
        self.nexts.iter()
    }

    /// The next node of a class, if it has a row.
    pub fn get(self, class: &str) -> Option<&'a Node> {
        self.search(class).ok().map(|at| &self.nexts[at])
    }

    /// How many rows there are.
    pub fn len(self) -> usize {
        self.nexts.len()
    }

    /// Returns true if there are none.
    pub fn is_empty(self) -> bool {
        self.nexts.is_empty()
    }

    fn search(self, class: &str) -> Result<usize, usize> {
        self.classes.binary_search_by(|own| (*self.words[*own as usize]).cmp(class))
    }
}

impl<'a> IntoIterator for Classes<'a> {
    type Item = (&'a Arc<str>, &'a Node);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter().collect::<Vec<_>>().into_iter()
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.nodes == other.nodes && self.iter().zip(other.iter()).all(|(own, other)| own.1 == other.1)
    }
}

impl Eq for Exact {}

impl PartialEq for Classes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Classes<'_> {}

impl PartialOrd for Classes<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Classes<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.iter().cmp(other.iter())
    }
}

impl fmt::Debug for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Defaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Classes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for Classes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for Defaults {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// Reads a map whose values have the type `V` entry by entry.
struct Entries<V, T, F: FnMut(&mut T, u32, V)> {
    into: T,
    add: F,
    values: PhantomData<V>,
}

impl<'de, V: Deserialize<'de>, T, F: FnMut(&mut T, u32, V)> Visitor<'de> for Entries<V, T, F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map by nodes")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<T, A::Error> {
        while let Some((node, value)) = map.next_entry()? {
            (self.add)(&mut self.into, node, value);
        }
        Ok(self.into)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let add = |rows: &mut Self, node, classes: BTreeMap<String, Node>| {
            classes.into_iter().for_each(|(class, next)| rows.insert(node, &class, next));
        };
        deserializer.deserialize_map(Entries { into: Self::default(), add, values: PhantomData })
    }
}

impl<'de> Deserialize<'de> for Defaults {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries { into: Self::default(), add: Self::insert, values: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // Packed rows are the map of maps they stand for, in whatever order they come.
        #[test]
        fn packed_rows_are_a_map_of_maps(rows in prop::collection::vec((0_u32..6, "[a-c]{1,2}", 0_u32..9), 0..40)) {
            let (mut packed, mut plain) = (Rows::default(), BTreeMap::<u32, BTreeMap<Arc<str>, Node>>::new());
            let mut defaults = BTreeMap::new();
            for (node, class, next) in rows {
                packed.exact.insert(node, &class, Node::Step(next));
                packed.default.insert(node, Node::Step(next));
                plain.entry(node).or_default().insert(class.into(), Node::Step(next));
                defaults.insert(node, Node::Step(next));
            }
            let text = serde_json::to_string(&packed).unwrap();
            let [exact, default] = [serde_json::to_string(&plain).unwrap(), serde_json::to_string(&defaults).unwrap()];
            prop_assert_eq!(&text, &format!("{{\"exact\":{exact},\"default\":{default}}}"));
            prop_assert_eq!(&packed, &serde_json::from_str::<Rows>(&text).unwrap());
            for node in 0..6 {
                prop_assert_eq!(packed.default.get(&node), defaults.get(&node));
                for class in ["a", "b", "c", "ab", "d"] {
                    let own = packed.exact.get(&node).and_then(|classes| classes.get(class));
                    prop_assert_eq!(own, plain.get(&node).and_then(|classes| classes.get(class)));
                }
            }
        }
    }
}
