//! `epr-build select`: what a selection gives, why, what it saves and what it costs.

mod offer;
mod shown;
mod table;

use super::common::Exit;
use super::common::options::{LayerOptions, OutputFolder};
use super::common::print::{print, print_exact, print_json};
use super::common::talk;
use crate::base::suggest::did_you_mean;
use crate::config::Config;
use crate::config::selection::{KibanaRange, Selection};
use crate::mirror::look::Offer;
use crate::select::{Pin, choose, load, seen_less_outside};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use offer::Finder;
use shown::{Made, Shown};

const EXAMPLES: &str = "\
Examples:
  epr-build select fleet
  epr-build select fleet --explain nginx
  epr-build select fleet --diff fleet --kibana 9.2.4
  epr-build select fleet --from elastic --from https://epr.example.org --format csv
  epr-build select fleet --from epr.tar
  epr-build select fleet --explain --format json

Selections stand in the configuration under `selections`; docs/guides/selections.md begins with one. Without --from it is chosen
from the layers whose `mirror` names the selection, else from those of distributions that name it, else from all layers. Of a
mirrored layer its record is read, so nothing is asked for; other layers are read as a build reads them. --from also takes what
was never mirrored: an upstream of the configuration by its name, a registry by its address, a saved image by its path. A name that
a layer and an upstream share means the layer as soon as it holds something. Nothing is written.

As CSV each version is a line: name, version, bytes, reasons. --explain adds the column `taken` and the versions that are left out,
with the reason; --diff adds the column `change` (only_here, only_there, both) and the versions of the other selection.

Exit codes:
  0  the selection gives something
  1  it does, but versions that sites have installed are not there
  2  it gives nothing, or could not find out: a rule that takes nothing, wrong usage or configuration, a registry that does not answer, or the machine
     failed";

/// Show which versions a selection gives, and why
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Name of the selection in the configuration
    #[arg(value_name = "NAME")]
    name: String,
    /// A layer, an upstream of the configuration, the address of a registry, or a saved image, to choose from; may be repeated, and
    /// the first one that has a version counts
    #[arg(long, value_name = "LAYER|UPSTREAM|URL|FILE")]
    from: Vec<String>,
    /// Say of each version why it is taken; of one package, also why others are not
    #[arg(long, value_name = "PACKAGE", num_args = 0..=1, default_missing_value = "")]
    explain: Option<String>,
    /// Compare with what another selection gives (with --kibana, the same one as it is in the configuration)
    #[arg(long, value_name = "NAME")]
    diff: Option<String>,
    /// Ask these Kibanas instead of those of the selection: 8.19.5, 8.19 or '9.1 - 9.2'; may be repeated
    #[arg(long, value_name = "VERSION", value_parser = kibana)]
    kibana: Vec<KibanaRange>,
    #[command(flatten)]
    layers: LayerOptions,
    #[command(flatten)]
    folder: OutputFolder,
    /// Format of the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
}

/// Formats of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for people
    Text,
    /// JSON for programs
    Json,
    /// One version a line, with a line of headings
    Csv,
}

fn kibana(text: &str) -> Result<KibanaRange, String> {
    KibanaRange::parse(text).ok_or_else(|| "write 8.19.5, 8.19 for all its patches, or '9.1.0 - 9.2.4'".to_owned())
}

/// Chooses and prints.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let settings = arguments.layers.resolve_unplaced()?;
    let config = &settings.config;
    let selection = find(config, &arguments.name)?;
    let other = arguments.diff.as_ref().map(|name| find(config, name)).transpose()?;
    let finder = Finder {
        selection: &arguments.name,
        settings: &settings,
        out: &arguments.folder.out,
        options: arguments.layers.words(),
    };
    let source = finder.find(&arguments.from)?;
    let made = |name: &str, selection: &Selection, kibana: &[KibanaRange]| {
        make(name, selection, kibana, &source.offer, &source.pins)
    };
    let first = made(&arguments.name, selection, &arguments.kibana)?;
    let other = other.map(|other| made(arguments.diff.as_deref().unwrap_or_default(), other, &[])).transpose()?;
    let package = arguments.explain.as_deref().filter(|name| !name.is_empty());
    if let Some(name) = package {
        check_package(name, &source.offer)?;
    }
    let shown = Shown {
        from: &source.from,
        offer: &source.offer,
        made: &first,
        other: other.as_ref(),
        explain: arguments.explain.is_some(),
        package,
    };
    match arguments.format {
        Format::Json => print_json(&shown.json())?,
        Format::Csv => print_exact(&shown.csv())?,
        Format::Text => {
            let warnings = source.offer.warnings.iter().chain(&first.warnings).chain(&first.choice.warnings);
            talk::say(&shown::warnings(warnings))?;
            print(&shown.text())?;
        }
    }
    if first.choice.versions.is_empty() {
        bail!(
            "selection `{}` gives nothing\n\
             hint: the warnings name rules that take nothing; --explain PACKAGE says why a package is left out",
            arguments.name
        );
    }
    Ok(if first.choice.missing.is_empty() { Exit::Clean } else { Exit::Problems })
}

fn make(name: &str, selection: &Selection, kibana: &[KibanaRange], offer: &Offer, pins: &[Pin]) -> Result<Made> {
    let loaded = load(selection)?;
    let mut selection = loaded.selection;
    if !kibana.is_empty() {
        selection.kibana = KibanaRange::joined(kibana.to_vec());
    }
    let choice = choose(&selection, &offer.candidates, pins)?;
    let outside = seen_less_outside(&selection, &offer.candidates, &choice);
    Ok(Made { name: name.to_owned(), selection, choice, outside, warnings: loaded.warnings })
}

fn find<'a>(config: &'a Config, name: &str) -> Result<&'a Selection> {
    let known: Vec<&str> = config.selections.keys().map(String::as_str).collect();
    match config.selections.get(name) {
        Some(selection) => Ok(selection),
        None if known.is_empty() => bail!(
            "the configuration has no selection\nhint: add `selections:` with `{name}: {{take: [{{preset: fleet}}]}}`; \
             epr-build.sample.yml has an example"
        ),
        None => bail!("unknown selection `{name}`\nhint: {}", did_you_mean(name, &known)),
    }
}

fn check_package(name: &str, offer: &Offer) -> Result<()> {
    let mut known: Vec<&str> = offer.candidates.iter().map(|candidate| candidate.facts.name.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&name) {
        return Ok(());
    }
    let hint = crate::base::suggest::nearest(name, &known);
    let hint = hint.map(|near| format!("\nhint: did you mean `{near}`?")).unwrap_or_default();
    bail!("there is no package `{name}` to choose from{hint}")
}
