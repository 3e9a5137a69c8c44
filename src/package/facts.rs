//! The facts about one package version that search needs, without its documents.

use crate::dialect::version::{Constraint, Version};
use serde::{Deserialize, Serialize};

/// Maturity of a package, derived from its version when the manifest does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Release {
    /// Shown only with `prerelease=true`.
    Experimental,
    /// Not ready.
    Beta,
    /// Ready.
    Ga,
}

/// Major and minor number of `format_version`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Spec {
    /// First number.
    pub major: u64,
    /// Second number.
    pub minor: u64,
}

/// The `deprecated` block of a package, template, input, data stream or variable (contract, "Deprecated"). Answers leave out
/// what is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Deprecated {
    /// First version in which it is deprecated.
    pub since: String,
    /// Reason, and what to do instead.
    pub description: String,
    /// The replacement, if there is one.
    pub replaced_by: Option<ReplacedBy>,
}

/// The replacement for something deprecated; empty texts are left out of answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReplacedBy {
    /// Name of a package.
    pub package: String,
    /// Name of a policy template.
    pub policy_template: String,
    /// Type of an input.
    pub input: String,
    /// Name of a data stream.
    pub data_stream: String,
    /// Name of a variable.
    pub variable: String,
}

impl ReplacedBy {
    /// What takes the place, each with what it is.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("package", &self.package),
            ("policy template", &self.policy_template),
            ("input", &self.input),
            ("data stream", &self.data_stream),
            ("variable", &self.variable),
        ];
        all.into_iter().filter(|(_, name)| !name.is_empty()).map(|(what, name)| (what, name.as_str()))
    }
}

/// The facts about one policy template that category rules need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateFacts {
    /// Category ids, unknown ones included. `None` if absent or null, which is not the same as empty (contract,
    /// "Counting categories").
    pub categories: Option<Vec<String>>,
}

/// The names by which content packages are discovered (contract, "Normal filter").
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscoveryFacts {
    /// Fields that must all be in data for the package to be of use.
    pub fields: Vec<String>,
    /// Datasets of which one is enough.
    pub datasets: Vec<String>,
}

/// The facts about one package version that filters, latest selection and categories need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Package name, `[a-z0-9_]+`.
    pub name: String,
    /// Version, as written in the manifest.
    pub version: Version,
    /// `integration`, `input`, `content`, `solution` or any other word.
    pub package_type: String,
    /// Release, explicit or derived.
    pub release: Release,
    /// `conditions.kibana.version`.
    pub kibana: Option<Constraint>,
    /// `conditions.agent.version`.
    pub agent: Option<Constraint>,
    /// Major and minor number of `format_version`.
    pub spec: Spec,
    /// `conditions.elastic.capabilities`; empty means no filter applies.
    pub capabilities: Vec<String>,
    /// `discovery`; empty where the manifest has none.
    pub discovery: DiscoveryFacts,
    /// Known category ids, in manifest order, repeats kept.
    pub categories: Vec<String>,
    /// One per policy template, in order.
    pub templates: Vec<TemplateFacts>,
    /// The manifest's own block, before propagation (contract, "Deprecation propagation").
    pub deprecated: Option<Deprecated>,
}

impl Facts {
    /// Name and version, by which a version is looked up.
    pub fn key(&self) -> (String, Version) {
        (self.name.clone(), self.version.clone())
    }
}
