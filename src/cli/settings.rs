//! Settings: arguments and configuration resolved, once, into what the library works with.

use super::args::InputArgs;
use crate::config::{Config, Validation};
use crate::config_file::{self, did_you_mean};
use crate::git;
use crate::intake::{LayerIntake, LayerPlan};
use crate::policy::{Exceptions, Stack};
use crate::source::LayerSource;
use anyhow::{Result, anyhow, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The file that is read when none is named.
const DEFAULT_CONFIG: &str = "epr-build.yml";

/// One distribution to build.
#[derive(Clone, Debug)]
pub struct DistributionPlan {
    /// Its name, also of its folder.
    pub name: String,
    /// Its layers, as positions in [`Settings::layers`], in order.
    pub layers: Vec<usize>,
    /// What its generated configuration listens on.
    pub listen: String,
    /// Whether it has pages for people.
    pub ui: bool,
    /// Path below which its registry lies, or nothing.
    pub prefix: String,
    /// Whether its answers say which file they are.
    pub debug_header: bool,
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
    /// What the policies of layers do not forbid this time.
    pub exceptions: Exceptions,
}

impl Settings {
    /// Resolves arguments and configuration.
    ///
    /// # Errors
    /// No or unknown distribution, an unreadable or wrong configuration, no folder to read; each says what to do.
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
            let (prefix, debug_header) = (distribution.prefix.clone(), distribution.debug_header);
            let ui = distribution.ui.unwrap_or(config.ui);
            distributions.push(DistributionPlan { name, layers: positions, listen, prefix, debug_header, ui });
        }
        check_folders(&layers, &config, &input.packages)?;
        Ok(Self {
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
}

impl Settings {
    /// The layers of a distribution, with their policies.
    pub fn stack(&self, plan: &DistributionPlan, is_strict: bool) -> Stack<'_> {
        let layers = plan.layers.iter().map(|&position| &self.layers[position]);
        Stack { layers: layers.map(|layer| (layer.source.name.as_str(), &layer.rules)).collect(), is_strict }
    }

    /// The same, with every layer read from the folder of its name below another one.
    #[must_use]
    pub fn below(&self, packages: &Path) -> Self {
        let mut settings = self.clone();
        for layer in &mut settings.layers {
            layer.source.paths = vec![git::below(packages, &layer.source.name)];
        }
        settings
    }
}

pub(super) fn read_config(path: Option<&Path>) -> Result<Config> {
    let (path, required) = match path {
        Some(path) => (path.to_owned(), true),
        None => (PathBuf::from(DEFAULT_CONFIG), false),
    };
    if !required && !path.exists() {
        return Ok(Config::default());
    }
    let bytes = std::fs::read(&path).map_err(|error| {
        let hint = "--config names the configuration file; epr-build.sample.yml is an example of one";
        anyhow!("cannot read `{}`: {error}\nhint: {hint}", path.display())
    })?;
    Ok(config_file::parse(&bytes, &path)?)
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
    if !names.is_empty() && !git::is_git(packages) && !packages.is_dir() {
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
    let paths = if rules.paths.is_empty() { vec![git::below(packages, name)] } else { rules.paths.clone() };
    LayerPlan { source: LayerSource { name: name.to_owned(), paths }, rules }
}
