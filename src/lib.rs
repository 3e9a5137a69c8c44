#![doc = include_str!("ARCHITECTURE.md")]

pub mod cli;
pub mod config;
pub mod config_file;
pub mod problem;
pub mod progress;

pub mod source;
pub mod survey;
pub mod yaml;
pub mod version;
pub mod package;
pub mod json;
pub mod media;
pub mod intake;
pub mod content;
pub mod archive;
pub mod compress;
pub mod digest;
pub mod store;
pub mod cache;
pub mod catalog;
pub mod search;
pub mod route;
pub mod ui;
pub mod site;
pub mod hosts;
pub mod manifest;
pub mod report;
pub mod generation;
pub mod history;
pub mod prune;
pub mod verify;
pub mod serve;

use anyhow::{Context, Result};
use cache::Cache;
use catalog::Catalog;
use cli::{DistributionPlan, Settings};
use content::Contents;
use digest::Digest;
use generation::{Content, Distribution, Files, Lock};
use history::History;
use hosts::HostOptions;
use intake::{Desk, LayerIntake};
use progress::Progress;
use report::{Clock, Report, Timings};
use std::io::Write;
use std::path::Path;
use store::Store;
use survey::{Look, Survey};

/// Builds every distribution of the settings below `out` and takes the results into use.
///
/// # Errors
/// Failures of the machine (disk, locks); problems of packages are in the reports.
pub fn build(settings: &Settings, out: &Path, progress: &Progress) -> Result<(Vec<Report>, Timings)> {
    let lock = Lock::take(out)?;
    let mut clock = Clock::start();
    let look = Look { limits: settings.config.limits, now_ns: survey::file_system_time(lock.path())? };
    let mut survey = Survey::new(&settings.layers)?;
    let history = if settings.use_cache { History::read(out) } else { History::default() };
    if !history.is_empty() || (settings.use_cache && Cache::exists(out)) {
        survey.take_fingerprints(&settings.layers, &look);
        if let Some(reports) = unchanged(settings, out, &history, &survey.digests()) {
            clock.lap("look");
            return Ok((reports, clock.timings()));
        }
    }
    clock.lap("look");

    let store = Store::open(&out.join("store"))?;
    let cache = if settings.use_cache { Cache::read(out) } else { Cache::none() };
    let desk = Desk { contents: Contents::new(Some(&store)), look, cache, store: Some(&store) };
    let layers = intake::take_in(&settings.layers, survey, &desk, progress)?;
    clock.lap("read");
    let mut reports = Vec::new();
    for plan in &settings.distributions {
        let report = build_one(plan, settings, &layers, &desk, out, progress, &mut clock)
            .with_context(|| format!("cannot build `{}`", plan.name))?;
        reports.push(report);
    }
    prune::tidy(out, settings.keep, &store, &desk.cache)?;
    if settings.use_cache {
        desk.cache.write(out)?;
        let digests: Vec<_> = layers.iter().map(|layer| layer.digest).collect();
        let built = settings.distributions.iter().zip(&reports);
        history.with(built.map(|(plan, report)| (plan, &report.generation)), settings, &digests).write(out)?;
    }
    clock.lap("remember");
    Ok((reports, clock.timings()))
}

/// Reads and merges everything and reports as [`build`] does, but writes nothing.
///
/// # Errors
/// As [`build`].
pub fn check(settings: &Settings, progress: &Progress) -> Result<(Vec<Report>, Timings)> {
    let mut clock = Clock::start();
    let look = Look { limits: settings.config.limits, now_ns: 0 };
    let desk = Desk { contents: Contents::new(None), look, cache: Cache::none(), store: None };
    let layers = intake::take_in(&settings.layers, Survey::new(&settings.layers)?, &desk, progress)?;
    clock.lap("read");
    let reports = settings.distributions.iter().map(|plan| {
        let layers = plan.stack(&layers);
        Ok(Report::new(&plan.name, &layers, &Catalog::merge(&layers, None)?, None))
    });
    let reports = reports.collect::<Result<_>>()?;
    clock.lap("merge");
    Ok((reports, clock.timings()))
}

/// The reports of the generations in use, if they are what this build would make again.
fn unchanged(settings: &Settings, out: &Path, history: &History, digests: &[Option<Digest>]) -> Option<Vec<Report>> {
    let store = Store::existing(&out.join("store")).ok()?;
    let is_current = |plan: &DistributionPlan| {
        let distribution = Distribution::new(out, &plan.name);
        let generation = history.generation(plan, settings, digests)?;
        let is_used = distribution.current()? == generation;
        (is_used && distribution.is_whole(generation, &store)).then(|| distribution.report(generation))?
    };
    settings.distributions.iter().map(is_current).collect()
}

/// One distribution: merge, routes, site, generation, switch.
fn build_one(
    plan: &DistributionPlan,
    settings: &Settings,
    layers: &[LayerIntake],
    desk: &Desk<'_>,
    out: &Path,
    progress: &Progress,
    clock: &mut Clock,
) -> Result<Report> {
    let store = desk.store.context("a build has a store")?;
    let layers = plan.stack(layers);
    let catalog = Catalog::merge(&layers, Some(store))?;
    clock.lap("merge");
    let routing = route::build::build(&catalog.facts(), &settings.config.routing);
    clock.lap("route");
    let pages = if plan.ui {
        let known = Report::new(&plan.name, &layers, &catalog, None);
        ui::build(&plan.name, &catalog, &known, store, &desk.cache.pages, progress)?
    } else {
        Vec::new()
    };
    clock.lap("pages");
    let site = site::assemble(&catalog, &routing.answers, pages, store, &desk.cache.answers, progress)?;
    clock.lap("render");
    let mut report = Report::new(&plan.name, &layers, &catalog, Some((routing.report, &site)));
    let write_routes =
        |out: &mut dyn Write| serde_json::to_writer(out, &routing.routes).context("cannot write the routing tables");
    let routes = generation::digest_of(write_routes)?;
    let (told, provenance) = (report.to_json(), catalog.provenance());
    let parts = [plan.name.as_bytes(), plan.listen.as_bytes(), routes.bytes(), told.as_bytes(), &provenance];
    report.generation = generation::id(&site.tree, &parts);

    let distribution = Distribution::new(out, &plan.name);
    if !distribution.has(&report.generation) {
        let options = HostOptions {
            distribution: plan.name.clone(),
            generation_id: report.generation.clone(),
            listen: plan.listen.clone(),
            state: format!("/tmp/epr-{}", plan.name),
            notes: site.notes.clone(),
            ..HostOptions::default()
        };
        let mut files = Files::new();
        for (name, text) in hosts::render(&routing.routes, &options)? {
            files.insert(format!("hosts/{name}"), Content::Bytes(text.into_bytes()));
        }
        let notes = serde_json::to_vec(&site.notes).context("cannot write the notes")?;
        files.insert(hosts::notes::FILE.to_owned(), Content::Bytes(notes));
        let id = &report.generation;
        let write_manifest = |out: &mut dyn Write| manifest::write(out, &plan.name, id, &catalog, &site, store);
        files.insert("manifest.json".to_owned(), Content::Written(Box::new(write_manifest)));
        files.insert("report.json".to_owned(), Content::Bytes(report.to_json().into_bytes()));
        files.insert("routes.json".to_owned(), Content::Written(Box::new(write_routes)));
        distribution.write(&report.generation, &site.tree, &files)?;
    }
    distribution.switch(&report.generation)?;
    if plan.ui {
        ui::history::write(&distribution)?;
    }
    clock.lap("write");
    Ok(report)
}
