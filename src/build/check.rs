//! What a build would report, without writing anything.

use crate::base::progress::{Clock, Progress, Timings};
use crate::catalog::layers::Layers;
use crate::catalog::record::stack;
use crate::compare::holdings::{Base, Holdings};
use crate::compare::policy;
use crate::config::settings::{DistributionPlan, Settings};
use crate::input::survey;
use crate::site::report::Report;
use anyhow::Result;

/// Reads and merges everything and returns the reports of a build. With a base, what changed since is compared with the
/// policies of the layers.
///
/// # Errors
/// When a layer or the base cannot be read.
pub fn check(settings: &Settings, base: Option<&Base>, progress: &Progress) -> Result<(Vec<Report>, Timings)> {
    let mut clock = Clock::start();
    let layers = Layers::read(settings, None, progress)?;
    survey::require_layers(settings, |position| &layers.intakes[position].problems)?;
    clock.lap("read");
    let reports = settings.distributions.iter().map(|plan| report(settings, plan, &layers, base));
    let reports = reports.collect::<Result<_>>()?;
    clock.lap("merge");
    Ok((reports, clock.timings()))
}

fn report(settings: &Settings, plan: &DistributionPlan, layers: &Layers, base: Option<&Base>) -> Result<Report> {
    let catalog = layers.catalog(plan)?;
    let mut report = Report::new(&plan.name, &stack(plan, &layers.intakes), &catalog, None);
    if let Some(base) = base {
        let (was, now) = (base.holdings(plan)?, Holdings::of_catalog(&catalog));
        let stack = settings.stack(plan, true);
        report.advice = policy::compare(&was, &now, &stack, &settings.exceptions, None)?.problems;
    }
    Ok(report)
}
