//! The distributions that publish a part of a layer, with what can be chosen from in all their layers.

use super::around;
use crate::base::fs;
use crate::base::progress::Progress;
use crate::base::rule::Rule;
use crate::catalog::layers::Layers;
use crate::catalog::merge::{Catalog, Entry};
use crate::catalog::record::LayerIntake;
use crate::cli::common::talk;
use crate::config::layer::LayerPlan;
use crate::config::location::is_git;
use crate::config::settings::Settings;
use crate::keep::prune::{Offer, Publisher, published};
use crate::mirror::MirroredLayer;
use crate::select::published::candidate;
use crate::select::resolved::Resolved;
use crate::select::{Candidate, Key};
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What was read of the layers of distributions that select.
pub(super) struct Publishers {
    /// The settings of these layers and distributions alone.
    settings: Settings,
    layers: Layers,
    /// What is known of upstreams, by layer; without the layer at hand, which is open already.
    mirrored: BTreeMap<String, MirroredLayer>,
}

impl Publishers {
    /// Reads the layers. What the builds in `outs` remember need not be read again.
    ///
    /// # Errors
    /// When a layer is not there or cannot be read: what its packages require would not be known.
    pub(super) fn read(settings: &Settings, layer: &str, outs: &[&Path]) -> Result<Self> {
        let mut settings = around(settings, layer, |plan| plan.select.is_some(), |_| true);
        // Builds do without a layer that may be absent; what it would require is not known all the same.
        for plan in settings.layers.iter_mut().filter(|plan| plan.rules.optional) {
            (plan.rules.optional, plan.rules.paths) = (false, Vec::new());
        }
        let others = settings.layers.iter().filter(|plan| plan.source.name != layer);
        let mut mirrored = BTreeMap::new();
        for plan in others {
            let name = &plan.source.name;
            is_there(plan, layer)?;
            warn_of_empty(plan, layer)?;
            if plan.rules.mirror.is_some() {
                let open = MirroredLayer::open(plan, false).with_context(|| not_known(name, layer))?;
                mirrored.insert(name.clone(), open);
            }
        }
        let progress = Progress::new(talk::quiet());
        let layers = Layers::read(&settings, outs.first().copied(), &progress)?;
        progress.finish();
        for intake in layers.intakes.iter().filter(|intake| intake.name != layer) {
            is_readable(intake, layer, outs)?;
        }
        Ok(Self { settings, layers, mirrored })
    }

    /// The distributions, with what can be chosen from as overrides have it told, or as packages tell it.
    pub(super) fn with(&self, here: (&str, &MirroredLayer), with_overrides: bool) -> Result<Vec<Publisher>> {
        let offers = self.settings.layers.iter().zip(&self.layers.intakes);
        let offers = offers.map(|(plan, intake)| self.offer(plan, intake, here, with_overrides));
        let offers: Vec<Offer> = offers.collect::<Result<_>>()?;
        let mut publishers = Vec::new();
        for plan in &self.settings.distributions {
            let Some(by) = &plan.select else { continue };
            let layers = plan.layers.iter().map(|position| offers[*position].clone()).collect();
            publishers.push(Publisher { distribution: plan.name.clone(), by: Resolved::read(by)?, layers });
        }
        Ok(publishers)
    }

    /// Returns true if some layer says something else of its packages than they say.
    pub(super) fn have_overrides(&self) -> bool {
        self.settings.layers.iter().any(|plan| !plan.rules.overrides.is_empty())
    }

    fn offer(
        &self,
        plan: &LayerPlan,
        intake: &LayerIntake,
        (here, open): (&str, &MirroredLayer),
        with_overrides: bool,
    ) -> Result<Offer> {
        let layer = plan.source.name.clone();
        let as_packages_tell = |entry: &Entry| Candidate::of_package(&entry.own.facts, &entry.own.item);
        let tell = |entry: &Entry| if with_overrides { candidate(entry) } else { as_packages_tell(entry) };
        let catalog = Catalog::merge(&[intake], self.layers.store.as_ref())?;
        let held = catalog.entries.iter().map(tell).collect::<Result<Vec<_>>>()?;
        let mirrored = if layer == here { Some(open) } else { self.mirrored.get(&layer) };
        let overrides = if with_overrides { &plan.rules.overrides[..] } else { &[] };
        let Some(mirrored) = mirrored else { return Ok(Offer { layer, held, listed: None }) };
        let read: BTreeSet<Key> = held.iter().map(|one| one.facts.key()).collect();
        // What lies there and cannot be read gives a build nothing, so it counts as listed only.
        let told = mirrored.candidates(overrides).into_iter().filter(|one| !read.contains(&one.facts.key()));
        let listed = held.iter().cloned().chain(told).collect();
        Ok(Offer { layer, held, listed: Some(listed) })
    }
}

fn not_known(other: &str, layer: &str) -> String {
    format!("layer `{other}` cannot be read, so what its packages require of layer `{layer}` is not known")
}

/// Refuses a layer whose folder is not there.
fn is_there(plan: &LayerPlan, layer: &str) -> Result<()> {
    let absent = |path: &&std::path::PathBuf| !is_git(path) && fs::metadata(path).is_err();
    match plan.source.paths.iter().find(absent) {
        Some(path) => bail!(
            "{}: `{}` is not there\n\
             hint: put it in place; where nothing belongs there, an empty folder says so, or take the layer out of the distribution",
            not_known(&plan.source.name, layer),
            path.display()
        ),
        None => Ok(()),
    }
}

/// Warns of a folder that holds nothing: a disk that is not mounted leaves one, beside others that are there.
fn warn_of_empty(plan: &LayerPlan, layer: &str) -> Result<()> {
    let name = &plan.source.name;
    for path in plan.source.paths.iter().filter(|path| path.is_dir()) {
        if fs::list(path)?.is_empty() {
            let path = path.display();
            talk::say(&format!(
                "warning: layer `{name}`: `{path}` is empty, so nothing there requires anything of layer `{layer}`\n\
                 hint: mount it, if packages belong there, before a list is applied\n"
            ))?;
        }
    }
    Ok(())
}

/// Refuses a layer of which something could not be read, and one that is empty though generations show what it held: a disk
/// that is not mounted leaves an empty folder.
fn is_readable(intake: &LayerIntake, layer: &str, outs: &[&Path]) -> Result<()> {
    let unread = |rule: Rule| {
        matches!(rule, Rule::Unreadable | Rule::ChangedWhileReading | Rule::NotALayerPath | Rule::MissingLayerPath)
    };
    if let Some(problem) = intake.all_problems().find(|problem| unread(problem.rule)) {
        let problem = problem.to_string();
        let problem = problem.trim_start_matches("error: ").trim_start_matches("warning: ");
        bail!("{}: {problem}", not_known(&intake.name, layer));
    }
    let is_empty = intake.packages.iter().all(|one| one.outcome.record.is_none());
    if is_empty && let Some(place) = published(outs, &intake.name)?.into_values().next() {
        bail!(
            "layer `{}` holds nothing, and {place} shows packages of it: what these require of layer `{layer}` is not known\n\
             hint: put its folder in place, or take the layer out of the distribution",
            intake.name
        );
    }
    Ok(())
}
