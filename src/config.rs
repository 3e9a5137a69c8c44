//! The configuration: distributions, layers, and how strictly packages are read.
//!
//! Without a file the defaults are those of package-storage: three layers, and three distributions that stack them. The
//! file is read in `config_file`; here are the values.

use crate::route::build::Options;
use crate::source::Limits;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a web server listens on when nothing else is said.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:8080";

/// How the contract's validation-only conditions (V1 to V9) are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    /// They are reported.
    #[default]
    Warn,
    /// They quarantine the package.
    Require,
}

/// What the folder-name rule (A16: no dashes) does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DashedFolders {
    /// It quarantines the package, as the reference does.
    #[default]
    Refuse,
    /// It is reported.
    Warn,
}

/// Whether a package without a signature file is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signatures {
    /// It is.
    #[default]
    Optional,
    /// It is quarantined (A20).
    Require,
}

/// Whether something may happen to a published version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It may.
    #[default]
    Allow,
    /// It is refused, unless it is allowed for this one version with a reason.
    Refuse,
}

/// One layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    /// Where it is searched, in order; empty means `<packages>/<name>`.
    pub paths: Vec<PathBuf>,
    /// See [`Validation`].
    pub validation: Validation,
    /// See [`DashedFolders`].
    pub dashed_folders: DashedFolders,
    /// See [`Signatures`].
    pub signatures: Signatures,
    /// Whether a published version never changes, so that clients may keep its files for ever. Only who runs the layer
    /// can promise this, so it is off unless they do; the rule of package-storage for published versions is such a promise.
    pub immutable: bool,
    /// Whether a published version may get other content; that of package-storage for layers of its names when absent.
    pub overwrite: Option<Policy>,
    /// Whether a published version may go; as for `overwrite`.
    pub removal: Option<Policy>,
}

impl Layer {
    /// Its policies for overwriting and removal. What package-storage had are the defaults: in production a fix is always
    /// a new version, in staging versions are overwritten but not taken back, and snapshot is free.
    pub fn policies(&self, name: &str) -> (Policy, Policy) {
        let (overwrite, removal) = match name {
            "production" => (Policy::Refuse, Policy::Refuse),
            "staging" => (Policy::Allow, Policy::Refuse),
            _ => (Policy::Allow, Policy::Allow),
        };
        (self.overwrite.unwrap_or(overwrite), self.removal.unwrap_or(removal))
    }
}

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
