//! The same from a generation, where there are no layers, as behind an air gap. It knows the facts of its versions, their layers,
//! what their signatures are worth, and what overrides and a selection made of them. What the build refused stands in its
//! report.

use super::answer::{Answer, Held, NotGiven, Reason, SHOWN, Unpublished, is_of, reason, render};
use crate::answers::questions::question;
use crate::answers::search::Query;
use crate::answers::search::explain::{Explanation, explain};
use crate::base::fs;
use crate::base::shown::printable;
use crate::base::suggest::{did_you_mean, nearest};
use crate::catalog::overlay::Overlay;
use crate::cli::common::Exit;
use crate::cli::common::failures::built_distribution;
use crate::cli::common::located::Located;
use crate::cli::common::options::Format;
use crate::cli::common::print::{print, print_json};
use crate::cli::common::talk;
use crate::dialect::version::Version;
use crate::generation::distribution::Distribution;
use crate::input::spot::Spot;
use crate::openpgp::Verdict;
use crate::package::Facts;
use crate::site::facts;
use crate::site::report::Report;
use anyhow::{Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What is read of the manifest of a generation.
#[derive(Deserialize)]
struct Manifest {
    packages: Vec<ListedPackage>,
}

#[derive(Deserialize)]
struct ListedPackage {
    path: String,
    layer: String,
    /// Absent in generations of older versions.
    signature: Option<Verdict>,
}

/// Returns true if a distribution is in use in an output folder.
pub(super) fn is_in(out: &Path) -> bool {
    Distribution::all(out).is_ok_and(|all| all.iter().any(is_in_use))
}

fn is_in_use(distribution: &Distribution) -> bool {
    distribution.current().is_some()
}

/// Prints what the generations in use give: of the distributions that are named, or of all.
pub(super) fn tell(
    out: &Path,
    dists: &[String],
    asked: (&str, &Version),
    query: &Query,
    format: Format,
) -> Result<Exit> {
    let distributions = match dists {
        [] if fs::link_metadata(out).is_err() => Vec::new(),
        [] => Distribution::all(out)?.into_iter().filter(is_in_use).collect(),
        names => names.iter().map(|name| built_distribution(out, name)).collect::<Result<Vec<_>>>()?,
    };
    if distributions.is_empty() {
        bail!(
            "there is no distribution in `{}`\nhint: name its output folder with --out, or leave out --built",
            out.display()
        );
    }
    let answers = distributions.iter().map(|distribution| answer(distribution, asked, query));
    let answers = answers.collect::<Result<Vec<_>>>()?;
    match format {
        Format::Json => print_json(&answers)?,
        Format::Text => {
            print(&answers.iter().map(|answer| render(answer, false, talk::verbose())).collect::<String>())?
        }
    }
    Ok(if answers.iter().all(|answer| answer.answer.is_some()) { Exit::Clean } else { Exit::Problems })
}

fn answer(distribution: &Distribution, (name, kibana): (&str, &Version), query: &Query) -> Result<Answer> {
    let generation = distribution.current().unwrap_or_default();
    let folder = distribution.generation(&generation);
    let known: Vec<Facts> = fs::read_json(&folder.join(facts::FILE))?;
    let manifest: Manifest = fs::read_json(&folder.join("manifest.json"))?;
    let listed: BTreeMap<&str, &ListedPackage> =
        manifest.packages.iter().map(|package| (package.path.as_str(), package)).collect();
    let versions: Vec<&Facts> = known.iter().filter(|facts| facts.name == name).collect();
    let report = distribution.report(&generation);
    let overrides: BTreeMap<Version, &Overlay> = report
        .iter()
        .flat_map(|report| &report.overrides)
        .filter(|one| one.name == name)
        .filter_map(|one| Some((Version::strict(&one.version).ok()?, &one.overlay)))
        .collect();
    let overlay = |version: &Version| overrides.get(version).map(|overlay| (*overlay).clone());
    let held = |version: &Version| {
        let path = format!("/package/{name}/{version}");
        let listed = listed.get(path.as_str());
        Held {
            version: version.to_string(),
            layer: listed.map(|listed| listed.layer.clone()).unwrap_or_default(),
            package: Some(folder.join(format!("site/epr/{name}/{name}-{version}.zip")).display().to_string()),
            signature: listed
                .and_then(|listed| listed.signature.clone())
                .filter(|verdict| *verdict != Verdict::Missing),
            overrides: overlay(version),
        }
    };
    let Explanation { answer, newer } = explain(&versions, query);
    let answered = answer.map(|index| &versions[index].version);
    let hidden = overrides.iter().filter_map(|(version, overlay)| Some((version, overlay.hidden.as_ref()?)));
    let hidden = hidden.filter(|(version, _)| answered.is_none_or(|answered| *version > answered));
    let mut not_given: Vec<(&Version, Vec<Reason>)> = Vec::new();
    not_given.extend(hidden.map(|(version, hidden)| {
        let (layer, why) = (held(version).layer, printable(&hidden.reason, SHOWN));
        let message = format!("hidden by an override of layer `{layer}`: {why}");
        (version, vec![Reason { rule: "hidden", message }])
    }));
    not_given.extend(newer.iter().map(|(index, rules)| {
        let facts = versions[*index];
        let (layer, overlay) = (held(&facts.version).layer, overlay(&facts.version).unwrap_or_default());
        let reasons = rules.iter().map(|rule| reason(rule, facts, &layer, &overlay));
        (&facts.version, reasons.collect())
    }));
    not_given.sort_by(|(a, _), (b, _)| b.cmp(a));
    let newer = not_given.into_iter().map(|(version, reasons)| NotGiven { held: held(version), reasons });
    let newer: Vec<_> = newer.collect();
    let left_out = report.as_ref().map(|report| left_out(name, report)).unwrap_or_default();
    Ok(Answer {
        distribution: distribution.name(),
        generation: Some(generation),
        name: name.to_owned(),
        kibana: kibana.to_string(),
        question: question(query),
        answer: answered.map(held),
        hint: (versions.is_empty() && newer.is_empty() && left_out.is_empty()).then(|| unknown(name, &known)),
        newer,
        left_out,
        unmet: Vec::new(),
        quarantined: report.map(|report| quarantined(name, report)),
    })
}

/// The packages that the build refused and whose path has this name. Where they lie now is not known.
fn quarantined(name: &str, report: Report) -> Vec<Located> {
    let mut problems = report.problems;
    problems.retain(|problem| problem.is_quarantine() && is_of(name, problem));
    problems.into_iter().map(|problem| Located { problem, spot: Spot::default() }).collect()
}

/// The versions of a package that the selection left out, the newest first, as far as the report lists them.
fn left_out(name: &str, report: &Report) -> Vec<Unpublished> {
    let Some(selection) = &report.selection else { return Vec::new() };
    let mut of_name: Vec<_> = selection.versions.iter().filter(|one| one.name == name).collect();
    of_name.sort_by_cached_key(|one| std::cmp::Reverse(Version::strict(&one.version).ok()));
    let unpublished = of_name.into_iter().map(|one| Unpublished {
        held: Held {
            version: one.version.clone(),
            layer: one.layer.clone(),
            package: None,
            signature: None,
            overrides: None,
        },
        selection: selection.name.clone(),
        reason: one.reason.clone(),
    });
    unpublished.collect()
}

/// A hint for the name of a package that the generation does not hold.
fn unknown(name: &str, known: &[Facts]) -> String {
    let mut names: Vec<&str> = known.iter().map(|facts| facts.name.as_str()).collect();
    names.dedup();
    let what = "the generation does not hold this package";
    if nearest(name, &names).is_some() { format!("{what}; {}", did_you_mean(name, &names)) } else { what.to_owned() }
}
