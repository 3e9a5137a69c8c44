//! `.epr-build/deprecated.json` in a mirrored layer: what upstreams say of names that are deprecated.
//!
//! A registry spreads a notice over all versions of a name, though only one version has it in its manifest. A layer that
//! holds some of the versions may lack that one, and would call the others sound. So a mirror writes the notices down as it
//! heard them, and builds spread them as the upstream does.
//!
//! ```json
//! {"schema":"epr-build/deprecated/1","names":[
//! {"name":"acme","version":"2.0.0","deprecated":{"since":"2.0.0","description":"…","replaced_by":{"package":"acme_next"}}}
//! ]}
//! ```
//!
//! `version` is the newest version with the notice that the upstream lists. Each name has a line. Whoever may write into the
//! layer may write this file, so it is as hostile as a package: what cannot be read is a warning.

use super::door::Spot;
use super::source::JOURNAL_FOLDER;
use crate::base::problem::Problem;
use crate::base::rule::Rule;
use crate::base::shown::printable;
use crate::config::layer::LayerPlan;
use crate::config::location::is_git;
use crate::dialect::version::Version;
use crate::package::{Deprecated, ReplacedBy};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Name of the file, in the layer's folder for records.
pub const FILE: &str = "deprecated.json";
/// The form of the file.
const SCHEMA: &str = "epr-build/deprecated/1";
/// Largest file: some thousand names with long notices.
const MOST_BYTES: u64 = 8 << 20;
/// Longest text of a notice; those of Elastic have some hundred.
const MOST_TEXT_BYTES: usize = 16 << 10;
/// Longest name, and longest version.
const MOST_NAME_BYTES: usize = 256;

/// Notices that are carried along, by name.
pub type CarriedTable = BTreeMap<String, Carried>;

/// A notice that is carried along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The newest version that the upstream lists with it.
    pub version: Version,
    /// The notice.
    pub deprecated: Deprecated,
}

#[derive(Deserialize)]
struct Whole<'a> {
    schema: String,
    #[serde(borrow)]
    names: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Line {
    name: String,
    version: String,
    deprecated: Deprecated,
}

/// A notice as registries print it: empty texts are left out.
#[derive(Serialize)]
struct Notice<'a> {
    since: &'a str,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_by: Option<Replacement<'a>>,
}

#[derive(Serialize)]
struct Replacement<'a> {
    #[serde(skip_serializing_if = "is_empty")]
    package: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    policy_template: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    input: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    data_stream: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    variable: &'a str,
}

fn is_empty(text: &&str) -> bool {
    text.is_empty()
}

impl<'a> Notice<'a> {
    fn of(Deprecated { since, description, replaced_by }: &'a Deprecated) -> Self {
        let replaced_by = replaced_by.as_ref().map(|by| {
            let ReplacedBy { package, policy_template, input, data_stream, variable } = by;
            Replacement { package, policy_template, input, data_stream, variable }
        });
        Self { since, description, replaced_by }
    }
}

/// The notice of an element of `/search`, as JSON; `None` if it is none that can be carried.
pub fn notice(deprecated: &serde_json::Value) -> Option<Deprecated> {
    fit(Deprecated::deserialize(deprecated).ok()?)
}

/// The notice, unless a text is longer than any should be.
fn fit(notice: Deprecated) -> Option<Deprecated> {
    let by = notice.replaced_by.iter();
    let by = by.flat_map(|by| [&by.package, &by.policy_template, &by.input, &by.data_stream, &by.variable]);
    let is_fit = by.chain([&notice.since, &notice.description]).all(|text| text.len() <= MOST_TEXT_BYTES);
    is_fit.then_some(notice)
}

/// The text of the file.
///
/// # Errors
/// Never in practice: plain texts always serialise.
pub fn render(table: &CarriedTable) -> Result<String> {
    #[derive(Serialize)]
    struct Line<'a> {
        name: &'a str,
        version: &'a str,
        deprecated: Notice<'a>,
    }
    let mut text = format!("{{\"schema\":\"{SCHEMA}\",\"names\":[");
    for (position, (name, Carried { version, deprecated })) in table.iter().enumerate() {
        text += if position == 0 { "\n" } else { ",\n" };
        let line = Line { name, version: version.as_str(), deprecated: Notice::of(deprecated) };
        text += &serde_json::to_string(&line).context("cannot write the notices of deprecation")?;
    }
    Ok(text + "\n]}\n")
}

/// Reads the file of a layer, if the layer is mirrored and has one.
pub(super) fn read(layer: &LayerPlan) -> (CarriedTable, Vec<Problem>) {
    let folder = layer.source.paths.iter().find(|path| !is_git(path) && path.is_dir());
    let Some(folder) = folder.filter(|_| layer.rules.mirror.is_some()) else { return Default::default() };
    let place = Path::new(JOURNAL_FOLDER).join(FILE);
    let (table, wrong) = match Spot::new(folder, &place).read(MOST_BYTES) {
        Ok(Some(bytes)) => parse(&bytes),
        Ok(None) => (CarriedTable::new(), vec![format!("it is larger than {} MiB", MOST_BYTES >> 20)]),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Default::default(),
        Err(error) => (CarriedTable::new(), vec![format!("it cannot be read: {error}")]),
    };
    let problem = |why: String| {
        let message = format!("notices of deprecation that the mirror carries along are passed over: {why}");
        Problem::new(Rule::UnreadableNotices, message).within(&layer.source.name, &place.display().to_string())
    };
    (table, wrong.into_iter().map(problem).collect())
}

/// The notices of a text, and what is wrong with it. Each line is judged alone.
fn parse(bytes: &[u8]) -> (CarriedTable, Vec<String>) {
    let whole: Whole<'_> = match serde_json::from_slice(bytes) {
        Ok(whole) => whole,
        Err(error) => return (CarriedTable::new(), vec![format!("it is not JSON of this form: {error}")]),
    };
    if whole.schema != SCHEMA {
        let schema = printable(&whole.schema, 60);
        return (CarriedTable::new(), vec![format!("it has the form `{schema}`, not `{SCHEMA}`")]);
    }
    let mut table = CarriedTable::new();
    let mut wrong: Vec<String> = Vec::new();
    for (place, line) in whole.names.iter().enumerate() {
        let judged = judge(line.get()).and_then(|(name, carried)| match table.insert(name.clone(), carried) {
            None => Ok(()),
            Some(first) => {
                table.insert(name, first);
                Err("its name is there twice; the first one counts".to_owned())
            }
        });
        if let Err(why) = judged {
            wrong.push(format!("element {}: {why}", place + 1));
        }
    }
    // One that was damaged as a whole must not fill a report.
    if wrong.len() > 1 {
        let more = wrong.len() - 1;
        wrong.truncate(1);
        wrong[0] += &format!("; and {more} more");
    }
    (table, wrong)
}

fn judge(line: &str) -> Result<(String, Carried), String> {
    let Line { name, version, deprecated } = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if name.is_empty() || name.len().max(version.len()) > MOST_NAME_BYTES {
        return Err("its name or version is empty or too long".to_owned());
    }
    let version = Version::strict(&version).map_err(|error| format!("`{}`: {error}", printable(&version, 60)))?;
    let deprecated = fit(deprecated).ok_or("a text of it is too long")?;
    Ok((name, Carried { version, deprecated }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::layer::{Layer, LayerSource, MirrorSource};
    use std::fs;
    use std::sync::Arc;

    fn carried(version: &str, description: &str, package: Option<&str>) -> Carried {
        let replaced_by = package.map(|package| ReplacedBy { package: package.to_owned(), ..ReplacedBy::default() });
        let deprecated = Deprecated { since: "1.0.0".to_owned(), description: description.to_owned(), replaced_by };
        Carried { version: Version::strict(version).unwrap(), deprecated }
    }

    /// What a layer with this file carries, and what is said of it.
    fn of_layer(bytes: &[u8], is_mirrored: bool) -> (CarriedTable, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(JOURNAL_FOLDER)).unwrap();
        fs::write(folder.path().join(JOURNAL_FOLDER).join(FILE), bytes).unwrap();
        let paths = vec![folder.path().to_owned()];
        let source = LayerSource { name: "elastic".to_owned(), paths, follow_links: Vec::new() };
        let mirror = is_mirrored.then(MirrorSource::default);
        let rules = Layer { mirror, ..Layer::default() };
        let (table, problems) = read(&LayerPlan { source, rules, keys: Arc::default() });
        assert!(problems.iter().all(|problem| problem.rule == Rule::UnreadableNotices));
        assert!(problems.iter().all(|problem| problem.place.package == ".epr-build/deprecated.json"));
        (table, problems.into_iter().map(|problem| problem.message).collect())
    }

    #[test]
    fn what_is_written_is_read() {
        let table = CarriedTable::from([
            ("acme".to_owned(), carried("2.0.0", "use \"acme_next\"\n", Some("acme_next"))),
            ("beta".to_owned(), carried("1.10.0-rc1", "", None)),
        ]);
        let text = render(&table).unwrap();
        assert_eq!(
            text,
            "{\"schema\":\"epr-build/deprecated/1\",\"names\":[\n\
             {\"name\":\"acme\",\"version\":\"2.0.0\",\"deprecated\":{\"since\":\"1.0.0\",\"description\":\"use \\\"acme_next\\\"\\n\",\"replaced_by\":{\"package\":\"acme_next\"}}},\n\
             {\"name\":\"beta\",\"version\":\"1.10.0-rc1\",\"deprecated\":{\"since\":\"1.0.0\",\"description\":\"\"}}\n]}\n"
        );
        assert_eq!(of_layer(text.as_bytes(), true), (table, Vec::new()));
        assert_eq!(of_layer(text.as_bytes(), false), Default::default(), "nobody mirrors this layer");
        assert_eq!(of_layer(render(&CarriedTable::new()).unwrap().as_bytes(), true), Default::default());
    }

    #[test]
    fn what_is_damaged_is_a_warning_and_the_rest_counts() {
        let good = r#"{"name":"a","version":"1.0.0","deprecated":{}}"#;
        let long = "x".repeat(MOST_TEXT_BYTES + 1);
        for (line, words) in [
            ("7".to_owned(), "element 2: invalid type"),
            ("{}".to_owned(), "element 2: missing field"),
            (r#"{"name":"b","version":"1.0","deprecated":{}}"#.to_owned(), "element 2: `1.0`"),
            (r#"{"name":"","version":"1.0.0","deprecated":{}}"#.to_owned(), "empty or too long"),
            (r#"{"name":"b","version":"1.0.0","deprecated":{"since":7}}"#.to_owned(), "invalid type"),
            (format!(r#"{{"name":"b","version":"1.0.0","deprecated":{{"since":"{long}"}}}}"#), "too long"),
            (good.replacen('{', "{\"more\":1,", 1).replacen("\"a\"", "\"b\"", 1), ""),
            (good.to_owned(), "its name is there twice; the first one counts"),
            (format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)), "element 2: "),
            ("7,7,7".to_owned(), "element 2: invalid type"),
        ] {
            let text = format!("{{\"schema\":\"{SCHEMA}\",\"names\":[{good},{line}]}}");
            let (table, wrong) = of_layer(text.as_bytes(), true);
            assert!(table.contains_key("a"), "{line}: {wrong:?}");
            assert_eq!(wrong.is_empty(), words.is_empty(), "{line}: {wrong:?}");
            assert!(wrong.iter().all(|why| why.contains(words)), "{words}: {wrong:?}");
        }
        for (text, words) in [
            ("", "not JSON"),
            ("null", "not JSON"),
            ("{\"schema\":\"epr-build/deprecated/9\",\"names\":[]}", "it has the form `epr-build/deprecated/9`"),
            ("{\"schema\":\"epr-build/deprecated/1\",\"names\":[{\"name\":", "not JSON"),
        ] {
            let (table, wrong) = of_layer(text.as_bytes(), true);
            assert!(table.is_empty() && wrong.len() == 1 && wrong[0].contains(words), "{text}: {wrong:?}");
        }
        let (_, wrong) = of_layer(&vec![b' '; usize::try_from(MOST_BYTES).unwrap() + 1], true);
        assert!(wrong[0].contains("larger than 8 MiB"), "{wrong:?}");
    }

    #[test]
    fn a_link_or_a_folder_in_its_place_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join(JOURNAL_FOLDER);
        fs::create_dir_all(home.join(FILE)).unwrap();
        let paths = vec![folder.path().to_owned()];
        let source = LayerSource { name: "elastic".to_owned(), paths, follow_links: Vec::new() };
        let rules = Layer { mirror: Some(MirrorSource::default()), ..Layer::default() };
        let plan = LayerPlan { source, rules, keys: Arc::default() };
        assert!(read(&plan).1[0].message.contains("not a regular file"));
        fs::remove_dir(home.join(FILE)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", home.join(FILE)).unwrap();
        assert!(read(&plan).1[0].message.contains("symbolic link"));
        fs::remove_file(home.join(FILE)).unwrap();
        assert_eq!(read(&plan), Default::default());
    }
}
