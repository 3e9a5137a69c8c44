//! Deprecation of a package reaches all its versions (contract, "Deprecation propagation").

use crate::package::{Deprecated, Facts};
use std::borrow::Borrow;
use std::cmp::Ordering;

/// What each entry of the sorted catalog says of its deprecation: the block of the highest version of its name that has
/// one, in place of its own. Of versions that differ only in build metadata the first counts.
pub fn propagated<F: Borrow<Facts>>(catalog: &[F]) -> Vec<Option<Deprecated>> {
    let catalog: Vec<&Facts> = catalog.iter().map(Borrow::borrow).collect();
    let mut result = Vec::with_capacity(catalog.len());
    for versions in catalog.chunk_by(|a, b| a.name == b.name) {
        let deprecated = versions.iter().filter(|facts| facts.deprecated.is_some());
        let highest = deprecated.reduce(|best, next| match best.version.precedence(&next.version) {
            Ordering::Less => next,
            _ => best,
        });
        let block = highest.and_then(|facts| facts.deprecated.clone());
        result.extend(std::iter::repeat_n(block, versions.len()));
    }
    result
}
