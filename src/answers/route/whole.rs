//! Questions over many packages: the list, categories, types, counts.
//!
//! The diagrams of the packages are joined two by two, so that combinations of labels are distinguished only where their
//! answers differ. Where that exceeds the budget, each diagram is first cut down to a circle of questions (`circles`), and
//! the circles are joined one after the other, the likeliest first, until their answers would take too many bytes.

use super::axes::Axes;
use super::circles::{Circles, held_contexts};
use super::diagram::{Arena, EMPTY, HashMap, Link, Outcome, OverBudget, REFUSED};
use super::emit::Classes;
use super::lookup::Mode;
use super::model::{Axis, Routes};
use crate::config::routing::{Budget, Client};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Sizes of one subject over many packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FamilyReport {
    /// Key of the subject, for example `latest/list`.
    pub subject: String,
    /// True if every combination is answered; else only those of some circles are.
    pub exact: bool,
    /// Combinations of classes of its axes.
    pub contexts: u64,
    /// How many of these are refused for the sake of the budget.
    pub refused_contexts: u64,
    /// Distinct residual questions that were looked at.
    pub evaluated: usize,
    /// Distinct answers.
    pub answers: usize,
    /// If not every combination is answered: the circles that are, the likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub circles: Vec<String>,
    /// The circles that were cut because their answers would take too many bytes, or too much work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
}

/// A subject over many packages, to be joined.
pub(super) struct Parts<'a> {
    /// Key of the subject.
    pub(super) key: &'a str,
    pub(super) mode: Mode,
    /// The functions of its packages.
    pub(super) links: &'a [Link],
    pub(super) classes: &'a Classes,
    /// Most bytes of its answers beyond the circles that are always held.
    pub(super) share: u64,
    /// True for a single category.
    pub(super) is_category: bool,
}

/// Joins diagrams under a budget.
pub(super) struct Joiner<'a> {
    pub(super) axes: &'a Axes,
    pub(super) routes: &'a Routes,
    pub(super) budget: Budget,
    pub(super) clients: &'a [Client],
    /// By position in the catalog, the bytes that a version adds to a compressed answer, more or less.
    pub(super) sizes: &'a [u32],
}

/// Most pairs of functions in one join for a circle that is not always held: a bound on time and memory.
const LARGEST_JOIN: usize = 400_000;
/// Most links in the diagrams that a circle is cut from, for the same reason.
const MOST_LINKS: usize = 4_000_000;
/// Most answers of a subject with circles that are not always held: a bound on the number of files, for short lists.
pub(super) const MOST_ANSWERS: usize = 8_000;
/// What one category adds to an answer with counts, which is stored as it is.
const COUNT_BYTES: u64 = 60;
/// From this part of the packages on it is worth a look how many bytes their answers take.
const LEAST_PART: usize = 16;

/// The answers of circles so far.
struct Held {
    link: Link,
    bytes: u64,
    ends: BTreeSet<Link>,
    /// Bytes of answers, and of the parts that they are joined from.
    sizes: HashMap<Link, u64>,
}

/// What the answers of circles, and the way to them, may come to.
struct Bounds {
    bytes: u64,
    answers: usize,
    /// Of functions in one join.
    pairs: usize,
}

impl Bounds {
    const NONE: Self = Self { bytes: u64::MAX, answers: usize::MAX, pairs: usize::MAX };
}

impl Joiner<'_> {
    /// The function of one subject, and what became of it.
    pub(super) fn join(&self, arena: &mut Arena, parts: &Parts<'_>) -> (Link, FamilyReport) {
        let classes = parts.classes;
        let contexts = Axis::ALL.iter().map(|axis| classes.count(*axis) as u64).fold(1, u64::saturating_mul);
        let mut report = FamilyReport {
            subject: parts.key.to_owned(),
            exact: true,
            contexts,
            refused_contexts: 0,
            evaluated: 0,
            answers: 0,
            circles: Vec::new(),
            cut: Vec::new(),
        };
        let link = match self.exact(arena, parts.links) {
            Ok((link, evaluated)) => {
                report.evaluated = evaluated;
                link
            }
            Err(OverBudget) => self.in_circles(arena, parts, &mut report),
        };
        report.answers = answers(arena, link).count();
        (link, report)
    }

    /// The function for all combinations, and how many residual questions its largest join took.
    fn exact(&self, arena: &mut Arena, parts: &[Link]) -> Result<(Link, usize), OverBudget> {
        let links: Vec<_> = parts.iter().copied().filter(|link| *link != EMPTY).collect();
        let mut tree = Tree { links: &links, most: self.budget.max_contexts, check: |_: &_, _, _| Ok(()), largest: 0 };
        let link = tree.join(arena)?.unwrap_or(EMPTY);
        let evaluated = tree.largest.max(links.len());
        if answers(arena, link).count() > self.budget.max_answers {
            return Err(OverBudget);
        }
        Ok((link, evaluated))
    }

    /// The function that answers as many circles as may be, and refuses everything else.
    fn in_circles(&self, arena: &mut Arena, parts: &Parts<'_>, report: &mut FamilyReport) -> Link {
        let circles = Circles { axes: self.axes, routes: self.routes, clients: self.clients };
        let mut held = Held { link: REFUSED, bytes: 0, ends: BTreeSet::new(), sizes: HashMap::default() };
        let mut domain = REFUSED;
        for circle in circles.always(parts.mode) {
            let own = circle.domain(arena, parts.classes);
            let evaluated = self.circle(arena, parts.links, own, &Bounds::NONE, &mut held);
            report.evaluated = report.evaluated.max(evaluated.expect("nothing is too large without bounds"));
            report.circles.push(circle.name);
            domain = arena.overlay(domain, own);
        }
        let links = parts.links.len().saturating_mul(self.axes.table(Axis::Kibana).labels.len());
        let bounds = Bounds {
            bytes: held.bytes.saturating_add(parts.share),
            answers: MOST_ANSWERS,
            pairs: if links > MOST_LINKS { 0 } else { LARGEST_JOIN },
        };
        // Without room even a circle that needs none is not looked for.
        let has_further = parts.mode == Mode::Latest && parts.share > 0;
        let further = if has_further { circles.further(parts.is_category) } else { Vec::new() };
        for circle in further {
            let own = circle.domain(arena, parts.classes);
            let both = arena.overlay(domain, own);
            // What lies within other circles is held anyway, and not worth a line.
            if both == domain {
                continue;
            }
            match self.circle(arena, parts.links, own, &bounds, &mut held) {
                Ok(evaluated) => {
                    report.evaluated = report.evaluated.max(evaluated);
                    report.circles.push(circle.name);
                    domain = both;
                }
                Err(OverBudget) => report.cut.push(circle.name),
            }
        }
        report.exact = domain == EMPTY;
        if report.exact {
            (report.circles, report.cut) = (Vec::new(), Vec::new());
        }
        report.refused_contexts = report.contexts.saturating_sub(held_contexts(arena, domain, parts.classes));
        held.link
    }

    /// Adds the questions of a domain to what is held, unless all of that would be too many bytes, or a join too large.
    fn circle(
        &self,
        arena: &mut Arena,
        parts: &[Link],
        domain: Link,
        bounds: &Bounds,
        held: &mut Held,
    ) -> Result<usize, OverBudget> {
        let mut links = Vec::with_capacity(parts.len());
        for part in parts {
            if *part != EMPTY {
                links.push(arena.join(domain, *part, bounds.pairs)?.0);
            }
        }
        let sizes = &mut held.sizes;
        let all = links.len();
        let check = |arena: &Arena, link: Link, joined: usize| {
            if bounds.bytes == u64::MAX || joined * LEAST_PART < all {
                return Ok(());
            }
            // Lists that differ in some packages differ, and the other packages are more or less as long.
            let bytes = answers(arena, link).map(|end| self.bytes(arena, end, sizes)).fold(0, u64::saturating_add);
            if bytes / (2 * joined as u64) * all as u64 > bounds.bytes { Err(OverBudget) } else { Ok(()) }
        };
        let mut tree = Tree { links: &links, most: bounds.pairs, check, largest: 0 };
        let link = tree.join(arena)?.unwrap_or(domain);
        let largest = tree.largest;
        let mut ends = held.ends.clone();
        let mut bytes = held.bytes;
        for end in answers(arena, link) {
            if ends.insert(end) {
                bytes = bytes.saturating_add(self.bytes(arena, end, &mut held.sizes));
            }
        }
        if bytes > bounds.bytes || ends.len() > bounds.answers {
            return Err(OverBudget);
        }
        held.link = arena.overlay(held.link, link);
        (held.bytes, held.ends) = (bytes, ends);
        Ok(largest)
    }

    /// The bytes of an answer, more or less; `known` remembers those of parts.
    fn bytes(&self, arena: &Arena, end: Link, known: &mut HashMap<Link, u64>) -> u64 {
        if let Some(bytes) = known.get(&end) {
            return *bytes;
        }
        let bytes = match arena.end(end) {
            Some(Outcome::Hits(hits)) => hits.iter().map(|hit| u64::from(self.sizes[hit.index])).sum(),
            Some(Outcome::Joined(first, second)) => {
                let (first, second) = (*first, *second);
                self.bytes(arena, first, known) + self.bytes(arena, second, known)
            }
            Some(Outcome::Counts(counts)) => counts.len() as u64 * COUNT_BYTES,
            _ => 0,
        };
        known.insert(end, bytes);
        bytes
    }
}

/// Joins functions two by two, as a tree: neighbours first, then neighbours of those.
///
/// One branch is finished before the next one begins, so that what is too large is found out early.
struct Tree<'a, C> {
    links: &'a [Link],
    /// Most pairs of functions in one join.
    most: usize,
    /// Looks at what was joined from so many functions.
    check: C,
    /// Size of the largest join.
    largest: usize,
}

impl<C: FnMut(&Arena, Link, usize) -> Result<(), OverBudget>> Tree<'_, C> {
    fn join(&mut self, arena: &mut Arena) -> Result<Option<Link>, OverBudget> {
        let height = self.links.len().next_power_of_two().ilog2();
        match self.links.is_empty() {
            true => Ok(None),
            false => self.branch(arena, 0, height).map(Some),
        }
    }

    /// Joins up to two to the power of `height` functions.
    fn branch(&mut self, arena: &mut Arena, from: usize, height: u32) -> Result<Link, OverBudget> {
        let Some(below) = height.checked_sub(1) else { return Ok(self.links[from]) };
        let middle = from + (1 << below);
        let first = self.branch(arena, from, below)?;
        if middle >= self.links.len() {
            return Ok(first);
        }
        let second = self.branch(arena, middle, below)?;
        let (link, size) = arena.join(first, second, self.most)?;
        self.largest = self.largest.max(size);
        (self.check)(arena, link, self.links.len().min(from + (1 << height)) - from)?;
        Ok(link)
    }
}

/// The distinct answers of a function.
fn answers(arena: &Arena, link: Link) -> impl Iterator<Item = Link> + use<> {
    arena.ends(link).into_iter().filter(|end| ![EMPTY, REFUSED].contains(end))
}
