//! Reads a package from end to end: manifest, data streams, checks, documents.

use super::data_stream::{DataStream, Parent};
use super::documents::{self, DocumentParts};
use super::facts::{Facts, TemplateFacts};
use super::manifest::{Discovery, Manifest};
use super::package_files::Files;
use super::reader::Fields;
use super::report::ProblemList;
use super::{Package, PackageFiles, ReadContext, kibana, pipelines, validate};
use crate::base::problem::{Problem, Severity};
use crate::base::rule::Rule;
use yaml11::{self as yaml, Limits, Node, Plain};

const MANIFEST: &str = "manifest.yml";

/// Reads, checks and renders one package.
///
/// The second value lists every problem found. The first is `None` if and only if one of them quarantines. A problem's
/// place names file, line and field; the caller adds layer and package.
pub fn read(files: &dyn PackageFiles, context: &ReadContext<'_>) -> (Option<Package>, Vec<Problem>) {
    let report = ProblemList::new(context.require_validation);
    let package = read_package(&Files::new(files, context.findings), context, &report);
    let problems = report.into_problems();
    let quarantined = problems.iter().any(|problem| problem.severity == Severity::Quarantine);
    debug_assert!(quarantined || package.is_some(), "a package is only missing for a reason");
    (package.filter(|_| !quarantined), problems)
}

fn read_package(files: &Files<'_>, context: &ReadContext<'_>, report: &ProblemList) -> Option<Package> {
    let (node, refused) = read_yaml(files, MANIFEST, kibana::of_package, report)?;
    if node.names.is_empty() && node.items.is_empty() {
        report.add(Problem::new(Rule::UnreadableManifest, "the manifest is empty").file(MANIFEST));
        return None;
    }
    let fields = Fields::of_file(&node, MANIFEST, report);
    let mut manifest = Manifest::read(&fields);
    files.check_folder_names(&manifest.name, context.allow_dashed_folders, report);
    files.check_readme(report);
    for template in &mut manifest.policy_templates {
        template.readme = files.template_readme(&template.name, report);
    }
    validate::check_images(&manifest, files, &fields);
    validate::check_folder_version(&manifest, context.folder_version, &fields);
    report.add_untold(refused);
    let parent = Parent { name: &manifest.name, release: manifest.release };
    let data_streams: Vec<DataStream> =
        files.data_streams().into_iter().filter_map(|folder| read_data_stream(files, folder, parent, report)).collect();
    kibana::check_files(&manifest, files, report);
    let assets = files.assets();
    let parts =
        DocumentParts { manifest: &manifest, data_streams: &data_streams, assets: &assets, signed: context.signed };
    Some(Package {
        item: documents::search_item(&parts),
        info: documents::info_document(&parts),
        facts: facts_of(&manifest)?,
    })
}

fn read_data_stream(files: &Files<'_>, folder: &str, parent: Parent<'_>, report: &ProblemList) -> Option<DataStream> {
    let path = format!("data_stream/{folder}/{MANIFEST}");
    let (node, refused) = read_yaml(files, &path, kibana::of_data_stream, report)?;
    let fields = Fields::of_file(&node, &path, report);
    let mut data_stream = DataStream::read(&fields, folder, parent);
    pipelines::match_pipelines(&mut data_stream, files, &fields);
    validate::check_data_stream(&data_stream, files, &fields, report);
    report.add_untold(refused);
    Some(data_stream)
}

/// The tree of a manifest, or `None` after reporting why it cannot be read (contract, "Manifest missing" to "Negative
/// index", and "Data stream manifest unreadable"). `look` sees it as it is written, and what it finds is returned.
fn read_yaml(
    files: &Files<'_>,
    path: &str,
    look: impl FnOnce(&Plain, &str) -> Vec<Problem>,
    report: &ProblemList,
) -> Option<(Node, Vec<Problem>)> {
    let content = files
        .read(path)
        .map_err(|message| {
            report.add(Problem::new(Rule::UnreadableManifest, message).file(path));
        })
        .ok()?;
    let limits = Limits::default();
    let read = yaml::parse_plain(&content.bytes, &limits).and_then(|document| {
        let found = look(&document.root, path);
        Ok((document.expand(&limits)?, found))
    });
    match read {
        Ok((document, found)) => {
            document.warnings.iter().for_each(|warning| report.add(kibana::of_oddity(warning, path)));
            Some((document.root, found))
        }
        Err(error) => {
            let problem = Problem::new(Rule::named(error.rule), error.message).file(path);
            report.add(match error.line {
                Some(line) => problem.line(line),
                None => problem,
            });
            None
        }
    }
}

/// The facts that search needs; `None` if the version or the format version is wrong, which has been reported.
fn facts_of(manifest: &Manifest) -> Option<Facts> {
    let conditions = manifest.conditions.clone().unwrap_or_default();
    let template_facts = manifest.policy_templates.iter();
    Some(Facts {
        name: manifest.name.clone(),
        version: manifest.version.clone()?,
        package_type: manifest.package_type.clone(),
        release: manifest.release,
        kibana: conditions.kibana,
        agent: conditions.agent,
        spec: manifest.spec?,
        capabilities: conditions.elastic.unwrap_or_default().capabilities,
        discovery: manifest.discovery.as_ref().map(Discovery::facts).unwrap_or_default(),
        categories: documents::known_categories(manifest),
        templates: template_facts.map(|template| TemplateFacts { categories: template.categories.clone() }).collect(),
        deprecated: manifest.deprecated.clone(),
    })
}
