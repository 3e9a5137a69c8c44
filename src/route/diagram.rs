//! Decision diagrams over the axes: functions from labels to outcomes, each stored once.
//!
//! A node asks one axis and has a link for each of its labels; a function that does not depend on an axis has no node
//! for it. Nodes with equal links are one node, so equal functions are equal links and can be compared at once. Knows
//! nothing of names, answers' paths or tables.

use super::model::Axis;
use crate::search::{CategoryCount, Hit};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// A function: a node, or an outcome that depends on nothing further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Link {
    /// Position of a node.
    Node(u32),
    /// Position of an outcome.
    End(u32),
}

/// Nothing was found.
pub(super) const EMPTY: Link = Link::End(0);
/// Not precomputed.
pub(super) const REFUSED: Link = Link::End(1);

/// Asks one axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Question {
    /// The axis.
    pub(super) axis: Axis,
    /// By label.
    pub(super) links: Box<[Link]>,
}

/// What a function gives in the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Outcome {
    /// No hits, no counts.
    Empty,
    /// Not precomputed.
    Refused,
    /// Hits, at least one, in catalog order.
    Hits(Vec<Hit>),
    /// Two outcomes with hits, the first before the second: lists share their parts, since most have most in common.
    Joined(u32, u32),
    /// Counts, at least one, by id.
    Counts(Vec<CategoryCount>),
}

/// One label an axis, by position.
pub(super) type Context = [usize; Axis::ALL.len()];

/// More work than allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OverBudget;

/// All functions and outcomes.
#[derive(Debug)]
pub(super) struct Arena {
    nodes: Vec<Rc<Question>>,
    node_positions: HashMap<Rc<Question>, u32>,
    outcomes: Vec<Rc<Outcome>>,
    outcome_positions: HashMap<Rc<Outcome>, u32>,
}

impl Arena {
    pub(super) fn new() -> Self {
        let mut arena = Self {
            nodes: Vec::new(),
            node_positions: HashMap::new(),
            outcomes: Vec::new(),
            outcome_positions: HashMap::new(),
        };
        arena.outcome(Outcome::Empty);
        arena.outcome(Outcome::Refused);
        arena
    }

    /// The function that ends here.
    pub(super) fn outcome(&mut self, outcome: Outcome) -> Link {
        Link::End(intern(&mut self.outcomes, &mut self.outcome_positions, outcome))
    }

    /// The function that finds these.
    pub(super) fn hits(&mut self, hits: Vec<Hit>) -> Link {
        if hits.is_empty() { EMPTY } else { self.outcome(Outcome::Hits(hits)) }
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
                let question = Question { axis, links: links.into_boxed_slice() };
                Link::Node(intern(&mut self.nodes, &mut self.node_positions, question))
            }
        }
    }

    /// What a link asks next; `None` at the end.
    pub(super) fn question(&self, link: Link) -> Option<&Question> {
        match link {
            Link::Node(position) => Some(&self.nodes[position as usize]),
            Link::End(_) => None,
        }
    }

    /// The end for one label an axis.
    pub(super) fn evaluate(&self, mut link: Link, context: &Context) -> Link {
        while let Some(question) = self.question(link) {
            link = question.links[context[question.axis as usize]];
        }
        link
    }

    /// What stands at the end; nodes have no outcome.
    pub(super) fn end(&self, link: Link) -> Option<&Outcome> {
        match link {
            Link::Node(_) => None,
            Link::End(position) => Some(&self.outcomes[position as usize]),
        }
    }

    /// All hits of an outcome, in order.
    pub(super) fn all_hits(&self, link: Link) -> Vec<Hit> {
        let mut hits = Vec::new();
        let mut rest = vec![link];
        while let Some(link) = rest.pop() {
            match self.end(link) {
                Some(Outcome::Hits(own)) => hits.extend(own.iter().cloned()),
                Some(Outcome::Joined(first, second)) => rest.extend([Link::End(*second), Link::End(*first)]),
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

    /// The function with every end replaced. `known` remembers what has been replaced by the same rule.
    pub(super) fn map(
        &mut self,
        link: Link,
        known: &mut HashMap<Link, Link>,
        replace: &mut impl FnMut(&mut Self, Link) -> Link,
    ) -> Link {
        if let Some(mapped) = known.get(&link) {
            return *mapped;
        }
        let mapped = match self.question(link).cloned() {
            None => replace(self, link),
            Some(Question { axis, links }) => {
                let links = links.iter().map(|link| self.map(*link, known, replace)).collect();
                self.ask(axis, links)
            }
        };
        known.insert(link, mapped);
        mapped
    }

    /// The function that gives both outcomes at once: hits one after the other, counts added. Fails when it takes more
    /// than `most` distinct pairs of functions.
    pub(super) fn join(&mut self, first: Link, second: Link, most: usize) -> Result<(Link, usize), OverBudget> {
        let mut known = HashMap::new();
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

    /// The links by label when an axis is asked; a function that does not ask it has the same one for all.
    fn links(&self, link: Link, axis: Axis) -> Vec<Link> {
        match self.question(link) {
            Some(question) if question.axis == axis => question.links.to_vec(),
            _ => vec![link],
        }
    }

    /// Joins what two functions give; neither is empty or refused.
    fn join_ends(&mut self, first: Link, second: Link) -> Link {
        match (first, second, self.end(first)) {
            (Link::End(first), Link::End(second), Some(Outcome::Hits(_) | Outcome::Joined(..))) => {
                self.outcome(Outcome::Joined(first, second))
            }
            _ => self.gather(&[first, second]),
        }
    }

    /// What several ends give at once: all hits, or all counts added.
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

/// The position of a value, which is stored once.
fn intern<T: Eq + std::hash::Hash>(values: &mut Vec<Rc<T>>, positions: &mut HashMap<Rc<T>, u32>, value: T) -> u32 {
    if let Some(position) = positions.get(&value) {
        return *position;
    }
    let position = u32::try_from(values.len()).expect("four billion functions do not fit into memory");
    let value = Rc::new(value);
    values.push(Rc::clone(&value));
    positions.insert(value, position);
    position
}
