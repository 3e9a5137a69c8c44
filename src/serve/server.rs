//! State that all connections share.

use super::access_log::AccessLog;
use super::kept::Kept;
use super::metrics::Metrics;
use super::options::{Event, EventSink, Patience, ServeOptions};
use super::releases::Releases;
use super::respond::Shares;
use super::site::Site;
use super::tls::Tls;
use crate::answers::route::request::{endpoint_below, position_below};
use crate::generation::uses::is_id;
use anyhow::Result;
use hyper::Request;
use std::cmp::Reverse;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// The header by which a host before this server says from which generation it answers.
const GENERATION: &str = "x-epr-generation";
/// Earlier generations that are open at once.
const EARLIER: usize = 4;
/// How long an earlier generation stays open after the last question to it.
const EARLIER_STAYS: Duration = Duration::from_secs(60);

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
    pub(super) shares: Shares,
    /// What all sites keep in memory.
    pub(super) kept: Arc<Kept>,
    /// Generations that are no longer current and that a host before this server still answers from.
    earlier: Mutex<Vec<(Instant, Arc<Site>)>>,
    /// Held while one of them is opened.
    opening: tokio::sync::Mutex<()>,
    options: ServeOptions,
    report: EventSink,
}

impl Server {
    /// Opens everything that is served from or written to.
    pub(super) fn open(options: &ServeOptions, report: EventSink) -> Result<Self> {
        let kept = Kept::new(options.kept_bytes);
        let site = Site::open(options, &kept)?;
        let (releases, failed) = Releases::default().look(options, &kept).unwrap_or_default();
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
            shares: Shares {
                files: Arc::new(Semaphore::new(options.max_files.min(Semaphore::MAX_PERMITS))),
                computing: Arc::new(Semaphore::new(available_parallelism().map_or(1, NonZero::get))),
                blocks: Arc::default(),
            },
            kept,
            earlier: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            options: options.clone(),
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

    /// The site that answers a request: the release below whose path it lies, else the generation. `None` if a host before
    /// this server names a generation that is not here.
    pub(super) async fn site<B>(self: &Arc<Self>, request: &Request<B>) -> Option<Arc<Site>> {
        let site = self.site_of(request.uri().path());
        let is_question = || endpoint_below(&site.prefix, request.uri().path()).is_some();
        // Hosts hand over questions alone. Anybody may send the header, so it counts for nothing else.
        let Some(wanted) = request.headers().get(GENERATION).filter(|_| is_question()) else { return Some(site) };
        let wanted = wanted.to_str().ok().filter(|wanted| is_id(wanted))?;
        if site.generation == wanted {
            return Some(site);
        }
        if let Some(site) = self.earlier(wanted) {
            return Some(site);
        }
        // One at a time: after a switch all requests of a host ask for the same one at once, and tables are large.
        let _turn = self.opening.lock().await;
        if let Some(site) = self.earlier(wanted) {
            return Some(site);
        }
        let (server, wanted) = (self.clone(), wanted.to_owned());
        tokio::task::spawn_blocking(move || server.open_earlier(&site, &wanted)).await.ok()?
    }

    fn site_of(&self, path: &str) -> Arc<Site> {
        let releases = self.releases();
        if releases.is_empty() {
            return self.served();
        }
        let found = position_below(path, releases.sites().map(|site| site.prefix.as_str()));
        found.and_then(|position| releases.sites().nth(position)).map_or_else(|| self.served(), Arc::clone)
    }

    /// An earlier generation that is open already.
    fn earlier(&self, wanted: &str) -> Option<Arc<Site>> {
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked, site) = earlier.iter_mut().find(|(_, site)| site.generation == wanted)?;
        *asked = Instant::now();
        Some(site.clone())
    }

    /// Opens an earlier generation beside the one that is served. A release has none: it never changes.
    fn open_earlier(&self, served: &Site, wanted: &str) -> Option<Arc<Site>> {
        let beside = served.folder.parent().filter(|_| served.name() == served.generation)?;
        let site = Arc::new(Site::open_earlier(beside.join(wanted), &self.options, &self.kept).ok()?);
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        earlier.sort_by_key(|(asked, _)| Reverse(*asked));
        earlier.truncate(EARLIER - 1);
        earlier.push((Instant::now(), site.clone()));
        Some(site)
    }

    /// Closes earlier generations that no host asks for any more, or that were removed.
    pub(super) fn close_earlier(&self) {
        let mut earlier = self.earlier.lock().unwrap_or_else(PoisonError::into_inner);
        earlier.retain(|(asked, site)| asked.elapsed() < EARLIER_STAYS && site.folder.is_dir());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::route::model::{Node, Routes, Start};
    use crate::base::fs;

    // After a switch all requests of a host name the generation before at once, and its tables are large.
    #[test]
    fn an_earlier_generation_is_opened_once_however_many_ask() {
        let (current, earlier) = ("0123456789abcdef", "fedcba9876543210");
        let folder = tempfile::tempdir().unwrap();
        let start =
            |number: u32| (format!("latest/package/p{number}"), Start { node: Node::Empty, kibana: 0, spec: 0 });
        let tables = Routes { subjects: (0..20_000).map(start).collect(), ..Routes::default() };
        let tables = serde_json::to_vec(&tables).unwrap();
        for generation in [current, earlier] {
            fs::make_folders(&folder.path().join(generation)).unwrap();
            fs::write_file(&folder.path().join(generation).join("routes.json"), &tables).unwrap();
        }
        let options = ServeOptions::new(folder.path().join(current));
        let server = Arc::new(Server::open(&options, Arc::new(|_| {})).unwrap());
        let ask = |wanted: &'static str| {
            let server = server.clone();
            async move { server.site(&Request::get("/search?a=b").header(GENERATION, wanted).body(()).unwrap()).await }
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
        let sites: Vec<_> = runtime.block_on(async {
            let asking: Vec<_> = (0..40).map(|_| tokio::spawn(ask(earlier))).collect();
            futures_util::future::join_all(asking).await.into_iter().map(|site| site.unwrap().unwrap()).collect()
        });
        assert!(sites.iter().all(|site| Arc::ptr_eq(site, &sites[0]) && site.generation == earlier && site.is_earlier));
        assert!(runtime.block_on(ask("00000000000000ff")).is_none());

        // It is kept while it is there, and by nobody from being removed.
        server.close_earlier();
        assert!(server.earlier(earlier).is_some());
        assert!(fs::Hold::alone(&folder.path().join(earlier)).is_some());
        assert!(fs::Hold::alone(&folder.path().join(current)).is_none());
        fs::remove_folder(&folder.path().join(earlier)).unwrap();
        server.close_earlier();
        assert!(runtime.block_on(ask(earlier)).is_none());
    }
}
