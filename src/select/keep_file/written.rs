//! What a site has installed, as a value, and its text.

use super::words::{FIRST, NOTE, OPTIONAL, Source, UNKNOWN, Why, in_words};
use crate::base::shown::printable;
use crate::base::time;
use crate::dialect::version::Version;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

/// Column at which reasons begin.
const REASONS_AT: usize = 40;

/// What one Kibana has installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeepFile {
    /// The site: the name of the file without its ending.
    pub site: String,
    /// The version of Kibana; absent if it is not known.
    pub kibana: Option<Version>,
    /// True if Kibana asks for pre-releases; absent if it is not known.
    pub prerelease: Option<bool>,
    /// When it was taken, in seconds since 1970.
    pub taken: u64,
    /// True if everything that Kibana has installed is in it, as far as its answers tell.
    pub complete: bool,
    /// Id of the key by which Kibana verifies packages.
    pub key: Option<String>,
    /// What could not be asked for, in words.
    pub notes: Vec<String>,
    /// The versions.
    pub versions: BTreeMap<(String, Version), Kept>,
}

/// Why a version is in a keep file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Never empty in a file.
    pub reasons: BTreeSet<Why>,
    /// Where Kibana had it from; absent if it is not known.
    pub source: Option<Source>,
    /// True if Kibana can do without it being in a registry.
    pub optional: bool,
}

/// A version that a registry has to have, because a site has it installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pin {
    /// Name of the package.
    pub name: String,
    /// The version.
    pub version: Version,
    /// Why, never empty.
    pub reasons: Vec<Why>,
    /// The version of the site's Kibana; absent if it is not known.
    pub kibana: Option<Version>,
    /// True if that Kibana asks for pre-releases.
    pub prerelease: bool,
    /// True if that Kibana can do without it: it has the version in its own files.
    pub optional: bool,
    /// Name of the site.
    pub site: String,
}

impl Pin {
    /// Name and version.
    pub fn key(&self) -> (String, Version) {
        (self.name.clone(), self.version.clone())
    }

    /// What sites have, each version once, with the reasons and sites in words.
    pub fn by_version(pins: &[Self]) -> BTreeMap<(String, Version), String> {
        let mut sites: BTreeMap<_, Vec<String>> = BTreeMap::new();
        pins.iter().for_each(|pin| sites.entry(pin.key()).or_default().push(pin.to_string()));
        sites.into_iter().map(|(key, sites)| (key, sites.join(", and "))).collect()
    }
}

/// The reasons with the site: `installed at site-a`.
impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", in_words(&self.reasons), self.site)
    }
}

impl KeepFile {
    /// The text of the file.
    pub fn render(&self) -> String {
        let yes_or_no = |value: bool| if value { "yes" } else { "no" };
        let mut text = format!(
            "{FIRST}\n# kibana: {}   prerelease: {}   taken: {}   complete: {}",
            self.kibana.as_ref().map_or(UNKNOWN, Version::as_str),
            self.prerelease.map_or(UNKNOWN, yes_or_no),
            time::rfc3339(self.taken),
            yes_or_no(self.complete),
        );
        if let Some(key) = &self.key {
            text += &format!("   key: {key}");
        }
        text.push('\n');
        for note in &self.notes {
            // A note is one line, whatever it quotes.
            text += &format!("{NOTE}{}\n", printable(note, 300));
        }
        for ((name, version), kept) in &self.versions {
            let words: Vec<_> = kept.words().collect();
            let _ = writeln!(text, "{:<width$} {}", format!("{name}@{version}"), words.join(" "), width = REASONS_AT);
        }
        text
    }

    /// The versions that a registry has to have for this site. What was uploaded or made in Kibana comes from no registry.
    pub fn pins(&self) -> Vec<Pin> {
        let versions = self.versions.iter();
        let asked_for = versions.filter(|(_, kept)| kept.source.is_none_or(Source::may_be_asked_for));
        let pin = |((name, version), kept): (&(String, Version), &Kept)| Pin {
            name: name.clone(),
            version: version.clone(),
            reasons: kept.reasons.iter().copied().collect(),
            kibana: self.kibana.clone(),
            // What is not known counts as wanted.
            prerelease: self.prerelease.unwrap_or(true),
            optional: kept.optional,
            site: self.site.clone(),
        };
        asked_for.map(pin).collect()
    }
}

impl Kept {
    /// The words of its line.
    fn words(&self) -> impl Iterator<Item = String> {
        let reasons = self.reasons.iter().map(ToString::to_string);
        let optional = self.optional.then(|| OPTIONAL.to_owned());
        reasons.chain(self.source.map(|source| source.to_string())).chain(optional)
    }
}
