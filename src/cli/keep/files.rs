//! What the commands below `keep` share: layers, their selections and keep files.

use crate::base::suggest::did_you_mean;
use crate::config::layer::LayerPlan;
use crate::config::selection::Selection;
use crate::config::settings::Settings;
use anyhow::{Result, bail};

/// The layer of a name.
pub(super) fn layer<'a>(settings: &'a Settings, name: &str) -> Result<&'a LayerPlan> {
    let known: Vec<_> = settings.layers.iter().map(|plan| plan.source.name.as_str()).collect();
    match settings.layers.iter().find(|plan| plan.source.name == name) {
        Some(plan) => Ok(plan),
        None => bail!("unknown layer `{name}`\nhint: {}", did_you_mean(name, &known)),
    }
}

/// The selection of a name.
pub(super) fn selection<'a>(settings: &'a Settings, name: &'a str) -> Result<(&'a str, &'a Selection)> {
    let selections = &settings.config.selections;
    let known: Vec<_> = selections.keys().map(String::as_str).collect();
    match selections.get(name) {
        Some(selection) => Ok((name, selection)),
        None if known.is_empty() => bail!("there is no selection `{name}`\nhint: `selections` in the configuration has none"),
        None => bail!("there is no selection `{name}`\nhint: {}", did_you_mean(name, &known)),
    }
}

/// The selections of distributions that publish a layer.
pub(super) fn publishing<'a>(settings: &'a Settings, layer: &str) -> Result<Vec<(&'a str, &'a Selection)>> {
    let publish = |plan: &&crate::config::settings::DistributionPlan| {
        plan.layers.iter().any(|&position| settings.layers[position].source.name == layer)
    };
    let names = settings.distributions.iter().filter(publish).filter_map(|plan| {
        let distribution = settings.config.distributions.get(&plan.name)?;
        distribution.select.as_deref()
    });
    names.map(|name| selection(settings, name)).collect()
}
