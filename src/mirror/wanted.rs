//! Which versions a mirror wants, out of those that upstreams list. The one place that chooses; it looks at facts alone.

use super::facts::{Facts, FactsTable, Key};
use crate::base::suggest::nearest;
use crate::base::words;
use crate::config::Config;
use crate::config::layer::MirrorSource;
use crate::config::overrides::Override;
use crate::config::selection::What;
use crate::config::settings::SelectionPlan;
use crate::dialect::version::Version;
use crate::edit::PackageSelector;
use crate::select::resolved::{Resolved, pins};
use crate::select::{Candidate, Cause, Choice, Pin, choose_leniently};
use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Reasons of one version that are told.
const MOST_REASONS: usize = 8;

/// What a layer is to hold. Without selection and keep files that is all that is listed.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Wants {
    selection: Option<Resolved>,
    /// What sites have installed.
    pins: Vec<Pin>,
    /// What the layer says of its versions in place of their packages.
    pub(super) overrides: Vec<Override>,
}

/// How urgent a version is: what is installed comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Installed,
    Preset,
    #[default]
    Other,
}

/// Why a version is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Want {
    pub(super) rank: Rank,
    /// In words; none where all that is listed is wanted.
    pub(super) reasons: Vec<String>,
}

/// What of a layer the choice depends on.
#[derive(Clone, Copy)]
pub(super) struct Standing<'a> {
    /// True for what the layer holds.
    pub(super) is_held: &'a dyn Fn(&Key) -> bool,
    /// True for what somebody removed from it, who does not want it back.
    pub(super) is_out: &'a dyn Fn(&Key) -> bool,
}

/// The versions that are wanted, and what was asked for in vain.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Versions that are given, each with the reason.
    pub(super) versions: BTreeMap<Key, Want>,
    /// In words.
    pub(super) vain: Vec<String>,
    /// Versions that are held, listed no more, and wanted.
    kept: BTreeMap<Key, Want>,
    /// What the selection gives, if there is one.
    pub(super) choice: Option<Choice>,
    /// What sites have installed and nobody has.
    pub(super) missing: Vec<Pin>,
    /// What the selection names and somebody removed, each with the reasons.
    pub(super) removed: BTreeMap<Key, Vec<String>>,
    /// What is held, is given no more, and which Kibanas get in the place of what upstreams give, with that.
    pub(super) withdrawn: BTreeMap<Key, Version>,
    /// What is listed and cannot be understood, with the reason.
    pub(super) unread: Vec<(Key, String)>,
}

impl Wanted {
    /// Returns true if a version that is held should be. Without a selection everything should.
    pub(super) fn wants(&self, key: &Key) -> bool {
        self.choice.is_none() || self.versions.contains_key(key) || self.kept.contains_key(key)
    }

    /// Why a version is wanted.
    pub(super) fn want(&self, key: &Key) -> Option<&Want> {
        self.versions.get(key).or_else(|| self.kept.get(key))
    }
}

impl Wants {
    /// Reads what a layer selects and keeps.
    ///
    /// # Errors
    /// When a keep file is not there or wrong.
    pub(super) fn of(layer: &str, source: &MirrorSource, config: &Config) -> Result<Self> {
        let said = || format!("cannot say what layer `{layer}` is to hold");
        let overrides = config.layers.get(layer).map(|layer| layer.overrides.clone()).unwrap_or_default();
        let Some(name) = &source.select else {
            return Ok(Self { selection: None, pins: pins(&source.keep).with_context(said)?, overrides: Vec::new() });
        };
        let selection = config.selections.get(name).with_context(|| format!("there is no selection `{name}`"))?;
        let (name, selection, keep) = (name.clone(), selection.clone(), source.keep.clone());
        let plan = SelectionPlan { name, selection, keep, whole: BTreeSet::new() };
        let resolved = Resolved::read(&plan).with_context(said)?;
        Ok(Self { pins: resolved.pins.clone(), selection: Some(resolved), overrides })
    }

    /// Returns true if there is neither a selection nor a keep file.
    pub(super) fn are_open(&self) -> bool {
        self.selection.is_none() && self.pins.is_empty()
    }

    /// The selection.
    pub(super) fn selection(&self) -> Option<&Resolved> {
        self.selection.as_ref()
    }

    /// Chooses; with `only`, those of the versions that are wanted which it names.
    ///
    /// # Errors
    /// When a rule of the selection takes nothing.
    pub(super) fn wanted(&self, facts: &FactsTable, layer: &Standing<'_>, only: &[PackageSelector]) -> Result<Wanted> {
        let mut wanted = match &self.selection {
            None => self.all(facts, layer, only),
            Some(selection) => {
                let named = self.named(&[]).into_iter().filter(|(_, is_needed)| *is_needed);
                let named: BTreeSet<Key> = named.map(|(key, _)| key).collect();
                selected(selection, facts, layer, &self.overrides, &named)?
            }
        };
        if only.is_empty() {
            return Ok(wanted);
        }
        let mut named = BTreeMap::new();
        for selector in only {
            let is_meant = |key: &&Key| {
                key.0 == selector.name && selector.version.as_ref().is_none_or(|version| *version == key.1)
            };
            let meant: Vec<_> = wanted.versions.keys().filter(is_meant).cloned().collect();
            if meant.is_empty() {
                wanted.vain.push(self.in_vain(selector, facts, &wanted));
            }
            named.extend(
                meant.into_iter().filter_map(|key| wanted.versions.get(&key).map(|want| (key.clone(), want.clone()))),
            );
        }
        wanted.versions = named;
        Ok(wanted)
    }

    /// Versions that are named one by one: by sites, by the selection, and, where there is none, by `only`. True for those
    /// without which the selection cannot be made.
    pub(super) fn named(&self, only: &[PackageSelector]) -> BTreeMap<Key, bool> {
        let pins = self.pins.iter().filter(|pin| !pin.optional);
        let mut named: BTreeMap<Key, bool> = pins.map(|pin| (pin.key(), false)).collect();
        match &self.selection {
            None => named.extend(only.iter().filter_map(|one| Some((exact(one)?, false)))),
            Some(Resolved { selection, .. }) => {
                named.extend(selection.take.iter().filter_map(|rule| match &rule.what {
                    What::Pin(name, version) | What::Exact(name, version) => {
                        Some(((name.clone(), version.clone()), true))
                    }
                    _ => None,
                }))
            }
        }
        named
    }

    /// Everything that is listed, and of the rest what is named and given.
    fn all(&self, facts: &FactsTable, layer: &Standing<'_>, only: &[PackageSelector]) -> Wanted {
        let is_hidden = |key: &Key| facts.get(key).is_some_and(|facts| facts.hidden) && !(layer.is_out)(key);
        let listed = facts.iter().filter(|(key, facts)| facts.listed && !(layer.is_out)(key));
        let listed = listed.map(|(key, _)| key.clone());
        let named = only.iter().filter_map(exact).filter(is_hidden);
        let versions = listed.chain(named).map(|key| (key, Want::default())).collect();
        let mut wanted = Wanted { versions, ..Wanted::default() };
        for pin in &self.pins {
            let key = pin.key();
            if is_hidden(&key) {
                wanted.versions.entry(key.clone()).or_default();
            }
            if let Some(want) = wanted.versions.get_mut(&key) {
                want.rank = Rank::Installed;
                want.reasons.push(format!("keep: {pin}"));
            } else if !pin.optional && !(layer.is_held)(&key) {
                wanted.missing.push(pin.clone());
            }
        }
        wanted
    }

    /// What was asked for and is not wanted, with the name that was perhaps meant.
    fn in_vain(&self, selector: &PackageSelector, facts: &FactsTable, wanted: &Wanted) -> String {
        let name = &selector.name;
        let is_given = |key: &Key| facts.get(key).is_some_and(Facts::is_given);
        let left_out = wanted.choice.iter().flat_map(|choice| &choice.left_out).filter(|(key, _)| is_given(key));
        let mut left_out = left_out.filter(|((other, version), _)| {
            other == name && selector.version.as_ref().is_none_or(|wanted| wanted == version)
        });
        if let (Some(((_, version), why)), Some(selection)) = (left_out.next_back(), &self.selection) {
            return format!("selection `{}` leaves out {name} {version}: {why}", selection.name);
        }
        let names: BTreeSet<&str> = facts.keys().map(|(name, _)| name.as_str()).collect();
        let names: Vec<_> = names.into_iter().collect();
        match &selector.version {
            Some(version) if names.contains(&name.as_str()) => {
                format!("{name} {version} is not listed, though other versions of {name} are")
            }
            _ => {
                let hint = match nearest(name, &names) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => "no package that is known has a name like it".to_owned(),
                };
                format!("{name} is not listed\nhint: {hint}")
            }
        }
    }
}

/// The one version that a selector names, if it names one.
fn exact(selector: &PackageSelector) -> Option<Key> {
    Some((selector.name.clone(), selector.version.clone()?))
}

/// What a selection chooses of all that is given or held.
fn selected(
    selection: &Resolved,
    facts: &FactsTable,
    layer: &Standing<'_>,
    overrides: &[Override],
    named: &BTreeSet<Key>,
) -> Result<Wanted> {
    let mut wanted = Wanted::default();
    let mut candidates = candidates(facts, layer.is_held, overrides, &mut wanted.unread);
    // What the selection names is no mistake in it, also where it was removed: it is missed.
    candidates.retain(|one| {
        let key = one.facts.key();
        !(layer.is_out)(&key) || named.contains(&key)
    });
    let mut choice =
        selection.choose(&candidates).map_err(|mistakes| anyhow!("selection `{}`: {mistakes}", selection.name))?;
    // What is given no more stays, as it may be installed, and does not take the place of what is given.
    let is_given = |key: &Key| facts.get(key).is_some_and(Facts::is_given) && !(layer.is_out)(key);
    let is_kept = |key: &Key| !is_given(key) && !(layer.is_out)(key);
    if choice.versions.keys().any(|key| !is_given(key)) {
        candidates.retain(|one| is_given(&one.facts.key()));
        let given = choose_leniently(&selection.selection, &candidates, &selection.pins);
        wanted.withdrawn = withdrawn(&choice, &given, &is_kept);
        for (key, reasons) in given.versions {
            choice.left_out.remove(&key);
            choice.versions.entry(key).or_insert(reasons);
        }
    }
    let presets: BTreeSet<&str> = presets(selection, &choice);
    for (key, reasons) in &choice.versions {
        let rank = reasons.iter().map(|reason| match &reason.cause {
            Cause::Kept { .. } | Cause::KeptPackage => Rank::Installed,
            Cause::Rule { rule } if presets.contains(rule.as_str()) => Rank::Preset,
            _ => Rank::Other,
        });
        let rank = rank.min().unwrap_or_default();
        let mut reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        if reasons.len() > MOST_REASONS {
            let more = reasons.split_off(MOST_REASONS).len();
            reasons.push(format!("and {} more", words::counted(more, "reason")));
        }
        if (layer.is_out)(key) {
            wanted.removed.insert(key.clone(), reasons);
            continue;
        }
        let place = if is_given(key) { &mut wanted.versions } else { &mut wanted.kept };
        place.insert(key.clone(), Want { rank, reasons });
    }
    wanted.missing.clone_from(&choice.missing);
    wanted.choice = Some(choice);
    Ok(wanted)
}

/// What of a choice is kept only and stands before versions that are in it by what is given alone, each with the newest of these.
fn withdrawn(choice: &Choice, given: &Choice, is_kept: &dyn Fn(&Key) -> bool) -> BTreeMap<Key, Version> {
    let added = given.versions.keys().filter(|key| !choice.versions.contains_key(*key));
    let names: BTreeSet<&str> = added.map(|(name, _)| name.as_str()).collect();
    let kept = choice.versions.keys().filter(|key| names.contains(key.0.as_str()) && is_kept(key));
    let instead = kept.filter_map(|key| {
        let older = given.versions.keys().filter(|other| other.0 == key.0 && other.1 < key.1);
        Some((key.clone(), older.map(|(_, version)| version).max()?.clone()))
    });
    instead.collect()
}

/// Rules of presets, as choices tell them.
fn presets<'a>(selection: &Resolved, choice: &'a Choice) -> BTreeSet<&'a str> {
    let rules = selection.selection.take.iter().zip(&choice.rules);
    rules.filter(|(rule, _)| matches!(rule.what, What::Preset(_))).map(|(_, (told, _))| told.as_str()).collect()
}

/// Versions that are given or held, as selections see them, and as overrides have them told.
pub(super) fn candidates(
    facts: &FactsTable,
    is_held: &dyn Fn(&Key) -> bool,
    overrides: &[Override],
    unread: &mut Vec<(Key, String)>,
) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for (key, facts) in facts.iter().filter(|(key, facts)| facts.is_given() || is_held(key)) {
        match facts.candidate(key, facts.known_format(), overrides) {
            Ok(candidate) => candidates.push(candidate),
            Err(error) => unread.push((key.clone(), format!("{error:#}"))),
        }
    }
    candidates
}
