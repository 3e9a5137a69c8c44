//! The configuration: distributions, layers, limits and routing.
//!
//! [`Config`] is what a configuration file says, with defaults for what it leaves out; [`mod@file`] reads it.
//! [`settings::Settings`] is what one run builds, resolved from configuration and arguments.
//!
//! A new setting is a field of one of the structs here, read in [`mod@file`]. Every field is part of the key by which builds
//! see that something changed, for the key is made from the struct as JSON; what only mirrors read is left out of it.

pub mod exceptions;
pub mod fallback;
pub mod file;
pub mod glob;
pub mod layer;
pub mod limits;
pub mod location;
pub mod overrides;
pub mod routing;
pub mod selection;
pub mod settings;
pub mod upstream;

use fallback::Fallback;
use layer::Layer;
use limits::Limits;
use routing::Options;
use selection::Selection;
use serde::Serialize;
use std::collections::BTreeMap;
use upstream::Upstream;

/// Default address and port of the generated server configurations.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// A distribution as the configuration describes it: an ordered stack of layers, of which one registry is built.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Distribution {
    /// Names of the layers, the top one first. If two layers hold the same version, the upper one counts.
    pub layers: Vec<String>,
    /// Address and port of the generated server configurations, such as `127.0.0.1:8080`; [`Config::listen`] if absent.
    pub listen: Option<String>,
    /// Where hosts ask for what their tables do not hold; [`Config::fallback`] if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// True if pages for people are built; [`Config::ui`] if absent.
    pub ui: Option<bool>,
    /// Path of the registry in URLs, such as `/epr`, without a slash at the end; empty for the root of the host.
    pub prefix: String,
    /// True if answers carry the header `X-Epr-Route`, which names the file that was served.
    pub debug_header: bool,
    /// Name of the selection that says what is published of the layers; all of it if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<String>,
}

/// Everything that a configuration file can say. The defaults are those of package-storage: three layers, and three
/// distributions that stack them.
#[derive(Clone, Debug, Serialize)]
pub struct Config {
    /// Distributions by name.
    pub distributions: BTreeMap<String, Distribution>,
    /// Names of the distributions that the configuration file has itself, beside the built-in ones.
    #[serde(skip)]
    pub own_distributions: Vec<String>,
    /// Layers by name. A layer that a distribution names needs no entry here: the defaults of [`Layer`] hold for it.
    pub layers: BTreeMap<String, Layer>,
    /// Address and port for distributions without one of their own.
    pub listen: String,
    /// Where hosts of distributions that do not decide this themselves ask for what their tables do not hold.
    #[serde(skip_serializing_if = "Fallback::is_off")]
    pub fallback: Fallback,
    /// True if pages for people are built for distributions that do not decide this themselves.
    pub ui: bool,
    /// Bounds on the size of packages.
    pub limits: Limits,
    /// Bounds on the number of precomputed answers, and the clients that are answered in any case.
    pub routing: Options,
    /// Registries that layers are mirrored from, by name. No build looks at them.
    #[serde(skip)]
    pub upstreams: BTreeMap<String, Upstream>,
    /// Selections by name. A build depends on those alone that its distributions name.
    #[serde(skip)]
    pub selections: BTreeMap<String, Selection>,
}

impl Default for Config {
    fn default() -> Self {
        let stack = |layers: &[&str]| Distribution {
            layers: layers.iter().map(|&layer| layer.to_owned()).collect(),
            ..Distribution::default()
        };
        Self {
            distributions: [
                ("production".to_owned(), stack(&["production"])),
                ("staging".to_owned(), stack(&["production", "staging"])),
                ("snapshot".to_owned(), stack(&["production", "staging", "snapshot"])),
            ]
            .into(),
            own_distributions: Vec::new(),
            layers: BTreeMap::new(),
            listen: DEFAULT_LISTEN.to_owned(),
            fallback: Fallback::Off,
            ui: true,
            limits: Limits::default(),
            routing: Options::default(),
            upstreams: BTreeMap::new(),
            selections: BTreeMap::new(),
        }
    }
}
