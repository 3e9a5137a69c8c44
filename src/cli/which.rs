//! `epr-build which`: which version of a package a Kibana gets, from which layer, and why not a newer one.

mod answer;
mod built;

use super::common::Exit;
use super::common::located::locate;
use super::common::options::{Format, FormatOption, JobsOption, LayerOptions, OutputFolder};
use super::common::print::{print, print_json};
use super::common::settings::Choice;
use super::common::talk;
use crate::answers::questions::{query_of_kibana, question};
use crate::answers::search::Query;
use crate::answers::search::explain::{Explanation, Rule, explain_offered};
use crate::base::problem::Problem;
use crate::base::progress::Progress;
use crate::base::suggest::{did_you_mean, nearest};
use crate::catalog::layers::Layers;
use crate::catalog::merge::{Catalog, Entry};
use crate::catalog::record::{LayerIntake, stack};
use crate::dialect::version::Version;
use crate::input::excerpt::Excerpts;
use crate::openpgp::Verdict;
use crate::package::Facts;
use crate::select::published::published;
use crate::select::requires::{Unmet, unmet_in};
use answer::{Answer, Held, NotGiven, Reason, Requirement, Unpublished, is_of, reason, render};
use anyhow::Result;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  epr-build which nginx --dist production --kibana 8.5.0
  epr-build which nginx --dist staging --kibana 9.1.0 --prerelease --capabilities apm,observability
  epr-build which nginx --built --out /srv/epr --kibana 9.1.0    what is served, also where there are no layers

The layers are read as they are now. What builds in --out found out is used to read them faster. Nothing is written. With --built,
or where there are neither layers nor a configuration, the generation in use in --out is asked instead. It knows from its report what
its selection left out, what overrides changed, and what the build refused; it does not know what the layers hold by now.

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
    /// Distribution to search; may be repeated [default: the one of the configuration, if it has one alone]
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
            let what = "the generation in use is asked, which knows what the build knew";
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
        answers.push(Answer { quarantined: Some(quarantined), ..answer(&plan.name, &catalog, arguments, &query) });
    }
    match format {
        Format::Json => print_json(&answers)?,
        Format::Text => {
            let has_no_effect = query.experimental && *prerelease;
            print(&answers.iter().map(|answer| render(answer, has_no_effect, talk::verbose())).collect::<String>())?;
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
        reasons: rules.iter().map(|rule| against(rule, versions[*index])).collect(),
    });
    Answer {
        distribution: distribution.to_owned(),
        generation: None,
        name: name.clone(),
        kibana: kibana.to_string(),
        question: question(query),
        answer: answer.map(|index| held(versions[index])),
        newer: not_given.collect(),
        quarantined: None,
        hint: (versions.is_empty() && left_out.is_empty()).then(|| unknown(name, catalog)),
        left_out,
        unmet: unmet.iter().map(requirement).collect(),
    }
}

/// A rule against a version in words.
fn against(rule: &Rule, entry: &Entry) -> Reason {
    reason(rule, &entry.record.facts, &entry.layer, &entry.overlay)
}

/// What is told of a version.
fn held(entry: &Entry) -> Held {
    Held {
        version: entry.record.facts.version.to_string(),
        layer: entry.layer.clone(),
        package: Some(entry.package.clone()),
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
    let problems = layers.iter().flat_map(|layer| layer.all_problems());
    problems.filter(|problem| problem.is_quarantine() && is_of(name, problem)).cloned().collect()
}
