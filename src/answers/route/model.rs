//! The routing tables.
//!
//! A request names a *subject* (the whole list, one package, one category, ...) and a place on six *axes*. Each axis
//! first turns its parameter into a *label*, one of a finite list that is the same for all subjects (for
//! `kibana.version` the greatest boundary that is not above it). A subject then walks: from its start node, axis by
//! axis, a row `(node, class)` leads to the next node; where there is no row the node's default is taken; where there is
//! neither, the node stays as it is, because its answer does not depend on that axis. After the last axis the node is an
//! answer.
//!
//! Two axes have far more labels than any one subject can tell apart, so a label is first turned into the subject's own
//! *class* by a profile, which subjects with the same boundaries share: Kibana versions by the Kibana profile, both
//! spec bounds by the spec profile. On the other axes the class is the label.

pub use super::node::Node;
pub use super::rows::Rows;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The six axes, in the order of the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Labels: `any`, `pre`, `0`, or a boundary such as `8.11.2`.
    Kibana,
    /// As Kibana, for `agent.version`.
    Agent,
    /// `any` (absent, or at or below the lowest spec), a spec such as `2.10` (the smallest that is not below), `none`.
    SpecMin,
    /// `any` (absent, or at or above the highest spec), the greatest spec that is not above, `none`.
    SpecMax,
    /// `any` (absent, or all known ones), else `-` and the known capabilities of the request, sorted, joined by `-`;
    /// unusual characters in them are spelt by [`capability_word`](super::walk::capability_word).
    Capabilities,
    /// `0` or `1`.
    Prerelease,
}

/// From a label to a subject's class.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Profile {
    /// Labels that are not of the default class.
    pub exact: BTreeMap<String, String>,
    /// The class of all others.
    pub default: String,
}

/// Where a subject's walk begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The first node.
    pub node: Node,
    /// Index into [`Routes::kibana_profiles`].
    pub kibana: u32,
    /// Index into [`Routes::spec_min_profiles`] and [`Routes::spec_max_profiles`].
    pub spec: u32,
}

/// Says which of the packages' categories and types have no subject, because a key cannot hold them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unkeyed {
    /// Some categories.
    pub categories: bool,
    /// Some types.
    pub types: bool,
}

/// Everything a router needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routes {
    /// Kibana versions at which some answer changes, ascending.
    pub kibana_boundaries: Vec<[u64; 3]>,
    /// Agent versions at which some answer changes, ascending.
    pub agent_boundaries: Vec<[u64; 3]>,
    /// `major.minor` of all format versions, ascending.
    pub specs: Vec<[u64; 2]>,
    /// All capabilities that packages ask for, sorted.
    pub capabilities: Vec<String>,
    /// By Kibana profile.
    pub kibana_profiles: Vec<Profile>,
    /// By spec profile, for the lower bound.
    pub spec_min_profiles: Vec<Profile>,
    /// By spec profile, for the upper bound.
    pub spec_max_profiles: Vec<Profile>,
    /// Subject to start. Keys: mode, then what is asked: `latest`, `all`, `legacy` or `legacy-all`, a slash, and `list`,
    /// `package/<name>`, `category/<id>`, `type/<type>`, `categories` or `categories-templates`: for example
    /// `latest/package/nginx`. A package, category or type without a key is unknown: its answer is the empty list,
    /// unless it is one of those in `unkeyed`.
    pub subjects: BTreeMap<String, Start>,
    /// Where a value that no key can hold may yet have an answer, so that a request for it must be refused.
    pub unkeyed: Unkeyed,
    /// The rows of each axis, in order of the walk.
    pub rows: BTreeMap<Axis, Rows>,
}
