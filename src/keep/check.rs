//! Whether a registry has what sites have installed, and whether their Kibanas could install it again.
//!
//! The zip of a version is not enough: before Kibana installs it again, it asks for the newest version of the package that it
//! accepts, and gives up if there is none.

use crate::answers::questions::query_of_kibana;
use crate::answers::search::search;
use crate::base::words::few;
use crate::keep::doubt::{Doubt, STALE, doubts};
use crate::keep::sources::sources;
use crate::package::Facts;
use crate::select::keep_file::{KeepFile, Pin, Source, Why};
use crate::select::{Choice, Key};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the registry.
pub struct Registry<'a> {
    /// The layer that the question is about.
    pub layer: &'a str,
    /// Those that answer: the distributions that have the layer, or the layer alone.
    pub answering: Vec<Answering>,
    /// Versions that an upstream of the layer lists.
    pub listed: BTreeSet<Key>,
    /// Those of them that somebody removed from the layer: a run fetches none of these unless it names it.
    pub removed: BTreeSet<Key>,
    /// What lies in the layers and cannot be published.
    pub unfit: Vec<Unfit>,
    /// The options that say where layers and configuration are, for commands in hints.
    pub options: String,
}

/// A package that lies in a layer and that builds leave out.
#[derive(Debug)]
pub struct Unfit {
    /// The layer.
    pub layer: String,
    /// Its path in the layer.
    pub path: String,
    /// What is wrong with it, in words.
    pub message: String,
}

impl Unfit {
    /// Returns true if its path is that of a version: `kafka-1.2.3.zip`, `kafka-1.2.3` or `kafka/1.2.3`.
    fn is_of(&self, (name, version): &Key) -> bool {
        let mut parts = self.path.rsplit('/');
        let last = parts.next().unwrap_or_default();
        let id = format!("{name}-{version}");
        last.strip_suffix(".zip").unwrap_or(last) == id || (parts.next() == Some(name) && *last == version.to_string())
    }
}

/// What a distribution answers, as its layers are now.
#[derive(Debug, Default)]
pub struct Answering {
    /// Its name; absent for a layer alone.
    pub distribution: Option<String>,
    /// What it offers as overrides have it told, by name and in order of versions.
    pub offered: BTreeMap<String, Vec<Facts>>,
    /// All that its layers hold as packages tell it, by name and in order of versions.
    pub held: BTreeMap<String, Vec<Facts>>,
    /// Versions that its selection leaves out, each with the reason.
    pub left_out: BTreeMap<Key, String>,
}

/// What keeps a version from being installed again.
struct Fault {
    message: String,
    hint: String,
}

/// What is wrong, or good to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The site.
    pub site: String,
    /// Name of the package; empty if it is about the whole file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The version; empty if it is about the whole file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// In words.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Versions in the keep files, each as often as sites have it.
    pub versions: usize,
    /// Those of them that sites need from a registry.
    pub pins: usize,
    /// Different versions among these.
    pub distinct: usize,
    /// Those among them that the site's Kibana has in its own files.
    pub optional: usize,
    /// Versions that were uploaded or made in Kibana, and are in no registry. With `pins` these are all.
    pub own: usize,
    /// How many of all versions Kibanas have from where, as imports count them.
    pub sources: BTreeMap<String, usize>,
    /// What is missing.
    pub problems: Vec<Finding>,
    /// What could not be checked, or may be missing.
    pub warnings: Vec<Finding>,
    /// Versions that the selection leaves out and that stay because a site has them, in words.
    pub kept: Vec<Finding>,
    /// Versions that came with Kibana, and that no registry needs to have: it has them itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bundled: Vec<Finding>,
}

/// Checks the keep files, in order. `now` is in seconds since 1970.
pub fn check(files: &[KeepFile], registry: &Registry<'_>, now: u64) -> Checked {
    let mut checked = Checked::default();
    let mut distinct = BTreeSet::new();
    for file in files {
        checked.versions += file.versions.len();
        about_file(file, now, &mut checked.warnings);
        for pin in file.pins() {
            checked.pins += 1;
            checked.optional += usize::from(pin.optional);
            distinct.insert(pin.key());
            let found = [missing(&pin, registry), not_installable(&pin, registry)];
            if pin.optional {
                if found.iter().any(|(faults, _)| !faults.is_empty()) {
                    let Pin { name, version, .. } = &pin;
                    let message =
                        format!("{name}@{version} {}, and Kibana has it itself: no registry needs to", verbs(&pin));
                    checked.bundled.push(Finding { hint: None, ..finding(&pin, message, String::new()) });
                }
                continue;
            }
            for (faults, are_all) in found {
                // Of several distributions a site may use the one that has it.
                let place = if are_all { &mut checked.problems } else { &mut checked.warnings };
                place.extend(faults.into_iter().map(|fault| finding(&pin, fault.message, fault.hint)));
            }
        }
    }
    checked.distinct = distinct.len();
    checked.own = checked.versions - checked.pins;
    checked.sources = sources(files);
    checked
}

fn about_file(file: &KeepFile, now: u64, warnings: &mut Vec<Finding>) {
    let mut warn = |message: String, hint: &str| {
        let (name, version) = (String::new(), String::new());
        warnings.push(Finding { site: file.site.clone(), name, version, message, hint: Some(hint.to_owned()) });
    };
    for Doubt { message, hint, .. } in doubts(file, now, STALE) {
        warn(format!("it {message}"), hint);
    }
    let uploaded =
        file.versions.iter().filter(|(_, kept)| matches!(kept.source, Some(Source::Upload | Source::Custom)));
    let uploaded: Vec<_> = uploaded.map(|((name, version), _)| format!("{name} {version}")).collect();
    if !uploaded.is_empty() {
        let message = format!("these were uploaded or made in Kibana, and no registry has them: {}", few(&uploaded));
        warn(message, "keep their zips, or publish them from a layer of your own");
    }
}

/// The version is not there, or not published by distributions whose layers hold it; and whether that is so for all of these.
fn missing(pin: &Pin, registry: &Registry<'_>) -> (Vec<Fault>, bool) {
    let key = pin.key();
    let what = format!("{}@{} {}", pin.name, pin.version, verbs(pin));
    let holds = |one: &&Answering| {
        one.held.get(&pin.name).is_some_and(|all| all.iter().any(|facts| facts.version == pin.version))
    };
    let holding: Vec<&Answering> = registry.answering.iter().filter(holds).collect();
    if !holding.is_empty() {
        let (lacking, are_all) = alike(&holding, |one| one.left_out.get(&key).cloned());
        let fault = |(reason, lacking): (String, Vec<&Answering>)| Fault {
            message: format!("{what} and held, and {} it out: {reason}", called(&lacking, "leaves", "leave")),
            hint: format!(
                "name the keep file with `keep` in `mirror` of layer `{}`, so that selections keep it, or pin it",
                registry.layer
            ),
        };
        return (lacking.into_iter().map(fault).collect(), are_all);
    }
    let only = match registry.removed.contains(&key) {
        true => format!(" --only {}@{}", pin.name, pin.version),
        false => String::new(),
    };
    let command = format!("epr-build mirror {}{only}{}", registry.layer, registry.options);
    let (message, hint) =
        if let Some(Unfit { layer, path, message }) = registry.unfit.iter().find(|one| one.is_of(&key)) {
            let again = match registry.listed.contains(&key) && layer == registry.layer {
                true => format!("move it away, and run `{command}`, which fetches it anew"),
                false => "put a whole one in its place, from a backup or a bundle".to_owned(),
            };
            (format!("{what}, and {path} in layer `{layer}` is damaged or refused: {message}"), again)
        } else if registry.listed.contains(&key) {
            (format!("{what} and not held; an upstream lists it"), format!("run `{command}`"))
        } else {
            let hint =
                "look for its zip in backups and bundles, and add it to a layer; or upgrade the package at that site";
            (format!("{what} and nobody has it: not upstream, not held"), hint.to_owned())
        };
    (vec![Fault { message, hint }], true)
}

/// The Kibana of the site is offered no version of the package by distributions whose layers hold it; and whether that is so
/// for all of these. Nothing if nothing is to be installed again.
fn not_installable(pin: &Pin, registry: &Registry<'_>) -> (Vec<Fault>, bool) {
    let Some(kibana) = &pin.kibana else { return (Vec::new(), true) };
    let installs =
        [Why::Installed, Why::Installing, Why::Rollback, Why::RollbackDependency, Why::Review, Why::Dependency];
    if !pin.reasons.iter().any(|why| installs.contains(why)) {
        return (Vec::new(), true);
    }
    let query = query_of_kibana(&pin.name, kibana, pin.version.is_prerelease(), None);
    let found = |facts: &BTreeMap<String, Vec<Facts>>| {
        let facts = facts.get(&pin.name).map(Vec::as_slice).unwrap_or_default();
        search(facts, &query).first().map(|hit| facts[hit.index].version.clone())
    };
    let Pin { name, version, site, .. } = pin;
    let so = format!("so it cannot reinstall {version} that {site} has installed");
    let mirror_another = |distribution: Option<&Answering>| {
        let distribution = distribution.and_then(|one| one.distribution.as_ref());
        let option = distribution.map(|name| format!(" --dist {name}")).unwrap_or_default();
        let command = format!("epr-build which {name} --kibana {kibana}{option}{}", registry.options);
        format!("`{command}` says why; mirror a version that it accepts")
    };
    let holding: Vec<&Answering> = registry.answering.iter().filter(|one| one.held.contains_key(name)).collect();
    if holding.is_empty() {
        let message = format!("Kibana {kibana} accepts no version of {name}, {so}");
        return (vec![Fault { message, hint: mirror_another(registry.answering.first()) }], true);
    }
    let hint = |one: &Answering| match (found(&one.offered), found(&one.held)) {
        (Some(_), _) => None,
        (None, Some(held)) if one.left_out.contains_key(&(name.clone(), held.clone())) => {
            Some(format!("it would accept {held}, which the selection leaves out"))
        }
        (None, Some(held)) => Some(format!("it would accept {held}, if no override changed it; or mirror another one")),
        // The same of all, so that they are told together.
        (None, None) => Some(mirror_another(holding.first().copied())),
    };
    let (lacking, are_all) = alike(&holding, hint);
    let fault = |(hint, lacking): (String, Vec<&Answering>)| {
        let offer = called(&lacking, "offers", "offer");
        Fault { message: format!("Kibana {kibana} accepts no version of {name} that {offer}, {so}"), hint }
    };
    (lacking.into_iter().map(fault).collect(), are_all)
}

/// Those that lack something, by what is said of that; and whether all do.
fn alike<'a>(
    holding: &[&'a Answering],
    lacks: impl Fn(&Answering) -> Option<String>,
) -> (BTreeMap<String, Vec<&'a Answering>>, bool) {
    let mut alike: BTreeMap<String, Vec<&Answering>> = BTreeMap::new();
    let mut are_all = true;
    for one in holding {
        match lacks(one) {
            Some(said) => alike.entry(said).or_default().push(one),
            None => are_all = false,
        }
    }
    (alike, are_all)
}

/// The distributions, with what they do.
fn called(answering: &[&Answering], one: &str, many: &str) -> String {
    let names = answering.iter().filter_map(|answering| answering.distribution.as_ref());
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => format!("the layer {one}"),
        1 => format!("distribution {} {one}", names[0]),
        _ => format!("distributions {} {many}", names.join(", ")),
    }
}

/// The reasons as what the version is.
fn verbs(pin: &Pin) -> String {
    let verb = |why: &Why| match why {
        Why::Installed => "is installed",
        Why::Installing => "is being installed",
        Why::Rollback => "is what a rollback installs",
        Why::RollbackDependency => "is what a rollback of another package installs",
        Why::Policy => "is what a policy was made with",
        Why::Dependency => "is what another package requires",
        Why::Review => "waits to be accepted",
    };
    pin.reasons.first().map_or("is kept", verb).to_owned()
}

fn finding(pin: &Pin, message: String, hint: String) -> Finding {
    Finding {
        site: pin.site.clone(),
        name: pin.name.clone(),
        version: pin.version.to_string(),
        message,
        hint: Some(hint),
    }
}

/// The versions that a selection leaves out by itself and that it takes because sites have them. `alone` is what it gives
/// without keep files, `with` what it gives with them.
pub fn kept_by_pins(files: &[KeepFile], alone: &Choice, with: &Choice) -> Vec<Finding> {
    let pins = files.iter().flat_map(KeepFile::pins);
    let kept = pins.filter_map(|pin| {
        let key = pin.key();
        let reason = alone.left_out.get(&key).filter(|_| with.versions.contains_key(&key))?;
        let message =
            format!("{} {} stays though the selection leaves it out ({reason}): {pin}", pin.name, pin.version);
        Some(Finding { site: pin.site, name: pin.name, version: pin.version.to_string(), message, hint: None })
    });
    kept.collect()
}
