//! The few package files that the general rules for package files would get wrong.
//!
//! Exact keys ignore case, so a value repeats its key and a second map compares; keys that differ only in case, or hold
//! characters with a meaning in configurations, become patterns.

use super::Map;
use crate::base::file_notes::FileNotes;
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
    let types: BTreeSet<&String> = notes.types.values().collect();
    let mut locations: Vec<_> =
        types.iter().enumerate().map(|(at, kind)| (format!("type-{at}"), Some((*kind).clone()))).collect();
    let mut treated: BTreeMap<&str, String> = BTreeMap::new();
    for path in &notes.archives {
        treated.insert(path, "plain".to_owned());
        if let Some(path) = path.strip_suffix(".gz") {
            treated.insert(path, "plain".to_owned());
        }
    }
    if !treated.is_empty() {
        locations.push(("plain".to_owned(), None));
    }
    for (path, kind) in &notes.types {
        let at = types.iter().position(|listed| *listed == kind).unwrap_or_default();
        treated.insert(path, format!("type-{at}"));
    }
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
            format!("\"~^{}\\z\" \"{name}:$eprc_file\"", pattern(path))
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

/// A pattern that matches the text alone, without any character that nginx reads itself.
pub(in crate::hosts) fn pattern(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'_' => char::from(byte).to_string(),
        other => format!("\\x{other:02x}"),
    };
    text.bytes().map(byte).collect()
}
