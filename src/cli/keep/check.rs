//! `epr-build keep check`.

use super::files::{layer, selection, with_layer};
use crate::base::progress::Progress;
use crate::base::words::counted;
use crate::catalog::layers::Layers;
use crate::cli::common::options::{Format, FormatOption, JobsOption, LayerOptions, OutputFolder};
use crate::cli::common::print::{field, print, print_json};
use crate::cli::common::{Exit, talk};
use crate::config::location::is_git;
use crate::config::settings::Settings;
use crate::keep::check::{Checked, Finding, Registry, check, kept_by_pins};
use crate::mirror::MirroredLayer;
use crate::package::Facts;
use crate::select::keep_file::{KeepFile, read_all};
use crate::select::{Pin, choose};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  epr-build keep check --layer elastic
  epr-build keep check keep/site-a.keep --layer elastic --select fleet-9

A version counts as held if the layer has it, or a layer that stands with it in a distribution. Versions that were uploaded or made
in Kibana are in no registry and are only counted. Nothing is written.

Exit codes:
  0  every version that a site has installed is held, and could be installed again
  1  something is missing
  2  could not find out: wrong usage or configuration, a keep file that is wrong, or the machine failed";

/// Check that everything that Kibanas have installed is held, and could be installed again
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Keep files [default: those of the layer in the configuration]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Layer that is to hold the versions
    #[arg(long, value_name = "LAYER")]
    layer: String,
    /// Selection whose rules are compared with the keep files [default: that of the layer]
    #[arg(long, value_name = "NAME")]
    select: Option<String>,
    #[command(flatten)]
    layers: LayerOptions,
    #[command(flatten)]
    folder: OutputFolder,
    #[command(flatten)]
    jobs: JobsOption,
    #[command(flatten)]
    format: FormatOption,
}

/// Checks, and prints what is wrong.
pub(super) fn run(arguments: &Arguments) -> Result<Exit> {
    let format = arguments.format.format()?;
    arguments.jobs.start_threads()?;
    let settings = arguments.layers.resolve_for(&[&arguments.layer])?;
    let plan = layer(&settings, &arguments.layer)?;
    let source = plan.rules.mirror.as_ref();
    let patterns = match arguments.files.is_empty() {
        true => source.map(|source| source.keep.clone()).unwrap_or_default(),
        false => arguments.files.clone(),
    };
    if patterns.is_empty() {
        let name = &arguments.layer;
        bail!(
            "layer `{name}` has no keep file\nhint: name some, or give it `mirror: {{keep: [keep/*.keep]}}` in the configuration"
        );
    }
    let files = read_all(&patterns)?;
    let progress = Progress::new(talk::quiet());
    let layers = Layers::read(&beside(&settings, &arguments.layer), Some(&arguments.folder.out), &progress)?;
    progress.finish();
    let mirrored = source.map(|_| MirroredLayer::open(plan, false)).transpose()?;
    let records =
        layers.intakes.iter().flat_map(|intake| &intake.packages).filter_map(|one| one.outcome.record.as_ref());
    let mut held: BTreeMap<(&str, _), &Facts> = BTreeMap::new();
    for record in records {
        held.entry((record.facts.name.as_str(), &record.facts.version)).or_insert(&record.facts);
    }
    let mut facts: BTreeMap<&str, Vec<&Facts>> = BTreeMap::new();
    held.into_iter().for_each(|((name, _), one)| facts.entry(name).or_default().push(one));
    let listed = mirrored.iter().flat_map(|layer| layer.facts.iter().filter(|(_, facts)| facts.listed));
    let registry = Registry {
        layer: &arguments.layer,
        facts,
        listed: listed.map(|(key, _)| key.clone()).collect::<BTreeSet<_>>(),
        distribution: with_layer(&settings, &arguments.layer).next().map(|plan| plan.name.clone()),
        options: arguments.layers.words(),
    };
    let mut checked = check(&files, &registry);
    let name = arguments.select.as_deref().or(source.and_then(|source| source.select.as_deref()));
    if let Some(name) = name {
        let Some(mirrored) = &mirrored else {
            bail!(
                "layer `{}` is not mirrored, so nothing is selected for it\nhint: leave out --select",
                arguments.layer
            );
        };
        checked.kept = kept(&settings, name, mirrored, &files)?;
    }
    match format {
        Format::Json => print_json(&checked)?,
        Format::Text => tell(&checked, &files)?,
    }
    Ok(if checked.problems.is_empty() { Exit::Clean } else { Exit::Problems })
}

/// The settings for a layer and those that stand with it in a distribution, as far as they are there.
fn beside(settings: &Settings, layer: &str) -> Settings {
    let with: BTreeSet<usize> = with_layer(settings, layer).flat_map(|plan| plan.layers.iter().copied()).collect();
    let is_there = |path: &PathBuf| is_git(path) || path.exists();
    let layers = settings.layers.iter().enumerate().filter(|(position, plan)| {
        plan.source.name == layer || (with.contains(position) && plan.source.paths.iter().all(is_there))
    });
    Settings { layers: layers.map(|(_, plan)| plan.clone()).collect(), distributions: Vec::new(), ..settings.clone() }
}

/// Versions that stay because of keep files alone.
fn kept(settings: &Settings, name: &str, mirrored: &MirroredLayer, files: &[KeepFile]) -> Result<Vec<Finding>> {
    let (_, selection) = selection(settings, name)?;
    let candidates = mirrored.candidates(&[]);
    let pins: Vec<Pin> = files.iter().flat_map(KeepFile::pins).collect();
    let unfit = || format!("selection `{name}` cannot be used");
    let alone = choose(&selection, &candidates, &[]).with_context(unfit)?;
    let with = choose(&selection, &candidates, &pins).with_context(unfit)?;
    Ok(kept_by_pins(files, &alone, &with))
}

fn tell(checked: &Checked, files: &[KeepFile]) -> Result<()> {
    for (level, findings) in [("error", &checked.problems), ("warning", &checked.warnings), ("note", &checked.kept)] {
        for Finding { site, message, hint, .. } in findings {
            let hint = hint.as_ref().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
            talk::say(&format!("{level}: {site}.keep: {message}\n{hint}"))?;
        }
    }
    if !talk::quiet() {
        let Checked { versions, pins, distinct, optional, own, problems, .. } = checked;
        let ends = if problems.is_empty() { "all held".to_owned() } else { counted(problems.len(), "problem") };
        let mut text = format!("{}, {}: {ends}\n", counted(files.len(), "site"), counted(*versions, "version"));
        if distinct == versions && *optional == 0 {
            return print(&text);
        }
        let mut needed = counted(*pins, "version");
        if distinct != pins {
            needed += &format!(" ({distinct} different)");
        }
        if *optional > 0 {
            needed += &format!("; Kibana itself has {optional} of them");
        }
        text += &field("from a registry", needed);
        if *own > 0 {
            text += &field("from no registry", format!("{}, uploaded or made in Kibana", counted(*own, "version")));
        }
        print(&text)?;
    }
    Ok(())
}
