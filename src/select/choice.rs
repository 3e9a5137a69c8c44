//! What a selection gives.

use super::keep_file::Pin;
use super::reason::{Asks, LeftOut, Reason};
use crate::config::selection::KibanaRange;
use crate::dialect::version::Version;
use serde::Serialize;
use std::collections::BTreeMap;

/// Name and version; the order is the catalog's.
pub type Key = (String, Version);

/// What a selection gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The versions, each with at least one reason.
    pub versions: BTreeMap<Key, Vec<Reason>>,
    /// All other versions of the catalog, each with the reason.
    pub left_out: BTreeMap<Key, LeftOut>,
    /// What Kibanas of the selection get less of packages in the choice, because the selection says so.
    pub losses: Vec<Loss>,
    /// Rules of `take` as they are told, each with the number of versions that it takes.
    pub rules: Vec<(String, usize)>,
    /// Versions that sites have installed and the catalog does not hold; optional ones are left out.
    pub missing: Vec<Pin>,
    /// What to know, in words; a hint may follow in a line of its own.
    pub warnings: Vec<String>,
    /// Packages that take the place of deprecated ones and are not chosen, in words.
    pub suggestions: Vec<String>,
}

/// A package of which some Kibanas of the selection get something else from the choice than from the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Name of the package.
    pub name: String,
    /// The Kibanas.
    pub kibana: KibanaRange,
    /// What they ask for.
    pub asks: Asks,
    /// The version that the whole gives.
    pub whole: Version,
    /// The version that the choice gives; absent if it gives none.
    pub choice: Option<Version>,
    /// What in the selection says so.
    pub because: String,
}
