//! `epr-build which`: what a Kibana gets of a package, from which layer, and why nothing newer.

use super::commands::start_threads;
use super::{Exit, settings};
use crate::answers::questions::{query_of_kibana, question};
use crate::answers::search::explain::{Explanation, Rule, explain};
use crate::answers::search::{Query, only_with_prerelease};
use crate::base::progress::Progress;
use crate::base::suggest::did_you_mean;
use crate::catalog::layers::Layers;
use crate::catalog::merge::{Catalog, Entry};
use crate::catalog::record::{LayerIntake, stack};
use crate::cli::args::{DEFAULT_OUT, InputArgs};
use crate::dialect::version::Version;
use crate::package::Facts;
use anyhow::Result;
use clap::Args;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::PathBuf;

/// Below the options of `--help`.
pub(super) const EXAMPLES: &str = "\
Examples:
  epr-build which nginx --dist production --kibana 8.5.0
  epr-build which nginx --dist staging --kibana 9.1.0 --prerelease --capabilities apm,observability

The layers are read as they are now; what builds in --out found out makes that quick. Nothing is written.

Exit codes:
  0  Kibana gets a version
  1  it gets none
  2  could not tell: wrong usage or configuration, or the machine failed";

/// Arguments of `which`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name of the package
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Version of the Kibana
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub kibana: Version,
    /// Kibana also shows pre-releases (a setting of Fleet since 8.6)
    #[arg(long)]
    pub prerelease: bool,
    /// What Kibana is configured to be capable of; a self-managed one sends nothing
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub capabilities: Option<Vec<String>>,
    /// Output folder of earlier builds
    #[arg(long, value_name = "DIR", default_value = DEFAULT_OUT)]
    pub out: PathBuf,
    /// What to read.
    #[command(flatten)]
    pub input: InputArgs,
}

/// A version as Kibana sends it.
fn version(text: &str) -> Result<Version, String> {
    Version::loose(text).map_err(|error| format!("{error}; write it as 8.17.3"))
}

/// Explains the answer of each distribution.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    start_threads(&arguments.input)?;
    let settings = settings::resolve(&arguments.input)?;
    let progress = Progress::new(settings.quiet);
    let layers = Layers::read(&settings, Some(&arguments.out), &progress)?;
    progress.finish();
    let Arguments { name, kibana, prerelease, capabilities, .. } = arguments;
    let query = query_of_kibana(name, kibana, *prerelease, capabilities.clone());
    let mut exit = Exit::Clean;
    for plan in &settings.distributions {
        let catalog = layers.catalog(plan)?;
        let versions: Vec<&Entry> = catalog.entries.iter().filter(|entry| entry.record.facts.name == *name).collect();
        let facts: Vec<&Facts> = versions.iter().map(|entry| &entry.record.facts).collect();
        let explanation = explain(&facts, &query);
        let mut text = told(&plan.name, &versions, &explanation, arguments, &query);
        if versions.is_empty() {
            text += &unknown(name, &catalog);
        }
        text += &quarantined(name, &stack(plan, &layers.intakes));
        if explanation.answer.is_none() {
            exit = Exit::Problems;
        }
        io::stdout().write_all(text.as_bytes())?;
    }
    Ok(exit)
}

/// The answer and the question, then what is newer.
fn told(
    distribution: &str,
    versions: &[&Entry],
    explanation: &Explanation,
    arguments: &Arguments,
    query: &Query,
) -> String {
    let (name, kibana) = (&arguments.name, &arguments.kibana);
    let mut text = match explanation.answer.map(|index| versions[index]) {
        Some(entry) => format!(
            "{distribution}: Kibana {kibana} gets {name} {}, from layer `{}`\n  {:<18} {}\n",
            entry.record.facts.version, entry.layer, "package", entry.package
        ),
        None => format!("{distribution}: Kibana {kibana} gets no version of {name}\n"),
    };
    // Writing to a text cannot fail.
    let _ = writeln!(text, "  {:<18} {}", "it asks", question(query));
    if query.experimental && arguments.prerelease {
        let _ = writeln!(text, "  {:<18} Kibana before 8.6 has no choice about pre-releases", "--prerelease");
    }
    for (index, rules) in &explanation.newer {
        let (entry, facts) = (versions[*index], &versions[*index].record.facts);
        let rules: Vec<_> = rules.iter().map(|rule| because(rule, facts)).collect();
        let _ = writeln!(text, "  not {:<14} {} (layer `{}`)", facts.version.as_str(), rules.join("; "), entry.layer);
    }
    text
}

/// A rule in words.
fn because(rule: &Rule, facts: &Facts) -> String {
    let format = format!("format_version {}.{}", facts.spec.major, facts.spec.minor);
    match rule {
        Rule::Kibana(constraint) => format!("kibana constraint `{constraint}` excludes it"),
        Rule::Agent(constraint) => format!("agent constraint `{constraint}` excludes it"),
        Rule::SpecMin(bound) => format!("{format} is below spec.min {}.{}", bound.major, bound.minor),
        Rule::SpecMax(bound) => format!("{format} is above spec.max {}.{}", bound.major, bound.minor),
        Rule::Capabilities(missing) => format!("needs the capabilities {}", missing.join(", ")),
        Rule::Prerelease => format!("{}, and Kibana asks without pre-releases", maturity(facts)),
        Rule::ReleaseFirst => "a pre-release, and Kibana before 8.6 takes a release where there is one".to_owned(),
        Rule::SameVersion => "differs in build metadata only, and the first one counts".to_owned(),
    }
}

fn maturity(facts: &Facts) -> &'static str {
    debug_assert!(only_with_prerelease(facts));
    if facts.version.is_prerelease() { "a pre-release" } else { "experimental" }
}

/// What may have been meant.
fn unknown(name: &str, catalog: &Catalog) -> String {
    let mut known: Vec<&str> = catalog.entries.iter().map(|entry| entry.record.facts.name.as_str()).collect();
    known.dedup();
    if known.is_empty() {
        return "hint: no layer of this distribution holds a package\n".to_owned();
    }
    let is_near = crate::base::suggest::nearest(name, &known).is_some();
    let hint = if is_near { did_you_mean(name, &known) } else { "look for its folder in the layers".to_owned() };
    format!("hint: this distribution holds no such package; {hint}\n")
}

/// Packages of this name, by their path, that are left out because something is wrong with them.
fn quarantined(name: &str, layers: &[&LayerIntake]) -> String {
    let zip = format!("{name}-");
    let is_meant = |path: &str| path.split('/').any(|part| part == name || part.starts_with(&zip));
    let problems = layers.iter().flat_map(|layer| layer.all_problems());
    let meant = problems.filter(|problem| problem.is_quarantine() && is_meant(&problem.place.package));
    meant.fold(String::new(), |text, problem| {
        text + &format!("  quarantined        {}: {}\n", problem.place, problem.message)
    })
}
