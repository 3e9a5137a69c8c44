//! The same from a generation, where there are no layers, as behind an air gap. It knows the facts of its versions, their layers,
//! what their signatures are worth, and what overrides and a selection made of them. What a build refused, it does not know.

use crate::answers::questions::question;
use crate::answers::search::Query;
use crate::answers::search::explain::{Explanation, Rule, explain};
use crate::base::fs;
use crate::base::shown::printable;
use crate::base::suggest::{did_you_mean, nearest};
use crate::catalog::signatures::in_words;
use crate::cli::common::Exit;
use crate::cli::common::failures::built_distribution;
use crate::cli::common::options::Format;
use crate::cli::common::print::{field, print, print_json};
use crate::dialect::version::Version;
use crate::generation::distribution::Distribution;
use crate::openpgp::Verdict;
use crate::package::Facts;
use crate::site::facts;
use crate::site::report::Report;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Most characters of a reason that are shown.
const SHOWN: usize = 300;

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

/// The answer of one distribution, with the keys that an answer by layers has.
#[derive(Serialize)]
struct Answer {
    distribution: String,
    /// The generation that was asked.
    generation: String,
    name: String,
    kibana: String,
    /// The question as Kibana asks it.
    question: String,
    /// What it gets; absent if it gets nothing.
    answer: Option<Held>,
    /// Newer versions (without an answer: all), the newest first, and why it does not get them.
    newer: Vec<NotGiven>,
    /// Versions that the selection of the distribution left out, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<Unpublished>,
    /// What to do if the generation does not hold the package.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// A version, and where it came from.
#[derive(Serialize)]
struct Held {
    version: String,
    layer: String,
    package: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Verdict>,
}

/// A version that Kibana does not get.
#[derive(Serialize)]
struct NotGiven {
    #[serde(flatten)]
    held: Held,
    reasons: Vec<Reason>,
}

/// A version that layers held and that is not in the generation.
#[derive(Serialize)]
struct Unpublished {
    version: String,
    layer: String,
    /// Name of the selection that left it out.
    selection: String,
    /// Why, in words.
    reason: String,
}

/// A rule of the search, in a word and in words.
#[derive(Serialize)]
struct Reason {
    rule: &'static str,
    message: String,
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
        Format::Text => print(&answers.iter().map(render).collect::<String>())?,
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
    let held = |version: &Version| {
        let path = format!("/package/{name}/{version}");
        let listed = listed.get(path.as_str());
        Held {
            version: version.to_string(),
            layer: listed.map(|listed| listed.layer.clone()).unwrap_or_default(),
            package: folder.join("site").join(path.trim_start_matches('/')).display().to_string(),
            signature: listed
                .and_then(|listed| listed.signature.clone())
                .filter(|verdict| *verdict != Verdict::Missing),
        }
    };
    let Explanation { answer, newer } = explain(&versions, query);
    let answered = answer.map(|index| &versions[index].version);
    let report = distribution.report(&generation);
    let overrides = report.iter().flat_map(|report| &report.overrides).filter(|one| one.name == name);
    let hidden = overrides.filter_map(|one| Some((Version::strict(&one.version).ok()?, one.overlay.hidden.as_ref()?)));
    let hidden = hidden.filter(|(version, _)| answered.is_none_or(|answered| version > answered));
    let mut not_given: Vec<(&Version, Vec<Reason>)> = Vec::new();
    let hidden: Vec<_> = hidden.collect();
    not_given.extend(hidden.iter().map(|(version, hidden)| {
        let message = format!("hidden by an override of its layer: {}", printable(&hidden.reason, SHOWN));
        (version, vec![Reason { rule: "hidden", message }])
    }));
    not_given.extend(newer.iter().map(|(index, rules)| {
        let facts = versions[*index];
        (&facts.version, rules.iter().map(|rule| reason(rule, facts)).collect())
    }));
    not_given.sort_by(|(a, _), (b, _)| b.cmp(a));
    let newer = not_given.into_iter().map(|(version, reasons)| NotGiven { held: held(version), reasons });
    let newer: Vec<_> = newer.collect();
    let left_out = report.as_ref().map(|report| left_out(name, report)).unwrap_or_default();
    Ok(Answer {
        distribution: distribution.name(),
        generation,
        name: name.to_owned(),
        kibana: kibana.to_string(),
        question: question(query),
        answer: answered.map(held),
        hint: (versions.is_empty() && newer.is_empty() && left_out.is_empty()).then(|| unknown(name, &known)),
        newer,
        left_out,
    })
}

/// The versions of a package that the selection left out, the newest first, as far as the report lists them.
fn left_out(name: &str, report: &Report) -> Vec<Unpublished> {
    let Some(selection) = &report.selection else { return Vec::new() };
    let mut of_name: Vec<_> = selection.versions.iter().filter(|one| one.name == name).collect();
    of_name.sort_by_cached_key(|one| std::cmp::Reverse(Version::strict(&one.version).ok()));
    let unpublished = of_name.into_iter().map(|one| Unpublished {
        version: one.version.clone(),
        layer: one.layer.clone(),
        selection: selection.name.clone(),
        reason: one.reason.clone(),
    });
    unpublished.collect()
}

fn render(answer: &Answer) -> String {
    let Answer { distribution, generation, name, kibana, question, answer, newer, left_out, hint } = answer;
    let mut text = match answer {
        Some(Held { version, layer, package, signature }) => {
            let signature = signature.as_ref().map(|verdict| field("signature", in_words(verdict)));
            format!("{distribution}: Kibana {kibana} gets {name} {version} from layer `{layer}`\n")
                + &field("package", package)
                + &signature.unwrap_or_default()
        }
        None => format!("{distribution}: Kibana {kibana} gets no version of {name}\n"),
    };
    text += &field("it asks", question);
    text += &field("generation", generation);
    for NotGiven { held, reasons } in newer {
        let reasons: Vec<_> = reasons.iter().map(|reason| reason.message.as_str()).collect();
        text += &field(&format!("not {}", held.version), format!("{} (layer `{}`)", reasons.join("; "), held.layer));
    }
    for Unpublished { version, layer, selection, reason } in left_out {
        let why = format!("held by layer `{layer}`, left out by selection `{selection}`: {reason}");
        text += &field(&format!("not {version}"), why);
    }
    text.extend(hint.iter().map(|hint| format!("hint: {hint}\n")));
    text
}

/// A rule in words. What set a constraint is not known here.
fn reason(rule: &Rule, facts: &Facts) -> Reason {
    let format = format!("format_version {}.{}", facts.spec.major, facts.spec.minor);
    let maturity = if facts.version.is_prerelease() { "a pre-release" } else { "experimental" };
    let (rule, message) = match rule {
        Rule::Hidden => ("hidden", "hidden by an override of its layer".to_owned()),
        Rule::Kibana(constraint) => ("kibana", format!("the kibana constraint `{constraint}` excludes this Kibana")),
        Rule::Agent(constraint) => ("agent", format!("the agent constraint `{constraint}` excludes this agent")),
        Rule::SpecMin(bound) => ("spec_min", format!("{format} is below spec.min {}.{}", bound.major, bound.minor)),
        Rule::SpecMax(bound) => ("spec_max", format!("{format} is above spec.max {}.{}", bound.major, bound.minor)),
        Rule::Capabilities(missing) => ("capabilities", format!("it needs the capabilities {}", missing.join(", "))),
        Rule::Prerelease => ("prerelease", format!("it is {maturity}, and this Kibana asks for releases only")),
        Rule::ReleaseFirst => {
            ("release_first", "it is a pre-release, and Kibana before 8.6 prefers a release".to_owned())
        }
        Rule::SameVersion => {
            ("same_version", "it differs only in build metadata, and the first such version counts".to_owned())
        }
    };
    Reason { rule, message }
}

/// A hint for the name of a package that the generation does not hold.
fn unknown(name: &str, known: &[Facts]) -> String {
    let mut names: Vec<&str> = known.iter().map(|facts| facts.name.as_str()).collect();
    names.dedup();
    let what = "the generation does not hold this package";
    if nearest(name, &names).is_some() { format!("{what}; {}", did_you_mean(name, &names)) } else { what.to_owned() }
}
