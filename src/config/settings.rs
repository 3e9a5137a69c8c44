//! Settings of one run, resolved from arguments and configuration. The library sees nothing else of either.

use super::Config;
use super::exceptions::{Exceptions, Stack};
use super::fallback::Fallback;
use super::layer::LayerPlan;
use super::location::below;
use super::selection::Selection;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A distribution that is to be built, with all defaults filled in.
#[derive(Clone, Debug, Serialize)]
pub struct DistributionPlan {
    /// Name, which is also the name of its folder below the output folder.
    pub name: String,
    /// Layers as positions in [`Settings::layers`], the top one first.
    pub layers: Vec<usize>,
    /// Address and port of the generated server configurations.
    pub listen: String,
    /// Where hosts ask for what their tables do not hold.
    #[serde(skip_serializing_if = "Fallback::is_off")]
    pub fallback: Fallback,
    /// True if pages for people are built.
    pub ui: bool,
    /// Path of the registry in URLs, such as `/epr`; empty for the root of the host.
    pub prefix: String,
    /// True if answers carry the header `X-Epr-Route`, which names the file that was served.
    pub debug_header: bool,
    /// What is published of the layers; everything if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<SelectionPlan>,
}

/// What a distribution publishes of its layers, or what a mirror wants of its upstreams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SelectionPlan {
    /// Name of the selection.
    pub name: String,
    /// The selection, as the configuration has it.
    pub selection: Selection,
    /// Keep files, or patterns of their names, whose versions count in any case.
    pub keep: Vec<PathBuf>,
    /// Names of layers that are published as a whole.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub whole: BTreeSet<String>,
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

#[cfg(test)]
mod tests {
    use super::{DistributionPlan, SelectionPlan};
    use crate::base::digest::Digest;
    use crate::config::Config;
    use crate::config::fallback::Fallback;
    use crate::config::layer::{Layer, LayerPlan, LayerSource, Policy, Signatures};
    use crate::config::selection::Selection;
    use crate::openpgp::KeyRing;
    use serde::Serialize;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    /// Each change gives a key of its own.
    fn all_differ<T: Serialize + Clone>(value: &T, changes: &[fn(&mut T)]) {
        let changed = changes.iter().map(|change| {
            let mut value = value.clone();
            change(&mut value);
            Digest::of_value(&value)
        });
        let keys: std::collections::BTreeSet<_> = changed.chain([Digest::of_value(value)]).collect();
        assert_eq!(keys.len(), changes.len() + 1);
    }

    fn selection(change: fn(&mut SelectionPlan)) -> SelectionPlan {
        let mut plan = SelectionPlan {
            name: "a".to_owned(),
            selection: Selection::default(),
            keep: Vec::new(),
            whole: BTreeSet::new(),
        };
        change(&mut plan);
        plan
    }

    #[test]
    fn every_setting_changes_the_key() {
        all_differ::<Config>(
            &Config::default(),
            &[
                |config| config.distributions.clear(),
                |config| config.distributions.get_mut("staging").unwrap().debug_header = true,
                |config| drop(config.layers.insert("x".to_owned(), Layer::default())),
                |config| config.listen.push('0'),
                |config| config.fallback = "unix:/a".parse().unwrap(),
                |config| config.distributions.get_mut("staging").unwrap().fallback = Some(Fallback::Off),
                |config| config.ui = !config.ui,
                |config| config.limits.max_depth += 1,
                |config| config.limits.max_entries += 1,
                |config| config.routing.budget.max_answers += 1,
                |config| drop(config.routing.clients.pop()),
                |config| config.routing.clients[0].experimental = true,
            ],
        );
        let source = LayerSource { name: "a".to_owned(), paths: vec!["b".into()], follow_links: Vec::new() };
        all_differ::<LayerPlan>(
            &LayerPlan { source, rules: Layer::default(), keys: Arc::default() },
            &[
                |plan| plan.source.name.push('b'),
                |plan| plan.source.paths.push("b".into()),
                |plan| plan.source.paths = vec!["bb".into()],
                |plan| plan.rules.paths.push("b".into()),
                |plan| plan.rules.immutable = true,
                |plan| plan.rules.overwrite = Some(Policy::Allow),
                |plan| plan.rules.overwrite = Some(Policy::Refuse),
                |plan| plan.rules.removal = Some(Policy::Allow),
                |plan| plan.rules.signatures = Signatures::Require,
                |plan| plan.keys = Arc::new(KeyRing::elastic()),
            ],
        );
        let plan = DistributionPlan {
            name: "a".to_owned(),
            layers: vec![0],
            listen: String::new(),
            fallback: Fallback::Off,
            ui: true,
            prefix: String::new(),
            debug_header: false,
            select: None,
        };
        all_differ::<DistributionPlan>(
            &plan,
            &[
                |plan| plan.layers.push(0),
                |plan| plan.listen.push('a'),
                |plan| plan.fallback = "unix:/a".parse().unwrap(),
                |plan| plan.prefix.push('a'),
                |plan| plan.debug_header = true,
                |plan| plan.ui = false,
                |plan| plan.select = Some(selection(|_| {})),
                |plan| plan.select = Some(selection(|select| select.name.push('b'))),
                |plan| plan.select = Some(selection(|select| select.selection.previous = 1)),
                |plan| plan.select = Some(selection(|select| select.keep.push("b".into()))),
                |plan| plan.select = Some(selection(|select| select.whole.extend(["b".to_owned()]))),
            ],
        );
    }
}
