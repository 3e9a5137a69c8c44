//! What generations show of a layer. Each is kept for a rollback, for a release or because it is in use; whoever goes back to
//! it and builds again needs what it shows.

use crate::compare::holdings::Holdings;
use crate::generation::distribution::{Distribution, with_remedy};
use crate::select::Key;
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

/// Versions of a layer that a generation in these output folders shows, each with the first of these in words.
///
/// # Errors
/// When a generation cannot be read: what it shows would not be known.
pub fn published(outs: &[&Path], layer: &str) -> Result<BTreeMap<Key, String>> {
    let mut published = BTreeMap::new();
    for out in outs {
        for distribution in Distribution::all(out)? {
            let current = distribution.current();
            let releases = distribution.releases()?;
            for id in distribution.generations()? {
                let release = releases.iter().find(|release| release.generation == id);
                let what = match release {
                    Some(release) => format!("release {} of {}", release.name, distribution.name()),
                    None if current.as_ref() == Some(&id) => format!("{} in use", distribution.name()),
                    None => format!("generation {id} of {}", distribution.name()),
                };
                let holdings = Holdings::of_generation(&distribution.generation(&id)).map_err(with_remedy)?;
                for (key, _) in holdings.versions.iter().filter(|(_, holding)| holding.layer == layer) {
                    published.entry(key.clone()).or_insert_with(|| what.clone());
                }
            }
        }
    }
    Ok(published)
}
