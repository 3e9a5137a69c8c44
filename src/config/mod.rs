//! The configuration: distributions, layers, and how strictly packages are read.
//!
//! Without a file the defaults are those of package-storage: three layers, and three distributions that stack them. The
//! file is read in [`file`]; here are the values.

pub mod exceptions;
pub mod file;
mod key;
pub mod layer;
pub mod limits;
pub mod location;
pub mod routing;
pub mod settings;

use layer::Layer;
use limits::Limits;
use routing::Options;
use std::collections::BTreeMap;

/// What a web server listens on when nothing else is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// An ordered stack of layers; where two hold the same version, the first one wins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// Names of layers, in order.
    pub layers: Vec<String>,
    /// Address and port that the generated server configuration listens on.
    pub listen: Option<String>,
    /// Whether it has pages for people.
    pub ui: Option<bool>,
    /// Path below which the registry lies, without a slash at its end; empty for the root.
    pub prefix: String,
    /// Whether answers say which file they are.
    pub debug_header: bool,
}

/// Everything a configuration file can say.
#[derive(Clone, Debug)]
pub struct Config {
    /// By name.
    pub distributions: BTreeMap<String, Distribution>,
    /// By name; a layer that a distribution names needs no entry.
    pub layers: BTreeMap<String, Layer>,
    /// Address and port for distributions that do not say.
    pub listen: String,
    /// Whether distributions that do not say have pages for people.
    pub ui: bool,
    /// How large a package may be.
    pub limits: Limits,
    /// How many answers for whole lists are precomputed, and for which clients in any case.
    pub routing: Options,
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
            layers: BTreeMap::new(),
            listen: DEFAULT_LISTEN.to_owned(),
            ui: true,
            limits: Limits::default(),
            routing: Options::default(),
        }
    }
}
