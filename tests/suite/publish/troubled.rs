//! A store in memory that counts what is asked of it, dies at a chosen moment, or lets somebody else in between.

use async_trait::async_trait;
use epr_build::base::progress::Progress;
use epr_build::carry::publish::contents::Contents;
use epr_build::carry::publish::target::Target;
use epr_build::carry::publish::{Options, publish};
use futures_util::stream::{BoxStream, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What happens at the request of this number, counted from 0.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    None,
    /// It is not done, nor anything after it.
    Before(usize),
    /// It is done, but nobody learns of it, and nothing is done after it.
    After(usize),
    /// Somebody else publishes this first.
    Rival(usize, Arc<Contents>),
}

#[derive(Debug)]
pub(super) struct Troubled {
    inner: Arc<InMemory>,
    trouble: Trouble,
    asked: Arc<AtomicUsize>,
}

impl fmt::Display for Troubled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("troubled")
    }
}

/// A target in memory.
pub(super) fn target(inner: &Arc<InMemory>) -> Target {
    let store = Arc::clone(inner) as Arc<dyn ObjectStore>;
    Target { store, folder: None, prefix: "some/prefix".to_owned(), keeps_headers: true, shown: "memory".to_owned() }
}

/// The same with trouble, and the count of requests.
pub(super) fn troubled(inner: &Arc<InMemory>, trouble: Trouble) -> (Target, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let store = Arc::new(Troubled { inner: Arc::clone(inner), trouble, asked: Arc::clone(&asked) });
    (Target { store, ..target(inner) }, asked)
}

fn dead() -> Error {
    Error::Generic { store: "troubled", source: "the machine is gone".into() }
}

/// Publishes to the end, on a thread of its own.
fn rival(target: Target, contents: Arc<Contents>) {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let options = Options { jobs: 1, dry_run: false, relist: false, prune_after: None, now: 50 };
        runtime.block_on(publish(&target, &contents, &options, &Progress::new(true))).unwrap();
    };
    std::thread::spawn(run).join().unwrap();
}

impl Troubled {
    /// Counts a request; fails if it is not to be done, says whether its answer is lost.
    async fn ask(&self) -> Result<bool> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        match &self.trouble {
            Trouble::Before(at) if number >= *at => Err(dead()),
            Trouble::After(at) if number > *at => Err(dead()),
            Trouble::After(at) => Ok(number == *at),
            Trouble::Rival(at, contents) if number == *at => {
                rival(target(&self.inner), Arc::clone(contents));
                Ok(false)
            }
            _ => Ok(false),
        }
    }
}

#[async_trait]
impl ObjectStore for Troubled {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let is_lost = self.ask().await?;
        let done = self.inner.put_opts(path, payload, options).await;
        if is_lost { Err(dead()) } else { done }
    }

    async fn put_multipart_opts(&self, path: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.ask().await?;
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.ask().await?;
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let (inner, trouble, asked) = (Arc::clone(&self.inner), self.trouble.clone(), Arc::clone(&self.asked));
        let one = move |path: Result<Path>| {
            let store = Self { inner: Arc::clone(&inner), trouble: trouble.clone(), asked: Arc::clone(&asked) };
            async move {
                let path = path?;
                let is_lost = store.ask().await?;
                let gone = futures_util::stream::iter([Ok(path)]).boxed();
                let removed = store.inner.delete_stream(gone).next().await.unwrap();
                if is_lost { Err(dead()) } else { removed }
            }
        };
        paths.then(one).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        match self.trouble {
            Trouble::Before(at) | Trouble::After(at) if number >= at => {
                futures_util::stream::iter([Err(dead())]).boxed()
            }
            _ => self.inner.list(prefix),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
