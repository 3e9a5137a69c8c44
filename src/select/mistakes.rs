//! Rules that take nothing, with what was perhaps meant.

use super::choice::Key;
use super::packages::Packages;
use super::reason::told;
use crate::base::suggest::did_you_mean;
use crate::base::words;
use crate::config::glob::Glob;
use crate::config::selection::{Filter, Selection, What};
use std::collections::BTreeSet;
use std::fmt;

/// Words that a hint lists.
const LISTED: usize = 20;

/// A rule that takes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The rule as it is told.
    pub rule: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Rules that take nothing; never none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// Nothing, if there are none.
    pub(super) fn of(mistakes: Vec<Mistake>) -> Result<(), Self> {
        if mistakes.is_empty() { Ok(()) } else { Err(Self(mistakes)) }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, Mistake { rule, message, hint }) in self.0.iter().enumerate() {
            let lead = if place == 0 { "" } else { "\nerror: " };
            write!(f, "{lead}{rule}: {message}")?;
            if let Some(hint) = hint {
                write!(f, "\nhint: {hint}")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Finds words of rules that no version has. One such word among others that are known would be lost without a word.
pub(super) fn check(selection: &Selection, packages: &Packages<'_>) -> Result<(), Mistakes> {
    let mut mistakes = Vec::new();
    let known = Known::new(packages);
    for (number, rule) in selection.take.iter().enumerate() {
        let What::Packages { filter, .. } = &rule.what else { continue };
        known.check(filter, &told("take", number, &rule.text), &mut mistakes);
    }
    for (number, rule) in selection.exclude.iter().enumerate() {
        // A pattern may be there for what comes later; a name is meant.
        let names = rule.filter.names.iter().filter(|name| name.is_literal()).cloned().collect();
        known.check(&Filter { names, ..Filter::default() }, &told("exclude", number, &rule.text), &mut mistakes);
    }
    Mistakes::of(mistakes)
}

/// The words of a catalog.
struct Known<'a> {
    names: BTreeSet<&'a str>,
    types: BTreeSet<&'a str>,
    owner_types: BTreeSet<&'a str>,
    owners: BTreeSet<&'a str>,
    data_streams: BTreeSet<&'a str>,
    modes: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    fn new(packages: &'a Packages<'_>) -> Self {
        let candidates = || packages.all.iter().flat_map(|package| package.versions.iter().copied());
        let words = |texts: &mut dyn Iterator<Item = &'a String>| {
            texts.map(String::as_str).filter(|text| !text.is_empty()).collect()
        };
        Self {
            names: packages.all.iter().map(|package| package.name).collect(),
            types: words(&mut candidates().map(|one| &one.facts.package_type)),
            owner_types: words(&mut candidates().map(|one| &one.owner_type)),
            owners: words(&mut candidates().map(|one| &one.owner_github)),
            data_streams: words(&mut candidates().flat_map(|one| &one.data_stream_types)),
            modes: words(&mut candidates().flat_map(|one| &one.deployment_modes)),
        }
    }

    fn check(&self, filter: &Filter, rule: &str, mistakes: &mut Vec<Mistake>) {
        let text = |globs: &[Glob]| globs.iter().map(|glob| glob.0.clone()).collect::<Vec<_>>();
        for (what, words, known) in [
            ("package is called", text(&filter.names), &self.names),
            ("package has the type", filter.types.clone(), &self.types),
            ("package says that its owner is of type", filter.owner_types.clone(), &self.owner_types),
            ("package is owned by", text(&filter.owners), &self.owners),
            ("package has data streams of type", filter.data_streams.clone(), &self.data_streams),
            ("package can be deployed in the mode", filter.deployment_modes.clone(), &self.modes),
        ] {
            for word in words {
                let glob = Glob(word.clone());
                if !known.iter().any(|known| glob.matches(known)) {
                    let message = format!("no {what} `{word}`");
                    mistakes.push(Mistake { rule: rule.to_owned(), message, hint: Some(hint(&word, known)) });
                }
            }
        }
    }
}

/// What was perhaps meant.
fn hint(word: &str, known: &BTreeSet<&str>) -> String {
    let words: Vec<&str> = known.iter().copied().collect();
    if words.is_empty() {
        return "nothing to choose from says that: older packages do not, and older registries do not list it"
            .to_owned();
    }
    // Of many words a list would be no help.
    match crate::base::suggest::nearest(word, &words) {
        None if words.len() > LISTED => "nothing that is there is like it: check how it is spelt".to_owned(),
        _ => did_you_mean(word, &words),
    }
}

/// A rule whose words are all known, and which takes nothing all the same. `packages` are those that it means but that no
/// Kibana of the selection gets.
pub(super) fn nothing(packages: &Packages<'_>, rule: &str, meant: &[usize]) -> Mistake {
    let names: Vec<String> = meant.iter().map(|at| packages.all[*at].name.to_owned()).collect();
    let (message, hint) = if names.is_empty() {
        ("no version is like this".to_owned(), "leave out one condition after the other".to_owned())
    } else {
        let newest = meant.first().and_then(|at| packages.all[*at].facts().last().copied());
        let needs = newest.and_then(|facts| facts.kibana.as_ref());
        let needs = needs.map_or_else(String::new, |needs| format!("; the newest {} needs Kibana {needs}", names[0]));
        (
            format!("no Kibana of the selection gets such a version of {}", words::few(&names)),
            format!("look at `kibana` of the selection{needs}"),
        )
    };
    Mistake { rule: rule.to_owned(), message, hint: Some(hint) }
}

/// A name that no package has.
pub(super) fn unknown(packages: &Packages<'_>, rule: &str, name: &str) -> Mistake {
    let names = packages.all.iter().map(|package| package.name).collect();
    let message = format!("no package is called `{name}`");
    Mistake { rule: rule.to_owned(), message, hint: Some(hint(name, &names)) }
}

/// The place of a version that a rule names; `place` is where the rule stands in a file of its own.
pub(super) fn place(
    packages: &Packages<'_>,
    (name, version): &Key,
    place: Option<&str>,
) -> Result<(usize, usize), Mistake> {
    let rule = place.map_or_else(|| format!("{name}@{version}"), str::to_owned);
    let Some(at) = packages.place(name) else { return Err(unknown(packages, &rule, name)) };
    let package = &packages.all[at];
    package.place(version).map(|place| (at, place)).ok_or_else(|| {
        let versions: Vec<String> = package.facts().iter().rev().map(|facts| facts.version.to_string()).collect();
        let message = format!("there is no version {version} of {name}");
        Mistake { rule, message, hint: Some(format!("there are {}", words::few(&versions))) }
    })
}
