//! `epr-build which`: which version of a package a Kibana gets, from which layer, and why not a newer one. Where there are no
//! layers, as behind an air gap, the generation in use says so itself.

mod answer;
mod built;

use super::common::Exit;
use super::common::located::locate;
use super::common::options::{Format, FormatOption, JobsOption, LayerOptions, OutputFolder};
use super::common::print::{print, print_json};
use super::common::settings::Choice;
use super::common::talk;
use crate::answers::questions::query_of_kibana;
use crate::answers::search::Query;
use crate::base::problem::Problem;
use crate::base::progress::Progress;
use crate::catalog::layers::Layers;
use crate::catalog::record::{LayerIntake, stack};
use crate::dialect::version::Version;
use crate::input::excerpt::Excerpts;
use answer::{Answer, Offered, answer, render};
use anyhow::Result;
use clap::Args;

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
    /// Distribution to search; may be repeated [default with --built: every one in the output folder]
    #[arg(long = "dist", value_name = "NAME")]
    dists: Vec<String>,
    /// Search every distribution: the built-in ones and those in the configuration
    #[arg(long, conflicts_with = "dists")]
    all_dists: bool,
    #[command(flatten)]
    layers: LayerOptions,
    #[command(flatten)]
    folder: OutputFolder,
    /// Look into the generation in use in the output folder, and not into the layers
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
    let Arguments { name, kibana, prerelease, capabilities, .. } = arguments;
    let query = query_of_kibana(name, kibana, *prerelease, capabilities.clone());
    let out = &arguments.folder.out;
    let is_all_there_is = !arguments.strict && !arguments.layers.are_here() && built::is_in(out);
    if is_all_there_is && !arguments.built {
        talk::note(
            "there are no layers here: the generation in use is asked, which does not know what was left out of it",
        )?;
    }
    let answers = match arguments.built || is_all_there_is {
        true => {
            built::answers(out, &arguments.dists, |distribution, all| answer(distribution, all, name, kibana, &query))?
        }
        false => of_layers(arguments, &query)?,
    };
    match format {
        Format::Json => print_json(&answers)?,
        Format::Text => {
            let has_no_effect = query.experimental && *prerelease;
            print(&answers.iter().map(|answer| render(answer, has_no_effect)).collect::<String>())?;
        }
    }
    let is_given = answers.iter().all(Answer::is_given);
    Ok(if is_given { Exit::Clean } else { Exit::Problems })
}

/// The answers by the layers as they are now.
fn of_layers(arguments: &Arguments, query: &Query) -> Result<Vec<Answer>> {
    let choice = Choice::new(&arguments.dists, arguments.all_dists);
    let settings = arguments.layers.resolve(choice, arguments.strict)?;
    let progress = Progress::new(talk::quiet());
    let layers = Layers::read(&settings, Some(&arguments.folder.out), &progress)?;
    progress.finish();
    let name = &arguments.name;
    let excerpts = Excerpts::new(&settings.layers, settings.config.limits);
    let mut answers = Vec::new();
    for plan in &settings.distributions {
        let catalog = layers.catalog(plan)?;
        let quarantined = quarantined(name, &stack(plan, &layers.intakes));
        let quarantined = locate(&quarantined, &excerpts, &[]);
        let versions = catalog.entries.iter().map(|entry| Offered {
            facts: &entry.record.facts,
            layer: &entry.layer,
            package: entry.package.clone(),
            verdict: &entry.verdict,
        });
        let versions: Vec<_> = versions.collect();
        let mut answer = answer(&plan.name, &versions, name, &arguments.kibana, query);
        answer.quarantined = quarantined;
        answers.push(answer);
    }
    Ok(answers)
}

/// The quarantined packages whose path has this name.
fn quarantined(name: &str, layers: &[&LayerIntake]) -> Vec<Problem> {
    let zip = format!("{name}-");
    let is_meant = |path: &str| path.split('/').any(|part| part == name || part.starts_with(&zip));
    let problems = layers.iter().flat_map(|layer| layer.all_problems());
    problems.filter(|problem| problem.is_quarantine() && is_meant(&problem.place.package)).cloned().collect()
}
