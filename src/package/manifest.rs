//! The package manifest: its fields, converted to their types, before anything is derived from them (contract, "Model
//! of a package").
//!
//! A condition on one field is checked where the field is read, one that needs other files in `validate`. `documents`
//! writes the fields.

use super::categories;
use super::conditions::Conditions;
use super::facts::{Deprecated, DiscoveryFacts, Release, Spec};
use super::image::Image;
use super::policy_template::PolicyTemplate;
use super::privileges::{Agent, ElasticsearchPrivileges};
use super::reader::Fields;
use super::variable::Variable;
use crate::base::rule::Rule;
use crate::dialect::json::Object;
use crate::dialect::version::Version;

/// Longest name, in bytes, that common file systems allow.
const MAX_FILE_NAME: usize = 255;

/// `manifest.yml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) name: String,
    /// Documents leave the key out if the title is absent, and print an empty title.
    pub(super) title: Option<String>,
    /// `None` if the version is missing or wrong, which has been reported.
    pub(super) version: Option<Version>,
    /// The version as written, right or wrong, for addresses.
    pub(super) version_text: String,
    /// The release that the manifest names, else the one derived from the version.
    pub(super) release: Release,
    pub(super) source: Option<Source>,
    pub(super) description: String,
    pub(super) package_type: String,
    pub(super) icons: Vec<Image>,
    pub(super) policy_templates_behavior: String,
    pub(super) policy_templates: Vec<PolicyTemplate>,
    pub(super) conditions: Option<Conditions>,
    pub(super) owner: Option<Owner>,
    /// Category ids, unknown ones included.
    pub(super) categories: Vec<String>,
    pub(super) discovery: Option<Discovery>,
    pub(super) deprecated: Option<Deprecated>,
    pub(super) requires: Option<Requires>,
    pub(super) group: String,
    pub(super) format_version: String,
    /// `None` if the format version is missing or wrong, which has been reported.
    pub(super) spec: Option<Spec>,
    pub(super) license: String,
    pub(super) screenshots: Vec<Image>,
    pub(super) vars: Vec<Variable>,
    pub(super) elasticsearch: Option<ElasticsearchPrivileges>,
    pub(super) agent: Option<Agent>,
}

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Source {
    license: String,
}

/// Who looks after a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    kind: String,
    github: String,
}

/// Fields and datasets by which a package can be discovered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Discovery {
    fields: Vec<String>,
    datasets: Vec<String>,
}

/// The packages that a package requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requires {
    input: Vec<Requirement>,
    content: Vec<Requirement>,
}

/// One required package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Requirement {
    package: String,
    version: String,
}

impl Manifest {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        check_derived_names(fields);
        let version_text = fields.text("version");
        let version = read_version(fields, &version_text);
        let format_version = fields.text("format_version");
        let package_type = some_if_set(fields.text("type")).unwrap_or_else(|| "integration".to_owned());
        let mut policy_templates = fields.list("policy_templates", PolicyTemplate::read);
        policy_templates.iter_mut().for_each(|template| template.fill_ingestion_method(&package_type));
        let derived_release = version.as_ref().map_or(Release::Ga, Release::of_version);
        Self {
            name: read_name(fields, &version_text),
            title: read_title(fields),
            release: Release::read(fields).unwrap_or(derived_release),
            source: fields.structure("source", |fields| Source { license: fields.text("license") }),
            description: read_description(fields),
            icons: fields.list("icons", Image::read),
            policy_templates_behavior: fields.text("policy_templates_behavior"),
            conditions: fields.structure("conditions", Conditions::read),
            owner: fields.structure("owner", Owner::read),
            categories: read_categories(fields),
            discovery: fields.structure("discovery", Discovery::read).filter(Discovery::is_set),
            deprecated: fields.structure("deprecated", Deprecated::read),
            requires: fields.structure("requires", Requires::read),
            group: fields.text("group"),
            spec: read_spec(fields, &format_version),
            license: fields.text("license"),
            screenshots: fields.list("screenshots", Image::read),
            vars: fields.list("vars", Variable::read),
            elasticsearch: fields.structure("elasticsearch", ElasticsearchPrivileges::read),
            agent: fields.structure("agent", Agent::read),
            package_type,
            policy_templates,
            version,
            version_text,
            format_version,
        }
    }

    /// The address of the package, below which its files lie.
    pub(super) fn base(&self) -> String {
        format!("/package/{}/{}", self.name, self.version_text)
    }

    /// The address of the archive.
    pub(super) fn download(&self) -> String {
        format!("/epr/{0}/{0}-{1}.zip", self.name, self.version_text)
    }

    /// The license in force: the manifest's, else the subscription, else `basic`.
    pub(super) fn effective_license(&self) -> &str {
        let elastic = self.conditions.as_ref().and_then(|conditions| conditions.elastic.as_ref());
        let subscription = elastic.map_or("", |elastic| elastic.subscription.as_str());
        [&self.license, subscription].into_iter().find(|license| !license.is_empty()).unwrap_or("basic")
    }
}

/// Checks names that the registry derives or reads by accident (contract, "Hidden names").
fn check_derived_names(fields: &Fields<'_>) {
    for name in ["download", "path", "signature_path", "readme"] {
        fields.text(name);
    }
    fields.texts("assets");
    for name in ["basepath", "basepolicytemplates"] {
        if fields.is_set(name) {
            let message = format!("`{name}` is not a field of packages and is ignored");
            fields.report(name, Rule::IgnoredField, message);
        }
    }
    if !fields.list("data_streams", |_| ()).is_empty() {
        fields.report(
            "data_streams",
            Rule::DataStreamsInManifest,
            "data streams cannot be listed in the package manifest",
        );
    }
}

/// Reads the name, which is part of addresses and, with the version, of file names.
fn read_name(fields: &Fields<'_>, version: &str) -> String {
    let name = fields.text("name");
    let safe = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || !name.bytes().all(safe) {
        fields.report_with(
            "name",
            Rule::UnsafeName,
            format!("package name `{name}` cannot be part of an address"),
            "use lower-case letters, digits and `_` only",
        );
    }
    let bytes = format!("{name}-{version}.zip.sig").len();
    if bytes > MAX_FILE_NAME {
        let message = format!("`<name>-<version>.zip.sig` has {bytes} bytes, more than a file name can have");
        fields.report("name", Rule::NameTooLong, message);
    }
    name
}

/// Reads the title (contract, "Title empty").
fn read_title(fields: &Fields<'_>) -> Option<String> {
    let title = fields.optional_text("title");
    if title.as_deref().unwrap_or_default().is_empty() {
        let message = format!("no title set for package: {}", fields.text("name"));
        fields.report("title", Rule::MissingTitle, message);
    }
    title
}

/// Reads the description (contract, "Description empty").
fn read_description(fields: &Fields<'_>) -> String {
    let description = fields.text("description");
    if description.is_empty() {
        fields.report("description", Rule::MissingDescription, "no description set");
    }
    description
}

/// Reads the categories. The registry drops those that it does not know (contract, "Category table").
fn read_categories(fields: &Fields<'_>) -> Vec<String> {
    let ids = fields.texts("categories");
    for (index, id) in ids.iter().enumerate().filter(|(_, id)| !categories::known(id)) {
        let field = if fields.has_node("categories") { format!("categories.{index}") } else { "categories".to_owned() };
        let message = format!("unknown category `{id}`, which the registry drops");
        match categories::like(id) {
            Some(known) => {
                fields.report_with(&field, Rule::UnknownCategory, message, format!("did you mean `{known}`?"))
            }
            None => fields.report(&field, Rule::UnknownCategory, message),
        }
    }
    ids
}

/// Reads the version (contract, "Version not strict").
fn read_version(fields: &Fields<'_>, text: &str) -> Option<Version> {
    Version::strict(text)
        .map_err(|error| {
            let message = match text {
                "" => "no version set".to_owned(),
                _ => format!("invalid package version: `{text}`: {error}"),
            };
            fields.report("version", Rule::InvalidVersion, message);
        })
        .ok()
}

/// Reads the format version (contract, "Format version not strict"). The registry requires one only under validation
/// (contract, "Format version missing"), but search could not filter a package without one.
fn read_spec(fields: &Fields<'_>, text: &str) -> Option<Spec> {
    if text.is_empty() {
        let name = Some(fields.text("name")).filter(|name| !name.is_empty());
        let message = "no format_version set".to_owned() + &name.map(|name| format!(": {name}")).unwrap_or_default();
        fields.report("format_version", Rule::MissingFormatVersion, message);
        return None;
    }
    match Version::strict(text) {
        Ok(version) => Some(Spec { major: version.major, minor: version.minor }),
        Err(error) => {
            let message = format!("invalid format spec version '{text}': {error}");
            fields.report("format_version", Rule::InvalidFormatVersion, message);
            None
        }
    }
}

fn some_if_set(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

impl Source {
    pub(super) fn write_members(object: &mut Object<'_>, source: &Self) {
        object.text_if_set("license", &source.license);
    }
}

impl Owner {
    fn read(fields: &Fields<'_>) -> Self {
        Self { kind: fields.text("type"), github: fields.text("github") }
    }

    pub(super) fn write_members(object: &mut Object<'_>, owner: &Self) {
        object.text_if_set("type", &owner.kind);
        object.text_if_set("github", &owner.github);
    }
}

impl Discovery {
    fn read(fields: &Fields<'_>) -> Self {
        let read_name = |fields: &Fields<'_>| fields.required_text("name");
        Self { fields: fields.list("fields", read_name), datasets: fields.list("datasets", read_name) }
    }

    pub(super) fn facts(&self) -> DiscoveryFacts {
        DiscoveryFacts { fields: self.fields.clone(), datasets: self.datasets.clone() }
    }

    fn is_set(&self) -> bool {
        !self.fields.is_empty() || !self.datasets.is_empty()
    }

    pub(super) fn write_members(object: &mut Object<'_>, discovery: &Self) {
        object.objects_if_any("fields", &discovery.fields, |object, name| object.text("name", name));
        object.objects_if_any("datasets", &discovery.datasets, |object, name| object.text("name", name));
    }
}

impl Requires {
    fn read(fields: &Fields<'_>) -> Self {
        Self { input: fields.list("input", Requirement::read), content: fields.list("content", Requirement::read) }
    }

    pub(super) fn write_members(object: &mut Object<'_>, requires: &Self) {
        object.objects_if_any("input", &requires.input, Requirement::write);
        object.objects_if_any("content", &requires.content, Requirement::write);
    }
}

impl Requirement {
    fn read(fields: &Fields<'_>) -> Self {
        Self { package: fields.required_text("package"), version: fields.required_text("version") }
    }

    fn write(object: &mut Object<'_>, requirement: &Self) {
        object.text("package", &requirement.package);
        object.text("version", &requirement.version);
    }
}
