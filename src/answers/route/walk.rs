//! Reading the routing tables: from the typed parameters of a request to labels, from labels to a node.
//!
//! Both are pure look-ups in [`Routes`], shared by everything that answers requests or checks another router. Knows
//! nothing of query strings, packages or HTTP.

use super::model::{Axis, Node, Profile, Routes, Rows, Start};
use crate::dialect::version::Version;
use crate::package::Spec;
use std::fmt::Write;

/// The label of the parameters that are absent, and of those that exclude nothing.
pub const ANY: &str = "any";
/// The label of every pre-release version.
pub const PRE: &str = "pre";
/// The label of a version below all boundaries.
pub const LOWEST: &str = "0";
/// The label of a spec bound that excludes everything.
pub const NONE: &str = "none";

/// A label on each axis.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels {
    /// Of `kibana.version`.
    pub kibana: String,
    /// Of `agent.version`.
    pub agent: String,
    /// Of `spec.min`.
    pub spec_min: String,
    /// Of `spec.max`.
    pub spec_max: String,
    /// Of `capabilities`.
    pub capabilities: String,
    /// Of `prerelease`.
    pub prerelease: String,
}

impl Labels {
    /// The label on one axis.
    pub fn get(&self, axis: Axis) -> &str {
        match axis {
            Axis::Kibana => &self.kibana,
            Axis::Agent => &self.agent,
            Axis::SpecMin => &self.spec_min,
            Axis::SpecMax => &self.spec_max,
            Axis::Capabilities => &self.capabilities,
            Axis::Prerelease => &self.prerelease,
        }
    }
}

impl Axis {
    /// All axes, in the order of the walk.
    pub const ALL: [Self; 6] =
        [Self::Kibana, Self::Agent, Self::SpecMin, Self::SpecMax, Self::Capabilities, Self::Prerelease];
}

impl Profile {
    /// The class of a label.
    pub fn class<'a>(&'a self, label: &str) -> &'a str {
        self.exact.get(label).unwrap_or(&self.default)
    }
}

impl Rows {
    /// Where a node leads for a class; `None` when the node does not depend on this axis.
    pub fn next(&self, node: u32, class: &str) -> Option<&Node> {
        self.exact.get(&node).and_then(|rows| rows.get(class)).or_else(|| self.default.get(&node))
    }
}

impl Routes {
    /// The label of `kibana.version`.
    pub fn label_kibana(&self, version: Option<&Version>) -> String {
        version_label(&self.kibana_boundaries, version)
    }

    /// The label of `agent.version`.
    pub fn label_agent(&self, version: Option<&Version>) -> String {
        version_label(&self.agent_boundaries, version)
    }

    /// The label of `spec.min`: the smallest spec that is not below it.
    pub fn label_spec_min(&self, bound: Option<Spec>) -> String {
        let Some(bound) = bound else { return ANY.to_owned() };
        spec_ceiling(&self.specs, self.specs.partition_point(|spec| *spec < [bound.major, bound.minor]))
    }

    /// The label of `spec.max`: the greatest spec that is not above it.
    pub fn label_spec_max(&self, bound: Option<Spec>) -> String {
        let Some(bound) = bound else { return ANY.to_owned() };
        spec_floor(&self.specs, self.specs.partition_point(|spec| *spec <= [bound.major, bound.minor]))
    }

    /// The label of `capabilities`: only the known ones matter, and all of them exclude nothing.
    pub fn label_capabilities(&self, requested: Option<&[String]>) -> String {
        let Some(requested) = requested else { return ANY.to_owned() };
        let known = self.capabilities.iter().filter(|capability| requested.contains(capability));
        capabilities_label(&known.map(String::as_str).collect::<Vec<_>>(), self.capabilities.len())
    }

    /// The label of `prerelease`.
    pub fn label_prerelease(prerelease: bool) -> String {
        if prerelease { "1" } else { "0" }.to_owned()
    }

    /// Walks from a subject's start to the node that answers it.
    ///
    /// A subject without a key is a package, category or type that no package has: its answer is the empty list. Tables
    /// made by this crate never end in [`Node::Step`].
    pub fn walk(&self, subject: &str, labels: &Labels) -> Node {
        let Some(start) = self.subjects.get(subject) else { return Node::Empty };
        let mut node = &start.node;
        for axis in Axis::ALL {
            let Node::Step(number) = node else { break };
            let class = self.class(start, axis, labels.get(axis));
            node = self.rows.get(&axis).and_then(|rows| rows.next(*number, class)).unwrap_or(node);
        }
        node.clone()
    }

    /// The subject's class of a label.
    fn class<'a>(&'a self, start: &Start, axis: Axis, label: &'a str) -> &'a str {
        let (profiles, index) = match axis {
            Axis::Kibana => (&self.kibana_profiles, start.kibana),
            Axis::SpecMin => (&self.spec_min_profiles, start.spec),
            Axis::SpecMax => (&self.spec_max_profiles, start.spec),
            Axis::Agent | Axis::Capabilities | Axis::Prerelease => return label,
        };
        profiles.get(index as usize).map_or(label, |profile| profile.class(label))
    }
}

/// The greatest boundary that is not above the version.
fn version_label(boundaries: &[[u64; 3]], version: Option<&Version>) -> String {
    match version {
        None => ANY.to_owned(),
        Some(version) if version.is_prerelease() => PRE.to_owned(),
        Some(version) => {
            let numbers = [version.major, version.minor, version.patch];
            version_floor(boundaries, boundaries.partition_point(|boundary| *boundary <= numbers))
        }
    }
}

/// The label of a version that is not below the first `count` boundaries, but below all others.
pub fn version_floor(boundaries: &[[u64; 3]], count: usize) -> String {
    count.checked_sub(1).map_or_else(|| LOWEST.to_owned(), |last| boundary_label(boundaries[last]))
}

/// The label of a lower bound on specs that excludes the first `count` specs.
pub fn spec_ceiling(specs: &[[u64; 2]], count: usize) -> String {
    match specs.get(count) {
        _ if count == 0 => ANY.to_owned(),
        Some(spec) => spec_label(*spec),
        None => NONE.to_owned(),
    }
}

/// The label of an upper bound on specs that excludes all but the first `count` specs.
pub fn spec_floor(specs: &[[u64; 2]], count: usize) -> String {
    match count.checked_sub(1) {
        _ if count == specs.len() => ANY.to_owned(),
        Some(last) => spec_label(specs[last]),
        None => NONE.to_owned(),
    }
}

/// The label that stands for the versions from this boundary to the next one.
pub fn boundary_label([major, minor, patch]: [u64; 3]) -> String {
    format!("{major}.{minor}.{patch}")
}

/// The label of a spec.
pub fn spec_label([major, minor]: [u64; 2]) -> String {
    format!("{major}.{minor}")
}

/// The label of a sorted set of known capabilities, of which there are `all`.
pub fn capabilities_label(known: &[&str], all: usize) -> String {
    if known.len() == all {
        return ANY.to_owned();
    }
    let words: Vec<_> = known.iter().map(|capability| capability_word(capability)).collect();
    format!("-{}", words.join("-"))
}

/// One capability inside a label.
///
/// Capabilities are free text: what could be taken for a separator, or trouble a configuration file, is written as `~`
/// and two hexadecimal digits a byte, so that different sets never share a label. The usual names stay as they are.
pub fn capability_word(capability: &str) -> String {
    let mut word = String::new();
    for byte in capability.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.' {
            word.push(char::from(byte));
        } else {
            let _ = write!(word, "~{byte:02x}");
        }
    }
    if word.is_empty() { "~".to_owned() } else { word }
}
