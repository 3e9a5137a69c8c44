//! Cause a version is in a choice, and why not: as one line for people and as JSON.

use super::keep_file::{Why, in_words};
use crate::config::selection::KibanaRange;
use crate::dialect::version::Version;
use serde::Serialize;
use std::fmt;

/// Cause a version is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What takes it.
    #[serde(flatten)]
    pub cause: Cause,
    /// The Kibanas of the selection that get it by that; none where no Kibana is asked.
    pub kibana: Vec<KibanaRange>,
    /// What these Kibanas ask for.
    pub asks: Asks,
}

/// What takes a version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum Cause {
    /// A rule of the selection.
    Rule {
        /// The rule as it is told: its place from 1, and its text.
        rule: String,
    },
    /// It is one of the next older versions below a version that is taken.
    Previous {
        /// The version that is taken.
        below: Version,
    },
    /// A site has it installed.
    Kept {
        /// The site.
        site: String,
        /// Why, never empty.
        reasons: Vec<Why>,
    },
    /// Kibanas get it of a package that a site has installed; without one they could not install that again.
    KeptPackage,
    /// Its layer is published as a whole; or Kibanas get it of a package of which such a layer has versions.
    Whole,
    /// Another package requires it.
    Required {
        /// Name of that package.
        by: String,
        /// Its version.
        by_version: Version,
        /// The package that it requires.
        package: String,
        /// The versions of it that will do.
        range: String,
    },
    /// Kibanas get it of a package that another one requires.
    RequiredPackage,
    /// It takes the place of a deprecated package.
    Replaces {
        /// Name of that package.
        deprecated: String,
    },
    /// Kibana installs it by itself when it finds data of another package.
    Discovered {
        /// Name of that package.
        by: String,
        /// The dataset.
        dataset: String,
    },
}

/// Which versions Kibanas ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// They ask for releases only.
    Releases,
    /// They ask for pre-releases, too.
    Prereleases,
    /// It is the same for both.
    Either,
}

/// Cause a version is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum LeftOut {
    /// No rule is about the package.
    NoRule,
    /// A rule of `exclude` leaves it out.
    Excluded {
        /// The rule as it is told.
        rule: String,
    },
    /// No Kibana of the selection accepts it.
    NoKibana {
        /// What it demands; none where Kibanas merely get other versions.
        needs: Vec<Demand>,
    },
    /// Kibanas get it only if they ask for pre-releases, and the selection says that they do not.
    Prerelease,
    /// Every Kibana of the selection that accepts it gets a newer one.
    Older {
        /// The oldest of these.
        than: Version,
    },
    /// No rule that is about the package admits this version.
    NotAdmitted,
}

/// What a version demands of Kibana that no Kibana of the selection meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "demand")]
pub enum Demand {
    /// Nobody is offered it: an override hides it.
    Hidden,
    /// A version of Kibana.
    Kibana {
        /// Its constraint.
        constraint: String,
        /// True if an override sets it, and not the package.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        by_override: bool,
    },
    /// A version of the agent.
    Agent {
        /// Its constraint.
        constraint: String,
    },
    /// A Kibana that still reads its format.
    SpecMin {
        /// The format of the package.
        format: String,
        /// The oldest format that Kibana asks for.
        bound: String,
    },
    /// A Kibana that already reads its format.
    SpecMax {
        /// The format of the package.
        format: String,
        /// The newest format that Kibana asks for.
        bound: String,
    },
    /// Capabilities.
    Capabilities {
        /// Those that are not sent.
        missing: Vec<String>,
    },
    /// To be asked for with pre-releases.
    Prerelease,
    /// That no other version comes first.
    First,
}

impl Cause {
    /// What versions are counted under that are in by this cause; rules are counted one by one.
    pub fn label(&self) -> Option<&'static str> {
        match self {
            Self::Rule { .. } => None,
            Self::Previous { .. } => Some("by previous"),
            Self::Kept { .. } | Self::KeptPackage => Some("by keep"),
            Self::Whole => Some("by whole layers"),
            Self::Required { .. } | Self::RequiredPackage => Some("by closure"),
            Self::Replaces { .. } => Some("by replacement"),
            Self::Discovered { .. } => Some("by discovery"),
        }
    }
}

impl LeftOut {
    /// The kind of the reason, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoRule => "no_rule",
            Self::Excluded { .. } => "excluded",
            Self::NoKibana { .. } => "no_kibana",
            Self::Prerelease => "prerelease",
            Self::Older { .. } => "older",
            Self::NotAdmitted => "not_admitted",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cause)?;
        if self.kibana.is_empty() {
            return Ok(());
        }
        write!(f, ", for Kibana {}", ranges(&self.kibana))?;
        match self.asks {
            Asks::Releases => f.write_str(" without pre-releases"),
            Asks::Prereleases => f.write_str(" with pre-releases"),
            Asks::Either => Ok(()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule { rule } => f.write_str(rule),
            Self::Previous { below } => write!(f, "previous: below {below}"),
            Self::Kept { site, reasons } => write!(f, "keep: {} at {site}", in_words(reasons)),
            Self::KeptPackage => f.write_str("keep: without it Kibana could not install again what is installed"),
            Self::Whole => f.write_str("whole: a layer that is published as a whole has the package"),
            Self::Required { by, by_version, package, range } => {
                write!(f, "closure: {by} {by_version} requires {package} {range}")
            }
            Self::RequiredPackage => f.write_str("closure: a package that is required is answered like any other"),
            Self::Replaces { deprecated } => write!(f, "follow_replacements: it takes the place of {deprecated}"),
            Self::Discovered { by, dataset } => write!(f, "content: discovered by data of {by} ({dataset})"),
        }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRule => f.write_str("no rule takes the package"),
            Self::Excluded { rule } => f.write_str(rule),
            Self::NoKibana { needs } => {
                let words: Vec<_> = needs.iter().map(ToString::to_string).collect();
                let words = if words.is_empty() { "they get other versions".to_owned() } else { words.join(", ") };
                write!(f, "no Kibana of the selection gets it: {words}")
            }
            Self::Prerelease => f.write_str("prerelease: no, and only Kibanas that ask for pre-releases get it"),
            Self::Older { than } => {
                write!(f, "every Kibana of the selection that accepts it gets a newer one, {than} or later")
            }
            Self::NotAdmitted => f.write_str("no rule that is about the package admits this version"),
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden => f.write_str("it is hidden"),
            Self::Kibana { constraint, by_override } => {
                let by = if *by_override { ", by an override" } else { "" };
                write!(f, "it needs Kibana {constraint}{by}")
            }
            Self::Agent { constraint } => write!(f, "it needs an agent {constraint}"),
            Self::SpecMin { format, bound } => write!(f, "its format is {format}, below {bound}"),
            Self::SpecMax { format, bound } => write!(f, "its format is {format}, above {bound}"),
            Self::Capabilities { missing } => write!(f, "it needs the capabilities {}", missing.join(", ")),
            Self::Prerelease => f.write_str("it is a pre-release"),
            Self::First => f.write_str("another version comes first"),
        }
    }
}

/// How a rule is told: its list, its place from 1, and its text.
pub fn told(list: &str, number: usize, text: &str) -> String {
    format!("{list} {} ({text})", number + 1)
}

/// Ranges in a row.
pub fn ranges(ranges: &[KibanaRange]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Asks, Cause, Demand, LeftOut, Reason};
    use crate::dialect::version::Version;
    use serde::Serialize;
    use std::collections::BTreeSet;

    /// The words in the first column of a table of the page.
    fn words(heading: &str) -> BTreeSet<String> {
        let page = include_str!("../../docs/reference/reasons.md");
        let section = page.split("\n## ").find_map(|section| section.strip_prefix(heading)).unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        rows.map(|(word, _)| word.to_owned()).collect()
    }

    fn tags(values: &[impl Serialize], tag: &str) -> BTreeSet<String> {
        let value = |value| serde_json::to_value(value).unwrap()[tag].as_str().unwrap().to_owned();
        values.iter().map(value).collect()
    }

    /// The page explains each word that there is, and no other.
    #[test]
    fn the_page_explains_all_words() {
        let text = String::new;
        let version = || Version::release([1, 0, 0]);
        let causes = [
            Cause::Rule { rule: text() },
            Cause::Previous { below: version() },
            Cause::Kept { site: text(), reasons: Vec::new() },
            Cause::KeptPackage,
            Cause::Whole,
            Cause::Required { by: text(), by_version: version(), package: text(), range: text() },
            Cause::RequiredPackage,
            Cause::Replaces { deprecated: text() },
            Cause::Discovered { by: text(), dataset: text() },
        ];
        // Who adds a kind adds it here, to the list above, and to the page.
        let is_listed = |cause: &Cause| match cause {
            Cause::Rule { .. } | Cause::Previous { .. } | Cause::Kept { .. } | Cause::KeptPackage => true,
            Cause::Whole | Cause::Required { .. } | Cause::RequiredPackage => true,
            Cause::Replaces { .. } | Cause::Discovered { .. } => true,
        };
        assert!(causes.iter().all(is_listed));
        let page = include_str!("../../docs/reference/reasons.md");
        for label in causes.iter().filter_map(Cause::label) {
            assert!(page.contains(&format!("| `{label}` |")), "{label}");
        }
        let reasons = causes.map(|cause| Reason { cause, kibana: Vec::new(), asks: Asks::Either });
        assert_eq!(tags(&reasons, "because"), words("Why a version is taken\n"));

        let left_out = [
            LeftOut::NoRule,
            LeftOut::Excluded { rule: text() },
            LeftOut::NoKibana { needs: Vec::new() },
            LeftOut::Prerelease,
            LeftOut::Older { than: version() },
            LeftOut::NotAdmitted,
        ];
        let kinds: BTreeSet<_> = left_out.iter().map(|one| one.kind().to_owned()).collect();
        assert_eq!(kinds, tags(&left_out, "because"));
        assert_eq!(kinds, words("Why a version is left out\n"));

        let demands = [
            Demand::Hidden,
            Demand::Kibana { constraint: text(), by_override: false },
            Demand::Agent { constraint: text() },
            Demand::SpecMin { format: text(), bound: text() },
            Demand::SpecMax { format: text(), bound: text() },
            Demand::Capabilities { missing: Vec::new() },
            Demand::Prerelease,
            Demand::First,
        ];
        let is_listed = |demand: &Demand| match demand {
            Demand::Hidden | Demand::Kibana { .. } | Demand::Agent { .. } | Demand::SpecMin { .. } => true,
            Demand::SpecMax { .. } | Demand::Capabilities { .. } | Demand::Prerelease | Demand::First => true,
        };
        assert!(demands.iter().all(is_listed));
        assert_eq!(tags(&demands, "demand"), words("What a version demands\n"));
    }
}
