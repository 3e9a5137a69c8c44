//! Data streams: their manifests, defaults and the two forms they are written in (contract, "Data streams").
//!
//! `pipelines` may fill in two of the fields; `validate` checks the other files of a data stream.

use super::facts::{Deprecated, Release};
use super::ingestion;
use super::privileges::Agent;
use super::reader::Fields;
use super::variable::Variable;
use crate::base::rule::Rule;
use crate::dialect::json::{Object, Value};
use std::collections::BTreeMap;

/// One `data_stream/<folder>/manifest.yml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DataStream {
    /// Name of the folder, whatever the manifest says.
    pub(super) folder: String,
    pub(super) kind: String,
    pub(super) dataset: String,
    hidden: bool,
    ilm_policy: String,
    dataset_is_prefix: bool,
    title: String,
    release: Release,
    pub(super) ingest_pipeline: String,
    pub(super) streams: Vec<Stream>,
    package: String,
    pub(super) elasticsearch: Option<Elasticsearch>,
    agent: Option<Agent>,
    path: String,
    deprecated: Option<Deprecated>,
}

/// One way to fill a data stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) input: String,
    pub(super) package: String,
    vars: Vec<Variable>,
    data_stream: String,
    template_path: String,
    title: String,
    description: String,
    enabled: Option<bool>,
    ingestion_method: String,
}

/// Index settings of a data stream. Keys with dots stay dotted in JSON, however the manifest spells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Elasticsearch {
    settings: BTreeMap<String, Value>,
    mappings: BTreeMap<String, Value>,
    pub(super) pipeline_name: String,
    /// Privileges on indices, if the block is present.
    privileges: Option<Vec<String>>,
}

/// The values that a data stream inherits from its package.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parent<'a> {
    pub(super) name: &'a str,
    pub(super) release: Release,
}

impl DataStream {
    pub(super) fn read(fields: &Fields<'_>, folder: &str, parent: Parent<'_>) -> Self {
        if fields.is_set("basepath") {
            fields.report(
                "basepath",
                Rule::IgnoredField,
                "`basepath` would move where the data stream is read from and is ignored",
            );
        }
        let dataset = fields.text("dataset");
        let dataset = if dataset.is_empty() { format!("{}.{folder}", parent.name) } else { dataset };
        Self {
            folder: folder.to_owned(),
            kind: fields.required_text("type"),
            dataset,
            hidden: fields.flag("hidden"),
            ilm_policy: fields.text("ilm_policy"),
            dataset_is_prefix: fields.flag("dataset_is_prefix"),
            title: fields.required_text("title"),
            release: Release::read(fields).unwrap_or(parent.release),
            ingest_pipeline: fields.text("ingest_pipeline"),
            streams: fields.list("streams", |fields| {
                let stream = Stream::read(fields);
                stream.check(fields);
                stream.with_defaults()
            }),
            package: fields.optional_text("package").unwrap_or_else(|| parent.name.to_owned()),
            elasticsearch: fields.structure("elasticsearch", Elasticsearch::read),
            agent: fields.structure("agent", Agent::read),
            path: fields.optional_text("path").unwrap_or_else(|| folder.to_owned()),
            deprecated: fields.structure("deprecated", Deprecated::read),
        }
    }

    /// Writes the members that search items show.
    pub(super) fn write_short(&self, object: &mut Object<'_>) {
        object.text_if_set("type", &self.kind);
        object.text("dataset", &self.dataset);
        object.text("title", &self.title);
        object.object_if_some("deprecated", self.deprecated.as_ref(), Deprecated::write_members);
    }

    /// Writes the members that the package document shows.
    pub(super) fn write_full(&self, object: &mut Object<'_>) {
        object.text("type", &self.kind);
        object.text("dataset", &self.dataset);
        object.flag_if_set("hidden", self.hidden);
        object.text_if_set("ilm_policy", &self.ilm_policy);
        object.flag_if_set("dataset_is_prefix", self.dataset_is_prefix);
        object.text("title", &self.title);
        object.text("release", self.release.as_str());
        object.text_if_set("ingest_pipeline", &self.ingest_pipeline);
        object.objects_if_any("streams", &self.streams, |object, stream| stream.write(object));
        object.text_if_set("package", &self.package);
        object.object_if_some("elasticsearch", self.elasticsearch.as_ref(), Elasticsearch::write_members);
        object.object_if_some("agent", self.agent.as_ref(), Agent::write_members);
        object.text_if_set("path", &self.path);
        object.object_if_some("deprecated", self.deprecated.as_ref(), Deprecated::write_members);
    }
}

impl Stream {
    /// Reads a stream as written: the streams of a template's input get no defaults.
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        Self {
            input: fields.text("input"),
            package: fields.text("package"),
            vars: fields.list("vars", Variable::read),
            data_stream: fields.text("data_stream"),
            template_path: fields.text("template_path"),
            title: fields.text("title"),
            description: fields.text("description"),
            enabled: fields.optional_flag("enabled"),
            ingestion_method: fields.text("ingestion_method"),
        }
    }

    fn check(&self, fields: &Fields<'_>) {
        if self.input.is_empty() == self.package.is_empty() {
            let excess = if self.input.is_empty() { "" } else { ", but not both" };
            let message = format!("stream must have an input or package{excess}");
            fields.report("", Rule::StreamInputOrPackage, message);
        }
    }

    /// Fills in the defaults that streams of data streams have (contract, "Defaults of data streams").
    fn with_defaults(mut self) -> Self {
        self.enabled.get_or_insert(true);
        if self.template_path.is_empty() {
            "stream.yml.hbs".clone_into(&mut self.template_path);
        }
        if let Some(method) = ingestion::method(&self.input) {
            method.clone_into(&mut self.ingestion_method);
        }
        self
    }

    pub(super) fn write(&self, object: &mut Object<'_>) {
        object.text_if_set("input", &self.input);
        object.text_if_set("package", &self.package);
        object.objects_if_any("vars", &self.vars, |object, variable| variable.write(object));
        object.text_if_set("data_stream", &self.data_stream);
        object.text_if_set("template_path", &self.template_path);
        object.text_if_set("title", &self.title);
        object.text_if_set("description", &self.description);
        if let Some(enabled) = self.enabled {
            object.flag("enabled", enabled);
        }
        object.text_if_set("ingestion_method", &self.ingestion_method);
    }
}

impl Elasticsearch {
    fn read(fields: &Fields<'_>) -> Self {
        Self {
            settings: fields.free_map("index_template.settings"),
            mappings: fields.free_map("index_template.mappings"),
            pipeline_name: fields.text("ingest_pipeline.name"),
            privileges: fields.structure("privileges", |fields| fields.texts("indices")),
        }
    }

    fn write_members(object: &mut Object<'_>, elasticsearch: &Self) {
        object.members_if_any("index_template.settings", &elasticsearch.settings);
        object.members_if_any("index_template.mappings", &elasticsearch.mappings);
        object.text_if_set("ingest_pipeline.name", &elasticsearch.pipeline_name);
        object.object_if_some("privileges", elasticsearch.privileges.as_ref(), |object, indices| {
            object.texts_if_any("indices", indices);
        });
    }
}
