//! What upstreams say of deprecated names, written down for builds ([`crate::input::carried`]).
//!
//! Listings have a notice on every version of a name, whichever version it comes from. So the notice of a name that is held
//! in part is known, also where the version that says so is not held.

use super::facts::{Facts, FactsTable};
use super::record::Record;
use crate::base::fs;
use crate::dialect::version::Version;
use crate::input::carried::{self, Carried, CarriedTable, FILE};
use crate::package::Deprecated;
use anyhow::Result;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// Writes the notices of all names that are held, if they differ from what is there.
pub(super) fn write(folder: &Path, facts: &FactsTable, record: &Record) -> Result<()> {
    let held = record.versions.iter().filter(|(_, entry)| entry.is_held());
    let text = carried::render(&table(facts, &held.map(|((name, _), _)| name.as_str()).collect()))?;
    fs::renew_for_good(&folder.join(FILE), text.as_bytes())
}

/// Returns true if a run has written notices; a layer that an earlier version of this program mirrored has none.
pub(super) fn are_written(folder: &Path) -> bool {
    fs::link_metadata(&folder.join(FILE)).is_ok_and(|found| found.is_file())
}

/// The notices of names: of each that of the newest version which has one and is listed, or was, where none is any more.
fn table(facts: &FactsTable, names: &BTreeSet<&str>) -> CarriedTable {
    let versions: Vec<_> = facts.iter().filter(|((name, _), _)| names.contains(name.as_str())).collect();
    let of_name = versions.chunk_by(|a, b| a.0.0 == b.0.0).filter_map(|versions| {
        let is_listed = versions.iter().any(|(_, facts)| facts.listed);
        let counted = versions.iter().rev().filter(|(_, facts)| facts.listed || !is_listed);
        let notice = |((name, version), facts): &(&(String, Version), &Facts)| {
            let deprecated = notice(&facts.item)?;
            Some((name.clone(), Carried { version: version.clone(), deprecated }))
        };
        counted.copied().find_map(|one| notice(&one))
    });
    of_name.collect()
}

/// The notice of an element of a listing; `None` if it is none that can be carried.
fn notice(item: &str) -> Option<Deprecated> {
    if !item.contains("\"deprecated\"") {
        return None;
    }
    let item: Value = serde_json::from_str(item).ok()?;
    carried::notice(item.get("deprecated")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(rows: &[(&str, &str, bool, &str)]) -> FactsTable {
        let row = |(name, version, listed, notice): &(&str, &str, bool, &str)| {
            let facts = Facts {
                upstream: "elastic".to_owned(),
                listed: *listed,
                hidden: false,
                signed: false,
                format_version: None,
                format_class: None,
                bytes: None,
                license: None,
                item: if notice.is_empty() { "{}".to_owned() } else { format!("{{\"deprecated\":{notice}}}") },
            };
            (((*name).to_owned(), Version::strict(version).unwrap()), facts)
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn the_newest_listed_version_with_a_notice_speaks() {
        let old = r#"{"since":"1.0.0","description":"old"}"#;
        let new = r#"{"since":"2.0.0","description":"new","replaced_by":{"package":"b"}}"#;
        for (rows, expected) in [
            (&[("a", "1.0.0", true, new), ("a", "1.10.0", true, new), ("a", "1.9.0", true, new)][..], "a 1.10.0 new"),
            (&[("a", "1.0.0", true, old), ("a", "2.0.0", true, "")], "a 1.0.0 old"),
            // The upstream took its notice back.
            (&[("a", "1.0.0", true, ""), ("a", "0.9.0", false, old)], ""),
            // It lists the name no more.
            (&[("a", "1.0.0", false, old), ("a", "2.0.0", false, new)], "a 2.0.0 new"),
            // Nothing of it is held.
            (&[("z", "1.0.0", true, old), ("a", "1.0.0", true, old), ("b", "1.0.0", true, "")], "a 1.0.0 old"),
            (&[("a", "1.0.0", true, "7"), ("b", "1.0.0", true, "{\"since\":7}")], ""),
            (&[("a", "1.0.0", true, "{}")], "a 1.0.0 "),
        ] {
            let table = table(&facts(rows), &["a", "b"].into());
            let lines =
                table.iter().map(|(name, one)| format!("{name} {} {}", one.version, one.deprecated.description));
            assert_eq!(lines.collect::<Vec<_>>().join("; "), expected, "{rows:?}");
        }
    }
}
