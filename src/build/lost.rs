//! The guard of a build: what its layers lost since the generation in use was made. A check tells the same of its base.

use crate::base::problem::{Problem, Severity};
use crate::base::rule::Rule;
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
/// When a package that was read before cannot be read now and losses are not accepted, or the log of a layer cannot be
/// read.
pub(super) fn refusals(
    settings: &Settings,
    plan: &DistributionPlan,
    before: &Before,
    now: &Holdings,
    layers: &[&LayerIntake],
) -> Result<Vec<Problem>> {
    let quarantines = || layers.iter().flat_map(|layer| layer.all_problems()).filter(|problem| problem.is_quarantine());
    let Some(was) = before.holdings().filter(|was| !was.versions.is_empty()) else {
        let is_first = !matches!(before, Before::Known(_));
        if !is_first || !now.versions.is_empty() {
            return Ok(Vec::new());
        }
        return Ok(quarantines().take(SHOWN).cloned().chain([loss::nothing(&plan.name)]).collect());
    };
    let mut refusals = Vec::new();
    let Losses { losses, skips } = losses(settings, was, now, layers)?;
    for Lost { loss, intake, is_too_much, unmounted } in losses {
        refusals.extend(unmounted.cloned());
        if let Some(problem) = intake.and_then(|layer| loss.unreadable(layer.all_problems())) {
            if !settings.accept_loss {
                unreadable(&loss, problem)?;
            }
            refusals.push(problem.clone());
        }
        if is_too_much {
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

/// What each layer lost since the base of a check: refusals for what would stop a build unless losses are accepted, notes
/// for the rest.
///
/// # Errors
/// When the log of a layer cannot be read.
pub(super) fn told(settings: &Settings, was: &Holdings, now: &Holdings, layers: &[&LayerIntake]) -> Result<Told> {
    let mut told = Told::default();
    for Lost { loss, intake, is_too_much, .. } in losses(settings, was, now, layers)?.losses {
        let problem = loss.refusal(intake.map_or(0, |layer| layer.quarantined()));
        if is_too_much && !settings.accept_loss {
            told.refusals.push(problem);
        } else {
            told.is_loss_accepted |= is_too_much;
            let hint = "put back what should not be gone; a build goes on without it";
            told.notes.push(problem.severity(Severity::Note).hint(hint));
        }
    }
    Ok(told)
}

/// What a check tells of losses.
#[derive(Default)]
pub(super) struct Told {
    pub(super) refusals: Vec<Problem>,
    pub(super) notes: Vec<Problem>,
    /// True if there would be more refusals, had losses not been accepted.
    pub(super) is_loss_accepted: bool,
}

/// What the layers of a distribution lost.
struct Losses<'a> {
    losses: Vec<Lost<'a>>,
    /// Versions in whose place there is a link now, which is skipped: they are told, and not lost.
    skips: usize,
}

/// What a layer lost.
struct Lost<'a> {
    loss: Loss,
    /// The layer as it is now, unless the distribution no longer has it.
    intake: Option<&'a LayerIntake>,
    is_too_much: bool,
    /// The reason why a loss within the share is too much: a path that holds no packages.
    unmounted: Option<&'a Problem>,
}

/// What each layer of a distribution lost, without what commands took out.
fn losses<'a>(settings: &Settings, was: &Holdings, now: &Holdings, layers: &[&'a LayerIntake]) -> Result<Losses<'a>> {
    let keys: Vec<Key> = layers.iter().flat_map(|layer| held(layer)).collect();
    let all = loss::losses(&was.origins(), &now.origins(), &keys.iter().collect::<BTreeSet<_>>());
    let (mut losses, mut skips) = (Vec::new(), 0);
    for loss in all {
        let intake = layers.iter().find(|layer| layer.name == loss.layer).copied();
        let rules = settings.layers.iter().find(|layer| layer.source.name == loss.layer);
        let loss = match rules {
            Some(layer) => loss.without(&changes::taken_out(&layer.source)?),
            None => loss,
        };
        let (loss, links) =
            loss.without_skipped(|key| intake.is_some_and(|layer| loss::is_skipped(&layer.problems, key)));
        skips += links;
        let shrink = rules.and_then(|layer| layer.rules.shrink);
        if loss.lost.is_empty() {
            continue;
        }
        let exceeds = loss.is_too_much(shrink);
        // One of several folders that is not mounted may hold less than the share.
        let unmounted = if exceeds || shrink == Some(100) { None } else { intake.and_then(empty_path) };
        losses.push(Lost { loss, intake, is_too_much: exceeds || unmounted.is_some(), unmounted });
    }
    Ok(Losses { losses, skips })
}

/// The problem of a path of a layer that holds no packages.
fn empty_path(layer: &LayerIntake) -> Option<&Problem> {
    layer.problems.iter().find(|problem| problem.rule == Rule::EmptyLayerPath)
}

/// The versions that a layer holds, before anything selects among them.
fn held(layer: &LayerIntake) -> impl Iterator<Item = Key> {
    let records = layer.packages.iter().filter_map(|intake| intake.outcome.record.as_ref());
    records.map(|record| record.facts.key())
}

fn unreadable(loss: &Loss, problem: &Problem) -> Result<()> {
    bail!(
        "cannot read `{}`, and layer `{}` has lost {}, which could be read before: {}\nhint: check the disk and the \
         permissions; the generation in use stays in use; `--accept-loss` builds without what cannot be read",
        problem.place,
        loss.layer,
        loss.shown(),
        problem.message
    )
}
