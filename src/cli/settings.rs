//! Settings: arguments and configuration resolved, once, into what the library works with.

use super::args::InputArgs;
use crate::config::{Config, Validation};
use crate::config_file;
use crate::intake::{LayerIntake, LayerPlan};
use crate::source::LayerSource;
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The file that is read when none is named.
const DEFAULT_CONFIG: &str = "epr-build.yml";
/// Folders of the output that a distribution may not be called.
const RESERVED: [&str; 2] = ["store", "cache"];

/// One distribution to build.
#[derive(Clone, Debug)]
pub struct DistributionPlan {
    /// Its name, also of its folder.
    pub name: String,
    /// Its layers, as positions in [`Settings::layers`], in order.
    pub layers: Vec<usize>,
    /// What its generated configuration listens on.
    pub listen: String,
}

impl DistributionPlan {
    /// Its layers, in order.
    pub fn stack<'a>(&self, layers: &'a [LayerIntake]) -> Vec<&'a LayerIntake> {
        self.layers.iter().map(|&position| &layers[position]).collect()
    }
}

/// What to build from what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// In the order they were asked for.
    pub distributions: Vec<DistributionPlan>,
    /// Every layer that one of them names, once.
    pub layers: Vec<LayerPlan>,
    /// Whether what earlier builds found out is used.
    pub use_cache: bool,
    /// Generations of each distribution that stay, the one in use included.
    pub keep: usize,
    /// Limits, budget and clients.
    pub config: Config,
    /// Conflicts and warnings count as errors.
    pub strict: bool,
    /// No progress, no summary.
    pub quiet: bool,
}

impl Settings {
    /// Resolves arguments and configuration.
    ///
    /// # Errors
    /// No or unknown distribution, an unreadable or wrong configuration; each says what to do.
    pub fn resolve(input: &InputArgs) -> Result<Self> {
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
            distributions.push(DistributionPlan { name, layers: positions, listen });
        }
        Ok(Self { distributions, layers, config, strict: input.strict, quiet: input.quiet, use_cache: true, keep: 3 })
    }
}

fn read_config(path: Option<&Path>) -> Result<Config> {
    let (path, required) = match path {
        Some(path) => (path.to_owned(), true),
        None => (PathBuf::from(DEFAULT_CONFIG), false),
    };
    if !required && !path.exists() {
        return Ok(Config::default());
    }
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    config_file::parse(&bytes).with_context(|| format!("cannot use {}", path.display()))
}

/// Names of the distributions to build.
fn chosen(input: &InputArgs, config: &Config) -> Result<Vec<String>> {
    let known = || config.distributions.keys().cloned().collect::<Vec<_>>();
    if input.all_dists {
        return Ok(known());
    }
    if input.dists.is_empty() {
        bail!("no distribution named; give --dist NAME or --all-dists (known: {})", known().join(", "));
    }
    let mut seen = BTreeSet::new();
    for name in &input.dists {
        if !config.distributions.contains_key(name) {
            bail!("unknown distribution `{name}` (known: {})", known().join(", "));
        }
        if RESERVED.contains(&name.as_str()) {
            bail!("a distribution cannot be called `{name}`: that folder of the output is taken");
        }
    }
    Ok(input.dists.iter().filter(|name| seen.insert(name.as_str())).cloned().collect())
}

fn plan(name: &str, config: &Config, packages: &Path, strict: bool) -> LayerPlan {
    let mut rules = config.layers.get(name).cloned().unwrap_or_default();
    if strict {
        rules.validation = Validation::Require;
    }
    let paths = if rules.paths.is_empty() { vec![packages.join(name)] } else { rules.paths.clone() };
    LayerPlan { source: LayerSource { name: name.to_owned(), paths }, rules }
}
