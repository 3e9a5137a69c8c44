//! The same version twice in one layer: the first one found counts.
//!
//! With equal files the other is only noted: `elastic-package build` leaves each package as a folder and as a zip. Which
//! one is meant does not matter then. With other files it is left out as a problem, for nobody knows which one is meant.

use super::merge::differing;
use super::record::{Intake, Record};
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::store::Store;
use anyhow::Result;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Takes out packages whose name and version an earlier package of the layer has.
///
/// # Errors
/// When a list of files cannot be read from the store.
pub(super) fn take_out(layer: &str, mut packages: Vec<Intake>, store: Option<&Store>) -> Result<Vec<Intake>> {
    let mut first: BTreeMap<String, (String, Arc<Record>)> = BTreeMap::new();
    for intake in &mut packages {
        let Some(record) = intake.outcome.record.take() else { continue };
        let id = record.id();
        let Some((place, earlier)) = first.get(&id) else {
            intake.outcome.record = Some(Arc::clone(&record));
            first.insert(id, (intake.package.clone(), record));
            continue;
        };
        let problem = if differing(earlier, &record, store)?.is_empty() {
            let message = format!("{id} is in this layer twice, with equal files; `{place}` counts");
            Problem::new(Rule::EqualDuplicate, message)
        } else {
            let message = format!("{id} is in this layer already, as `{place}`; the first one counts");
            Problem::new(Rule::Duplicate, message)
        };
        intake.outcome.problems.push(problem.within(layer, &intake.package));
        intake.repeats = Some(record);
    }
    Ok(packages)
}
