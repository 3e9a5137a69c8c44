//! Whether a version is what a filter means.

use super::candidate::Candidate;
use crate::answers::search::category;
use crate::config::glob::Glob;
use crate::config::selection::Filter;
use crate::dialect::version::{Constraint, Version};

/// Returns true if all conditions hold.
pub(super) fn admits(filter: &Filter, candidate: &Candidate) -> bool {
    is_package(filter, candidate)
        && filter.versions.as_ref().is_none_or(|constraint| satisfies(&candidate.facts.version, constraint))
}

/// Returns true if all conditions hold but the one on the version.
pub(super) fn is_package(filter: &Filter, candidate: &Candidate) -> bool {
    let facts = &candidate.facts;
    let any_glob = |globs: &[Glob], text: &str| globs.is_empty() || globs.iter().any(|glob| glob.matches(text));
    let any = |words: &[String], own: &[String]| words.is_empty() || words.iter().any(|word| own.contains(word));
    let is = |words: &[String], own: &String| words.is_empty() || words.contains(own);
    let in_category = |id: &String| category::selection(facts, id).is_some();
    any_glob(&filter.names, &facts.name)
        && is(&filter.types, &facts.package_type)
        && (filter.categories.is_empty() || filter.categories.iter().any(in_category))
        && is(&filter.owner_types, &candidate.owner_type)
        && any_glob(&filter.owners, &candidate.owner_github)
        && filter.subscription.is_none_or(|most| candidate.subscription <= most)
        && (filter.releases.is_empty() || filter.releases.contains(&facts.release))
        && any(&filter.data_streams, &candidate.data_stream_types)
        && any(&filter.deployment_modes, &candidate.deployment_modes)
}

/// Returns true if a version satisfies a constraint. A constraint that names no pre-release says nothing of them, so for it
/// they count as the releases that they lead to.
pub(super) fn satisfies(version: &Version, constraint: &Constraint) -> bool {
    let is_release = !version.is_prerelease() || constraint.names_prerelease();
    if is_release { constraint.matches(version) } else { constraint.matches(&Version::release(version.numbers())) }
}
