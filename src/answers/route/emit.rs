//! From diagrams to routing tables: profiles, node numbers, rows.
//!
//! A diagram asks for labels; its subject only tells classes of labels apart. Here labels become classes, the commonest
//! link of a node becomes its default, and equal nodes get one number, also across subjects.

use super::axes::{Axes, OTHER};
use super::diagram::{Arena, Link};
use super::lookup::Mode;
use super::model::{Axis, Node, Profile, Routes, Rows, Start};
use super::walk::ANY;
use crate::base::digest::{Digest, Hasher};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The labels that a subject need not tell apart: by axis and label, the first label of its class.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    of: BTreeMap<Axis, Vec<usize>>,
}

impl Classes {
    /// Labels under which exactly the same of these versions pass are one class; so are all labels of an axis that the
    /// mode ignores.
    pub(super) fn of_versions(axes: &Axes, mode: Mode, versions: &[usize]) -> Self {
        let class = |axis: Axis| {
            let table = axes.table(axis);
            if !mode.axes().contains(&axis) {
                return vec![0; table.labels.len()];
            }
            let kinds: BTreeSet<_> = versions.iter().map(|&version| table.kind(version)).collect();
            first_equal((0..table.labels.len()).map(|label| table.marks(label, &kinds)))
        };
        Self { of: Axis::ALL.into_iter().map(|axis| (axis, class(axis))).collect() }
    }

    /// Only `any`, the first label, and everything else.
    pub(super) fn any_or_not(axes: &Axes) -> Self {
        let class = |axis: Axis| first_equal((0..axes.table(axis).labels.len()).map(|label| label == 0));
        Self { of: Axis::ALL.into_iter().map(|axis| (axis, class(axis))).collect() }
    }

    /// By label, the first label of its class.
    pub(super) fn firsts(&self, axis: Axis) -> &[usize] {
        &self.of[&axis]
    }

    /// How many classes an axis has.
    pub(super) fn count(&self, axis: Axis) -> usize {
        self.of[&axis].iter().collect::<BTreeSet<_>>().len()
    }
}

/// For each value the position of the first equal one.
fn first_equal<T: Ord>(values: impl Iterator<Item = T>) -> Vec<usize> {
    let mut firsts = BTreeMap::new();
    values.enumerate().map(|(position, value)| *firsts.entry(value).or_insert(position)).collect()
}

/// One subject, ready to be written down.
pub(super) struct Subject {
    /// The function of the subject.
    pub(super) link: Link,
    /// The labels that the subject must distinguish.
    pub(super) classes: Classes,
}

/// Writes subjects into tables.
pub(super) struct Emitter<'a> {
    axes: &'a Axes,
    /// The tables so far.
    routes: Routes,
    /// The labels of each axis, one text for all rows.
    labels: BTreeMap<Axis, Vec<Arc<str>>>,
    /// The numbers of nodes, by a digest of their rows: the rows themselves are kept once, in the tables.
    numbers: HashMap<[u8; 16], u32>,
    kibana_profiles: BTreeMap<Profile, u32>,
    spec_profiles: BTreeMap<(Profile, Profile), u32>,
}

impl<'a> Emitter<'a> {
    pub(super) fn new(axes: &'a Axes) -> Self {
        Self {
            axes,
            routes: Routes::default(),
            labels: Axis::ALL
                .into_iter()
                .map(|axis| (axis, axes.table(axis).labels.iter().map(|label| Arc::from(label.as_str())).collect()))
                .collect(),
            numbers: HashMap::new(),
            kibana_profiles: BTreeMap::new(),
            spec_profiles: BTreeMap::new(),
        }
    }

    /// Adds a subject; `answer` gives the nodes of ends.
    pub(super) fn add(&mut self, arena: &Arena, key: String, subject: &Subject, answer: &mut impl FnMut(Link) -> Node) {
        let asked = arena.axes(subject.link);
        let profile = |axis: Axis| match asked.contains(&axis) {
            true => profile(&self.axes.table(axis).labels, subject.classes.firsts(axis)),
            false => Profile { exact: BTreeMap::new(), default: ANY.to_owned() },
        };
        let (kibana, spec_min, spec_max) = (profile(Axis::Kibana), profile(Axis::SpecMin), profile(Axis::SpecMax));
        let kibana = number(&mut self.kibana_profiles, kibana, |profile| self.routes.kibana_profiles.push(profile));
        let spec = number(&mut self.spec_profiles, (spec_min, spec_max), |(spec_min, spec_max)| {
            self.routes.spec_min_profiles.push(spec_min);
            self.routes.spec_max_profiles.push(spec_max);
        });
        let node = self.node(arena, subject.link, &subject.classes, &mut HashMap::new(), answer);
        self.routes.subjects.insert(key, Start { node, kibana, spec });
    }

    /// The node of a link; `known` remembers those of the same subject.
    fn node(
        &mut self,
        arena: &Arena,
        link: Link,
        classes: &Classes,
        known: &mut HashMap<Link, Node>,
        answer: &mut impl FnMut(Link) -> Node,
    ) -> Node {
        if let Some(node) = known.get(&link) {
            return node.clone();
        }
        let node = match arena.question(link) {
            None => answer(link),
            Some(question) => {
                let mut rows = Vec::new();
                for label in asked_labels(question.axis, question.links.len(), classes) {
                    let next = self.node(arena, question.links[label], classes, known, answer);
                    rows.push((Arc::clone(&self.labels[&question.axis][label]), next));
                }
                self.step(question.axis, rows)
            }
        };
        known.insert(link, node.clone());
        node
    }

    /// The node with these rows, new or not, or the one where all of them lead.
    fn step(&mut self, axis: Axis, rows: Vec<(Arc<str>, Node)>) -> Node {
        let default = commonest(&rows).clone();
        let exact: BTreeMap<_, _> = rows.into_iter().filter(|(_, node)| *node != default).collect();
        if exact.is_empty() {
            return default;
        }
        let next = u32::try_from(self.numbers.len()).expect("four billion nodes do not fit into memory");
        let table = self.routes.rows.entry(axis).or_default();
        let number = self.numbers.entry(key(axis, &default, &exact).half()).or_insert_with(|| {
            table.default.insert(next, default);
            exact.into_iter().for_each(|(class, node)| table.exact.insert(next, &class, node));
            next
        });
        Node::Step(*number)
    }

    /// All that was written; the lists from which requests get their labels are those of `labels`.
    pub(super) fn finish(self, labels: Routes) -> Routes {
        let Routes { kibana_profiles, spec_min_profiles, spec_max_profiles, subjects, mut rows, .. } = self.routes;
        rows.values_mut().for_each(Rows::shrink);
        Routes { kibana_profiles, spec_min_profiles, spec_max_profiles, subjects, rows, ..labels }
    }
}

/// The key of a node: nodes with equal keys are one node.
fn key(axis: Axis, default: &Node, exact: &BTreeMap<Arc<str>, Node>) -> Digest {
    let mut hasher = Hasher::default();
    hasher.number(axis as u64);
    let rows = exact.iter().map(|(label, next)| (&**label, next));
    for (label, next) in std::iter::once(("", default)).chain(rows) {
        hasher.text(label);
        match next {
            Node::Step(number) => hasher.text(number.to_string()),
            Node::Answer(path) => hasher.text(&**path),
            Node::Empty => hasher.text("[]"),
            Node::Refused => hasher.text("!"),
        }
    }
    hasher.finish()
}

/// The labels for which a node has rows: one a class where there are profiles, else all.
fn asked_labels(axis: Axis, count: usize, classes: &Classes) -> Vec<usize> {
    match axis {
        Axis::Kibana | Axis::SpecMin | Axis::SpecMax => {
            classes.firsts(axis).iter().copied().collect::<BTreeSet<_>>().into_iter().collect()
        }
        Axis::Agent | Axis::Capabilities | Axis::Prerelease => (0..count).collect(),
    }
}

/// The default of a node: where labels without a row of their own lead, else where most labels lead.
fn commonest(rows: &[(Arc<str>, Node)]) -> &Node {
    let mut counts: BTreeMap<&Node, usize> = BTreeMap::new();
    for (_, node) in rows {
        *counts.entry(node).or_default() += 1;
    }
    let rank = |(label, node): &&(Arc<str>, Node)| (**label == *OTHER, counts[node]);
    // Of equals the last maximum counts, so the search runs backwards to find the first.
    rows.iter().rev().max_by_key(rank).map(|(_, node)| node).expect("every axis has labels")
}

/// From labels to the names of their classes, each named by its first label.
fn profile(labels: &[String], firsts: &[usize]) -> Profile {
    let mut counts = vec![0; labels.len()];
    firsts.iter().for_each(|&first| counts[first] += 1);
    let default = (0..labels.len()).rev().max_by_key(|&label| counts[label]).expect("every axis has labels");
    let others = firsts.iter().enumerate().filter(|(_, first)| **first != default);
    let exact = others.map(|(label, &first)| (labels[label].clone(), labels[first].clone())).collect();
    Profile { exact, default: labels[default].clone() }
}

/// The number of a value, which is stored when it is new.
fn number<T: Ord + Clone>(numbers: &mut BTreeMap<T, u32>, value: T, store: impl FnOnce(T)) -> u32 {
    let next = u32::try_from(numbers.len()).expect("four billion profiles do not fit into memory");
    *numbers.entry(value).or_insert_with_key(|value| {
        store(value.clone());
        next
    })
}
