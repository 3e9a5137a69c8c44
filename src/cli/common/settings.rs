//! Settings, resolved once from options and the configuration.

use super::key_files;
use super::talk;
use crate::base::fs::{io_error, read};
use crate::base::suggest::did_you_mean;
use crate::config::exceptions::Exceptions;
use crate::config::layer::{LayerPlan, LayerSource, Validation};
use crate::config::location::{below, is_git};
use crate::config::settings::{DistributionPlan, SelectionPlan, Settings};
use crate::config::{Config, Distribution, file};
use anyhow::{Result, anyhow, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The folder of the layers that the configuration gives no paths.
pub(in crate::cli) const DEFAULT_PACKAGES: &str = "packages";
/// The configuration file that is read if none is named.
pub(in crate::cli) const DEFAULT_CONFIG: &str = "epr-build.yml";
/// Names that somebody may have given it instead. Building without it would put another registry in its place.
const MISSPELT: [&str; 4] = ["epr-build.yaml", "epr_build.yml", "epr_build.yaml", ".epr-build.yml"];

/// Input of a command.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The distributions.
    pub distributions: Choice<'a>,
    /// The folder or clone that holds the layers which the configuration gives no paths.
    pub packages: &'a Path,
    /// The configuration file; [`None`] stands for epr-build.yml, if it exists.
    pub config: Option<&'a Path>,
    /// True if packages that fail validation are quarantined in every layer.
    pub strict: bool,
}

/// A choice of distributions.
#[derive(Clone, Copy, Debug)]
pub enum Choice<'a> {
    /// The built-in ones and those in the configuration.
    All,
    /// The distributions of these names.
    Named(&'a [String]),
}

impl<'a> Choice<'a> {
    /// The choice that `--dist` and `--all-dists` make.
    pub(in crate::cli) fn new(names: &'a [String], all: bool) -> Self {
        if all { Self::All } else { Self::Named(names) }
    }
}

/// Resolves options and the configuration.
///
/// # Errors
/// Fails if no distribution or an unknown one is named, the configuration cannot be read or is wrong, or there is no
/// folder to read. Each message says what to do.
pub fn resolve(input: Input<'_>) -> Result<Settings> {
    let settings = assemble(input)?;
    check_folders(settings.layers.iter(), &settings.config, input.packages)?;
    Ok(settings)
}

/// The same for a change of some layers: only these need a folder to read.
///
/// # Errors
/// Those of [`resolve`].
pub fn resolve_for(input: Input<'_>, layers: &[&String]) -> Result<Settings> {
    let settings = assemble(input)?;
    let named = settings.layers.iter().filter(|layer| layers.contains(&&layer.source.name));
    check_folders(named, &settings.config, input.packages)?;
    Ok(settings)
}

/// The same for what makes the folders of layers: none need be there.
///
/// # Errors
/// Those of [`resolve`], but for absent folders.
pub fn resolve_unplaced(input: Input<'_>) -> Result<Settings> {
    assemble(input)
}

fn assemble(input: Input<'_>) -> Result<Settings> {
    let config = read_config(input.config)?;
    let names = chosen(input.distributions, &config)?;
    let mut layers: Vec<LayerPlan> = Vec::new();
    let mut distributions = Vec::new();
    for name in names {
        let distribution = &config.distributions[&name];
        let positions = distribution.layers.iter().map(|layer| {
            let known = layers.iter().position(|plan| plan.source.name == *layer);
            if known.is_none() {
                layers.push(plan(layer, &config, input.packages, input.strict)?);
            }
            Ok(known.unwrap_or(layers.len() - 1))
        });
        let positions = positions.collect::<Result<_>>()?;
        let listen = distribution.listen.clone().unwrap_or_else(|| config.listen.clone());
        let (prefix, debug_header) = (distribution.prefix.clone(), distribution.debug_header);
        let ui = distribution.ui.unwrap_or(config.ui);
        let fallback = distribution.fallback.clone().unwrap_or_else(|| config.fallback.clone());
        let select = selection_of(distribution, &config);
        let plan = DistributionPlan { name, layers: positions, listen, fallback, prefix, debug_header, ui, select };
        distributions.push(plan);
    }
    Ok(Settings {
        distributions,
        layers,
        config,
        strict: input.strict,
        use_cache: true,
        keep: 3,
        exceptions: Exceptions::default(),
        accept_loss: false,
    })
}

/// What a distribution publishes.
fn selection_of(distribution: &Distribution, config: &Config) -> Option<SelectionPlan> {
    selection_plan(distribution.select.as_ref()?, distribution, config)
}

/// A selection of what a distribution holds; nothing if there is none of this name. What its layers keep for sites counts in any
/// case.
pub(in crate::cli) fn selection_plan(
    name: &str,
    distribution: &Distribution,
    config: &Config,
) -> Option<SelectionPlan> {
    let selection = config.selections.get(name)?.clone();
    let mirrors = distribution.layers.iter().filter_map(|layer| config.layers.get(layer)?.mirror.as_ref());
    let keep: BTreeSet<PathBuf> = mirrors.flat_map(|mirror| mirror.keep.iter().cloned()).collect();
    let is_whole = |layer: &&String| config.layers.get(*layer).is_some_and(|layer| layer.whole);
    let whole = distribution.layers.iter().filter(is_whole).cloned().collect();
    Some(SelectionPlan { name: name.to_owned(), selection, keep: keep.into_iter().collect(), whole })
}

/// The layers that the present folder's configuration names, or the built-in ones, for commands that read none. A
/// configuration that is wrong names none.
pub(in crate::cli) fn layers_here() -> Vec<LayerPlan> {
    let input =
        Input { distributions: Choice::All, packages: Path::new(DEFAULT_PACKAGES), config: None, strict: false };
    assemble(input).map(|settings| settings.layers).unwrap_or_default()
}

/// The paths that the layers of the configuration name; nothing if there is no configuration.
///
/// # Errors
/// Fails if the file cannot be read or is wrong.
pub(in crate::cli) fn layer_paths(path: Option<&Path>) -> Result<Option<Vec<PathBuf>>> {
    if path.is_none() && !Path::new(DEFAULT_CONFIG).exists() {
        return Ok(None);
    }
    let config = read_config(path)?;
    Ok(Some(config.layers.values().flat_map(|layer| layer.paths.clone()).collect()))
}

/// Reads the configuration.
///
/// # Errors
/// Fails if the file cannot be read or is wrong.
pub(in crate::cli) fn read_config(path: Option<&Path>) -> Result<Config> {
    let (path, required) = match path {
        Some(path) => (path.to_owned(), true),
        None => (PathBuf::from(DEFAULT_CONFIG), false),
    };
    if !required && !path.exists() {
        if let Some(other) = MISSPELT.iter().find(|other| Path::new(other).exists()) {
            bail!(
                "`{other}` is not read: the configuration file is called `{DEFAULT_CONFIG}`\n\
                 hint: rename it, or name it with --config"
            );
        }
        talk::note(&format!("there is no `{DEFAULT_CONFIG}` here; the built-in distributions are used"))?;
        return Ok(Config::default());
    }
    talk::note(&format!("the configuration is `{}`", path.display()))?;
    let bytes = read(&path).map_err(io_error).map_err(|error| {
        let hint = "name the configuration file with --config; epr-build.sample.yml is an example";
        anyhow!("cannot read `{}`: {error}\nhint: {hint}", path.display())
    })?;
    Ok(file::parse(&bytes, &path)?)
}

/// Names of the chosen distributions, each once.
fn chosen(choice: Choice<'_>, config: &Config) -> Result<Vec<String>> {
    let known: Vec<_> = config.distributions.keys().map(String::as_str).collect();
    let Choice::Named(names) = choice else { return Ok(config.distributions.keys().cloned().collect()) };
    if let ([], [only]) = (names, config.own_distributions.as_slice()) {
        return Ok(vec![only.clone()]);
    }
    if names.is_empty() {
        let known = list(known.iter().copied());
        bail!("no distribution is named\nhint: name one with --dist ({known}), or choose all with --all-dists");
    }
    for name in names {
        if !config.distributions.contains_key(name) {
            bail!("unknown distribution `{name}`\nhint: {}", did_you_mean(name, &known));
        }
    }
    let mut seen = BTreeSet::new();
    Ok(names.iter().filter(|name| seen.insert(name.as_str())).cloned().collect())
}

/// Refuses to build an empty registry, which would replace a good one, because of a wrong path or a disk that is not
/// mounted. A single layer may be absent: when all its packages are promoted, a checkout has no folder for it.
fn check_folders<'a>(layers: impl Iterator<Item = &'a LayerPlan>, config: &Config, packages: &Path) -> Result<()> {
    let is_default =
        |layer: &&LayerPlan| config.layers.get(&layer.source.name).is_none_or(|rules| rules.paths.is_empty());
    let names = list(layers.filter(is_default).map(|layer| layer.source.name.as_str()));
    let shown = packages.display();
    if !names.is_empty() && !is_git(packages) && !packages.is_dir() {
        let what = if packages.exists() { "is not a folder" } else { "does not exist" };
        bail!(
            "the packages folder `{shown}` {what}\n\
             hint: name the folder that holds one folder for each layer (here {names}) with --packages"
        );
    }
    Ok(())
}

/// Lists names in a sentence.
fn list(names: impl Iterator<Item = impl std::fmt::Display>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn plan(name: &str, config: &Config, packages: &Path, strict: bool) -> Result<LayerPlan> {
    let mut rules = config.layers.get(name).cloned().unwrap_or_default();
    if strict {
        rules.validation = Validation::Require;
    }
    let paths = if rules.paths.is_empty() { vec![below(packages, name)] } else { rules.paths.clone() };
    let keys = Arc::new(key_files::read(name, &rules.keys)?);
    let source = LayerSource { name: name.to_owned(), paths, follow_links: rules.follow_links.clone() };
    Ok(LayerPlan { source, rules, keys })
}
