//! Policy templates and their inputs (contract, "Policy template in a search item", "Full policy template" and
//! "Deployment modes").
//!
//! A template is written in short for search and in full for the package document. `package_files` finds its readme.

use super::data_stream::Stream;
use super::facts::Deprecated;
use super::image::Image;
use super::ingestion;
use super::reader::Fields;
use super::variable::Variable;
use crate::base::rule::Rule;
use crate::dialect::json::Object;

/// One way to use a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PolicyTemplate {
    pub(super) name: String,
    title: String,
    description: String,
    data_streams: Vec<String>,
    pub(super) inputs: Vec<Input>,
    multiple: bool,
    icons: Vec<Image>,
    /// Category ids, unknown ones included. Counting tells unset from empty (contract, "Counting categories").
    pub(super) categories: Option<Vec<String>>,
    screenshots: Vec<Image>,
    /// Path of the readme in the package.
    pub(super) readme: Option<String>,
    deployment_modes: Option<DeploymentModes>,
    kind: String,
    input: String,
    ingestion_method: String,
    template_path: String,
    deprecated: Option<Deprecated>,
}

/// An input of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) kind: String,
    pub(super) package: String,
    vars: Vec<Variable>,
    title: String,
    description: String,
    streams: Vec<Stream>,
    template_path: String,
    input_group: String,
    deployment_modes: Vec<String>,
    deprecated: Option<Deprecated>,
}

/// Where a template can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeploymentModes {
    /// True if the default mode is enabled; `None` if the manifest does not mention it.
    default: Option<bool>,
    agentless: Option<Agentless>,
}

/// The mode in which Elastic runs the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agentless {
    enabled: bool,
    is_default: Option<bool>,
    release: String,
}

impl PolicyTemplate {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        // The registry finds the readme itself; a value of the wrong kind is refused all the same.
        fields.text("readme");
        let name = fields.required_text("name");
        Self {
            title: fields.required_text("title"),
            description: fields.required_text("description"),
            data_streams: fields.texts("data_streams"),
            inputs: fields.list("inputs", |fields| Input::read(fields, &name)),
            multiple: fields.optional_flag("multiple").unwrap_or(true),
            icons: fields.list("icons", Image::read),
            categories: fields.optional_texts("categories"),
            screenshots: fields.list("screenshots", Image::read),
            readme: None,
            deployment_modes: fields.structure("deployment_modes", |fields| DeploymentModes::read(fields, &name)),
            kind: fields.text("type"),
            input: fields.text("input"),
            ingestion_method: fields.text("ingestion_method"),
            template_path: fields.text("template_path"),
            deprecated: fields.structure("deprecated", Deprecated::read),
            name,
        }
    }

    /// Sets the ingestion method of a template in a package of type `input`: the input decides, and an input that is
    /// not in the table clears the method.
    pub(super) fn fill_ingestion_method(&mut self, package_type: &str) {
        if package_type == "input" && !self.input.is_empty() {
            ingestion::method(&self.input).unwrap_or_default().clone_into(&mut self.ingestion_method);
        }
    }

    /// Writes the members that search items show; `base` is the address of the package.
    pub(super) fn write_short(&self, object: &mut Object<'_>, base: &str) {
        object.text("name", &self.name);
        object.text("title", &self.title);
        object.text("description", &self.description);
        object.objects_if_any("icons", &self.icons, |object, icon| icon.write(object, base));
        object.texts_if_any("categories", self.categories.as_deref().unwrap_or_default());
        object.object_if_some("deployment_modes", self.deployment_modes.as_ref(), DeploymentModes::write_members);
        object.texts_if_any("data_streams", &self.data_streams);
        object.object_if_some("deprecated", self.deprecated.as_ref(), Deprecated::write_members);
    }

    /// Writes the members that the package document shows; `base` is the address of the package.
    pub(super) fn write_full(&self, object: &mut Object<'_>, base: &str) {
        object.text("name", &self.name);
        object.text("title", &self.title);
        object.text("description", &self.description);
        object.texts_if_any("data_streams", &self.data_streams);
        object.objects_if_any("inputs", &self.inputs, |object, input| input.write(object));
        object.flag("multiple", self.multiple);
        object.objects_if_any("icons", &self.icons, |object, icon| icon.write(object, base));
        object.texts_if_any("categories", self.categories.as_deref().unwrap_or_default());
        object.objects_if_any("screenshots", &self.screenshots, |object, image| image.write(object, base));
        if let Some(readme) = &self.readme {
            object.text("readme", &format!("{base}/{readme}"));
        }
        object.object_if_some("deployment_modes", self.deployment_modes.as_ref(), DeploymentModes::write_members);
        object.text_if_set("type", &self.kind);
        object.text_if_set("input", &self.input);
        object.text_if_set("ingestion_method", &self.ingestion_method);
        object.text_if_set("template_path", &self.template_path);
        object.object_if_some("deprecated", self.deprecated.as_ref(), Deprecated::write_members);
    }
}

impl Input {
    fn read(fields: &Fields<'_>, template: &str) -> Self {
        let input = Self {
            kind: fields.text("type"),
            package: fields.text("package"),
            vars: fields.list("vars", Variable::read),
            title: fields.text("title"),
            description: fields.text("description"),
            streams: fields.list("streams", Stream::read),
            template_path: fields.text("template_path"),
            input_group: fields.text("input_group"),
            deployment_modes: fields.texts("deployment_modes"),
            deprecated: fields.structure("deprecated", Deprecated::read),
        };
        if input.kind.is_empty() == input.package.is_empty() {
            let excess = if input.kind.is_empty() { "" } else { ", but not both" };
            let message =
                format!("input {} in policy template {template} must have a type or package{excess}", input.kind);
            fields.report("", Rule::InputTypeOrPackage, message);
        }
        input
    }

    fn write(&self, object: &mut Object<'_>) {
        object.text_if_set("type", &self.kind);
        object.text_if_set("package", &self.package);
        object.objects_if_any("vars", &self.vars, |object, variable| variable.write(object));
        object.text_if_set("title", &self.title);
        object.text_if_set("description", &self.description);
        object.objects_if_any("streams", &self.streams, |object, stream| stream.write(object));
        object.text_if_set("template_path", &self.template_path);
        object.text_if_set("input_group", &self.input_group);
        object.texts_if_any("deployment_modes", &self.deployment_modes);
        object.object_if_some("deprecated", self.deprecated.as_ref(), Deprecated::write_members);
    }
}

impl DeploymentModes {
    fn read(fields: &Fields<'_>, template: &str) -> Self {
        Self {
            default: fields.structure("default", |fields| fields.flag("enabled")),
            agentless: fields.structure("agentless", |fields| Agentless::read(fields, template)),
        }
    }

    fn write_members(object: &mut Object<'_>, modes: &Self) {
        object.object_if_some("default", modes.default.as_ref(), |object, enabled| object.flag("enabled", *enabled));
        object.object_if_some("agentless", modes.agentless.as_ref(), |object, agentless| {
            object.flag("enabled", agentless.enabled);
            if let Some(is_default) = agentless.is_default {
                object.flag("is_default", is_default);
            }
            object.text_if_set("release", &agentless.release);
        });
    }
}

impl Agentless {
    fn read(fields: &Fields<'_>, template: &str) -> Self {
        let release = fields.text("release");
        if !matches!(release.as_str(), "" | "beta" | "ga") {
            let message = format!("policy template \"{template}\": invalid agentless release: \"{release}\"");
            fields.report("release", Rule::InvalidAgentlessRelease, message);
        }
        Self { enabled: fields.flag("enabled"), is_default: fields.optional_flag("is_default"), release }
    }
}
