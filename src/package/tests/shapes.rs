//! Which keys print, in which order, and when they are left out (contract, "Model of a package" and "Data streams").
//! Each row is YAML and the piece of the document that it leads to, with its neighbours.

use super::{
    DATA_STREAM, Memory, STRICT, accepted, check_fragment, compact, info, read, refusals, render_info, render_item,
};
use crate::base::rule::Rule;
use crate::package::{Deprecated, ReadContext, Release, ReplacedBy};

fn check_info(rows: &[(&str, &str)]) {
    for (lines, fragment) in rows {
        check_fragment(&info(lines), fragment, lines);
    }
}

fn item(lines: &str) -> String {
    compact(&render_item(&accepted(Memory::minimal(lines)).item))
}

/// The one data stream of a package, in full.
fn data_stream(memory: Memory) -> String {
    let document = compact(&render_info(&accepted(memory).info));
    let (_, stream) = document.split_once("\"data_streams\": [").expect("the package has a data stream");
    stream.strip_suffix("]}").expect("nothing follows").to_owned()
}

#[test]
fn the_least_package_prints_what_is_never_left_out() {
    let lead = "{\"name\": \"foo\",\"title\": \"Foo\",\"version\": \"1.0.0\",\"release\": \"ga\",\
                \"description\": \"About foo\",\"type\": \"integration\",\"download\": \"/epr/foo/foo-1.0.0.zip\",\
                \"path\": \"/package/foo/1.0.0\"";
    let details = ",\"format_version\": \"3.0.0\",\"readme\": \"/package/foo/1.0.0/docs/README.md\",\
                   \"license\": \"basic\",\"assets\": [\"/package/foo/1.0.0/manifest.yml\",\
                   \"/package/foo/1.0.0/docs/README.md\"]}";
    assert_eq!(info(""), format!("{lead}{details}"));
    assert_eq!(item(""), format!("{lead}}}"));
}

#[test]
fn top_level_fields() {
    check_info(&[
        ("release: experimental\n", "\"release\": \"experimental\","),
        ("source: {license: Elastic-2.0}\n", "\"release\": \"ga\",\"source\": {\"license\": \"Elastic-2.0\"},\"desc"),
        ("type: solution\n", "\"type\": \"solution\","),
        ("policy_templates_behavior: combined\n", "1.0.0\",\"policy_templates_behavior\": \"combined\",\"format"),
        ("owner: {github: a, type: elastic}\n", ",\"owner\": {\"type\": \"elastic\",\"github\": \"a\"},\"format"),
        ("owner: {}\n", ",\"owner\": {},"),
        ("categories: [web, nope, security, web]\n", ",\"categories\": [\"web\",\"security\",\"web\"],"),
        ("categories: [nope]\n", "\"path\": \"/package/foo/1.0.0\",\"format"),
        ("group: g\n", ",\"group\": \"g\",\"format_version\""),
        ("requires: {}\n", ",\"requires\": {},\"format_version\""),
        (
            "requires: {content: [{package: c, version: ^1}], input: [{package: i, version: 1.10}]}\n",
            "\"requires\": {\"input\": [{\"package\": \"i\",\"version\": \"1.1\"}],\
             \"content\": [{\"package\": \"c\",\"version\": \"^1\"}]}",
        ),
        ("discovery: {}\n", "\"path\": \"/package/foo/1.0.0\",\"format"),
        ("discovery: {fields: [], datasets: []}\n", "\"path\": \"/package/foo/1.0.0\",\"format"),
        (
            "discovery: {datasets: [{name: d}], fields: [{name: f}, {name: g}]}\n",
            "\"discovery\": {\"fields\": [{\"name\": \"f\"},{\"name\": \"g\"}],\"datasets\": [{\"name\": \"d\"}]}",
        ),
        ("license: x\nconditions.elastic.subscription: gold\n", "\"license\": \"x\","),
        ("conditions.elastic.subscription: gold\n", "\"license\": \"gold\","),
        ("source: {license: x}\n", "\"license\": \"basic\","),
        ("vars: [{name: v, type: text}]\n", "README.md\"],\"vars\": [{\"name\": \"v\""),
        ("elasticsearch: {}\n", "],\"elasticsearch\": {}}"),
        ("elasticsearch: {privileges: {}}\n", "],\"elasticsearch\": {\"privileges\": {}}}"),
        (
            "elasticsearch: {privileges: {cluster: [all]}}\nagent: {privileges: {root: yes}}\n",
            "],\"elasticsearch\": {\"privileges\": {\"cluster\": [\"all\"]}},\
             \"agent\": {\"privileges\": {\"root\": true}}}",
        ),
        ("agent: {privileges: {root: false}}\n", "],\"agent\": {\"privileges\": {}}}"),
        ("internal: true\nlabels: [a]\nfuture: {x: 1}\n", "README.md\"]}"),
    ]);
}

/// An empty title prints, an absent one does not; both only get this far without validation.
#[test]
fn an_absent_title_is_left_out() {
    for (title, fragment) in [("title: \"\"\n", "\"title\": \"\",\"version\""), ("title: ~\n", "\"foo\",\"version\"")] {
        let memory = Memory::minimal("").with("manifest.yml", &super::MANIFEST.replace("title: Foo\n", title));
        let (package, _) = read(&memory.listed(), &ReadContext { require_validation: false, ..STRICT });
        check_fragment(&compact(&render_info(&package.expect("it is only warned of").info)), fragment, title);
    }
}

#[test]
fn releases_follow_from_the_version() {
    for (version, release) in
        [("1.0.0", Release::Ga), ("1.0.0+a", Release::Ga), ("1.0.0-rc.1", Release::Beta), ("0.9.0", Release::Beta)]
    {
        let manifest = super::MANIFEST.replace("version: 1.0.0", &format!("version: {version}"));
        let package = accepted(Memory::minimal("").with("manifest.yml", &manifest));
        assert_eq!(package.facts.release, release, "{version}");
        check_fragment(&render_info(&package.info), &format!("\"release\": \"{}\"", release.as_str()), version);
    }
}

#[test]
fn conditions() {
    let kibana = ",\"conditions\": {\"kibana\": {\"version\": \"^8.5.0\"}},\"format";
    check_info(&[
        ("conditions: {}\n", ",\"conditions\": {},\"format"),
        ("conditions: []\n", ",\"conditions\": {},\"format"),
        ("conditions: {kibana: ~}\n", ",\"conditions\": {},\"format"),
        ("conditions:\n", "\"path\": \"/package/foo/1.0.0\",\"format"),
        ("conditions.kibana.version: ^8.5.0\n", kibana),
        ("conditions: {kibana.version: ^8.5.0}\n", kibana),
        ("conditions: {kibana: {version: ^8.5.0}}\n", kibana),
        ("conditions.kibana: {version: ^8.5.0}\n", kibana),
        ("conditions.kibana.version: 8\n", "\"kibana\": {\"version\": \"8\"}"),
        ("conditions.kibana.version: 8.10\n", "\"kibana\": {\"version\": \"8.1\"}"),
        ("conditions: {elastic: {}}\n", "\"conditions\": {\"elastic\": {\"subscription\": \"\"}}"),
        (
            "conditions: {agent: {version: '>=8'}, elastic: {capabilities: [b, a]}, kibana: {version: '*'}}\n",
            "\"conditions\": {\"kibana\": {\"version\": \"*\"},\"elastic\": {\"subscription\": \"\",\
             \"capabilities\": [\"b\",\"a\"]},\"agent\": {\"version\": \">=8\"}}",
        ),
    ]);
}

#[test]
fn images() {
    let memory = Memory::minimal(
        "icons: [{src: /img/a.svg, dark_mode: true, type: t, size: 1x1, title: T, path: ignored}]\n\
         screenshots: [{src: img/a.svg}]\n",
    );
    let document = compact(&render_info(&accepted(memory.with("img/a.svg", "")).info));
    check_fragment(
        &document,
        ",\"icons\": [{\"src\": \"/img/a.svg\",\"path\": \"/package/foo/1.0.0/img/a.svg\",\"title\": \"T\",\
         \"size\": \"1x1\",\"type\": \"t\"}],\"format_version\"",
        "icons",
    );
    check_fragment(
        &document,
        ",\"screenshots\": [{\"src\": \"img/a.svg\",\"path\": \"/package/foo/1.0.0/img/a.svg\"}],\"assets\"",
        "screenshots",
    );
}

#[test]
fn signatures() {
    let (package, _) = read(&Memory::minimal("group: g\n").listed(), &ReadContext { signed: true, ..STRICT });
    let package = package.expect("it is fine");
    let signature = ",\"signature_path\": \"/epr/foo/foo-1.0.0.zip.sig\",\"group\": \"g\"";
    check_fragment(&compact(&render_info(&package.info)), signature, "info");
    check_fragment(&compact(&render_item(&package.item)), signature, "item");
}

const RICH_TEMPLATE: &str = "policy_templates: [{deprecated: {}, template_path: t, ingestion_method: m, input: i, \
    type: logs, deployment_modes: {}, screenshots: [{src: s}], categories: [nope], icons: [{src: i}], \
    multiple: no, inputs: [{}], data_streams: [b, a], description: D, title: P, name: p, vars: [{name: gone}]}]\n";

fn lenient(lines: &str) -> (String, String) {
    let (package, problems) =
        read(&Memory::minimal(lines).listed(), &ReadContext { require_validation: false, ..STRICT });
    let package = package.unwrap_or_else(|| panic!("{problems:?}"));
    (compact(&render_info(&package.info)), compact(&render_item(&package.item)))
}

#[test]
fn templates_in_full_and_in_short() {
    let (info, item) = lenient(RICH_TEMPLATE);
    let image = |source: &str| format!("[{{\"src\": \"{source}\",\"path\": \"/package/foo/1.0.0/{source}\"}}]");
    let lead = "\"policy_templates\": [{\"name\": \"p\",\"title\": \"P\",\"description\": \"D\",";
    let deprecated = "\"deprecated\": {\"since\": \"\",\"description\": \"\"}}]";
    let full = format!(
        "{lead}\"data_streams\": [\"b\",\"a\"],\"inputs\": [{{}}],\"multiple\": false,\"icons\": {},\
         \"categories\": [\"nope\"],\"screenshots\": {},\"deployment_modes\": {{}},\"type\": \"logs\",\"input\": \"i\",\
         \"ingestion_method\": \"m\",\"template_path\": \"t\",{deprecated}}}",
        image("i"),
        image("s"),
    );
    let short = format!(
        "\"path\": \"/package/foo/1.0.0\",{lead}\"icons\": {},\"categories\": [\"nope\"],\"deployment_modes\": {{}},\
         \"data_streams\": [\"b\",\"a\"],{deprecated}}}",
        image("i"),
    );
    check_fragment(&info, &full, "in full");
    check_fragment(&item, &short, "in short");
}

/// A template with these fields, after its description.
fn check_template(package_type: &str, fields: &str, fragment: &str) {
    let lines = format!("type: {package_type}\npolicy_templates: [{{name: p, title: P, description: D, {fields}}}]\n");
    check_fragment(&info(&lines), &format!("\"description\": \"D\",{fragment}"), &lines);
}

#[test]
fn ingestion_methods_of_templates() {
    for (package_type, input, method, expected) in [
        ("input", "tcp", "m", "Network Protocol"),
        ("input", "unknown", "m", ""),
        ("integration", "tcp", "m", "m"),
        ("integration", "tcp", "\"\"", ""),
        ("input", "\"\"", "m", "m"),
    ] {
        let shown = |key: &str, value: &str| match value.trim_matches('"') {
            "" => String::new(),
            value => format!(",\"{key}\": \"{value}\""),
        };
        let fields = format!("input: {input}, ingestion_method: {method}");
        let shown = format!("{}{}", shown("input", input), shown("ingestion_method", expected));
        check_template(package_type, &fields, &format!("\"multiple\": true{shown}}}"));
    }
}

#[test]
fn deployment_modes() {
    for (modes, expected) in [
        ("{default: {}}", "{\"default\": {\"enabled\": false}}"),
        (
            "{agentless: {enabled: yes, is_default: false, release: beta, team: x}, default: {enabled: true}}",
            "{\"default\": {\"enabled\": true},\
             \"agentless\": {\"enabled\": true,\"is_default\": false,\"release\": \"beta\"}}",
        ),
        ("{agentless: {is_default: ~}}", "{\"agentless\": {\"enabled\": false}}"),
    ] {
        let fields = format!("deployment_modes: {modes}");
        check_template("integration", &fields, &format!("\"multiple\": true,\"deployment_modes\": {expected}}}"));
    }
}

#[test]
fn inputs() {
    check_template(
        "integration",
        "inputs: [{deprecated: ~, deployment_modes: default, input_group: g, template_path: t, \
         streams: [{input: tcp, title: S}], description: I, title: T, vars: [~], type: tcp}]",
        "\"inputs\": [{\"type\": \"tcp\",\"vars\": [{\"name\": \"\",\"type\": \"\",\"multi\": false,\
         \"required\": false,\"show_user\": false}],\"title\": \"T\",\"description\": \"I\",\
         \"streams\": [{\"input\": \"tcp\",\"title\": \"S\"}],\"template_path\": \"t\",\"input_group\": \"g\",\
         \"deployment_modes\": [\"default\"]}],\"multiple\": true}",
    );
    check_template("integration", "inputs: [{package: q}]", "\"inputs\": [{\"package\": \"q\"}],\"multiple\": true}");
}

#[test]
fn variables() {
    check_info(&[(
        "vars: [{deprecated: {since: 1.10, replaced_by: {}}, default: 0, show_user: 'true', required: on, multi: y, \
         description: D, title: T, type: text, name: v, options: [gone], secret: true}]\n",
        "\"vars\": [{\"name\": \"v\",\"type\": \"text\",\"title\": \"T\",\"description\": \"D\",\"multi\": true,\
         \"required\": true,\"show_user\": true,\"default\": 0,\
         \"deprecated\": {\"since\": \"1.1\",\"description\": \"\",\"replaced_by\": {}}}]",
    )]);
}

#[test]
fn data_streams_and_their_defaults() {
    let rows = [
        (
            DATA_STREAM,
            "{\"type\": \"logs\",\"dataset\": \"foo.log\",\"title\": \"Log\",\"release\": \"ga\",\
             \"package\": \"foo\",\"path\": \"log\"}",
        ),
        (
            "deprecated: {}\npath: p\nagent: {}\nelasticsearch: {}\npackage: q\nstreams: []\nrelease: beta\ntitle: T\n\
             dataset_is_prefix: yes\nilm_policy: i\nhidden: yes\ndataset: d\ntype: metrics\n",
            "{\"type\": \"metrics\",\"dataset\": \"d\",\"hidden\": true,\"ilm_policy\": \"i\",\
             \"dataset_is_prefix\": true,\"title\": \"T\",\"release\": \"beta\",\"package\": \"q\",\
             \"elasticsearch\": {},\"agent\": {},\"path\": \"p\",\
             \"deprecated\": {\"since\": \"\",\"description\": \"\"}}",
        ),
        (
            "title: T\ntype: logs\nstreams: [{ingestion_method: m, input: tcp}, \
             {ingestion_method: m, enabled: no, description: D, title: S, template_path: t, data_stream: d, package: q}]\n",
            "{\"type\": \"logs\",\"dataset\": \"foo.log\",\"title\": \"T\",\"release\": \"ga\",\"streams\": [\
             {\"input\": \"tcp\",\"template_path\": \"stream.yml.hbs\",\"enabled\": true,\
             \"ingestion_method\": \"Network Protocol\"},\
             {\"package\": \"q\",\"data_stream\": \"d\",\"template_path\": \"t\",\"title\": \"S\",\
             \"description\": \"D\",\"enabled\": false,\"ingestion_method\": \"m\"}],\
             \"package\": \"foo\",\"path\": \"log\"}",
        ),
    ];
    for (manifest, expected) in rows {
        assert_eq!(data_stream(Memory::with_data_stream(manifest)), expected, "{manifest}");
    }
    let short = compact(&render_item(&accepted(Memory::with_data_stream(rows[1].0)).item));
    let expected = ",\"data_streams\": [{\"type\": \"metrics\",\"dataset\": \"d\",\"title\": \"T\",\
                    \"deprecated\": {\"since\": \"\",\"description\": \"\"}}]}";
    check_fragment(&short, expected, "in short");
}

#[test]
fn elasticsearch_settings() {
    for (yaml, expected) in [
        ("{index_template: foo}", "{}"),
        ("{index_template: {}}", "{}"),
        ("{ingest_pipeline: foo}", "{}"),
        ("{privileges: {}}", "{\"privileges\": {}}"),
        ("{privileges.indices: auto}", "{\"privileges\": {\"indices\": [\"auto\"]}}"),
        (
            "{ingest_pipeline.name: x, index_template.settings: {index.mapping.total_fields.limit: 2000}}",
            "{\"index_template.settings\": {\"index\": {\"mapping\": {\"total_fields\": {\"limit\": 2000}}}},\
             \"ingest_pipeline.name\": \"x\"}",
        ),
        (
            "{index_template: {mappings: {_source: {}, dynamic: false, properties: {a: {}}}}}",
            "{\"index_template.mappings\": {\"dynamic\": false,\"properties\": {\"a\": null}}}",
        ),
    ] {
        let stream = data_stream(Memory::with_data_stream(&format!("{DATA_STREAM}elasticsearch: {yaml}\n")));
        check_fragment(&stream, &format!("\"package\": \"foo\",\"elasticsearch\": {expected},\"path\""), yaml);
    }
}

/// `elasticsearch` and `ingest_pipeline` in the manifest, the files, and what prints of both (contract, "Ingest
/// pipelines").
#[test]
fn ingest_pipelines() {
    let folder = "data_stream/log/elasticsearch/ingest_pipeline";
    let both = Some(("default", "{\"ingest_pipeline.name\": \"default\"}"));
    let named = "{\"ingest_pipeline.name\": \"x\"}";
    for (elasticsearch, pipeline, files, expected) in [
        ("~", "~", &[][..], Some(("", ""))),
        ("~", "~", &["default.yml"], Some(("default", ""))),
        ("~", "~", &["default.json"], Some(("default", ""))),
        ("{}", "~", &["default.yml"], both),
        ("{}", "x", &["x.yml"], Some(("x", "{}"))),
        ("~", "x", &["x.yml", "default.yml"], Some(("x", ""))),
        ("{}", "x", &["default.yml"], both),
        ("{ingest_pipeline.name: x}", "~", &["default.yml"], Some(("default", named))),
        ("{ingest_pipeline.name: x}", "~", &[], Some(("", named))),
        ("{ingest_pipeline.name: x}", "~", &["x.yml"], None),
        ("{}", "~", &["other.yml"], None),
        ("~", "~", &["folder/default.yml"], None),
        ("~", "~", &["default.yaml"], None),
    ] {
        let manifest = format!("{DATA_STREAM}elasticsearch: {elasticsearch}\ningest_pipeline: {pipeline}\n");
        let start = Memory::with_data_stream(&manifest);
        let memory = files.iter().fold(start, |memory, file| memory.with(&format!("{folder}/{file}"), "{}"));
        let about = format!("{elasticsearch} {pipeline} {files:?}");
        let Some((pipeline, elasticsearch)) = expected else {
            assert_eq!(refusals(memory), [Rule::UnusedPipelines], "{about}");
            continue;
        };
        let stream = data_stream(memory);
        let member = |key: &str, text: String| if text.is_empty() { text } else { format!("\"{key}\": {text},") };
        let quoted = if pipeline.is_empty() { String::new() } else { format!("\"{pipeline}\"") };
        let pipeline = format!("\"release\": \"ga\",{}\"package\"", member("ingest_pipeline", quoted));
        check_fragment(&stream, &pipeline, &about);
        let elasticsearch = member("elasticsearch", elasticsearch.to_owned());
        check_fragment(&stream, &format!("\"package\": \"foo\",{elasticsearch}\"path\""), &about);
    }
}

/// The catalog may give a package the deprecation of another version (contract, "Deprecation propagation"), which
/// prints in the place of its own.
#[test]
fn deprecation_is_put_in_when_the_document_is_rendered() {
    let package = accepted(Memory::minimal("deprecated: {since: 1.0.0, replaced_by: {package: bar}}\ngroup: g\n"));
    assert!(!render_info(&package.info).contains("deprecated"), "it is the catalog's to say");
    let own = package.facts.deprecated.expect("the manifest has one");
    let replaced_by = ReplacedBy { package: "bar".to_owned(), ..ReplacedBy::default() };
    assert_eq!(
        own,
        Deprecated { since: "1.0.0".to_owned(), description: String::new(), replaced_by: Some(replaced_by) }
    );
    let expected = "1.0.0\",\"deprecated\": {\"since\": \"1.0.0\",\"description\": \"\",\
                    \"replaced_by\": {\"package\": \"bar\"}},\"group\": \"g\"";
    let mut item = String::new();
    package.item.render(&mut item, |_| true, Some(&own));
    check_fragment(&compact(&package.info.render(Some(&own))), expected, "info");
    check_fragment(&compact(&item), expected, "item");
}

/// The two documents are printed with the indentation that they have in answers.
#[test]
fn templates_stand_where_the_list_expects_them() {
    let lines = "policy_templates: [{name: p, title: P, description: D}, {name: q, title: Q, description: D}]\n";
    let item = accepted(Memory::minimal(lines)).item;
    let render = |keep: &dyn Fn(usize) -> bool| {
        let mut out = String::new();
        item.render(&mut out, keep, None);
        let value: serde_json::Value = serde_json::from_str(&out).expect("an element is JSON");
        (out, value)
    };
    let (text, both) = render(&|_| true);
    assert_eq!(both["policy_templates"].as_array().map(Vec::len), Some(2));
    check_fragment(&text, "\n    \"policy_templates\": [\n      {\n        \"name\": \"p\",", "indentation");
    check_fragment(&text, "\n      },\n      {\n        \"name\": \"q\",", "indentation");
    let (_, second) = render(&|index| index == 1);
    assert_eq!(second["policy_templates"][0]["name"], "q");
    let (_, none) = render(&|_| false);
    assert!(none.get("policy_templates").is_none());
}
