//! Which versions a fleet needs, with the reason for each: a pure function of facts.
//!
//! ```text
//! take (union of rules, of what is not excluded) ─► previous ─► keep ─► closure ─► reasons, losses
//! ```
//!
//! Rules choose packages, not versions: a package is taken if some Kibana of the selection gets a version of it that the
//! rule admits, and then every Kibana of the selection gets the same version of it from the choice as from the whole. That is
//! the law, and it holds for all packages that any rule, keep file or requirement brings in. What breaks it is what people ask
//! for: `exclude`, `versions`, `prerelease: no` and queries of a distribution file. [`Choice::losses`] tells each such case,
//! and is found out by asking, not by reckoning.
//!
//! A range of Kibanas is asked at each of its *boundaries*: wherever a constraint of a version of that package changes its
//! result, or Kibana begins to ask in another way. Questions go to [`crate::answers::search`], which builds use, too.

pub mod candidate;
mod chooser;
mod closure;
mod filter;
mod finish;
pub mod keep_file;
mod law;
mod left_out;
pub mod load;
mod mistakes;
mod packages;
pub mod published;
pub mod reason;
pub mod requires;
pub mod resolved;
mod rules;
#[cfg(test)]
mod tests;

pub use candidate::Candidate;
pub use keep_file::Pin;
pub use law::{Loss, Outside, seen_less_outside};
pub use load::{Loaded, load};
pub use mistakes::{Mistake, Mistakes};
pub use reason::{Asks, Cause, LeftOut, Reason};

use crate::config::selection::Selection;
use crate::dialect::version::Version;
use chooser::Chooser;
use packages::Packages;
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

/// Chooses. The catalog may be in any order; of two versions that are the same the first counts.
///
/// # Errors
/// All rules that take nothing, with what was perhaps meant.
pub fn choose(selection: &Selection, catalog: &[Candidate], pins: &[Pin]) -> Result<Choice, Mistakes> {
    let packages = Packages::new(selection, catalog);
    mistakes::check(selection, &packages)?;
    let mut chooser = Chooser::new(selection, &packages);
    rules::take_all(&mut chooser)?;
    chooser.previous();
    chooser.keep(pins);
    chooser.close();
    Ok(finish::finish(chooser))
}
