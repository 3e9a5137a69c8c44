//! What search needs to know of one package version, without its documents.

use crate::dialect::version::{Constraint, Version};
use serde::{Deserialize, Serialize};

/// Maturity of a package, derived from its version when the manifest does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Release {
    /// Only with `prerelease=true`.
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

/// What a deprecated package, template, input, data stream or variable says (contract, section 3.6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deprecated {
    /// Version since which it is deprecated.
    pub since: String,
    /// Why.
    pub description: String,
    /// What replaces it.
    pub replaced_by: Option<ReplacedBy>,
}

/// What replaces a deprecated thing; empty texts are left out of answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// What category rules need of one policy template.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateFacts {
    /// Its categories, unknown ids included; `None` when absent or null, which is not the same as empty (section 7.3).
    pub categories: Option<Vec<String>>,
}

/// What filters, latest selection and categories need of one package version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Package name, `[a-z0-9_]+`.
    pub name: String,
    /// Its version, as written in the manifest.
    pub version: Version,
    /// `integration`, `input`, `content`, `solution` or any other word.
    pub package_type: String,
    /// Final release.
    pub release: Release,
    /// `conditions.kibana.version`.
    pub kibana: Option<Constraint>,
    /// `conditions.agent.version`.
    pub agent: Option<Constraint>,
    /// Of `format_version`.
    pub spec: Spec,
    /// `conditions.elastic.capabilities`; empty means no filter applies.
    pub capabilities: Vec<String>,
    /// Known category ids, in manifest order, repeats kept.
    pub categories: Vec<String>,
    /// One per policy template, in order.
    pub templates: Vec<TemplateFacts>,
    /// Its own block, before propagation over the versions of a package (section 6.6).
    pub deprecated: Option<Deprecated>,
}
