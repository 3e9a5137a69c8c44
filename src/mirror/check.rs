//! Whether a zip from outside is the version that it should be. It is opened by the same door as in a build.

use super::facts::Key;
use crate::config::limits::Limits;
use crate::input::source::{Candidate, OpenPackage};
use crate::package::{EntryKind, PackageFiles};
use anyhow::{Context, Result};
use std::io;
use std::path::Path;
use yaml11::{self as yaml, Plain};

/// Largest manifest that is read.
const MOST_MANIFEST_BYTES: u64 = 1 << 20;

/// What a zip must be.
pub(super) struct Expected<'a> {
    /// Layer that it is for, in messages.
    pub(super) layer: &'a str,
    pub(super) key: &'a Key,
    /// The version of the package specification that the upstream told.
    pub(super) format_version: Option<&'a str>,
    pub(super) limits: Limits,
    /// True if every content is read and compared with its checksum; false where a signature vouches for the bytes.
    pub(super) contents: bool,
}

/// Checks a zip, and returns its format version, or why it is refused.
///
/// # Errors
/// When this machine fails.
pub(super) fn zip(path: &Path, expected: &Expected<'_>) -> Result<Result<String, String>> {
    let candidate =
        Candidate::named(path, expected.layer).with_context(|| format!("cannot read {}", path.display()))?;
    // What this machine cannot read is no fault of the zip.
    let opened = candidate.spot.open();
    opened.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(judge(&candidate, expected))
}

fn judge(candidate: &Candidate, expected: &Expected<'_>) -> Result<String, String> {
    let package = OpenPackage::open(candidate, &expected.limits).map_err(|problem| problem.message)?;
    one_folder(candidate, &package)?;
    let format_version = manifest(&package, expected)?;
    if expected.contents {
        for entry in package.entries().iter().filter(|entry| entry.kind == EntryKind::File) {
            package
                .with_file(&entry.path, |content| io::copy(content, &mut io::sink()))
                .map_err(|error| format!("its file `{}` cannot be read: {error}", entry.path))?;
        }
    }
    Ok(format_version)
}

/// A package is one folder: what lies beside it no registry serves, and nobody looks at it.
fn one_folder(candidate: &Candidate, package: &OpenPackage) -> Result<(), String> {
    let root = package.root().unwrap_or_default();
    let damaged = |error: &dyn std::fmt::Display| format!("its directory cannot be read: {error}");
    let (file, _) = candidate.spot.open().map_err(|error| damaged(&error))?;
    // The door has found the directory to be of bearable size, and all readers to agree on it.
    let zip = zip::ZipArchive::new(io::BufReader::new(file)).map_err(|error| damaged(&error))?;
    for name in zip.file_names() {
        let name = name.map_err(|error| damaged(&error))?;
        if !name.strip_prefix(root).is_some_and(|rest| rest.starts_with('/')) {
            let name = crate::base::shown::printable(&name, 80);
            return Err(format!("it holds more than the folder `{root}` of the package: `{name}` lies beside it"));
        }
    }
    Ok(())
}

/// Compares the manifest with what was asked for.
fn manifest(package: &OpenPackage, expected: &Expected<'_>) -> Result<String, String> {
    let (name, version) = expected.key;
    let entry = package.entries().iter().find(|entry| entry.path == "manifest.yml");
    if entry.is_none_or(|entry| entry.size > MOST_MANIFEST_BYTES) {
        return Err("it has no `manifest.yml` that can be read".to_owned());
    }
    let bytes = package.read("manifest.yml").map_err(|error| format!("its manifest cannot be read: {error}"))?;
    let document = yaml::parse_plain(&bytes, &yaml::Limits::default())
        .map_err(|error| format!("its manifest cannot be read: {}", error.message))?;
    let text = |key: &str| document.root.get(key).and_then(Plain::as_str).map(str::to_owned);
    let shown = |text: Option<String>| match text {
        Some(text) => format!("`{}`", crate::base::shown::printable(&text, 80)),
        None => "nothing".to_owned(),
    };
    for (key, told, wanted) in [("name", text("name"), name.as_str()), ("version", text("version"), version.as_str())] {
        if told.as_deref() != Some(wanted) {
            return Err(format!("its manifest says {} for `{key}`, and it was asked for as `{wanted}`", shown(told)));
        }
    }
    let format_version = text("format_version").unwrap_or_default();
    match expected.format_version {
        Some(promised) if promised != format_version => Err(format!(
            "its manifest says {} for `format_version`, and the upstream told `{promised}`",
            shown(Some(format_version))
        )),
        _ => Ok(format_version),
    }
}
