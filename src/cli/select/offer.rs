//! What is chosen from: records of mirrored layers, layers that are read, registries that are asked, saved images.

use crate::base::progress::Progress;
use crate::base::suggest::did_you_mean;
use crate::catalog::layers::Layers;
use crate::cli::common::talk;
use crate::config::Distribution;
use crate::config::layer::{LayerPlan, MirrorSource};
use crate::config::overrides::Override;
use crate::config::settings::Settings;
use crate::config::upstream::Upstream;
use crate::input::image::is_image;
use crate::mirror::Key;
use crate::mirror::look::{self, Offer};
use crate::select::resolved::pins;
use crate::select::{Candidate, Pin};
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is chosen from.
#[derive(Default)]
pub(super) struct Source {
    /// Where it is from, in words.
    pub(super) from: Vec<String>,
    pub(super) offer: Offer,
    /// What sites have installed, as keep files of the layers say.
    pub(super) pins: Vec<Pin>,
    /// The versions that are there.
    seen: BTreeSet<Key>,
}

/// What finds it.
pub(super) struct Finder<'a> {
    /// Name of the selection.
    pub(super) selection: &'a str,
    pub(super) settings: &'a Settings,
    pub(super) out: &'a Path,
    /// The options that say where layers and configuration are, for commands in hints.
    pub(super) options: String,
}

impl Finder<'_> {
    /// Finds what is chosen from. Where several have a version, the first one counts.
    pub(super) fn find(&self, from: &[String]) -> Result<Source> {
        let mut source = Source::default();
        let layers = if from.is_empty() { self.default_layers() } else { Vec::new() };
        for layer in &layers {
            let (words, offer) = self.layer(layer)?;
            if offer.candidates.is_empty() && layer.rules.mirror.is_some() && layers.len() > 1 {
                source.offer.warnings.push(format!("layer `{}` holds nothing yet", layer.source.name));
            }
            source.add_pins(layer)?;
            source.add(words, offer);
        }
        for name in from {
            self.add_named(name, &mut source)?;
        }
        if source.offer.candidates.is_empty() {
            let what = source.from.join(", ");
            bail!("there is nothing to choose from in {what}\nhint: {}", self.remedy(&layers));
        }
        Ok(source)
    }

    /// Adds what a word of `--from` names. Where a layer and an upstream have one name, the upstream counts as long as the layer
    /// holds nothing.
    fn add_named(&self, name: &str, source: &mut Source) -> Result<()> {
        let upstreams = &self.settings.config.upstreams;
        let layer = self.settings.layers.iter().find(|plan| plan.source.name == name);
        let upstream = upstreams.get(name);
        if let Some(layer) = layer {
            let (words, offer) = self.layer(layer)?;
            if !offer.candidates.is_empty() || upstream.is_none() {
                source.add_pins(layer)?;
                source.add(words, offer);
                return Ok(());
            }
        }
        let (words, upstream) = match upstream {
            Some(upstream) => (format!("upstream {name} ({})", place(upstream)), upstream.clone()),
            None if name.contains("://") => {
                let plain = Upstream::at(name);
                let known = upstreams.values().find(|upstream| upstream.url == plain.url);
                (format!("registry {}", plain.url), known.cloned().unwrap_or(plain))
            }
            None if is_image(Path::new(name)) => (format!("image {name}"), Upstream::saved("image", name.into())),
            None => bail!("{}", self.unknown(name)),
        };
        let overrides: Vec<Override> = self.mirrored().flat_map(|plan| plan.rules.overrides.clone()).collect();
        for layer in self.mirrored() {
            source.add_pins(layer)?;
        }
        let progress = Progress::new(talk::quiet());
        let mut offer = look::ask(&upstream, &overrides, &self.settings.config.limits, &progress)?;
        progress.finish();
        // Listings tell no sizes, and what was mirrored from there has them.
        for root in self.settings.layers.iter().filter(|plan| self.is_from(plan, &upstream)).filter_map(root) {
            for (key, size) in look::sizes_of_layer(root)? {
                offer.bytes.entry(key).or_insert(size);
            }
        }
        source.add(words, offer);
        Ok(())
    }

    /// What a word of `--from` that names nothing was perhaps meant to be.
    fn unknown(&self, name: &str) -> String {
        let path = Path::new(name);
        if path.exists() {
            return format!(
                "{name} is no container image\nhint: `docker save -o epr.tar IMAGE` writes one; so do podman and skopeo"
            );
        }
        let layers = self.settings.layers.iter().map(|plan| plan.source.name.as_str());
        let known: BTreeSet<&str> = layers.chain(self.settings.config.upstreams.keys().map(String::as_str)).collect();
        let hint = did_you_mean(name, &Vec::from_iter(known));
        format!(
            "there is no layer, no upstream and no image `{name}`\nhint: {hint}{}a registry by its address (https://…), and an image by \
             its path",
            if hint.ends_with('?') { " You may also name " } else { "; you may also name " }
        )
    }

    /// The layers that are mirrored by the selection.
    fn mirrored(&self) -> impl Iterator<Item = &LayerPlan> {
        let selects = |source: &MirrorSource| source.select.as_deref() == Some(self.selection);
        self.settings.layers.iter().filter(move |plan| plan.rules.mirror.as_ref().is_some_and(selects))
    }

    /// The layers that the selection is for.
    fn default_layers(&self) -> Vec<&LayerPlan> {
        let layers: Vec<_> = self.mirrored().collect();
        if !layers.is_empty() {
            return layers;
        }
        // In the order of the distributions: where two layers have a version, the upper one counts.
        let mut layers: Vec<&LayerPlan> = Vec::new();
        let selects = |distribution: &&Distribution| distribution.select.as_deref() == Some(self.selection);
        for distribution in self.settings.config.distributions.values().filter(selects) {
            for name in &distribution.layers {
                let is_new = !layers.iter().any(|layer| layer.source.name == *name);
                layers.extend(self.settings.layers.iter().filter(|plan| is_new && plan.source.name == *name));
            }
        }
        if layers.is_empty() { self.settings.layers.iter().collect() } else { layers }
    }

    /// Returns true if a layer is mirrored from an upstream.
    fn is_from(&self, layer: &LayerPlan, upstream: &Upstream) -> bool {
        let upstreams = &self.settings.config.upstreams;
        let mut from = layer.rules.mirror.iter().flat_map(|source| &source.from);
        from.any(|name| upstreams.get(name).is_some_and(|known| known.url == upstream.url))
    }

    /// What a layer has: of a mirrored one all that its upstreams list.
    fn layer(&self, layer: &LayerPlan) -> Result<(String, Offer)> {
        let (words, mut offer) = self.told(layer)?;
        // A mirror fetches by the selection alone.
        let is_mirrored = self.mirrored().any(|plan| plan.source.name == layer.source.name);
        offer.candidates.iter_mut().for_each(|one| one.is_whole = layer.rules.whole && !is_mirrored);
        Ok((words, offer))
    }

    fn told(&self, layer: &LayerPlan) -> Result<(String, Offer)> {
        let name = &layer.source.name;
        if layer.rules.mirror.is_some() {
            let Some(root) = root(layer) else { return Ok((format!("layer {name}"), Offer::default())) };
            if let Some(offer) = look::of_layer(root, &layer.rules.overrides)? {
                return Ok((format!("layer {name} (what its upstreams list)"), offer));
            }
        }
        Ok((format!("layer {name}"), read(layer, self.settings, self.out)?))
    }

    /// What to do where there is nothing yet.
    fn remedy(&self, layers: &[&LayerPlan]) -> String {
        let Self { selection, options, .. } = self;
        let mirrored = layers.iter().find_map(|layer| Some((layer, layer.rules.mirror.as_ref()?.from.first()?)));
        let Some((layer, upstream)) = mirrored else {
            return format!(
                "`epr-build add` puts packages into a layer; or choose from a registry: `epr-build select {selection} --from \
                 https://epr.elastic.co{options}`"
            );
        };
        let layer = &layer.source.name;
        // A layer of the same name would come first.
        let is_hidden = upstream != layer && self.settings.layers.iter().any(|plan| plan.source.name == *upstream);
        let known = self.settings.config.upstreams.get(upstream).filter(|_| is_hidden);
        let from = known.map_or_else(|| upstream.clone(), place);
        format!(
            "`epr-build select {selection} --from {from}{options}` chooses from what its upstream lists; `epr-build mirror {layer} \
             --dry-run{options}` says what would be fetched, and without --dry-run fetches it"
        )
    }
}

/// The address or the file of an upstream.
fn place(upstream: &Upstream) -> String {
    upstream.image.as_ref().map_or_else(|| upstream.url.clone(), |image| image.display().to_string())
}

/// The folder of a layer, if it is there.
fn root(layer: &LayerPlan) -> Option<&Path> {
    layer.source.paths.iter().map(PathBuf::as_path).find(|path| path.is_dir())
}

impl Source {
    /// Adds what sites have installed from a mirrored layer.
    fn add_pins(&mut self, layer: &LayerPlan) -> Result<()> {
        for pin in layer.rules.mirror.iter().map(|mirror| pins(&mirror.keep)).collect::<Result<Vec<_>>>()?.concat() {
            if !self.pins.contains(&pin) {
                self.pins.push(pin);
            }
        }
        Ok(())
    }

    fn add(&mut self, from: String, offer: Offer) {
        self.from.push(from);
        for candidate in offer.candidates {
            let key = candidate.facts.key();
            if !self.seen.contains(&key) {
                if let Some(bytes) = offer.bytes.get(&key) {
                    self.offer.bytes.insert(key.clone(), *bytes);
                }
                self.seen.insert(key);
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
        let key = record.facts.key();
        // The archive of a folder is made by builds: without one its size is not known.
        if record.archive.size > 0 {
            offer.bytes.entry(key).or_insert(record.archive.size);
        }
        offer.candidates.push(Candidate::of_package(&record.facts, &record.item)?.overridden(&layer.rules.overrides));
    }
    Ok(offer)
}
