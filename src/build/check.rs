//! What a build would report, without writing anything.

use super::lost;
use super::merged::Merged;
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
    let (merged, intakes) = (Merged::of(plan, layers.catalog(plan)?)?, stack(plan, &layers.intakes));
    let mut report = Report::new(&plan.name, &intakes, &merged.catalog, None);
    report.advice.clone_from(&merged.mistakes);
    if let Some(base) = base {
        let (was, now) = (base.holdings(plan)?, merged.held(&intakes));
        let told = lost::told(settings, &was, &now, &intakes)?;
        let verdict = policy::compare(&was, &now, &settings.stack(plan, true), &settings.exceptions, None)?;
        let narrowed = merged.narrowed(plan, Some(&was));
        let is_narrowed = narrowed.is_some();
        report.advice.extend([told.refusals, verdict.problems].concat());
        report.advice.extend(narrowed.filter(|_| !settings.accept_loss));
        report.notes.extend(told.notes);
        report.notes.extend(base.uncompared());
        report.is_loss_accepted = told.is_loss_accepted || (is_narrowed && settings.accept_loss);
        report.allowed = verdict.used;
        report.change = Before::Known(was).change_to(&Holdings::of_catalog(&merged.catalog));
    }
    Ok(report)
}
