//! The listing of an upstream: one element for each version, each judged alone.
//!
//! An element that says what cannot be is named and refused; the others count. What is kept of an element are the keys that
//! a selection may ask for ([`Facts::item`]).

use super::facts::{Facts, Key};
use super::scan::{self, Bounds, ScanError};
use crate::dialect::version::Version;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::Read;

/// Longest name of a package.
const MOST_NAME_BYTES: usize = 100;
/// Longest name of a file on common file systems, less the longest ending that is added to one: a digest and `.zip.sig`.
const MOST_FILE_NAME_BYTES: usize = 255 - (1 + 64 + 8);
/// Characters of a text from outside that are shown.
const SHOWN: usize = 80;

/// What a listing says.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Facts of the versions.
    pub(super) versions: BTreeMap<Key, Facts>,
    /// Elements that were refused, in order.
    pub(super) refused: Vec<Refused>,
}

/// An element that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// What it calls itself, or its place.
    pub(super) what: String,
    /// Why.
    pub(super) why: String,
}

/// An element as it is written.
#[derive(Deserialize)]
struct Element<'a> {
    #[serde(default)]
    name: Value,
    #[serde(default)]
    version: Value,
    #[serde(default)]
    download: Value,
    #[serde(default)]
    signature_path: Value,
    /// Registries do not say so; images that are read here do. The zip is compared with it.
    #[serde(default)]
    format_version: Option<String>,
    #[serde(default)]
    license: Option<String>,
    #[serde(borrow, rename = "type", default)]
    kind: Option<&'a RawValue>,
    #[serde(borrow, default)]
    release: Option<&'a RawValue>,
    #[serde(borrow, default)]
    conditions: Option<&'a RawValue>,
    #[serde(borrow, default)]
    owner: Option<&'a RawValue>,
    #[serde(borrow, default)]
    categories: Option<&'a RawValue>,
    #[serde(borrow, default)]
    discovery: Option<&'a RawValue>,
    #[serde(borrow, default)]
    deprecated: Option<&'a RawValue>,
    #[serde(borrow, default)]
    requires: Option<&'a RawValue>,
    #[serde(borrow, default)]
    group: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data_streams: Option<&'a RawValue>,
    #[serde(borrow, default)]
    policy_templates: Option<&'a RawValue>,
}

/// Reads a listing.
pub(super) fn read(text: impl Read, upstream: &str, bounds: &Bounds) -> Result<Listing, ScanError> {
    let mut listing = Listing::default();
    let mut place = 0;
    scan::elements(text, bounds, |element| {
        place += 1;
        match judge(element, upstream) {
            Ok((key, facts)) => listing.add(key, facts),
            Err(refused) => {
                let what = refused.what.unwrap_or_else(|| format!("element {place} of the listing"));
                listing.refused.push(Refused { what, why: refused.why });
            }
        }
        Ok(())
    })?;
    Ok(listing)
}

/// The facts of a version that no listing has, from its document, which has the keys of an element and more.
///
/// # Errors
/// In words, if it is the document of another version, or says what cannot be.
pub(super) fn of_document(text: &[u8], upstream: &str, key: &Key) -> Result<Facts, String> {
    let (found, facts) = judge(text, upstream).map_err(|unfit| unfit.why)?;
    if found != *key {
        return Err(format!("it is that of {} {}", found.0, found.1));
    }
    Ok(Facts { listed: false, hidden: true, ..facts })
}

impl Listing {
    fn add(&mut self, key: Key, facts: Facts) {
        let what = format!("{} {}", key.0, key.1);
        // Versions that differ in nothing that a file name shows would be one file.
        match self.versions.entry(key) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(facts);
            }
            std::collections::btree_map::Entry::Occupied(_) => {
                let why = "it is listed twice; the first one counts".to_owned();
                self.refused.push(Refused { what, why });
            }
        }
    }
}

/// Why an element is refused, and what it calls itself if that can be said.
struct Unfit {
    what: Option<String>,
    why: String,
}

fn judge(element: &[u8], upstream: &str) -> Result<(Key, Facts), Unfit> {
    let unnamed = |why: String| Unfit { what: None, why };
    let element: Element<'_> =
        serde_json::from_slice(element).map_err(|error| unnamed(format!("not a version: {error}")))?;
    let Value::String(name) = &element.name else { return Err(unnamed("it has no name".to_owned())) };
    if !is_name(name) {
        return Err(unnamed(format!("`{}` is not the name of a package", shown(name))));
    }
    let named = |why: String| Unfit { what: Some(name.clone()), why };
    let Value::String(text) = &element.version else { return Err(named("it has no version".to_owned())) };
    let version = Version::strict(text).map_err(|error| named(format!("`{}`: {error}", shown(text))))?;
    let file = format!("{name}-{version}");
    let versioned = |why: String| Unfit { what: Some(format!("{name} {version}")), why };
    if file.len() > MOST_FILE_NAME_BYTES {
        return Err(Unfit {
            what: Some(name.clone()),
            why: "its version is too long for the name of a file".to_owned(),
        });
    }
    let download = format!("/epr/{name}/{file}.zip");
    if element.download != Value::String(download.clone()) {
        return Err(versioned(lies("download", &element.download, &download)));
    }
    let signature = format!("{download}.sig");
    let signed = match &element.signature_path {
        Value::Null => false,
        path if *path == Value::String(signature.clone()) => true,
        path => return Err(versioned(lies("signature_path", path, &signature))),
    };
    let facts = Facts {
        upstream: upstream.to_owned(),
        listed: true,
        hidden: false,
        signed,
        format_version: element.format_version.clone().filter(|text| text.len() <= SHOWN),
        format_class: None,
        bytes: None,
        license: element.license.clone().filter(|text| text.len() <= SHOWN),
        item: element.kept(),
    };
    Ok(((name.clone(), version), facts))
}

/// Returns true for names that packages have, which are also safe as names of files everywhere.
pub(super) fn is_name(name: &str) -> bool {
    (1..=MOST_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn lies(field: &str, is: &Value, expected: &str) -> String {
    let is = match is {
        Value::Null => "absent".to_owned(),
        Value::String(text) => format!("`{}`", shown(text)),
        other => format!("`{}`", shown(&other.to_string())),
    };
    format!("its `{field}` is {is}, where registries have `{expected}`")
}

fn shown(text: &str) -> String {
    crate::base::shown::printable(text, SHOWN)
}

impl Element<'_> {
    /// The keys that a selection may ask for, as one object. What cannot be read is left out: nothing depends on it now.
    fn kept(&self) -> String {
        let fields = [
            ("categories", self.categories),
            ("conditions", self.conditions),
            ("data_streams", self.data_streams),
            ("deprecated", self.deprecated),
            ("discovery", self.discovery),
            ("group", self.group),
            ("owner", self.owner),
            ("policy_templates", self.policy_templates),
            ("release", self.release),
            ("requires", self.requires),
            ("type", self.kind),
        ];
        let mut kept = Map::new();
        for (key, raw) in fields {
            let read = |raw: &RawValue| match key {
                "policy_templates" => templates_of(raw.get()),
                _ => serde_json::from_str(raw.get()).ok(),
            };
            if let Some(value) = raw.and_then(read) {
                kept.insert(key.to_owned(), value);
            }
        }
        Value::Object(kept).to_string()
    }
}

/// Of policy templates their categories, by which packages are found too, and where they can be deployed; the rest of a
/// template is long and says nothing here.
fn templates_of(templates: &str) -> Option<Value> {
    let Ok(Value::Array(templates)) = serde_json::from_str(templates) else { return None };
    let pick = |template: Value| {
        let mut kept = Map::new();
        for key in ["name", "categories", "deployment_modes"] {
            if let Some(value) = template.get(key) {
                kept.insert(key.to_owned(), value.clone());
            }
        }
        Value::Object(kept)
    };
    Some(Value::Array(templates.into_iter().map(pick).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(name: &str, version: &str, more: &str) -> String {
        format!(
            "{{\"name\":\"{name}\",\"version\":\"{version}\",\"download\":\"/epr/{name}/{name}-{version}.zip\"{more}}}"
        )
    }

    fn listing(elements: &[String]) -> Listing {
        read(format!("[{}]", elements.join(",")).as_bytes(), "up", &scan::BOUNDS).unwrap()
    }

    #[test]
    fn each_bad_element_is_named_and_the_others_count() {
        let good = element("good", "1.0.0", "");
        let cases = [
            ("{\"version\":\"1.0.0\"}".to_owned(), "element 1 of the listing", "it has no name"),
            ("7".to_owned(), "element 1 of the listing", "not a version: invalid type"),
            (element("../x", "1.0.0", ""), "element 1 of the listing", "`../x` is not the name of a package"),
            (element("a/b", "1.0.0", ""), "element 1 of the listing", "`a/b` is not the name"),
            (element("A", "1.0.0", ""), "element 1 of the listing", "`A` is not the name"),
            (element("a\\u0000", "1.0.0", ""), "element 1 of the listing", "is not the name"),
            (element(&"a".repeat(101), "1.0.0", ""), "element 1 of the listing", "is not the name"),
            (element("a", "1.0", ""), "a", "`1.0`: invalid semantic version"),
            (element("a", "1.0.0/..", ""), "a", "`1.0.0/..`: "),
            (element("a", &format!("1.0.0-{}", "x".repeat(200)), ""), "a", "too long for the name of a file"),
            ("{\"name\":\"a\"}".to_owned(), "a", "it has no version"),
            ("{\"name\":\"a\",\"version\":\"1.0.0\"}".to_owned(), "a 1.0.0", "its `download` is absent"),
            (
                "{\"name\":\"a\",\"version\":\"1.0.0\",\"download\":\"https://evil.example/a-1.0.0.zip\"}".to_owned(),
                "a 1.0.0",
                "its `download` is `https://evil.example/a-1.0.0.zip`, where registries have `/epr/a/a-1.0.0.zip`",
            ),
            (element("a", "1.0.0", ",\"signature_path\":\"/x.sig\""), "a 1.0.0", "its `signature_path` is `/x.sig`"),
            (element("a", "1.0.0", ",\"signature_path\":7"), "a 1.0.0", "its `signature_path` is `7`"),
            (element("a", "1.0.0", ",\"name\":\"b\""), "element 1 of the listing", "duplicate field `name`"),
            (format!("{}{}", "[".repeat(500), "]".repeat(500)), "element 1 of the listing", "not a version"),
            (element("a", "1.0.0", ",\"x\""), "element 1 of the listing", "not a version"),
        ];
        for (bad, what, why) in cases {
            let listing = listing(&[bad.clone(), good.clone()]);
            assert_eq!(listing.versions.len(), 1, "{bad}");
            assert_eq!(listing.refused.len(), 1, "{bad}");
            let refused = &listing.refused[0];
            assert_eq!(refused.what, what, "{bad}");
            assert!(refused.why.contains(why), "{why}: {refused:?}");
        }
        let twice = listing(&[good.clone(), element("good", "1.0.0", ",\"type\":\"input\"")]);
        assert_eq!((twice.versions.len(), twice.refused.len()), (1, 1));
        assert_eq!(twice.versions.values().next().unwrap().item, "{}");
        assert_eq!(twice.refused[0].why, "it is listed twice; the first one counts");
    }

    #[test]
    fn what_a_selection_may_ask_for_is_kept() {
        let more = r#","signature_path":"/epr/a/a-1.0.0.zip.sig","type":"integration","title":"A","description":"long",
            "conditions":{"kibana":{"version":"^8.0.0"}},"icons":[{"src":"x"}],
            "policy_templates":[{"name":"p","title":"P","description":"long","categories":["web"],
            "deployment_modes":{"agentless":{"enabled":true}}}]"#;
        let listing = listing(&[element("a", "1.0.0", more)]);
        let facts = listing.versions.values().next().unwrap();
        assert!(facts.signed);
        assert_eq!(
            facts.item,
            r#"{"conditions":{"kibana":{"version":"^8.0.0"}},"policy_templates":[{"categories":["web"],"deployment_modes":{"agentless":{"enabled":true}},"name":"p"}],"type":"integration"}"#
        );
    }
}
