//! From settings to generations: what [`build`] and [`check`] do, one line a stage.

pub mod compatible;
pub mod inputs;
pub mod verify;

use crate::answers::route;
use crate::base::digest::Digest;
use crate::base::file_notes;
use crate::base::fs::{Lock, digest_of};
use crate::base::progress::{Clock, Progress, Timings};
use crate::catalog::cache::Cache;
use crate::catalog::intake::{self, IntakeContext};
use crate::catalog::layers::Layers;
use crate::catalog::merge::Catalog;
use crate::catalog::record::{LayerIntake, stack};
use crate::compare::holdings::{Base, Holdings};
use crate::compare::policy::{self, Refused, Verdict};
use crate::config::Config;
use crate::config::exceptions::KeptException;
use crate::config::settings::{DistributionPlan, Settings};
use crate::generation::distribution::{self, Distribution, FileContent, Files};
use crate::generation::{history_page, prune};
use crate::hosts::Published;
use crate::hosts::{self, HostOptions, Hosting};
use crate::input::survey::{self, Inventories, ScanContext, Survey};
use crate::package::Findings;
use crate::site::report::Report;
use crate::site::{assemble, manifest, pages};
use crate::store::Store;
use crate::store::content::Contents;
use anyhow::{Context, Result};
use inputs::BuildInputs;
use std::io::Write;
use std::path::Path;

/// Where a build leaves what it saw of the folders of the store, below the output folder.
const SEEN: &str = "cache/trees";

/// Builds every distribution of the settings below `out` and takes the results into use.
///
/// # Errors
/// Failures of the machine (disk, locks); problems of packages are in the reports.
pub fn build(settings: &Settings, out: &Path, progress: &Progress) -> Result<(Vec<Report>, Timings)> {
    let lock = Lock::take(out)?;
    let mut clock = Clock::start();
    let scan = ScanContext { limits: settings.config.limits, now_ns: survey::file_system_time(lock.path())? };
    let mut survey = Survey::new(&settings.layers)?;
    let history = if settings.use_cache { BuildInputs::read(out) } else { BuildInputs::default() };
    let inventories = if settings.use_cache { Inventories::read(out) } else { Inventories::none() };
    if !history.is_empty() || (settings.use_cache && Cache::exists(out)) {
        survey.take_fingerprints(&settings.layers, &scan, &inventories);
        if let Some(reports) = unchanged(settings, out, &history, &survey.digests()) {
            clock.lap("look");
            return Ok((reports, clock.timings()));
        }
    }
    clock.lap("look");

    let store = Store::open(&out.join("store"))?;
    let cache = if settings.use_cache { Cache::read(out) } else { Cache::none() };
    let context = IntakeContext {
        contents: Contents::new(Some(&store)),
        findings: Findings::default(),
        scan,
        cache,
        inventories,
        store: Some(&store),
    };
    if !context.cache.is_empty() {
        store.look_at_blobs();
        store.read_seen(&out.join(SEEN));
    }
    let layers = intake::take_in(&settings.layers, survey, &context, progress)?;
    // What is known of contents is many megabytes, and was only needed for packages.
    let cache = context.cache;
    drop(context.contents);
    clock.lap("read");
    let merged = settings.distributions.iter().map(|plan| Catalog::merge(&stack(plan, &layers), Some(&store)));
    let catalogs = merged.collect::<Result<Vec<_>>>()?;
    clock.lap("merge");
    let verdicts = settings.distributions.iter().zip(&catalogs).map(|(plan, catalog)| {
        let distribution = Distribution::new(out, &plan.name);
        let (holdings, stack) = (Holdings::of_catalog(catalog), settings.stack(plan, settings.strict));
        policy::guard(&distribution, &holdings, &stack, &settings.exceptions, &store)
    });
    let verdicts = verdicts.collect::<Result<Vec<_>>>()?;
    clock.lap("compare");
    let refusals: Vec<_> = verdicts.iter().flat_map(Verdict::refusals).collect();
    if !refusals.is_empty() {
        // Nothing is taken into use, of no distribution; what was read need not be read again.
        if settings.use_cache {
            cache.write(out)?;
            context.inventories.write()?;
        }
        return Err(Refused(refusals).into());
    }
    let mut reports = Vec::new();
    for ((plan, catalog), verdict) in settings.distributions.iter().zip(catalogs).zip(verdicts) {
        let report =
            build_one(plan, settings, (&layers, &catalog, verdict), (&store, &cache), out, progress, &mut clock)
                .with_context(|| format!("cannot build `{}`", plan.name))?;
        reports.push(report);
    }
    prune::tidy(out, settings.keep, &store, &cache)?;
    if settings.use_cache {
        cache.write(out)?;
        store.write_seen(&out.join(SEEN))?;
        context.inventories.write()?;
        let digests: Vec<_> = layers.iter().map(|layer| layer.digest).collect();
        let built = settings.distributions.iter().zip(&reports);
        history.with(built.map(|(plan, report)| (plan, &report.generation)), settings, &digests).write(out)?;
    }
    clock.lap("remember");
    Ok((reports, clock.timings()))
}

/// Reads and merges everything and reports as [`build`] does, but writes nothing. With a base, what changed since is
/// compared with the policies of the layers.
///
/// # Errors
/// As [`build`]; or when the base cannot be read.
pub fn check(settings: &Settings, base: Option<&Base>, progress: &Progress) -> Result<(Vec<Report>, Timings)> {
    let mut clock = Clock::start();
    let layers = Layers::read(settings, None, progress)?;
    clock.lap("read");
    let reports = settings.distributions.iter().map(|plan| {
        let stack = stack(plan, &layers.intakes);
        let catalog = layers.catalog(plan)?;
        let mut report = Report::new(&plan.name, &stack, &catalog, None);
        if let Some(base) = base {
            let (was, now) = (base.holdings(plan)?, Holdings::of_catalog(&catalog));
            let stack = settings.stack(plan, true);
            report.advice = policy::compare(&was, &now, &stack, &settings.exceptions, None)?.problems;
        }
        Ok(report)
    });
    let reports = reports.collect::<Result<_>>()?;
    clock.lap("merge");
    Ok((reports, clock.timings()))
}

/// The reports of the generations in use, if they are what this build would make again.
fn unchanged(
    settings: &Settings,
    out: &Path,
    history: &BuildInputs,
    digests: &[Option<Digest>],
) -> Option<Vec<Report>> {
    let built = |plan: &DistributionPlan| {
        let distribution = Distribution::new(out, &plan.name);
        let generation = history.generation(plan, settings, digests)?.to_owned();
        (distribution.current()? == generation).then_some((distribution, generation))
    };
    let built = settings.distributions.iter().map(built).collect::<Option<Vec<_>>>()?;
    let store = Store::existing(&out.join("store")).ok()?;
    store.look_at_blobs();
    store.read_seen(&out.join(SEEN));
    let report = |(distribution, generation): &(Distribution, String)| {
        distribution.is_whole(generation, &store).then(|| distribution.report(generation))?
    };
    let reports = built.iter().map(report).collect::<Option<_>>()?;
    // Without it the next build takes longer, and that is all.
    let _ = store.write_seen(&out.join(SEEN));
    Some(reports)
}

/// One distribution: routes, site, generation, switch.
fn build_one(
    plan: &DistributionPlan,
    settings: &Settings,
    (layers, catalog, verdict): (&[LayerIntake], &Catalog, Verdict),
    parts: (&Store, &Cache),
    out: &Path,
    progress: &Progress,
    clock: &mut Clock,
) -> Result<Report> {
    let distribution = Distribution::new(out, &plan.name);
    let layers = stack(plan, layers);
    let exceptions = distribution.exceptions_with(&verdict.used, &settings.exceptions.reason);
    let about = (plan, &settings.config, exceptions);
    let mut report = write_generation(about, &layers, catalog, parts, &distribution, progress, clock)?;
    distribution.keep_exceptions(&report.exceptions)?;
    report.advice = verdict.problems;
    distribution.switch(&report.generation)?;
    if plan.ui {
        history_page::write(&distribution)?;
    }
    clock.lap("write");
    Ok(report)
}

/// Writes the generation of a catalog beside the others: routes, site, configurations.
fn write_generation(
    (plan, config, exceptions): (&DistributionPlan, &Config, Vec<KeptException>),
    layers: &[&LayerIntake],
    catalog: &Catalog,
    (store, cache): (&Store, &Cache),
    distribution: &Distribution,
    progress: &Progress,
    clock: &mut Clock,
) -> Result<Report> {
    let route::build::Built { routes: tables, answers, report: routing } =
        route::build::build(&catalog.facts(), &config.routing);
    clock.lap("route");
    let pages = if plan.ui {
        let known = Report::new(&plan.name, layers, catalog, None);
        pages::build(&plan.name, catalog, &known, store, &cache.pages, progress)?
    } else {
        Vec::new()
    };
    clock.lap("pages");
    let site = assemble::assemble(catalog, answers, pages, store, &cache.answers, progress)?;
    clock.lap("render");
    let mut report = Report::new(&plan.name, layers, catalog, Some((routing, &site)));
    report.exceptions = exceptions;
    let write_routes =
        |out: &mut dyn Write| serde_json::to_writer(out, &tables).context("cannot write the routing tables");
    let routes = digest_of(write_routes)?;
    let (report_json, provenance) = (report.to_json(), catalog.provenance());
    let hosting = Hosting { prefix: plan.prefix.clone(), debug_header: plan.debug_header };
    let hosting = serde_json::to_vec(&hosting).context("cannot write how it is hosted")?;
    let parts =
        [plan.name.as_bytes(), plan.listen.as_bytes(), &hosting, routes.bytes(), report_json.as_bytes(), &provenance];
    report.generation = distribution::id(&site.tree, &parts);

    if !distribution.has(&report.generation) {
        let mut published = Published::default();
        site.each_file(catalog, &mut |path, file| {
            published.note(path, file.gzip_sha256.is_some());
            Ok(())
        })?;
        let options = HostOptions {
            distribution: plan.name.clone(),
            generation_id: report.generation.clone(),
            listen: plan.listen.clone(),
            state: format!("/tmp/epr-{}", plan.name),
            prefix: plan.prefix.clone(),
            debug_header: plan.debug_header,
            notes: site.notes.clone(),
            published,
        };
        let mut files = Files::new();
        for (name, text) in hosts::render(&tables, &options)? {
            files.insert(format!("hosts/{name}"), FileContent::Bytes(text.into_bytes()));
        }
        let notes = serde_json::to_vec(&site.notes).context("cannot write the notes")?;
        files.insert(file_notes::FILE.to_owned(), FileContent::Bytes(notes));
        files.insert(hosts::HOSTING.to_owned(), FileContent::Bytes(hosting));
        let id = &report.generation;
        let write_manifest = |out: &mut dyn Write| manifest::write(out, &plan.name, id, catalog, &site, store);
        files.insert("manifest.json".to_owned(), FileContent::Written(Box::new(write_manifest)));
        files.insert("report.json".to_owned(), FileContent::Bytes(report.to_json().into_bytes()));
        files.insert("routes.json".to_owned(), FileContent::Written(Box::new(write_routes)));
        distribution.write(&report.generation, &site.tree, &files)?;
    }
    Ok(report)
}
