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

/// The distributions that have a layer.
pub(super) fn with_layer<'a>(settings: &'a Settings, layer: &'a str) -> impl Iterator<Item = &'a DistributionPlan> {
    let is_it = move |position: &usize| settings.layers[*position].source.name == layer;
    settings.distributions.iter().filter(move |plan| plan.layers.iter().any(is_it))
}

/// The settings for a layer, the distributions that have it and `is_meant` means, and the layers of these that are there.
pub(super) fn around(
    settings: &Settings,
    layer: &str,
    is_meant: impl Fn(&DistributionPlan) -> bool,
    is_there: impl Fn(&LayerPlan) -> bool,
) -> Settings {
    let plans: Vec<&DistributionPlan> = with_layer(settings, layer).filter(|plan| is_meant(plan)).collect();
    let is_in = |position: &usize| plans.iter().any(|plan| plan.layers.contains(position));
    let is_kept = |position: &usize| {
        let plan = &settings.layers[*position];
        plan.source.name == layer || (is_in(position) && is_there(plan))
    };
    let kept: Vec<usize> = (0..settings.layers.len()).filter(is_kept).collect();
    let place = |position: &usize| kept.iter().position(|kept| kept == position);
    let distribution = |plan: &&DistributionPlan| DistributionPlan {
        layers: plan.layers.iter().filter_map(place).collect(),
        ..(*plan).clone()
    };
    Settings {
        layers: kept.iter().map(|position| settings.layers[*position].clone()).collect(),
        distributions: plans.iter().map(distribution).collect(),
        ..settings.clone()
    }
}
