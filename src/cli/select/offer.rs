//! What is chosen from: records of mirrored layers, layers that are read, registries that are asked.

use crate::base::progress::Progress;
use crate::base::suggest::did_you_mean;
use crate::catalog::layers::Layers;
use crate::cli::common::talk;
use crate::config::layer::LayerPlan;
use crate::config::settings::Settings;
use crate::config::upstream::Upstream;
use crate::mirror::Key;
use crate::mirror::look::{self, Offer};
use crate::select::resolved::pins;
use crate::select::{Candidate, Pin};
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is chosen from.
pub(super) struct Source {
    /// Where it is from, in words.
    pub(super) from: Vec<String>,
    pub(super) offer: Offer,
    /// What sites have installed, as keep files of the layers say.
    pub(super) pins: Vec<Pin>,
}

/// Finds what is chosen from. Where several have a version, the first one counts.
pub(super) fn find(selection: &str, from: &[String], settings: &Settings, out: &Path) -> Result<Source> {
    let mut source = Source { from: Vec::new(), offer: Offer::default(), pins: Vec::new() };
    let mut seen = BTreeSet::new();
    if from.is_empty() {
        let layers = default(selection, settings);
        source.add_layers(&layers, settings, out, &mut seen)?;
    }
    for name in from {
        if name.contains("://") {
            let upstream = known_upstream(name, settings);
            source.add(look::ask(&upstream)?, &mut seen);
            source.from.push(format!("registry {}", upstream.url));
            continue;
        }
        let Some(layer) = settings.layers.iter().find(|plan| plan.source.name == *name) else {
            let known: Vec<_> = settings.layers.iter().map(|plan| plan.source.name.as_str()).collect();
            bail!("unknown layer `{name}`\nhint: {}", did_you_mean(name, &known));
        };
        source.add_layers(&[layer], settings, out, &mut seen)?;
    }
    if source.offer.candidates.is_empty() {
        bail!(
            "there is nothing to choose from in {}\n\
             hint: name a layer or the address of a registry with --from, or run `epr-build mirror --dry-run` first",
            source.from.join(", ")
        );
    }
    Ok(source)
}

/// The layers that the selection is for.
fn default<'a>(selection: &str, settings: &'a Settings) -> Vec<&'a LayerPlan> {
    let selects = |name: &Option<String>| name.as_deref() == Some(selection);
    let mirrored = |plan: &&LayerPlan| plan.rules.mirror.as_ref().is_some_and(|source| selects(&source.select));
    let layers: Vec<_> = settings.layers.iter().filter(mirrored).collect();
    if !layers.is_empty() {
        return layers;
    }
    // In the order of the distributions: where two layers have a version, the upper one counts.
    let mut layers: Vec<&LayerPlan> = Vec::new();
    for distribution in settings.config.distributions.values().filter(|distribution| selects(&distribution.select)) {
        for name in &distribution.layers {
            let is_new = !layers.iter().any(|layer| layer.source.name == *name);
            layers.extend(settings.layers.iter().filter(|plan| is_new && plan.source.name == *name));
        }
    }
    if layers.is_empty() { settings.layers.iter().collect() } else { layers }
}

/// The upstream of the configuration that has this address, or one with all defaults.
fn known_upstream(url: &str, settings: &Settings) -> Upstream {
    let plain = Upstream::at(url);
    let known = settings.config.upstreams.values().find(|upstream| upstream.url == plain.url);
    known.cloned().unwrap_or(plain)
}

impl Source {
    fn add_layers(
        &mut self,
        layers: &[&LayerPlan],
        settings: &Settings,
        out: &Path,
        seen: &mut BTreeSet<Key>,
    ) -> Result<()> {
        for layer in layers {
            let name = &layer.source.name;
            if let Some(mirror) = &layer.rules.mirror {
                self.pins.extend(pins(&mirror.keep)?);
                let root: Option<&PathBuf> = layer.source.paths.iter().find(|path| path.is_dir());
                if let Some(offer) = root.map(|root| look::of_layer(root)).transpose()?.flatten() {
                    self.add(offer, seen);
                    self.from.push(format!("layer {name} (what its upstreams list)"));
                    continue;
                }
            }
            self.from.push(format!("layer {name}"));
            self.add(read(layer, settings, out)?, seen);
        }
        Ok(())
    }

    fn add(&mut self, offer: Offer, seen: &mut BTreeSet<Key>) {
        for candidate in offer.candidates {
            let key = (candidate.facts.name.clone(), candidate.facts.version.clone());
            if !seen.contains(&key) {
                if let Some(bytes) = offer.bytes.get(&key) {
                    self.offer.bytes.insert(key.clone(), *bytes);
                }
                seen.insert(key);
                self.offer.candidates.push(candidate);
            }
        }
        self.offer.warnings.extend(offer.warnings);
    }
}

/// Reads a layer as a build does.
fn read(layer: &LayerPlan, settings: &Settings, out: &Path) -> Result<Offer> {
    let alone = Settings { distributions: Vec::new(), layers: vec![layer.clone()], ..settings.clone() };
    let progress = Progress::new(talk::quiet());
    let layers = Layers::read(&alone, Some(out), &progress)?;
    progress.finish();
    let mut offer = Offer::default();
    let packages = layers.intakes.iter().flat_map(|intake| &intake.packages);
    for record in packages.filter_map(|package| package.outcome.record.as_ref()) {
        let key = (record.facts.name.clone(), record.facts.version.clone());
        // The archive of a folder is made by builds: without one its size is not known.
        if record.archive.size > 0 {
            offer.bytes.entry(key).or_insert(record.archive.size);
        }
        offer.candidates.push(Candidate::of_package(&record.facts, &record.item)?);
    }
    Ok(offer)
}
