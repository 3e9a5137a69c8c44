//! What a distribution publishes of what its layers hold: the merged catalog, cut to what its selection chooses.
//!
//! Deprecation has spread by then, so it stays where the version that it comes from is left out.

use super::candidate::Candidate;
use super::choice::Choice;
use super::filter;
use super::mistakes::{Mistake, Mistakes};
use super::reason::LeftOut as Why;
use super::resolved::Resolved;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::words::counted;
use crate::catalog::merge::{Catalog, Entry, LeftOut, Selected};
use crate::config::selection::{Selection, Take, What};
use crate::config::settings::DistributionPlan;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;

/// Cuts a catalog to what its distribution publishes.
///
/// # Errors
/// When the selection has a mistake, a keep file is wrong, or the machine fails.
pub fn published(plan: &DistributionPlan, mut catalog: Catalog) -> Result<Catalog> {
    match select(plan, &mut catalog)?.into_iter().next() {
        Some(problem) => bail!("{}", problem.to_string().trim_start_matches("error: ")),
        None => Ok(catalog),
    }
}

/// Cuts a catalog to what its distribution publishes. If the selection has mistakes, these are returned as refusals, and the
/// catalog stays whole.
///
/// # Errors
/// When a keep file is wrong, or the machine fails.
pub fn select(plan: &DistributionPlan, catalog: &mut Catalog) -> Result<Vec<Problem>> {
    let Some(by) = &plan.select else { return Ok(Vec::new()) };
    let resolved = Resolved::read(by).with_context(|| format!("cannot select what `{}` publishes", plan.name))?;
    let Err(Mistakes(mistakes)) = apply(&resolved, catalog)? else { return Ok(Vec::new()) };
    let problem = |Mistake { rule, message, hint }: Mistake| {
        let message = format!("selection `{}`: {rule}: {message}", by.name);
        let problem = Problem::new(Rule::SelectionMistake, message).within(&plan.name, "");
        match hint {
            Some(hint) => problem.hint(hint),
            None => problem.hint(format!("correct the rule in `selections`; `epr-build select {}` tries it", by.name)),
        }
    };
    Ok(mistakes.into_iter().map(problem).collect())
}

/// Cuts a catalog to what a selection chooses; it stays whole if the selection has mistakes.
///
/// # Errors
/// When a package cannot be understood, which was read here.
pub fn apply(resolved: &Resolved, catalog: &mut Catalog) -> Result<Result<(), Mistakes>> {
    let told = |entry: &Entry| Ok(Candidate { is_whole: resolved.whole.contains(&entry.layer), ..candidate(entry)? });
    let candidates = catalog.entries.iter().map(told).collect::<Result<Vec<_>>>()?;
    let choice = resolved.choose(&candidates);
    Ok(choice.map(|choice| cut(catalog, &resolved.name, &choice, &kept(&resolved.selection, &candidates, &choice))))
}

/// A version as the registry tells it.
///
/// # Errors
/// When it cannot be understood, which was rendered here.
pub fn candidate(entry: &Entry) -> Result<Candidate> {
    let candidate = Candidate::of_package(&entry.record.facts, &entry.record.item)?;
    let is_kibana_overridden = entry.overlay.kibana.is_some();
    Ok(Candidate { is_hidden: entry.is_hidden(), is_kibana_overridden, ..candidate })
}

/// Which of the versions that were chosen from are published: those that are chosen, and hidden versions of packages that are
/// chosen or that a rule means, since sites that have them installed download them again; nobody is offered them.
pub fn kept(selection: &Selection, candidates: &[Candidate], choice: &Choice) -> Vec<bool> {
    // Of a package that is hidden as a whole no rule can take anything.
    let is_meant = |candidate: &Candidate| {
        let means =
            |rule: &Take| matches!(&rule.what, What::Packages { filter, .. } if filter::admits(filter, candidate));
        candidate.is_hidden && selection.take.iter().any(means)
    };
    let chosen: BTreeSet<&str> = choice.versions.keys().map(|(name, _)| name.as_str()).collect();
    let is_kept = |candidate: &Candidate| {
        let key = candidate.facts.key();
        match choice.left_out.get(&key) {
            None => choice.versions.contains_key(&key),
            Some(Why::Excluded { .. }) => false,
            Some(_) if chosen.contains(candidate.facts.name.as_str()) => candidate.is_hidden,
            Some(_) => is_meant(candidate),
        }
    };
    candidates.iter().map(is_kept).collect()
}

/// Takes out of a catalog what is not published.
fn cut(catalog: &mut Catalog, name: &str, choice: &Choice, kept: &[bool]) {
    let left_out = catalog.entries.iter().zip(kept).filter(|(_, kept)| !**kept).map(|(entry, _)| {
        let why = choice.left_out.get(&entry.record.facts.key()).unwrap_or(&Why::NoRule);
        LeftOut { kind: why.kind(), reason: why.to_string(), entry: entry.clone() }
    });
    let losses = choice.losses.iter().map(|loss| {
        let choice = loss.choice.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        format!("Kibana {} gets {choice} of {} in place of {}: {}", loss.kibana, loss.name, loss.whole, loss.because)
    });
    let selected = Selected {
        name: name.to_owned(),
        left_out: left_out.collect(),
        warnings: choice.warnings.clone(),
        losses: losses.collect(),
    };
    catalog.keep_only(|at, _| kept[at]);
    catalog.selected = Some(selected);
}

/// Refuses what a selection does to a distribution that is in use, if it looks like a slip. `was` is the number of versions in
/// use, and `lost` of these the ones that layers still hold and the selection leaves out.
pub fn narrowed(distribution: &str, catalog: &Catalog, was: usize, lost: usize) -> Option<Problem> {
    let selected = catalog.selected.as_ref()?;
    let message = if catalog.entries.is_empty() && !selected.left_out.is_empty() {
        format!(
            "selection `{}` leaves out all {} of `{distribution}`",
            selected.name,
            counted(selected.left_out.len(), "version")
        )
    } else if lost * 2 > was {
        let versions = counted(was, "version");
        format!("selection `{}` leaves out {lost} of {versions} that `{distribution}` has in use", selected.name)
    } else {
        return None;
    };
    let hint = format!(
        "`epr-build select {}` shows what the selection gives and why; `--accept-loss` goes on with it",
        selected.name
    );
    Some(Problem::new(Rule::SelectionNarrows, message).within(distribution, "").hint(hint))
}
