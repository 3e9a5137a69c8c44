//! `epr-build which`: which version of a package a Kibana gets, from which layer, and why not a newer one.

mod built;

use super::common::Exit;
use super::common::located::{Located, locate};
use super::common::options::{Format, FormatOption, JobsOption, LayerOptions, OutputFolder};
use super::common::print::{field, print, print_json};
use super::common::settings::Choice;
use super::common::talk;
use crate::answers::questions::{query_of_kibana, question};
use crate::answers::search::explain::{Explanation, Rule, explain};
use crate::answers::search::{Query, only_with_prerelease};
use crate::base::problem::Problem;
use crate::base::progress::Progress;
use crate::base::suggest::{did_you_mean, nearest};
use crate::catalog::layers::Layers;
use crate::catalog::merge::{Catalog, Entry};
use crate::catalog::record::{LayerIntake, stack};
use crate::catalog::signatures::in_words;
use crate::dialect::version::Version;
use crate::input::excerpt::Excerpts;
use crate::openpgp::Verdict;
use crate::package::Facts;
use anyhow::Result;
use clap::Args;
use serde::Serialize;

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
}

/// A version that Kibana does not get.
#[derive(Serialize)]
struct NotGiven {
    #[serde(flatten)]
    held: Held,
    reasons: Vec<Reason>,
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
        let catalog = layers.catalog(plan)?;
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
    let Explanation { answer, newer } = explain(&facts, query);
    let held = |index: usize| Held {
        version: facts[index].version.to_string(),
        layer: versions[index].layer.clone(),
        package: versions[index].package.clone(),
        signature: Some(&versions[index].verdict).filter(|verdict| **verdict != Verdict::Missing).cloned(),
    };
    let not_given = newer.iter().map(|(index, rules)| NotGiven {
        held: held(*index),
        reasons: rules.iter().map(|rule| reason(rule, facts[*index])).collect(),
    });
    Answer {
        distribution: distribution.to_owned(),
        name: name.clone(),
        kibana: kibana.to_string(),
        question: question(query),
        answer: answer.map(held),
        newer: not_given.collect(),
        quarantined: Vec::new(),
        hint: versions.is_empty().then(|| unknown(name, catalog)),
    }
}

/// The answer and the question, then the newer versions with the rules that exclude them.
fn render(answer: &Answer, prerelease_has_no_effect: bool) -> String {
    let Answer { distribution, name, kibana, question, answer, newer, quarantined, hint } = answer;
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
    if prerelease_has_no_effect {
        text += &field("--prerelease", "has no effect: Kibana before 8.6 always asks for pre-releases");
    }
    for NotGiven { held, reasons } in newer {
        let reasons: Vec<_> = reasons.iter().map(|reason| reason.message.as_str()).collect();
        text += &field(&format!("not {}", held.version), format!("{} (layer `{}`)", reasons.join("; "), held.layer));
    }
    text.extend(hint.iter().map(|hint| format!("hint: {hint}\n")));
    let line =
        |Located { problem, .. }: &Located| field("quarantined", format!("{}: {}", problem.place, problem.message));
    text.extend(quarantined.iter().map(line));
    text
}

/// A rule in words.
fn reason(rule: &Rule, facts: &Facts) -> Reason {
    let format = format!("format_version {}.{}", facts.spec.major, facts.spec.minor);
    let (rule, message) = match rule {
        Rule::Kibana(constraint) => ("kibana", format!("the kibana constraint `{constraint}` excludes this Kibana")),
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
