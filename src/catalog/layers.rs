//! The layers as they are now, read without writing anything.
//!
//! What builds in an output folder remember is used where the files are still the same, so that large layers are read
//! quickly. Knows nothing of what the packages are read for.

use crate::base::fs::TemporaryFolder;
use crate::base::progress::Progress;
use crate::catalog::cache::Cache;
use crate::catalog::intake::{self, IntakeContext};
use crate::catalog::merge::Catalog;
use crate::catalog::record::{LayerIntake, stack};
use crate::config::settings::{DistributionPlan, Settings};
use crate::input::image;
use crate::input::survey::{Inventories, ScanContext, Survey};
use crate::package::Findings;
use crate::store::Store;
use crate::store::content::Contents;
use anyhow::Result;
use std::path::Path;

/// Layers that were read.
pub struct Layers {
    /// The layers in the order of the settings.
    pub intakes: Vec<LayerIntake>,
    /// The store of the output folder, which holds the lists of files of remembered packages.
    pub store: Option<Store>,
}

impl Layers {
    /// Reads all layers of the settings. What builds in the output folder `out` remember is used, if the folder is there.
    ///
    /// # Errors
    /// When a layer cannot be searched, or the machine fails.
    pub fn read(settings: &Settings, out: Option<&Path>, progress: &Progress) -> Result<Self> {
        let store = out.and_then(|out| Store::existing(&out.join("store")).ok());
        let known = out.filter(|_| store.is_some() && settings.use_cache);
        // What the cache knows was settled when it was remembered; files that are still the same need not be so again.
        let scan = ScanContext { limits: settings.config.limits, now_ns: if known.is_some() { i64::MAX } else { 0 } };
        let cache = known.map_or_else(Cache::none, Cache::read);
        let inventories = known.map_or_else(Inventories::none, Inventories::read);
        let context = IntakeContext {
            contents: Contents::new(None),
            findings: Findings::default(),
            scan,
            cache: &cache,
            inventories: &inventories,
            store: store.as_ref(),
        };
        // Who writes nothing unpacks images elsewhere, and for this run alone.
        let own = if out.is_none() && image::is_among(&settings.layers) { Some(TemporaryFolder::new()?) } else { None };
        let layers = match out.or(own.as_ref().map(TemporaryFolder::path)) {
            Some(out) => image::laid_open(&settings.layers, out, false, progress)?.0,
            None => settings.layers.clone(),
        };
        let mut survey = Survey::new(&layers)?;
        if !cache.is_empty() {
            survey.take_fingerprints(&layers, &context.scan, &inventories);
        }
        let intakes = intake::take_in(&layers, survey, &context, progress)?;
        drop(context);
        Ok(Self { intakes, store })
    }

    /// Returns the merged catalog of a distribution.
    ///
    /// # Errors
    /// When a list of files cannot be read.
    pub fn catalog(&self, plan: &DistributionPlan) -> Result<Catalog> {
        Catalog::merge(&stack(plan, &self.intakes), self.store.as_ref())
    }
}
