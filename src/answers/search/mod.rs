//! Search and categories on facts: what the registry answers, computed plainly (contract, "Search" and "Categories").
//!
//! The whole catalog is one group: the reference filters zips and folders apart and joins the results, we filter
//! everything together, so it never matters how a package is stored. Knows nothing of documents, routes or HTTP; the
//! routing tables are tested against this module.

pub mod category;
pub mod explain;
pub mod question;
pub mod select;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use category::{CategoryCount, categories, render_categories};

use crate::dialect::version::Version;
use crate::package::{DiscoveryFacts, Facts, Release, Spec};
use std::borrow::Borrow;

/// The parameters of a request, parsed; empty ones are absent (contract, "Search parameters" and "Categories
/// parameters").
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// `kibana.version`.
    pub kibana: Option<Version>,
    /// `agent.version`.
    pub agent: Option<Version>,
    /// `category`.
    pub category: Option<String>,
    /// `package`.
    pub package: Option<String>,
    /// `type`.
    pub package_type: Option<String>,
    /// `capabilities`, split at commas.
    pub capabilities: Option<Vec<String>>,
    /// `spec.min`.
    pub spec_min: Option<Spec>,
    /// `spec.max`.
    pub spec_max: Option<Spec>,
    /// `all`: every version, not only the latest of each name.
    pub all: bool,
    /// `prerelease`.
    pub prerelease: bool,
    /// `experimental`: the legacy filter.
    pub experimental: bool,
    /// Every `discovery`; all must match.
    pub discovery: Vec<DiscoveryFilter>,
}

/// A value of `discovery`: the names that a client has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DiscoveryFilter {
    /// `fields:`: of use are packages all of whose fields are among these.
    Fields(Vec<String>),
    /// `datasets:`: of use are packages one of whose datasets is among these.
    Datasets(Vec<String>),
}

impl DiscoveryFilter {
    /// Returns true if the client's names are what the package is discovered by.
    fn finds(&self, facts: &Facts) -> bool {
        let DiscoveryFacts { fields, datasets } = &facts.discovery;
        match self {
            Self::Fields(names) => !fields.is_empty() && fields.iter().all(|field| names.contains(field)),
            Self::Datasets(names) => datasets.iter().any(|dataset| names.contains(dataset)),
        }
    }
}

/// Which policy templates of a package an answer shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TemplateSelection {
    /// All of them.
    All,
    /// The templates at these positions, ascending; fewer than all, maybe none.
    Only(Box<[usize]>),
}

impl TemplateSelection {
    /// Returns true if the template at this position is shown.
    pub fn keeps(&self, position: usize) -> bool {
        match self {
            Self::All => true,
            Self::Only(positions) => positions.contains(&position),
        }
    }
}

/// One element of an answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// Position in the catalog.
    pub index: usize,
    /// The templates it shows.
    pub templates: TemplateSelection,
}

/// The hits of a `/search` answer, in its order.
///
/// The catalog is sorted by name (bytes), then version, without repeats; so are the hits (contract, "Search answer").
pub fn search<F: Borrow<Facts>>(catalog: &[F], query: &Query) -> Vec<Hit> {
    let catalog: Vec<&Facts> = catalog.iter().map(Borrow::borrow).collect();
    let selected = selected(&catalog, query, query.all);
    let hit = |index| match &query.category {
        None => Some(Hit { index, templates: TemplateSelection::All }),
        Some(id) => category::selection(catalog[index], id).map(|templates| Hit { index, templates }),
    };
    selected.into_iter().filter_map(hit).collect()
}

/// The positions that pass the filter of the query's mode and its choice of versions, before the category filter.
fn selected(catalog: &[&Facts], query: &Query, all: bool) -> Vec<usize> {
    let passes = if query.experimental { passes_legacy } else { passes };
    let candidates = (0..catalog.len()).filter(|&index| passes(catalog[index], query));
    match (query.experimental, all) {
        (false, true) => candidates.collect(),
        (false, false) => select::latest(catalog, candidates),
        (true, false) => select::legacy_latest(catalog, candidates),
        (true, true) => select::legacy_all(catalog, candidates),
    }
}

/// The normal filter (contract, "Normal filter").
fn passes(facts: &Facts, query: &Query) -> bool {
    let agent = match (&query.agent, &facts.agent) {
        (Some(version), Some(constraint)) => constraint.matches(version),
        _ => true,
    };
    let capable = query
        .capabilities
        .as_ref()
        .is_none_or(|given| facts.capabilities.iter().all(|capability| given.contains(capability)));
    passes_legacy(facts, query)
        && (query.prerelease || !only_with_prerelease(facts))
        && agent
        && capable
        && query.spec_min.is_none_or(|bound| facts.spec >= bound)
        && query.spec_max.is_none_or(|bound| facts.spec <= bound)
        && query.discovery.iter().all(|filter| filter.finds(facts))
}

/// The conditions that both filters share (contract, "Legacy filter", step 1).
fn passes_legacy(facts: &Facts, query: &Query) -> bool {
    let kibana = match (&query.kibana, &facts.kibana) {
        (Some(version), Some(constraint)) => constraint.matches(version),
        _ => true,
    };
    kibana
        && query.package.as_ref().is_none_or(|name| *name == facts.name)
        && query.package_type.as_ref().is_none_or(|package_type| *package_type == facts.package_type)
}

/// Returns true if the normal filter shows the version only with `prerelease=true`. Major 0 and `beta` alone do not count.
pub fn only_with_prerelease(facts: &Facts) -> bool {
    facts.release == Release::Experimental || facts.version.is_prerelease()
}
