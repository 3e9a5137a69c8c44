//! Packages of the kinds that a realistic catalog lacks and the contract speaks of.

use crate::harness::package;
use std::fs;
use std::path::Path;

/// Name, version, and what the manifest says beside title, description and format.
const PACKAGES: [(&str, &str, &str); 27] = [
    // Constraints that name pre-releases, wildcards, ranges and several groups.
    ("odd_snapshot", "1.0.0", "conditions.kibana.version: \"^9.2.0-SNAPSHOT\"\ncategories: [security]\n"),
    ("odd_snapshot", "1.1.0", "conditions.kibana.version: \"^8.19.0 || ~9.3.0-0\"\ncategories: [web]\n"),
    ("odd_snapshot", "1.2.0", "conditions.kibana.version: \">=8.16.0-0 <9.0.0-0\"\ncategories: [siem]\n"),
    ("odd_range", "1.0.0", "conditions.kibana.version: \"8.1 - 8.15\"\nconditions.agent.version: \">8.2, <=9\"\n"),
    ("odd_range", "2.0.0", "conditions.kibana.version: \"!=8.16.x\"\nconditions.agent.version: \"^9.0.0-rc1\"\n"),
    ("odd_range", "2.1.0", "conditions.kibana.version: \"~8.18 || 9.x\"\n"),
    // Releases and pre-releases, in the order that the two filters see differently.
    ("odd_ages", "0.9.0", "categories: [custom]\n"),
    ("odd_ages", "1.0.0-rc.1", "categories: [custom, security]\n"),
    ("odd_ages", "1.0.0", "release: experimental\ncategories: [custom_logs]\n"),
    ("odd_ages", "1.1.0-beta.2", "categories: [cloud]\n"),
    ("odd_ages", "1.1.0-beta.11", "release: ga\ncategories: [cloud]\n"),
    ("odd_never", "0.1.0", "categories: [security, security]\n"),
    ("odd_never", "0.2.0-SNAPSHOT", "categories: [cloud, unknown_one]\n"),
    ("odd_only_pre", "2.0.0-alpha", "categories: [aws]\n"),
    ("odd_only_pre", "2.0.0-beta", "categories: [aws]\n"),
    ("odd_build", "1.0.0+a", "categories: [web]\n"),
    ("odd_build", "1.0.0+b", "categories: [network]\n"),
    // Templates with categories of their own.
    ("odd_templates", "1.0.0", "categories: []\npolicy_templates: [T, T [siem], T [bogus, bogus], T [security]]\n"),
    ("odd_templates", "1.1.0", "categories: [web, security]\npolicy_templates: [T [datastore], T [web], T]\n"),
    ("odd_templates", "2.0.0", "categories: [web]\npolicy_templates: [T []]\n"),
    ("odd_one_template", "1.0.0", "categories: [web, cloud]\npolicy_templates: [T]\n"),
    ("odd_other_template", "1.0.0", "categories: [kubernetes]\npolicy_templates: [T [observability, vpn_security]]\n"),
    // Words and texts.
    (
        "odd_words",
        "1.0.0",
        "type: solution\nconditions.elastic.capabilities: [Security, \"a b\", apm]\ncategories: [iam]\n",
    ),
    (
        "odd_words",
        "1.1.0",
        "group: \"<a> & \\\"b\\\"\\u2028\\t\\x7f\\x01/\\u20ac\"\nconditions.elastic.capabilities: []\n",
    ),
    ("odd_words", "1.2.0", "type: input\nconditions: {}\ndeprecated: {since: 1.10, replaced_by: {}}\n"),
    (
        "odd_found",
        "1.0.0",
        "discovery: {fields: [{name: url.domain}, {name: \"a:b\"}], datasets: [{name: \"\\u00e9\"}]}\ntype: content\n",
    ),
    ("odd_found", "1.1.0", "discovery: {datasets: [{name: nginx.access}, {name: \"a b\"}]}\ntype: content\n"),
];

/// Writes them as folders.
pub(super) fn write(folder: &Path) {
    for (name, version, more) in PACKAGES {
        let mut files = package(name, version, "Odd.");
        let manifest = format!(
            "format_version: {}\nname: {name}\nversion: {version}\ntitle: Odd\ndescription: Odd.\n{}owner: {{github: a/b}}\n",
            if version.contains('-') { "3.6.1-beta" } else { "2.10.0" },
            with_templates(more)
        );
        files.insert("manifest.yml".to_owned(), manifest.into_bytes());
        for (path, bytes) in files {
            let path = folder.join(name).join(version).join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

/// Writes out the policy templates: `T` has no list of categories, `T [a, b]` has one.
fn with_templates(manifest: &str) -> String {
    let Some((before, templates)) = manifest.split_once("policy_templates: [T") else { return manifest.to_owned() };
    let mut text = format!("{before}policy_templates:\n");
    for (position, template) in templates.trim_end().trim_end_matches("]\n").split('T').enumerate() {
        text += &format!("  - name: t{position}\n    title: T{position}\n    description: Template.\n");
        let list = template.split_once('[').map(|(_, list)| list.split(']').next().unwrap());
        if let Some(list) = list {
            text += &format!("    categories: [{list}]\n");
        }
    }
    text
}
