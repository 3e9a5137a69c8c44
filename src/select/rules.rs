//! The rules of `take`.

use super::choice::Key;
use super::chooser::Chooser;
use super::filter;
use super::mistakes::{self, Mistake, Mistakes};
use super::packages::{Given, Package};
use super::queries::Queries;
use super::reason::{Cause, told};
use crate::config::selection::{Filter, Latest, Take, What};

/// Takes what all rules take.
pub(super) fn take_all(chooser: &mut Chooser<'_>) -> Result<(), Mistakes> {
    let mut mistakes = Vec::new();
    let mut queries = Queries::new(chooser.packages);
    for (number, rule) in chooser.selection.take.iter().enumerate() {
        let name = told("take", number, &rule.text);
        chooser.begin_rule();
        if let What::Query(query) = &rule.what {
            queries.take(chooser, query, &name);
        } else if let Err(mistake) = take(chooser, rule, &name) {
            mistakes.push(mistake);
        }
        chooser.end_rule(name);
    }
    mistakes.extend(queries.finish(chooser));
    Mistakes::of(mistakes)
}

/// Takes what a rule takes.
fn take(chooser: &mut Chooser<'_>, Take { what, place, .. }: &Take, name: &str) -> Result<(), Mistake> {
    let cause = Cause::Rule { rule: name.to_owned() };
    let everywhere = chooser.selection.prerelease;
    match what {
        What::Preset(preset) => {
            let filter = Filter {
                names: preset.names().iter().map(|name| crate::config::glob::Glob((*name).to_owned())).collect(),
                ..Filter::default()
            };
            // What Fleet installs by itself it asks for with pre-releases, whatever its setting.
            packages(chooser, &filter, Latest::Newest(1), true, &cause)
        }
        What::Packages { filter, latest, prerelease } => {
            packages(chooser, filter, *latest, prerelease.unwrap_or(everywhere), &cause)
        }
        What::Pin(package, version) => {
            let key = (package.clone(), version.clone());
            let (at, _) = exact(chooser, &key, place.as_deref(), &cause)?;
            chooser.answer_in_full(at, everywhere, &cause);
            Ok(())
        }
        What::Exact(package, version) => {
            exact(chooser, &(package.clone(), version.clone()), place.as_deref(), &cause).map(drop)
        }
        // These are judged together.
        What::Query(_) => Ok(()),
    }
}

/// Takes one version.
fn exact(chooser: &mut Chooser<'_>, key: &Key, stands: Option<&str>, cause: &Cause) -> Result<(usize, usize), Mistake> {
    let place = mistakes::place(chooser.packages, key, stands)?;
    match chooser.packages.all[place.0].excluded[place.1] {
        None => chooser.add(place, cause.clone(), None),
        Some(rule) => {
            let rule = told("exclude", rule, &chooser.selection.exclude[rule].text);
            chooser.warnings.insert(format!("{} {} is pinned and left out: {rule}", key.0, key.1));
        }
    }
    Ok(place)
}

/// Takes what Kibanas get of all packages that a filter means.
fn packages(
    chooser: &mut Chooser<'_>,
    filter: &Filter,
    latest: Latest,
    prerelease: bool,
    cause: &Cause,
) -> Result<(), Mistake> {
    let packages = chooser.packages;
    let (mut is_any, mut is_excluded) = (false, false);
    let mut without_kibana = Vec::new();
    for (at, package) in packages.all.iter().enumerate() {
        if !package.versions.iter().any(|candidate| filter::admits(filter, candidate)) {
            continue;
        }
        let given = meant(chooser, package, filter, prerelease, Latest::Newest(1));
        if !given.iter().flat_map(|given| &given.places).any(|place| filter::admits(filter, package.versions[*place])) {
            is_excluded |= package.kept.len() < package.versions.len();
            without_kibana.push(at);
            continue;
        }
        is_any = true;
        let given =
            if latest == Latest::Newest(1) { given } else { meant(chooser, package, filter, prerelease, latest) };
        chooser.add_given(at, &given, cause);
        if filter.versions.is_none() {
            chooser.is_answered_in_full(at, prerelease);
        }
    }
    let Cause::Rule { rule } = cause else { return Ok(()) };
    match (is_any, is_excluded) {
        (true, _) => Ok(()),
        (false, true) => {
            chooser.warnings.insert(format!("{rule}: everything that it would take is excluded or hidden"));
            Ok(())
        }
        (false, false) => Err(mistakes::nothing(packages, rule, &without_kibana)),
    }
}

/// What Kibanas get of a package if it has only the versions that a rule admits.
fn meant(
    chooser: &Chooser<'_>,
    package: &Package<'_>,
    filter: &Filter,
    prerelease: bool,
    latest: Latest,
) -> Vec<Given> {
    let admitted = |place: &usize| {
        filter
            .versions
            .as_ref()
            .is_none_or(|constraint| filter::satisfies(&package.facts()[*place].version, constraint))
    };
    let among: Vec<usize> = package.kept.iter().copied().filter(admitted).collect();
    chooser.packages.given(package, &among, &chooser.packages.kibana, prerelease, latest)
}
