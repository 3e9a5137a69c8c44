//! Selections: which versions of packages a fleet needs, as people write it down.
//!
//! Values alone; `file` reads them and the room `select` says what they mean. What a build depends on is serialised, so that
//! the key of its cache changes with it.

use super::glob::Glob;
use crate::dialect::version::{Constraint, Version};
use crate::package::Release;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use std::fmt;
use std::path::PathBuf;

/// A selection as the configuration describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// The Kibanas that are asked about, in order and apart from each other; none stands for every Kibana.
    pub kibana: Vec<KibanaRange>,
    /// True if the versions count that Kibanas get which ask for pre-releases, beside those of Kibanas that do not.
    pub prerelease: bool,
    /// The capabilities that Kibanas send; absent if they send none.
    pub capabilities: Option<Vec<String>>,
    /// What is taken: the union of all rules.
    pub take: Vec<Take>,
    /// What counts as not there for the rules above.
    pub exclude: Vec<Exclude>,
    /// The number of next older versions that are taken with each version.
    pub previous: usize,
    /// What is taken because other packages require it.
    pub closure: Closure,
    /// True if content packages are taken whose datasets are among those of the packages that are taken.
    pub discovered: bool,
    /// True if packages are taken that take the place of deprecated ones.
    pub follow_replacements: bool,
    /// A file in the form of Elastic's tool for distributions, whose queries and packages are taken. It is read by who uses the
    /// selection; its contents then are rules of [`Selection::take`].
    pub distribution: Option<PathBuf>,
}

/// One rule of what is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Take {
    /// The rule as it is written, in one line.
    pub text: String,
    /// Where it stands, in words, if not in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What it takes.
    pub what: What,
}

/// What a rule takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum What {
    /// A list of packages that has a name.
    Preset(Preset),
    /// One version, and what each Kibana gets of that package.
    Pin(String, Version),
    /// What each Kibana gets of the packages that a filter admits.
    Packages {
        /// Which packages.
        filter: Filter,
        /// How many versions for each Kibana.
        latest: Latest,
        /// Whether pre-releases count; if absent, what the selection says.
        prerelease: Option<bool>,
    },
    /// What a registry answers to a query of a distribution file.
    Query(Query),
    /// One version and nothing else.
    Exact(String, Version),
}

/// A query to a registry, as a file of Elastic's tool for distributions has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Query {
    /// Its parameters as in an address, without the question mark.
    pub text: String,
    /// Where those queries of the file stand that ask so for one of the rows of its matrix, in words.
    pub asked_by: Vec<String>,
}

/// How many versions are taken for each Kibana.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Latest {
    /// So many, the newest first.
    Newest(usize),
    /// All that it accepts.
    All,
}

/// A list of packages that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Preset {
    /// What Fleet and the apps of Kibana install by themselves.
    Fleet,
}

/// A rule of what is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exclude {
    /// The rule as it is written, in one line.
    pub text: String,
    /// Which versions it leaves out.
    pub filter: Filter,
}

/// Conditions, all of which must hold. An empty list, and what is absent, is no condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// One of these is its name.
    pub names: Vec<Glob>,
    /// One of these is its type.
    pub types: Vec<String>,
    /// It is in one of these categories, as the registry finds it there: itself, through a sub-category or a policy template.
    pub categories: Vec<String>,
    /// One of these is the type of its owner.
    pub owner_types: Vec<String>,
    /// One of these is the team on GitHub that owns it.
    pub owners: Vec<Glob>,
    /// It needs no higher subscription.
    pub subscription: Option<Subscription>,
    /// It has one of these maturities.
    pub releases: Vec<Release>,
    /// It has a data stream of one of these types.
    pub data_streams: Vec<String>,
    /// A policy template of it can be deployed in one of these modes.
    pub deployment_modes: Vec<String>,
    /// Its version satisfies this.
    pub versions: Option<Constraint>,
}

/// What Elastic sells, from less to more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Subscription {
    /// Free.
    Basic,
    /// More.
    Gold,
    /// More.
    Platinum,
    /// Everything.
    Enterprise,
}

/// What is taken because other packages require it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Closure {
    /// Nothing.
    None,
    /// What Kibana installs with a package.
    #[default]
    Install,
    /// That, and what is put into a package when it is built.
    Build,
}

/// A range of versions of Kibana; in JSON `{"first": "8.19.5", "next": "8.19.6"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KibanaRange {
    /// The first version.
    pub first: [u64; 3],
    /// The first version after it; absent without an end.
    pub next: Option<[u64; 3]>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            kibana: Vec::new(),
            prerelease: true,
            capabilities: None,
            take: Vec::new(),
            exclude: Vec::new(),
            previous: 0,
            closure: Closure::default(),
            discovered: false,
            follow_replacements: false,
            distribution: None,
        }
    }
}

impl Preset {
    /// All presets with the words for them.
    pub const ALL: [(&'static str, Self); 1] = [("fleet", Self::Fleet)];

    /// Names of its packages. A Kibana need not have all of them.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            // What Fleet keeps up to date, what it always installs, and what the apps of Kibana install at their first start.
            Self::Fleet => &[
                "apm",
                "cloud_asset_inventory",
                "cloud_security_posture",
                "elastic_agent",
                "elastic_connectors",
                "endpoint",
                "fleet_server",
                "profiler_collector",
                "profiler_symbolizer",
                "security_ai_prompts",
                "security_detection_engine",
                "synthetics",
                "system",
            ],
        }
    }
}

impl Subscription {
    /// All subscriptions with their words.
    pub const ALL: [(&'static str, Self); 4] =
        [("basic", Self::Basic), ("gold", Self::Gold), ("platinum", Self::Platinum), ("enterprise", Self::Enterprise)];

    /// The subscription of a word; what is unknown counts as the highest, and nothing as the lowest.
    pub fn of_word(word: &str) -> Self {
        if word.is_empty() {
            return Self::Basic;
        }
        let known = Self::ALL.into_iter().find(|(known, _)| *known == word);
        known.map_or(Self::Enterprise, |(_, subscription)| subscription)
    }
}

impl KibanaRange {
    /// Every Kibana.
    pub const ALL: Self = Self { first: [0; 3], next: None };

    /// Returns true if the version lies in it.
    pub fn holds(&self, version: [u64; 3]) -> bool {
        self.first <= version && self.next.is_none_or(|next| version < next)
    }

    /// Returns true if the text is a range that ends before it begins.
    pub fn is_reversed(text: &str) -> bool {
        let ends = text.split_once(" - ").and_then(|(first, last)| Some((span(first.trim())?, span(last.trim())?)));
        ends.is_some_and(|(first, last)| first.0 >= last.1)
    }

    /// Reads a version or a range: `8.19.5`, `8.19` (with all its patches), `8`, `9.1.0 - 9.2.4`, `9.1 - 9.2`.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = match text.split_once(" - ") {
            Some((first, last)) => (span(first.trim())?, span(last.trim())?),
            None => (span(text.trim())?, span(text.trim())?),
        };
        let next = last.1;
        (first.0 < next).then_some(Self { first: first.0, next: Some(next) })
    }

    /// The ranges in order, those that touch or overlap as one.
    pub fn joined(mut ranges: Vec<Self>) -> Vec<Self> {
        ranges.sort_unstable();
        let mut joined: Vec<Self> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if last.next.is_none_or(|next| range.first <= next) => {
                    last.next = match (last.next, range.next) {
                        (Some(a), Some(b)) => Some(a.max(b)),
                        _ => None,
                    };
                }
                _ => joined.push(range),
            }
        }
        joined
    }
}

/// The first version that a text means, and the first one that it no longer means.
fn span(text: &str) -> Option<([u64; 3], [u64; 3])> {
    let number = |digits: &str| {
        let is_plain = !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        digits.parse::<u64>().ok().filter(|number| is_plain && *number < u64::MAX)
    };
    let numbers: Vec<u64> = text.split('.').map(number).collect::<Option<_>>()?;
    match *numbers.as_slice() {
        [major] => Some(([major, 0, 0], [major + 1, 0, 0])),
        [major, minor] => Some(([major, minor, 0], [major, minor + 1, 0])),
        [major, minor, patch] => Some(([major, minor, patch], [major, minor, patch + 1])),
        _ => None,
    }
}

impl Serialize for KibanaRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("KibanaRange", 2)?;
        fields.serialize_field("first", &Version::release(self.first))?;
        fields.serialize_field("next", &self.next.map(Version::release))?;
        fields.end()
    }
}

/// As people write it: `8.19.5`, `8.19.x`, `8.x`, `8.19.5–9.0.3`, `9.2.0 and later`, `every version`.
impl fmt::Display for KibanaRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.first;
        let Some(next) = self.next else {
            return if self.first == [0; 3] {
                f.write_str("every version")
            } else {
                write!(f, "{major}.{minor}.{patch} and later")
            };
        };
        let last = match next {
            [next_major, 0, 0] => format!("{}.x", next_major.saturating_sub(1)),
            [next_major, next_minor, 0] => format!("{next_major}.{}.x", next_minor - 1),
            [next_major, next_minor, next_patch] => format!("{next_major}.{next_minor}.{}", next_patch - 1),
        };
        if self.first == [0; 3] {
            return write!(f, "before {}.{}.{}", next[0], next[1], next[2]);
        }
        let is_whole = next == [major, minor, patch.saturating_add(1)]
            || (patch == 0 && next == [major, minor.saturating_add(1), 0])
            || ((minor, patch) == (0, 0) && next == [major.saturating_add(1), 0, 0]);
        if is_whole { f.write_str(&last) } else { write!(f, "{major}.{minor}.{patch}–{last}") }
    }
}

#[cfg(test)]
mod tests {
    use super::KibanaRange;

    #[test]
    fn ranges_are_read_and_shown() {
        for (text, first, next, shown) in [
            ("8.19.5", [8, 19, 5], [8, 19, 6], "8.19.5"),
            ("8.10", [8, 10, 0], [8, 11, 0], "8.10.x"),
            ("8", [8, 0, 0], [9, 0, 0], "8.x"),
            ("9.1.0 - 9.2.4", [9, 1, 0], [9, 2, 5], "9.1.0–9.2.4"),
            ("7.17 - 8.3", [7, 17, 0], [8, 4, 0], "7.17.0–8.3.x"),
            ("8.19.5 - 9", [8, 19, 5], [10, 0, 0], "8.19.5–9.x"),
            ("0.0.0 - 8.5", [0, 0, 0], [8, 6, 0], "before 8.6.0"),
        ] {
            let range = KibanaRange::parse(text).unwrap();
            assert_eq!((range.first, range.next), (first, Some(next)), "{text}");
            assert_eq!(range.to_string(), shown);
        }
        for text in ["", "8.", "v8.1.0", "8.1.0.0", "8.1.x", "8.1.0-SNAPSHOT", "08.1", "9.0 - 8.0", "8.1.0-8.2.0", "a"]
        {
            assert_eq!(KibanaRange::parse(text), None, "{text}");
        }
        assert_eq!(KibanaRange::ALL.to_string(), "every version");
        assert_eq!(KibanaRange { first: [9, 2, 0], next: None }.to_string(), "9.2.0 and later");
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let ranges = |texts: &[&str]| texts.iter().map(|text| KibanaRange::parse(text).unwrap()).collect();
        let joined = |texts: &[&str]| {
            let joined = KibanaRange::joined(ranges(texts));
            joined.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(joined(&["9.1", "8.19.5", "8.19.6"]), "8.19.5–8.19.6, 9.1.x");
        assert_eq!(joined(&["8.0 - 8.5", "8.2.1", "8.5.0 - 9.0.3"]), "8.0.0–9.0.3");
    }
}
