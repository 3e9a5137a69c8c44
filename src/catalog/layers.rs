//! The layers as they are now, read without writing anything.
//!
//! What builds in an output folder found out is believed where the files are still the same, so that a look at large
//! layers is quick. Knows nothing of what the packages are read for.

use crate::base::progress::Progress;
use crate::catalog::cache::Cache;
use crate::catalog::intake::{self, IntakeContext};
use crate::catalog::merge::Catalog;
use crate::catalog::record::{LayerIntake, stack};
use crate::config::settings::{DistributionPlan, Settings};
use crate::input::survey::{Inventories, ScanContext, Survey};
use crate::package::Findings;
use crate::store::Store;
use crate::store::content::Contents;
use anyhow::Result;
use std::path::Path;

/// Layers that were read.
pub struct Layers {
    /// In the order of the settings.
    pub layers: Vec<LayerIntake>,
    /// Where lists of files lie that were known before.
    pub store: Option<Store>,
}

impl Layers {
    /// Reads all layers of the settings; `known` is an output folder, or one that is not there.
    ///
    /// # Errors
    /// When a layer cannot be searched, or the machine fails.
    pub fn read(settings: &Settings, known: Option<&Path>, progress: &Progress) -> Result<Self> {
        let store = known.and_then(|out| Store::existing(&out.join("store")).ok());
        let known = known.filter(|_| store.is_some() && settings.use_cache);
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
        let mut survey = Survey::new(&settings.layers)?;
        if !cache.is_empty() {
            survey.take_fingerprints(&settings.layers, &context.scan, &inventories);
        }
        let layers = intake::take_in(&settings.layers, survey, &context, progress)?;
        drop(context);
        Ok(Self { layers, store })
    }

    /// The merged catalog of a distribution.
    ///
    /// # Errors
    /// When a list of files cannot be read.
    pub fn catalog(&self, plan: &DistributionPlan) -> Result<Catalog> {
        Catalog::merge(&stack(plan, &self.layers), self.store.as_ref())
    }
}
