//! From a selection and a catalog to a choice: the stages, in their order.

use super::candidate::Candidate;
use super::choice::Choice;
use super::chooser::Chooser;
use super::finish;
use super::keep_file::Pin;
use super::mistakes::{self, Mistakes};
use super::packages::Packages;
use super::{queries, rules};
use crate::config::selection::Selection;

/// Chooses by what the rules take, however little that is: a rule that takes nothing is no mistake.
pub fn choose_leniently(selection: &Selection, catalog: &[Candidate], pins: &[Pin]) -> Choice {
    let packages = Packages::new(selection, catalog);
    let mut chooser = Chooser::new(selection, &packages);
    let _ = rules::take_all(&mut chooser);
    ended(chooser, pins)
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
    Ok(ended(chooser, pins))
}

/// Chooses for who removes what is not chosen: there a query of a file that finds nothing is a mistake, too.
///
/// # Errors
/// All rules and queries that take nothing.
pub fn choose_strictly(selection: &Selection, catalog: &[Candidate], pins: &[Pin]) -> Result<Choice, Mistakes> {
    let choice = choose(selection, catalog, pins)?;
    Mistakes::of(choice.idle.iter().map(|place| queries::idle(place)).collect())?;
    Ok(choice)
}

fn ended(mut chooser: Chooser<'_>, pins: &[Pin]) -> Choice {
    chooser.previous();
    chooser.keep(pins);
    chooser.take_whole_layers();
    chooser.close();
    finish::finish(chooser)
}
