//! The fields that every data stream must define (contract, "Checks of data streams under validation").
//!
//! Fields files are only read for this check: nothing of them is published.

use super::checked_file::{CheckedFile, parse_yaml};
use super::data_stream::DataStream;
use super::findings::{Check, Fault, Field, Finding};
use super::package_files::Files;
use super::report::ProblemList;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use yaml11::{Plain, Scalar};

/// Name and type of the required fields.
const REQUIRED: [(&str, &str); 4] = [
    ("data_stream.type", "constant_keyword"),
    ("data_stream.dataset", "constant_keyword"),
    ("data_stream.namespace", "constant_keyword"),
    ("@timestamp", "date"),
];

/// Reads all fields files of a data stream and looks for the required fields.
pub(super) fn check(data_stream: &DataStream, files: &Files<'_>, report: &ProblemList) {
    let folder = format!("data_stream/{}/fields", data_stream.folder);
    let mut fields = Vec::new();
    for (name, _) in files.children(&folder) {
        let path = &format!("{folder}/{name}");
        let file = CheckedFile { path, rule: Rule::InvalidFieldsFile, report };
        match file.check(Check::Fields, files, find_fields).as_deref() {
            Some(Ok(more)) => fields.extend_from_slice(more),
            _ => return,
        }
    }
    for (name, kind) in REQUIRED {
        if let Err(message) = require(&fields, name, kind) {
            let problem = Problem::new(Rule::RequiredField, message).file(folder.as_str()).field(name);
            report.add(problem.hint(format!("define `{name}` with type `{kind}`")));
        }
    }
}

/// The fields in one file that decide about the required ones. An empty file has no fields; a file that is not a list
/// of maps has a fault.
fn find_fields(bytes: &[u8]) -> Finding {
    let entries = match parse_yaml(bytes)? {
        Plain::Scalar(Scalar::Null, _) => return Ok(Vec::new()),
        Plain::List(entries, _) => entries,
        other => return Err(Fault { line: Some(other.line()), message: "a fields file must be a list".to_owned() }),
    };
    let is_map = |entry: &Plain| matches!(entry, Plain::Map(..)) || entry.is_null();
    if let Some(entry) = entries.iter().find(|entry| !is_map(entry)) {
        return Err(Fault { line: Some(entry.line()), message: "a field must be a map".to_owned() });
    }
    let is_group = |name: &str| {
        REQUIRED.iter().any(|(required, _)| required.split_once('.').is_some_and(|(group, _)| group == name))
    };
    let is_member = |name: &str| {
        REQUIRED.iter().any(|(required, _)| required.split_once('.').is_some_and(|(_, member)| member == name))
    };
    let is_required = |name: &str| REQUIRED.iter().any(|(required, _)| *required == name);
    let found = deciding_fields(
        &entries,
        |name| is_required(name) || is_group(name),
        |entry, name| match entry.get("fields") {
            Some(Plain::List(members, _)) if is_group(name) => deciding_fields(members, is_member, |_, _| Vec::new()),
            _ => Vec::new(),
        },
    );
    Ok(found)
}

/// The entries at which a search by name can end: for each name that `is_sought` the first entry with it, up to the
/// first entry without a name, at which every search ends.
fn deciding_fields(
    entries: &[Plain],
    is_sought: impl Fn(&str) -> bool,
    members: impl Fn(&Plain, &str) -> Vec<Field>,
) -> Vec<Field> {
    let text = |entry: &Plain, key: &str| entry.get(key).and_then(Plain::as_str).map(str::to_owned);
    let mut found: Vec<Field> = Vec::new();
    for entry in entries {
        let name = text(entry, "name");
        match &name {
            None => {
                found.push(Field { name: None, kind: None, members: Vec::new() });
                break;
            }
            Some(name) if is_sought(name) && found.iter().all(|known| known.name.as_ref() != Some(name)) => {
                let members = members(entry, name);
                found.push(Field { name: Some(name.clone()), kind: text(entry, "type"), members });
            }
            Some(_) => {}
        }
    }
    found
}

fn require(fields: &[Field], name: &str, kind: &str) -> Result<(), String> {
    let field = match (find(fields, name)?, name.split_once('.')) {
        (None, Some((group, member))) => match find(fields, group)? {
            Some(group) => find(&group.members, member)?,
            None => None,
        },
        (field, _) => field,
    };
    let Some(field) = field else { return Err(format!("field {name} is not found")) };
    match field.kind.as_deref() {
        Some(found) if found == kind => Ok(()),
        found => Err(format!("field {name} must have type {kind}, but has {}", found.unwrap_or("none"))),
    }
}

/// The first entry with the name. An entry without a name before it is an error.
fn find<'a>(fields: &'a [Field], name: &str) -> Result<Option<&'a Field>, String> {
    for field in fields {
        match field.name.as_deref() {
            None => return Err(format!("a field before {name} has no name")),
            Some(found) if found == name => return Ok(Some(field)),
            Some(_) => {}
        }
    }
    Ok(None)
}
