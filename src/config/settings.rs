//! Settings of one run, resolved from arguments and configuration. The library sees nothing else of either.

use super::Config;
use super::exceptions::{Exceptions, Stack};
use super::layer::LayerPlan;
use super::location::below;
use std::path::Path;

/// A distribution that is to be built, with all defaults filled in.
#[derive(Clone, Debug)]
pub struct DistributionPlan {
    /// Name, which is also the name of its folder below the output folder.
    pub name: String,
    /// Layers as positions in [`Settings::layers`], the top one first.
    pub layers: Vec<usize>,
    /// Address and port of the generated server configurations.
    pub listen: String,
    /// True if pages for people are built.
    pub ui: bool,
    /// Path of the registry in URLs, such as `/epr`; empty for the root of the host.
    pub prefix: String,
    /// True if answers carry the header `X-Epr-Route`, which names the file that was served.
    pub debug_header: bool,
}

/// Everything that a run needs to know: what to build, from which layers, and how strictly.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Distributions in the order in which they were asked for.
    pub distributions: Vec<DistributionPlan>,
    /// Every layer that one of the distributions names, once.
    pub layers: Vec<LayerPlan>,
    /// True if the cache of earlier builds is used and written.
    pub use_cache: bool,
    /// Number of generations of each distribution to keep, including the one in use.
    pub keep: usize,
    /// The configuration, for limits and routing.
    pub config: Config,
    /// True if conflicts and warnings count as errors.
    pub strict: bool,
    /// Versions that may break a policy in this run.
    pub exceptions: Exceptions,
    /// True if a distribution may lose versions, however many.
    pub accept_loss: bool,
}

impl Settings {
    /// Returns the layers of a distribution with their rules; `is_strict` says whether built-in policies refuse or warn.
    pub fn stack(&self, plan: &DistributionPlan, is_strict: bool) -> Stack<'_> {
        let layers = plan.layers.iter().map(|&position| &self.layers[position]);
        Stack { layers: layers.map(|layer| (layer.source.name.as_str(), &layer.rules)).collect(), is_strict }
    }

    /// Returns these settings with every layer read from the folder of its name below `packages`.
    #[must_use]
    pub fn below(&self, packages: &Path) -> Self {
        let mut settings = self.clone();
        for layer in &mut settings.layers {
            layer.source.paths = vec![below(packages, &layer.source.name)];
        }
        settings
    }
}
