//! What an image tells, in the form in which a registry of our own tells it: pure, from what lies in it.

use super::super::facts::Key;
use super::catalogue::{Catalogue, Lying};
use crate::base::digest::Digest;
use crate::dialect::version::Version;
use serde_json::json;

/// A validator.
pub(super) fn quoted(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// What the image calls itself.
pub(super) fn root(file: &str, id: &Digest) -> String {
    json!({ "service.name": format!("container image {file}"), "service.version": id.short(12) }).to_string()
}

/// The version whose document has this path.
pub(super) fn of_document<'a>(catalogue: &'a Catalogue, path: &str) -> Option<(&'a Key, &'a Lying)> {
    let (name, version) = path.strip_prefix("package/")?.trim_end_matches('/').split_once('/')?;
    catalogue.versions.get_key_value(&(name.to_owned(), Version::strict(version).ok()?))
}

/// The version whose zip has this path.
pub(super) fn of_zip<'a>(catalogue: &'a Catalogue, path: &str) -> Option<(&'a Key, &'a Lying)> {
    let (name, file) = path.strip_prefix("epr/")?.split_once('/')?;
    let version = file.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".zip")?;
    catalogue.versions.get_key_value(&(name.to_owned(), Version::strict(version).ok()?))
}

/// `index/packages.json`, as our sites publish it.
pub(super) fn index(catalogue: &Catalogue) -> String {
    let elements = catalogue.versions.iter().map(|((name, version), lying)| {
        let mut element =
            json!({ "name": name, "version": version.as_str(), "size": lying.size, "sha256": lying.sha256 });
        if let Some(text) = &lying.signature {
            element["signature"] = json!({ "size": text.len(), "sha256": Digest::of(text.as_bytes()) });
        }
        element.to_string()
    });
    let elements: Vec<_> = elements.collect();
    format!("{{\"schema\":\"epr-build/packages/1\",\"packages\":[\n{}\n]}}\n", elements.join(",\n"))
}

/// The listing, each element with what no listing of a registry tells.
pub(super) fn listing(catalogue: &Catalogue) -> String {
    let mut text = "[".to_owned();
    for (position, ((name, version), lying)) in catalogue.versions.iter().enumerate() {
        let path = format!("/epr/{name}/{name}-{version}.zip");
        let mut element = json!({ "name": name, "version": version.as_str(), "download": path });
        let mut add = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                element[key] = value.into();
            }
        };
        add("signature_path", lying.signature.as_ref().map(|_| format!("{path}.sig")));
        add("format_version", lying.format_version.clone());
        add("license", lying.license.clone());
        // Two objects with different keys, as one.
        let element = element.to_string();
        let item = lying.item.strip_prefix('{').unwrap_or_default();
        let joint = if item == "}" { "" } else { "," };
        text += if position == 0 { "\n" } else { ",\n" };
        text += &format!("{}{joint}{item}", element.strip_suffix('}').unwrap_or_default());
    }
    text + "\n]\n"
}

/// What a registry's document of a version tells and its listing does not.
pub(super) fn document((name, version): &Key, lying: &Lying) -> String {
    let Lying { format_version, license, .. } = lying;
    json!({ "name": name, "version": version.as_str(), "format_version": format_version, "license": license })
        .to_string()
}
