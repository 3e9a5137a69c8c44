//! What a site publishes of its packages, read from their documents, and the elements of lists made from them.

use super::json::Node;
use crate::routers::client::Client;
use epr_build::dialect::version::{Constraint, Version};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// One version, as far as filters, counts and lists need it.
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: Version,
    pub(super) release: String,
    pub(super) kind: String,
    pub(super) kibana: Option<Constraint>,
    pub(super) agent: Option<Constraint>,
    pub(super) capabilities: Vec<String>,
    pub(super) fields: Vec<String>,
    pub(super) datasets: Vec<String>,
    /// The format as bounds see it: without patch and pre-release.
    pub(super) format: Version,
    pub(super) categories: Vec<String>,
    /// The categories of each policy template; `None` if it says nothing of them.
    pub(super) templates: Vec<Option<Vec<String>>>,
    /// The element with all templates, and its text.
    element: Node,
    text: String,
}

/// The keys of an element in order (contract, "Search item").
const KEYS: [&str; 21] = [
    "name",
    "title",
    "version",
    "release",
    "source",
    "description",
    "type",
    "download",
    "path",
    "icons",
    "policy_templates_behavior",
    "policy_templates",
    "conditions",
    "owner",
    "categories",
    "signature_path",
    "discovery",
    "data_streams",
    "deprecated",
    "requires",
    "group",
];
/// Those of its policy templates (contract, "Policy template in a search item").
const TEMPLATE_KEYS: [&str; 8] =
    ["name", "title", "description", "icons", "categories", "deployment_modes", "data_streams", "deprecated"];
/// Those of its data streams (contract, "Shape of a data stream").
const STREAM_KEYS: [&str; 4] = ["type", "dataset", "title", "deprecated"];

/// A category of the table of the contract ("Category table").
pub(super) struct Category {
    pub(super) id: String,
    pub(super) title: String,
    /// Id and title.
    pub(super) parent: Option<(String, String)>,
}

/// All that can be asked for.
pub(super) struct Catalog {
    /// In the order of lists.
    pub(super) packages: Vec<Package>,
    pub(super) table: Vec<Category>,
}

impl Catalog {
    /// Reads the document of every version that the manifest of a generation lists, from a server.
    pub(super) fn read(generation: &Path, client: &mut Client) -> Self {
        let manifest: Value = serde_json::from_slice(&fs::read(generation.join("manifest.json")).unwrap()).unwrap();
        let mut packages = Vec::new();
        for package in manifest["packages"].as_array().unwrap() {
            let path = package["path"].as_str().unwrap();
            let document = client.get(&format!("{}/", path.replace('+', "%2B")));
            assert_eq!(document.status, 200, "{path}");
            let manifest = client.get(&format!("{}/manifest.yml", path.replace('+', "%2B")));
            let manifest =
                if manifest.status == 200 { String::from_utf8(manifest.body).unwrap() } else { String::new() };
            packages.push(Package::read(&serde_json::from_slice(&document.body).unwrap(), &manifest));
        }
        // Name, then precedence; versions that differ in build metadata alone keep one order.
        packages.sort_by(|a, b| {
            let by_name = a.name.as_bytes().cmp(b.name.as_bytes());
            by_name
                .then_with(|| a.version.precedence(&b.version))
                .then_with(|| a.version.as_str().cmp(b.version.as_str()))
        });
        assert!(!packages.is_empty());
        Self { packages, table: category_table() }
    }

    /// A list of categories *has* one if it contains it or one of its sub-categories.
    pub(super) fn has(&self, list: &[String], wanted: &[u8]) -> bool {
        let is_below = |id: &String| {
            let row = self.table.iter().find(|row| row.id == *id).and_then(|row| row.parent.as_ref());
            row.is_some_and(|(parent, _)| parent.as_bytes() == wanted)
        };
        list.iter().any(|id| id.as_bytes() == wanted || is_below(id))
    }
}

impl Package {
    /// `document` is the answer for the version, `manifest` its `manifest.yml`.
    fn read(document: &Node, manifest: &str) -> Self {
        let text = |path: &[&str]| document.at(path).and_then(Node::text).map(str::to_owned);
        let constraint = |path| text(path).map(|text| Constraint::parse(&text).unwrap());
        let named = |key: &str| {
            let items = Node::items(document.at(&["discovery", key]));
            items.iter().filter_map(|item| Some(item.get("name")?.text()?.to_owned())).collect()
        };
        let format = Version::strict(&text(&["format_version"]).unwrap()).unwrap();
        let templates = Node::items(document.get("policy_templates"));
        // An empty list and none look the same in documents, and matter where there is one template alone.
        let says_none = manifest.lines().any(|line| line.starts_with(' ') && line.trim() == "categories: []");
        let own = |template: &Node| {
            let list = Node::texts(template.get("categories"));
            if list.is_empty() && !says_none { None } else { Some(list) }
        };
        let element = element(document);
        let mut rendered = String::new();
        element.write(1, &mut rendered);
        Self {
            name: text(&["name"]).unwrap(),
            version: Version::strict(&text(&["version"]).unwrap()).unwrap(),
            release: text(&["release"]).unwrap(),
            kind: text(&["type"]).unwrap(),
            kibana: constraint(&["conditions", "kibana", "version"]),
            agent: constraint(&["conditions", "agent", "version"]),
            capabilities: Node::texts(document.at(&["conditions", "elastic", "capabilities"])),
            fields: named("fields"),
            datasets: named("datasets"),
            format: Version::release([format.major, format.minor, 0]),
            categories: Node::texts(document.get("categories")),
            templates: templates.iter().map(own).collect(),
            element,
            text: rendered,
        }
    }

    /// The text of the element in a list, with the policy templates at these positions, or all.
    pub(super) fn text(&self, templates: Option<&[usize]>) -> String {
        let Some(positions) = templates else { return self.text.clone() };
        let all = Node::items(self.element.get("policy_templates"));
        let kept: Vec<_> = positions.iter().map(|position| all[*position].clone()).collect();
        let mut element = self.element.clone();
        element.set("policy_templates", (!kept.is_empty()).then_some(Node::List(kept)));
        let mut text = String::new();
        element.write(1, &mut text);
        text
    }
}

/// The element of a version, from its document.
fn element(document: &Node) -> Node {
    let mut element = document.pick(&KEYS);
    for (key, keys) in [("policy_templates", &TEMPLATE_KEYS[..]), ("data_streams", &STREAM_KEYS)] {
        let items: Vec<_> = Node::items(document.get(key)).iter().map(|item| item.pick(keys)).collect();
        element.set(key, (!items.is_empty()).then_some(Node::List(items)));
    }
    element
}

/// The table of categories, as the contract prints it.
fn category_table() -> Vec<Category> {
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/registry-contract.md");
    let contract = fs::read_to_string(contract).unwrap();
    let section = contract.split("\n### 7.6 Category table\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut table = Vec::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> =
            line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        let [id, title, parent, parent_title] = cells.try_into().unwrap();
        let parent = (parent != "–").then_some((parent, parent_title));
        table.push(Category { id, title, parent });
    }
    assert_eq!(table.len(), 72, "the contract counts its categories");
    table
}
