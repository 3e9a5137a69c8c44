//! Files in the form of the tool with which Elastic makes distributions: a matrix of queries to a registry, and versions.
//!
//! Scalars are their texts, as that tool sends them: `3.10` is not 3.1. What it ignores is ignored with a warning, and what it
//! refuses is a mistake. The actions of the tool are looked at and not done.

use super::Mistakes;
use super::reader::{Reader, Value};
use crate::base::suggest::nearest;
use crate::base::words::counted;
use crate::config::selection::{Query, Take, What};
use crate::dialect::version::Version;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use yaml11::{self as yaml, Plain};

/// Keys of the file.
const TOP: &[&str] = &["address", "matrix", "queries", "packages", "actions"];
/// Keys of a query, which are parameters of the registry.
const QUERY: &[&str] = &["all", "kibana.version", "package", "prerelease", "spec.max", "spec.min", "type"];
/// Those of them that are yes or no.
const FLAGS: [&str; 2] = ["all", "prerelease"];
/// Keys of a version.
const PACKAGE: &[&str] = &["name", "version"];
/// What the tool can do.
const ACTIONS: [&str; 2] = ["print", "download"];

/// What is left as it is in a query: letters, digits and these.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_').remove(b'~');

/// Rows of a matrix times queries. The largest file of Elastic asks 512 times.
const MOST_ROWS: usize = 20_000;
/// What is said of a file without contents.
const EMPTY_HINT: &str =
    "write `queries:` with `- {package: nginx}`, or `packages:` with `- {name: nginx, version: 1.2.3}`";

/// Parameters of a query, by name; sorted, as they are sent.
type Parameters = BTreeMap<&'static str, String>;

/// A row of the matrix, or a query.
struct Row {
    /// Where it stands, in words.
    place: String,
    parameters: Parameters,
    values: Vec<AskedFor>,
}

/// A value of a row, as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedFor {
    /// Its line in the file.
    pub line: u32,
    /// Its key, as a dotted path.
    pub path: String,
    /// Key and value as in an address.
    pub text: String,
}

/// What such a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ElasticDistribution {
    /// Its versions, then its queries, each combined with each row of its matrix.
    pub take: Vec<Take>,
    /// What rows of its matrix ask for.
    pub rows: Vec<AskedFor>,
    /// Keys that are ignored, in words.
    pub warnings: Vec<String>,
}

/// Reads a file; `path` is its name in messages.
///
/// # Errors
/// All mistakes, by line.
pub fn parse(bytes: &[u8], path: &Path) -> Result<ElasticDistribution, Mistakes> {
    let mut reader = Reader::new(path);
    let mut file = ElasticDistribution::default();
    match yaml::parse_texts(bytes, &yaml::Limits::default()) {
        Ok(document) => {
            reader.refuse_lost(&document.warnings);
            top(&mut reader, &Value::root(&document.root), path, &mut file);
        }
        Err(error) => {
            let hint = "the file has `queries:` and `packages:`; docs/guides/selections.md shows one";
            reader.mistake(error.line.unwrap_or(1), error.message, hint);
        }
    }
    let problems = reader.finish();
    if problems.is_empty() {
        return Ok(file);
    }
    Err(Mistakes { problems, text: String::from_utf8(bytes.to_vec()).unwrap_or_default() })
}

fn top(reader: &mut Reader<'_>, root: &Value<'_>, path: &Path, file: &mut ElasticDistribution) {
    let mut warnings = Warnings { path, texts: Vec::new() };
    let (mut matrix, mut queries, mut packages) = (Vec::new(), Vec::new(), Vec::new());
    let mut line_of_queries = root.line;
    for (key, value) in warnings.known(reader, root, TOP) {
        match key {
            "address" => {}
            "matrix" => {
                matrix = rows(reader, &value, &mut warnings);
                let asked_for = matrix.iter_mut().flat_map(|row| std::mem::take(&mut row.values));
                file.rows = asked_for.collect();
            }
            "queries" => {
                line_of_queries = value.line;
                queries = rows(reader, &value, &mut warnings);
            }
            "packages" => packages = versions(reader, &value, &mut warnings),
            _ => actions(reader, &value),
        }
    }
    if queries.is_empty() && packages.is_empty() && reader.mistakes() == 0 {
        reader.mistake(root.line, "there are neither queries nor packages, so nothing is taken", EMPTY_HINT);
    }
    if matrix.is_empty() {
        matrix.push(Row { place: String::new(), parameters: Parameters::new(), values: Vec::new() });
    }
    if matrix.len().saturating_mul(queries.len()) > MOST_ROWS {
        let (rows, queries) = (counted(matrix.len(), "row"), queries.len());
        let message = format!("{rows} of `matrix` with {queries} `queries` each ask more than {MOST_ROWS} times");
        reader.mistake(line_of_queries, message, "share them among files, each with a selection of its own");
        return;
    }
    file.take = packages;
    file.take.extend(combined(&matrix, &queries));
    file.warnings = warnings.texts;
}

/// Each row with each query. What is asked more than once stands once.
fn combined(matrix: &[Row], queries: &[Row]) -> Vec<Take> {
    let mut combined: Vec<Query> = Vec::new();
    let (mut known, mut noted) = (BTreeMap::new(), BTreeSet::new());
    for row in matrix {
        for (number, query) in queries.iter().enumerate() {
            // What a query says replaces what the matrix says; what is empty is not sent.
            let mut parameters = row.parameters.clone();
            parameters.extend(query.parameters.clone());
            parameters.retain(|_, value| !value.is_empty() && value != "false");
            let pair = |(name, value): (&&str, &String)| format!("{name}={}", utf8_percent_encode(value, PLAIN));
            let text = parameters.iter().map(pair).collect::<Vec<_>>().join("&");
            let at = *known.entry(text.clone()).or_insert(combined.len());
            if at == combined.len() {
                combined.push(Query { text, asked_by: Vec::new() });
            }
            if noted.insert((at, number)) {
                combined[at].asked_by.push(query.place.clone());
            }
        }
    }
    combined.into_iter().map(|query| Take { text: query.text.clone(), place: None, what: What::Query(query) }).collect()
}

/// Keys that are ignored.
struct Warnings<'p> {
    path: &'p Path,
    texts: Vec<String>,
}

impl Warnings<'_> {
    /// The pairs of a mapping whose keys are known. Others are warnings: the tool ignores them, too.
    fn known<'v>(
        &mut self,
        reader: &mut Reader<'_>,
        value: &Value<'v>,
        known: &'static [&'static str],
    ) -> Vec<(&'static str, Value<'v>)> {
        let mut pairs = Vec::new();
        for (key, value) in reader.map(value) {
            if let Some(key) = known.iter().find(|known| **known == key) {
                pairs.push((*key, value));
                continue;
            }
            let hint = nearest(key, known).map(|near| format!("\nhint: did you mean `{near}`?")).unwrap_or_default();
            let place = format!("{}:{}", self.path.display(), value.line);
            self.texts.push(format!("{place}: the key `{}` is not known and ignored{hint}", value.path));
        }
        pairs
    }
}

/// The items of a list, which may be absent.
fn items<'v>(reader: &mut Reader<'_>, value: &Value<'v>, wanted: &str) -> Vec<Value<'v>> {
    match value.plain {
        Plain::List(items, _) if items.is_empty() => Vec::new(),
        plain if plain.is_null() => Vec::new(),
        _ => reader.list(value, wanted, &format!("write {wanted}, each beginning with `- `")),
    }
}

/// Rows of parameters.
fn rows(reader: &mut Reader<'_>, value: &Value<'_>, warnings: &mut Warnings<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    for item in items(reader, value, "a list of queries") {
        let (mut parameters, mut values) = (Parameters::new(), Vec::new());
        for (key, value) in warnings.known(reader, &item, QUERY) {
            let text = match value.plain.as_str() {
                None if value.plain.is_null() => String::new(),
                _ if FLAGS.contains(&key) => flag(reader, &value),
                // An empty one is not sent.
                Some(text) => text.to_owned(),
                None => {
                    reader.wrong(&value, "a value of a parameter", "write one word or number");
                    String::new()
                }
            };
            if !text.is_empty() {
                let text = format!("{key}={}", utf8_percent_encode(&text, PLAIN));
                values.push(AskedFor { line: value.line, path: value.path.clone(), text });
            }
            parameters.insert(key, text);
        }
        let place = format!("{}:{}: `{}`", warnings.path.display(), item.line, item.path);
        rows.push(Row { place, parameters, values });
    }
    rows
}

fn flag(reader: &mut Reader<'_>, value: &Value<'_>) -> String {
    let word = value.plain.as_str().unwrap_or_default().to_ascii_lowercase();
    match word.as_str() {
        "true" | "yes" | "on" => "true".to_owned(),
        "false" | "no" | "off" | "" => "false".to_owned(),
        _ => {
            reader.wrong(value, "true or false", "write `true` or `false`");
            String::new()
        }
    }
}

/// The versions that are taken unasked.
fn versions(reader: &mut Reader<'_>, value: &Value<'_>, warnings: &mut Warnings<'_>) -> Vec<Take> {
    let mut take = Vec::new();
    for item in items(reader, value, "a list of versions") {
        let (mut name, mut version) = (None, None);
        for (key, value) in warnings.known(reader, &item, PACKAGE) {
            match key {
                "name" => name = reader.text(&value, "the name of a package"),
                _ => {
                    let text = reader.text(&value, "a version").unwrap_or_default();
                    version = Version::strict(text).ok();
                    if version.is_none() && !text.is_empty() {
                        let message = format!("`{}` is not a version: `{text}`", value.path);
                        reader.mistake(value.line, message, "write all three numbers, such as `1.2.3`");
                    }
                }
            }
        }
        match (name, version) {
            (Some(name), Some(version)) => {
                let place = Some(format!("{}:{}: `{}`", warnings.path.display(), item.line, item.path));
                let (text, what) = (format!("{name}@{version}"), What::Exact(name.to_owned(), version));
                take.push(Take { text, place, what });
            }
            _ => {
                let message = format!("`{}` does not name a version of a package", item.path);
                reader.mistake(item.line, message, "write `{name: nginx, version: 1.2.3}`");
            }
        }
    }
    take
}

/// Actions are not done; what the tool refuses is a mistake all the same.
fn actions(reader: &mut Reader<'_>, value: &Value<'_>) {
    for item in items(reader, value, "a list of actions") {
        let pairs = reader.map(&item);
        if pairs.len() > 1 {
            let message = format!("`{}` has more than one action", item.path);
            reader.mistake(item.line, message, "begin each action with `- `");
        }
        for (key, value) in pairs.iter().filter(|(key, _)| !ACTIONS.contains(key)) {
            let hint = crate::base::suggest::did_you_mean(key, &ACTIONS);
            reader.mistake(value.line, format!("`{key}` is no action"), &hint);
        }
    }
}
