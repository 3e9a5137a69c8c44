//! What a build would report, without writing anything.

use super::lost;
use crate::base::progress::{Clock, Progress, Timings};
use crate::catalog::layers::Layers;
use crate::catalog::record::stack;
use crate::compare::holdings::{Base, Holdings};
use crate::compare::policy::{self, Before};
use crate::config::settings::{DistributionPlan, Settings};
use crate::input::survey;
use crate::site::report::Report;
use anyhow::Result;

/// Reads and merges everything and returns the reports of a build. With a base, what changed since is compared with the
/// policies of the layers, and what they lost is told.
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
    let (catalog, intakes) = (layers.catalog(plan)?, stack(plan, &layers.intakes));
    let mut report = Report::new(&plan.name, &intakes, &catalog, None);
    if let Some(base) = base {
        let (was, now) = (base.holdings(plan)?, Holdings::of_catalog(&catalog).with_quarantined(&intakes));
        let told = lost::told(settings, &was, &now, &intakes)?;
        let verdict = policy::compare(&was, &now, &settings.stack(plan, true), &settings.exceptions, None)?;
        report.advice = [told.refusals, verdict.problems].concat();
        report.notes.extend(told.notes);
        report.notes.extend(base.uncompared());
        (report.allowed, report.is_loss_accepted) = (verdict.used, told.is_loss_accepted);
        report.change = Before::Known(was).change_to(&now);
    }
    Ok(report)
}
