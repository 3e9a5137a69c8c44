//! Lists what is in the store, for runs that cannot rely on the state; removes folders.
//!
//! A run that was stopped left objects that are complete or absent, so a listing is enough to go on. Objects of unknown
//! origin are checked one by one: their headers and digests must be those that a publisher would have given them.

use super::contents::Contents;
use super::object::{Amount, Object, Sizes, folder_of};
use super::options::Options;
use super::state::{FolderState, State, Trust};
use super::target::{Target, plain};
use crate::base::digest::Hasher;
use crate::base::progress::Progress;
use anyhow::{Context, Result};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::{Attribute, Error, GetOptions, ObjectMeta};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Returns true if nothing lies below the prefix.
pub(super) async fn is_empty(target: &Target) -> Result<bool> {
    Ok(list(target, None)?.next().await.transpose()?.is_none())
}

/// Lists the objects of a folder, or without one all below the prefix: keys below the prefix and metadata.
fn list<'a>(target: &'a Target, folder: Option<&str>) -> Result<BoxStream<'a, Result<(String, ObjectMeta)>>> {
    let below = target.path(folder.unwrap_or_default())?;
    let below = Some(below).filter(|below| !below.as_ref().is_empty());
    let listed = target.store.list(below.as_ref());
    let found = listed.map_err(plain).map(move |found| found.with_context(|| format!("cannot list `{target}`")));
    let keyed = found.try_filter_map(move |found| async move {
        Ok(target.key(&found.location).map(str::to_owned).map(|key| (key, found)))
    });
    Ok(keyed.boxed())
}

/// The objects of wanted folders that are there as they should be, without those of folders that are whole as the state
/// says. With `relist` the state learns of every folder that is there.
pub(super) async fn present(
    target: &Target,
    contents: &Contents,
    state: &mut State,
    options: &Options,
    progress: &Progress,
) -> Result<Sizes> {
    let is_begun = |name: &str| state.folders.contains_key(name) && !state.is_whole(name);
    let doubtful: BTreeSet<String> =
        contents.folders().map(|folder| folder.name.clone()).filter(|name| options.relist || is_begun(name)).collect();
    if doubtful.is_empty() {
        return Ok(Sizes::new());
    }
    progress.begin("listing", 0);
    let mut present = Sizes::new();
    let mut found = list(target, None)?;
    while let Some((key, meta)) = found.try_next().await? {
        progress.step();
        let Some(folder) = folder_of(&key) else { continue };
        if options.relist {
            let unknown = FolderState { amount: Amount::default(), trust: Trust::Unknown, unused: None };
            let known = state.folders.entry(folder.to_owned()).or_insert(unknown);
            known.amount += Amount { objects: 1, bytes: meta.size };
        }
        if doubtful.contains(folder) {
            present.insert(key, meta.size);
        }
    }
    verify(target, contents, state, options.jobs, present, progress).await
}

/// Drops those objects of unknown origin that are not what they should be.
async fn verify(
    target: &Target,
    contents: &Contents,
    state: &State,
    jobs: usize,
    present: Sizes,
    progress: &Progress,
) -> Result<Sizes> {
    // A disk may have lost what a run had written when the power failed; a store keeps what it took.
    let is_doubted =
        |known: &FolderState| known.trust == Trust::Unknown || target.folder.is_some() && known.trust == Trust::Begun;
    let is_unknown = |name: &str| state.folders.get(name).is_some_and(is_doubted);
    let mut suspects: BTreeMap<String, &Object> = BTreeMap::new();
    for folder in contents.folders().filter(|folder| is_unknown(&folder.name)) {
        let keyed = folder.objects.iter().map(|object| (format!("{}/{}", folder.name, object.key), object));
        suspects.extend(keyed.filter(|(key, object)| present.get(key) == Some(&object.size)));
    }
    progress.begin("verifying", suspects.len() as u64);
    let present = Mutex::new(present);
    let looked = stream::iter(suspects).map(|(key, object)| {
        let present = &present;
        async move {
            let is_good = is_as_it_should_be(target, &key, object).await?;
            progress.step();
            if !is_good {
                present.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
            }
            Ok::<_, anyhow::Error>(())
        }
    });
    looked.buffer_unordered(jobs).try_collect::<Vec<()>>().await?;
    Ok(present.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Returns true if an object has the headers and the digest that a publisher would give it; a file without headers is read.
async fn is_as_it_should_be(target: &Target, key: &str, object: &Object) -> Result<bool> {
    let failed = || format!("cannot read {key} of `{target}`");
    let options = GetOptions { head: target.keeps_headers, ..GetOptions::default() };
    let found = match target.store.get_opts(&target.path(key)?, options).await {
        Err(Error::NotFound { .. }) => return Ok(false),
        found => found.map_err(plain).with_context(failed)?,
    };
    if !target.keeps_headers {
        let mut hasher = Hasher::default();
        let mut content = found.into_stream();
        while let Some(bytes) = content.try_next().await.map_err(plain).with_context(failed)? {
            hasher.update(&bytes);
        }
        return Ok(hasher.finish() == object.sha256);
    }
    let wanted = target.attributes(&object.headers, Some(&object.sha256.to_string()));
    let kinds = [
        Attribute::ContentType,
        Attribute::ContentEncoding,
        Attribute::CacheControl,
        Attribute::Metadata("sha256".into()),
    ];
    Ok(kinds.iter().all(|kind| found.attributes.get(kind) == wanted.get(kind)))
}

/// Removes a folder, whatever lies in it.
pub(super) async fn remove(target: &Target, folder: &str) -> Result<Amount> {
    let found: Vec<_> = list(target, Some(folder))?.try_collect().await?;
    let amount = found.iter().map(|(_, meta)| Amount { objects: 1, bytes: meta.size }).sum();
    let paths = stream::iter(found.into_iter().map(|(_, meta)| Ok(meta.location))).boxed();
    let mut removed = target.store.delete_stream(paths);
    while let Some(removed) = removed.next().await {
        match removed {
            Ok(_) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(plain(error)).with_context(|| format!("cannot remove {folder} of `{target}`")),
        }
    }
    Ok(amount)
}
