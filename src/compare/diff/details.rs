//! The differences inside a package: files with their sizes, fields of the manifest, entries of the changelog.
//!
//! Manifests are compared as plain YAML, value by value, so that a field that this program does not know counts, too. What
//! cannot be read has no fields and no entries; its file is listed in any case. Knows nothing of catalogs.

use crate::compare::holdings::Change;
use crate::dialect::version::Version;
use crate::store::content::Blob;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use yaml11::{self as yaml, Plain, Scalar};

/// The files whose fields and entries are compared.
pub(crate) const MANIFEST: &str = "manifest.yml";
pub(crate) const CHANGELOG: &str = "changelog.yml";

/// A file that is not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// The kind of the difference.
    pub change: Change,
    /// Size before in bytes, if it was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<u64>,
    /// Size now in bytes, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is: Option<u64>,
}

/// A field of the manifest with another value, as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// Path, such as `policy_templates[logs].title`.
    pub field: String,
    /// The value before, if there was one.
    pub was: Option<String>,
    /// The value now, if there is one.
    pub is: Option<String>,
}

/// The changelog's entry for one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The version.
    pub version: String,
    /// Changes, in their order.
    pub changes: Vec<Line>,
}

/// One change of a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `enhancement`, `bugfix`, `breaking-change` or any other word.
    #[serde(rename = "type")]
    pub kind: String,
    /// Description of the change.
    pub description: String,
    /// Link to more about it.
    pub link: String,
}

/// All differences between two packages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Details {
    /// Bytes of all files, before and now.
    pub bytes: [u64; 2],
    /// Every file that is not the same, by path.
    pub files: BTreeMap<String, FileChange>,
    /// Every field of the manifest that is not the same, by path.
    pub manifest: Vec<FieldChange>,
}

/// A package of which details are wanted.
pub(super) struct Inside {
    /// Files of the package.
    pub(super) files: BTreeMap<String, Blob>,
    /// Manifest, as far as it can be read.
    pub(super) manifest: Vec<u8>,
    /// Changelog, as far as it can be read.
    pub(super) changelog: Vec<u8>,
}

impl Details {
    /// Compares two packages.
    pub(super) fn new(was: &Inside, is: &Inside) -> Self {
        let sum = |files: &BTreeMap<String, Blob>| files.values().map(|blob| blob.size).sum();
        let paths: BTreeSet<&String> = was.files.keys().chain(is.files.keys()).collect();
        let mut files = BTreeMap::new();
        for path in paths {
            let (before, now) = (was.files.get(path), is.files.get(path));
            let change = match (before, now) {
                (Some(before), Some(now)) if before.digest == now.digest => continue,
                (Some(_), Some(_)) => Change::Changed,
                (None, _) => Change::Added,
                (_, None) => Change::Removed,
            };
            let size = |blob: Option<&Blob>| blob.map(|blob| blob.size);
            files.insert(path.clone(), FileChange { change, was: size(before), is: size(now) });
        }
        let manifest = if files.contains_key(MANIFEST) { fields(&was.manifest, &is.manifest) } else { Vec::new() };
        Self { bytes: [sum(&was.files), sum(&is.files)], files, manifest }
    }
}

/// The fields of two manifests that are not the same.
fn fields(was: &[u8], is: &[u8]) -> Vec<FieldChange> {
    let [was, is] = [was, is].map(|text| {
        let mut found = BTreeMap::new();
        if let Ok(document) = yaml::parse_plain(text, &yaml::Limits::default()) {
            flatten(&document.root, String::new(), &mut found);
        }
        found
    });
    let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let change = |field: &String| {
        let (was, is) = (was.get(field).cloned(), is.get(field).cloned());
        (was != is).then(|| FieldChange { field: field.clone(), was, is })
    };
    names.into_iter().filter_map(change).collect()
}

/// Every leaf with its path. A list of leaves is one; a mapping in a list goes by its name, if it has one of its own.
fn flatten(value: &Plain, path: String, found: &mut BTreeMap<String, String>) {
    match value {
        Plain::Scalar(scalar, _) => drop(found.insert(path, text(scalar))),
        Plain::List(items, _) => {
            let leaves: Option<Vec<_>> = items
                .iter()
                .map(|item| if let Plain::Scalar(scalar, _) = item { Some(text(scalar)) } else { None })
                .collect();
            if let Some(leaves) = leaves {
                found.insert(path, format!("[{}]", leaves.join(", ")));
                return;
            }
            let names: Vec<Option<&str>> =
                items.iter().map(|item| item.get("name").or_else(|| item.get("type"))?.as_str()).collect();
            for (at, item) in items.iter().enumerate() {
                let own = names[at].filter(|name| names.iter().filter(|other| **other == Some(name)).count() == 1);
                let name = own.map_or_else(|| at.to_string(), str::to_owned);
                flatten(item, format!("{path}[{name}]"), found);
            }
        }
        Plain::Map(entries, _) => {
            for entry in entries {
                let key = text(&entry.key);
                flatten(&entry.value, if path.is_empty() { key } else { format!("{path}.{key}") }, found);
            }
        }
    }
}

fn text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Null => "null".to_owned(),
        Scalar::Bool(value) => value.to_string(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Uint(value) => value.to_string(),
        Scalar::Float(value) => value.to_string(),
        Scalar::String(value) => value.clone(),
    }
}

/// The entries of a changelog that lie behind one version, up to another.
pub(super) fn entries(changelog: &[u8], after: &Version, up_to: &Version) -> Vec<Entry> {
    let Ok(document) = yaml::parse_plain(changelog, &yaml::Limits::default()) else { return Vec::new() };
    let Plain::List(items, _) = &document.root else { return Vec::new() };
    let word = |value: &Plain, key: &str| match value.get(key) {
        Some(Plain::Scalar(scalar, _)) => text(scalar),
        _ => String::new(),
    };
    let entry = |item: &Plain| {
        let version = word(item, "version");
        let parsed = Version::loose(&version).ok()?;
        let changes = match item.get("changes") {
            Some(Plain::List(changes, _)) => changes.as_slice(),
            _ => &[],
        };
        let line = |change: &Plain| Line {
            kind: word(change, "type"),
            description: word(change, "description"),
            link: word(change, "link"),
        };
        (parsed > *after && parsed <= *up_to).then(|| Entry { version, changes: changes.iter().map(line).collect() })
    };
    items.iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_compared_by_path() {
        let was = "title: a\nowner: {github: x}\ncategories: [web]\npolicy_templates:\n- {name: p, title: one}\n- {name: q, title: two}\n- {title: three}\n";
        let is = "title: b\ncategories: [web, cloud]\npolicy_templates:\n- {name: q, title: 2}\n- {name: p, title: one}\n- {title: three}\nowner.type: z\n";
        let found: Vec<_> = fields(was.as_bytes(), is.as_bytes())
            .into_iter()
            .map(|change| format!("{}: {:?} {:?}", change.field, change.was.as_deref(), change.is.as_deref()))
            .collect();
        let expected = [
            r#"categories: Some("[web]") Some("[web, cloud]")"#,
            r#"owner.github: Some("x") None"#,
            r#"owner.type: None Some("z")"#,
            r#"policy_templates[q].title: Some("two") Some("2")"#,
            r#"title: Some("a") Some("b")"#,
        ];
        assert_eq!(found, expected);
        assert!(fields(b"a: 1", b"a: 1\n").is_empty());
        assert_eq!(fields(b"a: [", b"a: 1").len(), 1, "what cannot be read has no fields");
    }

    #[test]
    fn entries_are_those_between() {
        let text = "- {version: 1.2.0, changes: [{type: bugfix, description: c, link: l}]}\n- {version: 1.1.0, changes: [{description: b}, x]}\n- {version: 1.0.0}\n- {version: none}\n- 7\n";
        let version = |text| Version::loose(text).unwrap();
        let check = |after, up_to, expected: &str| {
            let found = entries(text.as_bytes(), &version(after), &version(up_to));
            let shown = found.iter().map(|entry| {
                let lines: Vec<_> =
                    entry.changes.iter().map(|line| format!("{}:{}", line.kind, line.description)).collect();
                format!("{} {}", entry.version, lines.join(","))
            });
            assert_eq!(shown.collect::<Vec<_>>().join("; "), expected, "{after} {up_to}");
        };
        check("1.0.0", "1.2.0", "1.2.0 bugfix:c; 1.1.0 :b,:");
        check("1.1.0", "1.1.5", "");
        check("0.9.0", "1.0.0", "1.0.0 ");
        assert!(entries(b"a: b", &version("0.0.0"), &version("9.0.0")).is_empty());
    }
}
