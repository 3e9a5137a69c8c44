//! Finds out what the two sides of a comparison are, and opens them.

use super::Arguments;
use crate::base::fs;
use crate::base::progress::Progress;
use crate::base::suggest::did_you_mean;
use crate::carry::bundle::parts::Sealed;
use crate::carry::bundle::unpack;
use crate::catalog::layers::Layers;
use crate::catalog::record::LayerIntake;
use crate::cli::args::InputArgs;
use crate::cli::settings;
use crate::compare::diff::Side;
use crate::compare::holdings::{Holding, Holdings, generation_at};
use crate::config::Config;
use crate::config::exceptions::Exceptions;
use crate::config::layer::{Layer, LayerPlan, LayerSource};
use crate::config::settings::{DistributionPlan, Settings};
use crate::generation::distribution::Distribution;
use crate::input::source::{Candidate, OpenPackage, discover};
use crate::package::PackageFiles;
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Opens one of the two.
pub(super) fn open(path: &Path, arguments: &Arguments) -> Result<Side> {
    if let Some(generation) = generation_at(path) {
        return built(generation, None);
    }
    if path.is_file() {
        return bundled(path);
    }
    if path.is_dir() {
        return layers(path, arguments);
    }
    built(named(path, arguments)?, None)
}

/// A generation, whose files lie as they are served. What it lies in is removed with it, if that is for it alone.
fn built(generation: PathBuf, around: Option<Scratch>) -> Result<Side> {
    let holdings = Holdings::of_generation(&generation)?;
    let facts = holdings.facts_of_generation(&generation)?;
    let read = move |holding: &Holding, path: &str| {
        // It lives as long as files are read.
        let _ = &around;
        fs::read(&generation.join("site/package").join(&holding.package).join(path))
    };
    Ok(Side { holdings, facts, store: None, read: Some(Box::new(read)) })
}

/// The generation of a name: a release, a generation or a distribution in the output folder.
fn named(name: &Path, arguments: &Arguments) -> Result<PathBuf> {
    let out = &arguments.out;
    let distributions = match &arguments.dist {
        Some(dist) => vec![Distribution::new(out, dist)],
        None if out.is_dir() => Distribution::all(out)?,
        None => Vec::new(),
    };
    let name = name.to_str().unwrap_or_default();
    let mut found = Vec::new();
    let mut known = Vec::new();
    for distribution in distributions {
        if distribution.name() == name {
            found.extend(distribution.current().map(|id| distribution.generation(&id)));
        } else if let Ok(id) = distribution.resolve(name) {
            found.push(distribution.generation(&id));
        }
        known.push(distribution.name());
        known.extend(distribution.releases()?.into_iter().map(|release| release.name));
        known.extend(distribution.generations()?);
    }
    match (found.pop(), found.is_empty()) {
        (Some(generation), true) => Ok(generation),
        (Some(_), false) => {
            Err(anyhow!("several distributions of `{}` have it\nhint: name one with --dist", out.display()))
        }
        (None, _) => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let kinds =
                "name a generation, release or distribution of an output folder, a folder of packages, or a bundle";
            let hint = if known.is_empty() || name.is_empty() {
                format!("{kinds}; --out names the output folder")
            } else {
                format!("{}; or {kinds}", did_you_mean(name, &known))
            };
            Err(anyhow!(
                "there is no such folder or file, and nothing of this name in `{}`\nhint: {hint}",
                out.display()
            ))
        }
    }
}

/// Layers or packages as they lie in a folder.
fn layers(path: &Path, arguments: &Arguments) -> Result<Side> {
    let settings = match &arguments.dist {
        Some(dist) => stacked(path, dist, arguments.config.as_deref())?,
        None => single(path),
    };
    let layers = Layers::read(&settings, None, &Progress::new(true))?;
    let out: usize = layers.intakes.iter().map(LayerIntake::quarantined).sum();
    if out > 0 {
        let shown = path.display();
        writeln!(
            io::stderr(),
            "warning: {out} packages of `{shown}` are left out; `epr-build check` says what is wrong"
        )?;
    }
    let catalog = layers.catalog(&settings.distributions[0])?;
    let facts = catalog.facts().into_iter().cloned().collect();
    let holdings = Holdings::of_catalog(&catalog);
    let mut candidates: BTreeMap<(String, String), Candidate> = BTreeMap::new();
    for layer in &settings.layers {
        for candidate in discover(&layer.source)?.0 {
            candidates.entry((candidate.layer.clone(), candidate.package.clone())).or_insert(candidate);
        }
    }
    let limits = settings.config.limits;
    let read = move |holding: &Holding, path: &str| {
        let found = candidates.get(&(holding.layer.clone(), holding.package.clone()));
        let package = OpenPackage::open(found.context("it is in another package")?, &limits);
        let package = package.map_err(|problem| anyhow!("{}", problem.message))?;
        package.read(path).context("cannot read a file")
    };
    Ok(Side { holdings, facts, store: layers.store, read: Some(Box::new(read)) })
}

fn stacked(path: &Path, dist: &str, config: Option<&Path>) -> Result<Settings> {
    let input = InputArgs {
        dists: vec![dist.to_owned()],
        all_dists: false,
        packages: path.to_owned(),
        config: config.map(Path::to_owned),
        strict: false,
        jobs: None,
        quiet: true,
    };
    let settings = settings::resolve(&input)?.below(path);
    if !settings.layers.iter().any(|layer| path.join(&layer.source.name).is_dir()) {
        bail!("the folder holds no layer of `{dist}`\nhint: without --dist a folder of packages is compared as it is");
    }
    Ok(settings)
}

/// A folder of packages, as the only layer.
fn single(path: &Path) -> Settings {
    let source = LayerSource { name: String::new(), paths: vec![path.to_owned()] };
    let plan = DistributionPlan {
        name: String::new(),
        layers: vec![0],
        listen: String::new(),
        prefix: String::new(),
        debug_header: false,
        ui: false,
    };
    Settings {
        distributions: vec![plan],
        layers: vec![LayerPlan { source, rules: Layer::default() }],
        use_cache: false,
        keep: 1,
        config: Config::default(),
        strict: false,
        quiet: true,
        exceptions: Exceptions::default(),
    }
}

/// A bundle with everything in it, as it would be on the far side.
fn bundled(path: &Path) -> Result<Side> {
    let sealed = Sealed::open(&[path.to_owned()])?;
    let scratch = Scratch::new()?;
    let out = scratch.0.join("out");
    let unpacked = unpack::unpack(&sealed, &out, 1, None, &Progress::new(true))?;
    let distribution = Distribution::new(&out, &unpacked.manifest.distribution);
    built(distribution.generation(&unpacked.manifest.generation), Some(scratch))
}

/// A folder for this process alone, gone when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let parent = std::env::temp_dir();
        for number in 0_u32.. {
            let folder = parent.join(format!("epr-diff-{}-{number}", std::process::id()));
            if fs::make_private_folder(&folder)? {
                return Ok(Self(folder));
            }
        }
        bail!("every name in {} is taken", parent.display())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to whoever clears temporary folders.
        let _ = fs::remove_folder(&self.0);
    }
}
