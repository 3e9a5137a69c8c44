//! Decision diagrams over the axes: functions from labels to outcomes, each stored once.
//!
//! A node asks one axis and has a link for each of its labels; a function that does not depend on an axis has no node
//! for it. Nodes with equal links are one node, so equal functions are equal links and can be compared at once. Knows
//! nothing of names, answers' paths or tables.

use super::interned::Interned;
use super::model::Axis;
use crate::answers::search::{CategoryCount, Hit};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A function: a node, or an outcome that depends on nothing further. The highest bit tells which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Link(u32);

/// The bit of an outcome.
const END: u32 = 1 << 31;
/// Nothing was found.
pub(super) const EMPTY: Link = Link(END);
/// Not precomputed.
pub(super) const REFUSED: Link = Link(END + 1);

/// Maps of the numbers of functions, of which there are millions: a hash that withstands chosen keys would take half of
/// the time, and nobody chooses these.
pub(super) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;

/// Where a link leads.
enum Destination {
    /// Position of a node.
    Node(u32),
    /// Position of an outcome.
    Outcome(u32),
}

impl Link {
    fn node(position: u32) -> Self {
        assert!(position < END, "two billion functions do not fit into memory");
        Self(position)
    }

    fn end(position: u32) -> Self {
        assert!(position < END, "two billion outcomes do not fit into memory");
        Self(position + END)
    }

    fn destination(self) -> Destination {
        self.0.checked_sub(END).map_or(Destination::Node(self.0), Destination::Outcome)
    }
}

/// Asks one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question<'a> {
    /// The axis.
    pub(super) axis: Axis,
    /// By label.
    pub(super) links: &'a [Link],
}

/// The value of a function for some labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// No hits, no counts.
    Empty,
    /// Not precomputed.
    Refused,
    /// Hits, at least one, in catalog order.
    Hits(Box<[Hit]>),
    /// Two outcomes with hits, the first before the second: lists share their parts, since most have most in common.
    Joined(Link, Link),
    /// Counts, at least one, by id.
    Counts(Box<[CategoryCount]>),
}

/// More work than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverBudget;

/// Functions and outcomes, as many as are needed at once: an arena is made for some subjects and dropped after them.
#[derive(Debug)]
pub(super) struct Arena {
    /// Links by label, then the number of the axis in the place of one more.
    nodes: Interned<Link>,
    outcomes: Vec<Rc<Outcome>>,
    outcome_positions: HashMap<Rc<Outcome>, u32>,
    /// A node in the making.
    buffer: Vec<Link>,
}

impl Arena {
    pub(super) fn new() -> Self {
        let mut arena = Self {
            nodes: Interned::new(),
            outcomes: Vec::new(),
            outcome_positions: HashMap::default(),
            buffer: Vec::new(),
        };
        arena.outcome(Outcome::Empty);
        arena.outcome(Outcome::Refused);
        arena
    }

    /// The function that ends here.
    pub(super) fn outcome(&mut self, outcome: Outcome) -> Link {
        if let Some(position) = self.outcome_positions.get(&outcome) {
            return Link::end(*position);
        }
        let position = u32::try_from(self.outcomes.len()).expect("four billion outcomes do not fit into memory");
        let outcome = Rc::new(outcome);
        self.outcomes.push(Rc::clone(&outcome));
        self.outcome_positions.insert(outcome, position);
        Link::end(position)
    }

    /// The function that finds these.
    pub(super) fn hits(&mut self, hits: Vec<Hit>) -> Link {
        if hits.is_empty() { EMPTY } else { self.outcome(Outcome::Hits(hits.into_boxed_slice())) }
    }

    /// The function that counts these.
    pub(super) fn counts(&mut self, counts: &BTreeMap<&str, u64>) -> Link {
        if counts.is_empty() {
            return EMPTY;
        }
        let counts = counts.iter().map(|(id, count)| CategoryCount { id: (*id).to_owned(), count: *count });
        self.outcome(Outcome::Counts(counts.collect()))
    }

    /// The function that asks an axis, or what all its labels agree on.
    pub(super) fn ask(&mut self, axis: Axis, links: Vec<Link>) -> Link {
        match links.first() {
            Some(first) if links.iter().all(|link| link == first) => *first,
            _ => {
                self.buffer.clear();
                self.buffer.extend(links);
                self.buffer.push(Link(axis as u32));
                Link::node(self.nodes.position(&self.buffer))
            }
        }
    }

    /// The question at a link; `None` for an outcome.
    pub(super) fn question(&self, link: Link) -> Option<Question<'_>> {
        let Destination::Node(position) = link.destination() else { return None };
        let (axis, links) = self.nodes.get(position).split_last().expect("a node ends with its axis");
        Some(Question { axis: Axis::ALL[axis.0 as usize], links })
    }

    /// The outcome that a link leads to; `None` for a node.
    pub(super) fn end(&self, link: Link) -> Option<&Outcome> {
        match link.destination() {
            Destination::Node(_) => None,
            Destination::Outcome(position) => Some(&self.outcomes[position as usize]),
        }
    }

    /// All hits of an outcome, in order.
    pub(super) fn all_hits(&self, link: Link) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut rest = vec![link];
        while let Some(link) = rest.pop() {
            match self.end(link) {
                Some(Outcome::Hits(own)) => hits.extend(own.iter().cloned()),
                Some(Outcome::Joined(first, second)) => rest.extend([*second, *first]),
                _ => {}
            }
        }
        hits
    }

    /// The distinct ends that can be reached.
    pub(super) fn ends(&self, link: Link) -> BTreeSet<Link> {
        let mut ends = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut rest = vec![link];
        while let Some(link) = rest.pop() {
            match self.question(link) {
                None => drop(ends.insert(link)),
                Some(question) if seen.insert(link) => rest.extend(question.links.iter().copied()),
                Some(_) => {}
            }
        }
        ends
    }

    /// The axes that a function asks anywhere.
    pub(super) fn axes(&self, link: Link) -> BTreeSet<Axis> {
        let mut axes = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut rest = vec![link];
        while let Some(link) = rest.pop() {
            if let Some(question) = self.question(link)
                && seen.insert(link)
            {
                axes.insert(question.axis);
                rest.extend(question.links.iter().copied());
            }
        }
        axes
    }

    /// A function of another arena, with every end replaced. `known` remembers what has been replaced by the same rule.
    pub(super) fn import(
        &mut self,
        from: &Self,
        link: Link,
        known: &mut HashMap<Link, Link>,
        replace: &mut impl FnMut(&mut Self, Link) -> Link,
    ) -> Link {
        if let Some(imported) = known.get(&link) {
            return *imported;
        }
        let imported = match from.question(link) {
            None => replace(self, link),
            Some(Question { axis, links }) => {
                let links = links.iter().map(|link| self.import(from, *link, known, replace)).collect();
                self.ask(axis, links)
            }
        };
        known.insert(link, imported);
        imported
    }

    /// The function that gives both outcomes at once: hits one after the other, counts added. Fails when it takes more
    /// than `most` distinct pairs of functions.
    pub(super) fn join(&mut self, first: Link, second: Link, most: usize) -> Result<(Link, usize), OverBudget> {
        let mut known = HashMap::default();
        let link = self.join_pair(first, second, &mut known, most)?;
        Ok((link, known.len()))
    }

    fn join_pair(
        &mut self,
        first: Link,
        second: Link,
        known: &mut HashMap<(Link, Link), Link>,
        most: usize,
    ) -> Result<Link, OverBudget> {
        match (first, second) {
            (REFUSED, _) | (_, REFUSED) => return Ok(REFUSED),
            (EMPTY, other) | (other, EMPTY) => return Ok(other),
            _ => {}
        }
        if let Some(link) = known.get(&(first, second)) {
            return Ok(*link);
        }
        if known.len() >= most {
            return Err(OverBudget);
        }
        let axis = [first, second].iter().filter_map(|link| Some(self.question(*link)?.axis)).min();
        let link = match axis {
            None => self.join_ends(first, second),
            Some(axis) => {
                let (firsts, seconds) = (self.links(first, axis), self.links(second, axis));
                let count = firsts.len().max(seconds.len());
                let mut links = Vec::with_capacity(count);
                for label in 0..count {
                    let pair = (firsts[label % firsts.len()], seconds[label % seconds.len()]);
                    links.push(self.join_pair(pair.0, pair.1, known, most)?);
                }
                self.ask(axis, links)
            }
        };
        known.insert((first, second), link);
        Ok(link)
    }

    /// The first function where it is not refused, and the second elsewhere.
    pub(super) fn overlay(&mut self, first: Link, second: Link) -> Link {
        self.overlay_pair(first, second, &mut HashMap::default())
    }

    fn overlay_pair(&mut self, first: Link, second: Link, known: &mut HashMap<(Link, Link), Link>) -> Link {
        if first == REFUSED || first == second {
            return second;
        }
        if second == REFUSED || self.end(first).is_some() {
            return first;
        }
        if let Some(link) = known.get(&(first, second)) {
            return *link;
        }
        let axis = [first, second].iter().filter_map(|link| Some(self.question(*link)?.axis)).min();
        let axis = axis.expect("the first function is no end");
        let (firsts, seconds) = (self.links(first, axis), self.links(second, axis));
        let count = firsts.len().max(seconds.len());
        let pair = |label: usize| (firsts[label % firsts.len()], seconds[label % seconds.len()]);
        let links = (0..count).map(pair).map(|(first, second)| self.overlay_pair(first, second, known)).collect();
        let link = self.ask(axis, links);
        known.insert((first, second), link);
        link
    }

    /// The links by label when an axis is asked; a function that does not ask it has the same one for all.
    fn links(&self, link: Link, axis: Axis) -> Vec<Link> {
        match self.question(link) {
            Some(question) if question.axis == axis => question.links.to_vec(),
            _ => vec![link],
        }
    }

    /// Joins what two functions give; neither is empty or refused.
    fn join_ends(&mut self, first: Link, second: Link) -> Link {
        match self.end(first) {
            Some(Outcome::Hits(_) | Outcome::Joined(..)) => self.outcome(Outcome::Joined(first, second)),
            _ => self.gather(&[first, second]),
        }
    }

    /// The union of several outcomes: all hits, or all counts added.
    pub(super) fn gather(&mut self, ends: &[Link]) -> Link {
        if ends.contains(&REFUSED) {
            return REFUSED;
        }
        let mut sum: BTreeMap<&str, u64> = BTreeMap::new();
        let mut hits = Vec::new();
        for end in ends {
            match self.end(*end) {
                Some(Outcome::Counts(counts)) => {
                    counts.iter().for_each(|category| *sum.entry(&category.id).or_default() += category.count);
                }
                _ => hits.extend(self.all_hits(*end)),
            }
        }
        if sum.is_empty() {
            return self.hits(hits);
        }
        let counts = sum.into_iter().map(|(id, count)| CategoryCount { id: id.to_owned(), count }).collect();
        self.outcome(Outcome::Counts(counts))
    }
}
