//! What overrides change of one version, as a value: what the registry says, what the package says, and why.

use crate::base::words::counted;
use crate::dialect::version::{Constraint, Version};
use crate::package::{Deprecated, InfoDocument, ReplacedBy};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the registry says of one version in place of its package; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// It is in no answer to `/search` and `/categories`. Its document, files and archive are there, since whoever has it
    /// installed asks for them again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Hidden>,
    /// Another condition on Kibana.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kibana: Option<Told<Constraint>>,
    /// Another notice of deprecation, which spreads over the versions of the name as if the manifest had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Told<Deprecated>>,
}

/// Why a version is hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hidden {
    /// As a person wrote it.
    pub reason: String,
}

/// A value that the registry tells, and that of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told<T> {
    /// What the registry says.
    pub is: T,
    /// What the package says; absent if it says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<T>,
    /// As a person wrote it.
    pub reason: String,
}

/// What is changed of the versions of a layer, by name and version.
pub type Overlays = BTreeMap<(String, Version), Overlay>;

impl Overlay {
    /// Returns true if nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The document of a package as the registry tells it.
    #[must_use]
    pub fn document(&self, own: InfoDocument) -> InfoDocument {
        match &self.kibana {
            Some(kibana) => own.with_kibana(&kibana.is),
            None => own,
        }
    }

    /// What clients notice of it.
    fn effect(&self) -> (bool, Option<&Constraint>, Option<&Deprecated>) {
        let (kibana, deprecated) = (self.kibana.as_ref(), self.deprecated.as_ref());
        (self.hidden.is_some(), kibana.map(|kibana| &kibana.is), deprecated.map(|deprecated| &deprecated.is))
    }

    /// Returns true if clients notice the same of both.
    pub(super) fn has_effect_of(&self, other: &Self) -> bool {
        self.effect() == other.effect()
    }

    /// One line for each change, with what the package says, for people.
    pub fn lines(&self) -> Vec<String> {
        let own = |was: Option<String>| was.map_or_else(|| "nothing".to_owned(), |was| format!("`{was}`"));
        let hidden = self.hidden.iter().map(|Hidden { reason }| format!("hidden: {reason}"));
        let kibana = self.kibana.iter().map(|Told { is, was, reason }| {
            let was = own(was.as_ref().map(ToString::to_string));
            format!("the kibana constraint is `{is}`, the package says {was}: {reason}")
        });
        let deprecated = self.deprecated.iter().map(|Told { is, was, reason }| {
            let was = was.as_ref().map_or("", |_| ", in place of the package's own notice");
            let Deprecated { since, description, replaced_by } = is;
            let by = replaced_by.iter().flat_map(ReplacedBy::named);
            let by: String = by.map(|(what, name)| format!("; replaced by the {what} `{name}`")).collect();
            format!("deprecated since {since}{was} ({description}{by}): {reason}")
        });
        hidden.chain(kibana).chain(deprecated).collect()
    }
}

/// A version and what is changed of it, in reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overridden {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: String,
    /// The layer that it comes from, whose overrides these are.
    pub layer: String,
    /// What is changed.
    #[serde(flatten)]
    pub overlay: Overlay,
}

/// How many versions overrides change in which way: `2 versions hidden, 1 with another kibana constraint`.
pub fn in_numbers<'a>(overlays: impl Iterator<Item = &'a Overlay>) -> String {
    let (mut hidden, mut kibana, mut deprecated) = (0_usize, 0_usize, 0_usize);
    for overlay in overlays {
        hidden += usize::from(overlay.hidden.is_some());
        kibana += usize::from(overlay.kibana.is_some());
        deprecated += usize::from(overlay.deprecated.is_some());
    }
    let said = |count: usize, what: &str| (count > 0).then(|| format!("{} {what}", counted(count, "version")));
    let all = [said(hidden, "hidden"), said(kibana, "for other Kibanas"), said(deprecated, "deprecated")];
    all.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
