//! Every reason for which a package is refused, each from the least package that shows it (contract, "Why a package is
//! refused" and "Checks of data streams under validation").

use super::{DATA_STREAM, FIELDS, MANIFEST, Memory, STRICT, read, refusals};
use crate::base::problem::{Problem, Severity};
use crate::base::rule::Rule;
use crate::package::{Findings, PackageKind, ReadContext};

/// Lines added to the least manifest, and the rule that they break.
fn check_lines(lines: &str, rule: Rule) {
    assert_eq!(refusals(Memory::minimal(lines)), [rule], "{lines}");
}

/// A manifest in place of the least one, and the rule that it breaks.
fn check_manifest(manifest: &str, rule: Rule) {
    assert_eq!(refusals(Memory::minimal("").with("manifest.yml", manifest)), [rule], "{manifest}");
}

/// Changes the least manifest, and names the rule that it then breaks.
fn check_change(from: &str, to: &str, rule: Rule) {
    assert!(MANIFEST.contains(from), "{from}");
    check_manifest(&MANIFEST.replace(from, to), rule);
}

#[test]
fn the_least_package_is_accepted_without_a_word() {
    for memory in [Memory::minimal(""), Memory::with_data_stream(DATA_STREAM)] {
        let (package, problems) = read(&memory.listed(), &STRICT);
        assert!(package.is_some());
        assert_eq!(problems, []);
    }
}

/// No manifest, or none that can be opened (contract, "Manifest missing").
#[test]
fn manifests_that_cannot_be_read() {
    assert_eq!(refusals(Memory::minimal("").without("manifest.yml")), [Rule::UnreadableManifest]);
    let folder = Memory::minimal("").without("manifest.yml").with("manifest.yml/x", "");
    assert_eq!(refusals(folder), [Rule::UnreadableManifest]);
}

/// Manifests that the YAML reader refuses (contract, "YAML error" to "Negative index").
#[test]
fn manifests_that_are_not_yaml_maps() {
    check_lines("a: b: c\n", Rule::YamlSyntax);
    check_manifest("text", Rule::YamlTopLevel);
    check_lines("unknown: {1: x}\n", Rule::YamlKey);
    check_lines("owner.github: a\nowner: foo\n", Rule::YamlConflict);
    check_lines("\"-1\": x\n", Rule::YamlNegativeIndex);
}

/// Wrong kinds in places that other tests do not reach (contract, "Wrong kind of value").
#[test]
fn fields_of_the_wrong_kind() {
    for lines in [
        "path: {}\n",
        "readme: []\n",
        "assets: [{}]\n",
        "data_streams: x\n",
        "icons: [{src: docs/README.md, path: []}]\n",
        "policy_templates: [{name: p, title: P, description: D, readme: {}}]\n",
        "conditions: {kibana: \"^8\"}\n",
        "elasticsearch: x\n",
        "agent: {privileges: {root: 1}}\n",
    ] {
        check_lines(lines, Rule::WrongType);
    }
}

/// Strings that may not be empty (contract, "Required text empty").
#[test]
fn required_strings() {
    for lines in [
        "policy_templates: [{title: P, description: D}]\n",
        "policy_templates: [{name: p, title: ~, description: D}]\n",
        "policy_templates: [{name: p, title: P, description: \"\"}]\n",
        "icons: [{title: x}]\n",
        "screenshots: [~]\n",
        "policy_templates: [{name: p, title: P, description: D, icons: [{}]}]\n",
        "policy_templates: [{name: p, title: P, description: D, screenshots: [{}]}]\n",
        "discovery: {fields: [{}]}\n",
        "discovery: {datasets: [{name: \"\"}]}\n",
        "requires: {input: [{package: p}]}\n",
        "requires: {content: [{version: 1.0.0}]}\n",
    ] {
        check_lines(lines, Rule::MissingField);
    }
    for manifest in ["title: T\n", "type: logs\n", "title: \"\"\ntype: logs\n"] {
        assert_eq!(refusals(Memory::with_data_stream(manifest)), [Rule::MissingField], "{manifest}");
    }
}

/// Versions and format versions that are missing or not strict (contract, "Version not strict", "Format version not
/// strict" and "Format version missing"). Search compares format versions, so one is required in both modes.
#[test]
fn versions() {
    for version in ["", "1.0", "v1.0.0", "latest", "01.0.0"] {
        check_change("version: 1.0.0\n", &format!("version: {version}\n"), Rule::InvalidVersion);
    }
    for version in ["2.1", "v3.0.0", "x"] {
        check_change("3.0.0", version, Rule::InvalidFormatVersion);
    }
    check_change("3.0.0", "", Rule::MissingFormatVersion);
    let memory = Memory::minimal("").with("manifest.yml", &MANIFEST.replace("3.0.0", ""));
    let (package, _) = read(&memory.listed(), &ReadContext { require_validation: false, ..STRICT });
    assert!(package.is_none());
}

/// Constraints that cannot be read (contract, "Constraint invalid").
#[test]
fn constraints() {
    for lines in [
        "conditions: {kibana: {}}\n",
        "conditions: {kibana: {version: \"\"}}\n",
        "conditions: {kibana: {version: \"^8.x.y\"}}\n",
        "conditions: {agent: {}}\n",
        "conditions: {agent: {version: nonsense}}\n",
    ] {
        check_lines(lines, Rule::InvalidConstraint);
    }
}

/// Words that are not releases (contract, "Release unknown" and "Agentless release unknown").
#[test]
fn releases() {
    check_lines("release: stable\n", Rule::InvalidRelease);
    assert_eq!(refusals(Memory::with_data_stream("title: T\ntype: logs\nrelease: x\n")), [Rule::InvalidRelease]);
    for release in ["experimental", "x"] {
        let modes = format!("deployment_modes: {{agentless: {{release: {release}}}}}");
        let lines = format!("policy_templates: [{{name: p, title: P, description: D, {modes}}}]\n");
        check_lines(&lines, Rule::InvalidAgentlessRelease);
    }
}

/// Manifests of data streams that cannot be read (contract, "Data stream manifest unreadable").
#[test]
fn data_stream_manifests() {
    assert_eq!(refusals(Memory::with_data_stream("a: b: c")), [Rule::YamlSyntax]);
    assert_eq!(refusals(Memory::with_data_stream("title: T\ntype: {}\n")), [Rule::WrongType]);
    let folder = Memory::minimal("").with("data_stream/log/manifest.yml/x", "");
    assert_eq!(refusals(folder), [Rule::UnreadableManifest]);
}

/// Names that an address cannot hold, and lists that belong elsewhere (contract, "Hidden names").
#[test]
fn what_this_program_refuses_on_its_own() {
    for name in ["", "Foo", "fo-o", "a/b", "..", "f\u{f6}"] {
        check_change("name: foo", &format!("name: {name}"), Rule::UnsafeName);
    }
    check_lines("data_streams: [{type: logs, dataset: a, title: A}]\n", Rule::DataStreamsInManifest);
}

/// What the registry would obey and a site must not is said, not refused.
#[test]
fn base_paths_are_ignored_with_a_warning() {
    let warning = |memory: Memory| {
        let (package, problems) = read(&memory.listed(), &STRICT);
        assert!(package.is_some());
        problems.into_iter().map(|problem| (problem.severity, problem.rule)).collect::<Vec<_>>()
    };
    let expected = [(Severity::Warning, Rule::IgnoredField.to_owned())];
    assert_eq!(warning(Memory::minimal("basepath: /etc\n")), expected);
    assert_eq!(warning(Memory::minimal("basepolicytemplates: []\n")), expected);
    assert_eq!(warning(Memory::with_data_stream(&format!("{DATA_STREAM}basepath: /etc\n"))), expected);
}

/// Breaks a rule of validation: refused with validation on, warned of with validation off.
fn check_validation(memory: Memory, context: &ReadContext<'_>, rule: Rule) {
    let memory = memory.listed();
    for (require_validation, severity) in [(true, Severity::Quarantine), (false, Severity::Warning)] {
        let (package, problems) = read(&memory, &ReadContext { require_validation, ..context.clone() });
        let found: Vec<_> = problems.iter().map(|problem| (problem.severity, problem.rule)).collect();
        assert_eq!(found, [(severity, rule)], "{:?}", memory.contents);
        assert_eq!(package.is_some(), severity == Severity::Warning);
    }
}

fn check_manifest_validation(manifest: &str, rule: Rule) {
    check_validation(Memory::minimal("").with("manifest.yml", manifest), &STRICT, rule);
}

/// A package needs a title and a description (contract, "Title empty" and "Description empty").
#[test]
fn title_and_description() {
    for title in ["", "title: ~\n", "title: \"\"\n"] {
        check_manifest_validation(&MANIFEST.replace("title: Foo\n", title), Rule::MissingTitle);
    }
    for description in ["", "description: \"\"\n"] {
        check_manifest_validation(&MANIFEST.replace("description: About foo\n", description), Rule::MissingDescription);
    }
}

/// Icons and screenshots that do not exist (contract, "Image missing").
#[test]
fn images() {
    let package = |list: &str, source: &str, kind: PackageKind| {
        let memory = Memory::minimal(&format!("{list}: [{{src: \"{source}\"}}]\n")).with("img/a.svg", "");
        if kind == PackageKind::Zip { memory.zipped() } else { memory }
    };
    for list in ["icons", "screenshots"] {
        for source in ["/img/b.svg", "//img/a.svg", "img/./a.svg", "img/../img/a.svg", "img/a.svg/", "/", "."] {
            check_validation(package(list, source, PackageKind::Folder), &STRICT, Rule::MissingImage);
        }
        for source in ["img/b.svg", "../foo/img/a.svg"] {
            check_validation(package(list, source, PackageKind::Zip), &STRICT, Rule::MissingImage);
        }
        for source in ["/img/a.svg", "img/a.svg", "img"] {
            assert_eq!(refusals(package(list, source, PackageKind::Folder)), [], "{source}");
        }
        for source in ["//img/a.svg", "img/./a.svg", "img/../img/a.svg", "img/a.svg/"] {
            assert_eq!(refusals(package(list, source, PackageKind::Zip)), [], "{source}");
        }
    }
    let template = "policy_templates: [{name: p, title: P, description: D, icons: [{src: none.svg}]}]\n";
    assert_eq!(refusals(Memory::minimal(template)), [], "images of templates are not looked for");
}

/// The folder is named after the version (contract, "Folder and manifest versions differ").
#[test]
fn folder_and_manifest_version() {
    let context = |folder| ReadContext { folder_version: Some(folder), ..STRICT };
    for folder in ["1.0.1", "1.0.0-rc.1"] {
        check_validation(Memory::minimal(""), &context(folder), Rule::VersionDiffersFromFolder);
    }
    for folder in ["1.0.0", "1.0.0+x"] {
        assert!(read(&Memory::minimal("").listed(), &context(folder)).0.is_some(), "{folder}");
    }
}

/// An input has either a type or a package (contract, "Input without a type or package").
#[test]
fn inputs_have_a_type_or_a_package() {
    for (input, fine) in [("title: I", false), ("title: I, type: a, package: b", false), ("title: I, type: a", true)] {
        let lines = format!("policy_templates: [{{name: p, title: P, description: D, inputs: [{{{input}}}]}}]\n");
        if fine {
            assert_eq!(refusals(Memory::minimal(&lines)), [], "{input}");
        } else {
            check_validation(Memory::minimal(&lines), &STRICT, Rule::InputTypeOrPackage);
        }
    }
}

/// Faults in the manifest of a data stream (contract, "Checks of data streams under validation").
#[test]
fn data_streams() {
    for (lines, rule) in [
        ("type: logs\ndataset: a-b\n", Rule::DashInDataset),
        ("type: profiling\n", Rule::InvalidType),
        ("type: logs\nstreams: [{title: S}]\n", Rule::StreamInputOrPackage),
        ("type: logs\nstreams: [{title: S, input: a, package: b}]\n", Rule::StreamInputOrPackage),
        ("type: logs\ningest_pipeline: x\n", Rule::MissingPipeline),
    ] {
        check_validation(Memory::with_data_stream(&format!("title: T\n{lines}")), &STRICT, rule);
    }
    for kind in ["logs", "metrics", "synthetics", "traces"] {
        let manifest = format!("title: T\ntype: {kind}\nstreams: [{{input: a, title: A}}]\n");
        assert_eq!(refusals(Memory::with_data_stream(&manifest)), [], "{kind}");
    }
}

/// Faults in the pipeline that a data stream names (contract, "Checks of data streams under validation").
#[test]
fn pipelines_are_maps() {
    let package = |file: &str, content: &str| {
        Memory::with_data_stream(DATA_STREAM)
            .with(&format!("data_stream/log/elasticsearch/ingest_pipeline/{file}"), content)
    };
    for (file, content) in [
        ("default.yml", "- a\n"),
        ("default.yml", "text"),
        ("default.yml", "a: b: c"),
        ("default.json", "[]"),
        ("default.json", "{"),
        ("default.json", ""),
        ("default.yml/x", ""),
    ] {
        check_validation(package(file, content), &STRICT, Rule::InvalidPipeline);
    }
    for (file, content) in [
        ("default.yml", ""),
        ("default.yml", "a.b: {1: x}\n"),
        ("default.json", "null"),
        ("default.json", "{\"a\": 1}"),
    ] {
        assert_eq!(refusals(package(file, content)), [], "{file} {content}");
    }
}

/// Faults in the fields of a data stream (contract, "Checks of data streams under validation").
#[test]
fn required_fields() {
    let package = |files: &[(&str, &str)]| {
        let start = Memory::minimal("").with("data_stream/log/manifest.yml", DATA_STREAM);
        files
            .iter()
            .fold(start, |memory, (file, content)| memory.with(&format!("data_stream/log/fields/{file}"), content))
    };
    let group = "- name: data_stream\n  type: group\n  fields:\n\
                 \x20 - {name: type, type: constant_keyword}\n\
                 \x20 - {name: dataset, type: constant_keyword}\n\
                 \x20 - {name: namespace, type: constant_keyword}\n";
    let time = "- {name: '@timestamp', type: date}\n";
    let (first, second) = FIELDS.split_at(FIELDS.find("- name: data_stream.namespace").expect("it is in there"));
    for files in [
        &[("base.yml", FIELDS)][..],
        &[("a.yml", first), ("b.any", second)],
        &[("a.yml", group), ("b.yml", time), ("c.yml", "")],
        &[("a.yml", FIELDS), ("b.yml", "- {type: keyword}\n")],
    ] {
        assert_eq!(refusals(package(files)), [], "{files:?}");
    }
    for (files, rule) in [
        (&[("base.yml", "a: b\n")][..], Rule::InvalidFieldsFile),
        (&[("base.yml", "- a\n")], Rule::InvalidFieldsFile),
        (&[("base.yml", "- [a\n")], Rule::InvalidFieldsFile),
        (&[("base.yml", FIELDS), ("folder/x.yml", "")], Rule::InvalidFieldsFile),
        (&[("base.yml", first), ("time.yml", time)], Rule::RequiredField),
        (&[("a.yml", "- {name: '@timestamp', type: keyword}\n"), ("b.yml", FIELDS)], Rule::RequiredField),
        (&[("a.yml", first), ("b.yml", "- {type: keyword}\n"), ("c.yml", group), ("d.yml", time)], Rule::RequiredField),
    ] {
        let (package, problems) = read(&package(files).listed(), &STRICT);
        assert!(package.is_none(), "{files:?}");
        assert!(problems.iter().all(|problem| problem.rule == rule), "{files:?}: {problems:?}");
    }
    check_validation(package(&[("base.yml", &FIELDS.replace("date", "text"))]), &STRICT, Rule::RequiredField);
}

/// A dash in a folder name can be made a warning (contract, "Dash in a folder name").
#[test]
fn folders_with_a_dash_may_be_allowed() {
    let memory = Memory::minimal("").with("a-b/c", "").listed();
    let (package, problems) = read(&memory, &ReadContext { allow_dashed_folders: true, ..STRICT });
    assert!(package.is_some());
    let found: Vec<_> = problems.iter().map(|problem| (problem.severity, problem.rule)).collect();
    assert_eq!(found, [(Severity::Warning, Rule::DashInFolderName)]);
}

/// One reading shows all that is wrong, each with its place and a way out.
#[test]
fn problems_have_a_place_and_a_hint() {
    let lines = "release: x\nowner:\n  github: []\npolicy_templates:\n  - name: p\n    title: P\n";
    let (package, problems) = read(&Memory::minimal(lines).without("docs/README.md").listed(), &STRICT);
    assert!(package.is_none());
    let shown: Vec<String> = problems.iter().map(Problem::to_string).collect();
    let expected = [
        "error: string value is not set accessing 'policy_templates.0.description'\n  \
         --> manifest.yml:10 (policy_templates.0.description)\nhint: give `description` a value that is not empty",
        "error: invalid release: \"x\"\n  --> manifest.yml:6 (release)\n\
         hint: write `experimental`, `beta` or `ga`, or leave it out",
        "error: can not convert 'list' into 'string' accessing 'owner.github'\n  \
         --> manifest.yml:8 (owner.github)\nhint: write a string",
        "error: no readme file found, README.md is required: docs/README.md\n  --> docs/README.md\n\
         hint: write `docs/README.md`",
    ];
    assert_eq!(shown, expected);
}

/// What was found in an equal file of another package is reported with the place of this one, and nothing else changes.
#[test]
fn equal_files_are_refused_alike() {
    let findings = Findings::default();
    let group = "- name: data_stream\n  type: group\n  fields: [{name: type, type: constant_keyword}, {type: x}]\n";
    for fields in
        ["a: b\n", "- 1\n", "- name: [\n", "", "- type: date\n", "- name: '@timestamp'\n  type: text\n", group]
    {
        let memory = Memory::minimal("")
            .with("data_stream/log/manifest.yml", DATA_STREAM)
            .with("data_stream/log/fields/a.yml", fields)
            .with("data_stream/other/manifest.yml", DATA_STREAM)
            .with("data_stream/other/elasticsearch/ingest_pipeline/default.yml", fields)
            .with("data_stream/other/elasticsearch/ingest_pipeline/default.json", fields)
            .with("data_stream/other/fields/a.yml", fields)
            .with("data_stream/other/fields/b.yml", FIELDS)
            .listed();
        let (_, alone) = read(&memory, &STRICT);
        assert!(!alone.is_empty(), "{fields}");
        for _ in 0..2 {
            let (_, with) = read(&memory, &ReadContext { findings: Some(&findings), ..STRICT });
            assert_eq!(with, alone, "{fields}");
        }
    }
}

#[test]
fn what_is_said_twice_is_a_warning() {
    let memory = Memory::minimal("owner.github: first\nowner: {github: second}\n");
    let (package, problems) = read(&memory.listed(), &STRICT);
    let found: Vec<_> = problems.iter().map(|problem| (problem.severity, problem.rule)).collect();
    assert!(package.is_some());
    assert_eq!(found, [(Severity::Warning, Rule::YamlOddity)]);
}
