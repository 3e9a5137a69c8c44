//! Everything that one subject may be asked, as one diagram over raw values instead of labels and classes.
//!
//! The routing tables turn a value into a label, the label into a class of the subject, and look for the class. Here the
//! three are one: a node holds the bounds at which its links change. So a diagram needs nothing else, and modes of a
//! subject that agree share their nodes. Knows nothing of how diagrams are written.

use super::sets::{self, Step};
use super::words::short_word;
use crate::answers::route::model::{Axis, Node as Row, Profile, Routes, Rows, Start};
use crate::answers::route::walk::{
    ANY, LOWEST, PRE, boundary_label, capability_word, spec_ceiling, spec_floor, spec_label,
};
use crate::hosts::shared::patterns::is_plain_path;
use std::collections::HashMap;
use std::sync::Arc;

/// Where a walk goes on or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Link<'a> {
    /// The empty list.
    Empty,
    /// No answer was precomputed.
    Refused,
    /// The tables lead to no answer.
    Broken,
    /// The path of an answer.
    Answer(&'a str),
    /// A node, by its number.
    Node(u32),
}

/// A question and where its answers lead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node<'a> {
    /// The axis of the question.
    pub(super) axis: Axis,
    /// Versions: absent, pre-release, below all bounds. Specs: absent, below all bounds. Capabilities: any set without a row.
    /// `prerelease`: false, true.
    pub(super) heads: Vec<Link<'a>>,
    /// From a bound on, in ascending order (behind it, for lower bounds on specs); for a set of capabilities, or for all sets
    /// that hold one.
    pub(super) rows: Vec<(&'a str, Link<'a>)>,
}

/// The labels that versions and specs can have, and from which bound on.
pub(super) struct Labels {
    kibana: Vec<String>,
    agent: Vec<String>,
    /// By number: bound, label behind it as a lower bound, label from it on as an upper bound.
    specs: Vec<(String, String, String)>,
    /// The label of an upper bound below all specs.
    below_specs: String,
    /// The short words of capabilities, by position.
    words: Vec<String>,
    /// Sets of capabilities by label.
    sets: HashMap<Arc<str>, Set>,
}

/// A set of capabilities.
struct Set {
    /// In short words.
    label: String,
    /// By position of the capability.
    members: Vec<bool>,
}

impl Labels {
    pub(super) fn new(routes: &Routes) -> Self {
        let specs = &routes.specs;
        let spec = |at: usize| (spec_label(specs[at]), spec_ceiling(specs, at + 1), spec_floor(specs, at + 1));
        Self {
            kibana: routes.kibana_boundaries.iter().copied().map(boundary_label).collect(),
            agent: routes.agent_boundaries.iter().copied().map(boundary_label).collect(),
            specs: (0..specs.len()).map(spec).collect(),
            below_specs: spec_floor(specs, 0),
            words: (0..routes.capabilities.len()).map(short_word).collect(),
            sets: named_sets(routes),
        }
    }
}

fn named_sets(routes: &Routes) -> HashMap<Arc<str>, Set> {
    let words = routes.capabilities.iter().enumerate();
    let positions: HashMap<_, _> = words.map(|(position, own)| (capability_word(own), position)).collect();
    let set = |label: &str| {
        let own = label.strip_prefix('-')?;
        let (mut words, mut members) = (Vec::new(), vec![false; routes.capabilities.len()]);
        for word in own.split('-').filter(|word| !word.is_empty()) {
            let position = *positions.get(word)?;
            members[position] = true;
            words.push(short_word(position));
        }
        Some(Set { label: format!("-{}", words.join("-")), members })
    };
    // No set, and every set: an absent parameter excludes nothing, and neither does one that names everything.
    let all = Set { label: ANY.to_owned(), members: vec![true; routes.capabilities.len()] };
    let labels = routes.rows.get(&Axis::Capabilities).into_iter().flat_map(|rows| rows.exact.values()).flatten();
    let named = labels.filter_map(|(label, _)| Some((Arc::clone(label), set(label)?)));
    named.chain([(Arc::from(ANY), all)]).collect()
}

/// The starts of the modes, and nodes in an order in which links lead backwards.
pub(super) struct Diagram<'a> {
    pub(super) starts: Vec<Option<Link<'a>>>,
    pub(super) nodes: Vec<Node<'a>>,
}

impl<'a> Diagram<'a> {
    pub(super) fn new(routes: &'a Routes, labels: &'a Labels, starts: &[Option<&'a Start>]) -> Self {
        let rows = Axis::ALL.map(|axis| routes.rows.get(&axis));
        let mut work = Work { routes, labels, rows, nodes: Vec::new(), numbers: HashMap::new(), known: HashMap::new() };
        let starts = starts.iter().map(|start| start.map(|start| work.link(start, &start.node, 0))).collect();
        Self { starts, nodes: work.nodes }
    }
}

/// Of more capabilities than this nobody asks for one after the other: their words would be more than one letter.
const MOST_ASKED: usize = 36;

/// Longest end that is written; a longer one is refused.
const LONGEST_ANSWER: usize = 200;

struct Work<'a> {
    routes: &'a Routes,
    labels: &'a Labels,
    rows: [Option<&'a Rows>; Axis::ALL.len()],
    nodes: Vec<Node<'a>>,
    numbers: HashMap<Node<'a>, u32>,
    /// By node of the tables, axis, and profiles for versions and specs.
    known: HashMap<(u32, usize, u32, u32), Link<'a>>,
}

impl<'a> Work<'a> {
    /// The link for a node of the tables, of which the axes from `at` on are still to be asked.
    fn link(&mut self, start: &'a Start, node: &'a Row, at: usize) -> Link<'a> {
        let number = match node {
            Row::Step(number) => *number,
            Row::Empty => return Link::Empty,
            Row::Answer(path) if path.starts_with('/') && path.len() <= LONGEST_ANSWER && is_plain_path(path) => {
                return Link::Answer(path);
            }
            // A path that a value cannot hold as it is, is refused rather than answered wrongly.
            Row::Answer(_) | Row::Refused => return Link::Refused,
        };
        let has = |rows: &&Rows| rows.exact.contains_key(&number) || rows.default.contains_key(&number);
        let Some(at) = (at..self.rows.len()).find(|at| self.rows[*at].as_ref().is_some_and(has)) else {
            return Link::Broken;
        };
        let key = (number, at, start.kibana, start.spec);
        if let Some(link) = self.known.get(&key) {
            return *link;
        }
        let node = self.node(start, node, number, at);
        let link = match node.axis {
            Axis::Capabilities => self.by_capability(node),
            _ => self.intern(node),
        };
        self.known.insert(key, link);
        link
    }

    fn node(&mut self, start: &'a Start, node: &'a Row, number: u32, at: usize) -> Node<'a> {
        let (axis, labels) = (Axis::ALL[at], self.labels);
        let profile = |profiles: &'a [Profile], index: u32| profiles.get(index as usize);
        let profile = match axis {
            Axis::Kibana => profile(&self.routes.kibana_profiles, start.kibana),
            Axis::SpecMin => profile(&self.routes.spec_min_profiles, start.spec),
            Axis::SpecMax => profile(&self.routes.spec_max_profiles, start.spec),
            Axis::Agent | Axis::Capabilities | Axis::Prerelease => None,
        };
        let rows = self.rows[at];
        let mut next = |label: &str| {
            let class = profile.map_or(label, |profile| profile.class(label));
            match rows.and_then(|rows| rows.next(number, class)) {
                Some(next) => self.link(start, next, at + 1),
                // A node without a row stays.
                None => self.link(start, node, at + 1),
            }
        };
        let mut heads = Vec::new();
        let mut found: Vec<(&'a str, Link<'a>)> = Vec::new();
        match axis {
            Axis::Kibana | Axis::Agent => {
                heads.extend([ANY, PRE, LOWEST].map(&mut next));
                let bounds = if axis == Axis::Kibana { &labels.kibana } else { &labels.agent };
                found.extend(bounds.iter().map(|bound| (bound.as_str(), next(bound))));
            }
            Axis::SpecMin => {
                heads.extend([ANY, ANY].map(&mut next));
                found.extend(labels.specs.iter().map(|(bound, behind, _)| (bound.as_str(), next(behind))));
            }
            Axis::SpecMax => {
                heads.extend([ANY, labels.below_specs.as_str()].map(&mut next));
                found.extend(labels.specs.iter().map(|(bound, _, from)| (bound.as_str(), next(from))));
            }
            Axis::Capabilities => {
                // No request has this label, so it leads to the default.
                heads.push(next(" "));
                let exact = rows.and_then(|rows| rows.exact.get(&number)).into_iter().flatten();
                found.extend(exact.map(|(label, _)| (&**label, next(label))));
            }
            Axis::Prerelease => heads.extend(["0", "1"].map(&mut next)),
        }
        merge(axis, &heads, &mut found);
        Node { axis, heads, rows: found }
    }

    /// The link for a node with a row for each set of capabilities, which becomes questions for one after the other unless these
    /// would be more.
    fn by_capability(&mut self, node: Node<'a>) -> Link<'a> {
        let labels = self.labels;
        let Node { axis, heads, rows } = node;
        let set = |(label, link): &(&str, Link<'a>)| Some((labels.sets.get(*label)?.members.clone(), *link));
        let sets = rows.iter().map(set).collect::<Option<Vec<_>>>().filter(|_| labels.words.len() <= MOST_ASKED);
        let questions = sets.and_then(|sets| sets::questions(labels.words.len(), &sets, heads[0], rows.len()));
        let Some((questions, first)) = questions else {
            let short = |label: &'a str| labels.sets.get(label).map_or(label, |set| set.label.as_str());
            let rows = rows.into_iter().map(|(label, link)| (short(label), link)).collect();
            return self.intern(Node { axis, heads, rows });
        };
        let mut links: Vec<Link<'a>> = Vec::with_capacity(questions.len());
        let link = |links: &[Link<'a>], step: Step<Link<'a>>| match step {
            Step::End(link) => link,
            Step::Question(question) => links[question],
        };
        for question in &questions {
            let heads = vec![link(&links, question.without)];
            let rows = vec![(labels.words[question.capability].as_str(), link(&links, question.with))];
            links.push(self.intern(Node { axis, heads, rows }));
        }
        link(&links, first)
    }

    /// The number of a node, or the one link that all its links are.
    fn intern(&mut self, node: Node<'a>) -> Link<'a> {
        if node.rows.is_empty() && node.heads.iter().all(|link| *link == node.heads[0]) {
            return node.heads[0];
        }
        if let Some(number) = self.numbers.get(&node) {
            return Link::Node(*number);
        }
        let number = u32::try_from(self.nodes.len()).expect("four billion nodes do not fit into memory");
        self.numbers.insert(node.clone(), number);
        self.nodes.push(node);
        Link::Node(number)
    }
}

/// Removes the rows that change nothing.
fn merge<'a>(axis: Axis, heads: &[Link<'a>], rows: &mut Vec<(&'a str, Link<'a>)>) {
    let mut last = heads.last().copied();
    rows.retain(|(_, link)| {
        let changes = Some(*link) != last;
        if axis != Axis::Capabilities {
            last = Some(*link);
        }
        changes
    });
}
