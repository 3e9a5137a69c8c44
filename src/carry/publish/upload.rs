//! Sending objects, several at a time: small ones in one piece, large ones in parts.
//!
//! What is sent is hashed on its way: a file that is not what the manifest says stops the run before anything leads to it.

use super::object::{Object, Source};
use super::plan::{Upload, Work};
use super::target::{Target, plain};
use crate::base::digest::{Digest, Hasher};
use crate::base::progress::Progress;
use crate::generation::distribution::REMEDY;
use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{Attributes, MultipartUpload, PutMultipartOptions, PutOptions};
use tokio::io::AsyncReadExt;

/// Larger files are sent in parts of this size: what one request holds in memory at most.
const PART: usize = 8 * 1024 * 1024;

/// Sends everything, one phase after the other.
pub(super) async fn all(target: &Target, work: &Work<'_>, jobs: usize, progress: &Progress) -> Result<()> {
    progress.begin("uploading", work.uploaded().objects);
    for phase in &work.phases {
        let sent = stream::iter(phase).map(|upload| async move {
            send(target, upload).await?;
            progress.step();
            Ok::<_, anyhow::Error>(())
        });
        sent.buffer_unordered(jobs).try_collect::<Vec<()>>().await?;
    }
    Ok(())
}

async fn send(target: &Target, upload: &Upload<'_>) -> Result<()> {
    let (key, object) = (upload.key(), upload.object);
    let path = target.path(&key)?;
    let attributes = target.attributes(&object.headers, Some(&object.sha256.to_string()));
    let failed = || format!("cannot send {key} to `{target}`");
    let bytes = match &object.source {
        Source::File(file) if object.size > PART as u64 => {
            return send_parts(target, &path, object, file, attributes).await.with_context(failed);
        }
        Source::File(file) => tokio::fs::read(file).await.with_context(|| format!("cannot read {}", file.display()))?,
        Source::Bytes(bytes) => bytes.clone(),
    };
    same(object, Digest::of(&bytes))?;
    let options = PutOptions { attributes, ..PutOptions::default() };
    target.store.put_opts(&path, bytes.into(), options).await.map_err(plain).with_context(failed)?;
    Ok(())
}

/// Sends a large file; it appears in the store when its last part is there, or not at all.
async fn send_parts(
    target: &Target,
    path: &Path,
    object: &Object,
    file: &std::path::Path,
    attributes: Attributes,
) -> Result<()> {
    let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
    let mut parts = target.store.put_multipart_opts(path, options).await.map_err(plain)?;
    let sent = send_file(object, file, &mut *parts).await;
    if sent.is_err() {
        // The store may be what failed; then its own rules for forgotten parts have to do.
        let _ = parts.abort().await;
    }
    sent
}

async fn send_file(object: &Object, file: &std::path::Path, parts: &mut dyn MultipartUpload) -> Result<()> {
    let unreadable = || format!("cannot read {}", file.display());
    let mut content = tokio::fs::File::open(file).await.with_context(unreadable)?;
    let mut hasher = Hasher::default();
    loop {
        let mut part = Vec::with_capacity(PART);
        (&mut content).take(PART as u64).read_to_end(&mut part).await.with_context(unreadable)?;
        if part.is_empty() {
            break;
        }
        hasher.update(&part);
        parts.put_part(part.into()).await.map_err(plain)?;
    }
    same(object, hasher.finish())?;
    parts.complete().await.map_err(plain)?;
    Ok(())
}

/// Checks that the bytes that were read are those that the manifest lists.
fn same(object: &Object, found: Digest) -> Result<()> {
    if found != object.sha256 {
        bail!(
            "{} is not what the manifest of its generation lists\nhint: something wrote to the output folder; {REMEDY}",
            object.key
        );
    }
    Ok(())
}
