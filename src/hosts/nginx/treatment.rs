//! The few package files that the general rules for package files would get wrong.
//!
//! Exact keys ignore case, so a value repeats its key and a second map compares; keys that differ only in case, or hold
//! characters with a meaning in configurations, become patterns.

use super::map::Map;
use crate::base::file_notes::FileNotes;
use crate::hosts::shared::package_files::exceptions;
use crate::hosts::shared::patterns::literal;
use std::collections::{BTreeMap, BTreeSet};

/// The maps and locations.
pub(super) struct Treatments {
    /// From a path to its treatment and itself.
    pub(super) listed: Map,
    /// From both to the treatment: empty, `copy` (not a file of the package) or the name of a location.
    pub(super) treatment: Map,
    /// Locations: name, and the content type if it is not that of the extension.
    pub(super) locations: Vec<(String, Option<String>)>,
}

pub(super) fn treatments(notes: &FileNotes) -> Treatments {
    let types: BTreeSet<&str> = notes.types.values().map(String::as_str).collect();
    let types: Vec<&str> = types.into_iter().collect();
    let mut locations: Vec<_> =
        types.iter().enumerate().map(|(at, kind)| (format!("type-{at}"), Some((*kind).to_owned()))).collect();
    if !notes.archives.is_empty() {
        locations.push(("plain".to_owned(), None));
    }
    let location = |kind: Option<&str>| match kind.map(|kind| types.binary_search(&kind)) {
        Some(Ok(at)) => format!("type-{at}"),
        _ => "plain".to_owned(),
    };
    let treated = exceptions(notes).into_iter().map(|(path, kind)| (path, location(kind))).collect();
    Treatments { listed: listed(&treated), treatment: treatment(), locations }
}

fn listed(treated: &BTreeMap<&str, String>) -> Map {
    let mut spellings: BTreeMap<String, usize> = BTreeMap::new();
    for path in treated.keys() {
        *spellings.entry(path.to_ascii_lowercase()).or_default() += 1;
    }
    let is_key = |path: &str| {
        spellings[&path.to_ascii_lowercase()] == 1
            && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte))
    };
    let row = |(path, name): (&&str, &String)| {
        if is_key(path) {
            format!("{path} \"{name}:{path}\"")
        } else {
            format!("\"~^{}\\z\" \"{name}:$eprc_file\"", literal(path))
        }
    };
    let rows = std::iter::once("default \"\"".to_owned()).chain(treated.iter().map(row));
    Map::new("$eprc_file", "epr_listed", rows)
}

fn treatment() -> Map {
    let rows = [
        r#"default """#,
        r#""~^(?<eprc_treatment>[a-z0-9-]+):(?<eprc_path>[\s\S]+) \k{eprc_path}\z" $eprc_treatment"#,
        r#""~\.gz\z" copy"#,
    ];
    Map::new("\"$epr_listed $eprc_file\"", "epr_treatment", rows.map(str::to_owned))
}
