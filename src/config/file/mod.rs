//! The configuration file, `epr-build.yml`: from text to a [`Config`], or to everything that is wrong with it.
//!
//! All mistakes are collected, each with its line and a way out, so that one run shows them all. What the values mean is
//! said in [`crate::config`] and in `epr-build.sample.yml`. Looks at no folder: whether paths exist is for others.

mod clients;
pub mod elastic_distribution;
mod overrides;
mod reader;
mod selections;
#[cfg(test)]
mod tests;
mod upstreams;
mod values;

pub(crate) use reader::size;
pub(crate) use upstreams::parse_rate;

use crate::base::problem::Problem;
use crate::base::suggest::nearest;
use crate::config::layer::{DashedFolders, Layer, Policy, Signatures, Validation};
use crate::config::limits::Limits;
use crate::config::routing::Budget;
use crate::config::{Config, Distribution};
use reader::{Reader, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use yaml11::{self as yaml, Plain};

/// Keys of the file.
const TOP: &[&str] =
    &["distributions", "layers", "selections", "listen", "fallback", "ui", "limits", "budget", "clients", "upstreams"];
/// Keys of a distribution.
const DISTRIBUTION: &[&str] = &["layers", "select", "listen", "fallback", "prefix", "debug_header", "ui"];
/// Keys of a layer.
const LAYER: &[&str] = &[
    "paths",
    "optional",
    "whole",
    "validation",
    "dashed_folders",
    "signatures",
    "keys",
    "immutable",
    "overwrite",
    "removal",
    "shrink",
    "follow_links",
    "mirror",
    "overrides",
];
/// Values of `signatures`. `optional` is an older name of `pass`.
const SIGNATURES: [(&str, Signatures); 6] = [
    ("pass", Signatures::Pass),
    ("verify", Signatures::Verify),
    ("require", Signatures::Require),
    ("strip", Signatures::Strip),
    ("sign", Signatures::Sign),
    ("optional", Signatures::Pass),
];
/// Keys of `limits`.
const LIMITS: &[&str] =
    &["max_file_bytes", "max_package_bytes", "max_entries", "max_zip_ratio", "max_path_bytes", "max_depth"];
/// Keys of `budget`.
const BUDGET: &[&str] = &["max_contexts", "max_answers", "max_bytes"];

/// Mistakes in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes {
    /// By line; never empty.
    pub problems: Vec<Problem>,
    /// The file; empty if it is no text.
    pub text: String,
}

/// One after the other, each with its line of the file.
impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<_> = self.problems.iter().map(|problem| problem.with_snippet(&self.text)).collect();
        f.write_str(&texts.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

/// Returns true if a distribution may have this name.
pub(crate) fn is_folder_name(name: &str) -> bool {
    values::check_name(name).is_ok()
}

/// Reads the file; `path` is its name in messages, and relative paths in it start at its folder.
///
/// # Errors
/// All mistakes, by line.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Config, Mistakes> {
    let mut reader = Reader::new(path);
    let mut config = Config::default();
    match yaml::parse_plain(bytes, &yaml::Limits::default()) {
        Ok(document) => {
            reader.refuse_lost(&document.warnings);
            // What is right with types is right without them.
            let texts = yaml::parse_texts(bytes, &yaml::Limits::default());
            let texts = texts.map(|document| document.root);
            let folder = path.parent().unwrap_or(Path::new(""));
            top(&mut reader, &document.root, texts.as_ref().unwrap_or(&document.root), folder, &mut config);
        }
        Err(error) => {
            reader.mistake(error.line.unwrap_or(1), error.message, "epr-build.sample.yml shows the form of the file");
        }
    }
    let problems = reader.finish();
    if problems.is_empty() {
        return Ok(config);
    }
    Err(Mistakes { problems, text: String::from_utf8(bytes.to_vec()).unwrap_or_default() })
}

/// Reads the whole file; `texts` is the same without types.
fn top(reader: &mut Reader<'_>, root: &Plain, texts: &Plain, folder: &Path, config: &mut Config) {
    let mut layers = Vec::new();
    let (mut lines, mut fallback_line) = (BTreeMap::new(), 1);
    let mut layer_lines = BTreeMap::new();
    for (key, value) in reader.section(&Value::root(root), TOP) {
        match key {
            "distributions" => lines = distributions(reader, &value, &mut config.distributions),
            "layers" => layers = reader.map(&value),
            "selections" => {
                let texts = Value { plain: texts.get(key).unwrap_or(value.plain), ..value };
                config.selections = selections::read(reader, &texts, folder);
            }
            "listen" => {
                if let Some(address) = reader.listen(&value) {
                    config.listen = address;
                }
            }
            "fallback" => {
                config.fallback = reader.fallback(&value);
                fallback_line = value.line;
            }
            "ui" => config.ui = reader.flag(&value),
            "limits" => limits(reader, &value, &mut config.limits),
            "budget" => budget(reader, &value, &mut config.routing.budget),
            "upstreams" => config.upstreams = upstreams::read(reader, &value, folder),
            _ => config.routing.clients.extend(clients::read(reader, &value)),
        }
    }
    config.own_distributions = lines.keys().cloned().collect();
    prefixes(reader, config, &lines);
    fallbacks(reader, config, &lines, fallback_line);
    for (name, value) in layers {
        if !reader.name(name, &value) {
            continue;
        }
        // Read after all distributions, wherever they stand in the file.
        let used: Vec<&str> =
            config.distributions.values().flat_map(|distribution| &distribution.layers).map(String::as_str).collect();
        if !used.contains(&name) {
            let hint = nearest(name, &used).map_or_else(
                || "add it to a distribution, or remove it".to_owned(),
                |known| format!("did you mean `{known}`?"),
            );
            reader.mistake(value.line, format!("no distribution has a layer `{name}`"), &hint);
        }
        let layer = layer(reader, &value, folder);
        config.layers.insert(name.to_owned(), layer);
        layer_lines.insert(name.to_owned(), value.line);
    }
    upstreams::check_names(reader, &config.layers, &config.upstreams, &layer_lines);
    selections::check_names(reader, config, &layer_lines, &lines);
}

/// Two registries on one address must not lie at the same path, or one inside the other. Without a path each has a server
/// of its own, of which only one can run at a time.
fn prefixes(reader: &mut Reader<'_>, config: &Config, lines: &BTreeMap<String, u32>) {
    let listen = |distribution: &Distribution| distribution.listen.clone().unwrap_or_else(|| config.listen.clone());
    let prefixed: Vec<_> = config.distributions.iter().filter(|(_, one)| !one.prefix.is_empty()).collect();
    for (at, (name, one)) in prefixed.iter().enumerate() {
        for (other, earlier) in &prefixed[..at] {
            let slashed = |distribution: &Distribution| format!("{}/", distribution.prefix);
            let (one_path, earlier_path) = (slashed(one), slashed(earlier));
            let collide = one_path.starts_with(&earlier_path) || earlier_path.starts_with(&one_path);
            if collide && listen(one) == listen(earlier) {
                let message =
                    format!("`{name}` and `{other}` lie at `{}` and `{}` of one address", one.prefix, earlier.prefix);
                let line = lines.get(*name).copied().unwrap_or(1);
                reader.mistake(
                    line,
                    message,
                    "give them paths of which none begins with the other, or another `listen`",
                );
            }
        }
    }
}

/// A host that asks itself would do so for ever.
fn fallbacks(reader: &mut Reader<'_>, config: &Config, lines: &BTreeMap<String, u32>, line: u32) {
    for (name, distribution) in &config.distributions {
        let listen = distribution.listen.as_ref().unwrap_or(&config.listen);
        let fallback = distribution.fallback.as_ref().unwrap_or(&config.fallback);
        if fallback.is_at(listen) {
            let line = lines.get(name).filter(|_| distribution.fallback.is_some()).copied().unwrap_or(line);
            let message = format!("the fallback of `{name}` is the address that its own servers listen on");
            reader.mistake(line, message, "give it the address of `epr-build serve`, on a port of its own");
            return;
        }
    }
}

/// Adds to the built-in ones; one of the same name replaces it. Gives their lines.
fn distributions(
    reader: &mut Reader<'_>,
    value: &Value<'_>,
    known: &mut BTreeMap<String, Distribution>,
) -> BTreeMap<String, u32> {
    let mut lines = BTreeMap::new();
    for (name, value) in reader.map(value) {
        if !reader.name(name, &value) {
            continue;
        }
        let distribution = distribution(reader, &value);
        known.insert(name.to_owned(), distribution);
        lines.insert(name.to_owned(), value.line);
    }
    lines
}

/// A list of layers, or a mapping that has one.
fn distribution(reader: &mut Reader<'_>, value: &Value<'_>) -> Distribution {
    let mut distribution = Distribution::default();
    let mut list = Some(value.clone());
    if matches!(value.plain, Plain::Map(..)) {
        list = None;
        for (key, value) in reader.section(value, DISTRIBUTION) {
            match key {
                "layers" => list = Some(value),
                "select" => {
                    distribution.select = reader.text(&value, "the name of a selection").map(str::to_owned);
                }
                "listen" => distribution.listen = reader.listen(&value),
                "fallback" => distribution.fallback = Some(reader.fallback(&value)),
                "prefix" => distribution.prefix = reader.prefix(&value),
                "debug_header" => distribution.debug_header = reader.flag(&value),
                _ => distribution.ui = Some(reader.flag(&value)),
            }
        }
        if list.is_none() {
            reader.mistake(value.line, format!("`{}` has no layers", value.path), "add `layers: [production]`");
        }
    }
    let hint = "write `[production, staging]`";
    let items = list.map_or_else(Vec::new, |list| reader.list(&list, "a list of layers", hint));
    for layer in items {
        let Some(name) = reader.text(&layer, "the name of a layer") else { continue };
        if !reader.name(name, &layer) {
            continue;
        }
        if distribution.layers.iter().any(|earlier| earlier == name) {
            let message = format!("`{}` names the layer `{name}` twice", value.path);
            reader.mistake(
                layer.line,
                message,
                "remove one of the two; where two layers hold the same version, the first wins",
            );
            continue;
        }
        distribution.layers.push(name.to_owned());
    }
    distribution
}

fn layer(reader: &mut Reader<'_>, value: &Value<'_>, folder: &Path) -> Layer {
    let mut layer = Layer::default();
    let mut signatures_line = value.line;
    for (key, value) in reader.section(value, LAYER) {
        match key {
            "paths" => layer.paths = reader.paths(&value, folder),
            // None is the default, which can be written down.
            "follow_links" if matches!(value.plain, Plain::List(items, _) if items.is_empty()) => {}
            "follow_links" => layer.follow_links = reader.paths(&value, folder),
            "validation" => {
                let known = [("warn", Validation::Warn), ("require", Validation::Require)];
                layer.validation = reader.choice(&value, &known);
            }
            "dashed_folders" => {
                let known = [("refuse", DashedFolders::Refuse), ("warn", DashedFolders::Warn)];
                layer.dashed_folders = reader.choice(&value, &known);
            }
            "signatures" => {
                layer.signatures = reader.choice(&value, &SIGNATURES);
                signatures_line = value.line;
            }
            "keys" => layer.keys = reader.keys(&value, folder),
            "immutable" => layer.immutable = reader.flag(&value),
            "optional" => layer.optional = reader.flag(&value),
            "whole" => layer.whole = reader.flag(&value),
            "shrink" => layer.shrink = reader.percent(&value),
            "mirror" => layer.mirror = upstreams::mirror(reader, &value, folder),
            "overrides" => layer.overrides = overrides::read(reader, &value),
            _ => {
                let policy = reader.choice(&value, &[("allow", Policy::Allow), ("refuse", Policy::Refuse)]);
                *(if key == "overwrite" { &mut layer.overwrite } else { &mut layer.removal }) = Some(policy);
            }
        }
    }
    if matches!(layer.signatures, Signatures::Verify | Signatures::Sign) && layer.keys.is_empty() {
        let message = format!("`{}.signatures` is `verify` or `sign`, and no `keys` say whose are good", value.path);
        reader.mistake(signatures_line, message, "add `keys: [elastic]`, or the files of other public keys");
    }
    layer
}

fn limits(reader: &mut Reader<'_>, value: &Value<'_>, limits: &mut Limits) {
    for (key, value) in reader.section(value, LIMITS) {
        match key {
            "max_file_bytes" => reader.size(&value, &mut limits.max_file_bytes),
            "max_package_bytes" => reader.size(&value, &mut limits.max_package_bytes),
            "max_entries" => reader.count(&value, &mut limits.max_entries),
            "max_zip_ratio" => reader.count(&value, &mut limits.max_zip_ratio),
            "max_path_bytes" => reader.size(&value, &mut limits.max_path_bytes),
            _ => reader.count(&value, &mut limits.max_depth),
        }
    }
}

fn budget(reader: &mut Reader<'_>, value: &Value<'_>, budget: &mut Budget) {
    for (key, value) in reader.section(value, BUDGET) {
        match key {
            "max_contexts" => reader.count(&value, &mut budget.max_contexts),
            "max_answers" => reader.count(&value, &mut budget.max_answers),
            _ => reader.size(&value, &mut budget.max_bytes),
        }
    }
}
