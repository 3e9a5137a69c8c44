//! From a read package to its two documents (contract, sections 3.1 and 3.5).
//!
//! Members stand in the order of the contract's tables. Both documents are cut before and after `deprecated`, which the
//! catalog decides, and the search item around its templates, of which a category may keep some. How pieces are joined
//! is in `document`.

use super::categories;
use super::conditions::Conditions;
use super::data_stream::DataStream;
use super::document::{INFO_INDENT, ITEM_INDENT, InfoDocument, SearchItem, TEMPLATE_INDENT};
use super::manifest::{Discovery, Manifest, Owner, Requires, Source};
use super::privileges::{Agent, ElasticsearchPrivileges};
use crate::dialect::json::{self, Object};

/// Everything that the documents are made of.
#[derive(Debug)]
pub(super) struct DocumentParts<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) data_streams: &'a [DataStream],
    /// Paths of the files in the package, in order of the answer.
    pub(super) assets: &'a [&'a str],
    /// Whether a signature lies beside the package.
    pub(super) signed: bool,
}

/// The element for `/search`.
pub(super) fn search_item(content: &DocumentParts<'_>) -> SearchItem {
    let manifest = content.manifest;
    let base = manifest.base();
    let short_template = |template: &super::policy_template::PolicyTemplate| {
        let mut text = " ".repeat(TEMPLATE_INDENT);
        json::object(&mut text, TEMPLATE_INDENT, |object| template.write_short(object, &base));
        text
    };
    SearchItem {
        before_templates: beginning(ITEM_INDENT, |object| write_identity(object, manifest)),
        templates: manifest.policy_templates.iter().map(short_template).collect(),
        before_deprecated: continuation(ITEM_INDENT, |object| {
            write_conditions_to_discovery(object, content);
            object.objects_if_any("data_streams", content.data_streams, |object, stream| stream.write_short(object));
        }),
        after_deprecated: ending(ITEM_INDENT, |object| write_requires_and_group(object, manifest)),
    }
}

/// The package document.
pub(super) fn info_document(content: &DocumentParts<'_>) -> InfoDocument {
    let manifest = content.manifest;
    let before_deprecated = beginning(INFO_INDENT, |object| {
        write_identity(object, manifest);
        write_conditions_to_discovery(object, content);
    });
    let after_deprecated = ending(INFO_INDENT, |object| {
        write_requires_and_group(object, manifest);
        write_details(object, content);
    });
    InfoDocument { before_deprecated, after_deprecated: after_deprecated + "\n" }
}

/// Rows 1 to 11.
fn write_identity(object: &mut Object<'_>, manifest: &Manifest) {
    let base = manifest.base();
    object.text("name", &manifest.name);
    if let Some(title) = &manifest.title {
        object.text("title", title);
    }
    object.text("version", &manifest.version_text);
    object.text("release", manifest.release.as_str());
    object.object_if_some("source", manifest.source.as_ref(), Source::write_members);
    object.text("description", &manifest.description);
    object.text("type", &manifest.package_type);
    object.text("download", &manifest.download());
    object.text("path", &base);
    object.objects_if_any("icons", &manifest.icons, |object, icon| icon.write(object, &base));
    object.text_if_set("policy_templates_behavior", &manifest.policy_templates_behavior);
}

/// Rows 13 to 17.
fn write_conditions_to_discovery(object: &mut Object<'_>, content: &DocumentParts<'_>) {
    let manifest = content.manifest;
    object.object_if_some("conditions", manifest.conditions.as_ref(), Conditions::write_members);
    object.object_if_some("owner", manifest.owner.as_ref(), Owner::write_members);
    object.texts_if_any("categories", &known_categories(manifest));
    if content.signed {
        object.text("signature_path", &format!("{}.sig", manifest.download()));
    }
    object.object_if_some("discovery", manifest.discovery.as_ref(), Discovery::write_members);
}

/// Rows 20 and 21.
fn write_requires_and_group(object: &mut Object<'_>, manifest: &Manifest) {
    object.object_if_some("requires", manifest.requires.as_ref(), Requires::write_members);
    object.text_if_set("group", &manifest.group);
}

/// Rows 22 to 31.
fn write_details(object: &mut Object<'_>, content: &DocumentParts<'_>) {
    let manifest = content.manifest;
    let base = manifest.base();
    let assets: Vec<String> = content.assets.iter().map(|asset| format!("{base}/{asset}")).collect();
    object.text("format_version", &manifest.format_version);
    object.text("readme", &format!("{base}/docs/README.md"));
    object.text("license", manifest.effective_license());
    object.objects_if_any("screenshots", &manifest.screenshots, |object, image| image.write(object, &base));
    object.texts_if_any("assets", &assets);
    object.objects_if_any("policy_templates", &manifest.policy_templates, |object, template| {
        template.write_full(object, &base);
    });
    object.objects_if_any("data_streams", content.data_streams, |object, stream| stream.write_full(object));
    object.objects_if_any("vars", &manifest.vars, |object, variable| variable.write(object));
    object.object_if_some("elasticsearch", manifest.elasticsearch.as_ref(), ElasticsearchPrivileges::write_members);
    object.object_if_some("agent", manifest.agent.as_ref(), Agent::write_members);
}

/// The ids that the registry knows, in order, repeats kept.
pub(super) fn known_categories(manifest: &Manifest) -> Vec<String> {
    manifest.categories.iter().filter(|id| categories::known(id)).cloned().collect()
}

/// A document up to its last member so far, without the closing brace.
fn beginning(indent: usize, fill: impl FnOnce(&mut Object<'_>)) -> String {
    let mut text = " ".repeat(indent);
    text.push('{');
    json::first_members(&mut text, indent, fill);
    text
}

/// More members, each beginning with a comma.
fn continuation(indent: usize, fill: impl FnOnce(&mut Object<'_>)) -> String {
    let mut text = String::new();
    json::more_members(&mut text, indent, fill);
    text
}

/// More members and the closing brace.
fn ending(indent: usize, fill: impl FnOnce(&mut Object<'_>)) -> String {
    let mut text = continuation(indent, fill);
    text.push('\n');
    text.extend(std::iter::repeat_n(' ', indent));
    text.push('}');
    text
}
