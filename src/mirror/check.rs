//! Whether a zip from outside is the version that it should be. It is opened by the same door as in a build.

use super::facts::Key;
use crate::base::rule::Rule;
use crate::base::shown::printable;
use crate::config::limits::Limits;
use crate::input::source::{Candidate, OpenPackage};
use crate::package::{PackageFiles, PackageKind};
use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::path::Path;
use yaml11::{self as yaml, Plain};

/// Largest manifest that is read.
const MOST_MANIFEST_BYTES: u64 = 1 << 20;
/// Characters of a text from outside that are shown.
const SHOWN: usize = 80;

/// What a package must be.
pub(super) struct Expected<'a> {
    /// Layer that it is for, in messages.
    pub(super) layer: &'a str,
    pub(super) key: &'a Key,
    /// The version of the package specification that the upstream told.
    pub(super) format_version: Option<&'a str>,
    pub(super) limits: Limits,
}

/// A zip that is what it should be, as far as its headers and its manifest tell.
pub(super) struct Sound {
    package: OpenPackage,
    /// The version of the package specification that its manifest names.
    pub(super) format_version: String,
}

impl Sound {
    /// Reads every content and compares it with its checksum, where no signature vouches for the bytes.
    pub(super) fn contents(&self) -> Result<(), String> {
        let OpenPackage::Zip(zip) = &self.package else { return Ok(()) };
        zip.check_contents().map_err(|(file, error)| match file {
            Some(path) => format!("its file `{path}` cannot be read: {error}"),
            None => format!("it cannot be read: {error}"),
        })
    }
}

/// Opens a zip, and returns it, or why it is refused.
///
/// # Errors
/// When this machine fails.
pub(super) fn zip(path: &Path, expected: &Expected<'_>) -> Result<Result<Sound, String>> {
    let unreadable = || format!("cannot read {}", path.display());
    // What a run has written itself needs no search for what lies beside it.
    let near = path.parent().zip(path.file_name().and_then(OsStr::to_str));
    let candidate = near.and_then(|(folder, name)| Candidate::at(folder, expected.layer, name));
    let candidate = match candidate {
        Some(candidate) => candidate,
        None => Candidate::named(path, expected.layer).with_context(unreadable)?,
    };
    ensure!(candidate.kind == PackageKind::Zip, "{} is no file", path.display());
    let judged = judge(&candidate, expected);
    if judged.is_err() {
        // What this machine cannot read is no fault of the zip.
        candidate.spot.open().with_context(unreadable)?;
    }
    Ok(judged)
}

/// Opens a version folder, and says why it is none.
pub(super) fn folder(candidate: &Candidate, expected: &Expected<'_>) -> Result<(), String> {
    let package = OpenPackage::open(candidate, &expected.limits).map_err(|problem| problem.message)?;
    manifest(&package, expected).map(|_| ())
}

fn judge(candidate: &Candidate, expected: &Expected<'_>) -> Result<Sound, String> {
    let package = OpenPackage::open(candidate, &expected.limits).map_err(|problem| problem.message)?;
    // A package is one folder: what lies beside it no registry serves, and nobody looks at it.
    if let Some(outside) = package.warnings().iter().find(|warning| warning.rule == Rule::ZipOutsideRoot) {
        let root = package.root().unwrap_or_default();
        let name = printable(outside.place.file.as_deref().unwrap_or_default(), SHOWN);
        return Err(format!("it holds more than the folder `{root}` of the package: `{name}` lies beside it"));
    }
    let format_version = manifest(&package, expected)?;
    Ok(Sound { package, format_version })
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
        Some(text) => format!("`{}`", printable(&text, SHOWN)),
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
