//! The guard of a build: what its layers lost since the generation in use was made.

use crate::base::problem::Problem;
use crate::catalog::record::LayerIntake;
use crate::compare::holdings::{Holdings, Key};
use crate::compare::loss::{self, Loss};
use crate::compare::policy::Before;
use crate::config::settings::{DistributionPlan, Settings};
use crate::input::changes;
use anyhow::{Result, bail};
use std::collections::BTreeSet;

/// How many quarantined packages are named beside a loss.
const SHOWN: usize = 5;

/// The losses of a distribution that stop a build, each after some of the reasons for which packages were left out.
///
/// # Errors
/// When a package that was read before cannot be read now, or the log of a layer cannot be read.
pub(super) fn refusals(
    settings: &Settings,
    plan: &DistributionPlan,
    before: &Before,
    now: &Holdings,
    layers: &[&LayerIntake],
) -> Result<Vec<Problem>> {
    if settings.accept_loss {
        return Ok(Vec::new());
    }
    let quarantines = || layers.iter().flat_map(|layer| layer.all_problems()).filter(|problem| problem.is_quarantine());
    let Some(was) = before.holdings().filter(|was| !was.versions.is_empty()) else {
        let is_first = !matches!(before, Before::Known(_));
        if !is_first || !now.versions.is_empty() {
            return Ok(Vec::new());
        }
        return Ok(quarantines().take(SHOWN).cloned().chain([loss::nothing(&plan.name)]).collect());
    };
    let keys: Vec<Key> = layers.iter().flat_map(|layer| held(layer)).collect();
    let losses = loss::losses(&was.origins(), &now.origins(), &keys.iter().collect::<BTreeSet<_>>());
    let mut refusals = Vec::new();
    let mut skips = 0;
    for loss in losses {
        let intake = layers.iter().find(|layer| layer.name == loss.layer);
        let rules = settings.layers.iter().find(|layer| layer.source.name == loss.layer);
        let skipped = |key: &Key| intake.is_some_and(|layer| loss::is_skipped(&layer.problems, key));
        let loss = match rules {
            Some(layer) => loss.without(&changes::taken_out(&layer.source)?),
            None => loss,
        };
        let (loss, links) = loss.without_skipped(skipped);
        skips += links;
        if let Some(problem) = intake.and_then(|layer| loss.unreadable(layer.all_problems())) {
            unreadable(&loss, problem)?;
        }
        if loss.is_too_much(rules.and_then(|layer| layer.rules.shrink)) {
            let of_layer = quarantines().filter(|problem| problem.place.layer == loss.layer);
            refusals.extend(of_layer.take(SHOWN).cloned());
            refusals.push(loss.refusal(intake.map_or(0, |layer| layer.quarantined())));
        }
    }
    if now.versions.is_empty() && refusals.is_empty() && skips > 0 {
        refusals.push(loss::nothing_but_links(&plan.name, skips));
    }
    Ok(refusals)
}

/// The versions that a layer holds, before anything selects among them.
fn held(layer: &LayerIntake) -> impl Iterator<Item = Key> {
    let records = layer.packages.iter().filter_map(|intake| intake.outcome.record.as_ref());
    records.map(|record| (record.facts.name.clone(), record.facts.version.clone()))
}

fn unreadable(loss: &Loss, problem: &Problem) -> Result<()> {
    bail!(
        "cannot read `{}`, and layer `{}` has lost {}, which was read before: {}\nhint: check the disk and the \
         permissions; the generation in use stays in use; `--accept-loss` builds without what cannot be read",
        problem.place,
        loss.layer,
        loss.shown(),
        problem.message
    )
}
