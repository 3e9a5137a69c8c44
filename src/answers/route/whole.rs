//! Questions over many packages: the list, categories, types, counts.
//!
//! The diagrams of the packages are joined two by two, so that combinations of labels are distinguished only where their
//! answers differ. Where that exceeds the budget, only the combinations that clients send are computed, and all others refused.

use super::axes::Axes;
use super::diagram::{Arena, Context, EMPTY, Link, OverBudget, REFUSED};
use super::emit::Classes;
use super::lookup::Mode;
use super::model::{Axis, Routes};
use super::walk::ANY;
use crate::config::routing::{Budget, Client};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Sizes of one subject over many packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyReport {
    /// Key of the subject, for example `latest/list`.
    pub subject: String,
    /// True if every combination is answered; else only those of the known clients are.
    pub exact: bool,
    /// Combinations of classes of its axes.
    pub contexts: u64,
    /// How many of these are refused for the sake of the budget.
    pub refused_contexts: u64,
    /// Distinct residual questions that were looked at.
    pub evaluated: usize,
    /// Distinct answers.
    pub answers: usize,
}

/// Joins diagrams under a budget.
pub(super) struct Joiner<'a> {
    pub(super) axes: &'a Axes,
    pub(super) routes: &'a Routes,
    pub(super) budget: Budget,
    pub(super) clients: &'a [Client],
}

impl Joiner<'_> {
    /// The function of one subject, and what became of it.
    pub(super) fn join(
        &self,
        arena: &mut Arena,
        subject: &str,
        mode: Mode,
        parts: &[Link],
        classes: &Classes,
    ) -> (Link, FamilyReport) {
        let contexts = Axis::ALL.iter().map(|axis| classes.count(*axis) as u64).fold(1, u64::saturating_mul);
        let (link, exact, evaluated, refused_contexts) = match self.exact(arena, parts) {
            Ok((link, evaluated)) => (link, true, evaluated, 0),
            Err(OverBudget) => {
                let sent = self.sent(mode, classes);
                let link = self.restricted(arena, parts, classes, &sent);
                (link, false, sent.len(), contexts.saturating_sub(sent.len() as u64))
            }
        };
        let answers = answer_count(arena, link);
        (link, FamilyReport { subject: subject.to_owned(), exact, contexts, refused_contexts, evaluated, answers })
    }

    /// The function for all combinations, and how many residual questions its largest join took.
    fn exact(&self, arena: &mut Arena, parts: &[Link]) -> Result<(Link, usize), OverBudget> {
        let mut links: Vec<_> = parts.iter().copied().filter(|link| *link != EMPTY).collect();
        let mut evaluated = links.len();
        while links.len() > 1 {
            let mut joined = Vec::with_capacity(links.len().div_ceil(2));
            for pair in links.chunks(2) {
                joined.push(match *pair {
                    [first, second] => {
                        let (link, size) = arena.join(first, second, self.budget.max_contexts)?;
                        evaluated = evaluated.max(size);
                        link
                    }
                    _ => pair[0],
                });
            }
            links = joined;
        }
        let link = links.first().copied().unwrap_or(EMPTY);
        if answer_count(arena, link) > self.budget.max_answers {
            return Err(OverBudget);
        }
        Ok((link, evaluated))
    }

    /// The combinations that clients send, as classes, sorted.
    fn sent(&self, mode: Mode, classes: &Classes) -> Vec<Context> {
        let mut contexts = Vec::new();
        for client in self.clients.iter().filter(|client| mode_of(client) == mode) {
            let position = |axis: Axis, label: &str| self.axes.table(axis).position(label);
            let labels = (
                position(Axis::SpecMin, &self.routes.label_spec_min(client.spec_min)),
                position(Axis::SpecMax, &self.routes.label_spec_max(client.spec_max)),
                position(Axis::Capabilities, &self.routes.label_capabilities(client.capabilities.as_deref())),
                position(Axis::Agent, ANY),
            );
            let (Some(spec_min), Some(spec_max), Some(capabilities), Some(agent)) = labels else { continue };
            for kibana in self.kibana_labels(client) {
                for prerelease in 0..self.axes.table(Axis::Prerelease).labels.len() {
                    let labels = [kibana, agent, spec_min, spec_max, capabilities, prerelease];
                    contexts.push(Axis::ALL.map(|axis| classes.firsts(axis)[labels[axis as usize]]));
                }
            }
        }
        contexts.sort_unstable();
        contexts.dedup();
        contexts
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

    /// The function that answers these combinations and refuses all others.
    fn restricted(&self, arena: &mut Arena, parts: &[Link], classes: &Classes, sent: &[Context]) -> Link {
        let mut known: HashMap<Vec<Link>, Link> = HashMap::new();
        let mut answers = Vec::with_capacity(sent.len());
        for context in sent {
            let ends: Vec<_> = parts.iter().map(|part| arena.evaluate(*part, context)).collect();
            let end = match known.get(&ends) {
                Some(end) => *end,
                None => {
                    let end = arena.gather(&ends);
                    known.insert(ends, end);
                    end
                }
            };
            answers.push((*context, end));
        }
        self.tree(arena, &Axis::ALL, &answers, classes)
    }

    /// The function of the axes that are left, for answers that agree on the others.
    fn tree(&self, arena: &mut Arena, axes: &[Axis], answers: &[(Context, Link)], classes: &Classes) -> Link {
        let Some((axis, rest)) = axes.split_first() else { return answers.first().map_or(REFUSED, |(_, end)| *end) };
        let of = |answer: &(Context, Link)| answer.0[*axis as usize];
        let mut by_class = BTreeMap::new();
        for group in answers.chunk_by(|a, b| of(a) == of(b)) {
            by_class.insert(of(&group[0]), self.tree(arena, rest, group, classes));
        }
        let links = classes.firsts(*axis).iter().map(|first| by_class.get(first).copied().unwrap_or(REFUSED)).collect();
        arena.ask(*axis, links)
    }
}

/// How many distinct answers a function has.
fn answer_count(arena: &Arena, link: Link) -> usize {
    arena.ends(link).into_iter().filter(|end| ![EMPTY, REFUSED].contains(end)).count()
}

/// The mode of a client's questions for the latest versions.
fn mode_of(client: &Client) -> Mode {
    if client.experimental { Mode::Legacy } else { Mode::Latest }
}
