//! The look at the layers before a build: when nothing changed since the last one, there is nothing to do.

use super::inputs::BuildInputs;
use crate::base::fs::{Lock, Scrutiny};
use crate::catalog::cache::Cache;
use crate::config::settings::{DistributionPlan, Settings};
use crate::generation::distribution::Distribution;
use crate::input::survey::{self, Inventories, ScanContext, Survey};
use crate::site::report::{Change, Report};
use crate::store::{STOCK, Store};
use anyhow::Result;
use std::path::Path;

/// The packages found in the layers, and what the last build remembered about them.
pub(super) struct Look {
    pub(super) survey: Survey,
    pub(super) scan: ScanContext,
    /// Inputs of the last build.
    pub(super) inputs: BuildInputs,
    pub(super) inventories: Inventories,
}

impl Look {
    /// Takes fingerprints of what was found if there is something to compare them with.
    pub(super) fn take(mut survey: Survey, settings: &Settings, out: &Path, lock: &Lock) -> Result<Self> {
        let scan = ScanContext { limits: settings.config.limits, now_ns: survey::file_system_time(lock.path())? };
        if !settings.use_cache {
            return Ok(Self { survey, scan, inputs: BuildInputs::default(), inventories: Inventories::none() });
        }
        let (inputs, inventories) = (BuildInputs::read(out), Inventories::read(out));
        if !inputs.is_empty() || Cache::exists(out) {
            survey.take_fingerprints(&settings.layers, &scan, &inventories);
        }
        Ok(Self { survey, scan, inputs, inventories })
    }

    /// The reports of the generations in use, if they are what this build would make again.
    pub(super) fn unchanged(&self, settings: &Settings, out: &Path) -> Option<Vec<Report>> {
        if self.inputs.is_empty() {
            return None;
        }
        let digests = self.survey.digests();
        let built = |plan: &DistributionPlan| {
            let distribution = Distribution::new(out, &plan.name);
            let generation = self.inputs.generation(plan, settings, &digests)?.to_owned();
            let is_whole = distribution.release_faults(Scrutiny::Look).is_ok_and(|faults| faults.is_empty());
            (is_whole && distribution.current()? == generation).then_some((distribution, generation))
        };
        let built = settings.distributions.iter().map(built).collect::<Option<Vec<_>>>()?;
        let store = Store::existing(&out.join("store")).ok()?;
        store.take_stock(Some(&out.join(STOCK)));
        // Something is damaged or lost, of these generations or of what is remembered.
        if !store.is_as_listed() {
            return None;
        }
        let report = |(distribution, generation): &(Distribution, String)| {
            let report = distribution.is_whole(generation, &store).then(|| distribution.report(generation))??;
            let change = Some(Change { was: report.versions, now: report.versions, ..Change::default() });
            Some(Report { change, ..report })
        };
        let reports = built.iter().map(report).collect::<Option<_>>()?;
        // Without this list the next build takes longer, and that is all.
        let _ = store.write_stock(&out.join(STOCK));
        Some(reports)
    }
}
