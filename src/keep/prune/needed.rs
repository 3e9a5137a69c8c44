//! What may not go though nothing publishes it: without it a distribution would publish something else.

use super::Fate;
use super::publisher::Publisher;
use crate::select::Key;
use std::collections::{BTreeMap, BTreeSet};

/// Leaves in place what distributions need of what goes. `is_meant` says which versions are to go at once: those of a list, or all
/// that may.
pub fn keep_needed(
    fates: &mut BTreeMap<Key, Fate>,
    publishers: &[Publisher],
    layer: &str,
    is_meant: impl Fn(&Key) -> bool,
) {
    let goes = |(key, fate): &(&Key, &Fate)| matches!(fate, Fate::Goes(_)) && is_meant(key);
    let going = fates.iter().filter(goes).map(|(key, _)| key.clone()).collect();
    for (key, why) in needed(publishers, layer, going) {
        fates.insert(key, Fate::Wanted(why));
    }
}

/// The versions that must stay, each with the reason. What stays may change what the others do, so it is asked again until
/// nothing changes any more what is published.
fn needed(publishers: &[Publisher], layer: &str, mut going: BTreeSet<Key>) -> BTreeMap<Key, String> {
    let mut needed = BTreeMap::new();
    loop {
        let before = going.len();
        for publisher in publishers {
            let changed = publisher.changed_without(layer, &going);
            going.retain(|key| !changed.contains_key(key));
            needed.extend(changed);
        }
        if going.len() == before {
            return needed;
        }
    }
}

#[cfg(test)]
mod tests;
