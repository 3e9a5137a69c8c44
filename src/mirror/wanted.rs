//! Which versions a mirror wants, out of those that upstreams list. The one place that chooses; it looks at facts alone.

use super::facts::{FactsTable, Key};
use crate::base::suggest::nearest;
use crate::edit::PackageSelector;
use std::collections::{BTreeMap, BTreeSet};

/// The versions that are wanted, and what was asked for in vain.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Each with the reason.
    pub(super) versions: BTreeMap<Key, String>,
    /// In words.
    pub(super) vain: Vec<String>,
}

/// Chooses: every version that is listed; with `only`, those of them that it names.
pub(super) fn wanted(facts: &FactsTable, only: &[PackageSelector]) -> Wanted {
    let listed = facts.iter().filter(|(_, facts)| facts.listed).map(|(key, _)| key);
    if only.is_empty() {
        let versions = listed.map(|key| (key.clone(), "listed".to_owned())).collect();
        return Wanted { versions, vain: Vec::new() };
    }
    let mut wanted = Wanted::default();
    for selector in only {
        let is_meant =
            |key: &&Key| key.0 == selector.name && selector.version.as_ref().is_none_or(|version| *version == key.1);
        let meant: Vec<_> = listed.clone().filter(is_meant).collect();
        if meant.is_empty() {
            wanted.vain.push(in_vain(selector, facts));
        }
        wanted.versions.extend(meant.into_iter().map(|key| (key.clone(), "named".to_owned())));
    }
    wanted
}

/// What was asked for and is not listed, with the name that was perhaps meant.
fn in_vain(selector: &PackageSelector, facts: &FactsTable) -> String {
    let name = &selector.name;
    let names: BTreeSet<&str> = facts.keys().map(|(name, _)| name.as_str()).collect();
    let names: Vec<_> = names.into_iter().collect();
    match &selector.version {
        Some(version) if names.contains(&name.as_str()) => {
            format!("{name} {version} is not listed, though other versions of {name} are")
        }
        _ => {
            let hint =
                nearest(name, &names).map(|known| format!("\nhint: did you mean `{known}`?")).unwrap_or_default();
            format!("{name} is not listed{hint}")
        }
    }
}
