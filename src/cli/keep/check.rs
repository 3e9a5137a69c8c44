//! `epr-build keep check`.

use super::files::{around, layer, selection};
use crate::base::progress::Progress;
use crate::base::words::counted;
use crate::catalog::layers::Layers;
use crate::catalog::merge::{Catalog, LeftOut};
use crate::catalog::record::LayerIntake;
use crate::cli::common::edit::now;
use crate::cli::common::options::{Format, FormatOption, JobsOption, LayerOptions, OutputFolder};
use crate::cli::common::print::{field, print, print_json};
use crate::cli::common::{Exit, talk};
use crate::config::layer::LayerPlan;
use crate::config::location::is_git;
use crate::config::settings::{DistributionPlan, Settings};
use crate::keep::check::{Answering, Checked, Finding, Registry, Unfit, check, kept_by_pins};
use crate::keep::sources::in_words;
use crate::mirror::MirroredLayer;
use crate::package::Facts;
use crate::select::keep_file::{KeepFile, read_all};
use crate::select::published::published;
use crate::select::{Key, Pin, choose};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::collections::BTreeSet;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  epr-build keep check --layer elastic
  epr-build keep check keep/site-a.keep --layer elastic --select fleet-9

A version counts as held if the layer has it, or a layer that stands with it in a distribution. What can be installed again is \
judged by what distributions with the layer answer: with overrides, and without what their selections leave out. Versions that \
were uploaded or made in Kibana are in no registry and are only counted. Nothing is written.

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
    let mirrored = source.map(|_| MirroredLayer::open(plan, false)).transpose()?;
    let listed = mirrored.iter().flat_map(|layer| layer.facts.iter().filter(|(_, facts)| facts.is_given()));
    let listed: BTreeSet<_> = listed.map(|(key, _)| key.clone()).collect();
    let is_removed = |key: &&Key| mirrored.as_ref().is_some_and(|layer| layer.is_removed(key));
    let (answering, unfit) = answering(&settings, arguments)?;
    let registry = Registry {
        layer: &arguments.layer,
        answering,
        unfit,
        removed: listed.iter().filter(is_removed).cloned().collect(),
        listed,
        options: arguments.layers.words(),
    };
    let mut checked = check(&files, &registry, now());
    let name = arguments.select.as_deref().or(source.and_then(|source| source.select.as_deref()));
    if let Some(name) = name {
        let Some(mirrored) = &mirrored else {
            bail!(
                "layer `{}` is not mirrored, so nothing is selected for it\nhint: leave out --select",
                arguments.layer
            );
        };
        checked.kept = kept(&settings, name, (plan, mirrored), &files)?;
    }
    match format {
        Format::Json => print_json(&checked)?,
        Format::Text => tell(&checked, &files)?,
    }
    Ok(if checked.problems.is_empty() { Exit::Clean } else { Exit::Problems })
}

/// What the distributions that have the layer answer, or the layer if none has it, as far as the layers are there; and what lies in
/// these layers and cannot be published.
fn answering(settings: &Settings, arguments: &Arguments) -> Result<(Vec<Answering>, Vec<Unfit>)> {
    let is_there = |path: &PathBuf| is_git(path) || path.exists();
    let around = around(settings, &arguments.layer, |_| true, |plan| plan.source.paths.iter().all(is_there));
    let progress = Progress::new(talk::quiet());
    let layers = Layers::read(&around, Some(&arguments.folder.out), &progress)?;
    progress.finish();
    let unfit = |layer: &LayerIntake| -> Vec<Unfit> {
        let problems = layer.all_problems().filter(|problem| problem.is_quarantine());
        let unfit = problems.map(|problem| Unfit {
            layer: layer.name.clone(),
            path: problem.place.package.clone(),
            message: problem.message.clone(),
        });
        unfit.collect()
    };
    let unfit = layers.intakes.iter().flat_map(unfit).collect();
    if around.distributions.is_empty() {
        let alone: Vec<_> = layers.intakes.iter().collect();
        return Ok((vec![of_catalog(None, &Catalog::merge(&alone, layers.store.as_ref())?)], unfit));
    }
    let of_plan = |plan: &DistributionPlan| {
        let catalog = published(plan, layers.catalog(plan)?)?;
        Ok(of_catalog(Some(plan.name.clone()), &catalog))
    };
    Ok((around.distributions.iter().map(of_plan).collect::<Result<_>>()?, unfit))
}

fn of_catalog(distribution: Option<String>, catalog: &Catalog) -> Answering {
    let mut answering = Answering { distribution, ..Answering::default() };
    for facts in catalog.facts() {
        answering.offered.entry(facts.name.clone()).or_default().push(facts.clone());
    }
    let left_out = catalog.selected.iter().flat_map(|selected| &selected.left_out);
    for LeftOut { entry, reason, .. } in left_out.clone() {
        let Facts { name, version, .. } = &entry.own.facts;
        answering.left_out.insert((name.clone(), version.clone()), reason.clone());
    }
    for entry in catalog.entries.iter().chain(left_out.map(|one| &one.entry)) {
        answering.held.entry(entry.own.facts.name.clone()).or_default().push(entry.own.facts.clone());
    }
    answering.held.values_mut().for_each(|all| all.sort_by(|a, b| a.version.cmp(&b.version)));
    answering
}

/// Versions that stay because of keep files alone.
fn kept(
    settings: &Settings,
    name: &str,
    (plan, mirrored): (&LayerPlan, &MirroredLayer),
    files: &[KeepFile],
) -> Result<Vec<Finding>> {
    let (_, selection) = selection(settings, name)?;
    let candidates = mirrored.candidates(&plan.rules.overrides);
    let pins: Vec<Pin> = files.iter().flat_map(KeepFile::pins).collect();
    let unfit = || format!("selection `{name}` cannot be used");
    let alone = choose(&selection, &candidates, &[]).with_context(unfit)?;
    let with = choose(&selection, &candidates, &pins).with_context(unfit)?;
    Ok(kept_by_pins(files, &alone, &with))
}

fn tell(checked: &Checked, files: &[KeepFile]) -> Result<()> {
    let (kept, bundled) = if talk::quiet() { (&[][..], &[][..]) } else { (&checked.kept[..], &checked.bundled[..]) };
    let (problems, warnings) = (&checked.problems[..], &checked.warnings[..]);
    for (level, findings) in [("error", problems), ("warning", warnings), ("note", kept), ("note", bundled)] {
        for Finding { site, message, hint, .. } in findings {
            let hint = hint.as_ref().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
            talk::say(&format!("{level}: {site}.keep: {message}\n{hint}"))?;
        }
    }
    if !talk::quiet() {
        let Checked { versions, pins, distinct, sources, problems, .. } = checked;
        let ends = if problems.is_empty() { "all held".to_owned() } else { counted(problems.len(), "problem") };
        let mut text = format!("{}, {}: {ends}\n", counted(files.len(), "site"), counted(*versions, "version"));
        text += &field("of these", in_words(sources));
        if distinct != pins {
            text += &field(
                "different",
                format!("{}, without what was uploaded or made in Kibana", counted(*distinct, "version")),
            );
        }
        print(&text)?;
    }
    Ok(())
}
