//! `epr-build which`: which version of a package a Kibana gets, from which layer, and why not a newer one.

mod built;

use super::common::Exit;
use super::common::located::{Located, locate};
use super::common::options::{Format, FormatOption, JobsOption, LayerOptions, OutputFolder};
use super::common::print::{field, print, print_json};
use super::common::settings::Choice;
use super::common::talk;
use crate::answers::questions::{query_of_kibana, question};
use crate::answers::search::explain::{Explanation, Rule, explain_offered};
use crate::answers::search::{Query, only_with_prerelease};
use crate::base::problem::Problem;
use crate::base::progress::Progress;
use crate::base::shown::printable;
use crate::base::suggest::{did_you_mean, nearest};
use crate::catalog::layers::Layers;
use crate::catalog::merge::{Catalog, Entry};
use crate::catalog::overlay::{Hidden, Overlay, Told};
use crate::catalog::record::{LayerIntake, stack};
use crate::catalog::signatures::in_words;
use crate::dialect::version::Version;
use crate::input::excerpt::Excerpts;
use crate::openpgp::Verdict;
use crate::package::Facts;
use crate::select::published::published;
use crate::select::requires::{Unmet, unmet_in};
use anyhow::Result;
use clap::Args;
use serde::Serialize;

/// Characters of a reason that are shown.
const SHOWN: usize = 300;

const EXAMPLES: &str = "\
Examples:
  epr-build which nginx --dist production --kibana 8.5.0
  epr-build which nginx --dist staging --kibana 9.1.0 --prerelease --capabilities apm,observability
  epr-build which nginx --built --out /srv/epr --kibana 9.1.0    what is served, also where there are no layers

The layers are read as they are now. What builds in --out found out is used to read them faster. Nothing is written. With --built,
or where there are neither layers nor a configuration, the generation in use in --out is asked instead; it does not know what was
left out of it.

Exit codes:
  0  Kibana gets a version
  1  it gets none
  2  could not find out: wrong usage or configuration, or the machine failed";

/// Say which version of a package a Kibana gets, and why not a newer one
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Name of the package
    #[arg(value_name = "NAME")]
    name: String,
    /// Version of Kibana
    #[arg(long, value_name = "VERSION", value_parser = version)]
    kibana: Version,
    /// Kibana also asks for pre-releases (a setting of Fleet since 8.6)
    #[arg(long)]
    prerelease: bool,
    /// Capabilities that Kibana sends, separated by commas; a self-managed Kibana sends none
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    capabilities: Option<Vec<String>>,
    /// Distribution to search; may be repeated
    #[arg(long = "dist", value_name = "NAME")]
    dists: Vec<String>,
    /// Search every distribution: the built-in ones and those in the configuration
    #[arg(long, conflicts_with = "dists")]
    all_dists: bool,
    #[command(flatten)]
    layers: LayerOptions,
    #[command(flatten)]
    folder: OutputFolder,
    /// Look into the generation in use in the output folder, and not into the layers. Without --dist: of every distribution there
    #[arg(long, conflicts_with = "strict")]
    built: bool,
    /// Leave out packages that fail validation, as a build with --strict does
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    format: FormatOption,
    #[command(flatten)]
    jobs: JobsOption,
}

/// The answer of one distribution.
#[derive(Serialize)]
struct Answer {
    distribution: String,
    name: String,
    kibana: String,
    /// The question as Kibana asks it.
    question: String,
    /// What it gets; absent if it gets nothing.
    answer: Option<Held>,
    /// Newer versions (without an answer: all), the newest first, and why it does not get them.
    newer: Vec<NotGiven>,
    /// Versions that layers hold and the selection of the distribution leaves out, the newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<Unpublished>,
    /// What the version that it gets requires, and nothing in the distribution meets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unmet: Vec<Requirement>,
    /// Quarantined packages whose path has the name.
    quarantined: Vec<Located>,
    /// What to do if the distribution does not hold the package.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// A version, and where it lies.
#[derive(Serialize)]
struct Held {
    version: String,
    layer: String,
    package: String,
    /// What the signature that is published with it is worth; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<Verdict>,
    /// What overrides of the layer change of what the package says; absent if nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    overrides: Option<Overlay>,
}

/// A version that Kibana does not get.
#[derive(Serialize)]
struct NotGiven {
    #[serde(flatten)]
    held: Held,
    reasons: Vec<Reason>,
}

/// A version that is held and not published.
#[derive(Serialize)]
struct Unpublished {
    #[serde(flatten)]
    held: Held,
    /// Name of the selection that leaves it out.
    selection: String,
    /// Why, in words.
    reason: String,
}

/// What a version requires of another package.
#[derive(Serialize)]
struct Requirement {
    package: String,
    version: String,
    /// Why nothing meets it, in words.
    message: String,
    hint: String,
}

/// A rule of the search, in a word and in words.
#[derive(Serialize)]
struct Reason {
    rule: &'static str,
    message: String,
}

/// Reads a version as Kibana sends it.
fn version(text: &str) -> Result<Version, String> {
    Version::loose(text).map_err(|error| format!("{error}; write it as 8.17.3"))
}

/// Explains the answer of each distribution.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let format = arguments.format.format()?;
    arguments.jobs.start_threads()?;
    let out = &arguments.folder.out;
    let is_all_there_is = !arguments.strict && !arguments.layers.are_here() && built::is_in(out);
    if arguments.built || is_all_there_is {
        if !arguments.built && !talk::quiet() {
            let what = "the generation in use is asked, which does not know what was left out of it";
            talk::say(&format!("note: there are no layers here: {what}\n"))?;
        }
        let Arguments { name, kibana, prerelease, capabilities, .. } = arguments;
        let query = query_of_kibana(name, kibana, *prerelease, capabilities.clone());
        return built::tell(out, &arguments.dists, (name, kibana), &query, format);
    }
    let choice = Choice::new(&arguments.dists, arguments.all_dists);
    let settings = arguments.layers.resolve(choice, arguments.strict)?;
    let progress = Progress::new(talk::quiet());
    let layers = Layers::read(&settings, Some(&arguments.folder.out), &progress)?;
    progress.finish();
    let Arguments { name, kibana, prerelease, capabilities, .. } = arguments;
    let query = query_of_kibana(name, kibana, *prerelease, capabilities.clone());
    let excerpts = Excerpts::new(&settings.layers, settings.config.limits);
    let mut answers = Vec::new();
    for plan in &settings.distributions {
        let catalog = published(plan, layers.catalog(plan)?)?;
        let quarantined = quarantined(name, &stack(plan, &layers.intakes));
        let quarantined = locate(&quarantined, &excerpts, &[]);
        answers.push(Answer { quarantined, ..answer(&plan.name, &catalog, arguments, &query) });
    }
    match format {
        Format::Json => print_json(&answers)?,
        Format::Text => {
            let has_no_effect = query.experimental && *prerelease;
            print(&answers.iter().map(|answer| render(answer, has_no_effect)).collect::<String>())?;
        }
    }
    let is_given = answers.iter().all(|answer| answer.answer.is_some());
    Ok(if is_given { Exit::Clean } else { Exit::Problems })
}

fn answer(distribution: &str, catalog: &Catalog, arguments: &Arguments, query: &Query) -> Answer {
    let Arguments { name, kibana, .. } = arguments;
    let versions: Vec<&Entry> = catalog.entries.iter().filter(|entry| entry.record.facts.name == *name).collect();
    let facts: Vec<&Facts> = versions.iter().map(|entry| &entry.record.facts).collect();
    let Explanation { answer, newer } = explain_offered(&facts, |index| versions[index].is_hidden(), query);
    let unmet = answer.map(|index| unmet_in(catalog, versions[index])).unwrap_or_default();
    let requirement = |unmet: &Unmet| Requirement {
        package: unmet.need.package.clone(),
        version: unmet.need.version.clone(),
        message: unmet.why(&format!("`{distribution}`")),
        hint: unmet.remedy(),
    };
    let left_out = left_out(name, catalog);
    let not_given = newer.iter().map(|(index, rules)| NotGiven {
        held: held(versions[*index]),
        reasons: rules.iter().map(|rule| reason(rule, versions[*index])).collect(),
    });
    Answer {
        distribution: distribution.to_owned(),
        name: name.clone(),
        kibana: kibana.to_string(),
        question: question(query),
        answer: answer.map(|index| held(versions[index])),
        newer: not_given.collect(),
        quarantined: Vec::new(),
        hint: (versions.is_empty() && left_out.is_empty()).then(|| unknown(name, catalog)),
        left_out,
        unmet: unmet.iter().map(requirement).collect(),
    }
}

/// What is told of a version.
fn held(entry: &Entry) -> Held {
    Held {
        version: entry.record.facts.version.to_string(),
        layer: entry.layer.clone(),
        package: entry.package.clone(),
        signature: Some(&entry.verdict).filter(|verdict| **verdict != Verdict::Missing).cloned(),
        overrides: Some(&entry.overlay).filter(|overlay| !overlay.is_empty()).cloned(),
    }
}

/// The versions of a package that the selection leaves out, the newest first.
fn left_out(name: &str, catalog: &Catalog) -> Vec<Unpublished> {
    let Some(selected) = &catalog.selected else { return Vec::new() };
    let of_name = selected.left_out.iter().rev().filter(|one| one.entry.record.facts.name == name);
    let unpublished = of_name.map(|one| Unpublished {
        held: held(&one.entry),
        selection: selected.name.clone(),
        reason: one.reason.clone(),
    });
    unpublished.collect()
}

/// The answer and the question, then the newer versions with the rules that exclude them.
fn render(answer: &Answer, prerelease_has_no_effect: bool) -> String {
    let Answer { distribution, name, kibana, question, answer, newer, left_out, unmet, quarantined, hint } = answer;
    let mut text = match answer {
        Some(Held { version, layer, package, signature, overrides }) => {
            let signature = signature.as_ref().map(|verdict| field("signature", in_words(verdict)));
            let changes = overrides.iter().flat_map(Overlay::lines);
            let changes: String = changes.map(|change| field("override", printable(&change, SHOWN))).collect();
            format!("{distribution}: Kibana {kibana} gets {name} {version} from layer `{layer}`\n")
                + &field("package", package)
                + &signature.unwrap_or_default()
                + &changes
        }
        None => format!("{distribution}: Kibana {kibana} gets no version of {name}\n"),
    };
    text += &field("it asks", question);
    if prerelease_has_no_effect {
        text += &field("--prerelease", "has no effect: Kibana before 8.6 always asks for pre-releases");
    }
    for NotGiven { held, reasons } in newer {
        let reasons: Vec<_> = reasons.iter().map(|reason| reason.message.as_str()).collect();
        text += &field(&format!("not {}", held.version), format!("{} (layer `{}`)", reasons.join("; "), held.layer));
    }
    for Requirement { package, version, message, hint } in unmet {
        text += &field("unmet", format!("it requires `{package}` {version}, and {message}\nhint: {hint}"));
    }
    for Unpublished { held, selection, reason } in left_out {
        let Held { version, layer, .. } = held;
        let why = format!("held by layer `{layer}`, left out by selection `{selection}`: {reason}");
        text += &field(&format!("not {version}"), why);
    }
    text.extend(hint.iter().map(|hint| format!("hint: {hint}\n")));
    let line =
        |Located { problem, .. }: &Located| field("quarantined", format!("{}: {}", problem.place, problem.message));
    text.extend(quarantined.iter().map(line));
    text
}

/// A rule in words.
fn reason(rule: &Rule, entry: &Entry) -> Reason {
    let (facts, layer) = (&entry.record.facts, &entry.layer);
    let why = |reason: &str| printable(reason, SHOWN);
    let format = format!("format_version {}.{}", facts.spec.major, facts.spec.minor);
    let (rule, message) = match rule {
        Rule::Hidden => {
            let reason = entry.overlay.hidden.as_ref().map(|Hidden { reason }| why(reason)).unwrap_or_default();
            ("hidden", format!("hidden by an override of layer `{layer}`: {reason}"))
        }
        Rule::Kibana(constraint) => {
            let by = entry
                .overlay
                .kibana
                .as_ref()
                .map(|Told { reason, .. }| format!(", set by an override of layer `{layer}` ({}),", why(reason)));
            let by = by.unwrap_or_default();
            ("kibana", format!("the kibana constraint `{constraint}`{by} excludes this Kibana"))
        }
        Rule::Agent(constraint) => ("agent", format!("the agent constraint `{constraint}` excludes this agent")),
        Rule::SpecMin(bound) => ("spec_min", format!("{format} is below spec.min {}.{}", bound.major, bound.minor)),
        Rule::SpecMax(bound) => ("spec_max", format!("{format} is above spec.max {}.{}", bound.major, bound.minor)),
        Rule::Capabilities(missing) => ("capabilities", format!("it needs the capabilities {}", missing.join(", "))),
        Rule::Prerelease => {
            ("prerelease", format!("it is {}, and this Kibana asks for releases only", maturity(facts)))
        }
        Rule::ReleaseFirst => {
            ("release_first", "it is a pre-release, and Kibana before 8.6 prefers a release".to_owned())
        }
        Rule::SameVersion => {
            ("same_version", "it differs only in build metadata, and the first such version counts".to_owned())
        }
    };
    Reason { rule, message }
}

fn maturity(facts: &Facts) -> &'static str {
    debug_assert!(only_with_prerelease(facts));
    if facts.version.is_prerelease() { "a pre-release" } else { "experimental" }
}

/// A hint for the name of a package that the distribution does not hold.
fn unknown(name: &str, catalog: &Catalog) -> String {
    let mut known: Vec<&str> = catalog.entries.iter().map(|entry| entry.record.facts.name.as_str()).collect();
    known.dedup();
    if known.is_empty() {
        return "the layers of this distribution hold no packages".to_owned();
    }
    let is_near = nearest(name, &known).is_some();
    let hint =
        if is_near { did_you_mean(name, &known) } else { "check that its folder is in one of the layers".to_owned() };
    format!("the distribution does not hold this package; {hint}")
}

/// The quarantined packages whose path has this name.
fn quarantined(name: &str, layers: &[&LayerIntake]) -> Vec<Problem> {
    let zip = format!("{name}-");
    let is_meant = |path: &str| path.split('/').any(|part| part == name || part.starts_with(&zip));
    let problems = layers.iter().flat_map(|layer| layer.all_problems());
    problems.filter(|problem| problem.is_quarantine() && is_meant(&problem.place.package)).cloned().collect()
}
