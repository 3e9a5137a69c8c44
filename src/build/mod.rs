//! From settings to generations: [`build`](build()) goes through the stages, one line each.

pub mod check;
pub mod compatible;
mod generation;
pub mod inputs;
mod look;
mod lost;
mod merged;
pub mod places;
pub mod verify;

use crate::base::fs::{Lock, Scrutiny, flush_all, remove_any};
use crate::base::problem::{Problem, Severity};
use crate::base::progress::{Clock, Progress, Timings};
use crate::base::rule::Rule;
use crate::catalog::cache::{self, Cache};
use crate::catalog::intake::{self, IntakeContext};
use crate::catalog::merge::Catalog;
use crate::catalog::record::{LayerIntake, stack};
use crate::compare::holdings::Holdings;
use crate::compare::policy::{self, Before, Refused, Verdict};
use crate::config::settings::{DistributionPlan, Settings};
use crate::generation::distribution::Distribution;
use crate::generation::uses::Switch;
use crate::generation::{history_page, lay_again, prune};
use crate::input::image;
use crate::input::survey::{self, Inventories, ScanContext, Survey};
use crate::package::Findings;
use crate::site::report::Report;
use crate::store::content::Contents;
use crate::store::{STOCK, Store};
use anyhow::{Context, Result};
use generation::Writer;
use inputs::BuildInputs;
use look::Look;
use merged::Merged;
use places::Place;
use std::collections::BTreeSet;
use std::path::Path;

/// Builds every distribution of the settings below `out` and takes the results into use.
///
/// # Errors
/// [`Refused`], when policies of layers forbid a change or a layer lost too much; an output folder that is no place for
/// one; failures of the machine (disk, locks). Problems of packages are in the reports.
pub fn build(settings: &Settings, out: &Path, progress: &Progress) -> Result<(Vec<Report>, Timings)> {
    places::are_apart(&settings.layers, Place::output(out))?;
    run(settings, out, progress)
}

/// The same at a place that is known to be right.
fn run(settings: &Settings, out: &Path, progress: &Progress) -> Result<(Vec<Report>, Timings)> {
    let mut clock = Clock::start();
    // Images are unpacked in the output folder. Otherwise the lock, which makes that folder, waits until the layers are there.
    let mut early = if image::is_among(&settings.layers) { Some(Lock::take(out)?) } else { None };
    let (layers, is_fresh) = image::laid_open(&settings.layers, out, !settings.use_cache, progress)?;
    if is_fresh {
        // Files that changed just now are not remembered, and those stay as they are.
        drop(early.take());
        std::thread::sleep(survey::TICK);
    }
    let settings = &Settings { layers, ..settings.clone() };
    let survey = Survey::new(&settings.layers)?;
    survey::require_layers(settings, |position| &survey.0[position].problems)?;
    let lock = early.map_or_else(|| Lock::take(out), Ok)?;
    if !settings.use_cache {
        lay_again::set_modes(out)?;
    }
    drop_damaged_cache(out, scrutiny(settings))?;
    for distribution in Distribution::all(out)? {
        distribution.mend_records()?;
    }
    let look = Look::take(survey, settings, out, &lock)?;
    let unchanged = look.unchanged(settings, out);
    clock.lap("look");
    if let Some(reports) = unchanged {
        return Ok((reports, clock.timings()));
    }

    // What is read from here on is read to its end.
    drop_damaged_cache(out, Scrutiny::Read)?;
    let Look { survey, scan, inputs, inventories } = look;
    let mut build = Build::open(settings, out, progress, clock)?;
    let layers = build.take_in(survey, scan, &inventories)?;
    let merged = build.merge(&layers)?;
    let verdicts = build.compare(&merged, &layers)?;
    // Distributions have layers in common, which lost the same.
    let losses: BTreeSet<&Problem> = verdicts.iter().flat_map(|verdict| &verdict.losses).collect();
    let mut losses: Vec<Problem> = losses.into_iter().cloned().collect();
    // Reasons first, as what follows from them stands at the end.
    losses.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    let of_layers = layers.iter().flat_map(|layer| &layer.problems);
    let of_layers = of_layers.filter(|problem| problem.severity == Severity::Refusal).cloned();
    let of_selections = merged.iter().flat_map(|one| one.mistakes.iter().cloned());
    let of_selections = of_selections.chain(verdicts.iter().flat_map(|verdict| verdict.narrowed.clone()));
    let refusals = of_layers.chain(losses).chain(of_selections).chain(verdicts.iter().flat_map(Verdict::refusals));
    let refusals: Vec<_> = refusals.collect();
    if !refusals.is_empty() {
        // No distribution is taken into use; what was read need not be read again.
        build.remember_packages(inventories)?;
        return Err(Refused(refusals).into());
    }
    let mut reports = Vec::new();
    for ((plan, one), verdict) in settings.distributions.iter().zip(merged).zip(verdicts) {
        let report = build.distribution(plan, &stack(plan, &layers), &one.catalog, verdict);
        reports.push(report.with_context(|| format!("cannot build `{}`", plan.name))?);
    }
    if !build.store.is_as_listed() {
        lay_again::everywhere(out, &build.store)?;
    }
    prune::tidy(out, settings.keep, &build.store, &build.cache)?;
    let timings = build.remember(inputs, inventories, &layers, &reports)?;
    Ok((reports, timings))
}

/// Removes files of the cache that are not as they were written.
fn drop_damaged_cache(out: &Path, scrutiny: Scrutiny) -> Result<()> {
    cache::damaged(out, scrutiny)?.iter().try_for_each(|path| remove_any(path))
}

/// How closely what is there is compared with what it should be.
fn scrutiny(settings: &Settings) -> Scrutiny {
    if settings.use_cache { Scrutiny::Look } else { Scrutiny::Read }
}

/// State that the stages of a build share.
struct Build<'a> {
    settings: &'a Settings,
    out: &'a Path,
    progress: &'a Progress,
    clock: Clock,
    store: Store,
    cache: Cache,
}

impl<'a> Build<'a> {
    /// Opens the store and the cache of the output folder.
    fn open(settings: &'a Settings, out: &'a Path, progress: &'a Progress, clock: Clock) -> Result<Self> {
        let store = Store::open(&out.join("store"))?;
        let cache = if settings.use_cache { Cache::read(out) } else { Cache::none() };
        store.take_stock(settings.use_cache.then(|| out.join(STOCK)).as_deref());
        Ok(Self { settings, out, progress, clock, store, cache })
    }

    /// Reads, checks and stores the packages of all layers.
    fn take_in(&mut self, survey: Survey, scan: ScanContext, inventories: &Inventories) -> Result<Vec<LayerIntake>> {
        let context = IntakeContext {
            contents: Contents::new(Some(&self.store)),
            findings: Findings::default(),
            scan,
            cache: &self.cache,
            inventories,
            store: Some(&self.store),
        };
        let layers = intake::take_in(&self.settings.layers, survey, &context, self.progress)?;
        drop(context);
        self.clock.lap("read");
        Ok(layers)
    }

    /// One catalog for each distribution, cut to what it publishes.
    fn merge(&mut self, layers: &[LayerIntake]) -> Result<Vec<Merged>> {
        let merge = |plan| Merged::of(plan, Catalog::merge(&stack(plan, layers), Some(&self.store))?);
        let merged = self.settings.distributions.iter().map(merge).collect::<Result<_>>()?;
        self.clock.lap("merge");
        Ok(merged)
    }

    /// Compares the catalogs with the generations in use: what the layers lost, and what their policies forbid.
    fn compare(&mut self, merged: &[Merged], layers: &[LayerIntake]) -> Result<Vec<Verdict>> {
        let settings = self.settings;
        let compare = |(plan, merged): (&DistributionPlan, &Merged)| {
            let (distribution, rules) =
                (Distribution::new(self.out, &plan.name), settings.stack(plan, settings.strict));
            let intakes = stack(plan, layers);
            // Policies and guards are about what layers hold, and they hold what a selection leaves out.
            let (before, now) = (Before::of(&distribution), merged.held(&intakes));
            let mut verdict = policy::guard(&before, &now, &rules, &settings.exceptions, &self.store)?;
            verdict.change = before.change_to(&Holdings::of_catalog(&merged.catalog));
            verdict.losses = lost::refusals(settings, plan, &before, &now, &intakes)?;
            verdict.narrowed = merged.narrowed(plan, before.holdings()).into_iter().collect();
            if settings.accept_loss {
                let lost = std::mem::take(&mut verdict.losses).len() + std::mem::take(&mut verdict.narrowed).len();
                verdict.is_loss_accepted = lost > 0;
            }
            Ok(verdict)
        };
        let verdicts = settings.distributions.iter().zip(merged).map(compare).collect::<Result<_>>()?;
        self.clock.lap("compare");
        Ok(verdicts)
    }

    /// Writes the generation of one distribution and takes it into use.
    fn distribution(
        &mut self,
        plan: &DistributionPlan,
        layers: &[&LayerIntake],
        catalog: &Catalog,
        verdict: Verdict,
    ) -> Result<Report> {
        let distribution = Distribution::new(self.out, &plan.name);
        let exceptions = distribution.exceptions_with(&verdict.used, &self.settings.exceptions.reason);
        let mut report = self.writer().write(plan, layers, catalog, exceptions)?;
        distribution.keep_exceptions(&report.exceptions)?;
        report.advice = verdict.problems;
        report.advice.extend(prefix_change(&distribution, plan)?);
        report.change = verdict.change;
        (report.allowed, report.is_loss_accepted) = (verdict.used, verdict.is_loss_accepted);
        distribution.switch(&report.generation, Switch::Build)?;
        distribution.mend_releases(scrutiny(self.settings))?;
        distribution.write_advice(&report.generation, &report.advice)?;
        if plan.ui {
            // Its absence is told, and mended by the next build.
            let _ = history_page::renew(&distribution);
        }
        self.clock.lap("write");
        Ok(report)
    }

    fn writer(&mut self) -> Writer<'_> {
        Writer {
            out: self.out,
            routing: &self.settings.config.routing,
            store: &self.store,
            cache: &self.cache,
            progress: self.progress,
            scrutiny: scrutiny(self.settings),
            clock: &mut self.clock,
        }
    }

    /// Writes what was found out about packages.
    fn remember_packages(self, inventories: Inventories) -> Result<()> {
        if self.settings.use_cache {
            self.cache.write(self.out)?;
            inventories.write()?;
            flush_all(self.out)?;
        }
        Ok(())
    }

    /// Writes all that spares the next build work, and says how long each stage took.
    fn remember(
        mut self,
        inputs: BuildInputs,
        inventories: Inventories,
        layers: &[LayerIntake],
        reports: &[Report],
    ) -> Result<Timings> {
        let (settings, out) = (self.settings, self.out);
        if settings.use_cache {
            self.cache.write(out)?;
            inventories.write()?;
            // The list and the inputs say that there is nothing to do: all they lead to is on the disk before them.
            flush_all(out)?;
            self.store.write_stock(&out.join(STOCK))?;
            let digests: Vec<_> = layers.iter().map(|layer| layer.digest).collect();
            let built = settings.distributions.iter().zip(reports);
            inputs.with(built.map(|(plan, report)| (plan, &report.generation)), settings, &digests).write(out)?;
        }
        self.clock.lap("remember");
        Ok(self.clock.timings())
    }
}

/// Warns if what is built lies below another prefix than what is in use.
fn prefix_change(distribution: &Distribution, plan: &DistributionPlan) -> Result<Option<Problem>> {
    let Some(current) = distribution.current().filter(|current| distribution.has(current)) else { return Ok(None) };
    let was = distribution.hosting(&current)?.prefix;
    let shown = |prefix: &str| if prefix.is_empty() { "no prefix".to_owned() } else { format!("`{prefix}`") };
    let message = format!("the registry lay below {} and lies below {} now", shown(&was), shown(&plan.prefix));
    Ok((was != plan.prefix).then(|| Problem::new(Rule::PrefixChanged, message).within(&plan.name, "")))
}
