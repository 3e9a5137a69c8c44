//! One run: from listings to a layer that holds what is wanted, with the record of it.

use super::deliver::{Site, said};
use super::facts::Key;
use super::fingerprints::Fingerprints;
use super::group::Groups;
use super::listings::Hindrance;
use super::outcome::Outcome;
use super::plan::id;
use super::record::{Entry, Journal};
use super::session::{Mode, Request, Run};
use super::transport::Transport;
use super::trust::Trust;
use super::unwanted::Unwanted;
use super::wanted::Wants;
use super::workshop::Workshop;
use super::{accept, audit, saved};
use crate::base::digest::Digest;
use crate::base::progress::Progress;
use crate::base::time;
use crate::config::upstream::Upstream;
use crate::edit::PackageSelector;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Semaphore;

/// Runs on one layer.
///
/// # Errors
/// When this machine fails, another command is at work, the configuration is wrong, or a listing lost most of its versions.
/// What an upstream does wrong is in the outcome.
pub fn mirror(request: &Request<'_>, progress: &Progress) -> Result<Outcome> {
    let layer = &request.layer.source.name;
    let trust = Trust::of(layer, &request.layer.rules, request.now)?;
    let wants = wants(request)?;
    let transports = upstreams(request)?;
    let transports = transports.iter().map(|(name, upstream)| Transport::new(name, upstream, request.gates));
    let mut transports = transports.collect::<Result<Vec<_>>>()?;
    let writes = !matches!(request.mode, Mode::DryRun | Mode::Offline);
    let workshop = Workshop::open(request.layer, writes)?;
    if writes {
        // Modes of files must not depend on the umask of whoever runs this.
        rustix::process::umask(rustix::fs::Mode::empty());
    }
    let (record, accepted, interrupted) = accept::recover(&workshop)?;
    let fingerprints = Fingerprints::read(&workshop.folder)?;
    let chooses = matches!(request.mode, Mode::Fetch | Mode::DryRun);
    let unwanted = if chooses { Unwanted::read(&workshop.folder)? } else { Unwanted::default() };
    let asks = !matches!(request.mode, Mode::Offline | Mode::Accept { .. } | Mode::Audit { offline: true, .. });
    if asks {
        saved::open(&mut transports, &workshop, &request.settings.config.limits, writes, progress)?;
    }
    let site = Arc::new(Site {
        layer: layer.clone(),
        root: workshop.root.clone(),
        partial: workshop.partial(),
        changed: workshop.changed(),
        is_named: !request.only.is_empty(),
        limits: request.settings.config.limits,
        trust,
        groups: Groups::new(workshop.root.clone(), Journal::of(&workshop.folder)),
        checks: Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)),
        now: time::rfc3339(request.now),
        is_over: AtomicBool::new(false),
    });
    let dry_run = matches!(request.mode, Mode::DryRun);
    let accepted = accepted.iter().map(said).collect();
    let warnings = interrupted.into_iter().collect();
    let outcome = Outcome { layer: layer.clone(), dry_run, accepted, warnings, ..Outcome::default() };
    let (removed, silent) = (BTreeSet::new(), BTreeMap::new());
    let mut run = Run {
        request,
        workshop,
        site,
        transports,
        wants,
        record,
        removed,
        unwanted,
        outcome,
        progress,
        fingerprints,
        silent,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("cannot start the requests")?;
    let ended = runtime.block_on(run.go());
    progress.finish();
    let traffic = run.transports.iter().filter(|transport| transport.stand_in.is_none()).map(Transport::traffic);
    (run.outcome.requests, run.outcome.bytes) = traffic.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    for image in run.transports.iter().filter_map(|transport| transport.stand_in.as_ref()) {
        let path = image.path().display().to_string();
        if !image.was_read() {
            run.outcome.unread_images.insert(path.clone());
        }
        run.outcome.images.push(path);
    }
    if matches!(request.mode, Mode::Fetch) {
        run.note_ending(&ended)?;
    }
    match ended {
        Ok(()) => {}
        Err(Hindrance::Upstream(reason)) => run.outcome.ended = Some(reason),
        Err(Hindrance::Failed(error)) => return Err(error),
    }
    Ok(run.outcome)
}

/// What the layer is to hold. Who takes what a plan or the record says asks nobody.
fn wants(request: &Request<'_>) -> Result<Wants> {
    let chooses = matches!(request.mode, Mode::Fetch | Mode::DryRun | Mode::Offline);
    let source = request.layer.rules.mirror.as_ref().filter(|_| chooses);
    let wants = source.map(|source| Wants::of(&request.layer.source.name, source, &request.settings.config));
    wants.transpose().map(Option::unwrap_or_default)
}

/// The upstreams of a layer, in order.
fn upstreams(request: &Request<'_>) -> Result<Vec<(String, Upstream)>> {
    let layer = &request.layer.source.name;
    let Some(source) = &request.layer.rules.mirror else {
        bail!("layer `{layer}` is not mirrored\nhint: give it `mirror: {{from: [UPSTREAM]}}` in the configuration");
    };
    let known = &request.settings.config.upstreams;
    let named = source.from.iter().map(|name| {
        let upstream = known.get(name).with_context(|| format!("there is no upstream `{name}`"))?;
        let mut upstream = upstream.clone();
        upstream.jobs = request.jobs.unwrap_or(upstream.jobs);
        upstream.rate = request.rate.unwrap_or(upstream.rate);
        Ok((name.clone(), upstream))
    });
    named.collect()
}

impl Run<'_> {
    async fn go(&mut self) -> Result<(), Hindrance> {
        match &self.request.mode {
            Mode::Fetch | Mode::DryRun => self.listed().await,
            Mode::Apply(fetches) => self.apply(fetches).await,
            Mode::Locked => self.locked().await,
            Mode::Offline => Ok(self.offline()?),
            Mode::Audit { most, offline } => audit::audit(self, *most, *offline).await,
            Mode::Accept { version, reason } => Ok(accept::accept(self, version, reason)?),
        }
    }

    /// True if nothing is changed.
    pub(super) fn is_dry(&self) -> bool {
        matches!(self.request.mode, Mode::DryRun)
    }

    /// Digest of all but the listings that decides what a run does.
    pub(super) fn policy(&self) -> Digest {
        let from = self.request.layer.rules.mirror.as_ref().map(|source| source.from.clone());
        let only: BTreeSet<_> =
            self.request.only.iter().map(|one| format!("{}@{:?}", one.name, one.version.as_ref())).collect();
        let wants = (!self.wants.are_open()).then_some(&self.wants);
        let policy = Digest::of_value(&(from, self.judgement(), only, wants));
        if self.removed.is_empty() { policy } else { Digest::of_value(&(policy, &self.removed)) }
    }

    /// Returns true for what somebody removed from the layer, unless the run names it.
    pub(super) fn is_out(&self, key: &Key) -> bool {
        let names = |only: &PackageSelector| only.name == key.0 && only.version.as_ref() == Some(&key.1);
        self.removed.contains(&id(key)) && !self.request.only.iter().any(names)
    }

    /// Returns true for what the record has as held, and nobody removed.
    pub(super) fn holds(&self, key: &Key) -> bool {
        self.record.versions.get(key).is_some_and(Entry::is_held) && !self.is_out(key)
    }

    /// Digest of what a version is judged by.
    pub(super) fn judgement(&self) -> Digest {
        Digest::of_value(&(self.site.trust.digest(), self.site.limits, env!("CARGO_PKG_VERSION")))
    }
}
