//! State that all connections share.

use super::access_log::AccessLog;
use super::metrics::Metrics;
use super::options::{Event, EventSink, Patience, ServeOptions};
use super::releases::Releases;
use super::site::Site;
use super::tls::Tls;
use crate::answers::route::request::position_below;
use anyhow::Result;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Semaphore;

/// State that all connections share.
pub(super) struct Server {
    /// The generation that is served at the moment.
    current: RwLock<Arc<Site>>,
    /// The releases beside it.
    releases: RwLock<Arc<Releases>>,
    pub(super) tls: Option<Tls>,
    pub(super) log: Option<AccessLog>,
    pub(super) metrics: Metrics,
    pub(super) patience: Patience,
    /// A permit for each response that may have files open.
    pub(super) files: Arc<Semaphore>,
    report: EventSink,
}

impl Server {
    /// Opens everything that is served from or written to.
    pub(super) fn open(options: &ServeOptions, report: EventSink) -> Result<Self> {
        let site = Site::open(options)?;
        let (releases, failed) = Releases::default().look(options).unwrap_or_default();
        failed.into_iter().for_each(|error| report(Event::Trouble(error)));
        let metrics = Metrics::new();
        metrics.serves(site.name());
        Ok(Self {
            current: RwLock::new(Arc::new(site)),
            releases: RwLock::new(Arc::new(releases)),
            tls: options.tls.as_ref().map(Tls::open).transpose()?,
            log: options.access_log.as_deref().map(AccessLog::open).transpose()?,
            metrics,
            patience: options.patience,
            files: Arc::new(Semaphore::new(options.max_files.min(Semaphore::MAX_PERMITS))),
            report,
        })
    }

    /// The generation of this moment.
    pub(super) fn served(&self) -> Arc<Site> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The releases of this moment.
    pub(super) fn releases(&self) -> Arc<Releases> {
        self.releases.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The site that answers a request: the release below whose path it lies, else the generation.
    pub(super) fn site(&self, path: &str) -> Arc<Site> {
        let releases = self.releases();
        let found = position_below(path, releases.sites().map(|site| site.prefix.as_str()));
        found.and_then(|position| releases.sites().nth(position)).map_or_else(|| self.served(), Arc::clone)
    }

    /// Replaces the releases.
    pub(super) fn take_releases(&self, releases: Releases) {
        let names = releases.sites().map(|site| site.name()).collect();
        *self.releases.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(releases);
        self.report(Event::Releases(names));
    }

    /// Switches to a generation.
    pub(super) fn take(&self, site: Site) {
        let folder = site.folder.clone();
        self.metrics.serves(site.name());
        self.metrics.switches.inc();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
        self.report(Event::Generation(folder));
    }

    /// Reports an event to a person.
    pub(super) fn report(&self, event: Event) {
        if matches!(event, Event::Trouble(_)) {
            self.metrics.refusals.inc();
        }
        (self.report)(event);
    }
}
