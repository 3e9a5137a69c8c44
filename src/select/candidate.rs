//! One version of a package as selections see it, read from an element of a listing.
//!
//! The element may come from any registry, whole or cut to what selections ask for. What a selection asks for and the element
//! does not tell is empty.

use super::requires::Requires;
use crate::config::overrides::Override;
use crate::config::selection::Subscription;
use crate::dialect::version::Version;
use crate::package::{
    Deprecated, DiscoveryFacts, Facts, PrintedConditions, PrintedElastic, Release, SearchItem, Spec, TemplateFacts,
    categories,
};
use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// A format that every Kibana reads: it stands for one that is not known, so that nothing is left out for want of it.
const READ_BY_ALL: Spec = Spec { major: 2, minor: 3 };

/// The mode of templates that say nothing of modes.
const DEFAULT_MODE: &str = "default";

/// One version of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What filters of the registry look at.
    pub facts: Facts,
    /// False if its `format_version` is not known; [`Facts::spec`] is then one that every Kibana reads.
    pub is_format_known: bool,
    /// The subscription that it needs.
    pub subscription: Subscription,
    /// Who answers for it: `elastic`, `partner` or `community`; empty if it does not say.
    pub owner_type: String,
    /// The team on GitHub that owns it; empty if it does not say.
    pub owner_github: String,
    /// What it requires of other packages.
    pub requires: Requires,
    /// Types of its data streams, once each.
    pub data_stream_types: Vec<String>,
    /// Datasets of its data streams, once each.
    pub datasets: Vec<String>,
    /// Modes in which one of its policy templates can be deployed, once each.
    pub deployment_modes: Vec<String>,
    /// True if no answer to `/search` has it. Whoever has it installed may still download it, so it can be pinned.
    pub is_hidden: bool,
    /// True if an override of its layer says which Kibanas it is for.
    pub is_kibana_overridden: bool,
    /// True if its layer is published as a whole, whatever a selection takes.
    pub is_whole: bool,
}

/// The parts of an element.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    #[serde(rename = "type")]
    package_type: String,
    release: Option<Release>,
    conditions: Option<PrintedConditions>,
    owner: Option<Owner>,
    categories: Option<Vec<String>>,
    discovery: Option<Discovery>,
    deprecated: Option<Deprecated>,
    data_streams: Option<Vec<DataStream>>,
    policy_templates: Option<Vec<Template>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Owner {
    github: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Discovery {
    fields: Option<Vec<Named>>,
    datasets: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DataStream {
    #[serde(rename = "type")]
    kind: String,
    dataset: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Template {
    categories: Option<Vec<String>>,
    deployment_modes: Option<BTreeMap<String, Mode>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Mode {
    enabled: Option<bool>,
}

impl Candidate {
    /// Reads an element of the answer of `/search`, or the part of it that mirrors keep. The version of the format and the
    /// licence of old packages stand in the package's document alone.
    ///
    /// # Errors
    /// When the element cannot be read; the message names version and reason.
    pub fn of_item(
        item: &str,
        name: &str,
        version: &Version,
        format_version: Option<&str>,
        license: Option<&str>,
    ) -> Result<Self> {
        let read = || -> Result<Self> {
            let value: serde_json::Value = serde_json::from_str(item)?;
            ensure!(value.is_object(), "it is no object");
            let requires = Requires::of_item(&value).context("`requires`")?;
            let item: Item = serde_json::from_value(value)?;
            let spec = match format_version {
                Some(text) => {
                    let version = Version::loose(text).map_err(|error| anyhow!("`format_version`: {error}"))?;
                    Some(Spec { major: version.major, minor: version.minor })
                }
                None => None,
            };
            Ok(item.candidate(name, version, spec, license, requires))
        };
        read().with_context(|| format!("cannot understand what is listed of {name} {version}"))
    }
}

impl Candidate {
    /// A package that was read, with its facts and its element of `/search`. The licence of old packages is in neither.
    ///
    /// # Errors
    /// When the element cannot be read, which was rendered here.
    pub fn of_package(facts: &Facts, item: &SearchItem) -> Result<Self> {
        let mut text = String::with_capacity(item.bytes());
        item.render(&mut text, |_| true, facts.deprecated.as_ref());
        let format = format!("{}.{}", facts.spec.major, facts.spec.minor);
        let candidate = Self::of_item(&text, &facts.name, &facts.version, Some(&format), None)?;
        Ok(Self { facts: facts.clone(), ..candidate })
    }
}

impl Candidate {
    /// The version as overrides of its layer have it told.
    #[must_use]
    pub fn overridden(mut self, overrides: &[Override]) -> Self {
        for rule in overrides.iter().filter(|rule| rule.meets(&self.facts.name, &self.facts.version)) {
            self.is_hidden |= rule.hide;
            self.is_kibana_overridden |= rule.kibana.is_some();
            self.facts.kibana = rule.kibana.clone().or(self.facts.kibana);
        }
        self
    }
}

impl Item {
    fn candidate(
        self,
        name: &str,
        version: &Version,
        spec: Option<Spec>,
        license: Option<&str>,
        requires: Requires,
    ) -> Candidate {
        let PrintedConditions { kibana, agent, elastic } = self.conditions.unwrap_or_default();
        let PrintedElastic { subscription, capabilities } = elastic.unwrap_or_default();
        let names = |list: Option<Vec<Named>>| list.unwrap_or_default().into_iter().map(|named| named.name).collect();
        let discovery = self.discovery.unwrap_or_default();
        let (data_streams, templates) =
            (self.data_streams.unwrap_or_default(), self.policy_templates.unwrap_or_default());
        let (types, datasets): (BTreeSet<_>, BTreeSet<_>) =
            data_streams.into_iter().map(|stream| (stream.kind, stream.dataset)).unzip();
        let modes: BTreeSet<String> = templates.iter().flat_map(Template::modes).collect();
        let owner = self.owner.unwrap_or_default();
        let own_subscription = if subscription.is_empty() { license.unwrap_or_default() } else { &subscription };
        Candidate {
            subscription: Subscription::of_word(own_subscription),
            owner_type: owner.kind,
            owner_github: owner.github,
            requires,
            data_stream_types: types.into_iter().filter(|kind| !kind.is_empty()).collect(),
            datasets: datasets.into_iter().filter(|dataset| !dataset.is_empty()).collect(),
            deployment_modes: modes.into_iter().collect(),
            is_hidden: false,
            is_kibana_overridden: false,
            is_whole: false,
            is_format_known: spec.is_some(),
            facts: Facts {
                name: name.to_owned(),
                version: version.clone(),
                package_type: self.package_type,
                release: self.release.unwrap_or_else(|| Release::of_version(version)),
                kibana: kibana.map(|range| range.version),
                agent: agent.map(|range| range.version),
                spec: spec.unwrap_or(READ_BY_ALL),
                capabilities: capabilities.unwrap_or_default(),
                discovery: DiscoveryFacts { fields: names(discovery.fields), datasets: names(discovery.datasets) },
                categories: self
                    .categories
                    .unwrap_or_default()
                    .into_iter()
                    .filter(|id| categories::known(id))
                    .collect(),
                templates: templates
                    .into_iter()
                    .map(|template| TemplateFacts { categories: template.categories })
                    .collect(),
                deprecated: self.deprecated,
            },
        }
    }
}

impl Template {
    /// The modes in which it can be deployed: the default one unless it is switched off, and others that are switched on.
    fn modes(&self) -> Vec<String> {
        let modes = self.deployment_modes.as_ref();
        let enabled = |name: &str| modes.and_then(|modes| modes.get(name)).and_then(|mode| mode.enabled);
        let default = enabled(DEFAULT_MODE).unwrap_or(true).then(|| DEFAULT_MODE.to_owned());
        let others =
            modes.into_iter().flatten().filter(|(name, mode)| *name != DEFAULT_MODE && mode.enabled == Some(true));
        default.into_iter().chain(others.map(|(name, _)| name.clone())).collect()
    }
}
