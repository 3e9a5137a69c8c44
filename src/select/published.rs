//! What a distribution publishes of what its layers hold: the merged catalog, cut to what its selection chooses.
//!
//! Deprecation has spread by then, so it stays where the version that it comes from is left out.

use super::reason::LeftOut as Why;
use super::resolved::Resolved;
use super::{Candidate, Choice, Mistake, Mistakes};
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::words::counted;
use crate::catalog::merge::{Catalog, Entry, LeftOut, Selected};
use crate::config::settings::DistributionPlan;
use anyhow::{Context, Result, bail};

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
            None => problem,
        }
    };
    Ok(mistakes.into_iter().map(problem).collect())
}

/// Cuts a catalog to what a selection chooses; it stays whole if the selection has mistakes.
///
/// # Errors
/// When a package cannot be understood, which was read here.
pub fn apply(resolved: &Resolved, catalog: &mut Catalog) -> Result<Result<(), Mistakes>> {
    let candidate = |entry: &Entry| Candidate::of_package(&entry.record.facts, &entry.record.item);
    let candidates = catalog.entries.iter().map(candidate).collect::<Result<Vec<_>>>()?;
    Ok(resolved.choose(&candidates).map(|choice| cut(catalog, &resolved.name, &choice)))
}

/// Takes out of a catalog what is not chosen.
fn cut(catalog: &mut Catalog, name: &str, choice: &Choice) {
    let mut selected = Selected { name: name.to_owned(), ..Selected::default() };
    let (kept, left): (Vec<Entry>, Vec<Entry>) = std::mem::take(&mut catalog.entries).into_iter().partition(|entry| {
        let facts = &entry.record.facts;
        choice.versions.contains_key(&(facts.name.clone(), facts.version.clone()))
    });
    catalog.entries = kept;
    selected.left_out = left
        .into_iter()
        .map(|entry| {
            let facts = &entry.record.facts;
            let why = choice.left_out.get(&(facts.name.clone(), facts.version.clone()));
            let reason = why.map_or_else(|| Why::NoRule.to_string(), ToString::to_string);
            LeftOut { kind: why.map_or("no_rule", Why::kind), reason, entry }
        })
        .collect();
    selected.warnings = choice.warnings.clone();
    let lines = choice.losses.iter().map(|loss| {
        let choice = loss.choice.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        format!("Kibana {} gets {choice} of {} in place of {}: {}", loss.kibana, loss.name, loss.whole, loss.because)
    });
    selected.losses = lines.collect();
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
    Some(Problem::new(Rule::SelectionNarrows, message).within(distribution, ""))
}
