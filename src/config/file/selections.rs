//! The selections of the configuration: which versions of packages a fleet needs.
//!
//! They are read from texts without types, because versions stand in them: 8.10 is not 8.1.

use super::reader::{Reader, Value};
use crate::base::suggest::{did_you_mean, nearest};
use crate::config::glob::Glob;
use crate::config::selection::{
    Closure, Exclude, Filter, KibanaRange, Latest, Preset, Selection, Subscription, Take, What,
};
use crate::config::{Config, Distribution};
use crate::dialect::version::{Constraint, Version};
use crate::package::{Release, categories};
use std::collections::BTreeMap;
use std::path::Path;
use yaml11::{Plain, Scalar};

/// Keys of a selection.
pub(super) const SELECTION: &[&str] = &[
    "kibana",
    "prerelease",
    "capabilities",
    "take",
    "exclude",
    "previous",
    "closure",
    "content",
    "follow_replacements",
    "distribution",
];
/// Keys of a rule of `take`.
pub(super) const TAKE: &[&str] = &[
    "preset",
    "pin",
    "name",
    "type",
    "category",
    "owner",
    "subscription",
    "release",
    "data_streams.type",
    "deployment_modes",
    "versions",
    "latest",
    "prerelease",
];
/// Keys of a rule of `exclude`.
pub(super) const EXCLUDE: &[&str] = &[
    "name",
    "type",
    "category",
    "owner",
    "subscription",
    "release",
    "data_streams.type",
    "deployment_modes",
    "versions",
];
/// Types of owners that manifests know.
const OWNER_TYPES: [&str; 3] = ["elastic", "partner", "community"];

/// All selections, by name. `texts` is the section in a document without types.
pub(super) fn read(reader: &mut Reader<'_>, texts: &Value<'_>, folder: &Path) -> BTreeMap<String, Selection> {
    let mut selections = BTreeMap::new();
    for (name, value) in reader.map(texts) {
        if reader.name(name, &value) {
            selections.insert(name.to_owned(), selection(reader, &value, folder));
        }
    }
    selections
}

fn selection(reader: &mut Reader<'_>, value: &Value<'_>, folder: &Path) -> Selection {
    let mut selection = Selection::default();
    let mut closure = None;
    for (key, value) in reader.section(value, SELECTION) {
        match key {
            "kibana" => selection.kibana = kibanas(reader, &value),
            "prerelease" => selection.prerelease = flag(reader, &value),
            "capabilities" => selection.capabilities = Some(words(reader, &value, "a capability")),
            "take" => selection.take = rules(reader, &value).iter().filter_map(|item| take(reader, item)).collect(),
            "exclude" => {
                selection.exclude = rules(reader, &value).iter().filter_map(|item| exclude(reader, item)).collect();
            }
            "previous" => selection.previous = number(reader, &value, 0).unwrap_or_default(),
            "closure" => {
                let known = [("install", Closure::Install), ("none", Closure::None), ("build", Closure::Build)];
                closure = Some(reader.choice(&value, &known));
            }
            "content" => selection.discovered = reader.choice(&value, &[("named", false), ("discovered", true)]),
            "follow_replacements" => selection.follow_replacements = flag(reader, &value),
            _ => {
                selection.distribution = reader.text(&value, "the path of a file").map(|path| folder.join(path));
            }
        }
    }
    // Such a file says exactly what is wanted.
    let default = if selection.distribution.is_some() { Closure::None } else { Closure::Install };
    selection.closure = closure.unwrap_or(default);
    let has_take = matches!(value.plain, Plain::Map(..)) && value.plain.get("take").is_some();
    if !has_take && selection.distribution.is_none() {
        let hint = "add `take: [{preset: fleet}, {name: nginx}]`; `{name: '*'}` takes every package";
        reader.mistake(value.line, format!("`{}` takes nothing", value.path), hint);
    }
    selection
}

/// Selections that layers and distributions name are there.
pub(super) fn check_names(
    reader: &mut Reader<'_>,
    config: &Config,
    layer_lines: &BTreeMap<String, u32>,
    distribution_lines: &BTreeMap<String, u32>,
) {
    let known: Vec<&str> = config.selections.keys().map(String::as_str).collect();
    let mut check = |what: String, name: &str, line: Option<&u32>| {
        if config.selections.contains_key(name) {
            return;
        }
        let hint = match known.is_empty() {
            true => format!("add `selections:` with `{name}: {{take: [{{preset: fleet}}]}}`"),
            false => did_you_mean(name, &known),
        };
        let message = format!("{what} selects `{name}`, which is no selection");
        reader.mistake(line.copied().unwrap_or(1), message, &hint);
    };
    for (layer, rules) in &config.layers {
        if let Some(name) = rules.mirror.as_ref().and_then(|mirror| mirror.select.as_deref()) {
            check(format!("layer `{layer}`"), name, layer_lines.get(layer));
        }
    }
    for (distribution, Distribution { select, .. }) in &config.distributions {
        if let Some(name) = select {
            check(format!("distribution `{distribution}`"), name, distribution_lines.get(distribution));
        }
    }
}

fn rules<'v>(reader: &mut Reader<'_>, value: &Value<'v>) -> Vec<Value<'v>> {
    reader.list(value, "a list of rules", "write `[{preset: fleet}, {name: [nginx, 'ti_*'], latest: 2}]`")
}

fn take(reader: &mut Reader<'_>, item: &Value<'_>) -> Option<Take> {
    let mut what = None;
    let (mut latest, mut prerelease) = (Latest::Newest(1), None);
    let mut others = Vec::new();
    let pairs = reader.section(item, TAKE);
    for (key, value) in &pairs {
        match *key {
            "preset" => what = Some(What::Preset(reader.choice(value, &Preset::ALL))),
            "pin" => what = pin(reader, value).or(what),
            "latest" => {
                latest = if value.plain.as_str() == Some("all") {
                    Latest::All
                } else {
                    Latest::Newest(number(reader, value, 1).unwrap_or(1))
                }
            }
            "prerelease" => prerelease = Some(flag(reader, value)),
            _ => {}
        }
        if !matches!(*key, "preset" | "pin") {
            others.push(*key);
        }
    }
    let filter = filter(reader, &pairs);
    let has = |key: &str| item.plain.get(key).is_some();
    if has("preset") || has("pin") {
        if !others.is_empty() || (has("preset") && has("pin")) {
            let message = format!("`{}` has other keys beside `preset` or `pin`", item.path);
            reader.mistake(
                item.line,
                message,
                "give each a rule of its own: `[{preset: fleet}, {pin: system@1.38.3}]`",
            );
        }
    } else if others.iter().all(|key| matches!(*key, "latest" | "prerelease")) {
        let message = format!("`{}` does not say which packages are meant", item.path);
        reader.mistake(
            item.line,
            message,
            "add `name`, `type`, `category` or another condition; `name: '*'` means all",
        );
        return None;
    } else {
        what = Some(What::Packages { filter, latest, prerelease });
    }
    Some(Take { text: shown(item.plain), place: None, what: what? })
}

fn exclude(reader: &mut Reader<'_>, item: &Value<'_>) -> Option<Exclude> {
    let pairs = reader.section(item, EXCLUDE);
    if pairs.is_empty() {
        let message = format!("`{}` does not say which versions are meant", item.path);
        reader.mistake(item.line, message, "add `name`, `type`, `versions` or another condition, or remove the rule");
        return None;
    }
    Some(Exclude { text: shown(item.plain), filter: filter(reader, &pairs) })
}

/// The conditions of a rule; its other keys are not looked at.
fn filter(reader: &mut Reader<'_>, pairs: &[(&str, Value<'_>)]) -> Filter {
    let mut filter = Filter::default();
    for (key, value) in pairs {
        match *key {
            "name" => filter.names = words(reader, value, "a name of a package").into_iter().map(Glob).collect(),
            "type" => filter.types = words(reader, value, "a type of packages"),
            "category" => filter.categories = known_categories(reader, value),
            "owner" => owners(reader, value, &mut filter),
            "subscription" => filter.subscription = Some(reader.choice(value, &Subscription::ALL)),
            "release" => filter.releases = releases(reader, value),
            "data_streams.type" => filter.data_streams = words(reader, value, "a type of data streams"),
            "deployment_modes" => filter.deployment_modes = words(reader, value, "a deployment mode"),
            "versions" => filter.versions = constraint(reader, value),
            _ => {}
        }
    }
    filter
}

fn kibanas(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<KibanaRange> {
    const HINT: &str = "write `8.19.5`, `8.19` for all its patches, or `9.1.0 - 9.2.4`";
    let mut ranges = Vec::new();
    for text in words(reader, value, "a version of Kibana, or a range of them") {
        match KibanaRange::parse(&text) {
            Some(range) => ranges.push(range),
            None if KibanaRange::is_reversed(&text) => {
                let message = format!("`{text}` in `{}` ends before it begins", value.path);
                let (first, last) = text.split_once(" - ").unwrap_or_default();
                reader.mistake(value.line, message, &format!("write `{} - {}`", last.trim(), first.trim()));
            }
            None => {
                let message =
                    format!("`{text}` in `{}` is neither a version of Kibana nor a range of them", value.path);
                reader.mistake(value.line, message, HINT);
            }
        }
    }
    KibanaRange::joined(ranges)
}

fn known_categories(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<String> {
    let ids = words(reader, value, "a category");
    let known: Vec<&str> = categories::CATEGORIES.iter().map(|category| category.id).collect();
    for id in ids.iter().filter(|id| !categories::known(id)) {
        let hint = nearest(id, &known).map_or_else(
            || "the categories are those of the registry, such as `security`, `observability` or `cloud`".to_owned(),
            |nearest| format!("did you mean `{nearest}`?"),
        );
        reader.mistake(value.line, format!("unknown category `{id}` in `{}`", value.path), &hint);
    }
    ids
}

/// Types of owners, or teams on GitHub, which have a slash.
fn owners(reader: &mut Reader<'_>, value: &Value<'_>, filter: &mut Filter) {
    for word in words(reader, value, "an owner") {
        if word.contains('/') {
            filter.owners.push(Glob(word));
        } else if OWNER_TYPES.contains(&word.as_str()) {
            filter.owner_types.push(word);
        } else {
            let message = format!("`{word}` in `{}` is neither a type of owners nor a team on GitHub", value.path);
            let hint = "write `elastic`, `partner` or `community`, or a team such as `elastic/security-*`";
            reader.mistake(
                value.line,
                message,
                nearest(&word, &OWNER_TYPES).map_or(hint.to_owned(), |near| format!("did you mean `{near}`?")).as_str(),
            );
        }
    }
}

fn releases(reader: &mut Reader<'_>, value: &Value<'_>) -> Vec<Release> {
    let known = [Release::Ga, Release::Beta, Release::Experimental];
    let names = known.map(Release::as_str);
    let mut releases = Vec::new();
    for word in words(reader, value, "a maturity") {
        match known.into_iter().find(|release| release.as_str() == word) {
            Some(release) => releases.push(release),
            None => {
                let message = format!("`{word}` in `{}` is no maturity", value.path);
                reader.mistake(value.line, message, &did_you_mean(&word, &names));
            }
        }
    }
    releases
}

fn constraint(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<Constraint> {
    let text = reader.text(value, "a constraint on versions, such as `^2.1`")?;
    match Constraint::parse(text) {
        Ok(constraint) => Some(constraint),
        Err(error) => {
            reader.mistake(
                value.line,
                format!("`{}`: {error}", value.path),
                "write it as `^2.1`, `'>=1.2 <2.0'` or `=1.2.3`",
            );
            None
        }
    }
}

fn pin(reader: &mut Reader<'_>, value: &Value<'_>) -> Option<What> {
    let text = reader.text(value, "a name and a version, such as `system@1.38.3`")?;
    let parts = text.split_once('@').and_then(|(name, version)| Some((name, Version::strict(version).ok()?)));
    match parts.filter(|(name, _)| !name.is_empty()) {
        Some((name, version)) => Some(What::Pin(name.to_owned(), version)),
        None => {
            let message = format!("`{}` is not a name and a version", value.path);
            reader.mistake(value.line, message, "write `system@1.38.3`, with all three numbers");
            None
        }
    }
}

/// One word, or a list of words.
fn words(reader: &mut Reader<'_>, value: &Value<'_>, wanted: &str) -> Vec<String> {
    let items = match value.plain {
        Plain::List(..) => reader.list(value, wanted, &format!("write {wanted}, or a list of such")),
        _ => vec![value.clone()],
    };
    items.iter().filter_map(|item| reader.text(item, wanted)).map(str::to_owned).collect()
}

/// Yes or no, as the text that it is.
fn flag(reader: &mut Reader<'_>, value: &Value<'_>) -> bool {
    match value.plain.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("yes" | "true" | "on") => true,
        Some("no" | "false" | "off") => false,
        _ => {
            reader.wrong(value, "yes or no", "write `yes` or `no`");
            false
        }
    }
}

fn number(reader: &mut Reader<'_>, value: &Value<'_>, least: usize) -> Option<usize> {
    let number = value.plain.as_str().and_then(|text| text.parse().ok()).filter(|number| *number >= least);
    if number.is_none() {
        let message = format!("`{}` must be a whole number, {least} or more", value.path);
        reader.mistake(value.line, message, "write it with digits only, for example `2`");
    }
    number
}

/// A value in one line, as it is written.
fn shown(plain: &Plain) -> String {
    let list = |items: &[Plain]| items.iter().map(shown).collect::<Vec<_>>().join(", ");
    match plain {
        Plain::Scalar(Scalar::String(text), _) => text.clone(),
        Plain::Scalar(..) => "~".to_owned(),
        Plain::List(items, _) => format!("[{}]", list(items)),
        Plain::Map(entries, _) => {
            let pair = |entry: &yaml11::Entry| match &entry.key {
                Scalar::String(key) => format!("{key}: {}", shown(&entry.value)),
                _ => shown(&entry.value),
            };
            entries.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
    }
}
