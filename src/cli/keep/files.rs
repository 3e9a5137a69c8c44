//! What the commands below `keep` share: layers, their selections and keep files.

use crate::base::suggest::did_you_mean;
use crate::config::layer::LayerPlan;
use crate::config::selection::Selection;
use crate::config::settings::{DistributionPlan, Settings};
use crate::select::load;
use anyhow::{Result, bail};

/// The layer of a name.
pub(super) fn layer<'a>(settings: &'a Settings, name: &str) -> Result<&'a LayerPlan> {
    let known: Vec<_> = settings.layers.iter().map(|plan| plan.source.name.as_str()).collect();
    match settings.layers.iter().find(|plan| plan.source.name == name) {
        Some(plan) => Ok(plan),
        None => bail!("unknown layer `{name}`\nhint: {}", did_you_mean(name, &known)),
    }
}

/// The selection of a name, with what it refers to.
pub(super) fn selection(settings: &Settings, name: &str) -> Result<(String, Selection)> {
    let selections = &settings.config.selections;
    let known: Vec<_> = selections.keys().map(String::as_str).collect();
    match selections.get(name) {
        Some(selection) => Ok((name.to_owned(), load(selection)?.selection)),
        None if known.is_empty() => {
            bail!("there is no selection `{name}`\nhint: `selections` in the configuration has none")
        }
        None => bail!("there is no selection `{name}`\nhint: {}", did_you_mean(name, &known)),
    }
}

/// The selections of distributions that publish a layer.
pub(super) fn publishing(settings: &Settings, layer: &str) -> Result<Vec<(String, Selection)>> {
    let has_layer =
        |plan: &&DistributionPlan| plan.layers.iter().any(|&position| settings.layers[position].source.name == layer);
    let selections = settings.distributions.iter().filter(has_layer).filter_map(|plan| plan.select.as_ref());
    selections.map(|plan| Ok((plan.name.clone(), load(&plan.selection)?.selection))).collect()
}

/// Names of the distributions that publish all that a layer holds: they have it, and no selection.
pub(super) fn whole(settings: &Settings, layer: &str) -> Vec<String> {
    let has_layer =
        |plan: &&DistributionPlan| plan.layers.iter().any(|&position| settings.layers[position].source.name == layer);
    let plans = settings.distributions.iter().filter(has_layer).filter(|plan| plan.select.is_none());
    plans.map(|plan| plan.name.clone()).collect()
}
