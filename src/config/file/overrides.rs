//! The overrides of a layer: rules that change what the registry says of versions.

use super::reader::{Reader, Value};
use crate::config::glob::Glob;
use crate::config::overrides::Override;
use crate::dialect::version::{Constraint, Version};
use crate::package::{Deprecated, ReplacedBy};
use std::fmt::Display;
use yaml11::Plain;

/// Keys of a rule.
pub(super) const OVERRIDE: &[&str] = &["package", "versions", "hide", "deprecated", "kibana", "reason"];
/// Keys of `deprecated`.
pub(super) const DEPRECATED: &[&str] = &["description", "since", "replaced_by"];
/// Keys of `replaced_by`.
pub(super) const REPLACED_BY: &[&str] = &["package", "policy_template", "input", "data_stream", "variable"];

/// Longest text for people.
const MOST_BYTES: usize = 2_000;

/// All rules of a layer.
pub(super) fn read(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<Override> {
    const HINT: &str =
        "write `- {package: nginx, versions: \"1.2.0\", hide: yes, reason: …}` for each rule, or remove the key";
    let mut rules: Vec<(String, u32, Override)> = Vec::new();
    for item in reader.list(value, "a list of rules", HINT) {
        let Some(rule) = rule(reader, &item) else { continue };
        let again = rules.iter().find_map(|(path, _, earlier)| Some((path, collision(earlier, &rule)?)));
        if let Some((earlier, what)) = again {
            let message = format!("`{}` says again {what} of `{rule}`, as `{earlier}` does", item.path);
            reader.mistake(item.line, message, "remove one of the two; which of them counts is not known");
            continue;
        }
        rules.push((item.path.clone(), item.line, rule));
    }
    rules.into_iter().map(|(_, _, rule)| rule).collect()
}

/// What two rules say of the same names and versions. Rules whose names or versions only overlap are compared with what
/// the layer holds, where it is known which versions both meet.
fn collision(one: &Override, other: &Override) -> Option<&'static str> {
    let are_alike = one.versions == other.versions && one.packages.iter().any(|name| other.packages.contains(name));
    let both = [
        (one.hide && other.hide, "to hide"),
        (one.kibana.is_some() && other.kibana.is_some(), "what Kibana is needed"),
        (one.deprecated.is_some() && other.deprecated.is_some(), "that it is deprecated"),
    ];
    both.into_iter().find(|(says, _)| are_alike && *says).map(|(_, what)| what)
}

fn rule(reader: &mut Reader<'_>, item: &Value<'_>) -> Option<Override> {
    let mut rule = Override {
        packages: Vec::new(),
        versions: None,
        hide: false,
        kibana: None,
        deprecated: None,
        reason: String::new(),
    };
    let before = reader.mistakes();
    let (mut has_names, mut has_reason) = (false, false);
    for (key, value) in reader.section(item, OVERRIDE) {
        match key {
            "package" => {
                has_names = true;
                rule.packages = names(reader, &value);
            }
            "versions" => rule.versions = constraint(reader, &value, "1.2.0` or `>=1.2.0 <1.4.0"),
            "hide" => rule.hide = reader.flag(&value),
            "deprecated" => rule.deprecated = deprecated(reader, &value),
            "kibana" => rule.kibana = constraint(reader, &value, "^8.5.0"),
            _ => {
                has_reason = true;
                rule.reason = text(reader, &value, "a reason").unwrap_or_default();
            }
        }
    }
    if reader.mistakes() > before {
        return None;
    }
    if !has_names {
        let hint = "add `package: nginx`, or a pattern such as `package: \"ti_*\"`";
        reader.mistake(item.line, format!("`{}` names no package", item.path), hint);
    }
    if !has_reason {
        let hint = "add `reason: …`; reports, pages and `epr-build which` show it";
        reader.mistake(item.line, format!("`{}` has no reason", item.path), hint);
    }
    if !rule.hide && rule.kibana.is_none() && rule.deprecated.is_none() {
        let hint =
            "add `hide: yes`, `deprecated: {description: …, since: …}` or `kibana: \"^8.5.0\"`, or remove the rule";
        reader.mistake(item.line, format!("`{}` changes nothing", item.path), hint);
    }
    (reader.mistakes() == before).then_some(rule)
}

/// A name or pattern, or several.
fn names(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<Glob> {
    const HINT: &str = "write `package: nginx`, `package: \"ti_*\"` or `package: [nginx, apache]`";
    let items = match value.plain {
        Plain::List(..) => reader.list(value, "a name or a list of names", HINT),
        _ => vec![value.clone()],
    };
    let mut names = Vec::new();
    for item in items {
        let Some(text) = reader.text(&item, "the name of a package, or a pattern such as `ti_*`") else { continue };
        let pattern = Glob(text.to_owned());
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-*".contains(&byte)) {
            let message = format!("`{}` must be the name of a package, not `{text}`", value.path);
            let hint = match text.split_once('@') {
                Some((name, version)) => format!("write `package: {name}` and `versions: \"{version}\"`"),
                None => HINT.to_owned(),
            };
            reader.mistake(item.line, message, &hint);
        } else if names.contains(&pattern) {
            reader.mistake(item.line, format!("`{}` names `{text}` twice", value.path), "remove one of the two");
        } else {
            names.push(pattern);
        }
    }
    names
}

/// A constraint as the registry reads it.
fn constraint(reader: &mut Reader<'_>, value: &Value<'_>, example: &str) -> Option<Constraint> {
    let wanted = format!("a constraint, such as `{example}`");
    let text = reader.text(value, &wanted)?;
    let hint = format!("write `{example}`, with quotes around it; `||` stands between alternatives");
    wrong_unless(reader, value, Constraint::parse(text), &hint)
}

fn wrong_unless<T, E: Display>(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    read: Result<T, E>,
    hint: &str,
) -> Option<T> {
    read.map_err(|error| reader.mistake(value.line, format!("`{}`: {error}", value.path), hint)).ok()
}

/// A text for people.
fn text(reader: &mut Reader<'_>, value: &Value<'_>, wanted: &str) -> Option<String> {
    let text = reader.text(value, wanted)?;
    if text.len() > MOST_BYTES {
        let message = format!("`{}` is longer than {MOST_BYTES} bytes", value.path);
        reader.mistake(value.line, message, "shorten it, and name a page that says more");
        return None;
    }
    if text.trim().is_empty() {
        reader.mistake(value.line, format!("`{}` is blank", value.path), &format!("write {wanted}"));
        return None;
    }
    Some(text.to_owned())
}

fn deprecated(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Deprecated> {
    const HINT: &str = "write `deprecated: {description: …, since: \"1.2.0\"}`; without the key the package's own notice counts, \
                        which no override takes away";
    if !matches!(value.plain, Plain::Map(..)) {
        reader.wrong(value, "a mapping", HINT);
        return None;
    }
    let mut deprecated = Deprecated::default();
    let before = reader.mistakes();
    for (key, value) in reader.section(value, DEPRECATED) {
        match key {
            "description" => {
                deprecated.description = text(reader, &value, "what to do instead").unwrap_or_default();
            }
            "since" => {
                let since = reader.text(&value, "the first version that is deprecated");
                let read = since.and_then(|text| {
                    wrong_unless(reader, &value, Version::strict(text), "write a whole version, such as `\"1.2.0\"`")
                });
                deprecated.since = read.map(|version| version.to_string()).unwrap_or_default();
            }
            _ => deprecated.replaced_by = replaced_by(reader, &value),
        }
    }
    if reader.mistakes() > before {
        return None;
    }
    for (missing, key) in [(&deprecated.description, "description"), (&deprecated.since, "since")] {
        if missing.is_empty() {
            reader.mistake(value.line, format!("`{}` has no {key}", value.path), HINT);
        }
    }
    (reader.mistakes() == before).then_some(deprecated)
}

/// The name of a package, or a mapping that says what else takes the place.
fn replaced_by(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<ReplacedBy> {
    let mut by = ReplacedBy::default();
    if !matches!(value.plain, Plain::Map(..)) {
        by.package = text(reader, value, "the name of a package")?;
        return Some(by);
    }
    for (key, value) in reader.section(value, REPLACED_BY) {
        let place = match key {
            "package" => &mut by.package,
            "policy_template" => &mut by.policy_template,
            "input" => &mut by.input,
            "data_stream" => &mut by.data_stream,
            _ => &mut by.variable,
        };
        *place = text(reader, &value, "a name").unwrap_or_default();
    }
    if by == ReplacedBy::default() {
        reader.mistake(value.line, format!("`{}` names nothing", value.path), "write `replaced_by: {package: nginx}`");
    }
    Some(by)
}
