//! `epr-build mirror`.

use super::common::Exit;
use super::common::clock::unix_time;
use super::common::options::{Format, FormatOption, LayerOptions};
use super::common::print::{print, print_json};
use super::common::talk;
use crate::base::progress::{Progress, bytes};
use crate::base::suggest::did_you_mean;
use crate::base::words::counted;
use crate::config::file::parse_rate;
use crate::config::layer::LayerPlan;
use crate::config::settings::Settings;
use crate::config::upstream::Rate;
use crate::edit::PackageSelector;
use crate::mirror::{Ending, Event, Gates, Mode, Outcome, PlanFile, Request, SelectionOutcome, mirror};
use anyhow::{Result, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const EXAMPLES: &str = "\
Examples:
  epr-build mirror
  epr-build mirror elastic --dry-run
  epr-build mirror elastic --only nginx --only system@1.38.3
  epr-build mirror elastic --plan plan.json
  epr-build mirror elastic --apply plan.json
  epr-build mirror elastic --audit=100
  epr-build mirror elastic --accept-changed nginx@1.2.3 --reason 'the publisher announced it'

Upstreams and the layers that are mirrored from them stand in the configuration; docs/guides/mirror.md begins with it.

Exit codes:
  0  everything wanted is held and in order, or there is nothing to do
  1  something wanted was refused or is not to be had, also what a keep file names; or an upstream changed a version that is held
  2  could not: wrong usage or configuration, a listing that lost most of its versions, another command at work, or the machine
     failed
  3  an upstream could not be reached, or asks to wait; what was fetched stays: run it again
  10 with --exit-code: there is something to fetch that was not refused before";

/// Events of one kind that are printed, unless more is to be printed.
const SHOWN: usize = 20;

/// Fetch packages from other registries into layers
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Layers to fill [default: every layer with `mirror` in the configuration]
    #[arg(value_name = "LAYER")]
    layers_to_fill: Vec<String>,
    #[command(flatten)]
    layers: LayerOptions,
    /// Fetch only these versions of those that are wanted; may be repeated
    #[arg(long, value_name = "NAME[@VERSION]")]
    only: Vec<PackageSelector>,
    /// Print what would be fetched, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run or --plan: exit with 10 if there is something to fetch
    #[arg(long)]
    exit_code: bool,
    /// Write what would be fetched to a file, and change nothing else
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Fetch what a file says that --plan has written, and ask for no listing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "dry_run", "only"])]
    apply: Option<PathBuf>,
    /// Fetch what `mirror.json` of the layer holds, with exactly these digests, and ask for no listing
    #[arg(long, conflicts_with_all = ["apply", "plan", "dry_run", "only"])]
    locked: bool,
    /// Ask no upstream; say what is wanted and not held
    #[arg(long, conflicts_with_all = ["apply", "plan", "dry_run", "locked"])]
    offline: bool,
    /// Compare versions that are held with the record, and with what upstreams give now: N of them, or all
    #[arg(
        long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "0",
        conflicts_with_all = ["apply", "plan", "dry_run", "locked"]
    )]
    audit: Option<usize>,
    /// Take what the upstream gives now for a version that is held with other bytes
    #[arg(
        long, value_name = "NAME@VERSION", requires = "reason",
        conflicts_with_all = ["apply", "plan", "dry_run", "locked", "offline", "audit", "only"]
    )]
    accept_changed: Option<PackageSelector>,
    /// Reason for --accept-changed, which the layer's log records
    #[arg(long, value_name = "TEXT", requires = "accept_changed", value_parser = NonEmptyStringValueParser::new())]
    reason: Option<String>,
    /// Go on although an upstream lists far fewer versions than the last time
    #[arg(long)]
    accept_loss: bool,
    /// Number of requests at a time [default: `jobs` of the upstream, or 4]
    #[arg(long, alias = "jobs", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    requests: Option<u16>,
    /// Requests in a time, such as 10/s, or off [default: `rate` of the upstream, or 10/s]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    rate: Option<RateChoice>,
    #[command(flatten)]
    format: FormatOption,
}

/// A rate, or none.
#[derive(Clone, Copy, Debug)]
struct RateChoice(Option<Rate>);

fn rate(text: &str) -> Result<RateChoice, String> {
    if text == "off" {
        return Ok(RateChoice(None));
    }
    parse_rate(text).map(|rate| RateChoice(Some(rate))).ok_or_else(|| "write 10/s, 100/min or off".to_owned())
}

/// Mirrors the layers, one after the other.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let (begin, format) = (Instant::now(), arguments.format.format()?);
    let settings = arguments.layers.resolve_unplaced()?;
    let layers = chosen(arguments, &settings)?;
    let applied = arguments.apply.as_deref().map(PlanFile::read).transpose()?;
    let (progress, gates) = (Progress::new(talk::quiet()), Gates::default());
    let mut outcomes = Vec::new();
    for layer in layers {
        let Some(mode) = mode(arguments, layer, applied.as_ref()) else { continue };
        let request = Request {
            settings: &settings,
            layer,
            mode,
            only: &arguments.only,
            accept_loss: arguments.accept_loss,
            jobs: arguments.requests.map(usize::from),
            rate: arguments.rate.map(|choice| choice.0),
            now: now(),
            gates: &gates,
        };
        outcomes.push(mirror(&request, &progress)?);
    }
    // Of what could not be asked for there is no plan.
    let plan_file = arguments.plan.as_deref().filter(|_| outcomes.iter().all(|outcome| outcome.ended.is_none()));
    if let Some(file) = plan_file {
        let layers = outcomes.iter().map(|outcome| (outcome.layer.clone(), outcome.plan.clone()));
        PlanFile::new(layers.collect()).write(file)?;
    }
    match format {
        Format::Json => print_json(&outcomes)?,
        Format::Text => {
            for outcome in &outcomes {
                talk::say(&render_events(outcome, talk::verbose()))?;
                if !talk::quiet() {
                    print(&render_summary(outcome, plan_file, begin.elapsed()))?;
                }
            }
        }
    }
    Ok(exit(&outcomes, arguments))
}

/// What to do with a layer; nothing if a plan does not name it.
fn mode<'a>(arguments: &'a Arguments, layer: &LayerPlan, applied: Option<&'a PlanFile>) -> Option<Mode<'a>> {
    Some(match (applied, &arguments.accept_changed) {
        (Some(plan), _) => Mode::Apply(plan.of(&layer.source.name)?),
        (_, Some(version)) => Mode::Accept { version, reason: arguments.reason.as_deref().unwrap_or_default() },
        _ if arguments.dry_run || arguments.plan.is_some() => Mode::DryRun,
        _ if arguments.locked => Mode::Locked,
        _ => match arguments.audit {
            Some(most) => Mode::Audit { most: (most > 0).then_some(most), offline: arguments.offline },
            None if arguments.offline => Mode::Offline,
            None => Mode::Fetch,
        },
    })
}

/// The layers that were named, or all that are mirrored.
fn chosen<'a>(arguments: &Arguments, settings: &'a Settings) -> Result<Vec<&'a LayerPlan>> {
    let known: Vec<_> = settings.layers.iter().map(|plan| plan.source.name.as_str()).collect();
    let mut layers = Vec::new();
    for name in &arguments.layers_to_fill {
        let Some(plan) = settings.layers.iter().find(|plan| plan.source.name == *name) else {
            bail!("unknown layer `{name}`\nhint: {}", did_you_mean(name, &known));
        };
        if plan.rules.mirror.is_none() {
            bail!(
                "layer `{name}` is not mirrored\nhint: give it `mirror: {{from: [UPSTREAM]}}` in the configuration; \
                 epr-build.sample.yml has an example"
            );
        }
        layers.push(plan);
    }
    if arguments.layers_to_fill.is_empty() {
        layers.extend(settings.layers.iter().filter(|plan| plan.rules.mirror.is_some()));
        if layers.is_empty() {
            bail!(
                "no layer is mirrored\nhint: give one `mirror: {{from: [UPSTREAM]}}` in the configuration; \
                 epr-build.sample.yml has an example"
            );
        }
    }
    if arguments.accept_changed.is_some() && layers.len() > 1 {
        bail!("several layers are mirrored\nhint: name the one whose version is meant");
    }
    Ok(layers)
}

fn exit(outcomes: &[Outcome], arguments: &Arguments) -> Exit {
    let endings: Vec<_> = outcomes.iter().map(Outcome::ending).collect();
    if endings.contains(&Ending::TryAgain) {
        Exit::TryAgain
    } else if arguments.exit_code && outcomes.iter().any(Outcome::is_pending) {
        // That something was refused before does not hide what is new.
        Exit::Pending
    } else if endings.contains(&Ending::Problems) {
        Exit::Problems
    } else {
        Exit::Clean
    }
}

/// What went wrong, and what happened upstream.
fn render_events(outcome: &Outcome, all: bool) -> String {
    let mut text = String::new();
    let kinds = [
        ("error", &outcome.not_listed),
        ("error", &outcome.missing),
        ("error", &outcome.refused),
        ("error", &outcome.failed),
        ("error", &outcome.changed),
        ("warning", &outcome.warnings),
    ];
    for (level, events) in kinds {
        let (events, together) = if all { (events.iter().collect(), Vec::new()) } else { Event::alike(events) };
        together.iter().for_each(|event| text += &event.render(level));
        let shown = if all { events.len() } else { SHOWN };
        events.iter().take(shown).for_each(|event| text += &event.render(level));
        if events.len() > shown {
            text += &format!("{level}: {} more like these; -v lists all\n", events.len() - shown);
        }
    }
    let names = |versions: &[String]| crate::base::words::first(versions, if all { versions.len() } else { 5 });
    if !outcome.gone.is_empty() {
        text += &format!("warning: gone upstream, and kept here: {}\n", names(&outcome.gone));
    }
    if !outcome.back.is_empty() {
        text += &format!("note: listed again: {}\n", names(&outcome.back));
    }
    if let Some(reason) = &outcome.ended {
        let (reason, hint) =
            reason.split_once("\nhint: ").unwrap_or((reason, "run it again later; what was fetched stays"));
        text += &format!("error: {reason}\nhint: {hint}\n");
    }
    text
}

fn render_summary(outcome: &Outcome, plan_file: Option<&Path>, time: Duration) -> String {
    let Outcome { layer, plan, mirrored, .. } = outcome;
    let fetched: u64 = mirrored.iter().map(|one| one.bytes).sum();
    let mut lines = Vec::new();
    if outcome.unchanged {
        // What no upstream lists any more lies there as well.
        let held = if outcome.wanted == 0 { outcome.kept } else { outcome.held };
        lines.push(format!("{layer}: nothing is new; {} held", counted(held, "version")));
    } else if outcome.dry_run && outcome.ended.is_some() && plan.is_empty() {
        lines.push(format!("{layer}: what would be fetched is not known"));
    } else if outcome.dry_run {
        let known: Option<u64> = plan.iter().filter(|one| !one.only_signature).map(|one| one.bytes).sum();
        let size = known.filter(|size| *size > 0).map(|size| format!(", {}", bytes(size))).unwrap_or_default();
        lines.push(format!("{layer}: would fetch {}{size}", counted(plan.len(), "version")));
        lines.extend(plan.iter().map(|one| {
            let what = if one.only_signature { " (its signature)" } else { "" };
            let mut line = format!("  {} {}{what} from {}: {}", one.name, one.version, one.upstream, one.why);
            let shown = if talk::verbose() { one.reasons.len() } else { 1 };
            one.reasons.iter().take(shown).for_each(|reason| line += &format!("\n    {reason}"));
            line
        }));
    } else {
        lines.push(format!("{layer}: mirrored {}, {}", counted(mirrored.len(), "version"), bytes(fetched)));
        if talk::verbose() {
            lines.extend(mirrored.iter().map(|one| {
                format!("  {} {} {}, signature {}", one.name, one.version, bytes(one.bytes), one.signature)
            }));
        }
    }
    let mut field = |label: &str, count: usize, more: &str| {
        if count > 0 {
            lines.push(format!("  {label:<10} {}{more}", counted(count, "version")));
        }
    };
    field("listed", outcome.listed, "");
    field("wanted", outcome.wanted, "");
    field("held", outcome.held, "");
    let unwanted = format!(
        ", {}, that are not wanted any more; `epr-build keep prune {layer}` says which of them may go",
        bytes(outcome.unwanted_bytes)
    );
    field("besides", outcome.unwanted, &unwanted);
    field("accepted", outcome.accepted.len(), " as the upstream gives it now");
    field("adopted", outcome.adopted.len(), ", which lay in the layer before");
    let upstream = outcome.audited_upstream;
    let not_audited: usize = outcome.not_audited.values().sum();
    let with_upstream = format!(" with the record, {upstream} with the upstream");
    let is_offline = upstream + not_audited == 0;
    field("audited", outcome.audited, if is_offline { " with the record" } else { &with_upstream });
    for (why, count) in &outcome.not_audited {
        field("besides", *count, &format!(" not with the upstream: {why}"));
    }
    field("missing", outcome.missing.len(), " that sites have installed and nobody has");
    field("refused", outcome.refused.len(), "");
    field("failed", outcome.failed.len(), ", which may pass");
    field("changed", outcome.changed.len(), " upstream; none is overwritten");
    field("kept", outcome.kept, " that no upstream lists any more");
    if let Some(selection) = &outcome.selection {
        lines.extend(render_selection(selection));
    }
    let cleared = outcome.cleared;
    if cleared.files > 0 {
        let what = "of no use any more, beside the layer";
        lines.push(format!("  {:<10} {} {what}, {}", "removed", counted(cleared.files, "file"), bytes(cleared.bytes)));
    }
    if outcome.requests > 0 || outcome.images.is_empty() {
        lines.push(format!("  {:<10} {}, {}", "asked", counted(outcome.requests, "request"), bytes(outcome.bytes)));
    }
    lines.extend(outcome.images.iter().map(|image| match outcome.unread_images.contains(image) {
        true => format!("  {:<10} {image}, and nothing of it was read again; that asks no server", "known"),
        false => format!("  {:<10} {image}; that asks no server", "read"),
    }));
    lines.push(format!("time: {:.1} s", time.as_secs_f64()));
    if let (Some(file), true) = (plan_file, outcome.dry_run) {
        lines.push(format!("the plan is in {}", file.display()));
    }
    lines.join("\n") + "\n"
}

/// What a selection saves, by its rules, and what it costs.
fn render_selection(selection: &SelectionOutcome) -> Vec<String> {
    let SelectionOutcome { name, left_out, bytes: size, are_bytes_known, names, reasons, rules, .. } = selection;
    let SelectionOutcome { causes, several, losses, outside, .. } = selection;
    let mut saved = format!("`{name}` leaves out {}", counted(*left_out, "version"));
    if *left_out > 0 {
        let reasons: Vec<_> = reasons.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        saved += &format!(" ({})", reasons.join(", "));
    }
    match (*size, are_bytes_known) {
        (0, _) => {}
        (size, true) => saved += &format!(", {}", bytes(size)),
        (size, false) => saved += &format!(", at least {}", bytes(size)),
    }
    if *names > 0 {
        saved += &format!("; nothing of {} is wanted", counted(*names, "package"));
    }
    let mut lines = vec![format!("  {:<10} {saved}", "selection")];
    lines.extend(rules.iter().map(|(rule, count)| format!("    {rule}: {}", counted(*count, "version"))));
    lines.extend(causes.iter().map(|(cause, count)| format!("    {cause}: {}", counted(*count, "version"))));
    lines.extend(several.words().map(|words| format!("    {words}")));
    let mut more = |text: String, count: usize| {
        if count > 0 {
            lines.push(format!("    {text}"));
        }
    };
    let names: BTreeSet<&str> = losses.iter().map(|loss| loss.name.as_str()).collect();
    let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
    let packages = crate::base::words::few(&names);
    more(
        format!("some of its own Kibanas get less of {packages} because it says so; `epr-build select {name}` tells"),
        names.len(),
    );
    for one in outside {
        let (older, nothing) = (crate::base::words::few(&one.older), crate::base::words::few(&one.nothing));
        more(format!("Kibana {} would get older versions of {older}", one.kibana), one.older.len());
        more(format!("Kibana {} would get nothing of {nothing}", one.kibana), one.nothing.len());
    }
    lines
}

/// The time for record and log: `SOURCE_DATE_EPOCH` if it is set, otherwise the present time.
fn now() -> u64 {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(unix_time)
}
