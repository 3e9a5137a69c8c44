//! Deprecation of a package reaches all its versions (contract, "Deprecation propagation"), also where the version that says
//! so is not held: then a mirror has carried the notice along.

use crate::dialect::version::Version;
use crate::package::{Deprecated, Facts};
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// A notice of a name whose deprecating version is not in the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarriedNotice {
    /// Package name.
    pub name: String,
    /// The newest version that is known to say so.
    pub version: Version,
    /// The layer that carries it along.
    pub layer: String,
    /// The notice.
    pub deprecated: Deprecated,
}

/// Notices that are carried along, by name.
pub type Notices = BTreeMap<String, CarriedNotice>;

/// Adds a notice unless one of a version that is as new is there.
pub fn add(notices: &mut Notices, notice: CarriedNotice) {
    let is_older = |known: &CarriedNotice| known.version.precedence(&notice.version) == Ordering::Less;
    if notices.get(&notice.name).is_none_or(is_older) {
        notices.insert(notice.name.clone(), notice);
    }
}

/// Where the notice of a name comes from.
pub enum Origin<'a> {
    /// The version at this position of those of the name.
    Held(usize, &'a Deprecated),
    /// It is carried along.
    Carried(&'a CarriedNotice),
}

impl Origin<'_> {
    /// The notice.
    pub fn deprecated(&self) -> &Deprecated {
        match self {
            Self::Held(_, deprecated) => deprecated,
            Self::Carried(notice) => &notice.deprecated,
        }
    }
}

/// The notice of a name, given its versions in the catalog, ascending: the block of the highest version that has one. Of
/// versions that differ only in build metadata the first counts. A notice that is carried along counts only if its version is
/// newer than that one, and says something else.
pub fn origin<'a, F: Borrow<Facts>>(versions: &'a [F], notices: &'a Notices) -> Option<Origin<'a>> {
    let facts = |at: usize| -> &'a Facts { versions[at].borrow() };
    let deprecated = (0..versions.len()).filter_map(|at| Some((at, facts(at).deprecated.as_ref()?)));
    let held = deprecated.reduce(|best, next| {
        let is_higher = facts(best.0).version.precedence(&facts(next.0).version) == Ordering::Less;
        if is_higher { next } else { best }
    });
    let carried = versions.first().and_then(|first| notices.get(&first.borrow().name));
    match (held, carried) {
        (Some((at, own)), Some(carried))
            if facts(at).version.precedence(&carried.version) != Ordering::Less || *own == carried.deprecated =>
        {
            Some(Origin::Held(at, own))
        }
        (_, Some(carried)) => Some(Origin::Carried(carried)),
        (Some((at, own)), None) => Some(Origin::Held(at, own)),
        (None, None) => None,
    }
}
