//! Finds out what the sides of a comparison are, and opens them.

use super::Arguments;
use crate::base::fs::{self, TemporaryFolder};
use crate::base::progress::Progress;
use crate::base::suggest::did_you_mean;
use crate::base::words::counted;
use crate::carry::bundle::parts::Sealed;
use crate::carry::bundle::unpack;
use crate::catalog::layers::Layers;
use crate::catalog::record::LayerIntake;
use crate::cli::common::settings::{self, Choice, Input};
use crate::cli::common::talk;
use crate::compare::diff::Side;
use crate::compare::holdings::{Holding, Holdings, generation_at};
use crate::config::Config;
use crate::config::exceptions::Exceptions;
use crate::config::fallback::Fallback;
use crate::config::layer::{Layer, LayerPlan, LayerSource};
use crate::config::settings::{DistributionPlan, Settings};
use crate::generation::distribution::{Distribution, with_remedy};
use crate::input::source::{Candidate, OpenPackage, discover};
use crate::package::PackageFiles;
use crate::select::published::published;
use anyhow::{Context, Result, anyhow, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Opens a side.
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

/// Opens a generation. The temporary folder that holds it, if it is in one, is removed when the side is dropped.
fn built(generation: PathBuf, around: Option<TemporaryFolder>) -> Result<Side> {
    let holdings = Holdings::of_generation(&generation).map_err(with_remedy)?;
    let facts = holdings.facts_of_generation(&generation)?;
    let read = move |holding: &Holding, path: &str| {
        // Moved into the closure, so that it lives as long as files are read.
        let _ = &around;
        fs::read(&generation.join("site/package").join(&holding.package).join(path))
    };
    Ok(Side { holdings, facts, store: None, read: Some(Box::new(read)) })
}

/// Finds the folder of the generation with this name: a release, a generation or a distribution in the output folder.
fn named(name: &Path, arguments: &Arguments) -> Result<PathBuf> {
    let out = &arguments.folder.out;
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
            Err(anyhow!("several distributions in `{}` have this name\nhint: choose one with --dist", out.display()))
        }
        (None, _) => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            let kinds =
                "name a generation, release or distribution in the output folder, a folder of packages, or a bundle";
            let hint = if known.is_empty() || name.is_empty() {
                format!("{kinds}; name the output folder with --out")
            } else {
                format!("{}; or {kinds}", did_you_mean(name, &known))
            };
            Err(anyhow!("no such file or folder, and nothing in `{}` has this name\nhint: {hint}", out.display()))
        }
    }
}

/// Opens a folder of layers or packages.
fn layers(path: &Path, arguments: &Arguments) -> Result<Side> {
    let settings = match &arguments.dist {
        Some(dist) => stacked(path, dist, arguments.config.path())?,
        None => single(path),
    };
    let layers = Layers::read(&settings, None, &Progress::new(true))?;
    let out: usize = layers.intakes.iter().map(LayerIntake::quarantined).sum();
    if out > 0 {
        let shown = path.display();
        let (packages, are) = (counted(out, "package"), if out == 1 { "is" } else { "are" });
        talk::say(&format!(
            "warning: {packages} in `{shown}` {are} quarantined and not compared\nhint: `epr-build check` prints the reasons\n"
        ))?;
    }
    let plan = &settings.distributions[0];
    let catalog = published(plan, layers.catalog(plan)?)?;
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
    let names = [dist.to_owned()];
    let input = Input { distributions: Choice::Named(&names), packages: path, config, strict: false };
    let settings = settings::resolve(input)?.below(path);
    if !settings.layers.iter().any(|layer| path.join(&layer.source.name).is_dir()) {
        bail!("the folder holds no layer of `{dist}`\nhint: to compare a folder of packages, leave out --dist");
    }
    Ok(settings)
}

/// Settings for a folder of packages as the only layer.
fn single(path: &Path) -> Settings {
    let source = LayerSource { name: String::new(), paths: vec![path.to_owned()], follow_links: Vec::new() };
    let plan = DistributionPlan {
        name: String::new(),
        layers: vec![0],
        listen: String::new(),
        fallback: Fallback::Off,
        prefix: String::new(),
        debug_header: false,
        ui: false,
        select: None,
    };
    Settings {
        distributions: vec![plan],
        layers: vec![LayerPlan { source, rules: Layer::default(), keys: Arc::default() }],
        use_cache: false,
        keep: 1,
        config: Config::default(),
        strict: false,
        exceptions: Exceptions::default(),
        accept_loss: false,
    }
}

/// Opens a bundle, which is unpacked into a temporary folder.
fn bundled(path: &Path) -> Result<Side> {
    let sealed = Sealed::open(&[path.to_owned()])?;
    let scratch = TemporaryFolder::new()?;
    let out = scratch.path().join("out");
    let unpacked =
        unpack::unpack(&sealed, &out, &unpack::Terms { keep: 1, ..unpack::Terms::default() }, &Progress::new(true))?;
    let distribution = Distribution::new(&out, &unpacked.manifest.distribution);
    built(distribution.generation(&unpacked.manifest.generation), Some(scratch))
}
