//! `epr-build`: layered distributions of packages in, a static Elastic Package Registry out.

pub mod cli;
pub mod config;
pub mod config_file;
pub mod problem;
pub mod progress;

pub mod archive;
pub mod catalog;
pub mod compress;
pub mod content;
pub mod digest;
pub mod generation;
pub mod hosts;
pub mod intake;
pub mod json;
pub mod manifest;
pub mod media;
pub mod package;
pub mod report;
pub mod route;
pub mod search;
pub mod serve;
pub mod site;
pub mod source;
pub mod store;
pub mod version;
pub mod yaml;

use anyhow::{Context, Result};
use catalog::Catalog;
use cli::{DistributionPlan, Settings};
use content::Contents;
use generation::{Distribution, Files, Lock};
use hosts::nginx::NginxOptions;
use intake::{Desk, LayerIntake};
use progress::Progress;
use report::{Clock, Report, Timings};
use std::path::Path;
use store::Store;

/// Builds every distribution of the settings below `out` and takes the results into use.
///
/// # Errors
/// Failures of the machine (disk, locks); problems of packages are in the reports.
pub fn build(settings: &Settings, out: &Path, progress: &Progress) -> Result<(Vec<Report>, Timings)> {
    let _lock = Lock::take(out)?;
    let mut clock = Clock::start();
    let store = Store::open(&out.join("store"))?;
    let layers = take_in(settings, Some(&store), progress)?;
    clock.lap("read");
    let mut reports = Vec::new();
    for plan in &settings.distributions {
        let layers: Vec<_> = plan.layers.iter().map(|&position| &layers[position]).collect();
        let report = build_one(plan, settings, &layers, &store, out, progress)
            .with_context(|| format!("cannot build `{}`", plan.name))?;
        reports.push(report);
        clock.lap("build");
    }
    Ok((reports, clock.timings()))
}

/// Reads and merges everything and reports as [`build`] does, but writes nothing.
///
/// # Errors
/// As [`build`].
pub fn check(settings: &Settings, progress: &Progress) -> Result<(Vec<Report>, Timings)> {
    let mut clock = Clock::start();
    let layers = take_in(settings, None, progress)?;
    clock.lap("read");
    let reports = settings.distributions.iter().map(|plan| {
        let layers: Vec<_> = plan.layers.iter().map(|&position| &layers[position]).collect();
        Ok(Report::new(&plan.name, &layers, &Catalog::merge(&layers, None)?, None))
    });
    let reports = reports.collect::<Result<_>>()?;
    clock.lap("merge");
    Ok((reports, clock.timings()))
}

fn take_in(settings: &Settings, store: Option<&Store>, progress: &Progress) -> Result<Vec<LayerIntake>> {
    let desk = Desk { contents: Contents::new(store), limits: settings.config.limits };
    intake::take_in(&settings.layers, &desk, progress)
}

/// One distribution: merge, routes, site, generation, switch.
fn build_one(
    plan: &DistributionPlan,
    settings: &Settings,
    layers: &[&LayerIntake],
    store: &Store,
    out: &Path,
    progress: &Progress,
) -> Result<Report> {
    let catalog = Catalog::merge(layers, Some(store))?;
    let routing = route::build::build(&catalog.facts(), &settings.config.routing);
    let site = site::assemble(&catalog, &routing.answers, store, progress)?;
    let mut report = Report::new(&plan.name, layers, &catalog, Some((routing.report, &site)));
    let routes = serde_json::to_vec(&routing.routes).context("cannot write the routing tables")?;
    let (told, provenance) = (report.to_json(), catalog.provenance());
    let parts = [plan.name.as_bytes(), plan.listen.as_bytes(), &routes, told.as_bytes(), &provenance];
    report.generation = generation::id(&site.tree, &parts);

    let nginx = NginxOptions {
        generation_id: report.generation.clone(),
        listen: plan.listen.clone(),
        state: format!("/tmp/epr-{}", plan.name),
        notes: site.notes.clone(),
        ..NginxOptions::default()
    };
    let mut files = Files::new();
    for (name, text) in hosts::nginx::render(&routing.routes, &nginx)? {
        files.insert(format!("hosts/nginx/{name}"), text.into_bytes());
    }
    files.insert(hosts::notes::FILE.to_owned(), serde_json::to_vec(&site.notes).context("cannot write the notes")?);
    files.insert("manifest.json".to_owned(), manifest::render(&plan.name, &report.generation, &catalog, &site, store)?);
    files.insert("report.json".to_owned(), report.to_json().into_bytes());
    files.insert("routes.json".to_owned(), routes);

    let distribution = Distribution::new(out, &plan.name);
    distribution.write(&report.generation, &site.tree, &files)?;
    distribution.switch(&report.generation)?;
    Ok(report)
}
