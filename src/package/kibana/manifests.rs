//! Fields that Kibana requires in manifests.
//!
//! Works on values as they are written: Kibana splits no keys on dots inside of lists, and none of a package manifest.

use super::told::problem;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use yaml11::{Plain, Scalar};

/// What Kibana misses in the manifest of a package.
pub(in crate::package) fn of_package(root: &Plain, file: &str) -> Vec<Problem> {
    let mut found = Missing { file, problems: Vec::new() };
    if root.get("owner").is_none() {
        let reason = "the package has no `owner`";
        found.problems.push(problem(Rule::KibanaMissingOwner, file, reason).field("owner").line(root.line()));
    }
    for (template, path) in items(root, "", "policy_templates") {
        found.require(template, &path, Rule::KibanaTemplateField, &["name", "title", "description"]);
        for (input, path) in items(template, &path, "inputs") {
            found.require(input, &path, Rule::KibanaInputField, &["type", "title"]);
            found.variables(input, &path);
        }
    }
    found.variables(root, "");
    found.problems
}

/// What Kibana misses in the manifest of a data stream.
pub(in crate::package) fn of_data_stream(root: &Plain, file: &str) -> Vec<Problem> {
    let mut found = Missing { file, problems: Vec::new() };
    for (stream, path) in items(root, "", "streams") {
        found.require(stream, &path, Rule::KibanaStreamField, &["input", "title"]);
        found.variables(stream, &path);
    }
    if let Some(settings) = root.get("elasticsearch").filter(|value| value.is_null()) {
        let reason = "`elasticsearch` has no value";
        let problem = problem(Rule::KibanaEmptyElasticsearch, file, reason);
        found.problems.push(problem.field("elasticsearch").line(settings.line()));
    }
    found.problems
}

/// The items of a list, with their dotted paths.
fn items<'a>(parent: &'a Plain, path: &str, name: &str) -> impl Iterator<Item = (&'a Plain, String)> {
    let items = match parent.get(name) {
        Some(Plain::List(items, _)) => items.as_slice(),
        _ => &[],
    };
    let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    items.iter().enumerate().map(move |(index, item)| (item, format!("{path}.{index}")))
}

/// Returns true if JavaScript takes the value for true. `no` and `off`, which are false in YAML 1.1, are texts to Kibana.
fn is_given(value: &Plain) -> bool {
    match value {
        Plain::Scalar(Scalar::Null | Scalar::Int(0), _) => false,
        Plain::Scalar(Scalar::String(text), _) => !text.is_empty(),
        _ => true,
    }
}

struct Missing<'a> {
    file: &'a str,
    problems: Vec<Problem>,
}

impl Missing<'_> {
    fn variables(&mut self, parent: &Plain, path: &str) {
        for (variable, path) in items(parent, path, "vars") {
            self.require(variable, &path, Rule::KibanaVariableField, &["name", "type"]);
        }
    }

    /// Reports each of the names that an item has no value for.
    fn require(&mut self, item: &Plain, path: &str, rule: Rule, names: &[&str]) {
        let what = match rule {
            Rule::KibanaTemplateField => "the policy template",
            Rule::KibanaInputField => "the input",
            Rule::KibanaStreamField => "the stream",
            _ => "the variable",
        };
        for name in names.iter().filter(|name| !item.get(name).is_some_and(is_given)) {
            let line = item.get(name).map_or(item.line(), Plain::line);
            let reason = format!("{what} has no `{name}`");
            self.problems.push(problem(rule, self.file, reason).field(format!("{path}.{name}")).line(line));
        }
    }
}
