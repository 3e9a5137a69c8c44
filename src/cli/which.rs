//! `epr-build which`: which version of a package a Kibana gets, from which layer, and why not a newer one.

use super::common::Exit;
use super::common::options::{JobsOption, LayerOptions, OutputFolder};
use super::common::print::{field, print};
use super::common::settings::Choice;
use super::common::talk;
use crate::answers::questions::{query_of_kibana, question};
use crate::answers::search::explain::{Explanation, Rule, explain};
use crate::answers::search::{Query, only_with_prerelease};
use crate::base::progress::Progress;
use crate::base::suggest::{did_you_mean, nearest};
use crate::catalog::layers::Layers;
use crate::catalog::merge::{Catalog, Entry};
use crate::catalog::record::{LayerIntake, stack};
use crate::dialect::version::Version;
use crate::package::Facts;
use anyhow::Result;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  epr-build which nginx --dist production --kibana 8.5.0
  epr-build which nginx --dist staging --kibana 9.1.0 --prerelease --capabilities apm,observability

The layers are read as they are now. What builds in --out found out is used to read them faster. Nothing is written.

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
    /// Leave out packages that fail validation, as a build with --strict does
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    jobs: JobsOption,
}

/// Reads a version as Kibana sends it.
fn version(text: &str) -> Result<Version, String> {
    Version::loose(text).map_err(|error| format!("{error}; write it as 8.17.3"))
}

/// Explains the answer of each distribution.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    arguments.jobs.start_threads()?;
    let choice = Choice::new(&arguments.dists, arguments.all_dists);
    let settings = arguments.layers.resolve(choice, arguments.strict)?;
    let progress = Progress::new(talk::quiet());
    let layers = Layers::read(&settings, Some(&arguments.folder.out), &progress)?;
    progress.finish();
    let Arguments { name, kibana, prerelease, capabilities, .. } = arguments;
    let query = query_of_kibana(name, kibana, *prerelease, capabilities.clone());
    let mut exit = Exit::Clean;
    for plan in &settings.distributions {
        let catalog = layers.catalog(plan)?;
        let versions: Vec<&Entry> = catalog.entries.iter().filter(|entry| entry.record.facts.name == *name).collect();
        let facts: Vec<&Facts> = versions.iter().map(|entry| &entry.record.facts).collect();
        let explanation = explain(&facts, &query);
        let mut text = render_answer(&plan.name, &versions, &explanation, arguments, &query);
        if versions.is_empty() {
            text += &render_unknown(name, &catalog);
        }
        text += &render_quarantined(name, &stack(plan, &layers.intakes));
        if explanation.answer.is_none() {
            exit = Exit::Problems;
        }
        print(&text)?;
    }
    Ok(exit)
}

/// The answer and the question, then the newer versions with the rules that exclude them.
fn render_answer(
    distribution: &str,
    versions: &[&Entry],
    explanation: &Explanation,
    arguments: &Arguments,
    query: &Query,
) -> String {
    let (name, kibana) = (&arguments.name, &arguments.kibana);
    let mut text = match explanation.answer.map(|index| versions[index]) {
        Some(entry) => {
            let (version, layer) = (&entry.record.facts.version, &entry.layer);
            format!("{distribution}: Kibana {kibana} gets {name} {version} from layer `{layer}`\n")
                + &field("package", &entry.package)
        }
        None => format!("{distribution}: Kibana {kibana} gets no version of {name}\n"),
    };
    text += &field("it asks", question(query));
    if query.experimental && arguments.prerelease {
        text += &field("--prerelease", "has no effect: Kibana before 8.6 always asks for pre-releases");
    }
    for (index, rules) in &explanation.newer {
        let (entry, facts) = (versions[*index], &versions[*index].record.facts);
        let rules: Vec<_> = rules.iter().map(|rule| render_rule(rule, facts)).collect();
        let label = format!("not {}", facts.version.as_str());
        text += &field(&label, format!("{} (layer `{}`)", rules.join("; "), entry.layer));
    }
    text
}

/// A rule in words.
fn render_rule(rule: &Rule, facts: &Facts) -> String {
    let format = format!("format_version {}.{}", facts.spec.major, facts.spec.minor);
    match rule {
        Rule::Kibana(constraint) => format!("the kibana constraint `{constraint}` excludes this Kibana"),
        Rule::Agent(constraint) => format!("the agent constraint `{constraint}` excludes this agent"),
        Rule::SpecMin(bound) => format!("{format} is below spec.min {}.{}", bound.major, bound.minor),
        Rule::SpecMax(bound) => format!("{format} is above spec.max {}.{}", bound.major, bound.minor),
        Rule::Capabilities(missing) => format!("it needs the capabilities {}", missing.join(", ")),
        Rule::Prerelease => format!("it is {}, and this Kibana asks for releases only", maturity(facts)),
        Rule::ReleaseFirst => "it is a pre-release, and Kibana before 8.6 prefers a release".to_owned(),
        Rule::SameVersion => "it differs only in build metadata, and the first such version counts".to_owned(),
    }
}

fn maturity(facts: &Facts) -> &'static str {
    debug_assert!(only_with_prerelease(facts));
    if facts.version.is_prerelease() { "a pre-release" } else { "experimental" }
}

/// A hint for the name of a package that the distribution does not hold.
fn render_unknown(name: &str, catalog: &Catalog) -> String {
    let mut known: Vec<&str> = catalog.entries.iter().map(|entry| entry.record.facts.name.as_str()).collect();
    known.dedup();
    if known.is_empty() {
        return "hint: the layers of this distribution hold no packages\n".to_owned();
    }
    let is_near = nearest(name, &known).is_some();
    let hint =
        if is_near { did_you_mean(name, &known) } else { "check that its folder is in one of the layers".to_owned() };
    format!("hint: the distribution does not hold this package; {hint}\n")
}

/// The quarantined packages whose path has this name.
fn render_quarantined(name: &str, layers: &[&LayerIntake]) -> String {
    let zip = format!("{name}-");
    let is_meant = |path: &str| path.split('/').any(|part| part == name || part.starts_with(&zip));
    let problems = layers.iter().flat_map(|layer| layer.all_problems());
    let meant = problems.filter(|problem| problem.is_quarantine() && is_meant(&problem.place.package));
    meant.map(|problem| field("quarantined", format!("{}: {}", problem.place, problem.message))).collect()
}
