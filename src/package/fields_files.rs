//! The fields that every data stream must define (contract, section 5.5).
//!
//! Fields files are only read for this check: nothing of them is published.

use super::checked_file::CheckedFile;
use super::data_stream::DataStream;
use super::package_files::Files;
use super::report::Report;
use crate::problem::Problem;
use crate::yaml::{Plain, Scalar};

/// Name and type of the required fields.
const REQUIRED: [(&str, &str); 4] = [
    ("data_stream.type", "constant_keyword"),
    ("data_stream.dataset", "constant_keyword"),
    ("data_stream.namespace", "constant_keyword"),
    ("@timestamp", "date"),
];

/// Reads all fields files of a data stream and looks for the required fields.
pub(super) fn check(data_stream: &DataStream, files: &Files<'_>, report: &Report) {
    let folder = format!("data_stream/{}/fields", data_stream.folder);
    let mut fields = Vec::new();
    for (name, _) in files.children(&folder) {
        let path = &format!("{folder}/{name}");
        let hint = "a fields file is a list of maps, each with a `name`";
        let Some(more) = read_fields(&CheckedFile { path, rule: "invalid-fields-file", hint, report }, files) else {
            return;
        };
        fields.extend(more);
    }
    for (name, kind) in REQUIRED {
        if let Err(message) = require(&fields, name, kind) {
            let problem = Problem::warning("required-field", message).file(folder.as_str()).field(name);
            report.add_validation(problem.hint(format!("define `{name}` with type `{kind}`")));
        }
    }
}

/// The entries of one file; an empty file has none, and one that is not a list of maps is reported.
fn read_fields(file: &CheckedFile<'_>, files: &Files<'_>) -> Option<Vec<Plain>> {
    let entries = match file.read_yaml(files)? {
        Plain::Scalar(Scalar::Null, _) => return Some(Vec::new()),
        Plain::List(entries, _) => entries,
        other => {
            file.fail(Some(other.line()), "a fields file must be a list");
            return None;
        }
    };
    let is_map = |entry: &Plain| matches!(entry, Plain::Map(..)) || entry.is_null();
    if let Some(entry) = entries.iter().find(|entry| !is_map(entry)) {
        file.fail(Some(entry.line()), "a field must be a map");
        return None;
    }
    Some(entries)
}

fn require(fields: &[Plain], name: &str, kind: &str) -> Result<(), String> {
    let field = match (find(fields, name)?, name.split_once('.')) {
        (None, Some((group, member))) => find_in_group(fields, group, member)?,
        (field, _) => field,
    };
    let Some(field) = field else { return Err(format!("field {name} is not found")) };
    match field.get("type").and_then(Plain::as_str) {
        Some(found) if found == kind => Ok(()),
        found => Err(format!("field {name} must have type {kind}, but has {}", found.unwrap_or("none"))),
    }
}

/// The first entry of that name; every entry before it must have a name.
fn find<'a>(fields: &'a [Plain], name: &str) -> Result<Option<&'a Plain>, String> {
    for field in fields {
        match field.get("name").and_then(Plain::as_str) {
            None => return Err(format!("a field before {name} has no name")),
            Some(found) if found == name => return Ok(Some(field)),
            Some(_) => {}
        }
    }
    Ok(None)
}

fn find_in_group<'a>(fields: &'a [Plain], group: &str, member: &str) -> Result<Option<&'a Plain>, String> {
    match find(fields, group)?.and_then(|group| group.get("fields")) {
        Some(Plain::List(members, _)) => find(members, member),
        _ => Ok(None),
    }
}
