//! `epr-build keep prune`.

use super::files::{layer, publishing, selection, with_layer};
use crate::base::fs;
use crate::base::progress::bytes;
use crate::base::words::counted;
use crate::cli::common::edit::now;
use crate::cli::common::options::{DEFAULT_OUT, Format, FormatOption, LayerOptions};
use crate::cli::common::print::{field, print, print_exact, print_json};
use crate::cli::common::{Exit, talk};
use crate::config::layer::LayerPlan;
use crate::config::settings::Settings;
use crate::keep::prune::{Fate, Kind, ListFile, Terms, check_terms, fates, listed, published, still_allowed, wanted};
use crate::mirror::MirroredLayer;
use crate::select::keep_file::{KeepFile, read_all};
use crate::select::{Key, Pin};
use anyhow::{Result, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  epr-build keep prune elastic
  epr-build keep prune elastic --output gone.list
  epr-build keep prune elastic --apply gone.list --reason 'nobody has these any more'

A version may go if no selection wants it, no keep file has it, no generation or release shows it, and mirror runs have not \
wanted it for --older-than. The first run lists what may go; --apply removes exactly what a list says, if all of it may still go. \
Lines may be taken out of a list. docs/guides/keep.md says more.

Exit codes:
  0  the list is there, or what it says was removed
  2  refused or could not: something on the list is of use by now, a keep file is absent, old or not complete, the last mirror run \
failed, too much would go, wrong usage or configuration, another command is at work, or the machine failed";

/// Remove from a mirrored layer what nobody wants or has installed
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Layer to remove from
    #[arg(value_name = "LAYER")]
    layer: String,
    /// Write the list to a file [default: print it]
    #[arg(long, value_name = "FILE", conflicts_with = "apply")]
    output: Option<PathBuf>,
    /// Remove what this list says
    #[arg(long, value_name = "LIST", requires = "reason")]
    apply: Option<PathBuf>,
    /// Reason for the removal, which the layer's log records
    #[arg(long, value_name = "TEXT", requires = "apply", value_parser = NonEmptyStringValueParser::new())]
    reason: Option<String>,
    /// Time for which a version must not have been wanted, in days
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = days)]
    older_than: u64,
    /// Age at which a keep file is too old, in days
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = days)]
    stale_keep: u64,
    /// No Kibana installs from this layer, so there are no keep files
    #[arg(long)]
    no_fleet: bool,
    /// Go on although more than a fifth of the layer would go
    #[arg(long)]
    accept_many: bool,
    /// Output folder whose generations and releases need what they show; may be repeated [default: out, if it exists]
    #[arg(long = "out", value_name = "DIR")]
    outs: Vec<PathBuf>,
    #[command(flatten)]
    layers: LayerOptions,
    #[command(flatten)]
    format: FormatOption,
}

/// What may go, or went.
#[derive(Serialize)]
struct Answer {
    layer: String,
    /// True if the versions were removed.
    applied: bool,
    versions: Vec<Going>,
    bytes: u64,
    /// Versions that the layer holds, by what becomes of them.
    fates: BTreeMap<Kind, usize>,
}

/// One version that may go.
#[derive(Serialize)]
struct Going {
    name: String,
    version: String,
    bytes: u64,
    sha256: String,
    reason: String,
}

/// Reads a number of days, and gives seconds.
fn days(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix('d').and_then(|number| number.parse::<u64>().ok());
    let seconds = number.and_then(|number| number.checked_mul(24 * 60 * 60));
    seconds.ok_or_else(|| "write a number of days, such as 90d".to_owned())
}

/// Lists, or removes.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let format = arguments.format.format()?;
    let settings = arguments.layers.resolve_for(&[&arguments.layer])?;
    let plan = layer(&settings, &arguments.layer)?;
    let list = arguments.apply.as_deref().map(ListFile::read).transpose()?;
    let terms = Terms {
        now: now(),
        older_than: arguments.older_than,
        stale_keep: arguments.stale_keep,
        no_fleet: arguments.no_fleet,
        accept_many: arguments.accept_many,
    };
    let keep = read_all(&plan.rules.mirror.as_ref().map(|source| source.keep.clone()).unwrap_or_default())?;
    check_terms(plan, &keep, None, &terms)?;
    // Whoever removes holds the lock from here on: what is judged is what is removed.
    let mut mirrored = MirroredLayer::open(plan, list.is_some())?;
    check_terms(plan, &keep, mirrored.failure(), &terms)?;
    let fates = judged(arguments, &settings, plan, (&mirrored, &keep, &terms))?;
    let answer = match &list {
        None => {
            let list = listed(&arguments.layer, &mirrored.versions, &fates, &terms)?;
            if let Some(output) = &arguments.output {
                write(output, &list)?;
            } else if format == Format::Text {
                print_exact(&list.render())?;
            }
            answer(&list, &fates, false)
        }
        Some(list) => {
            let going = still_allowed(list, &arguments.layer, &mirrored.versions, &fates, &terms)?;
            let lines = list.lines.iter().filter(|(key, _)| going.contains(key));
            let gone =
                ListFile { lines: lines.map(|(key, line)| (key.clone(), line.clone())).collect(), ..list.clone() };
            mirrored.take_out(&going, terms.now, arguments.reason.as_deref().unwrap_or_default())?;
            answer(&gone, &fates, true)
        }
    };
    match format {
        Format::Json => print_json(&answer)?,
        Format::Text => tell(arguments, &answer, &fates)?,
    }
    Ok(Exit::Clean)
}

/// What becomes of each version.
fn judged(
    arguments: &Arguments,
    settings: &Settings,
    plan: &LayerPlan,
    (mirrored, keep, terms): (&MirroredLayer, &[KeepFile], &Terms),
) -> Result<BTreeMap<Key, Fate>> {
    let name = plan.rules.mirror.as_ref().and_then(|source| source.select.as_deref()).unwrap_or_default();
    let own = selection(settings, name)?;
    let pins: Vec<Pin> = keep.iter().flat_map(KeepFile::pins).collect();
    let published_by = publishing(settings, &arguments.layer)?;
    // Overrides may come and go: what is chosen with them stays, and what is chosen without them.
    let mut selected =
        wanted(&own, &published_by, mirrored.candidates(&plan.rules.overrides), &mirrored.versions, &pins)?;
    if !plan.rules.overrides.is_empty() {
        selected.extend(wanted(&own, &published_by, mirrored.candidates(&[]), &mirrored.versions, &pins)?);
    }
    for plan in with_layer(settings, &arguments.layer).filter(|plan| plan.select.is_none()) {
        selected.add_all(&plan.name);
    }
    let mut outs: Vec<&Path> = arguments.outs.iter().map(PathBuf::as_path).collect();
    if let Some(absent) = outs.iter().find(|out| !out.is_dir()) {
        bail!("there is no folder `{}`\nhint: name output folders of builds with --out", absent.display());
    }
    if outs.is_empty() && Path::new(DEFAULT_OUT).is_dir() {
        outs.push(Path::new(DEFAULT_OUT));
    }
    if outs.is_empty() {
        talk::say(
            "warning: generations and releases: none were looked at, since there is no `out` here\nhint: name output folders of builds with --out\n",
        )?;
    }
    let published = published(&outs, &arguments.layer)?;
    Ok(fates(&mirrored.versions, &selected, keep, &published, terms))
}

/// Writes the list, over an earlier list alone.
fn write(output: &Path, list: &ListFile) -> Result<()> {
    if fs::link_metadata(output).is_ok() && ListFile::read(output).is_err() {
        bail!("{} is there and is no list\nhint: name another file with --output", output.display());
    }
    fs::write_over_for_good(output, list.render().as_bytes())
}

fn answer(list: &ListFile, fates: &BTreeMap<Key, Fate>, applied: bool) -> Answer {
    let mut counts = BTreeMap::new();
    fates.values().for_each(|fate| *counts.entry(fate.kind()).or_insert(0) += 1);
    let versions = list.lines.iter().map(|((name, version), line)| Going {
        name: name.clone(),
        version: version.to_string(),
        bytes: line.bytes,
        sha256: line.sha256.to_string(),
        reason: line.reason.clone(),
    });
    Answer { layer: list.layer.clone(), applied, versions: versions.collect(), bytes: list.bytes(), fates: counts }
}

/// The summary. Where the list itself is printed, it goes beside.
fn tell(arguments: &Arguments, answer: &Answer, fates: &BTreeMap<Key, Fate>) -> Result<()> {
    let Answer { layer, applied, versions, bytes: size, fates: counts } = answer;
    let what = if *applied { "removed" } else { "may go:" };
    let mut text = format!("{layer}: {what} {}, {}\n", counted(versions.len(), "version"), bytes(*size));
    text += &field("held", counted(counts.values().sum::<usize>(), "version"));
    for (kind, label) in [
        (Kind::Kept, "kept by sites"),
        (Kind::Wanted, "wanted besides"),
        (Kind::Published, "published"),
        (Kind::Young, "not for so long"),
        (Kind::Changed, "undecided"),
        (Kind::Unknown, "unknown"),
    ] {
        if let Some(count) = counts.get(&kind) {
            text += &field(label, counted(*count, "version"));
        }
    }
    if let Some(output) = &arguments.output {
        text += &format!("the list is in {}\n", output.display());
    }
    if talk::verbose() {
        let stays = fates.iter().filter(|(_, fate)| fate.kind() != Kind::Goes);
        text.extend(stays.map(|((name, version), fate)| format!("  {name} {version} {fate}\n")));
    }
    if talk::quiet() {
        return Ok(());
    }
    // The list on standard output is for a file.
    let is_listed = !applied && arguments.output.is_none();
    if is_listed { Ok(talk::say(&text)?) } else { print(&text) }
}
