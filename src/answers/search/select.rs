//! Which versions of each name remain after the filter (contract, "Normal filter" and "Legacy filter").
//!
//! All three functions take positions in catalog order, that is ascending versions within a name, and keep that order.
//! They know nothing of the filters before them.

use crate::package::Facts;
use std::cmp::Ordering;

/// The highest version of each name; of those that differ only in build metadata the first.
pub fn latest(catalog: &[&Facts], candidates: impl IntoIterator<Item = usize>) -> Vec<usize> {
    one_a_name(catalog, candidates, |slot, newcomer| precedence(slot, newcomer) == Ordering::Less)
}

/// The highest release of each name, or its highest pre-release when it has no release.
///
/// The reference fills one slot a name in order of discovery: a newcomer replaces it unless both have the same
/// pre-release status and the slot is newer or equal, or the slot is a release and the newcomer is not. We discover in
/// ascending order. Whatever the order, a release in the slot yields only to a higher release, and a pre-release yields
/// to any release; so order decides only between versions that differ in build metadata alone, where the first stays.
pub fn legacy_latest(catalog: &[&Facts], candidates: impl IntoIterator<Item = usize>) -> Vec<usize> {
    one_a_name(catalog, candidates, |slot, newcomer| {
        match (slot.version.is_prerelease(), newcomer.version.is_prerelease()) {
            (false, true) => false,
            (true, false) => true,
            _ => precedence(slot, newcomer) == Ordering::Less,
        }
    })
}

/// Every version, except that a name with a release from 1.0.0 on loses its pre-releases and technical previews.
pub fn legacy_all(catalog: &[&Facts], candidates: impl IntoIterator<Item = usize>) -> Vec<usize> {
    let candidates: Vec<_> = candidates.into_iter().collect();
    let mature = |&index: &usize| !catalog[index].version.is_prerelease() && catalog[index].version.major >= 1;
    let same_name = |a: &usize, b: &usize| catalog[*a].name == catalog[*b].name;
    let mut kept = Vec::new();
    for versions in candidates.chunk_by(same_name) {
        let any_mature = versions.iter().any(mature);
        kept.extend(versions.iter().filter(|index| !any_mature || mature(index)));
    }
    kept
}

/// One slot a name, filled in order of appearance.
fn one_a_name(
    catalog: &[&Facts],
    candidates: impl IntoIterator<Item = usize>,
    replaces: impl Fn(&Facts, &Facts) -> bool,
) -> Vec<usize> {
    let mut slots: Vec<usize> = Vec::new();
    for index in candidates {
        match slots.last_mut() {
            Some(slot) if catalog[*slot].name == catalog[index].name => {
                if replaces(catalog[*slot], catalog[index]) {
                    *slot = index;
                }
            }
            _ => slots.push(index),
        }
    }
    slots
}

fn precedence(a: &Facts, b: &Facts) -> Ordering {
    a.version.precedence(&b.version)
}
