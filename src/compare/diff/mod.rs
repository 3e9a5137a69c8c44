//! The differences between two distributions, generations or folders: packages, files, and what Kibanas see.
//!
//! What a Kibana sees is asked of [`search()`] at every version at which the answer can change, so that it is true for all
//! versions between. Knows nothing of where the two sides come from and how the result is printed.

pub mod details;

use crate::answers::questions::query_of_kibana;
use crate::answers::search::search;
use crate::catalog::overlay::Overlay;
use crate::compare::holdings::{Holding, Holdings, Key};
use crate::config::routing::changes_of_kibana;
use crate::dialect::version::Version;
use crate::package::Facts;
use crate::store::Store;
use anyhow::Result;
use details::{CHANGELOG, Details, Entry, Inside, MANIFEST};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One of the two that are compared.
#[derive(Default)]
pub struct Side {
    /// Versions with their files.
    pub holdings: Holdings,
    /// Facts for search of all that are not hidden, in the same order.
    pub facts: Vec<Facts>,
    /// The store where lists of files may lie.
    pub store: Option<Store>,
    /// Reads a file of a package, by its path; nothing where that is not known.
    pub read: Option<Box<ReadFile>>,
}

/// Gives the content of a file of a package.
type ReadFile = dyn Fn(&Holding, &str) -> Result<Vec<u8>>;

/// All differences; everything is sorted by name, then version.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Versions that are in the second only.
    pub added: Vec<Id>,
    /// Versions that are in the first only.
    pub removed: Vec<Id>,
    /// Versions with other files.
    pub changed: Vec<Changed>,
    /// Versions that come from another layer.
    pub moved: Vec<Moved>,
    /// Packages whose newest version is another one.
    pub newest: Vec<Newest>,
    /// Which Kibanas see another version.
    pub seen: Vec<Seen>,
    /// Versions of which overrides change something else.
    pub overrides: Vec<Retold>,
}

/// A version of which overrides change something else than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Retold {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: String,
    /// What they changed before; empty if nothing, and for a version that is new.
    pub was: Overlay,
    /// What they change now; empty if nothing, and for a version that is gone.
    pub is: Overlay,
}

/// A version and its layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Id {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Layer; empty for a folder of packages.
    pub layer: String,
}

/// A version with other files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: String,
    /// The differences.
    #[serde(flatten)]
    pub details: Details,
}

/// A package whose newest version is another one, pre-releases included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Newest {
    /// Package name.
    pub name: String,
    /// The newest version before.
    pub was: String,
    /// The newest version now.
    pub is: String,
    /// The differences.
    #[serde(flatten)]
    pub details: Details,
    /// Changelog entries of the versions between; empty if the newest is an earlier one than before.
    pub changelog: Vec<Entry>,
}

/// A version from another layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Package name.
    pub name: String,
    /// Version.
    pub version: String,
    /// The layer before.
    pub from: String,
    /// The layer now.
    pub to: String,
}

/// A range of self-managed Kibanas that are given another version of a package than before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Package name.
    pub name: String,
    /// True if Kibana asks for pre-releases. Before 8.6 it has no choice, and all its ranges are among those with `false`.
    pub prerelease: bool,
    /// The first Kibana of the range, `0.0.0` for all before the next.
    pub kibana: String,
    /// The first one after it; absent without an end.
    pub before: Option<String>,
    /// The version before, if there was one.
    pub was: Option<String>,
    /// The version now, if there is one.
    pub is: Option<String>,
}

impl Diff {
    /// Returns true if the two sides are the same.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Side {
    /// A package as it is compared. What cannot be read of its texts is not compared.
    fn inside(&self, holding: &Holding) -> Result<Inside> {
        let files = holding.contents(self.store.as_ref())?;
        let text = |path: &str| {
            let read = self.read.as_ref().filter(|_| files.contains_key(path));
            read.and_then(|read| read(holding, path).ok()).unwrap_or_default()
        };
        let (manifest, changelog) = (text(MANIFEST), text(CHANGELOG));
        Ok(Inside { files, manifest, changelog })
    }
}

/// Compares two sides.
///
/// # Errors
/// When a list of files cannot be read.
pub fn compare(a: &Side, b: &Side) -> Result<Diff> {
    let mut diff = Diff::default();
    let keys: BTreeSet<&Key> = a.holdings.versions.keys().chain(b.holdings.versions.keys()).collect();
    for key in keys {
        let (name, version) = (key.0.clone(), key.1.to_string());
        match (a.holdings.versions.get(key), b.holdings.versions.get(key)) {
            (None, Some(is)) => diff.added.push(Id { name, version, layer: is.layer.clone() }),
            (Some(was), None) => diff.removed.push(Id { name, version, layer: was.layer.clone() }),
            (Some(was), Some(is)) => {
                let details = if was.is_same(is) { None } else { Some(Details::new(&a.inside(was)?, &b.inside(is)?)) };
                if let Some(details) = details.filter(|details| !details.files.is_empty()) {
                    diff.changed.push(Changed { name: name.clone(), version: version.clone(), details });
                }
                // A folder of packages is no layer, and nothing moves into it or out of it.
                if was.layer != is.layer && !was.layer.is_empty() && !is.layer.is_empty() {
                    diff.moved.push(Moved { name, version, from: was.layer.clone(), to: is.layer.clone() });
                }
            }
            (None, None) => {}
        }
        let [was, is] = [a, b].map(|side| side.holdings.overlays.get(key).cloned().unwrap_or_default());
        if was != is {
            diff.overrides.push(Retold { name: key.0.clone(), version: key.1.to_string(), was, is });
        }
    }
    let theirs = b.holdings.newest();
    for ((name, old), was) in a.holdings.newest().values() {
        let Some(((_, new), is)) = theirs.get(name.as_str()).filter(|((_, new), _)| new != old) else { continue };
        let (before, now) = (a.inside(was)?, b.inside(is)?);
        diff.newest.push(Newest {
            name: name.clone(),
            was: old.to_string(),
            is: new.to_string(),
            details: Details::new(&before, &now),
            changelog: details::entries(&now.changelog, old, new),
        });
    }
    let (ours, theirs) = (by_name(&a.facts), by_name(&b.facts));
    let names: BTreeSet<&str> = ours.keys().chain(theirs.keys()).copied().collect();
    for name in names {
        let versions = [&ours, &theirs].map(|side| side.get(name).map(Vec::as_slice).unwrap_or_default());
        for prerelease in [false, true] {
            diff.seen.extend(seen(name, versions, prerelease));
        }
    }
    Ok(diff)
}

fn by_name(facts: &[Facts]) -> BTreeMap<&str, Vec<&Facts>> {
    let mut names: BTreeMap<&str, Vec<&Facts>> = BTreeMap::new();
    facts.iter().for_each(|facts| names.entry(facts.name.as_str()).or_default().push(facts));
    names
}

/// The ranges of Kibana versions in which the answers differ.
fn seen(name: &str, versions: [&[&Facts]; 2], prerelease: bool) -> Vec<Seen> {
    let constraints = versions.iter().copied().flatten().filter_map(|facts| facts.kibana.as_ref());
    let boundaries = constraints.flat_map(|constraint| constraint.boundaries()).chain(changes_of_kibana());
    let starts: BTreeSet<[u64; 3]> = boundaries.chain([[0; 3]]).collect();
    let mut ranges: Vec<Seen> = Vec::new();
    let starts: Vec<_> = starts.into_iter().collect();
    for (at, start) in starts.iter().enumerate() {
        let kibana = Version::release(*start);
        let query = query_of_kibana(name, &kibana, prerelease, None);
        if query.experimental && prerelease {
            continue;
        }
        let [was, is] =
            versions.map(|side| search(side, &query).first().map(|hit| side[hit.index].version.to_string()));
        let before = starts.get(at + 1).map(|next| Version::release(*next).to_string());
        match ranges.last_mut() {
            Some(last) if (&last.was, &last.is) == (&was, &is) => last.before = before,
            _ => ranges.push(Seen { name: name.to_owned(), prerelease, kibana: kibana.to_string(), before, was, is }),
        }
    }
    ranges.retain(|range| range.was != range.is);
    ranges
}

#[cfg(test)]
mod tests {
    use super::{Side, compare};
    use crate::answers::search::samples::catalog;

    /// Ranges as `name[*] first..before: was -> is`.
    fn check(a: &str, b: &str, expected: &str) {
        let side = |text| Side { facts: catalog(text), ..Side::default() };
        let diff = compare(&side(a), &side(b)).unwrap();
        let version = |version: Option<String>| version.unwrap_or_else(|| "none".to_owned());
        let ranges = diff.seen.into_iter().map(|seen| {
            let mark = if seen.prerelease { "*" } else { "" };
            let end = seen.before.unwrap_or_default();
            format!("{}{mark} {}..{end}: {} -> {}", seen.name, seen.kibana, version(seen.was), version(seen.is))
        });
        assert_eq!(ranges.collect::<Vec<_>>().join("; "), expected, "{a} | {b}");
    }

    #[test]
    fn ranges_are_those_that_see_another_version() {
        let old = "a 1.0.0 kibana=^7.16.0_||_^8.0.0 spec=2.3";
        check(old, old, "");
        check(
            old,
            "a 1.0.0 kibana=^7.16.0_||_^8.0.0 spec=2.3\n a 1.1.0 kibana=^8.5.0_||_^9.0.0 spec=3.3",
            "a 8.5.0..8.11.0: 1.0.0 -> 1.1.0; a 8.16.0..9.0.0: 1.0.0 -> 1.1.0; a 9.0.0..10.0.0: none -> 1.1.0; \
             a* 8.6.0..8.11.0: 1.0.0 -> 1.1.0; a* 8.16.0..9.0.0: 1.0.0 -> 1.1.0; a* 9.0.0..10.0.0: none -> 1.1.0",
        );
        check("b 1.0.0-rc1 spec=2.3", "", "b 0.0.0..8.6.0: 1.0.0-rc1 -> none; b* 8.6.0..: 1.0.0-rc1 -> none");
    }
}
