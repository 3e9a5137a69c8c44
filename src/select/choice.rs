//! What a selection gives.

use super::keep_file::Pin;
use super::reason::{Asks, Cause, LeftOut, Reason};
use crate::base::words::counted;
use crate::config::selection::KibanaRange;
use crate::dialect::version::Version;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Where queries of a file stand that find nothing in any row of its matrix; the warnings tell of them, too.
    pub idle: Vec<String>,
    /// Packages that take the place of deprecated ones and are not chosen, in words.
    pub suggestions: Vec<String>,
}

/// Versions that are in by more than one rule or other cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Several {
    /// Number of the versions.
    pub versions: usize,
    /// How often they are counted, by rule and by cause.
    pub times: usize,
}

impl Choice {
    /// How many versions are in by other causes than rules, by what these are called.
    pub fn causes(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for reasons in self.versions.values() {
            let labels: BTreeSet<_> = reasons.iter().filter_map(|reason| reason.cause.label()).collect();
            labels.into_iter().for_each(|label| *counts.entry(label).or_default() += 1);
        }
        counts
    }

    /// The versions that are counted more than once where rules and causes are counted one by one.
    pub fn several(&self) -> Several {
        let mut several = Several::default();
        for reasons in self.versions.values() {
            let name = |reason: &Reason| match &reason.cause {
                Cause::Rule { rule } => rule.clone(),
                cause => cause.label().unwrap_or_default().to_owned(),
            };
            let times = reasons.iter().map(name).collect::<BTreeSet<_>>().len();
            if times > 1 {
                several.versions += 1;
                several.times += times;
            }
        }
        several
    }
}

impl Several {
    /// In words, below the counts; nothing if there is none.
    pub fn words(self) -> Option<String> {
        let Self { versions, times } = self;
        (versions > 0)
            .then(|| format!("{} by several of these, counted {times} times above", counted(versions, "version")))
    }
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
