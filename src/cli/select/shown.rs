//! What a selection gives, as lines for people, as JSON and as a table.

use crate::base::progress::bytes;
use crate::base::words::{counted, few};
use crate::cli::common::print::{Id, field, ids};
use crate::config::selection::{KibanaRange, Selection, What};
use crate::mirror::look::Offer;
use crate::select::reason::ranges;
use crate::select::{Asks, Choice, Key, LeftOut, Loss, Outside, Pin, Reason, Several};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A selection, and what it gives.
pub(super) struct Made {
    pub(super) name: String,
    pub(super) selection: Selection,
    pub(super) choice: Choice,
    pub(super) outside: Vec<Outside>,
    pub(super) warnings: Vec<String>,
}

/// Versions of one name that a line lists.
const LISTED: usize = 8;

/// Everything that is shown.
pub(super) struct Shown<'a> {
    pub(super) from: &'a [String],
    pub(super) offer: &'a Offer,
    pub(super) made: &'a Made,
    pub(super) other: Option<&'a Made>,
    /// True if reasons are shown.
    pub(super) explain: bool,
    /// The one package that is shown; all if absent.
    pub(super) package: Option<&'a str>,
}

/// The result as JSON.
#[derive(Serialize)]
pub(super) struct Json<'a> {
    selection: &'a str,
    from: &'a [String],
    /// The Kibanas that are asked about; none stands for every Kibana.
    kibana: &'a [KibanaRange],
    taken: Size,
    of: Size,
    rules: Vec<Rule<'a>>,
    /// How many versions are in for other causes.
    causes: Vec<ByCause>,
    /// Versions that are counted more than once by rules and causes.
    several: Several,
    versions: Vec<Version<'a>>,
    /// Only with `--explain`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<NotTaken<'a>>,
    losses: &'a [Loss],
    outside: &'a [Outside],
    missing: &'a [Pin],
    /// Packages of presets that are not there.
    absent: Vec<&'a str>,
    warnings: Vec<&'a String>,
    suggestions: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<Diff<'a>>,
}

/// How much something is.
#[derive(Clone, Copy, Default, Serialize)]
struct Size {
    versions: usize,
    names: usize,
    /// Bytes of those whose size is known.
    bytes: u64,
    /// Number of those whose size is not known.
    of_unknown_size: usize,
}

#[derive(Serialize)]
struct Rule<'a> {
    /// Its place in `take`, from 1.
    number: usize,
    rule: &'a str,
    versions: usize,
}

#[derive(Serialize)]
struct ByCause {
    cause: &'static str,
    versions: usize,
}

#[derive(Serialize)]
struct Version<'a> {
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    reasons: Vec<Why<'a>>,
}

#[derive(Serialize)]
struct Why<'a> {
    text: String,
    #[serde(flatten)]
    reason: &'a Reason,
}

#[derive(Serialize)]
struct NotTaken<'a> {
    name: &'a str,
    version: &'a str,
    text: String,
    #[serde(flatten)]
    reason: &'a LeftOut,
}

#[derive(Serialize)]
struct Diff<'a> {
    with: &'a str,
    only_here: Vec<Id<'a>>,
    only_there: Vec<Id<'a>>,
}

/// Warnings, each on its line.
pub(super) fn warnings<'a>(warnings: impl Iterator<Item = &'a String>) -> String {
    warnings.map(|text| format!("warning: {text}\n")).collect()
}

fn id((name, version): &Key) -> String {
    format!("{name} {version}")
}

impl<'a> Shown<'a> {
    fn size<'k>(&self, keys: impl Iterator<Item = &'k Key>) -> Size {
        let (mut size, mut names) = (Size::default(), BTreeSet::new());
        for key in keys {
            size.versions += 1;
            names.insert(key.0.as_str());
            match self.offer.bytes.get(key) {
                Some(bytes) => size.bytes += bytes,
                None => size.of_unknown_size += 1,
            }
        }
        Size { names: names.len(), ..size }
    }

    pub(super) fn is_shown(&self, key: &Key) -> bool {
        self.package.is_none_or(|name| name == key.0)
    }

    fn all(&self) -> impl Iterator<Item = &'a Key> {
        let choice = &self.made.choice;
        choice.versions.keys().chain(choice.left_out.keys())
    }

    fn differences(&self) -> Option<(Vec<&'a Key>, Vec<&'a Key>)> {
        let (ours, theirs) = (&self.made.choice.versions, &self.other?.choice.versions);
        let here = ours.keys().filter(|key| self.is_shown(key) && !theirs.contains_key(*key)).collect();
        Some((here, theirs.keys().filter(|key| self.is_shown(key) && !ours.contains_key(*key)).collect()))
    }

    /// The result for programs.
    pub(super) fn json(&self) -> Json<'a> {
        let choice = &self.made.choice;
        let version = |(key, reasons): (&'a Key, &'a Vec<Reason>)| Version {
            name: &key.0,
            version: key.1.as_str(),
            bytes: self.offer.bytes.get(key).copied(),
            reasons: reasons.iter().map(|reason| Why { text: reason.to_string(), reason }).collect(),
        };
        let left_out = choice.left_out.iter().filter(|(key, _)| self.explain && self.is_shown(key));
        let rules = choice.rules.iter().enumerate();
        Json {
            selection: &self.made.name,
            from: self.from,
            kibana: &self.made.selection.kibana,
            taken: self.size(choice.versions.keys()),
            of: self.size(self.all()),
            rules: rules.map(|(at, (rule, versions))| Rule { number: at + 1, rule, versions: *versions }).collect(),
            causes: choice.causes().into_iter().map(|(cause, versions)| ByCause { cause, versions }).collect(),
            several: choice.several(),
            versions: choice.versions.iter().filter(|(key, _)| self.is_shown(key)).map(version).collect(),
            left_out: left_out
                .map(|((name, version), reason)| NotTaken {
                    name,
                    version: version.as_str(),
                    text: reason.to_string(),
                    reason,
                })
                .collect(),
            losses: &choice.losses,
            outside: &self.made.outside,
            missing: &choice.missing,
            absent: self.absent(),
            warnings: self.offer.warnings.iter().chain(&self.made.warnings).chain(&choice.warnings).collect(),
            suggestions: &choice.suggestions,
            diff: self.differences().map(|(here, there)| Diff {
                with: self.other.map(|other| other.name.as_str()).unwrap_or_default(),
                only_here: ids(here),
                only_there: ids(there),
            }),
        }
    }

    /// The result for people.
    pub(super) fn text(&self) -> String {
        let choice = &self.made.choice;
        if let Some(name) = self.package {
            return self.explained(name) + &self.compared(name);
        }
        let kibana = match self.made.selection.kibana.as_slice() {
            [] => "every version".to_owned(),
            kibana => ranges(kibana),
        };
        let mut text = format!("selection {} of {}\n", self.made.name, self.from.join(", "));
        text += &field("Kibana", kibana);
        let (taken, of) = (self.size(choice.versions.keys()), self.size(self.all()));
        text += &field("taken", taken.words());
        text += &field("out of", of.words());
        for (rule, versions) in choice.rules.iter().take(if self.explain { usize::MAX } else { 30 }) {
            text += &field("by rule", format!("{}: {rule}", counted(*versions, "version")));
        }
        for (label, versions) in choice.causes() {
            text += &field(label, counted(versions, "version"));
        }
        text.extend(choice.several().words().map(|words| field("of these", words)));
        text += &self.missing();
        let absent: Vec<_> = self.absent().into_iter().map(str::to_owned).collect();
        if !absent.is_empty() {
            text += &field("not there", format!("of presets: {}", few(&absent)));
        }
        text += &self.losses();
        for Outside { kibana, older, nothing } in &self.made.outside {
            let part = |names: &Vec<String>, what: &str| {
                (!names.is_empty()).then(|| format!("{what} of {} ({})", counted(names.len(), "package"), few(names)))
            };
            let parts = [part(older, "an older version"), part(nothing, "nothing")];
            let parts: Vec<_> = parts.into_iter().flatten().collect();
            text += &field("outside", format!("Kibana {kibana} would get {}", parts.join(", ")));
        }
        for suggestion in &choice.suggestions {
            text += &field("suggested", suggestion);
        }
        if let (Some((here, there)), Some(other)) = (self.differences(), self.other) {
            let label = |made: &Made| match self.made.name == other.name {
                true => format!("{} for Kibana {}", made.name, ranges(&made.selection.kibana)),
                false => made.name.clone(),
            };
            text += &format!("\nonly in {}: {}\n", label(self.made), self.size(here.iter().copied()).words());
            here.iter().for_each(|key| text += &self.difference(key, self.made));
            text += &format!("only in {}: {}\n", label(other), self.size(there.iter().copied()).words());
            there.iter().for_each(|key| text += &self.difference(key, other));
            return text;
        }
        text + "\n" + &if self.explain { self.reasons() } else { self.names() }
    }

    /// Versions that sites have installed and that are not there, each once.
    fn missing(&self) -> String {
        let missing = Pin::by_version(&self.made.choice.missing);
        missing.iter().map(|(key, sites)| field("missing", format!("{}, {sites}", id(key)))).collect()
    }

    /// Packages that presets name and that are not there. No Kibana needs all of them.
    fn absent(&self) -> Vec<&'a str> {
        let presets = self.made.selection.take.iter().filter_map(|rule| match &rule.what {
            What::Preset(preset) => Some(preset.names()),
            _ => None,
        });
        let there: BTreeSet<&str> = self.all().map(|(name, _)| name.as_str()).collect();
        let names: BTreeSet<&str> = presets.flatten().copied().collect();
        names.difference(&there).copied().collect()
    }

    /// A version that only one of two selections takes, with the reasons if they are asked for.
    fn difference(&self, key: &Key, of: &Made) -> String {
        let reasons = of.choice.versions.get(key).filter(|_| self.explain);
        let reasons = reasons.into_iter().flatten().map(|reason| format!("    {reason}\n"));
        format!("  {}\n{}", id(key), reasons.collect::<String>())
    }

    /// The versions of one package in which two selections differ.
    fn compared(&self, name: &str) -> String {
        let (Some((here, there)), Some(other)) = (self.differences(), self.other) else { return String::new() };
        if here.is_empty() && there.is_empty() {
            return format!("  {} takes the same versions of {name}\n", other.name);
        }
        let list = |keys: Vec<&Key>| {
            let versions: Vec<_> = keys.into_iter().rev().map(|key| key.1.to_string()).collect();
            if versions.is_empty() { "none".to_owned() } else { versions.join(", ") }
        };
        format!("  only taken here: {}\n  only taken by {}: {}\n", list(here), other.name, list(there))
    }

    fn losses(&self) -> String {
        let loss = |loss: &Loss| {
            let choice = loss.choice.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            let asks = match loss.asks {
                Asks::Prereleases => " with pre-releases",
                Asks::Releases | Asks::Either => "",
            };
            let Loss { name, kibana, whole, because, .. } = loss;
            field("less", format!("{name}: Kibana {kibana}{asks} gets {choice} instead of {whole} ({because})"))
        };
        self.made.choice.losses.iter().map(loss).collect()
    }

    /// One name a line, the newest version first.
    fn names(&self) -> String {
        let mut names: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, version) in self.made.choice.versions.keys().rev() {
            names.entry(name).or_default().push(version.to_string());
        }
        let line = |(name, versions): (&&str, &Vec<String>)| {
            format!("  {name:<32} {}\n", crate::base::words::first(versions, LISTED))
        };
        names.iter().map(line).collect()
    }

    /// One version a line, each with its reasons below.
    fn reasons(&self) -> String {
        let mut text = String::new();
        for (key, reasons) in &self.made.choice.versions {
            text += &format!("{}\n", id(key));
            reasons.iter().for_each(|reason| text += &format!("  {reason}\n"));
        }
        text
    }

    /// All versions of one package, the newest first.
    fn explained(&self, name: &str) -> String {
        let choice = &self.made.choice;
        let mut text = format!("selection {} of {}: {name}\n", self.made.name, self.from.join(", "));
        let keys: BTreeSet<&Key> = self.all().filter(|key| key.0 == name).collect();
        for key in keys.into_iter().rev() {
            match (choice.versions.get(key), choice.left_out.get(key)) {
                (Some(reasons), _) => {
                    text += &format!("  {} is taken\n", key.1);
                    reasons.iter().for_each(|reason| text += &format!("    {reason}\n"));
                }
                (None, Some(reason)) => text += &format!("  {} is left out: {reason}\n", key.1),
                (None, None) => {}
            }
        }
        let own: Vec<_> = choice.losses.iter().filter(|loss| loss.name == name).collect();
        if !own.is_empty() {
            text += "  what Kibanas of the selection get less:\n";
        }
        for Loss { kibana, whole, choice, because, .. } in own {
            let choice = choice.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            text += &format!("    Kibana {kibana} gets {choice} instead of {whole}: {because}\n");
        }
        text
    }
}

impl Size {
    fn words(self) -> String {
        let known = match (self.bytes, self.of_unknown_size) {
            (_, 0) => format!(", {}", bytes(self.bytes)),
            (0, _) => String::new(),
            (known, unknown) => format!(", {} and {unknown} of unknown size", bytes(known)),
        };
        format!("{} of {}{known}", counted(self.versions, "version"), counted(self.names, "name"))
    }
}
