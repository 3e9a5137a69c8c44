//! Settings as parts of cache keys: what was built with other settings is built again.

use super::layer::{DashedFolders, Layer, LayerPlan, LayerSource, Policy, Signatures, Validation};
use super::limits::Limits;
use super::routing::{Budget, Client, Options};
use super::settings::DistributionPlan;
use super::{Config, Distribution};
use crate::key_part;

key_part!(struct Config { distributions, layers, listen, ui, limits, routing });
key_part!(struct Distribution { layers, listen, ui, prefix, debug_header });
key_part!(struct DistributionPlan { name, layers, listen, ui, prefix, debug_header });
key_part!(struct Layer { paths, validation, dashed_folders, signatures, immutable, overwrite, removal, optional, shrink });
key_part!(struct LayerPlan { source, rules });
key_part!(struct LayerSource { name, paths });
key_part!(
    struct Limits { max_file_bytes, max_package_bytes, max_entries, max_zip_ratio, max_path_bytes, max_depth }
);
key_part!(struct Options { budget, clients });
key_part!(struct Budget { max_contexts, max_answers });
key_part!(struct Client { name, kibana, spec_min, spec_max, capabilities, experimental });
key_part!(
    enum Validation {
        Warn,
        Require,
    }
);
key_part!(
    enum DashedFolders {
        Refuse,
        Warn,
    }
);
key_part!(
    enum Signatures {
        Optional,
        Require,
    }
);
key_part!(
    enum Policy {
        Allow,
        Refuse,
    }
);

#[cfg(test)]
mod tests {
    use super::{Config, DistributionPlan, Layer, LayerPlan, LayerSource, Policy};
    use crate::base::key::KeyPart;

    /// Each change gives a key of its own.
    fn all_differ<T: KeyPart + Clone>(value: &T, changes: &[fn(&mut T)]) {
        let changed = changes.iter().map(|change| {
            let mut value = value.clone();
            change(&mut value);
            value.key()
        });
        let keys: std::collections::BTreeSet<_> = changed.chain([value.key()]).collect();
        assert_eq!(keys.len(), changes.len() + 1);
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
                |config| config.ui = !config.ui,
                |config| config.limits.max_depth += 1,
                |config| config.limits.max_entries += 1,
                |config| config.routing.budget.max_answers += 1,
                |config| drop(config.routing.clients.pop()),
                |config| config.routing.clients[0].experimental = true,
            ],
        );
        let source = LayerSource { name: "a".to_owned(), paths: vec!["b".into()] };
        all_differ::<LayerPlan>(
            &LayerPlan { source, rules: Layer::default() },
            &[
                |plan| plan.source.name.push('b'),
                |plan| plan.source.paths.push("b".into()),
                |plan| plan.source.paths = vec!["bb".into()],
                |plan| plan.rules.paths.push("b".into()),
                |plan| plan.rules.immutable = true,
                |plan| plan.rules.overwrite = Some(Policy::Allow),
                |plan| plan.rules.overwrite = Some(Policy::Refuse),
                |plan| plan.rules.removal = Some(Policy::Allow),
                |plan| plan.rules.optional = true,
                |plan| plan.rules.shrink = Some(100),
            ],
        );
        let plan = DistributionPlan {
            name: "a".to_owned(),
            layers: vec![0],
            listen: String::new(),
            ui: true,
            prefix: String::new(),
            debug_header: false,
        };
        all_differ::<DistributionPlan>(
            &plan,
            &[
                |plan| plan.layers.push(0),
                |plan| plan.listen.push('a'),
                |plan| plan.prefix.push('a'),
                |plan| plan.debug_header = true,
                |plan| plan.ui = false,
            ],
        );
    }
}
