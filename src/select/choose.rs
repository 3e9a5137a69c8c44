//! From a selection and a catalog to a choice: the stages, in their order.

use super::candidate::Candidate;
use super::choice::Choice;
use super::chooser::Chooser;
use super::finish;
use super::keep_file::Pin;
use super::mistakes::{self, Mistakes};
use super::packages::Packages;
use super::rules;
use crate::config::selection::Selection;

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
