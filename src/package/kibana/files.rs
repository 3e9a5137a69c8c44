//! What Kibana refuses of a package's files: where they lie, how large they are, and YAML that only Kibana reads.

use super::super::manifest::Manifest;
use super::super::package_files::Files;
use super::super::report::ProblemList;
use super::super::{Entry, EntryKind};
use super::told::{of_oddity, problem};
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use std::collections::BTreeSet;
use yaml11::{self as yaml, Limits};

/// Most that Kibana keeps of a file, counted in UTF-16 units of a text and in characters of anything else as base64.
const MOST: usize = 4 << 20;
/// The same if the path has `ml_model` in it.
const MOST_OF_MODELS: usize = 50 << 20;
/// How much of a file tells texts from anything else.
const HEAD: usize = 512;

/// Checks everything but the fields of manifests.
pub(in crate::package) fn check_files(manifest: &Manifest, files: &Files<'_>, report: &ProblemList) {
    let id = format!("{}-{}", manifest.name, manifest.version_text);
    check_root(files, &id, report);
    check_data_stream_folders(files, report);
    for name in files.data_streams() {
        for file in ["routing_rules.yml", "lifecycle.yml"] {
            check_yaml(files, &format!("data_stream/{name}/{file}"), false, report);
        }
    }
    check_yaml(files, "kibana/tags.yml", true, report);
    files.listed().for_each(|file| check_size(file, &id, files, report));
}

/// Reports a zip that has its files in another folder than Kibana wants.
fn check_root(files: &Files<'_>, id: &str, report: &ProblemList) {
    if let Some(root) = files.root().filter(|root| *root != id) {
        let reason = format!("the folder in the zip is called `{root}` and not `{id}`");
        report.add(problem(Rule::KibanaZipRoot, "manifest.yml", reason));
    }
}

/// Reports whatever Kibana takes for a data stream, and which has no manifest. It looks at paths that begin with
/// `data_stream`, with a slash behind it or not.
fn check_data_stream_folders(files: &Files<'_>, report: &ProblemList) {
    let mut seen = BTreeSet::new();
    for file in files.listed() {
        let Some(rest) = file.path.strip_prefix("data_stream") else { continue };
        let Some(name) = rest.split('/').find(|part| !part.is_empty()) else { continue };
        let folder = format!("data_stream/{name}");
        if !seen.insert(name) || files.kind(&format!("{folder}/manifest.yml")) == Some(EntryKind::File) {
            continue;
        }
        report.add(if file.path.starts_with(&format!("{folder}/")) {
            problem(Rule::KibanaNoDataStreamManifest, &folder, "the data stream has no `manifest.yml`")
        } else {
            problem(Rule::KibanaStrayFile, &file.path, "it takes the path for a data stream, which has no manifest")
        });
    }
}

/// Checks a YAML file that the registry does not read. `filled` files must hold something.
fn check_yaml(files: &Files<'_>, path: &str, filled: bool, report: &ProblemList) {
    if files.kind(path) != Some(EntryKind::File) {
        return;
    }
    // What cannot be read is reported when it is stored.
    let Ok(content) = files.read(path) else { return };
    match yaml::parse_plain(&content.bytes, &Limits::default()) {
        Ok(document) => {
            document.warnings.iter().for_each(|warning| report.add(of_oddity(warning, path)));
            if filled && document.root.is_null() {
                report.add(problem(Rule::KibanaYaml, path, "the file holds nothing"));
            }
        }
        Err(error) if error.rule == Rule::YamlSyntax.name() => {
            let problem = problem(Rule::KibanaYaml, path, error.message);
            report.add(match error.line {
                Some(line) => problem.line(line),
                None => problem,
            });
        }
        // Our own limits are not Kibana's.
        Err(_) => {}
    }
}

/// Reports a file that is too large to be kept in Elasticsearch, as Kibana keeps every file of a package.
fn check_size(file: &Entry, id: &str, files: &Files<'_>, report: &ProblemList) {
    let most = if format!("{id}/{}", file.path).contains("ml_model") { MOST_OF_MODELS } else { MOST };
    let size = usize::try_from(file.size).unwrap_or(usize::MAX);
    if size <= most / 4 * 3 {
        return;
    }
    // A character of a text takes at most three bytes for each of its units, and base64 takes more than the file.
    if size > most * 3 {
        report.add(too_large(file, "", most));
        return;
    }
    let Ok(content) = files.read(&file.path) else { return };
    let bytes = content.bytes.as_slice();
    if is_text(bytes) {
        if String::from_utf8_lossy(bytes).encode_utf16().count() > most {
            report.add(too_large(file, "", most));
        }
    } else if bytes.len().div_ceil(3) * 4 > most {
        report.add(too_large(file, ", and more as base64", most));
    }
}

fn too_large(file: &Entry, more: &str, most: usize) -> Problem {
    let reason = format!("the file has {} bytes{more}, and Kibana keeps at most {most}", file.size);
    problem(Rule::KibanaFileTooLarge, &file.path, reason)
}

fn is_text(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(HEAD)];
    // A character may be cut at the end of the head.
    !head.contains(&0) && std::str::from_utf8(head).map_or_else(|error| error.error_len().is_none(), |_| true)
}
