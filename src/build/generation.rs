//! From a catalog to a generation beside the others: routes, pages, site, configurations.

use crate::answers::route;
use crate::answers::route::model::Routes;
use crate::base::file_notes;
use crate::base::fs::{Scrutiny, digest_of};
use crate::base::progress::{Clock, Progress};
use crate::catalog::cache::Cache;
use crate::catalog::merge::Catalog;
use crate::catalog::record::LayerIntake;
use crate::config::exceptions::KeptException;
use crate::config::routing::Options;
use crate::config::settings::DistributionPlan;
use crate::generation::distribution::{self, Distribution, FileContent, Files};
use crate::hosts::Published;
use crate::hosts::{self, HostOptions, Hosting};
use crate::site::assemble::Site;
use crate::site::report::{Report, Shares};
use crate::site::{assemble, facts, manifest, pages};
use crate::store::Store;
use anyhow::{Context, Result};
use std::io::Write;
use std::path::Path;

/// Writes generations into an output folder.
pub(super) struct Writer<'a> {
    pub(super) out: &'a Path,
    pub(super) routing: &'a Options,
    pub(super) store: &'a Store,
    pub(super) cache: &'a Cache,
    pub(super) progress: &'a Progress,
    pub(super) clock: &'a mut Clock,
    /// How closely a generation that is there already is compared with what it should be.
    pub(super) scrutiny: Scrutiny,
}

impl Writer<'_> {
    /// Writes the generation of a catalog, unless it is there and whole, and returns its report. It is not taken into use.
    pub(super) fn write(
        &mut self,
        plan: &DistributionPlan,
        layers: &[&LayerIntake],
        catalog: &Catalog,
        exceptions: Vec<KeptException>,
    ) -> Result<Report> {
        let route::build::Built { routes, answers, report: routing } =
            route::build::build_sized(&catalog.facts(), &catalog.compressed_sizes(), self.routing);
        self.clock.lap("route");
        let pages = if plan.ui {
            let coverage = Some(Shares::of(&routing));
            let report = Report { coverage, ..Report::new(&plan.name, layers, catalog, None) };
            pages::build(&plan.name, catalog, &report, self.store, &self.cache.pages, self.progress)?
        } else {
            Vec::new()
        };
        self.clock.lap("pages");
        let site = assemble::assemble(catalog, answers, pages, self.store, &self.cache.answers, self.progress)?;
        self.clock.lap("render");
        let mut report = Report::new(&plan.name, layers, catalog, Some((routing, &site)));
        report.exceptions = exceptions;
        let hosting = Hosting::new(&plan.prefix, plan.debug_header, &plan.listen, &plan.fallback);
        let hosting = serde_json::to_vec(&hosting).context("cannot write how it is hosted")?;
        report.generation = id(plan, catalog, &site, &routes, &report, &hosting)?;

        let id = report.generation.as_str();
        let distribution = Distribution::new(self.out, &plan.name);
        if !distribution.has(id) || !distribution.faults(id, self.scrutiny).is_empty() {
            let mut files = Files::new();
            for (name, text) in hosts::render(&routes, &host_options(plan, catalog, &site, id)?)? {
                files.insert(format!("hosts/{name}"), FileContent::Bytes(text.into_bytes()));
            }
            let notes = serde_json::to_vec(&site.notes).context("cannot write the notes")?;
            let known = catalog.facts();
            let write_manifest = |out: &mut dyn Write| manifest::write(out, &plan.name, id, catalog, &site, self.store);
            files.extend([
                (file_notes::FILE.to_owned(), FileContent::Bytes(notes)),
                (facts::FILE.to_owned(), FileContent::Written(Box::new(move |out| facts::write(&known, out)))),
                (hosts::HOSTING.to_owned(), FileContent::Bytes(hosting)),
                ("manifest.json".to_owned(), FileContent::Written(Box::new(write_manifest))),
                ("report.json".to_owned(), FileContent::Bytes(report.to_json().into_bytes())),
                ("routes.json".to_owned(), FileContent::Written(Box::new(|out| write_routes(&routes, out)))),
            ]);
            distribution.write(id, &site.tree, &files)?;
        }
        Ok(report)
    }
}

/// The name of a generation, made from everything that is in it.
fn id(
    plan: &DistributionPlan,
    catalog: &Catalog,
    site: &Site,
    routes: &Routes,
    report: &Report,
    hosting: &[u8],
) -> Result<String> {
    let routes = digest_of(|out| write_routes(routes, out))?;
    let (report, provenance) = (report.to_json(), catalog.provenance());
    let parts = [plan.name.as_bytes(), plan.listen.as_bytes(), hosting, routes.bytes(), report.as_bytes(), &provenance];
    Ok(distribution::id(&site.tree, &parts))
}

fn write_routes(routes: &Routes, out: &mut dyn Write) -> Result<()> {
    serde_json::to_writer(out, routes).context("cannot write the routing tables")
}

fn host_options(plan: &DistributionPlan, catalog: &Catalog, site: &Site, generation_id: &str) -> Result<HostOptions> {
    let mut published = Published::default();
    site.each_file(catalog, &mut |path, file| {
        published.note(path, file.gzip_sha256.is_some());
        Ok(())
    })?;
    Ok(HostOptions {
        distribution: plan.name.clone(),
        generation_id: generation_id.to_owned(),
        listen: plan.listen.clone(),
        fallback: plan.fallback.clone(),
        state: format!("/tmp/epr-{}", plan.name),
        prefix: plan.prefix.clone(),
        debug_header: plan.debug_header,
        notes: site.notes.clone(),
        published,
    })
}
