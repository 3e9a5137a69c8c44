//! The list of assets, readmes and the order of data streams (contract, "Files and assets" and "Which files are
//! data streams").

use super::{DATA_STREAM, FIELDS, MANIFEST, Memory, accepted, compact, refusals, render_info};
use crate::base::rule::Rule;

/// The assets of a package, without their common beginning.
fn assets(memory: Memory) -> Vec<String> {
    let document = render_info(&accepted(memory).info);
    let document: serde_json::Value = serde_json::from_str(&document).expect("a document is JSON");
    let assets = document["assets"].as_array().expect("a package has assets").iter();
    let path = |asset: &serde_json::Value| asset.as_str().expect("text").replace("/package/foo/1.0.0/", "");
    assets.map(path).collect()
}

#[test]
fn folders_list_breadth_first_and_component_by_component() {
    let memory = Memory::minimal("")
        .with("a0/x", "")
        .with("a/z", "")
        .with("a/b/c", "")
        .with("zz", "")
        .with(".hidden", "")
        .with("a file?#%", "");
    let expected =
        [".hidden", "a file?#%", "manifest.yml", "zz", "a/z", "a0/x", "docs/README.md", "a/b/c"].map(str::to_owned);
    assert_eq!(assets(memory), expected);
}

#[test]
fn zips_keep_their_order_within_a_depth() {
    let memory = Memory::minimal("").with("z", "").with("b/z", "").with("a", "").with("b/a", "").zipped();
    assert_eq!(assets(memory), ["manifest.yml", "z", "a", "docs/README.md", "b/z", "b/a"]);
}

/// A zip without entries for folders loses what lies below an empty depth; with them it does not.
#[test]
fn an_empty_depth_hides_what_is_deeper() {
    let memory = Memory::minimal("").with("a/b/3", "").with("a/b/c/d/5", "").zipped();
    assert_eq!(assets(memory.clone()), ["manifest.yml", "docs/README.md", "a/b/3"]);
    assert_eq!(assets(memory.with_folder("a/b/c/d")), ["manifest.yml", "docs/README.md", "a/b/3", "a/b/c/d/5"]);
}

#[test]
fn leftovers_of_a_desktop_are_dropped() {
    let memory = Memory::minimal("").with(".DS_Store", "").with("docs/x.DS_Store.md", "").with("a.DS_Store-b/c", "");
    assert_eq!(assets(memory), ["manifest.yml", "docs/README.md"]);
}

#[test]
fn folders_with_a_dash_are_refused() {
    for path in ["a-b/c", "a/b-c/d", ".a-b/c"] {
        assert_eq!(refusals(Memory::minimal("").with(path, "")), [Rule::DashInFolderName], "{path}");
    }
    assert_eq!(refusals(Memory::minimal("").with("a/b-c.d", "")), []);
    assert_eq!(refusals(Memory::minimal("").with("a-b/c", "").zipped()), [], "only entries for folders count");
    assert_eq!(refusals(Memory::minimal("").with_folder("a-b").zipped()), [Rule::DashInFolderName]);
}

#[test]
fn templates_have_the_readme_of_their_name() {
    let check = |name: &str, expected: Option<&str>| {
        let lines = format!("policy_templates: [{{name: {name}, title: P, description: D}}]\n");
        let memory = Memory::minimal(&lines).with("docs/p.md", "").with("docs/a/b.md", "").with("top.md", "");
        let document = compact(&render_info(&accepted(memory).info));
        let readme = expected.map(|path| format!(",\"readme\": \"/package/foo/1.0.0/{path}\"")).unwrap_or_default();
        let fragment = format!("\"multiple\": true{readme}}}");
        assert!(document.contains(&fragment), "{name} wants {fragment} in {document}");
    };
    check("p", Some("docs/p.md"));
    check("q", None);
    check("a/b", Some("docs/a/b.md"));
    check("a//./b", Some("docs/a/b.md"));
    check("README", Some("docs/README.md"));
    check("../top", Some("top.md"));
    check("../../top", None);
}

#[test]
fn data_streams_are_sorted_in_folders_and_as_archived_in_zips() {
    let with = |memory: Memory, folder: &str| {
        memory
            .with(&format!("data_stream/{folder}/manifest.yml"), DATA_STREAM)
            .with(&format!("data_stream/{folder}/fields/base.yml"), FIELDS)
    };
    let folders = |memory: Memory| -> Vec<String> {
        let document = render_info(&accepted(memory).info);
        let document: serde_json::Value = serde_json::from_str(&document).expect("a document is JSON");
        let streams = document["data_streams"].as_array().expect("it has some").iter();
        streams.map(|stream| stream["path"].as_str().expect("text").to_owned()).collect()
    };
    let memory = ["b", "a_b", "a0", "Z", "a"].into_iter().fold(Memory::minimal(""), with);
    assert_eq!(folders(memory.clone()), ["Z", "a", "a0", "a_b", "b"]);
    assert_eq!(folders(memory.clone().zipped()), ["b", "a_b", "a0", "Z", "a"]);
    let ignored = memory.with("data_stream/c/manifest.yaml", "").with("data_stream/d/e/manifest.yml", "");
    assert_eq!(folders(ignored), ["Z", "a", "a0", "a_b", "b"]);
}

#[test]
fn a_missing_readme_and_a_folder_in_its_place_are_refused() {
    let memory = Memory::folder(&[("manifest.yml", MANIFEST)]);
    assert_eq!(refusals(memory.clone()), [Rule::MissingReadme]);
    assert_eq!(refusals(memory.clone().with("docs/README.md/x", "")), [Rule::ReadmeIsFolder]);
    let template = format!("{MANIFEST}policy_templates: [{{name: p, title: P, description: D}}]\n");
    let memory = memory.with("manifest.yml", &template).with("docs/README.md", "").with("docs/p.md/x", "");
    assert_eq!(refusals(memory), [Rule::ReadmeIsFolder]);
}
