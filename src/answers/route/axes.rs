//! The labels of each axis, and which package versions pass under each.
//!
//! The *kind* of a version on an axis is the property that decides there: its Kibana constraint, its spec, its set of
//! capabilities, and so on. Versions share kinds, so each label needs only one small table. Knows nothing of names, latest versions or nodes.

use super::model::{Axis, Routes};
use super::walk::{ANY, LOWEST, NONE, PRE, boundary_label, capabilities_label, spec_label};
use crate::answers::search::only_with_prerelease;
use crate::dialect::version::{Constraint, Version};
use crate::package::Facts;
use std::collections::{BTreeMap, BTreeSet};

/// From this number of capabilities on, not every subset gets a label of its own.
const MOST_CAPABILITIES: usize = 8;

/// A set of capabilities is usual if at least one in so many versions asks for it.
const USUAL: usize = 50;

/// Stands for every label of the capability axis that has no row; it cannot be computed, so it is always refused.
pub(super) const OTHER: &str = "";

/// The result of a version under a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Passes {
    /// Yes.
    Yes,
    /// No.
    No,
    /// The label covers requests with different answers.
    Unknown,
}

/// One axis.
#[derive(Debug)]
pub(super) struct AxisTable {
    /// All labels, in a fixed order.
    pub(super) labels: Vec<String>,
    /// By catalog position.
    kinds: Vec<usize>,
    /// By label, then kind.
    passes: Vec<Vec<Passes>>,
    /// By two kinds: true if a version of the first passes wherever one of the second does. Filled only where needed.
    covers: Vec<Vec<bool>>,
}

/// All axes.
#[derive(Debug)]
pub(super) struct Axes {
    tables: BTreeMap<Axis, AxisTable>,
    /// The labels of the sets of capabilities that packages ask for.
    named_sets: Vec<usize>,
    /// Those of them that many versions ask for.
    usual_sets: Vec<usize>,
}

impl Axes {
    /// Reads the catalog. `routes` receives the lists from which requests get their labels; `sets` are further
    /// capability sets that get a label where not every subset does.
    pub(super) fn new(catalog: &[&Facts], sets: &[Vec<String>], routes: &mut Routes) -> Self {
        let kibana = Kinds::of(catalog, |facts| facts.kibana.clone().map(ByText));
        let agent = Kinds::of(catalog, |facts| facts.agent.clone().map(ByText));
        let specs = Kinds::of(catalog, |facts| facts.spec);
        let capabilities = Kinds::of(catalog, |facts| facts.capabilities.iter().cloned().collect::<BTreeSet<_>>());
        let prerelease = Kinds::of(catalog, only_with_prerelease);
        routes.kibana_boundaries = boundaries(&kibana.values);
        routes.agent_boundaries = boundaries(&agent.values);
        routes.specs = specs.values.iter().map(|spec| [spec.major, spec.minor]).collect();
        routes.capabilities =
            capabilities.values.iter().flatten().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let named: Vec<Vec<String>> = capabilities.values.iter().map(|set| set.iter().cloned().collect()).collect();
        let mut counts = vec![0; named.len()];
        capabilities.of.iter().for_each(|kind| counts[*kind] += 1);
        let tables = [
            (Axis::Kibana, version_table(kibana, &routes.kibana_boundaries)),
            (Axis::Agent, version_table(agent, &routes.agent_boundaries).with_covers()),
            (Axis::SpecMin, spec_table(&specs, &routes.specs, |label, spec| spec >= label, 1)),
            (Axis::SpecMax, spec_table(&specs, &routes.specs, |label, spec| spec <= label, 0)),
            (Axis::Capabilities, capability_table(capabilities, &routes.capabilities, sets)),
            (Axis::Prerelease, prerelease_table(prerelease)),
        ];
        let mut axes = Self { tables: tables.into_iter().collect(), named_sets: Vec::new(), usual_sets: Vec::new() };
        let label = |set: &Vec<String>| axes.table(Axis::Capabilities).position(&routes.label_capabilities(Some(set)));
        let usual = named.iter().zip(&counts).filter(|(_, count)| **count * USUAL >= catalog.len());
        let usual = usual.filter_map(|(set, _)| label(set)).collect();
        (axes.named_sets, axes.usual_sets) = (named.iter().filter_map(label).collect(), usual);
        axes
    }

    /// The labels of those sets that many versions ask for.
    pub(super) fn usual_sets(&self) -> &[usize] {
        &self.usual_sets
    }

    /// The labels of the sets of capabilities that packages ask for.
    pub(super) fn named_sets(&self) -> &[usize] {
        &self.named_sets
    }

    /// One axis.
    pub(super) fn table(&self, axis: Axis) -> &AxisTable {
        &self.tables[&axis]
    }
}

impl AxisTable {
    fn new(labels: Vec<String>, kinds: Vec<usize>, passes: Vec<Vec<Passes>>) -> Self {
        Self { labels, kinds, passes, covers: Vec::new() }
    }

    /// Fills the table behind [`AxisTable::covers`], which costs the square of the number of kinds.
    fn with_covers(mut self) -> Self {
        let kinds = self.passes.first().map_or(0, Vec::len);
        let covers = |a: usize, b: usize| self.passes.iter().all(|row| row[a] == Passes::Yes || row[a] == row[b]);
        self.covers = (0..kinds).map(|a| (0..kinds).map(|b| covers(a, b)).collect()).collect();
        self
    }

    /// The kind of a version on this axis.
    pub(super) fn kind(&self, version: usize) -> usize {
        self.kinds[version]
    }

    /// The result of a version under a label.
    pub(super) fn passes(&self, label: usize, version: usize) -> Passes {
        self.passes[label][self.kinds[version]]
    }

    /// The results of some kinds under a label: labels with equal results need not be distinguished.
    pub(super) fn marks(&self, label: usize, kinds: &BTreeSet<usize>) -> Vec<Passes> {
        kinds.iter().map(|&kind| self.passes[label][kind]).collect()
    }

    /// Returns true if the first version passes wherever the second does. Never asked of the Kibana axis.
    pub(super) fn covers(&self, first: usize, second: usize) -> bool {
        self.covers[self.kinds[first]][self.kinds[second]]
    }

    /// The position of a label.
    pub(super) fn position(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|own| own == label)
    }
}

/// The distinct values of one property, and which each version has.
struct Kinds<T> {
    values: Vec<T>,
    of: Vec<usize>,
}

impl<T: Ord> Kinds<T> {
    fn of(catalog: &[&Facts], property: impl Fn(&Facts) -> T) -> Self {
        let mut positions: BTreeMap<T, Vec<usize>> = BTreeMap::new();
        for (version, facts) in catalog.iter().enumerate() {
            positions.entry(property(facts)).or_default().push(version);
        }
        let mut of = vec![0; catalog.len()];
        let mut values = Vec::new();
        for (value, versions) in positions {
            for version in versions {
                of[version] = values.len();
            }
            values.push(value);
        }
        Self { values, of }
    }
}

/// A constraint that is compared by its spelling.
#[derive(Clone, Debug)]
struct ByText(Constraint);

impl Ord for ByText {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.as_str().cmp(other.0.as_str())
    }
}

impl PartialOrd for ByText {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ByText {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ByText {}

fn boundaries(constraints: &[Option<ByText>]) -> Vec<[u64; 3]> {
    let all = constraints.iter().flatten().flat_map(|constraint| constraint.0.boundaries());
    all.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Kibana or agent: a label stands for the versions from one boundary to the next, and all of them match alike.
fn version_table(kinds: Kinds<Option<ByText>>, boundaries: &[[u64; 3]]) -> AxisTable {
    let mut labels = vec![ANY.to_owned(), PRE.to_owned(), LOWEST.to_owned()];
    let mut passes = vec![
        vec![Passes::Yes; kinds.values.len()],
        row(&kinds, |constraint| if constraint.names_prerelease() { Passes::Unknown } else { Passes::No }),
    ];
    labels.extend(boundaries.iter().copied().map(boundary_label));
    for boundary in std::iter::once([0; 3]).chain(boundaries.iter().copied()) {
        let version = Version::strict(&boundary_label(boundary)).expect("three numbers are a version");
        passes.push(row(&kinds, |constraint| yes(constraint.matches(&version))));
    }
    AxisTable::new(labels, kinds.of, passes)
}

fn row(kinds: &Kinds<Option<ByText>>, passes: impl Fn(&Constraint) -> Passes) -> Vec<Passes> {
    kinds.values.iter().map(|kind| kind.as_ref().map_or(Passes::Yes, |constraint| passes(&constraint.0))).collect()
}

/// One spec bound. The lowest spec is no label of the lower bound (it would exclude nothing), the highest none of the
/// upper one; `skipped` is 1 for the lower bound.
fn spec_table(
    kinds: &Kinds<crate::package::Spec>,
    specs: &[[u64; 2]],
    within: impl Fn([u64; 2], [u64; 2]) -> bool,
    skipped: usize,
) -> AxisTable {
    let bounds = if specs.is_empty() { specs } else { &specs[skipped..specs.len() - 1 + skipped] };
    let row = |bound: [u64; 2]| specs.iter().map(|spec| yes(within(bound, *spec))).collect();
    let mut labels = vec![ANY.to_owned()];
    let mut passes = vec![vec![Passes::Yes; specs.len()]];
    labels.extend(bounds.iter().copied().map(spec_label));
    passes.extend(bounds.iter().copied().map(row));
    labels.push(NONE.to_owned());
    passes.push(vec![Passes::No; specs.len()]);
    AxisTable::new(labels, kinds.of.clone(), passes).with_covers()
}

/// Sets of capabilities: every subset while they are few; else none, one, and the sets asked for, all others refused.
fn capability_table(kinds: Kinds<BTreeSet<String>>, known: &[String], sets: &[Vec<String>]) -> AxisTable {
    let mut requests: Vec<Vec<&str>> = Vec::new();
    if known.len() <= MOST_CAPABILITIES {
        let member = |mask: usize, position: usize| mask >> position & 1 == 1;
        requests.extend((0..(1_usize << known.len()) - 1).map(|mask| {
            let chosen = known.iter().enumerate().filter(|(position, _)| member(mask, *position));
            chosen.map(|(_, capability)| capability.as_str()).collect()
        }));
    } else {
        requests.push(Vec::new());
        requests.extend(known.iter().map(|capability| vec![capability.as_str()]));
        let within = |set: &Vec<String>| known.iter().filter(|own| set.contains(own)).map(String::as_str).collect();
        requests.extend(sets.iter().map(within).filter(|set: &Vec<&str>| set.len() < known.len()));
    }
    let distinct: BTreeMap<String, Vec<&str>> =
        requests.into_iter().map(|set| (capabilities_label(&set, known.len()), set)).collect();
    let mut labels = vec![ANY.to_owned()];
    let mut passes = vec![vec![Passes::Yes; kinds.values.len()]];
    for (label, set) in distinct {
        labels.push(label);
        let capable = |kind: &BTreeSet<String>| kind.iter().all(|capability| set.contains(&capability.as_str()));
        passes.push(kinds.values.iter().map(|kind| yes(capable(kind))).collect());
    }
    if known.len() > MOST_CAPABILITIES {
        let other = |kind: &BTreeSet<String>| if kind.is_empty() { Passes::Yes } else { Passes::Unknown };
        labels.push(OTHER.to_owned());
        passes.push(kinds.values.iter().map(other).collect());
    }
    AxisTable::new(labels, kinds.of, passes).with_covers()
}

fn prerelease_table(kinds: Kinds<bool>) -> AxisTable {
    let without = kinds.values.iter().map(|only_with_prerelease| yes(!only_with_prerelease)).collect();
    let with = vec![Passes::Yes; kinds.values.len()];
    AxisTable::new(vec!["0".to_owned(), "1".to_owned()], kinds.of, vec![without, with]).with_covers()
}

fn yes(passes: bool) -> Passes {
    if passes { Passes::Yes } else { Passes::No }
}
