//! Settings: what to build from what, resolved from arguments and configuration.

use super::Config;
use super::exceptions::{Exceptions, Stack};
use super::layer::LayerPlan;
use super::location::below;
use std::path::Path;

/// One distribution to build.
#[derive(Clone, Debug)]
pub struct DistributionPlan {
    /// Its name, also of its folder.
    pub name: String,
    /// Its layers, as positions in [`Settings::layers`], in order.
    pub layers: Vec<usize>,
    /// What its generated configuration listens on.
    pub listen: String,
    /// Whether it has pages for people.
    pub ui: bool,
    /// Path below which its registry lies, or nothing.
    pub prefix: String,
    /// Whether its answers say which file they are.
    pub debug_header: bool,
}

/// What to build from what.
#[derive(Clone, Debug)]
pub struct Settings {
    /// In the order they were asked for.
    pub distributions: Vec<DistributionPlan>,
    /// Every layer that one of them names, once.
    pub layers: Vec<LayerPlan>,
    /// Whether what earlier builds found out is used.
    pub use_cache: bool,
    /// Generations of each distribution that stay, the one in use included.
    pub keep: usize,
    /// Limits, budget and clients.
    pub config: Config,
    /// Conflicts and warnings count as errors.
    pub strict: bool,
    /// What the policies of layers do not forbid this time.
    pub exceptions: Exceptions,
}

impl Settings {
    /// The layers of a distribution, with their policies.
    pub fn stack(&self, plan: &DistributionPlan, is_strict: bool) -> Stack<'_> {
        let layers = plan.layers.iter().map(|&position| &self.layers[position]);
        Stack { layers: layers.map(|layer| (layer.source.name.as_str(), &layer.rules)).collect(), is_strict }
    }

    /// The same, with every layer read from the folder of its name below another one.
    #[must_use]
    pub fn below(&self, packages: &Path) -> Self {
        let mut settings = self.clone();
        for layer in &mut settings.layers {
            layer.source.paths = vec![below(packages, &layer.source.name)];
        }
        settings
    }
}
