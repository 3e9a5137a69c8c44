//! Circles: the questions over many packages that are answered where answering all of them would be too much.
//!
//! A circle is a union of boxes, and a box is a set of labels on each axis. What clients are known to send comes first;
//! the further out a circle is, the less likely are its questions. Knows nothing of packages, only of labels.

use super::axes::Axes;
use super::diagram::{Arena, EMPTY, HashMap, Link, REFUSED};
use super::emit::Classes;
use super::lookup::Mode;
use super::model::{Axis, Routes};
use super::walk::ANY;
use crate::config::routing::{self, Client};

/// Questions that are answered together or not at all.
#[derive(Debug)]
pub(super) struct Circle {
    /// What they have in common, for people.
    pub(super) name: String,
    boxes: Vec<Labels>,
}

/// Labels by axis, as positions.
type Labels = [Vec<usize>; Axis::ALL.len()];

/// Makes circles.
pub(super) struct Circles<'a> {
    pub(super) axes: &'a Axes,
    pub(super) routes: &'a Routes,
    pub(super) clients: &'a [Client],
}

impl Circles<'_> {
    /// The circles of a mode that are held whatever it takes, since their questions are sent or few, the likeliest first.
    pub(super) fn always(&self, mode: Mode) -> Vec<Circle> {
        let clients = self.clients.iter().filter(|client| mode_of(client) == mode);
        let clients = Circle::new("what clients send", clients.filter_map(|client| self.of_client(client)));
        let every = |axis: Axis| self.with(self.plain(), &[(axis, self.every(axis))]);
        if mode == Mode::Legacy {
            return vec![clients, Circle::new("a single filter", [every(Axis::Kibana)])];
        }
        let capabilities = self.with(self.plain(), &[(Axis::Capabilities, self.single_capabilities())]);
        let singles = [every(Axis::Kibana), every(Axis::SpecMin), every(Axis::SpecMax), capabilities];
        let branches = newest_first();
        // Serverless Kibana is always the newest.
        let is_newest = |own: &Client| own.spec_max.is_some() && (own.kibana.is_none() || *own == branches[0]);
        let newest = routing::known().into_iter().filter(is_newest).filter_map(|client| self.later(&client));
        vec![clients, Circle::new("a single filter", singles), Circle::new("later formats, newest Kibana", newest)]
    }

    /// Further circles of the mode [`Mode::Latest`], the likeliest first. Newer Kibanas come before older ones. Those of a
    /// single category are fewer: hardly any client asks for one.
    pub(super) fn further(&self, is_category: bool) -> Vec<Circle> {
        let branches = newest_first();
        let oldest = branches.last().and_then(|branch| branch.kibana).map_or([0; 3], |(first, _)| first);
        let older = Client { name: "older Kibana".to_owned(), ..Client::of_versions([0; 3], oldest) };
        // Users of a branch that still gets patches are many, and their settings change.
        let is_maintained = |own: &&Client| own.kibana.is_some_and(|(first, _)| first >= routing::MAINTAINED_SINCE);
        let (maintained, others): (Vec<_>, Vec<_>) = branches.iter().chain([&older]).partition(is_maintained);
        // The newest branch and older Kibanas, which send no bounds, are in other circles.
        let later = |some: &[&Client]| {
            let some = some.iter().filter(|own| ***own != branches[0] && own.spec_max.is_some());
            some.map(|own| Circle::new(format!("later formats, {}", own.name), self.later(own))).collect::<Vec<_>>()
        };
        if is_category {
            return [later(&maintained), later(&others)].into_iter().flatten().collect();
        }
        let bounds = [(Axis::SpecMin, self.every(Axis::SpecMin)), (Axis::SpecMax, self.every(Axis::SpecMax))];
        let circle = |what: &str, client: &Client, changes: &[(Axis, Vec<usize>)]| {
            let labels = self.of_client(client).map(|labels| self.with(labels, changes));
            Circle::new(format!("{what}, {}", client.name), labels)
        };
        let by_branch = |what: &str, branches: &[&Client], changes: &[(Axis, Vec<usize>)]| {
            branches.iter().map(|branch| circle(what, branch, changes)).collect::<Vec<_>>()
        };
        let alone = |what: &str, axis: Axis, labels: Vec<usize>| {
            Circle::new(what, [self.with(self.plain(), &[(axis, labels)])])
        };
        let last = self.every(Axis::Kibana).split_off(self.axes.table(Axis::Kibana).labels.len() - 1);
        let next = self.with(self.plain(), &[(Axis::Kibana, last)]);
        let projects: Vec<_> = routing::known().into_iter().filter_map(|client| client.capabilities).collect();
        let projects = self.with(self.plain(), &[(Axis::Capabilities, self.capability_labels(&projects))]);
        let usual = [self.single_capabilities(), self.axes.usual_sets().to_vec()].concat();
        let (usual, named) = ([(Axis::Capabilities, usual)], [(Axis::Capabilities, self.axes.named_sets().to_vec())]);

        let mut circles = vec![Circle::new("any bounds without Kibana", [self.with(self.plain(), &bounds)])];
        circles.push(Circle::new("any bounds, next Kibana", [self.with(next, &bounds)]));
        circles.extend(later(&maintained));
        circles.push(alone("a set of capabilities alone", Axis::Capabilities, self.axes.named_sets().to_vec()));
        circles.push(alone("an agent version", Axis::Agent, self.every(Axis::Agent)));
        circles.extend(by_branch("a usual capability", &maintained, &usual));
        circles.extend(later(&others));
        circles.extend(by_branch("a set of capabilities", &maintained, &named));
        circles.extend(by_branch("a usual capability", &others, &usual));
        circles.push(circle("any upper bound", &older, &bounds[1..]));
        circles.push(Circle::new("any bounds of projects", [self.with(projects, &bounds)]));
        circles.extend(by_branch("any bounds", &maintained, &bounds));
        circles.extend(by_branch("a set of capabilities", &others, &named));
        circles.extend(by_branch("any bounds", &others, &bounds));
        circles
    }

    /// What a client sends, or would send if it knew later formats.
    fn later(&self, client: &Client) -> Option<Labels> {
        let labels = self.of_client(client)?;
        let upper = self.upper_bounds_from(labels[Axis::SpecMax as usize][0]);
        Some(self.with(labels, &[(Axis::SpecMax, upper)]))
    }

    /// Some labels with others on some axes.
    fn with(&self, mut labels: Labels, changes: &[(Axis, Vec<usize>)]) -> Labels {
        changes.iter().for_each(|(axis, own)| labels[*axis as usize].clone_from(own));
        labels
    }

    /// No parameter but `prerelease`.
    fn plain(&self) -> Labels {
        let mut labels = Axis::ALL.map(|axis| self.axes.table(axis).position(ANY).into_iter().collect());
        labels[Axis::Prerelease as usize] = self.every(Axis::Prerelease);
        labels
    }

    fn every(&self, axis: Axis) -> Vec<usize> {
        (0..self.axes.table(axis).labels.len()).collect()
    }

    /// The labels of upper bounds that are not below this one. The first label of the axis is that of no bound.
    fn upper_bounds_from(&self, label: usize) -> Vec<usize> {
        let labels = self.axes.table(Axis::SpecMax).labels.len();
        match label {
            0 => vec![0],
            // `none` comes last, and excludes most.
            _ if label + 1 == labels => self.every(Axis::SpecMax),
            _ => std::iter::once(0).chain(label..labels - 1).collect(),
        }
    }

    /// Each capability alone, and one that no package asks for.
    fn single_capabilities(&self) -> Vec<usize> {
        let known = self.routes.capabilities.iter().map(|own| vec![own.clone()]);
        self.capability_labels(&known.chain([Vec::new()]).collect::<Vec<_>>())
    }

    fn capability_labels(&self, sets: &[Vec<String>]) -> Vec<usize> {
        let table = self.axes.table(Axis::Capabilities);
        sets.iter().filter_map(|set| table.position(&self.routes.label_capabilities(Some(set)))).collect()
    }

    /// What a client sends.
    fn of_client(&self, client: &Client) -> Option<Labels> {
        let position = |axis: Axis, label: &str| self.axes.table(axis).position(label);
        let capabilities = self.routes.label_capabilities(client.capabilities.as_deref());
        Some([
            self.kibana_labels(client),
            vec![position(Axis::Agent, ANY)?],
            vec![position(Axis::SpecMin, &self.routes.label_spec_min(client.spec_min))?],
            vec![position(Axis::SpecMax, &self.routes.label_spec_max(client.spec_max))?],
            vec![position(Axis::Capabilities, &capabilities)?],
            self.every(Axis::Prerelease),
        ])
    }

    /// The positions of the Kibana labels that cover some version of the client.
    fn kibana_labels(&self, client: &Client) -> Vec<usize> {
        let Some((first, end)) = client.kibana else {
            return self.axes.table(Axis::Kibana).position(ANY).into_iter().collect();
        };
        let starts: Vec<_> = std::iter::once([0; 3]).chain(self.routes.kibana_boundaries.iter().copied()).collect();
        let covers =
            |&interval: &usize| starts[interval] < end && starts.get(interval + 1).is_none_or(|next| *next > first);
        // Before the intervals the Kibana axis has two labels, for no version and for pre-releases.
        (0..starts.len()).filter(covers).map(|interval| interval + 2).collect()
    }
}

impl Circle {
    fn new(name: impl Into<String>, boxes: impl IntoIterator<Item = Labels>) -> Self {
        Self { name: name.into(), boxes: boxes.into_iter().collect() }
    }

    /// The function that is empty for the questions of the circle and refused for all others.
    pub(super) fn domain(&self, arena: &mut Arena, classes: &Classes) -> Link {
        let mut domain = REFUSED;
        for labels in &self.boxes {
            let mut link = EMPTY;
            for axis in Axis::ALL.into_iter().rev() {
                let firsts = classes.firsts(axis);
                // A class is answered as a whole: the tables know no difference between its labels.
                let mut is_inside = vec![false; firsts.len()];
                labels[axis as usize].iter().for_each(|label| is_inside[firsts[*label]] = true);
                let links = firsts.iter().map(|first| if is_inside[*first] { link } else { REFUSED }).collect();
                link = arena.ask(axis, links);
            }
            domain = arena.overlay(domain, link);
        }
        domain
    }
}

/// How many combinations of classes a function does not refuse.
pub(super) fn held_contexts(arena: &Arena, link: Link, classes: &Classes) -> u64 {
    held_below(arena, link, &Axis::ALL, classes, &mut HashMap::default())
}

/// The same for the axes that are left.
fn held_below(
    arena: &Arena,
    link: Link,
    axes: &[Axis],
    classes: &Classes,
    known: &mut HashMap<(Link, usize), u64>,
) -> u64 {
    let Some((axis, rest)) = axes.split_first() else { return u64::from(link != REFUSED) };
    if let Some(count) = known.get(&(link, axes.len())) {
        return *count;
    }
    let count = match arena.question(link) {
        Some(question) if question.axis == *axis => {
            let distinct = classes.firsts(*axis).iter().enumerate().filter(|(label, first)| label == *first);
            let below = distinct.map(|(label, _)| held_below(arena, question.links[label], rest, classes, known));
            below.fold(0, u64::saturating_add)
        }
        _ => held_below(arena, link, rest, classes, known).saturating_mul(classes.count(*axis) as u64),
    };
    known.insert((link, axes.len()), count);
    count
}

/// The branches of Kibana, the newest first.
fn newest_first() -> Vec<Client> {
    routing::branches().into_iter().rev().collect()
}

/// The mode of a client's questions for the latest versions.
fn mode_of(client: &Client) -> Mode {
    if client.experimental { Mode::Legacy } else { Mode::Latest }
}
