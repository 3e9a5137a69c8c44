//! `epr-build keep prune`.

mod publishers;

use super::files::{around, layer, selection, with_layer};
use crate::base::fs;
use crate::base::progress::bytes;
use crate::base::words::counted;
use crate::cli::common::edit::now;
use crate::cli::common::options::{DEFAULT_OUT, Format, FormatOption, LayerOptions};
use crate::cli::common::print::{field, print, print_exact, print_json};
use crate::cli::common::{Exit, talk};
use crate::config::layer::LayerPlan;
use crate::config::settings::Settings;
use crate::keep::prune::{
    Fate, Kind, ListFile, Options, Terms, check_terms, fates, keep_needed, listed, published, publishes_all,
    still_allowed, wanted,
};
use crate::keep::{DAY, STALE};
use crate::mirror::MirroredLayer;
use crate::select::keep_file::{KeepFile, read_all};
use crate::select::{Key, Pin, load};
use anyhow::{Result, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use publishers::Publishers;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Days for which a version must not have been wanted.
const OLDER_THAN: u64 = 90;

const EXAMPLES: &str = "\
Examples:
  epr-build keep prune elastic
  epr-build keep prune elastic --output gone.list
  epr-build keep prune elastic --apply gone.list --reason 'nobody has these any more'

A version may go if no selection wants it, no keep file has it, no generation or release shows it, and mirror runs have not \
wanted it for --older-than. The first run lists what may go; --apply removes exactly what a list says, if all of it may still go. \
Lines may be taken out of a list; the options by which it was made count again. docs/guides/keep.md says more.

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
    /// Time for which a version must not have been wanted, in days [default: 90d]
    #[arg(long, value_name = "TIME", value_parser = days)]
    older_than: Option<u64>,
    /// Age at which a keep file is too old, in days [default: 30d]
    #[arg(long, value_name = "TIME", value_parser = days)]
    stale_keep: Option<u64>,
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
    /// Versions that stay only because distributions publish everything; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    everything: Option<Everything>,
    stays: Vec<Staying>,
}

/// What stays only because distributions have no selection.
#[derive(Serialize)]
struct Everything {
    versions: usize,
    distributions: Vec<String>,
}

impl Everything {
    /// How many and why, and what would let some of it go.
    fn words(&self) -> (String, String) {
        let names: Vec<_> = self.distributions.iter().map(|name| format!("`{name}`")).collect();
        let (which, publish) = match names.as_slice() {
            [one] => (format!("distribution {one}"), "has no `select` and publishes"),
            several => (format!("distributions {}", several.join(", ")), "have no `select` and publish"),
        };
        let count = format!("{} only because {which} {publish} everything", counted(self.versions, "version"));
        let hint = format!(
            "hint: `select` at {which} says what is published, and so what may go; `whole: yes` at a layer keeps all of it\n"
        );
        (count, hint)
    }
}

/// One version that stays.
#[derive(Serialize)]
struct Staying {
    name: String,
    version: String,
    fate: Kind,
    reason: String,
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

/// Reads a number of days.
fn days(text: &str) -> Result<u64, String> {
    let number = text.strip_suffix('d').and_then(|number| number.parse::<u64>().ok());
    let number = number.filter(|number| number.checked_mul(DAY).is_some());
    number.ok_or_else(|| "write a number of days, such as 90d".to_owned())
}

/// The options that count: those of the command line, then those of the list, then what is usual.
fn options(arguments: &Arguments, list: Option<&ListFile>) -> Result<Options> {
    let said = Options {
        older_than: arguments.older_than,
        stale_keep: arguments.stale_keep,
        no_fleet: arguments.no_fleet,
        accept_many: arguments.accept_many,
        outs: arguments.outs.clone(),
    };
    let mut options = said.or(list.map(|list| list.options.clone()).unwrap_or_default());
    if let Some(absent) = options.outs.iter().find(|out| !out.is_dir()) {
        bail!("there is no folder `{}`\nhint: name output folders of builds with --out", absent.display());
    }
    if options.outs.is_empty() && Path::new(DEFAULT_OUT).is_dir() {
        options.outs.push(PathBuf::from(DEFAULT_OUT));
    }
    options.older_than.get_or_insert(OLDER_THAN);
    options.stale_keep.get_or_insert(STALE / DAY);
    Ok(options)
}

/// Lists, or removes.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let format = arguments.format.format()?;
    let settings = arguments.layers.resolve_for(&[&arguments.layer])?;
    let plan = layer(&settings, &arguments.layer)?;
    let answer = answered(arguments, &settings, plan, format).inspect_err(|_| forget(arguments))?;
    match format {
        Format::Json => print_json(&answer)?,
        Format::Text => tell(arguments, &answer)?,
    }
    Ok(Exit::Clean)
}

/// A list that this run was to replace says what may go no more: nobody is to apply it by mistake.
fn forget(arguments: &Arguments) {
    let Some(output) = &arguments.output else { return };
    if ListFile::read(output).is_ok_and(|list| list.layer == arguments.layer)
        && fs::remove_file_if_there(output).is_ok()
    {
        let _ = talk::say(&format!("note: {} was the list of an earlier run, and is removed\n", output.display()));
    }
}

fn answered(arguments: &Arguments, settings: &Settings, plan: &LayerPlan, format: Format) -> Result<Answer> {
    let list = arguments.apply.as_deref().map(ListFile::read).transpose()?;
    let options = options(arguments, list.as_ref())?;
    let terms = Terms {
        now: now(),
        older_than: options.older_than.unwrap_or_default().saturating_mul(DAY),
        stale_keep: options.stale_keep.unwrap_or_default().saturating_mul(DAY),
        no_fleet: options.no_fleet,
        accept_many: options.accept_many,
    };
    let keep = read_all(&plan.rules.mirror.as_ref().map(|source| source.keep.clone()).unwrap_or_default())?;
    check_terms(plan, &keep, None, &terms)?;
    // Whoever removes holds the lock from here on: what is judged is what is removed.
    let mut mirrored = MirroredLayer::open(plan, list.is_some())?;
    check_terms(plan, &keep, mirrored.failure(), &terms)?;
    // A list may have been shortened, and what it has not stays.
    let is_meant = |key: &Key| list.as_ref().is_none_or(|list| list.lines.contains_key(key));
    let mut fates = judged(settings, plan, &options.outs, (&mirrored, &keep, &terms), is_meant)?;
    let unselected: Vec<String> = with_layer(settings, &arguments.layer)
        .filter(|plan| plan.select.is_none())
        .map(|plan| plan.name.clone())
        .collect();
    Ok(match &list {
        None => {
            let list = listed(plan, &mirrored.versions, &fates, &terms, options)?;
            if let Some(output) = &arguments.output {
                write(output, &list)?;
            } else if format == Format::Text {
                print_exact(&list.render())?;
            }
            answer(&list, &fates, unselected, false)
        }
        Some(list) => {
            let going = still_allowed(list, plan, &mirrored.versions, &fates, &terms)?;
            let lines = list.lines.iter().filter(|(key, _)| going.contains(key));
            let gone =
                ListFile { lines: lines.map(|(key, line)| (key.clone(), line.clone())).collect(), ..list.clone() };
            mirrored.take_out(&going, terms.now, arguments.reason.as_deref().unwrap_or_default())?;
            // From here on the layer holds what is left.
            fates.retain(|key, _| !gone.lines.contains_key(key));
            answer(&gone, &fates, unselected, true)
        }
    })
}

/// What becomes of each version, if those that are meant go at once.
fn judged(
    settings: &Settings,
    plan: &LayerPlan,
    outs: &[PathBuf],
    (mirrored, keep, terms): (&MirroredLayer, &[KeepFile], &Terms),
    is_meant: impl Fn(&Key) -> bool,
) -> Result<BTreeMap<Key, Fate>> {
    let name = plan.rules.mirror.as_ref().and_then(|source| source.select.as_deref()).unwrap_or_default();
    let own = selection(settings, name)?;
    let files = settings.config.selections.get(name).map(load).transpose()?;
    for warning in files.iter().flat_map(|loaded| &loaded.warnings) {
        talk::say(&format!("warning: selection `{name}`: {warning}\n"))?;
    }
    let pins: Vec<Pin> = keep.iter().flat_map(KeepFile::pins).collect();
    let outs: Vec<&Path> = outs.iter().map(PathBuf::as_path).collect();
    if outs.is_empty() {
        talk::say(
            "warning: generations and releases: none were looked at, since there is no `out` here\nhint: name output folders of builds with --out\n",
        )?;
    }
    // Overrides may come and go: what is chosen with them stays, and what is chosen without them.
    let layer = plan.source.name.as_str();
    let mut selected = wanted(&own, &mirrored.candidates(&plan.rules.overrides), &mirrored.versions, &pins)?;
    if !plan.rules.overrides.is_empty() {
        selected.extend_without_overrides(wanted(&own, &mirrored.candidates(&[]), &mirrored.versions, &pins)?);
    }
    let mut publishers = Vec::new();
    if with_layer(settings, layer).any(|plan| plan.select.is_some()) {
        let read = Publishers::read(settings, layer, &outs)?;
        for with_overrides in if read.have_overrides() { &[true, false][..] } else { &[true][..] } {
            for publisher in read.with((layer, mirrored), *with_overrides)? {
                if *with_overrides {
                    publisher.check()?;
                }
                selected.add_published(&publisher, layer, *with_overrides);
                publishers.push(publisher);
            }
        }
    }
    for plan in with_layer(settings, layer).filter(|plan| plan.select.is_none()) {
        selected.add_all(&plan.name);
    }
    let published = published(&outs, layer)?;
    let mut fates = fates(&mirrored.versions, &selected, keep, &published, terms);
    keep_needed(&mut fates, &publishers, layer, is_meant);
    Ok(fates)
}

/// Writes the list, over an earlier list alone.
fn write(output: &Path, list: &ListFile) -> Result<()> {
    if fs::link_metadata(output).is_ok() && ListFile::read(output).is_err() {
        bail!("{} is there and is no list\nhint: name another file with --output", output.display());
    }
    fs::write_over_for_good(output, list.render().as_bytes())
}

fn answer(list: &ListFile, fates: &BTreeMap<Key, Fate>, unselected: Vec<String>, applied: bool) -> Answer {
    let whole: Vec<String> = unselected.iter().map(|name| publishes_all(name)).collect();
    let is_whole = |fate: &&Fate| matches!(fate, Fate::Wanted(why) if whole.contains(why));
    let everything = Everything { versions: fates.values().filter(is_whole).count(), distributions: unselected };
    let mut counts = BTreeMap::new();
    fates.values().for_each(|fate| *counts.entry(fate.kind()).or_insert(0) += 1);
    let versions = list.lines.iter().map(|((name, version), line)| Going {
        name: name.clone(),
        version: version.to_string(),
        bytes: line.bytes,
        sha256: line.sha256.to_string(),
        reason: line.reason.clone(),
    });
    let stays = fates.iter().filter(|(_, fate)| applied || fate.kind() != Kind::Goes).map(|((name, version), fate)| {
        Staying { name: name.clone(), version: version.to_string(), fate: fate.kind(), reason: fate.to_string() }
    });
    Answer {
        layer: list.layer.clone(),
        applied,
        versions: versions.collect(),
        bytes: list.bytes(),
        fates: counts,
        everything: Some(everything).filter(|one| one.versions > 0),
        stays: stays.collect(),
    }
}

/// The summary. Where the list itself is printed, it goes beside.
fn tell(arguments: &Arguments, answer: &Answer) -> Result<()> {
    let Answer { layer, applied, versions, bytes: size, fates: counts, everything, stays } = answer;
    let what = if *applied { "removed" } else { "may go:" };
    let mut text = format!("{layer}: {what} {}, {}\n", counted(versions.len(), "version"), bytes(*size));
    let (label, going) = if *applied { ("held now", "may go besides") } else { ("held", "may go") };
    text += &field(label, counted(counts.values().sum::<usize>(), "version"));
    for (kind, label) in [
        (Kind::Kept, "kept by sites"),
        (Kind::Wanted, "wanted besides"),
        (Kind::Published, "published"),
        (Kind::Young, "not for so long"),
        (Kind::Changed, "undecided"),
        (Kind::Unknown, "unknown"),
        (Kind::Goes, going),
    ] {
        if let Some(count) = counts.get(&kind) {
            text += &field(label, counted(*count, "version"));
        }
    }
    let (count, hint) = everything.as_ref().map(Everything::words).unzip();
    text.extend(count.map(|count| field("of these", count)));
    if let Some(output) = &arguments.output {
        text += &format!("the list is in {}\n", output.display());
    }
    if talk::verbose() {
        text.extend(stays.iter().map(|one| format!("  {} {} {}\n", one.name, one.version, one.reason)));
    }
    text.extend(hint);
    if talk::quiet() {
        return Ok(());
    }
    // The list on standard output is for a file.
    let is_listed = !applied && arguments.output.is_none();
    if is_listed { Ok(talk::say(&text)?) } else { print(&text) }
}
