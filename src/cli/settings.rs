//! Settings resolved, once, from arguments and configuration.

use super::args::InputArgs;
use crate::base::fs::{io_error, read};
use crate::base::suggest::did_you_mean;
use crate::config::exceptions::Exceptions;
use crate::config::layer::{LayerPlan, LayerSource, Validation};
use crate::config::location::{below, is_git};
use crate::config::settings::{DistributionPlan, Settings};
use crate::config::{Config, file};
use anyhow::{Result, anyhow, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The file that is read when none is named.
const DEFAULT_CONFIG: &str = "epr-build.yml";

/// Resolves arguments and configuration.
///
/// # Errors
/// No or unknown distribution, an unreadable or wrong configuration, no folder to read; each says what to do.
pub fn resolve(input: &InputArgs) -> Result<Settings> {
    let config = read_config(input.config.as_deref())?;
    let names = chosen(input, &config)?;
    let mut layers: Vec<LayerPlan> = Vec::new();
    let mut distributions = Vec::new();
    for name in names {
        let distribution = &config.distributions[&name];
        let positions = distribution.layers.iter().map(|layer| {
            let known = layers.iter().position(|plan| plan.source.name == *layer);
            known.unwrap_or_else(|| {
                layers.push(plan(layer, &config, &input.packages, input.strict));
                layers.len() - 1
            })
        });
        let positions = positions.collect();
        let listen = distribution.listen.clone().unwrap_or_else(|| config.listen.clone());
        let (prefix, debug_header) = (distribution.prefix.clone(), distribution.debug_header);
        let ui = distribution.ui.unwrap_or(config.ui);
        distributions.push(DistributionPlan { name, layers: positions, listen, prefix, debug_header, ui });
    }
    check_folders(&layers, &config, &input.packages)?;
    Ok(Settings {
        distributions,
        layers,
        config,
        strict: input.strict,
        quiet: input.quiet,
        use_cache: true,
        keep: 3,
        exceptions: Exceptions::default(),
    })
}

pub(super) fn read_config(path: Option<&Path>) -> Result<Config> {
    let (path, required) = match path {
        Some(path) => (path.to_owned(), true),
        None => (PathBuf::from(DEFAULT_CONFIG), false),
    };
    if !required && !path.exists() {
        return Ok(Config::default());
    }
    let bytes = read(&path).map_err(io_error).map_err(|error| {
        let hint = "--config names the configuration file; epr-build.sample.yml is an example of one";
        anyhow!("cannot read `{}`: {error}\nhint: {hint}", path.display())
    })?;
    Ok(file::parse(&bytes, &path)?)
}

/// Names of the distributions to build, each once.
fn chosen(input: &InputArgs, config: &Config) -> Result<Vec<String>> {
    let known: Vec<_> = config.distributions.keys().map(String::as_str).collect();
    if input.all_dists {
        return Ok(config.distributions.keys().cloned().collect());
    }
    if input.dists.is_empty() {
        let names = list(known.iter().copied());
        bail!("no distribution is named\nhint: name one with --dist ({names}), or build all with --all-dists");
    }
    let mut seen = BTreeSet::new();
    for name in &input.dists {
        if !config.distributions.contains_key(name) {
            bail!("unknown distribution `{name}`\nhint: {}", did_you_mean(name, &known));
        }
    }
    Ok(input.dists.iter().filter(|name| seen.insert(name.as_str())).cloned().collect())
}

/// Refuses to build an empty registry, which would replace a good one, because of a wrong path or a disk that is not
/// there. A single layer may be absent: when all its packages are promoted, a checkout has no folder for it.
fn check_folders(layers: &[LayerPlan], config: &Config, packages: &Path) -> Result<()> {
    let is_default =
        |layer: &&LayerPlan| config.layers.get(&layer.source.name).is_none_or(|rules| rules.paths.is_empty());
    let names = list(layers.iter().filter(is_default).map(|layer| layer.source.name.as_str()));
    let shown = packages.display();
    if !names.is_empty() && !is_git(packages) && !packages.is_dir() {
        let what = if packages.exists() { "is not a folder" } else { "does not exist" };
        bail!(
            "the packages folder `{shown}` {what}\n\
             hint: --packages names the folder that holds a folder for each layer (here {names})"
        );
    }
    Ok(())
}

/// Names as a sentence lists them.
fn list(names: impl Iterator<Item = impl std::fmt::Display>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn plan(name: &str, config: &Config, packages: &Path, strict: bool) -> LayerPlan {
    let mut rules = config.layers.get(name).cloned().unwrap_or_default();
    if strict {
        rules.validation = Validation::Require;
    }
    let paths = if rules.paths.is_empty() { vec![below(packages, name)] } else { rules.paths.clone() };
    LayerPlan { source: LayerSource { name: name.to_owned(), paths }, rules }
}
