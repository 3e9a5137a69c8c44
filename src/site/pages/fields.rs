//! The fields of data streams, flattened from `fields/*.yml` for reading.

use super::changelog::text;
use serde::Serialize;
use yaml11::{self as yaml, Plain};

/// More fields than any page can show.
const MOST: usize = 20_000;

/// One field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Field {
    /// With the names of its groups, joined by dots.
    pub(super) name: String,
    /// `keyword`, `long` and so on; `ecs` for a field that is defined elsewhere.
    pub(super) kind: String,
    pub(super) description: String,
    /// Unit and metric type, where they are said.
    pub(super) unit: String,
}

/// Adds the fields of one file.
pub(super) fn read(bytes: &[u8], fields: &mut Vec<Field>) {
    if let Ok(document) = yaml::parse_plain(bytes, &yaml::Limits::default()) {
        add(&document.root, "", fields);
    }
}

/// The depth is that of the file, which its reader bounds.
fn add(list: &Plain, prefix: &str, fields: &mut Vec<Field>) {
    let Plain::List(entries, _) = list else { return };
    for entry in entries {
        let word = |key: &str| entry.get(key).and_then(text).unwrap_or_default();
        let own = word("name");
        if own.is_empty() || fields.len() >= MOST {
            continue;
        }
        let name = if prefix.is_empty() { own } else { format!("{prefix}.{own}") };
        if let Some(inner) = entry.get("fields") {
            add(inner, &name, fields);
            continue;
        }
        let kind = match (word("type"), word("external")) {
            (kind, external) if kind.is_empty() => external,
            (kind, _) => kind,
        };
        if kind == "group" {
            continue;
        }
        let unit = [word("unit"), word("metric_type")].into_iter().filter(|word| !word.is_empty());
        let unit = unit.collect::<Vec<_>>().join(", ");
        fields.push(Field { name, kind, description: word("description"), unit });
    }
}
