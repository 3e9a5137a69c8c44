//! Keys of what the last build was made from: if they are the same again, there is nothing to build.

use crate::base::digest::{Digest, Hasher};
use crate::base::format::FORMAT;
use crate::base::fs::{read_json, write_dated};
use crate::config::settings::{DistributionPlan, Settings};
use crate::select::resolved::Resolved;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Below the output folder.
const FILE: &str = "cache/inputs.json";

/// The last build of each distribution.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BuildInputs(BTreeMap<String, Last>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Last {
    inputs: Digest,
    generation: String,
}

impl BuildInputs {
    /// Reads the keys; a file that cannot be read counts as empty.
    pub fn read(out: &Path) -> Self {
        read_json(&out.join(FILE)).unwrap_or_default()
    }

    /// Returns true if nothing was built before.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the generation that was made from the same inputs, if there is one.
    pub fn generation(&self, plan: &DistributionPlan, settings: &Settings, layers: &[Option<Digest>]) -> Option<&str> {
        let last = self.0.get(&plan.name)?;
        (inputs(plan, settings, layers)? == last.inputs).then_some(last.generation.as_str())
    }

    /// Replaces the keys of the distributions that were built.
    #[must_use]
    pub fn with<'a>(
        mut self,
        built: impl IntoIterator<Item = (&'a DistributionPlan, &'a String)>,
        settings: &Settings,
        layers: &[Option<Digest>],
    ) -> Self {
        for (plan, generation) in built {
            match inputs(plan, settings, layers) {
                Some(inputs) => self.0.insert(plan.name.clone(), Last { inputs, generation: generation.clone() }),
                None => self.0.remove(&plan.name),
            };
        }
        self
    }

    /// Writes the keys.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn write(&self, out: &Path) -> Result<()> {
        write_dated(&out.join(FILE), &serde_json::to_vec(self).context("cannot write what was built from what")?)
    }
}

/// The key of everything that decides a generation; `None` if a package has no fingerprint.
fn inputs(plan: &DistributionPlan, settings: &Settings, layers: &[Option<Digest>]) -> Option<Digest> {
    let mut key = Hasher::default();
    key.number(FORMAT);
    key.text(env!("CARGO_PKG_VERSION"));
    // A new setting decides a generation or stands here with the others that do not.
    let Settings {
        config,
        strict,
        layers: plans,
        distributions: _,
        use_cache: _,
        keep: _,
        exceptions: _,
        accept_loss: _,
    } = settings;
    key.value(&(plan, config, strict));
    // With what the selection refers to. What cannot be read is told by the build itself.
    key.value(&plan.select.as_ref().map(Resolved::read).transpose().ok()?);
    for &layer in &plan.layers {
        key.value(&plans[layer]);
        key.value(&plans[layer].rules.overrides);
        key.update(layers[layer]?.bytes());
    }
    Some(key.finish())
}
