//! What Kibana refuses although the registry serves it: a quarantine with validation required, and a warning otherwise
//! that changes no document.

use super::{DATA_STREAM, Memory, PackageKind, STRICT, read};
use crate::base::problem::{Problem, Severity};
use crate::base::rule::Rule;
use crate::package::{Entry, PackageFiles, ReadContext};
use std::io;

/// A package in a zip whose folder has a name.
struct Zipped<'a>(Memory, &'a str);

impl PackageFiles for Zipped<'_> {
    fn kind(&self) -> PackageKind {
        PackageKind::Zip
    }

    fn entries(&self) -> &[Entry] {
        self.0.entries()
    }

    fn root(&self) -> Option<&str> {
        Some(self.1)
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.0.read(path)
    }
}

/// Reads in both modes: the rules, files and fields of what is found.
fn found(files: &dyn PackageFiles) -> Vec<(Rule, String, String)> {
    let (strict, refused) = read(files, &STRICT);
    let (package, warned) = read(files, &ReadContext { require_validation: false, ..STRICT });
    assert!(package.is_some(), "{warned:?}");
    assert!(warned.iter().all(|problem| problem.severity == Severity::Warning));
    let relaxed: Vec<_> = refused.iter().cloned().map(|problem| problem.severity(Severity::Warning)).collect();
    assert_eq!(relaxed, warned, "both modes find the same");
    assert_eq!(strict.is_none(), refused.iter().any(|problem| problem.rule.is_validation()));
    let place = |problem: Problem| {
        (problem.rule, problem.place.file.unwrap_or_default(), problem.place.field.unwrap_or_default())
    };
    warned.into_iter().map(place).collect()
}

fn check(memory: Memory, expected: &[(Rule, &str, &str)]) {
    let memory = memory.listed();
    let found = found(&memory);
    let found: Vec<_> = found.iter().map(|(rule, file, field)| (*rule, file.as_str(), field.as_str())).collect();
    assert_eq!(found, expected, "{:?}", memory.entries);
}

fn check_lines(lines: &str, rule: Rule, fields: &[&str]) {
    let expected: Vec<_> = fields.iter().map(|field| (rule, "manifest.yml", *field)).collect();
    check(Memory::minimal(lines), &expected);
}

/// The key itself is wanted, with a value or not.
#[test]
fn owner() {
    check_lines("owner.github: acme/foo\n", Rule::KibanaMissingOwner, &["owner"]);
    check(Memory::minimal("# owner"), &[(Rule::KibanaMissingOwner, "manifest.yml", "owner")]);
    for lines in ["owner: {github: acme/foo}\n", "owner: {}\n", "owner: ~\n"] {
        check_lines(lines, Rule::KibanaMissingOwner, &[]);
    }
}

#[test]
fn root_of_a_zip() {
    let package = Memory::minimal("").zipped();
    assert_eq!(found(&Zipped(package.clone(), "foo-1.0.0")), []);
    for root in ["foo", "foo-1.0.1", "Foo-1.0.0", "package"] {
        let expected = (Rule::KibanaZipRoot, "manifest.yml".to_owned(), String::new());
        assert_eq!(found(&Zipped(package.clone(), root)), [expected], "{root}");
    }
}

/// Whatever path begins with `data_stream` is a data stream to Kibana.
#[test]
fn folders_and_files_that_are_no_data_streams() {
    for (path, rule, file) in [
        ("data_stream/log/fields/a.yml", Rule::KibanaNoDataStreamManifest, "data_stream/log"),
        ("data_stream/log/deep/manifest.yml", Rule::KibanaNoDataStreamManifest, "data_stream/log"),
        ("data_stream/.DS_Store", Rule::KibanaStrayFile, "data_stream/.DS_Store"),
        ("data_stream/README.md", Rule::KibanaStrayFile, "data_stream/README.md"),
        ("data_stream.txt", Rule::KibanaStrayFile, "data_stream.txt"),
        ("data_streams/log/manifest.yml", Rule::KibanaStrayFile, "data_streams/log/manifest.yml"),
    ] {
        check(Memory::minimal("").with(path, "a: b\n"), &[(rule, file, "")]);
    }
    check(Memory::minimal("").with_folder("data_stream/log"), &[]);
    check(Memory::minimal("").with("docs/data_stream/x", ""), &[]);
    check(Memory::with_data_stream(DATA_STREAM), &[]);
}

#[test]
fn yaml_that_only_the_registry_reads() {
    check_lines("---\nname: other\n", Rule::KibanaSeveralDocuments, &[""]);
    check_lines("...\n# end\n", Rule::KibanaSeveralDocuments, &[]);
    check_lines("title: Other\n", Rule::KibanaDuplicateKey, &[""]);
    check_lines("group: !name x\n", Rule::KibanaYaml, &[""]);
    let stream = |lines: &str| Memory::with_data_stream(&format!("{DATA_STREAM}{lines}"));
    let path = "data_stream/log/manifest.yml";
    check(stream("---\n"), &[(Rule::KibanaSeveralDocuments, path, "")]);
    check(stream("title: Other\n"), &[(Rule::KibanaDuplicateKey, path, "")]);
    check(stream("elasticsearch:\n"), &[(Rule::KibanaEmptyElasticsearch, path, "elasticsearch")]);
    check(stream("elasticsearch: {index_mode: time_series}\n"), &[]);
}

#[test]
fn utf_16() {
    let mut memory = Memory::minimal("");
    let (_, content) = memory.contents.iter_mut().find(|(path, _)| path == "manifest.yml").unwrap();
    let text = String::from_utf8(std::mem::take(content)).unwrap();
    *content = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    check(memory, &[(Rule::KibanaEncoding, "manifest.yml", "")]);
}

/// Files that the registry only passes on.
#[test]
fn yaml_that_only_kibana_reads() {
    let folder = Memory::with_data_stream(DATA_STREAM);
    for path in ["data_stream/log/routing_rules.yml", "data_stream/log/lifecycle.yml", "kibana/tags.yml"] {
        for (text, rule) in [
            ("a: [", Rule::KibanaYaml),
            ("a: !x b\n", Rule::KibanaYaml),
            ("a: 1\na: 2\n", Rule::KibanaDuplicateKey),
            ("a: 1\n---\n", Rule::KibanaSeveralDocuments),
        ] {
            check(folder.clone().with(path, text), &[(rule, path, "")]);
        }
        check(folder.clone().with(path, "- {a: 1}\n"), &[]);
    }
    check(folder.clone().with("kibana/tags.yml", "# none\n"), &[(Rule::KibanaYaml, "kibana/tags.yml", "")]);
    check(folder.with("data_stream/log/lifecycle.yml", "# none\n"), &[]);
}

#[test]
fn fields_of_templates_inputs_and_variables() {
    let template = |rest: &str| format!("policy_templates: [{{name: p, title: P, description: D{rest}}}]\n");
    let check_template = |rest: &str, rule, fields: &[&str]| {
        let fields: Vec<String> = fields.iter().map(|field| format!("policy_templates.0.{field}")).collect();
        check_lines(&template(rest), rule, &fields.iter().map(String::as_str).collect::<Vec<_>>());
    };
    check_lines(
        "policy_templates: [{name: p, title: 0, description: D}]\n",
        Rule::KibanaTemplateField,
        &["policy_templates.0.title"],
    );
    check_template(", inputs: [{type: a, title: A}]", Rule::KibanaInputField, &[]);
    check_template(", inputs: [{type: a}]", Rule::KibanaInputField, &["inputs.0.title"]);
    check_template(
        ", inputs: [{type: a, title: A}, {package: a}]",
        Rule::KibanaInputField,
        &["inputs.1.type", "inputs.1.title"],
    );
    let vars = ", inputs: [{type: a, title: A, vars: [{name: v, type: text}, {name: v}, ~]}]";
    check_template(
        vars,
        Rule::KibanaVariableField,
        &["inputs.0.vars.1.type", "inputs.0.vars.2.name", "inputs.0.vars.2.type"],
    );
    // Kibana does not look at the variables of templates.
    check_template(", vars: [{title: V}]", Rule::KibanaVariableField, &[]);
    check_lines("vars: [{type: text}]\n", Rule::KibanaVariableField, &["vars.0.name"]);
    check_lines("vars: []\n", Rule::KibanaVariableField, &[]);
}

#[test]
fn fields_of_streams() {
    let check_streams = |streams: &str, fields: &[(Rule, &str)]| {
        let memory = Memory::with_data_stream(&format!("{DATA_STREAM}streams: {streams}\n"));
        let file = "data_stream/log/manifest.yml";
        let expected: Vec<_> = fields.iter().map(|(rule, field)| (*rule, file, *field)).collect();
        check(memory, &expected);
    };
    check_streams("[{input: a, title: A}]", &[]);
    check_streams("[{input: a}]", &[(Rule::KibanaStreamField, "streams.0.title")]);
    check_streams("[{package: a, title: A}]", &[(Rule::KibanaStreamField, "streams.0.input")]);
    check_streams(
        "[{input: a, title: A, vars: [{type: text}]}]",
        &[(Rule::KibanaVariableField, "streams.0.vars.0.name")],
    );
    // The registry has told of the input already.
    check_streams("[{}]", &[(Rule::StreamInputOrPackage, "streams.0"), (Rule::KibanaStreamField, "streams.0.title")]);
}

/// Texts count as they are, and anything else as base64.
#[test]
fn large_files() {
    const MEBIBYTE: usize = 1 << 20;
    let text = |count: usize, unit: &str| unit.repeat(count);
    let binary = |count: usize| format!("\0{}", "x".repeat(count - 1));
    for (path, content, is_refused) in [
        ("img/a.svg", text(4 * MEBIBYTE, "a"), false),
        ("img/a.svg", text(4 * MEBIBYTE + 1, "a"), true),
        ("img/a.svg", text(4 * MEBIBYTE, "\u{e9}"), false),
        ("img/a.svg", text(4 * MEBIBYTE + 1, "\u{20ac}"), true),
        ("img/a.png", binary(3 * MEBIBYTE), false),
        ("img/a.png", binary(3 * MEBIBYTE + 1), true),
        ("elasticsearch/ml_model/a.json", text(12 * MEBIBYTE + 1, "a"), false),
    ] {
        let expected = (Rule::KibanaFileTooLarge, path, "");
        check(Memory::minimal("").with(path, &content), if is_refused { std::slice::from_ref(&expected) } else { &[] });
    }
}

#[test]
fn unknown_categories_are_told() {
    let memory = Memory::minimal("categories: [web, my_company, cloudd]\n").listed();
    let (package, problems) = read(&memory, &STRICT);
    assert!(package.is_some());
    let told: Vec<_> = problems.iter().map(|problem| (problem.severity, problem.rule, problem.to_string())).collect();
    let text = |id: &str, index: u32, hint: &str| {
        (
            Severity::Warning,
            Rule::UnknownCategory,
            format!(
                "warning: unknown category `{id}`, which the registry drops\n  --> manifest.yml:7 (categories.{index})\n\
                 hint: {hint}"
            ),
        )
    };
    let usual = Rule::UnknownCategory.entry().unwrap().hint;
    assert_eq!(told, [text("my_company", 1, usual), text("cloudd", 2, "did you mean `cloud`?")]);
}
