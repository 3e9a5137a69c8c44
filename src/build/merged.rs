//! The catalog of one distribution: what its layers hold, and what its selection leaves of it.

use crate::base::problem::Problem;
use crate::catalog::merge::{Catalog, Entry};
use crate::catalog::record::LayerIntake;
use crate::compare::holdings::Holdings;
use crate::config::settings::DistributionPlan;
use crate::select::published;
use anyhow::Result;

/// A merged catalog that was cut to what is published.
pub(super) struct Merged {
    /// What is published.
    pub(super) catalog: Catalog,
    /// What is wrong with the selection; the catalog is whole then.
    pub(super) mistakes: Vec<Problem>,
}

impl Merged {
    /// Applies the selection of a distribution, if it has one.
    pub(super) fn of(plan: &DistributionPlan, mut catalog: Catalog) -> Result<Self> {
        let mistakes = published::select(plan, &mut catalog)?;
        Ok(Self { catalog, mistakes })
    }

    /// What the layers hold, published or not.
    pub(super) fn held(&self, layers: &[&LayerIntake]) -> Holdings {
        let mut held = Holdings::of_catalog(&self.catalog).with_quarantined(layers);
        if let Some(selected) = &self.catalog.selected {
            let entries: Vec<Entry> = selected.left_out.iter().map(|one| one.entry.clone()).collect();
            let rest = Holdings::of_catalog(&Catalog { entries, ..Catalog::default() });
            held.versions.extend(rest.versions);
            held.conflicts.extend(rest.conflicts);
            held.overlays.extend(rest.overlays);
        }
        held
    }

    /// The refusal if the selection takes so much of what was in use that it looks like a slip.
    pub(super) fn narrowed(&self, plan: &DistributionPlan, was: Option<&Holdings>) -> Option<Problem> {
        let selected = self.catalog.selected.as_ref()?;
        let is_in_use = |entry: &&Entry| {
            let facts = &entry.record.facts;
            was.is_some_and(|was| was.versions.contains_key(&facts.key()))
        };
        let lost = selected.left_out.iter().map(|one| &one.entry).filter(is_in_use).count();
        published::narrowed(&plan.name, &self.catalog, was.map_or(0, |was| was.versions.len()), lost)
    }
}
