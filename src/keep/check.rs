//! Whether a registry has what sites have installed, and whether their Kibanas could install it again.
//!
//! The zip of a version is not enough: before Kibana installs it again, it asks for the newest version of the package that it
//! accepts, and gives up if there is none.

use crate::answers::questions::query_of_kibana;
use crate::answers::search::search;
use crate::base::words::few;
use crate::package::Facts;
use crate::select::keep_file::{KeepFile, Pin, Source, Why};
use crate::select::{Choice, Key};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the registry.
pub struct Registry<'a> {
    /// The layer that the question is about.
    pub layer: &'a str,
    /// Facts of every version that the layer and those beside it hold, by name and in order of versions.
    pub facts: BTreeMap<&'a str, Vec<&'a Facts>>,
    /// Versions that an upstream of the layer lists.
    pub listed: BTreeSet<Key>,
    /// A distribution that has the layer, for commands in hints.
    pub distribution: Option<String>,
    /// The options that say where layers and configuration are, for commands in hints.
    pub options: String,
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
    /// What is missing.
    pub problems: Vec<Finding>,
    /// What could not be checked, or may be missing.
    pub warnings: Vec<Finding>,
    /// Versions that the selection leaves out and that stay because a site has them, in words.
    pub kept: Vec<Finding>,
}

/// Checks the keep files, in order.
pub fn check(files: &[KeepFile], registry: &Registry<'_>) -> Checked {
    let mut checked = Checked::default();
    let mut distinct = BTreeSet::new();
    for file in files {
        checked.versions += file.versions.len();
        about_file(file, &mut checked.warnings);
        for pin in file.pins() {
            checked.pins += 1;
            checked.optional += usize::from(pin.optional);
            distinct.insert((pin.name.clone(), pin.version.clone()));
            let (missing, unusable) = (missing(&pin, registry), not_installable(&pin, registry));
            // An optional version comes from Kibana's own files.
            let place = if pin.optional { &mut checked.warnings } else { &mut checked.problems };
            place.extend(missing);
            place.extend(unusable);
        }
    }
    checked.distinct = distinct.len();
    checked.own = checked.versions - checked.pins;
    checked
}

fn about_file(file: &KeepFile, warnings: &mut Vec<Finding>) {
    let mut warn = |message: String, hint: &str| {
        let (name, version) = (String::new(), String::new());
        warnings.push(Finding { site: file.site.clone(), name, version, message, hint: Some(hint.to_owned()) });
    };
    if !file.complete {
        let notes = if file.notes.is_empty() { String::new() } else { format!(": {}", file.notes.join("; ")) };
        warn(
            format!("it does not have all that is installed{notes}"),
            "import it again with more privileges (docs/guides/keep.md)",
        );
    }
    if file.kibana.is_none() {
        let message =
            "it does not say which Kibana it is from, so whether that could install its packages again is not known";
        warn(message.to_owned(), "import it again with --kibana-version");
    }
    let uploaded =
        file.versions.iter().filter(|(_, kept)| matches!(kept.source, Some(Source::Upload | Source::Custom)));
    let uploaded: Vec<_> = uploaded.map(|((name, version), _)| format!("{name} {version}")).collect();
    if !uploaded.is_empty() {
        let message = format!("these were uploaded or made in Kibana, and no registry has them: {}", few(&uploaded));
        warn(message, "keep their zips, or publish them from a layer of your own");
    }
}

/// The version is not there.
fn missing(pin: &Pin, registry: &Registry<'_>) -> Option<Finding> {
    let holds =
        registry.facts.get(pin.name.as_str()).is_some_and(|all| all.iter().any(|facts| facts.version == pin.version));
    if holds {
        return None;
    }
    let is_listed = registry.listed.contains(&(pin.name.clone(), pin.version.clone()));
    let what = verbs(pin);
    let (message, hint) = if is_listed {
        let command = format!("epr-build mirror {}{}", registry.layer, registry.options);
        (format!("{what} and not held; an upstream lists it"), format!("run `{command}`"))
    } else {
        let hint =
            "look for its zip in backups and bundles, and add it to a layer; or upgrade the package at that site";
        (format!("{what} and nobody has it: not upstream, not held"), hint.to_owned())
    };
    Some(finding(pin, format!("{}@{} {message}", pin.name, pin.version), hint))
}

/// The Kibana of the site accepts no version of the package. `None` if it does, or if nothing is to be installed again.
fn not_installable(pin: &Pin, registry: &Registry<'_>) -> Option<Finding> {
    let kibana = pin.kibana.as_ref()?;
    let installs =
        [Why::Installed, Why::Installing, Why::Rollback, Why::RollbackDependency, Why::Review, Why::Dependency];
    if !pin.reasons.iter().any(|why| installs.contains(why)) {
        return None;
    }
    let query = query_of_kibana(&pin.name, kibana, pin.version.is_prerelease(), None);
    let facts = registry.facts.get(pin.name.as_str()).map(Vec::as_slice).unwrap_or_default();
    if !search(facts, &query).is_empty() {
        return None;
    }
    let Pin { name, version, site, .. } = pin;
    let message = format!(
        "Kibana {kibana} accepts no version of {name}, so it cannot reinstall {version} that {site} has installed"
    );
    let distribution = registry.distribution.iter().map(|name| format!(" --dist {name}")).collect::<String>();
    let command = format!("epr-build which {name} --kibana {kibana}{distribution}{}", registry.options);
    let hint = format!("`{command}` says why; mirror a version that it accepts");
    Some(finding(pin, message, hint))
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
        let key = (pin.name.clone(), pin.version.clone());
        let reason = alone.left_out.get(&key).filter(|_| with.versions.contains_key(&key))?;
        let message =
            format!("{} {} stays though the selection leaves it out ({reason}): {pin}", pin.name, pin.version);
        Some(Finding { site: pin.site, name: pin.name, version: pin.version.to_string(), message, hint: None })
    });
    kept.collect()
}
