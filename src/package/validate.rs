//! Checks that need more than one file or field (contract, "Why a package is refused" and "Checks of data streams under
//! validation").
//!
//! The registry makes these checks only under content validation. None of them changes a document.

use super::checked_file::{CheckedFile, parse_yaml};
use super::data_stream::DataStream;
use super::findings::{Check, Fault, Finding};
use super::image::Image;
use super::manifest::Manifest;
use super::package_files::Files;
use super::reader::Fields;
use super::report::ProblemList;
use super::{PackageKind, fields_files, lexical, pipelines};
use crate::base::rule::Rule;
use crate::dialect::version::Version;
use serde::de::IgnoredAny;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use yaml11::{Plain, Scalar};

/// Reports icons and screenshots of the package that do not exist (contract, "Image missing"). The images of policy
/// templates are not checked.
pub(super) fn check_images(manifest: &Manifest, files: &Files<'_>, fields: &Fields<'_>) {
    for (list, images) in [("icons", &manifest.icons), ("screenshots", &manifest.screenshots)] {
        // An empty `src` has been reported (contract, "Required text empty").
        for (index, image) in images.iter().enumerate().filter(|(_, image)| !image.source.is_empty()) {
            if !image_exists(image, files) {
                let path = image.source.strip_prefix('/').unwrap_or(&image.source);
                fields.report(
                    &format!("{list}.{index}.src"),
                    Rule::MissingImage,
                    format!("stat {path}: no such file or directory"),
                );
            }
        }
    }
}

/// Returns true if the package holds the image. In folder packages the path must be clean; in zips it is cleaned first.
fn image_exists(image: &Image, files: &Files<'_>) -> bool {
    let path = image.source.strip_prefix('/').unwrap_or(&image.source);
    match files.package_kind() {
        PackageKind::Folder => lexical::is_clean(path) && files.kind(path).is_some(),
        PackageKind::Zip => lexical::join("", path).is_some_and(|path| files.kind(&path).is_some()),
    }
}

/// Reports a version folder that is not named after the version, build metadata aside (contract, "Folder and manifest
/// versions differ").
pub(super) fn check_folder_version(manifest: &Manifest, folder: Option<&str>, fields: &Fields<'_>) {
    let (Some(folder), Some(version)) = (folder, &manifest.version) else { return };
    let agrees = Version::strict(folder).is_ok_and(|folder| folder.precedence(version) == Ordering::Equal);
    if !agrees {
        let versions = format!("inconsistent versions (path: {folder}, manifest: {version})");
        fields.report(
            "version",
            Rule::VersionDiffersFromFolder,
            format!("version in manifest file is not consistent with path: {versions}"),
        );
    }
}

/// Checks a data stream under validation (contract, "Checks of data streams under validation").
pub(super) fn check_data_stream(
    data_stream: &DataStream,
    files: &Files<'_>,
    fields: &Fields<'_>,
    report: &ProblemList,
) {
    if data_stream.dataset.contains('-') {
        let message = format!("data stream name `{}` must not contain `-`", data_stream.dataset);
        fields.report("dataset", Rule::DashInDataset, message);
    }
    // An empty `type` has been reported (contract, "Required text empty").
    let kinds = ["", "logs", "metrics", "synthetics", "traces"];
    if !kinds.contains(&data_stream.kind.as_str()) {
        let message = format!("type `{}` is not valid", data_stream.kind);
        fields.report("type", Rule::InvalidType, message);
    }
    check_pipelines(data_stream, files, fields, report);
    fields_files::check(data_stream, files, report);
}

/// Checks that the named pipeline exists as JSON or YAML, and that each of the two that exists is a map.
fn check_pipelines(data_stream: &DataStream, files: &Files<'_>, fields: &Fields<'_>, report: &ProblemList) {
    let name = &data_stream.ingest_pipeline;
    if name.is_empty() {
        return;
    }
    let folder = pipelines::folder_of(data_stream);
    let candidates = ["json", "yml"].map(|extension| lexical::join(&folder, &format!("{name}.{extension}")));
    let found: Vec<String> = candidates.into_iter().flatten().filter(|path| files.kind(path).is_some()).collect();
    if found.is_empty() {
        fields.report(
            "ingest_pipeline",
            Rule::MissingPipeline,
            format!("defined ingest_pipeline does not exist: {folder}/{name}"),
        );
    }
    for path in &found {
        check_pipeline(&CheckedFile { path, rule: Rule::InvalidPipeline, report }, files);
    }
}

fn check_pipeline(file: &CheckedFile<'_>, files: &Files<'_>) {
    if file.path.ends_with(".json") {
        file.check(Check::JsonPipeline, files, find_in_json);
    } else {
        file.check(Check::YamlPipeline, files, find_in_yaml);
    }
}

fn find_in_json(bytes: &[u8]) -> Finding {
    let pipeline: Result<Option<BTreeMap<String, IgnoredAny>>, _> = serde_json::from_slice(bytes);
    let fault = |error: serde_json::Error| Fault {
        line: u32::try_from(error.line()).ok().filter(|line| *line > 0),
        message: format!("not a JSON map: {error}"),
    };
    pipeline.map(|_| Vec::new()).map_err(fault)
}

fn find_in_yaml(bytes: &[u8]) -> Finding {
    match parse_yaml(bytes)? {
        Plain::Map(..) | Plain::Scalar(Scalar::Null, _) => Ok(Vec::new()),
        other => Err(Fault { line: Some(other.line()), message: "a pipeline must be a map".to_owned() }),
    }
}
