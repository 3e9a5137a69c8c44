//! `epr-build release`: makes, lists and removes releases.

use super::common::Exit;
use super::common::failures::wanted_distribution;
use super::common::options::{ConfigOption, Format, FormatOption, JobsOption, OutputFolder};
use super::common::print::{field, print, print_json};
use super::common::settings::{read_config, selection_plan};
use super::common::talk;
use crate::base::fs::Lock;
use crate::base::progress::Progress;
use crate::base::suggest::did_you_mean;
use crate::base::words::counted;
use crate::build::compatible::{self, Part};
use crate::config::{self, Config};
use crate::dialect::version::Version;
use crate::generation::distribution::Distribution;
use crate::generation::history_page;
use crate::generation::release::{Pinned, Release, check_name};
use crate::select::resolved::Resolved;
use anyhow::{Result, bail};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args};
use serde::Serialize;

const EXAMPLES: &str = "\
Examples:
  epr-build release 8.5.0 --dist production
  epr-build release 8.5.0 --dist production --generation 0123456789abcdef
  epr-build release --kibana 8.5.0 --only-compatible --dist production
  epr-build release --kibana 8.5.0 --select fleet --dist production
  epr-build release --list --dist production
  epr-build release --remove 8.5.0 --dist production --reason \"the stack is gone\"

A release keeps its generation: it never changes, and builds never remove it. Every server answers from it below \
/release/8.5.0/ of its distribution; set registryUrl to that address. Reload nginx, Apache and Caddy after this command.

Exit codes:
  0  released, or already released with the same content
  2  refused, because the release exists with other content; or wrong usage, or the machine failed";

/// Arguments of what is no list.
const NOT_LISTS: [&str; 3] = ["name", "kibana", "remove"];

/// Keep a generation as the registry of a stack version, beside later builds
#[derive(Args, Debug)]
#[command(
    after_help = EXAMPLES,
    group(ArgGroup::new("part").args(["only_compatible", "select"]).multiple(true)),
    mut_arg("config", |config| config.requires("part")),
    mut_arg("format", |format| format.conflicts_with_all(NOT_LISTS).help("Format of the list [default: text]")),
    mut_arg("json", |json| json.conflicts_with_all(NOT_LISTS))
)]
pub(super) struct Arguments {
    /// Stack version that names the release, such as 8.5.0 [default: the version given with --kibana]
    #[arg(value_name = "VERSION", required_unless_present_any = ["list", "remove", "kibana"])]
    name: Option<String>,
    /// Distribution that the release belongs to [default: the only one in the output folder]
    #[arg(long, value_name = "NAME")]
    dist: Option<String>,
    #[command(flatten)]
    folder: OutputFolder,
    /// Generation to release, or a release that has it [default: the generation in use]
    #[arg(long, value_name = "ID")]
    generation: Option<String>,
    /// Version of Kibana that the release is made for
    #[arg(long, value_name = "VERSION", requires = "part", value_parser = kibana_version)]
    kibana: Option<Version>,
    /// Keep only the versions that this Kibana accepts, and those that it needs around an upgrade
    #[arg(long, requires = "kibana")]
    only_compatible: bool,
    /// Keep only what this selection of the configuration chooses, with --kibana for that Kibana instead of its own
    #[arg(long, value_name = "NAME", conflicts_with_all = ["list", "remove"])]
    select: Option<String>,
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    jobs: JobsOption,
    /// List the releases instead of making one
    #[arg(long, conflicts_with_all = ["name", "generation", "kibana", "remove"])]
    list: bool,
    #[command(flatten)]
    format: FormatOption,
    /// Remove a release; later builds may then remove its generation
    #[arg(long, value_name = "VERSION", requires = "reason", conflicts_with_all = ["name", "generation", "kibana"])]
    remove: Option<String>,
    /// Reason for the removal, which releases.log records
    #[arg(long, value_name = "TEXT", requires = "remove", value_parser = NonEmptyStringValueParser::new())]
    reason: Option<String>,
}

/// Reads a version of Kibana.
fn kibana_version(text: &str) -> Result<Version, String> {
    let version = Version::loose(text).map_err(|error| format!("{error}; write it as 8.17.3"))?;
    check_name(text).map_err(|_| "write it as 8.17.3".to_owned())?;
    Ok(version)
}

/// Makes, lists or removes releases.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    arguments.jobs.start_threads()?;
    let out = &arguments.folder.out;
    let distribution = wanted_distribution(out, arguments.dist.as_deref())?;
    if arguments.list {
        let listed = distribution.releases()?.into_iter().map(|release| Listed::new(&distribution, release));
        let listed: Vec<_> = listed.collect();
        match arguments.format.format()? {
            Format::Json => print_json(&listed)?,
            Format::Text => print(&listed.iter().map(render_release).collect::<String>())?,
        }
        return Ok(Exit::Clean);
    }
    let _lock = Lock::take(out)?;
    let text = match &arguments.remove {
        Some(name) => remove(&distribution, name, arguments.reason.as_deref().unwrap_or_default())?,
        None => make(arguments, &distribution)?,
    };
    if !talk::quiet() {
        print(&text)?;
    }
    Ok(Exit::Clean)
}

fn remove(distribution: &Distribution, name: &str, reason: &str) -> Result<String> {
    let id = distribution.unpin(name, reason)?.generation;
    history_page::write(distribution)?;
    let others = distribution.releases()?.into_iter().filter(|other| other.generation == id).count();
    let fate = if distribution.current().as_ref() == Some(&id) || others > 0 {
        "is still in use"
    } else {
        "is now kept like any other"
    };
    Ok(format!("{}: release {name} is removed; generation {id} {fate}\n", distribution.name()))
}

fn make(arguments: &Arguments, distribution: &Distribution) -> Result<String> {
    let dist = distribution.name();
    let Some(name) = arguments.name.clone().or_else(|| arguments.kibana.as_ref().map(ToString::to_string)) else {
        bail!("no version is named\nhint: write `epr-build release 8.5.0 --dist {dist}`")
    };
    check_name(&name)?;
    let from = match &arguments.generation {
        Some(id) => distribution.resolve(id)?,
        None => distribution.current().unwrap_or_default(),
    };
    let (generation, contents) = match (&arguments.kibana, &arguments.select) {
        (None, None) => (from, String::new()),
        _ => restrict(arguments, distribution, &from)?,
    };
    let kibana = arguments.kibana.as_ref().map(ToString::to_string);
    if distribution.pin(&name, &generation, kibana.as_deref())? == Pinned::Before {
        return Ok(format!("{dist}: release {name} already exists, as generation {generation}\n{contents}"));
    }
    history_page::write(distribution)?;
    let path = distribution.releases()?.into_iter().find(|release| release.name == name).map(|release| release.path);
    let place = format!("{}/ of the distribution; reload nginx, Apache and Caddy", path.unwrap_or_default());
    Ok(format!("{dist}: release {name} is generation {generation}\n{contents}{}", field("served below", place)))
}

/// Makes a generation that is restricted to one Kibana or to a selection. Returns its name, and the line that says what it holds.
fn restrict(arguments: &Arguments, distribution: &Distribution, from: &str) -> Result<(String, String)> {
    let config = read_config(arguments.config.path())?;
    let progress = Progress::new(talk::quiet());
    let resolved = match &arguments.select {
        Some(name) => Some(selected(name, &distribution.name(), arguments, &config)?),
        None => None,
    };
    let part = match (&resolved, &arguments.kibana) {
        (Some(resolved), _) => Part::Selection(resolved),
        (None, Some(kibana)) => Part::Kibana(kibana),
        (None, None) => bail!("neither a Kibana nor a selection is named"),
    };
    let made = compatible::generation(&arguments.folder.out, distribution, from, &part, &config, &progress)?;
    progress.finish();
    let contents = format!("{} of {} of generation {from}", made.kept, counted(made.all, "version"));
    Ok((made.generation, field("holds", contents)))
}

/// A selection of the configuration. With a Kibana it counts for that one instead of those that it names, and with
/// --only-compatible also for those around an upgrade of it.
fn selected(name: &str, dist: &str, arguments: &Arguments, config: &Config) -> Result<Resolved> {
    let of_none = config::Distribution::default();
    let distribution = config.distributions.get(dist).unwrap_or(&of_none);
    let Some(mut plan) = selection_plan(name, distribution, config) else {
        let known: Vec<_> = config.selections.keys().map(String::as_str).collect();
        let hint = match known.is_empty() {
            true => "write it under `selections` in the configuration".to_owned(),
            false => did_you_mean(name, &known),
        };
        bail!("unknown selection `{name}`\nhint: {hint}");
    };
    if let Some(kibana) = &arguments.kibana {
        let mut kibanas = compatible::around(kibana);
        let [major, minor, patch] = kibana.numbers();
        kibanas.retain(|range| arguments.only_compatible || range.holds([major, minor, patch]));
        plan.selection.kibana = kibanas;
    }
    Resolved::read(&plan)
}

/// A release in the list.
#[derive(Serialize)]
struct Listed {
    release: String,
    generation: String,
    /// The Kibana that it is restricted to.
    kibana: Option<String>,
    /// Where every server answers from it.
    path: String,
    /// Absent without a report.
    versions: Option<usize>,
    packages: Option<usize>,
}

impl Listed {
    fn new(distribution: &Distribution, release: Release) -> Self {
        let report = distribution.report(&release.generation);
        let Release { name, generation, kibana, path, .. } = release;
        let (versions, packages) = report.map(|report| (report.versions, report.packages)).unzip();
        Self { release: name, generation, kibana, path, versions, packages }
    }
}

fn render_release(listed: &Listed) -> String {
    let Listed { release, generation, kibana, versions, packages, .. } = listed;
    let size = match versions.zip(*packages) {
        Some((versions, packages)) => format!("{} of {}", counted(versions, "version"), counted(packages, "package")),
        None => "without a report".to_owned(),
    };
    let only = kibana.as_ref().map(|kibana| format!("  only for Kibana {kibana}")).unwrap_or_default();
    format!("{release:<12} {generation}  {size}{only}\n")
}
